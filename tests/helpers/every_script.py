"""Every script's command on small made inputs, for tests of what all of them have in common."""

import contextlib
import io
import runpy
import sys

import numpy as np

from spectral_transcoder.datasets.names import SPLITS
from tests.conftest import ROOT
from tests.helpers import archives
from tests.helpers.loopback import models_manifest
from tests.helpers.made_corpora import write_clip, write_urbansound8k
from tests.helpers.made_levels import epochs_s, street_levels, write_csv
from tests.helpers.made_models import write_random_classifier

MINI = "classifier=MiniYamNet+transcoder=pinv"
SCORES = f"reference/dataset=URBAN-SOUND-8K+{MINI}"
LOSSES = (
    "cnn/dataset=made+classifier=MiniYamNet+epoch=2+learning_rate=-3+kernel_size=3+nb_layers=3+dilation=1"
)
LOSSES += "+nb_channels=16"
FOLDS = {f"{10 + index}-{index}-0-0.wav": (1 + index, 1.0, 16000, 1) for index in range(10)}
EXPORT = "{out}/export"  # where scripts without --output write, once `redirect` was called
# by script: its words, of which {world} is the folder of `make_world` and {out} the folder that it writes to
COMMANDS = {
    "calibrate_presence.py": "{world}/sounds --classifier MiniYamNet --transcoder pinv --output {out}",
    "classify_thirdo.py": "{world}/day.csv --offset=-88 --classifier MiniYamNet --transcoder pinv -o {out}/day.csv",
    "distill_classifier.py": "{world}/sounds --weights {world}/models/yamnet_mobile_relu6.pth --seconds 16 --epochs 1 "
    "--output {out}/mini.pth --force",
    "download_datasets.py": "--mirror {world}/mirror --manifest {world}/manifest.yaml --output {out}",
    "download_pretrained_models.py": "--mirror {world}/models_mirror --manifest {world}/models.yaml --output {out}",
    "exp_classif_eval/create_logit_dataset.py": "--audio_dataset_name URBAN-SOUND-8K --audio_dataset_path {world} "
    "--classifier MiniYamNet --transcoder pinv --jobs 1 --device cpu --output_path {out}",
    "exp_classif_eval/lay_out_urbansound8k.py": "{world}/folds {out}/URBAN-SOUND-8K",
    "exp_classif_eval/main_doce_score.py": f"-s {SCORES} -c -p --dataset_path {{world}}/data --data_path {{out}}",
    "exp_classif_eval/plot_classes.py": f"-s {SCORES} --data_path {{world}} --output {{out}}",
    "exp_classif_eval/presence_table.py": "--dataset URBAN-SOUND-8K --data_path {world} --output {out}",
    "exp_presence/main_doce_presence.py": f"--recordings {{world}}/streets -s sound/{MINI} -c -p --data_path {{out}}",
    "exp_presence/plot_agreement.py": f"--recordings {{world}}/streets -s sound/{MINI} --data_path {{world}} "
    "--output {out}",
    "exp_train_model/compare_teachers.py": "--dataset made --classifier MiniYamNet --data_path {world}",
    "exp_train_model/create_mel_tho_dataset.py": "--layout folder --audio_dataset_path {world}/sounds "
    "--dataset_name made --jobs 1 --output_path {out}",
    "exp_train_model/export_experiment_results.py": "--dataset made --classifier MiniYamNet --data_path {world}",
    "exp_train_model/launch_experiment/slurms_create.py": "-s reference/dataset=full",
    "exp_train_model/main_doce_training.py": f"-s reference/dataset=made+{MINI} -c -p --dataset_path {{world}}/data "
    "--data_path {out}",
    "exp_train_model/plot_hits_by_label.py": f"-s reference/dataset=made+{MINI} --data_path {{world}}",
    "exp_train_model/plot_training_curve.py": f"-s {LOSSES} --data_path {{world}}",
    "export_onnx.py": "--classifier MiniYamNet --transcoder pinv --output {out}",
    "generate_audio.py": "{world}/sounds/0.wav --n_iter 1 --output {out}",
    "make_city.py": "TAU --clips 8 --jobs 1 --output {out}",
    "make_demo_sound.py": "{out}/a.wav --duration_s 1",
    "make_report.py": "--data_path {world} --generated_audio {world}/nothing --output {out}",
    "plot_band_centres.py": "--output {out}",
    "plot_presence.py": "{world}/results --output {out}",
    "plot_spectro_dcase2023.py": "--audio {world}/sounds/0.wav --classifier MiniYamNet --output {out}",
}
# these three write nothing of their own: replayed rows are printed; one launches main_doce_training.py, one sbatch
WITHOUT_FILES = {
    "replay_levels.py": "{world}/day.csv --speed 10000",
    "exp_train_model/launch_experiment/launch_exp_py.py": "--help",
    "exp_train_model/launch_experiment/launch_exp_slurms.py": "--help",
}


def words(script, world, out):
    """Return the arguments of a script's command."""
    command = {**COMMANDS, **WITHOUT_FILES}[script]
    return [word.format(world=world, out=out) for word in command.split()]


def redirect(monkeypatch, out):
    """Let what scripts write into the project's own folders go below `out`."""
    monkeypatch.setattr("spectral_transcoder.utils.paths.EXPORT", out / "export")
    monkeypatch.setattr("spectral_transcoder.slurm.job_files.PROJECT_ROOT", out)
    for module in ("job_files", "job_selection"):
        monkeypatch.setattr(f"spectral_transcoder.slurm.{module}.JOB_FOLDER", out / "slurms")
        monkeypatch.setattr(f"spectral_transcoder.slurm.{module}.REFERENCE_FILE", out / "reference.slurm")


def run_quietly(script, *arguments):
    """Run a script in this process, where it has to succeed."""
    before, sys.argv = sys.argv, [script, *map(str, arguments)]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            runpy.run_path(str(ROOT / script), run_name="__main__")
    except SystemExit as ended:
        assert not ended.code, printed.getvalue()
    finally:
        sys.argv = before


def make_world(world):
    """Write the inputs of all commands into a folder: sounds, levels, corpora, weights, and what runs before left."""
    for seed in range(8):
        write_clip(world / "sounds" / f"{seed}.wav", 3, seed)
    write_csv(world / "day.csv", street_levels(400), epochs_s(400))
    corpus = write_urbansound8k(world / "URBAN-SOUND-8K", FOLDS)
    for name, (fold, *_) in FOLDS.items():
        path = world / "folds" / f"fold{fold}" / name
        path.parent.mkdir(parents=True)
        path.write_bytes((corpus / "audio" / name).read_bytes())
    streets = world / "streets"
    rows = ["recording,traffic,voices,birds"]
    for index in range(4):
        write_clip(streets / f"{index}.wav", 2, index)
        rows.append(f"{index}.wav,{0.2 * index:.1f},{0.9 - 0.2 * index:.1f},{(index % 2) / 2}")
    (streets / "time_of_presence.csv").write_text("\n".join(rows) + "\n")
    (world / "models").mkdir()
    write_random_classifier(world / "models", "YamNetMobile")
    archives.build(world)
    (world / "models_mirror/pretrained_models").mkdir(parents=True)
    content = {"model.bin": b"0" * 40_000}
    models_manifest(world / "models.yaml", "http://127.0.0.1:9", content)
    (world / "models_mirror/pretrained_models/model.bin").write_bytes(content["model.bin"])
    compute_before(world)
    return world


def compute_before(world):
    """Run what other scripts read the results of, in the order of the README."""
    for script, out in (
        ("exp_train_model/create_mel_tho_dataset.py", world / "data"),
        ("exp_classif_eval/create_logit_dataset.py", world / "data"),
        ("exp_train_model/main_doce_training.py", world),
        ("exp_classif_eval/main_doce_score.py", world),
        ("exp_presence/main_doce_presence.py", world),
        ("classify_thirdo.py", world / "results"),
    ):
        run_quietly(script, *words(script, world, out))
    identifier = "+".join(
        sorted([*LOSSES.partition("/")[2].split("+"), "step=train", "transcoder=cnn_pinv", "ts=0"])
    )
    folder = world / "training_experiments/train_exp/loss"
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        np.save(folder / f"{identifier}_losses_{split}.npy", np.array([0.5, 0.25]))
