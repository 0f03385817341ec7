"""What lives in a street: voices, steps, birds, dogs, music, weather. Each returns (round(duration_s·sr),) float32."""

from collections.abc import Callable

import numpy as np

from spectral_transcoder.synthetic_city import signals

# first four formants of vowels and vowel-like sounds, Hz, of a man's vocal tract
FORMANTS_HZ = np.array(
    [
        [730, 1090, 2440, 3400],  # a
        [530, 1840, 2480, 3500],  # e
        [270, 2290, 3010, 3600],  # i
        [570, 840, 2410, 3300],  # o
        [300, 870, 2240, 3300],  # u
        [640, 1190, 2390, 3400],  # short u
        [490, 1350, 1690, 3300],  # r
        [360, 1100, 2300, 3300],  # l, n
    ]
)
WIDTHS_HZ = (70, 90, 130, 200)
FORMANT_AMPLITUDES = (1.0, 0.6, 0.3, 0.15)
SCALE_SEMITONES = np.array([0, 2, 4, 7, 9])  # pentatonic: no two notes quarrel
CHORDS_SEMITONES = ((0, 4, 7), (-3, 0, 4), (5, 9, 12), (7, 11, 14))
# of a bell, relative to its prime: hum, prime, tierce, quint, nominal, and higher ones; with their amplitudes
BELL_PARTIALS = {
    0.5: 1.4,
    1.0: 1.4,
    1.2: 1.4,
    1.5: 1.4,
    2.0: 3.0,
    2.5: 1.0,
    2.67: 1.0,
    3.0: 1.0,
    4.0: 1.0,
    5.3: 1.0,
}


def speak(
    duration_s: float,
    sr: int,
    rng: np.random.Generator,
    pitch_hz: float,
    tract: float,
    rate_hz: float,
    liveliness: float = 0.08,
) -> np.ndarray:
    """Return a voice-like babble: a glottal wave through moving formants, with breaks and fricatives.

    Parameters
    ----------
    duration_s : float
        Duration in seconds.
    sr : int
        Sample rate in Hz.
    rng : np.random.Generator
        Draws what is said.
    pitch_hz : float
        Mean pitch.
    tract : float
        Formants are this many times a man's: 1.17 for a woman, 1.35 for a child.
    rate_hz : float
        Syllables a second.
    liveliness : float
        Standard deviation of the pitch, as a part of it.
    """
    n_samples = round(duration_s * sr)
    n_syllables = max(2, int(duration_s * rate_hz))
    spoken = rng.uniform(size=n_syllables) < 0.88
    melody = np.repeat(rng.normal(1, liveliness, n_syllables), 2) * rng.normal(1, liveliness, 2 * n_syllables)
    melody *= 1.12 - 0.2 * (np.linspace(0, duration_s / 2, 2 * n_syllables) % 1)  # falls in phrases of 2 s
    knots = np.linspace(0, 1, 2 * n_syllables)
    intonation = signals.curve(n_samples, knots, melody) * (1 + 0.02 * signals.drift(n_samples, sr, 60, rng))
    glottis = signals.wave(pitch_hz * intonation, sr, signals.table(signals.rich(1.4 * pitch_hz, sr, 1.1)))
    breath = 0.04 * signals.noise(n_samples, rng)

    time = np.linspace(0, n_syllables, n_samples, dtype=np.float32)
    syllable = np.minimum(time.astype(int), n_syllables - 1)
    nucleus = np.sqrt(np.abs(np.sin(np.pi * np.clip((time % 1 - 0.2) / 0.78, 0, 1))))
    loudness = (spoken * rng.uniform(0.6, 1, n_syllables)).astype(np.float32)
    voice = signals.filter_along(
        (glottis + breath) * (nucleus * loudness[syllable]), sr, vocal_tract(knots, n_syllables, tract, rng)
    )
    hiss = signals.shaped_noise(n_samples, sr, signals.band(3500, 9000), rng)
    sibilant = (rng.uniform(size=n_syllables) < 0.4) * spoken
    bursts = np.sin(np.pi * np.clip((time % 1) / 0.28, 0, 1)) * sibilant[syllable]
    return voice + 0.12 * voice.std() * hiss * bursts.astype(np.float32)


def vocal_tract(
    knots: np.ndarray, n_syllables: int, tract: float, rng: np.random.Generator
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a filter for `signals.filter_along`, whose formants go from one vowel to the next.

    `knots` (2·n_syllables,) are where syllables begin and end, 0 to 1; `tract` is that of `speak`.
    """
    targets = np.repeat(FORMANTS_HZ[rng.integers(len(FORMANTS_HZ), size=n_syllables)], 2, axis=0) * tract
    targets *= rng.normal(1, 0.04, targets.shape)

    def gain(positions: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        total = np.full((len(positions), frequencies.shape[1]), 0.004, dtype=np.float32)
        for formant, (width, amplitude) in enumerate(zip(WIDTHS_HZ, FORMANT_AMPLITUDES, strict=True)):
            centre = np.interp(positions[:, 0], knots, targets[:, formant]).astype(np.float32)[:, None]
            total += np.float32(amplitude) / (1 + ((frequencies - centre) / np.float32(width * tract)) ** 2)
        return total

    return gain


def voices(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return one or two people who talk, without words."""
    total = np.zeros(round(duration_s * sr), dtype=np.float32)
    for _ in range(rng.integers(1, 3)):
        man = rng.uniform() < 0.5
        pitch_hz, tract = (rng.uniform(95, 140), 1.0) if man else (rng.uniform(180, 235), 1.17)
        said = speak(duration_s, sr, rng, pitch_hz, tract * rng.uniform(0.96, 1.04), rng.uniform(3.8, 5.2))
        total += said * np.float32(rng.uniform(0.5, 1))
    return signals.echo(total, sr, 0.08, 0.2, rng)


def children(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return children who play: several high voices that call and squeal, in a yard that echoes."""
    n_samples = round(duration_s * sr)
    total = 0.15 * signals.shaped_noise(n_samples, sr, signals.band(300, 3000, 2.0), rng)
    for _ in range(rng.integers(4, 7)):
        said = speak(
            duration_s, sr, rng, rng.uniform(260, 400), rng.uniform(1.2, 1.4), rng.uniform(3.5, 5.5), 0.2
        )
        calling = np.clip(1.6 * signals.drift(n_samples, sr, 1.2, rng) + 0.2, 0.05, 1)
        total += said / said.std() * calling
    return signals.echo(total, sr, 0.2, 0.5, rng)


def footsteps(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return quick steps on gritty ground: a heel, then the crunch of the sole, over the rustle of clothes."""
    n_samples, length = round(duration_s * sr), int(0.25 * sr)
    starts = signals.repeat_times(duration_s, rng.uniform(0.37, 0.48), 0.03, rng, start_s=0.05)
    steps = []
    for foot in range(len(starts)):
        heel = signals.shaped_noise(length, sr, signals.band(400, 1500, 2.4), rng) * signals.decay(
            length, sr, 0.02
        )
        grit = np.zeros(length, dtype=np.float32)
        grains = rng.poisson(33)
        grit[(rng.beta(2, 3, grains) * length).astype(int)] = rng.exponential(1, grains)
        crunch = signals.shape_spectrum(grit, sr, signals.resonances([1600, 5300], [1600, 5300]))
        step = (1 + 0.15 * (foot % 2)) * rng.uniform(0.25, 0.35) * heel
        sole_at = int(0.12 * sr)
        step[sole_at:] += 1.5 * (crunch / max(np.abs(crunch).max(), 1e-9))[: length - sole_at]
        steps.append(step)
    clothes = 0.026 * signals.shaped_noise(n_samples, sr, signals.band(150, 1500, 1.5), rng)
    return signals.echo(
        clothes + signals.overlay(n_samples, steps, (starts * sr).astype(int)), sr, 0.05, 0.55, rng
    )


def birds(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return birds that sing: phrases of chirps, each bird with its own."""
    n_samples = round(duration_s * sr)
    total = np.zeros(n_samples, dtype=np.float32)
    for _ in range(rng.integers(2, 4)):
        base_hz, spread = rng.uniform(2800, 5200), rng.uniform(0.1, 0.35)
        syllables = []
        for _ in range(rng.integers(2, 5)):
            length = int(rng.uniform(0.05, 0.16) * sr)
            sweep = base_hz * (1 + spread * signals.curve(length, [0, 0.4, 1], rng.uniform(-1, 1, 3)))
            trill = 1 + rng.choice([0, 0.04]) * np.sin(2 * np.pi * 30 * np.arange(length) / sr)
            note = signals.wave(sweep * trill, sr, signals.table([1, 0.08, 0.02]))
            syllables.append(note * np.sin(np.pi * np.arange(length) / length).astype(np.float32))
        start_s, grains, starts = rng.uniform(0, 0.1), [], []
        while start_s < duration_s:
            for _ in range(rng.integers(2, 7)):
                grains.append(rng.uniform(0.5, 1) * syllables[rng.integers(len(syllables))])
                starts.append(int(start_s * sr))
                start_s += len(grains[-1]) / sr + rng.uniform(0.02, 0.09)
            start_s += rng.uniform(0.25, 1.1)
        total += np.float32(rng.uniform(0.4, 1)) * signals.overlay(n_samples, grains, starts)
    return signals.echo(total, sr, 0.2, 0.3, rng)


def dog(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return a dog that barks: short cries that rise and fall, rough, brightest around 1 kHz."""
    n_samples = round(duration_s * sr)
    pitch_hz, tract = rng.uniform(510, 650), rng.uniform(0.95, 1.1)
    throat = signals.resonances(np.array([910, 1100, 2600]) * tract, [280, 600, 900], [1, 0.7, 0.3], 0.01)
    barks, starts, start_s = [], [], rng.uniform(0, 0.1)
    while start_s < duration_s:
        length = int(rng.uniform(0.12, 0.16) * sr)
        glide = signals.curve(length, [0, 0.4, 0.5, 1], [0.45, 1.15, 1.0, 0.75]) * rng.uniform(0.93, 1.07)
        rough = 1 + 0.12 * signals.drift(length, sr, 310, rng)
        cry = signals.wave(
            pitch_hz * glide * rough, sr, signals.table(signals.rich(1.3 * pitch_hz, sr, 1.0, 30))
        )
        cry += 0.5 * signals.noise(length, rng)
        barks.append(
            rng.uniform(0.8, 1)
            * signals.shape_spectrum(cry, sr, throat)
            * signals.swell(length, sr, 0.017, 0.08)
        )
        starts.append(int(start_s * sr))
        start_s += length / sr + (rng.uniform(0.2, 0.35) if rng.uniform() < 0.7 else rng.uniform(0.5, 0.9))
    return signals.echo(signals.overlay(n_samples, barks, starts), sr, 0.15, 0.2, rng)


def church_bell(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return a church bell that is rung: inharmonic partials, each with its decay, and the clapper's blow."""
    n_samples = round(duration_s * sr)
    prime_hz = rng.uniform(560, 900)
    length = int(min(4.0, duration_s) * sr)
    time_s = np.arange(length, dtype=np.float32) / sr
    stroke = np.zeros(length, dtype=np.float32)
    for order, (partial, amplitude) in enumerate(BELL_PARTIALS.items()):
        ring = np.sin(2 * np.pi * prime_hz * partial * rng.normal(1, 0.01) * time_s + rng.uniform(0, 6))
        beating = 1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.5, 3) * time_s)
        stroke += amplitude * rng.uniform(0.6, 1) * beating * ring * np.exp(-time_s * (0.62 + 0.64 * order))
    clapper = int(0.05 * sr)
    stroke[:clapper] += 1.25 * (signals.noise(clapper, rng) * signals.decay(clapper, sr, 0.006))[:length]
    starts = signals.repeat_times(duration_s, rng.uniform(0.75, 1.3), 0.02, rng, start_s=0.05)
    strokes = (loudness * stroke for loudness in rng.uniform(0.7, 1, len(starts)))
    return signals.echo(signals.overlay(n_samples, strokes, (starts * sr).astype(int)), sr, 0.5, 0.23, rng)


def music(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return street music: plucked chords and a melody, over a bass and a soft drum."""
    n_samples = round(duration_s * sr)
    beat_s, root_hz = rng.uniform(0.4, 0.6), rng.uniform(110, 165)
    grains, starts = [], []

    strings = {}

    def play(semitones: int, start_s: float, length_s: float, loudness: float) -> None:
        if semitones not in strings:
            strings[semitones] = pluck(root_hz * 2 ** (semitones / 12), length_s, sr, rng)
        grains.append(np.float32(loudness) * strings[semitones])
        starts.append(int(start_s * sr))

    for beat in range(int(duration_s / beat_s) + 1):
        chord = CHORDS_SEMITONES[(beat // 4) % len(CHORDS_SEMITONES)]
        start_s = beat * beat_s
        if beat % 2 == 0:
            play(chord[0] - 12, start_s, 1.0, 0.9)
        for position, semitones in enumerate(chord):
            play(semitones + 12, start_s + 0.012 * position, 0.7, 0.4)
        for half in (0, 0.5):
            if rng.uniform() < 0.7:
                play(rng.choice(SCALE_SEMITONES) + 24, start_s + half * beat_s, 0.6, 0.55)
        length = int(0.12 * sr)
        tap = signals.shaped_noise(length, sr, signals.band(90 if beat % 2 else 1500, 6000, 3.0), rng)
        grains.append(0.25 * tap * signals.decay(length, sr, 0.03))
        starts.append(int(start_s * sr))
    return signals.echo(signals.overlay(n_samples, grains, starts), sr, 0.15, 0.25, rng)


def pluck(frequency_hz: float, length_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return a plucked string: harmonics that die the sooner the higher they are."""
    length = int(length_s * sr)
    time_s = np.arange(length, dtype=np.float32) / sr
    point = rng.uniform(0.15, 0.3)  # where it is plucked: harmonics with a node there are missing
    string = np.zeros(length, dtype=np.float32)
    for k in range(1, min(12, int(0.45 * sr / frequency_hz)) + 1):
        amplitude = np.sin(np.pi * k * point) / k
        string += (
            amplitude * np.sin(2 * np.pi * k * frequency_hz * time_s) * np.exp(-time_s * (2.5 + 1.2 * k))
        )
    return string * signals.swell(length, sr, 0.002, 0.02)


def rain(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return rain on a pavement: a rush, and drops by the thousand, few of them heavy."""
    n_samples = round(duration_s * sr)
    rush = signals.shaped_noise(n_samples, sr, signals.band(600, 6000, 1.3), rng)
    n_drops = rng.poisson(rng.uniform(5000, 9000) * duration_s)
    drops = np.zeros(n_samples, dtype=np.float32)
    drops[rng.integers(n_samples, size=n_drops)] = rng.exponential(1, n_drops) ** 2 * rng.choice(
        [-1, 1], n_drops
    )
    drops = signals.shape_spectrum(drops, sr, signals.resonances([760, 5600], [760, 5600], [1, 0.2]))
    return rush + drops / max(drops.std(), np.finfo(np.float32).tiny)


def wind(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return wind: the buffeting of a microphone, in gusts, with a faint howl that follows them."""
    n_samples = round(duration_s * sr)
    gusts = 0.6 + 0.4 * signals.drift(n_samples, sr, rng.uniform(1.8, 3), rng)
    buffeting = signals.shaped_noise(n_samples, sr, signals.band(52, 390, 1.9), rng)
    centre_hz, gust_points = rng.uniform(250, 380), gusts[:: max(1, n_samples // 200)]

    def howl(positions: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        strength = np.interp(positions[:, 0], np.linspace(0, 1, len(gust_points)), gust_points)
        centre = (centre_hz * (0.5 + strength)).astype(np.float32)[:, None]
        return 1 / np.sqrt(1 + ((frequencies - centre) / (np.float32(0.39) * centre)) ** 2)

    howling = signals.filter_along(signals.noise(n_samples, rng), sr, howl)
    return gusts * (buffeting + 0.2 * howling / howling.std())
