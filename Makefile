# make demo   install, then run the whole study on a city that the project makes itself (offline)
# make test   install, then run the tests (PYTEST_ARGS="-m slow" chooses others)
# make lint   install, then check style, types, and that packages import downwards
# make types  install, then check types alone: of the library, of the scripts, of the benchmarks
# make lowest the same tests with the lowest versions that requirements.txt allows, in .venv-lowest
# make mutants  small faults made by cosmic-ray: how many the tests notice (an hour on two cores)
# make bench  install, then measure speeds as ratios, and quote them in docs/benchmarks.md

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
# two processes, each of whole files, whose fixtures are costly
PYTEST_ARGS ?= -m "not slow" -n 2 --dist loadfile
INSTALLED := $(VENV)/.installed

.PHONY: demo test lowest mutants lint bench install types

install: $(INSTALLED)

$(INSTALLED): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

# The README's own commands, on a small city under the embedded classifier, in a data folder of its own.
DEMO := --data_path spectral_transcoder_data/demo
TRAIN := $(PY) exp_train_model/main_doce_training.py $(DEMO) -p
SCORE := $(PY) exp_classif_eval/main_doce_score.py $(DEMO) -p
CITY := dataset=city+classifier=MiniYamNet
NETWORK := kernel_size=5+nb_layers=5+dilation=1+nb_channels=16+epoch=10+learning_rate=-3
MLP := mlp/$(CITY)+epoch=10+learning_rate=-3+hidden1=100+hidden2=1000+transcoder=mlp
CNN := cnn/$(CITY)+$(NETWORK)+recipe=steady
HYBRID := hybridts/$(CITY)+$(NETWORK)+prop_logit=100
HYBRID := $(HYBRID)+transcoder=cnn_pinv,$(HYBRID)+transcoder=cnn_texture+recipe=steady
ADAPTED := adapt/$(CITY)+epoch=10+learning_rate=-3
STUDENT := student/$(CITY)+epoch=10+learning_rate=-3+nb_channels=16
STUDY := reference/$(CITY)+transcoder=oracle+pinv+pinv_texture,$(MLP),$(CNN),$(HYBRID),$(ADAPTED),$(STUDENT)

demo: $(INSTALLED)
	$(PY) make_city.py TAU --clips 160 --output city
	$(PY) make_city.py URBAN-SOUND-8K --clips 60 --output city
	$(PY) exp_train_model/create_mel_tho_dataset.py $(DEMO) --dataset_name city \
	    --audio_dataset_path city/TAU-urban-acoustic-scenes-2020-mobile-development
	$(TRAIN) -s "$(STUDY)" -c
	$(TRAIN) -s "$(STUDY)" -d -e demo_training.png
	$(PY) exp_train_model/plot_training_curve.py $(DEMO) -s "$(CNN),$(HYBRID)"
	$(PY) exp_classif_eval/create_logit_dataset.py $(DEMO) --audio_dataset_name URBAN-SOUND-8K \
	    --audio_dataset_path city/URBAN-SOUND-8K --classifier MiniYamNet --transcoder self,pinv,pinv_texture,cnn_texture
	$(SCORE) -s "reference/dataset=URBAN-SOUND-8K+classifier=MiniYamNet+transcoder=self+pinv+pinv_texture+cnn_texture" \
	    -c -d -e demo_classification.png
	$(PY) make_demo_sound.py demo_street.wav
	$(PY) generate_audio.py demo_street.wav
	$(PY) plot_spectro_dcase2023.py --audio audio/demo_street.wav --classifier MiniYamNet
	$(PY) plot_band_centres.py --audio audio/demo_street.wav
	$(PY) make_report.py $(DEMO)
	@echo "Open export/report/index.html: the study, its sounds and pictures."

test: $(INSTALLED)
	$(PY) -m pytest $(PYTEST_ARGS)

lowest: $(INSTALLED)
	$(VENV)/bin/uv venv --quiet --allow-existing --python $(PY) .venv-lowest
	$(VENV)/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct -r requirements.txt
	.venv-lowest/bin/python -m pytest $(PYTEST_ARGS)

mutants: $(INSTALLED)
	$(PY) benchmarks/mutants.py

lint: types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/lint-imports

types: $(INSTALLED)
	$(PY) -m mypy --config-file pyproject.toml
	$(PY) -m mypy --config-file pyproject.toml *.py exp_*/*.py exp_train_model/launch_experiment/*.py benchmarks/*.py

bench: $(INSTALLED)
	$(PY) benchmarks/signal_path.py
	$(PY) benchmarks/dataset_creation.py
	$(PY) benchmarks/training.py
	$(PY) benchmarks/logits.py
	$(PY) benchmarks/sensor_speed.py
	$(PY) benchmarks/record.py
