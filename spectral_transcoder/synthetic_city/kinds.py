"""Kinds of events: which function makes each, how loud and long it is, and what other taxonomies call it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spectral_transcoder.synthetic_city import machines
from spectral_transcoder.synthetic_city import people_and_nature as living
from spectral_transcoder.utils.errors import UsageError


@dataclass(frozen=True)
class Kind:
    """A kind of event.

    Attributes
    ----------
    name : str
        Its name in scenes and their annotations.
    make : callable
        (duration_s, sr, rng) -> (round(duration_s·sr),) float32, of any level.
    level_db : (float, float)
        Lowest and highest sound level of its loudest 125 ms, dB SPL at 1 m.
    duration_s : (float, float)
        Shortest and longest.
    family : tuple of str
        AudioSet labels that a classifier may give it.
    urbansound8k : str or None
        Its class of UrbanSound8K.
    sonyc : str or None
        Its fine class of SONYC-UST, `<coarse number>-<fine number>_<name>`.
    """

    name: str
    make: Callable[[float, int, np.random.Generator], np.ndarray]
    level_db: tuple[float, float]
    duration_s: tuple[float, float]
    family: tuple[str, ...]
    urbansound8k: str | None = None
    sonyc: str | None = None


VEHICLES = (
    "Vehicle",
    "Motor vehicle (road)",
    "Car",
    "Car passing by",
    "Truck",
    "Bus",
    "Traffic noise, roadway noise",
)
ENGINES = (
    "Engine",
    "Idling",
    "Medium engine (mid frequency)",
    "Heavy engine (low frequency)",
    "Engine knocking",
)
SIRENS = (
    "Siren",
    "Emergency vehicle",
    "Police car (siren)",
    "Ambulance (siren)",
    "Fire engine, fire truck (siren)",
)
HORNS = ("Vehicle horn, car horn, honking", "Toot", "Air horn, truck horn", "Train horn")
SPEECH = ("Speech", "Conversation", "Narration, monologue", "Chatter", "Babbling", "Speech synthesizer")
CHILDREN = (
    "Children playing",
    "Children shouting",
    "Child speech, kid speaking",
    "Screaming",
    "Yell",
    "Laughter",
)
BIRDS = ("Bird", "Bird vocalization, bird call, bird song", "Chirp, tweet", "Squawk")
BLOWS = ("Hammer", "Bang", "Thump, thud", "Knock", "Tap", "Wood", "Whack, thwack", "Chop", "Slam")
SHOTS = (
    "Gunshot, gunfire",
    "Explosion",
    "Machine gun",
    "Artillery fire",
    "Fireworks",
    "Firecracker",
    "Cap gun",
)

KINDS = {
    kind.name: kind
    for kind in (
        Kind("traffic", machines.traffic, (64, 74), (10, 10), VEHICLES, None, "1-2_medium-sounding-engine"),
        Kind("pass_by", machines.pass_by, (72, 82), (3, 6), VEHICLES, None, "1-2_medium-sounding-engine"),
        Kind(
            "engine_idling",
            machines.engine_idling,
            (68, 78),
            (4, 8),
            (*ENGINES, *VEHICLES),
            "engine_idling",
            "1-3_large-sounding-engine",
        ),
        Kind("horn", machines.horn, (88, 98), (0.8, 2.5), HORNS, "car_horn", "5-1_car-horn"),
        Kind("siren", machines.siren, (95, 108), (4, 10), SIRENS, "siren", "5-3_siren"),
        Kind(
            "reversing_beeps",
            machines.reversing_beeps,
            (78, 88),
            (3, 7),
            ("Reversing beeps", "Beep, bleep", "Alarm"),
            None,
            "5-4_reverse-beeper",
        ),
        Kind(
            "jackhammer",
            machines.jackhammer,
            (90, 102),
            (3, 8),
            ("Jackhammer",),
            "jackhammer",
            "2-2_jackhammer",
        ),
        Kind(
            "drilling",
            machines.drilling,
            (82, 94),
            (2, 6),
            ("Drill", "Power tool", "Tools", "Sawing"),
            "drilling",
            "2-1_rock-drill",
        ),
        Kind(
            "chainsaw",
            machines.chainsaw,
            (90, 104),
            (3, 8),
            ("Chainsaw", "Light engine (high frequency)", "Power tool", "Lawn mower"),
            None,
            "4-1_chainsaw",
        ),
        Kind(
            "air_conditioner",
            machines.air_conditioner,
            (58, 70),
            (10, 10),
            ("Air conditioning", "Mechanical fan", "Vacuum cleaner", "Hair dryer"),
            "air_conditioner",
        ),
        Kind(
            "gun_shot", machines.gun_shot, (100, 112), (1, 3), SHOTS, "gun_shot", "3-1_non-machinery-impact"
        ),
        Kind("hammering", machines.hammering, (78, 90), (2, 5), BLOWS, None, "3-1_non-machinery-impact"),
        Kind(
            "voices",
            living.voices,
            (62, 74),
            (2, 7),
            SPEECH,
            None,
            "7-1_person-or-small-group-talking",
        ),
        Kind(
            "children",
            living.children,
            (68, 80),
            (4, 9),
            (*CHILDREN, *SPEECH),
            "children_playing",
            "7-2_person-or-small-group-shouting",
        ),
        Kind(
            "footsteps",
            living.footsteps,
            (52, 64),
            (3, 8),
            ("Walk, footsteps", "Run", "Clip-clop", "Shuffle"),
        ),
        Kind("birds", living.birds, (66, 78), (3, 9), BIRDS),
        Kind(
            "dog",
            living.dog,
            (80, 92),
            (1, 4),
            ("Dog", "Bark", "Bow-wow", "Yip"),
            "dog_bark",
            "8-1_dog-barking-whining",
        ),
        Kind(
            "church_bell",
            living.church_bell,
            (88, 100),
            (5, 10),
            ("Bell", "Church bell", "Change ringing (campanology)"),
        ),
        Kind(
            "music",
            living.music,
            (72, 84),
            (5, 10),
            ("Music", "Musical instrument", "Guitar", "Plucked string instrument"),
            "street_music",
            "6-1_stationary-music",
        ),
        Kind(
            "rain",
            living.rain,
            (58, 70),
            (10, 10),
            ("Rain", "Rain on surface", "Raindrop", "Water"),
        ),
        Kind(
            "wind",
            living.wind,
            (58, 72),
            (10, 10),
            ("Wind", "Wind noise (microphone)", "Rustling leaves"),
        ),
    )
}


def kind_of(name: str) -> Kind:
    """Return the `Kind` of that name; raise UsageError naming the choices."""
    if name not in KINDS:
        raise UsageError(f"event {name!r}: expected one of {', '.join(KINDS)}")
    return KINDS[name]
