# make demo   install, then run the main job on a sound that the project makes itself (offline)
# make test   install, then run the tests (PYTEST_ARGS="-m slow" chooses others)
# make lint   install, then check style
# make bench  install, then print the speed ratios of the README

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
PYTEST_ARGS ?= -m "not slow"
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint bench install

install: $(INSTALLED)

$(INSTALLED): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

demo: $(INSTALLED)
	$(PY) make_demo_sound.py demo_street.wav
	$(PY) generate_audio.py demo_street.wav
	$(PY) plot_spectro_dcase2023.py --audio audio/demo_street.wav
	$(PY) plot_band_centres.py --audio audio/demo_street.wav

test: $(INSTALLED)
	$(PY) -m pytest $(PYTEST_ARGS)

lint: $(INSTALLED)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

bench: $(INSTALLED)
	$(PY) benchmarks/signal_path.py
	$(PY) benchmarks/dataset_creation.py
