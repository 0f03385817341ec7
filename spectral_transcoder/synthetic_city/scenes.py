"""Scenes: events of a street in time and space, as a record that can be written down, and as sound.

A scene is drawn once (`draw_scene`), and rendered at any rate. Each event has a seed of its own, so that it
sounds the same alone as in its scene.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from spectral_transcoder.synthetic_city import signals
from spectral_transcoder.synthetic_city.kinds import kind_of
from spectral_transcoder.utils.errors import UsageError

LEVEL_BLOCK_S = 0.125  # levels are those of the loudest such block
SHORTEST_S = 0.2  # of events: some begin with a pause
FULL_SCALE_DB = 106.0  # the sound level in dB SPL that a sine at full scale stands for
MICROPHONE_NOISE_DB = 30.0
FADE_S = 0.03  # of events that are cut out of something longer
LASTING_FADE_S = 0.002  # of events that fill their scene: only against clicks


@dataclass(frozen=True)
class Event:
    """Something that is heard in a scene.

    Attributes
    ----------
    kind : str
        A name in `kinds.KINDS`.
    onset_s, offset_s : float
        Its beginning and end in seconds from the scene's beginning, at least 0.2 s apart.
    level_db : float
        Sound level of its loudest 125 ms at 1 m, dB SPL.
    distance_m : float
        Distance from the microphone, at least 1 m.
    seed : int
        Seed of its sound.
    """

    kind: str
    onset_s: float
    offset_s: float
    level_db: float
    distance_m: float
    seed: int

    def __post_init__(self) -> None:
        kind_of(self.kind)
        if not (self.onset_s >= 0 and self.offset_s - self.onset_s >= SHORTEST_S and self.distance_m >= 1):
            raise UsageError(f"{self}: expected {SHORTEST_S} s or more from 0 on, at 1 m or more")

    @property
    def received_db(self) -> float:
        """Level at the microphone, before the air has taken its part: 6 dB less for each doubled distance."""
        return self.level_db - 20 * np.log10(self.distance_m)


@dataclass(frozen=True)
class Scene:
    """Events over a duration, with the noise of the microphone.

    Attributes
    ----------
    duration_s : float
        Duration of the scene; events may begin at any time in it, and are cut at its end.
    events : tuple of Event
        In the order of their onsets.
    seed : int
        Seed of the microphone's noise.
    """

    duration_s: float
    events: tuple[Event, ...]
    seed: int

    @property
    def annotation(self) -> dict[str, Any]:
        """The scene as plain values, for JSON."""
        return {**asdict(self), "events": [asdict(event) for event in self.events]}

    def kinds(self) -> list[str]:
        """Return the names of the kinds that are heard, each once, sorted."""
        return sorted({event.kind for event in self.events})

    def without(self, kinds: Sequence[str]) -> "Scene":
        """Return the same scene less all events of some kinds; an unknown kind raises UsageError."""
        for kind in kinds:
            kind_of(kind)
        return replace(self, events=tuple(event for event in self.events if event.kind not in kinds))

    def render(self, sr: int) -> np.ndarray:
        """Return the sound: (round(duration_s·sr),) float32, full scale being 106 dB SPL.

        A scene that would be louder than full scale is turned down as a whole.
        """
        n_samples = round(self.duration_s * sr)
        microphone = signals.noise(n_samples, np.random.default_rng(self.seed))
        total = microphone * np.float32(amplitude(MICROPHONE_NOISE_DB))
        for event in self.events:
            start = round(event.onset_s * sr)
            sound = render_event(event, sr)[: n_samples - start]
            total[start : start + len(sound)] += sound
        return total * np.float32(min(1.0, 0.99 / np.abs(total).max()))


def amplitude(level_db: float) -> float:
    """Return the root mean square, re full scale 1, of a sound of this level in dB SPL."""
    return 10 ** ((level_db - FULL_SCALE_DB) / 20) / np.sqrt(2)


def render_event(event: Event, sr: int) -> np.ndarray:
    """Return the sound of an event at the microphone: (round((offset_s - onset_s)·sr),) float32."""
    duration_s = event.offset_s - event.onset_s
    rng = np.random.default_rng(event.seed)
    sound = kind_of(event.kind).make(duration_s, sr, rng).astype(np.float32)
    sound *= np.float32(amplitude(event.received_db) / loudest_block(sound, sr))
    if event.distance_m > 1:
        sound = signals.shape_spectrum(sound, sr, lambda hz: air(hz, event.distance_m))
    fade_s = min(FADE_S if event.onset_s else LASTING_FADE_S, duration_s / 4)
    return sound * signals.swell(len(sound), sr, fade_s, fade_s)


def loudest_block(sound: np.ndarray, sr: int) -> float:
    """Return the root mean square of the loudest 125 ms of a sound; of all of it where it is shorter."""
    block = max(1, min(len(sound), round(LEVEL_BLOCK_S * sr)))
    energy = np.square(sound[: len(sound) // block * block], dtype=np.float64).reshape(-1, block)
    return max(np.sqrt(energy.mean(axis=1).max()), np.finfo(np.float32).tiny)


def air(
    frequency_hz: np.ndarray, distance_m: float, temperature_k: float = 288.15, humidity_percent: float = 70.0
) -> np.ndarray:
    """Return what air leaves of each frequency over a distance, as an amplitude (ISO 9613-1, 1 atmosphere).

    Parameters
    ----------
    frequency_hz : np.ndarray
        Frequencies in Hz.
    distance_m : float
        Way through the air in m.
    temperature_k : float
        Temperature in kelvin.
    humidity_percent : float
        Relative humidity.

    Returns
    -------
    np.ndarray
        As `frequency_hz`, 1 for no loss.
    """
    warmth = temperature_k / 293.15
    saturation = 10 ** (-6.8346 * (273.16 / temperature_k) ** 1.261 + 4.6151)
    water = humidity_percent * saturation  # molar concentration of water vapour, percent
    oxygen_hz = 24 + 4.04e4 * water * (0.02 + water) / (0.391 + water)
    nitrogen_hz = warmth**-0.5 * (9 + 280 * water * np.exp(-4.170 * (warmth ** (-1 / 3) - 1)))
    f2 = np.square(frequency_hz, dtype=np.float64)
    oxygen = 0.01275 * np.exp(-2239.1 / temperature_k) / (oxygen_hz + f2 / oxygen_hz)
    nitrogen = 0.1068 * np.exp(-3352.0 / temperature_k) / (nitrogen_hz + f2 / nitrogen_hz)
    loss_db_per_m = 8.686 * f2 * (1.84e-11 * warmth**0.5 + warmth**-2.5 * (oxygen + nitrogen))
    return 10 ** (-loss_db_per_m * distance_m / 20)


@dataclass(frozen=True)
class Place:
    """What a kind of place sounds like.

    Attributes
    ----------
    background : tuple of str
        Kinds that last through every scene there.
    chances : dict of str to float
        Mean number of events of each kind in 10 s.
    distances_m : (float, float)
        Nearest and farthest of single events.
    """

    background: tuple[str, ...]
    chances: dict[str, float]
    distances_m: tuple[float, float]


PLACES = {  # the ten scenes of TAU
    "airport": Place(("air_conditioner",), {"voices": 1.5, "footsteps": 1, "reversing_beeps": 0.3}, (3, 25)),
    "bus": Place(("engine_idling",), {"voices": 0.8, "pass_by": 0.4, "reversing_beeps": 0.2}, (1, 6)),
    "metro": Place(("traffic", "air_conditioner"), {"voices": 0.6, "footsteps": 0.3}, (1, 8)),
    "metro_station": Place(("air_conditioner",), {"voices": 0.8, "footsteps": 1.2, "music": 0.2}, (3, 30)),
    "park": Place(
        ("wind",), {"birds": 2.2, "voices": 0.5, "children": 0.4, "dog": 0.5, "footsteps": 0.4}, (4, 40)
    ),
    "public_square": Place(
        ("traffic",),
        {"voices": 1.5, "footsteps": 1, "birds": 0.7, "church_bell": 0.3, "music": 0.4, "children": 0.3},
        (3, 30),
    ),
    "shopping_mall": Place(
        ("air_conditioner",), {"voices": 1.8, "music": 0.6, "footsteps": 1, "children": 0.3}, (2, 20)
    ),
    "street_pedestrian": Place(
        ("traffic",), {"voices": 1.6, "footsteps": 1.4, "dog": 0.4, "music": 0.3, "birds": 0.4}, (2, 20)
    ),
    "street_traffic": Place(
        ("traffic",),
        {"pass_by": 1.8, "horn": 0.5, "siren": 0.25, "footsteps": 0.4, "jackhammer": 0.15},
        (4, 40),
    ),
    "tram": Place(("traffic", "engine_idling"), {"voices": 0.7, "church_bell": 0.1, "horn": 0.1}, (1, 10)),
}


def draw_scene(place: Place, duration_s: float, rng: np.random.Generator) -> Scene:
    """Draw a scene of a place.

    Parameters
    ----------
    place : Place
        The place: its backgrounds, and how often its events occur.
    duration_s : float
        Its duration in seconds.
    rng : np.random.Generator
        Draws what happens, when and how near.

    Returns
    -------
    Scene
    """
    events = [lasting_event(kind, duration_s, rng.uniform(8, 20), rng) for kind in place.background]
    for kind, chance in place.chances.items():
        for _ in range(rng.poisson(chance * duration_s / 10)):
            events.append(draw_event(kind, duration_s, place.distances_m, rng))
    return Scene(duration_s, tuple(sorted(events, key=lambda event: event.onset_s)), draw_seed(rng))


def lasting_event(name: str, duration_s: float, distance_m: float, rng: np.random.Generator) -> Event:
    """Return an event that fills a scene."""
    return Event(name, 0.0, duration_s, rng.uniform(*kind_of(name).level_db), distance_m, draw_seed(rng))


def draw_event(
    name: str,
    duration_s: float,
    distances_m: tuple[float, float],
    rng: np.random.Generator,
    shortest_s: float = 0.3,
) -> Event:
    """Draw an event of a kind; it may be cut by a scene's ends, down to `shortest_s` or all of a shorter one."""
    kind = kind_of(name)
    length_s = min(rng.uniform(*kind.duration_s), duration_s)
    shortest_s = min(shortest_s, length_s)
    start_s = rng.uniform(shortest_s - length_s, duration_s - shortest_s)
    onset_s, offset_s = max(start_s, 0.0), min(start_s + length_s, duration_s)
    distance_m = np.exp(rng.uniform(*np.log(distances_m)))
    return Event(
        name,
        round(onset_s, 3),
        round(offset_s, 3),
        round(rng.uniform(*kind.level_db), 1),
        round(distance_m, 1),
        draw_seed(rng),
    )


def draw_seed(rng: np.random.Generator) -> int:
    """Draw the seed of another generator."""
    return int(rng.integers(2**32))
