"""The sign of an offset, and its estimate."""

import numpy as np
import pytest

from spectral_transcoder.sensors.calibration import estimate_offset, refuse_wrong_offset
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import LevelBlock
from spectral_transcoder.sensors.windows import Windowing, window_batches
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import LevelsError, UsageError

ALL = np.ones(29, bool)


def tone(levels_db):
    """A block whose overall levels are those given: all in one band."""
    bands = np.full((len(levels_db), 29), -100.0, np.float32)
    bands[:, 17] = levels_db
    return LevelBlock("s", "f", 0.125 * np.arange(len(levels_db)), bands, ALL)


def test_an_offset_is_added_to_reach_dbfs():
    np.testing.assert_allclose(Windowing(offset_db=-88).to_dbfs(tone([65.0]))[0, 17], -23)


def test_the_estimate_brings_the_percentile_to_its_level():
    levels = np.random.default_rng(0).permutation(np.linspace(40, 90, 10000))
    estimate = estimate_offset([tone(levels[:3000]), tone(levels[3000:])])
    assert estimate.level_db == pytest.approx(89.5, abs=0.02)
    assert estimate.offset_db == pytest.approx(-6 - 89.5, abs=0.02)
    # full scale of a sine is 3.01 dB below 0: above 89.5 + 2.99 dB, beyond the loudest
    assert estimate.clipped_share == 0


@pytest.mark.shared
def test_the_estimate_finds_the_offset_of_peak_normalised_recordings(shared):
    """Their levels re full scale, as a sensor whose offset is -88 dB would store them."""
    blocks = []
    for path in sorted((shared / "audio/tau2020").rglob("*.wav")):
        third_octaves = ThirdOctaves()
        levels_dbfs = third_octaves.levels(read_audio(path).at(32000)) - third_octaves.offset_db
        blocks.append(LevelBlock("s", path.name, np.arange(len(levels_dbfs)) / 8, levels_dbfs + 88, ALL))
    assert len(blocks) == 6
    assert estimate_offset(blocks).offset_db == pytest.approx(-88, abs=0.5)


def test_the_share_that_would_clip():
    levels = np.concatenate([np.full(995, 60.0), np.full(5, 80.0)])
    assert estimate_offset([tone(levels)]).clipped_share == pytest.approx(0.005)


def test_nothing_to_estimate_from():
    with pytest.raises(LevelsError, match="no frame"):
        estimate_offset([tone([np.nan, 250.0])])


def test_levels_in_spl_taken_for_dbfs_are_refused():
    findings = Findings()
    list(window_batches([tone(np.linspace(50, 60, 16))], Windowing(offset_db=0), findings))
    with pytest.raises(UsageError, match=r"100 % of the frames are louder .* --offset -88"):
        refuse_wrong_offset(findings, 0.0)
