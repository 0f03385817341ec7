"""The sign of an offset, and its estimate."""

import numpy as np
import pytest
import soundfile

from spectral_transcoder.models.classifiers import classifier_record
from spectral_transcoder.sensors.calibration import (
    compare_offsets,
    estimate_offset,
    offset_of_calibrator,
    offset_of_recording,
    refuse_wrong_offset,
)
from spectral_transcoder.sensors.classify import SensorClassifier
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import THIRD_OCTAVES, LevelBlock
from spectral_transcoder.sensors.reading import read_levels
from spectral_transcoder.sensors.windows import Windowing, window_batches
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.training.distillation import cross_entropy
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


def calibrated(tone_db, before=40, tone_rows=40, noise_db=45.0):
    """Street noise, then a calibrator's tone of 1 kHz that the sensor reads as `tone_db`."""
    rng = np.random.default_rng(0)
    levels = rng.normal(noise_db, 3, (before + tone_rows, 29)).astype(np.float32)
    levels[before:, 17] = tone_db + rng.normal(0, 0.02, tone_rows)
    levels[before:, [16, 18]] = tone_db - 15
    return LevelBlock("s", "f", 0.125 * np.arange(len(levels)), levels, ALL)


@pytest.mark.parametrize(("tone_db", "calibrator_db"), [(94.0, 94), (91.3, 94), (112.5, 114), (-31.0, 94)])
def test_a_calibrators_tone_says_what_the_sensor_reads(tone_db, calibrator_db):
    block = calibrated(tone_db, noise_db=tone_db - 40)
    offset = offset_of_calibrator([block.select(slice(0, 50)), block.select(slice(50, None))], calibrator_db)
    # true levels are read levels + (calibrator - tone); networks bring true levels to full scale by -88
    assert offset.offset_db == pytest.approx(-88 + calibrator_db - tone_db, abs=0.02)
    assert f"by 5 s of 1 kHz at {tone_db:.1f}"[:20] in offset.explanation[:20]


@pytest.mark.parametrize("rows", [0, 10])
def test_no_tone_or_too_short_a_one(rows):
    with pytest.raises(LevelsError, match="no tone of a calibrator"):
        offset_of_calibrator([calibrated(94, tone_rows=rows)], 94)


@pytest.mark.parametrize(("lead_s", "peak"), [(0, 1.0), (7, 0.1)])
def test_a_recording_beside_the_levels_gives_the_offset(tmp_path, lead_s, peak):
    """The sensor reads 95.5 dB more than the recording's dBFS, and began some seconds before it."""
    rng = np.random.default_rng(1)
    loudness = np.repeat(10 ** (rng.uniform(-1.5, 0, 30) / 1), 32000)
    sound = rng.normal(0, 1, 30 * 32000) * loudness
    sound *= peak / np.abs(sound).max()
    recording = sound[lead_s * 32000 :]
    soundfile.write(tmp_path / "a.wav", recording, 32000, "FLOAT")
    levels = (THIRD_OCTAVES.levels(sound) - 26 + 95.5).astype(np.float32)
    block = LevelBlock("s", "f", 0.125 * np.arange(len(levels)), levels, ALL)
    offset = offset_of_recording([block], tmp_path / "a.wav")
    assert offset.offset_db == pytest.approx(-95.5 - 20 * np.log10(np.abs(recording).max()), abs=0.2)
    full_scale_db = float(offset.explanation.partition("full scale is ")[2].split(" ")[0])
    assert full_scale_db == pytest.approx(95.5, abs=0.2)


@pytest.mark.shared
@pytest.mark.parametrize("classifier", ["YamNetMobile", "EfficientAT-mn04"])
def test_by_the_recording_levels_are_scored_nearer_to_its_true_mels(shared, classifier):
    """By the chosen offset the mean binary cross-entropy is less than by the recording's own full scale."""
    log, path = (
        shared / "sensors" / name for name in ("nti_xl2_RTA_3rd_Log.txt", "nti_xl2_audio_FS128.1dB.wav")
    )
    weights = shared / "pretrained" / classifier_record(classifier).weights
    model = SensorClassifier.load(classifier, weights=weights, frame_s=1.0)
    front_end, blocks = model.teacher.record.front_end, list(read_levels(log))
    true_mels = front_end.chunks(read_audio(path).at(front_end.sr)[: 10 * front_end.sr])
    true_scores = model.teacher.scores(true_mels)
    errors = []
    for offset_db in (offset_of_recording(blocks, path).offset_db, -128.1):
        (windows,) = model.classify(blocks, offset_db)
        errors.append(cross_entropy(true_scores, windows.scores))
    assert len(windows) == len(true_scores) == 10
    assert errors[0] < 0.95 * errors[1]


def test_a_recording_of_something_else_is_refused(tmp_path):
    rng = np.random.default_rng(1)
    soundfile.write(
        tmp_path / "a.wav", rng.normal(0, 0.1, 320000) * np.repeat(10 ** rng.uniform(-2, 0, 10), 32000), 32000
    )
    block = LevelBlock("s", "f", 0.125 * np.arange(80), rng.uniform(20, 90, (80, 29)).astype(np.float32), ALL)
    with pytest.raises(LevelsError, match="do not follow each other"):
        offset_of_recording([block], tmp_path / "a.wav")


@pytest.mark.shared
def test_ntis_pair_of_log_and_recording(shared):
    """The header of the recording says: 0 dBFS = 128.1 dB SPL; its peak is at -31 dBFS."""
    folder = shared / "sensors"
    log = folder / "nti_xl2_RTA_3rd_Log.txt"
    by_sound = offset_of_recording(read_levels(log), folder / "nti_xl2_audio_FS128.1dB.wav")
    by_tone = offset_of_calibrator(read_levels(log), 94)
    peak_db = 20 * np.log10(np.abs(read_audio(folder / "nti_xl2_audio_FS128.1dB.wav").samples).max())
    assert by_sound.offset_db == pytest.approx(-128.1 - peak_db, abs=0.5)
    assert "own full scale is 128.1 dB" in by_sound.explanation
    assert by_tone.offset_db == pytest.approx(-88, abs=0.1)
    used, other = compare_offsets([by_sound, by_tone])
    apart_db = by_tone.offset_db - by_sound.offset_db
    assert used.startswith("offset by --reference: -97") and f"{apart_db:+.2f} dB from the one used" in other
