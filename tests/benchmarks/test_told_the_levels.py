"""Heads that are told the levels: what they are told, what a gate learns of it, and the whole table on noises."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_transcoder.datasets.audio_folder import folder_corpus
from spectral_transcoder.datasets.chunks import ChunkAnalysis
from spectral_transcoder.datasets.creation.run import create_dataset
from spectral_transcoder.datasets.names import SPLITS
from tests.helpers.made_corpora import write_clip, write_noises

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "told_the_levels.py"
ALL_HZ, MIDDLE_HZ = (0.0, np.inf), (120.0, 6500.0)


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT), run_name="benchmark")


def test_what_levels_are_like_does_not_say_how_loud_they_are(script):
    generator = torch.Generator().manual_seed(0)
    levels_db = -40 + 5 * torch.randn(6, 8, 29, generator=generator)
    told = script["level_summary"](levels_db, ALL_HZ)
    torch.testing.assert_close(script["level_summary"](levels_db + 12, ALL_HZ), told, atol=1e-3, rtol=0)
    shares_db, deviations_db = told.split(29, dim=1)
    torch.testing.assert_close((10 ** (shares_db / 10)).sum(1), torch.ones(6))
    np.testing.assert_allclose(deviations_db, levels_db.numpy().std(1, ddof=1), rtol=1e-4)


def test_bands_outside_the_limits_are_not_told(script):
    """From 125 Hz to 6.3 kHz there are 18 third octaves."""
    levels_db = torch.zeros(2, 8, 29)
    levels_db[1, :, [0, 28]] = 30.0
    told = script["level_summary"](levels_db, MIDDLE_HZ)
    assert told.shape == (2, 36)
    assert torch.equal(told[0], told[1])
    assert not torch.equal(*script["level_summary"](levels_db, ALL_HZ))


def test_a_gate_learns_which_kind_is_steady(script):
    """Its threshold gives the head for events more than half of 98 % of the events' validation windows."""
    generator = torch.Generator().manual_seed(0)

    def kind(deviation_db):
        levels_db = -40 + deviation_db * torch.randn(200, 8, 29, generator=generator)
        return script["Sounds"](levels_db, torch.zeros(1, 200, 3), torch.zeros(200, 2))

    street, events = ({split: kind(deviation_db) for split in SPLITS} for deviation_db in (1.0, 8.0))
    gate, threshold = script["trained_gate"](street, events, ALL_HZ, 0)
    gated = script["Gated"](torch.nn.Identity(), torch.nn.Identity(), gate, threshold, ALL_HZ)
    with torch.no_grad():
        assert gated.weight(street["eval"].levels_db).max() < 0.2
        assert (gated.weight(events["valid"].levels_db) > 0.5).float().mean() == pytest.approx(
            0.98, abs=0.006
        )


@pytest.mark.slow
def test_the_table_of_noises(tmp_path, call_script, monkeypatch):
    for seed, name in enumerate(("street", "events")):
        sounds = write_noises(tmp_path / "sounds" / name, 12, 2.0)
        create_dataset(folder_corpus(sounds, name), tmp_path, ChunkAnalysis(front_ends=("YamNet",)), 1)
        write_clip(tmp_path / "recordings" / f"{name}.wav", 2.0, seed)
    write_clip(tmp_path / "recordings" / "third.wav", 3.0, 2)
    rows = ["recording,traffic,voices,birds", "street.wav,0,1,.2", "events.wav,.5,.3,.1", "third.wav,1,0,.9"]
    (tmp_path / "recordings" / "time_of_presence.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.setattr("spectral_transcoder.utils.paths.EXPORT", tmp_path)
    status, said, complained = call_script(
        *("benchmarks/told_the_levels.py", "--dataset_path", tmp_path, "--seeds", "1", "--noises", "1"),
        *("--street", "street", "--events", "events", "--recordings", tmp_path / "recordings"),
        *(
            "--classifier",
            "MiniYamNet",
            "--street_teacher",
            "MiniYamNet",
            "--others",
            tmp_path / "sounds/events",
        ),
    )
    assert not status, complained
    table = pd.read_csv(tmp_path / "told_the_levels.csv").set_index("model")
    assert len(table) == 7 and f"written: {tmp_path / 'told_the_levels.csv'}" in said
    assert table.r.between(-1, 1).all() and table.ptopafc_percent.between(0, 100).all()
    gates = table[table.index.str.startswith("two heads")]
    assert gates[["events_recordings", "events_clips", "events_events"]].stack().between(0, 1).all()
    assert table.events_clips.notna().sum() == len(gates) == 2
