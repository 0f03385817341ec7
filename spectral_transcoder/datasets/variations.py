"""More sound from the same recordings: what is made of the training split, beside the recordings themselves.

    a recording        ──cut some ms later──────────────────────▶ shift        ┐
    two recordings     ──excerpts, the second at a random gain──▶ mixture      ├──equalised, turned down──▶ chunks
    one, and another   ──background under it at a random gain───▶ background   ┘      (where wanted)

What is made, of what and how, is drawn before anything is computed, each sound's part from the seed and its own
name: neither the order nor the number of processes changes a byte. Validation and evaluation stay as recorded.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spectral_transcoder.datasets.names import MIXTURE_DB, SPLIT_SEED
from spectral_transcoder.signal.audio import Recording
from spectral_transcoder.signal.equalisation import KNOTS_HZ, equalise
from spectral_transcoder.utils.errors import AudioError, UsageError

LARGEST_GAIN_DB = 60.0  # beyond, one of two sounds cannot be heard


@dataclass(frozen=True)
class Variations:
    """What is made of the recordings of the training split.

    Attributes
    ----------
    shifts : int
        How many times each recording is cut again, each time 1 / (shifts + 1) s later.
    mixtures : int
        Seconds of mixtures of two recordings.
    mixture_db : tuple of float
        Lowest and highest gain in dB of the second sound of a mixture, or of a background, both peak-normalised.
    equalised : bool
        Whether every sound that is made is equalised and turned down at random, and each recording is made once
        more for that.
    backgrounds : Path or None
        Folder of sounds, of which one is put under each recording.
    seed : int
        What all random choices come from.
    longest_mixture_s : int
        Seconds of a mixture, where both recordings last so long.
    equalisation_db : float
        Largest gain at each knot of an equalisation, either way.
    level_db : tuple of float
        Lowest and highest level of the peak of an equalised sound.

    Raises
    ------
    UsageError
        A negative number; gains that make no range, or are no sensible numbers.
    """

    shifts: int = 0
    mixtures: int = 0
    mixture_db: tuple[float, float] = MIXTURE_DB
    equalised: bool = False
    backgrounds: Path | None = None
    seed: int = SPLIT_SEED
    longest_mixture_s: int = 10
    equalisation_db: float = 6.0
    level_db: tuple[float, float] = (-12.0, 0.0)

    def __post_init__(self) -> None:
        if min(self.shifts, self.mixtures) < 0 or self.longest_mixture_s < 1:
            raise UsageError(f"shifts {self.shifts}, mixtures {self.mixtures}: expected 0 or more")
        for name in ("mixture_db", "level_db"):
            low, high = getattr(self, name)
            if not -LARGEST_GAIN_DB <= low <= high <= LARGEST_GAIN_DB:  # false of what is no number, too
                raise UsageError(
                    f"{name} {low:g} {high:g}: expected the lower gain first, both within "
                    f"{-LARGEST_GAIN_DB:g} … {LARGEST_GAIN_DB:g} dB"
                )

    @property
    def any(self) -> bool:
        """Whether anything is made at all."""
        return bool(self.shifts or self.mixtures or self.equalised or self.backgrounds)

    @property
    def delays_ms(self) -> list[int]:
        """By how much recordings are cut later, in ms; 0 is one that is only equalised."""
        shifts = [round(1000 * number / (self.shifts + 1)) for number in range(1, self.shifts + 1)]
        return [0, *shifts] if self.equalised else shifts


@dataclass(frozen=True)
class Source:
    """A recording that something is made of.

    Attributes
    ----------
    folder : Path
        Where it lies.
    file : str
        Its name in that folder.
    group : str
        What it is never mixed with: its own recording.
    n_samples, sr : int
        Its length, and its sample rate in Hz.
    """

    folder: Path
    file: str
    group: str
    n_samples: int
    sr: int

    @property
    def duration_ms(self) -> int:
        """Its duration in whole milliseconds."""
        return 1000 * self.n_samples // self.sr


@dataclass(frozen=True)
class MadeSound:
    """A sound to be made, complete: nothing about it is left to chance.

    Attributes
    ----------
    name : str
        What its chunks are called by; no file has this name.
    kind : str
        "shift", "mixture" or "background"; "equalised" of a recording that is only equalised.
    sources : tuple of Source
        One recording, or two.
    starts_ms : tuple of int
        Where each is cut.
    n_seconds : int
        Its duration.
    gain_db : float or None
        Gain of the second recording against the first, both at the same peak.
    gains_db : tuple of float
        Equalisation in dB at each of `equalisation.KNOTS_HZ`; empty means none.
    level_db : float
        Level of its peak, 0 as recordings have it.
    """

    name: str
    kind: str
    sources: tuple[Source, ...]
    starts_ms: tuple[int, ...]
    n_seconds: int
    gain_db: float | None = None
    gains_db: tuple[float, ...] = ()
    level_db: float = 0.0

    def record(self) -> dict[str, Any]:
        """Return how it is made, in one row of a table."""
        second = len(self.sources) > 1
        return {
            "name": self.name,
            "kind": self.kind,
            "file": self.sources[0].file,
            "start_ms": self.starts_ms[0],
            "second_file": self.sources[1].file if second else "",
            "second_start_ms": self.starts_ms[1] if second else "",
            "gain_db": "" if self.gain_db is None else self.gain_db,
            "equalisation_db": " ".join(f"{gain:g}" for gain in self.gains_db),
            "level_db": self.level_db,
        }


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the randomness of one sound: its own, whatever was drawn before."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))


def plan_sounds(
    variations: Variations, recordings: Sequence[Source], backgrounds: Sequence[Source]
) -> Iterator[MadeSound]:
    """Yield what is made of recordings: shifts, backgrounds, mixtures.

    Parameters
    ----------
    variations : Variations
        What is wanted.
    recordings : sequence of Source
        Those of the training split, each of a second or more.
    backgrounds : sequence of Source
        What may be put under them.

    Raises
    ------
    UsageError
        Mixtures are wanted, of one recording; backgrounds, and there is none.
    """
    for recording in recordings:
        yield from shifts_of(recording, variations)
    if variations.backgrounds:
        if not backgrounds:
            raise UsageError(f"--backgrounds {variations.backgrounds}: no sound of a second that may be used")
        for recording in recordings:
            yield over_background(recording, backgrounds, variations)
    if variations.mixtures:
        if len({recording.group for recording in recordings}) < 2:
            raise UsageError("mixtures need two recordings in the training split: one is there")
        yield from mixtures_of(recordings, variations)


def shifts_of(recording: Source, variations: Variations) -> Iterator[MadeSound]:
    """Yield a recording cut later, by each delay that leaves a second of it."""
    for delay_ms in variations.delays_ms:
        n_seconds = (recording.duration_ms - delay_ms) // 1000
        if n_seconds > 0:
            name, kind = f"{recording.file}+{delay_ms}ms", "shift" if delay_ms else "equalised"
            yield with_equalisation(MadeSound(name, kind, (recording,), (delay_ms,), n_seconds), variations)


def over_background(recording: Source, backgrounds: Sequence[Source], variations: Variations) -> MadeSound:
    """Return a recording over a random place of a random background, repeated where it is shorter."""
    name, n_seconds = f"{recording.file}+background", recording.duration_ms // 1000
    random = generator(variations.seed, name)
    background = one_of(backgrounds, random)
    starts_ms = (0, random_start_ms(background, n_seconds, random))
    gain_db = random_db(variations.mixture_db, random)
    made = MadeSound(name, "background", (recording, background), starts_ms, n_seconds, gain_db)
    return with_equalisation(made, variations)


def mixtures_of(recordings: Sequence[Source], variations: Variations) -> Iterator[MadeSound]:
    """Yield mixtures of two recordings of different groups, until there are as many seconds as wanted."""
    n_left, number = variations.mixtures, 0
    while n_left > 0:
        name = f"mixture-{number:06}"
        random = generator(variations.seed, name)
        first = second = one_of(recordings, random)
        while second.group == first.group:
            second = one_of(recordings, random)
        shortest_s = min(first.duration_ms, second.duration_ms) // 1000
        n_seconds = min(shortest_s, variations.longest_mixture_s, n_left)
        starts_ms = tuple(random_start_ms(source, n_seconds, random) for source in (first, second))
        gain_db = random_db(variations.mixture_db, random)
        made = MadeSound(name, "mixture", (first, second), starts_ms, n_seconds, gain_db)
        yield with_equalisation(made, variations)
        n_left, number = n_left - n_seconds, number + 1


def with_equalisation(made: MadeSound, variations: Variations) -> MadeSound:
    """Return a sound with a random equalisation and level, where they are wanted."""
    if not variations.equalised:
        return made
    random = generator(variations.seed, f"{made.name} equalised")
    limits = (-variations.equalisation_db, variations.equalisation_db)
    gains_db = tuple(random_db(limits, random) for _ in KNOTS_HZ)
    return replace(made, gains_db=gains_db, level_db=random_db(variations.level_db, random))


def one_of(sources: Sequence[Source], random: np.random.Generator) -> Source:
    """Return one of some recordings, each as likely as the others."""
    return sources[int(random.integers(len(sources)))]


def random_start_ms(source: Source, n_seconds: int, random: np.random.Generator) -> int:
    """Return where an excerpt of so many seconds begins: anywhere, or at 0 where the recording is shorter."""
    return int(random.integers(max(0, source.duration_ms - 1000 * n_seconds) + 1))


def random_db(limits: tuple[float, float], random: np.random.Generator) -> float:
    """Return a gain between two limits, in whole hundredths of a dB, as it is written down."""
    return round(float(random.uniform(*limits)), 2)


def make_sound(made: MadeSound, read: Callable[[Path], Recording]) -> Recording:
    """Return a sound as a recording like any other, normalised to its level wherever it is used.

    Parameters
    ----------
    made : MadeSound
        How it is made.
    read : callable
        Reads a file.

    Raises
    ------
    AudioError
        A recording cannot be read, or is shorter than its header said.
    """
    recordings = [read(source.folder / source.file) for source in made.sources]
    for source, recording in zip(made.sources, recordings, strict=True):
        if len(recording.samples) != source.n_samples:
            raise AudioError(
                f"{source.folder / source.file} has {len(recording.samples)} samples, "
                f"its header said {source.n_samples}"
            )
    cut = [
        excerpt(recording, start_ms, made.n_seconds)
        for recording, start_ms in zip(recordings, made.starts_ms, strict=True)
    ]
    sound = cut[0] if made.gain_db is None else mix(cut[0], cut[1], made.gain_db)
    samples = equalise(sound.samples, sound.sr, made.gains_db) if made.gains_db else sound.samples
    return Recording(samples, sound.sr, made.name, peak=10 ** (made.level_db / 20))


def excerpt(recording: Recording, start_ms: int, n_seconds: int) -> Recording:
    """Return so many seconds of a recording from a place on, repeated from there where it ends before."""
    sr, n_samples = recording.sr, n_seconds * recording.sr
    samples = recording.samples[start_ms * sr // 1000 :][:n_samples]
    if len(samples) < n_samples:
        samples = np.resize(samples, n_samples)
    return Recording(samples, sr, recording.name)


def mix(first: Recording, second: Recording, gain_db: float) -> Recording:
    """Return the sum of two recordings of one duration, the second's peak `gain_db` above the first's."""
    sr = max(first.sr, second.sr)
    gain = np.float32(10 ** (gain_db / 20))
    return Recording(first.at(sr) + gain * second.at(sr), sr, f"{first.name}+{second.name}")
