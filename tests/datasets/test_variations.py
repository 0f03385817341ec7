"""What is made of recordings, against closed forms: cuts, energies, gains, levels, and who is mixed with whom."""

import numpy as np
import pytest

from spectral_transcoder.datasets.chunks import THIRD_OCTAVES, ChunkAnalysis
from spectral_transcoder.datasets.variations import (
    MadeSound,
    Source,
    Variations,
    excerpt,
    make_sound,
    mix,
    mixtures_of,
    plan_sounds,
    shifts_of,
)
from spectral_transcoder.signal.audio import Recording
from spectral_transcoder.signal.equalisation import KNOTS_HZ
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils.errors import AudioError, UsageError

SR = 32000


def sine(frequency_hz, duration_s=2, sr=SR, amplitude=0.3):
    """A recording of a sine that is at its peak where a sample is."""
    samples = amplitude * np.cos(2 * np.pi * frequency_hz * np.arange(round(duration_s * sr)) / sr)
    return Recording(samples.astype(np.float32), sr, f"{frequency_hz} Hz")


def noise(seed, duration_s, sr=SR):
    """A recording of noise."""
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(duration_s * sr))
    return Recording(samples.astype(np.float32), sr, f"noise {seed}")


@pytest.fixture
def collection(tmp_path):
    """Twelve recordings of 1.2 to 12 s, two of each group, and a function that reads them."""
    recordings, sources = {}, []
    for index in range(12):
        recordings[tmp_path / f"{index}.wav"] = recording = noise(index, 1.2 + index)
        source = Source(tmp_path, f"{index}.wav", f"group {index // 2}", len(recording.samples), SR)
        sources.append(source)
    return sources, recordings.__getitem__


def level_db(recording, band):
    """The mean level of a third octave."""
    record = ThirdOctaves()
    return record.levels(recording.at(SR)).mean(axis=0)[band]


@pytest.mark.parametrize(
    ("shifts", "delays_ms"), [(0, []), (1, [500]), (2, [333, 667]), (3, [250, 500, 750])]
)
def test_shifts_divide_the_second(shifts, delays_ms):
    assert Variations(shifts=shifts).delays_ms == delays_ms
    assert Variations(shifts=shifts, equalised=True).delays_ms == [0, *delays_ms]


def test_a_shift_of_half_a_second_is_the_sound_cut_there(collection):
    sources, read = collection
    made = list(shifts_of(sources[3], Variations(shifts=1)))
    assert [(sound.name, sound.n_seconds) for sound in made] == [("3.wav+500ms", 3)]  # of 4.2 s
    found = ChunkAnalysis().arrays(make_sound(made[0], read), 0, 3)
    samples = read(sources[3].folder / sources[3].file).samples
    expected = ChunkAnalysis().arrays(Recording(samples[SR // 2 : SR // 2 + 3 * SR], SR), 0, 3)
    for array, values in expected.items():
        np.testing.assert_array_equal(found[array], values)


def test_a_shift_that_leaves_no_second_is_not_made(collection):
    assert list(shifts_of(collection[0][0], Variations(shifts=1))) == []  # of 1.2 s


@pytest.mark.parametrize("gain_db", [-10.0, 0.0, 6.0])
def test_the_energy_of_a_mixture_is_that_of_both(gain_db):
    """Sines of other frequencies are orthogonal over whole periods; both have their peak at 1."""
    mixture = mix(sine(200), sine(1000, amplitude=0.9), gain_db)
    np.testing.assert_allclose(np.mean(mixture.samples**2), (1 + 10 ** (gain_db / 10)) / 2, rtol=1e-4)


def test_the_gain_of_a_mixture_is_that_between_its_bands():
    mixture = mix(sine(1000, sr=SR), sine(4000, sr=16000), -7.5)
    assert mixture.sr == SR
    # resampling overshoots by 2 % where a sine begins, and that is its peak
    np.testing.assert_allclose(level_db(mixture, 23) - level_db(mixture, 17), -7.5, atol=0.25)


def test_a_level_is_that_many_db_less_in_every_band():
    recording = noise(0, 2)
    turned_down = Recording(recording.samples, SR, peak=10 ** (-12.5 / 20))
    levels_db = [sound.at(SR) for sound in (recording, turned_down)]
    change_db = np.diff([ThirdOctaves().levels(samples) for samples in levels_db], axis=0)
    np.testing.assert_allclose(change_db, -12.5, atol=1e-3)


def test_what_ends_too_early_is_repeated():
    recording = Recording(np.arange(1, 9, dtype=np.float32), 4)
    np.testing.assert_array_equal(excerpt(recording, 1000, 2).samples, [5, 6, 7, 8, 5, 6, 7, 8])
    np.testing.assert_array_equal(excerpt(recording, 250, 1).samples, [2, 3, 4, 5])


def test_everything_that_is_made_is_as_its_record_says(collection):
    """Made again by hand from the row of the table."""
    sources, read = collection
    wanted = Variations(mixtures=30, equalised=True, seed=5)
    for sound in mixtures_of(sources, wanted):
        row, n_samples = sound.record(), sound.n_seconds * SR
        parts = []
        for file, start_ms in ((row["file"], row["start_ms"]), (row["second_file"], row["second_start_ms"])):
            samples = read(sources[0].folder / file).samples[start_ms * 32 :][:n_samples]
            parts.append(samples / np.abs(samples).max())
        by_hand = parts[0] + 10 ** (row["gain_db"] / 20) * parts[1]
        plain = make_sound(MadeSound(**{**vars(sound), "gains_db": (), "level_db": 0.0}), read)
        np.testing.assert_allclose(plain.samples, by_hand, atol=1e-6)
        made = make_sound(sound, read)
        np.testing.assert_allclose(np.abs(made.at(SR)).max(), 10 ** (row["level_db"] / 20), rtol=1e-5)
        assert len(row["equalisation_db"].split()) == len(KNOTS_HZ)
        assert not np.array_equal(made.samples, plain.samples)


def test_gains_equalisations_and_levels_fill_their_ranges(collection):
    made = list(mixtures_of(collection[0], Variations(mixtures=1500, equalised=True, mixture_db=(-3, 9))))
    for values, (low, high) in (
        ([sound.gain_db for sound in made], (-3, 9)),
        ([sound.level_db for sound in made], (-12, 0)),
        ([gain for sound in made for gain in sound.gains_db], (-6, 6)),
    ):
        assert low <= min(values) < low + 1
        assert high - 1 < max(values) <= high
        np.testing.assert_allclose(np.mean(values), (low + high) / 2, atol=0.6)


def test_mixtures_are_of_two_groups_inside_the_recordings_and_as_many_as_wanted(collection):
    sources, _ = collection
    made = list(mixtures_of(sources, Variations(mixtures=500)))
    assert sum(sound.n_seconds for sound in made) == 500
    assert len({sound.name for sound in made}) == len(made)
    for sound in made:
        first, second = sound.sources
        assert first.group != second.group
        for source, start_ms in zip(sound.sources, sound.starts_ms, strict=True):
            assert 0 <= start_ms <= source.duration_ms - 1000 * sound.n_seconds
    assert max(sound.n_seconds for sound in made) == 10
    used = {source.file for sound in made for source in sound.sources}
    assert used == {source.file for source in sources}


def test_what_is_drawn_for_a_sound_depends_on_nothing_else(collection):
    """More mixtures leave those before as they were, so do other wishes; another seed changes them."""
    sources, _ = collection
    few = list(plan_sounds(Variations(mixtures=100), sources, []))
    many = list(plan_sounds(Variations(mixtures=200, shifts=2), sources, []))
    mixtures = [sound for sound in many if sound.kind == "mixture"]
    assert mixtures[: len(few) - 1] == few[:-1]  # the last one ends where there are enough
    other = list(plan_sounds(Variations(mixtures=100, seed=1), sources, []))
    assert other[0] != few[0]


def test_backgrounds_lie_under_every_recording(collection, tmp_path):
    sources, read = collection
    street = Source(tmp_path, "street.wav", "street.wav", 3 * SR, SR)
    sounds = {tmp_path / "street.wav": sine(1000, 3)}
    made = list(plan_sounds(Variations(backgrounds=tmp_path, mixture_db=(20, 20)), sources, [street]))
    assert [sound.name for sound in made] == [f"{index}.wav+background" for index in range(12)]
    assert [sound.n_seconds for sound in made] == [1 + index for index in range(12)]
    for sound in made:
        recording = make_sound(sound, lambda path: sounds.get(path) or read(path))
        assert len(recording.samples) == sound.n_seconds * SR
        levels_db = ThirdOctaves().levels(recording.at(SR))
        assert set(levels_db.argmax(axis=1)) == {
            17
        }  # the louder background at 1 kHz, also where it is repeated


@pytest.mark.parametrize(
    "settings",
    [
        {"shifts": -1},
        {"mixtures": -5},
        {"mixture_db": (6, -10)},
        {"mixture_db": (float("nan"), 0)},
        {"mixture_db": (-10, 1e6)},
        {"level_db": (0, -1)},
        {"longest_mixture_s": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(UsageError, match="expected"):
        Variations(**settings)


def test_one_recording_cannot_be_mixed_and_no_background_cannot_be_used(collection, tmp_path):
    sources, _ = collection
    with pytest.raises(UsageError, match="two recordings"):
        list(plan_sounds(Variations(mixtures=1), sources[:2], []))
    with pytest.raises(UsageError, match="no sound"):
        list(plan_sounds(Variations(backgrounds=tmp_path), sources, []))


def test_a_recording_that_is_not_as_its_header_said_is_reported(collection):
    sources, read = collection
    (sound,) = shifts_of(sources[1], Variations(shifts=1))
    with pytest.raises(AudioError, match="its header said"):
        make_sound(sound, lambda path: Recording(read(path).samples[:-1], SR))


def test_chunks_of_a_mixture_are_analysed_at_every_rate_from_one_sound():
    """YamNet's rate and the third octaves' are of the same mixture, at the same gain."""
    mixture = mix(sine(1000), sine(6000), -6.0)
    for sr in (16000, SR):
        spectrum = np.abs(np.fft.rfft(mixture.at(sr)[:sr]))
        np.testing.assert_allclose(20 * np.log10(spectrum[6000] / spectrum[1000]), -6.0, atol=0.05)
    assert ChunkAnalysis().arrays(mixture, 0, 2)[THIRD_OCTAVES].shape == (2, 8, 29)
