"""A fresh clone in which the pages' commands and snippets run, with a small city in place of the corpora."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from tests.helpers.made_levels import epochs_s, street_levels, write_csv
from tests.helpers.pages import ROOT

CITY = {"TAU": 20, "URBAN-SOUND-8K": 20, "SONYC-UST": 20}  # clips of each layout


class FreshClone:
    """What git has of the project, in another folder, without models or data that are downloaded."""

    def __init__(self, folder):
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for name in filter(None, listed.stdout.split("\0")):
            if not name.startswith("tests/") and (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)

    def run(self, *words, status=0):
        """Run a script as a user does, in the clone's folder, and return what it prints."""
        hidden = ("MPLBACKEND", "DISPLAY", "SPECTRAL_TRANSCODER_MIRROR")
        environment = {key: value for key, value in os.environ.items() if key not in hidden}
        environment |= {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout
        return done.stdout


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """A fresh clone with a recording, a folder of sounds, a sensor's day of ten seconds, and a city as corpora."""
    clone = FreshClone(tmp_path_factory.mktemp("fresh"))
    rng = np.random.default_rng(0)
    (clone.folder / "my_sounds").mkdir()
    for n in range(8):
        soundfile.write(clone.folder / f"my_sounds/{n}-a.wav", rng.uniform(-0.5, 0.5, 64000), 32000)
    for name in ("audio/myfile.wav", "street.wav"):
        soundfile.write(clone.folder / name, rng.uniform(-0.5, 0.5, 64000), 32000)
    (clone.folder / "sensors").mkdir()
    for name in ("day.csv", "sensors/one.csv"):
        write_csv(clone.folder / name, street_levels(80), epochs_s(80))
    (clone.folder / "mine.yaml").write_text("sirens: [Siren, Ambulance (siren)]\n", encoding="utf-8")
    for layout, n_clips in CITY.items():
        clone.run("make_city.py", layout, "--clips", n_clips, "--output", ".")
    return clone


@pytest.fixture(scope="session")
def clone_with_weights(clone, shared):
    """The same with the mobile YAMNet, as it is downloaded."""
    (clone.folder / "pretrained_models").mkdir(exist_ok=True)
    weights = clone.folder / "pretrained_models" / "yamnet_mobile_relu6.pth"
    if not weights.exists():
        weights.symlink_to(shared / "pretrained" / weights.name)
    return clone
