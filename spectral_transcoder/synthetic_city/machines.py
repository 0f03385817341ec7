"""Vehicles and machines of a street: engines, horns, sirens, tools. Each returns (round(duration_s·sr),) float32."""

import numpy as np

from spectral_transcoder.synthetic_city import signals


def traffic(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return the hum of a street: rolling tyres, engines below, and cars that come and go farther off."""
    n_samples = round(duration_s * sr)
    tyres = signals.shaped_noise(n_samples, sr, signals.band(350, 1500, 1.0), rng)
    engines = signals.shaped_noise(n_samples, sr, signals.band(40, 180, 2.0), rng)
    swells = 1 + 0.2 * signals.drift(n_samples, sr, 0.6, rng)
    cars = np.zeros(n_samples, dtype=np.float32)
    for _ in range(max(1, round(duration_s / 4))):
        car = pass_by(min(duration_s, 6.0), sr, rng)
        cars += np.roll(np.pad(car, (0, n_samples - len(car))), rng.integers(n_samples))
    return (0.7 * tyres + 0.5 * engines) * swells + cars


def pass_by(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return a car that passes: tyres and an engine that come near, with a falling pitch, and go."""
    n_samples = round(duration_s * sr)
    # the Lorentz curve of the intensity of a source on a straight line; closest to the middle
    passage = (np.linspace(0, 1, n_samples, dtype=np.float32) - rng.uniform(0.4, 0.6)) * duration_s
    nearness_s = rng.uniform(0.5, 1.0)
    approach = 1 / np.sqrt(1 + (passage / nearness_s) ** 2)
    speed_ms = rng.uniform(9, 16)
    doppler = 1 - speed_ms / 343 * passage / np.sqrt(passage**2 + nearness_s**2)
    tyres = signals.shaped_noise(n_samples, sr, signals.band(500, 1600, 1.0), rng)
    hiss = signals.shaped_noise(n_samples, sr, signals.band(1800, 5000, 3.0), rng)
    firing_hz = rng.uniform(55, 85) * doppler
    engine = signals.wave(firing_hz, sr, signals.table(signals.rich(120, sr, 1.1, 24)), rng.uniform())
    return approach * (tyres + 0.45 * hiss * approach + 0.5 * engine)


def engine_idling(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return a diesel that idles: uneven firing at some 30 Hz, its clatter, and the hum of its exhaust."""
    n_samples = round(duration_s * sr)
    speed_hz = rng.uniform(27, 35) * (1 + 0.036 * signals.drift(n_samples, sr, 6, rng))
    cycles = np.cumsum(speed_hz) / sr
    stroke = np.exp(-7 * (cycles % 1)).astype(np.float32)
    cylinder = rng.uniform(0.6, 1.0, 4).astype(np.float32)[(cycles % 4).astype(int)]
    clatter = signals.shaped_noise(n_samples, sr, signals.band(230, 8000, 1.6), rng)
    rumble = signals.shaped_noise(n_samples, sr, signals.band(40, 400, 2.0), rng)
    hum = signals.wave(3.5 * speed_hz, sr, signals.table(signals.rich(110, sr, 0.7, 24)), rng.uniform())
    return (clatter + 0.9 * rumble) * (0.4 + stroke * cylinder) + 0.85 * hum / hum.std()


def horn(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return a car's horn: two reeds a third apart, pressed once or a few times."""
    n_samples = round(duration_s * sr)
    low_hz = rng.uniform(380, 440)
    pressed = np.zeros(n_samples, dtype=np.float32)
    start_s = rng.uniform(0, 0.1)
    while start_s < duration_s - 0.1:
        length_s = min(rng.choice([0.25, 0.5, 1.2]), duration_s - start_s)
        part = pressed[int(start_s * sr) : int((start_s + length_s) * sr)]
        part[:] = signals.swell(len(part), sr, 0.02, 0.04)
        start_s += length_s + rng.uniform(0.12, 0.5)
    reeds = np.zeros(n_samples, dtype=np.float32)
    for pitch_hz in (low_hz, low_hz * rng.uniform(1.2, 1.27)):
        wobble = pitch_hz * (1 + 0.002 * signals.drift(n_samples, sr, 8, rng))
        reeds += signals.wave(wobble, sr, signals.table(signals.rich(pitch_hz, sr, 0.7, 24)), rng.uniform())
    trumpet = signals.resonances([1900, 3100], [1800, 1500], [1.6, 1.0], 0.35)
    return signals.echo(signals.shape_spectrum(reeds, sr, trumpet) * pressed, sr, 0.15, 0.3, rng)


def siren(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return an emergency siren: a wail, a yelp, or the two tones of European vehicles."""
    n_samples = round(duration_s * sr)
    time_s = np.arange(n_samples, dtype=np.float32) / sr + rng.uniform(0, 4)
    way = rng.choice(["wail", "yelp", "two tones"])
    if way == "two tones":
        low_hz = rng.uniform(430, 460)
        pitch_hz = np.where((time_s / 0.7) % 2 < 1, low_hz, low_hz * 4 / 3)
    else:
        period_s = rng.uniform(3, 5) if way == "wail" else rng.uniform(0.3, 0.45)
        rising = np.abs(2 * ((time_s / period_s) % 1) - 1)
        pitch_hz = rng.uniform(600, 700) * 2 ** (1.1 * (1 - rising))
    tone = signals.wave(pitch_hz, sr, signals.table(signals.rich(1600, sr, 1.0, 12)))
    loudspeaker = signals.resonances([1300, 2600], [1200, 1500], [1.0, 0.6], 0.1)
    return signals.echo(signals.shape_spectrum(tone, sr, loudspeaker), sr, 0.3, 0.5, rng)


def reversing_beeps(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return the beeps of a lorry that reverses: a buzzer of some 900 Hz, on and off twice a second."""
    n_samples = round(duration_s * sr)
    time_s = np.arange(n_samples, dtype=np.float32) / sr
    cycle = (time_s / rng.uniform(0.48, 0.6)) % 1
    buzzer_hz = np.full(n_samples, rng.uniform(850, 1050), dtype=np.float32)
    buzzer = signals.wave(buzzer_hz, sr, signals.table([1, 0, 0.6, 0.23, 0.25]))
    engine = signals.shaped_noise(n_samples, sr, signals.band(60, 600, 2.0), rng)
    on = np.clip(110 * (0.21 - np.abs(cycle - 0.21)), 0, 1)
    return signals.echo(buzzer * on, sr, 0.28, 0.13, rng) + 0.05 * engine


def jackhammer(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return a jackhammer: blows of a steel chisel some 24 times a second, that ring, and its exhaust."""
    n_samples, length = round(duration_s * sr), int(0.12 * sr)
    starts = signals.repeat_times(duration_s, 1 / rng.uniform(20, 26), 0.035, rng)
    modes_hz = np.array([380, 790, 2800, 3700]) * rng.uniform(0.85, 1.15, 4)
    chisel = signals.resonances(modes_hz, 0.18 * modes_hz, [1, 1, 1, 0.8], 0.1)
    dies = 1.1 * signals.decay(length, sr, 0.004) + 0.5 * signals.decay(length, sr, 0.04)
    blows = [signals.shape_spectrum(signals.noise(length, rng) * dies, sr, chisel) for _ in range(8)]
    struck = [rng.uniform(0.6, 1.2) * blows[i] for i in rng.integers(len(blows), size=len(starts))]
    hammering = signals.overlay(n_samples, struck, (starts * sr).astype(int))
    exhaust = signals.shaped_noise(n_samples, sr, signals.band(60, 4000, 0.7), rng)
    return hammering / hammering.std() + 0.22 * exhaust


def drilling(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return a drill: the whine of motor and gear under load, and the bit that grinds in the wall."""
    n_samples = round(duration_s * sr)
    speed_hz = rng.uniform(220, 320) * (1 + 0.06 * signals.drift(n_samples, sr, 1.5, rng))
    speed_hz *= signals.curve(n_samples, [0, 0.06, 0.94, 1], [0.5, 1, 1, 0.6])
    motor = signals.wave(speed_hz, sr, signals.table(signals.rich(350, sr, 0.4, 40)), rng.uniform())
    gear = signals.wave(6.3 * speed_hz, sr, signals.table([1, 0.6, 0.4]), rng.uniform())
    bit = signals.shaped_noise(n_samples, sr, signals.band(1500, 9000, 0.5), rng)
    bite = 1 + 0.5 * signals.drift(n_samples, sr, 40, rng)
    return 0.4 * motor / motor.std() + 0.4 * gear + bit * bite


def chainsaw(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return a chainsaw: a two-stroke engine that revs and labours, and the chain."""
    n_samples = round(duration_s * sr)
    load = signals.drift(n_samples, sr, 0.8, rng)
    speed_hz = rng.uniform(120, 170) * (1 + 0.12 * load) * (1 + 0.03 * signals.drift(n_samples, sr, 40, rng))
    engine = signals.wave(speed_hz, sr, signals.table(signals.rich(220, sr, 0.4, 50)), rng.uniform())
    whine = signals.wave(5.5 * speed_hz, sr, signals.table([1, 0.6, 0.4]), rng.uniform())
    chain = signals.shaped_noise(n_samples, sr, signals.band(1500, 8000, 1.0), rng)
    return (1 + 0.2 * load) * (0.6 * engine / engine.std() + 0.25 * whine + 0.7 * chain)


def air_conditioner(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return an air conditioner: air through its grille, the hum of the fan, the whine of its bearings."""
    n_samples = round(duration_s * sr)
    time_s = np.arange(n_samples, dtype=np.float32) / sr
    air = signals.shaped_noise(n_samples, sr, signals.band(390, 2900, 1.1), rng)
    breathing = 1 + 0.2 * np.sin(2 * np.pi * rng.uniform(1.8, 2.2) * time_s)
    fan_hz = np.full(n_samples, rng.uniform(250, 350), dtype=np.float32)
    fan = signals.wave(fan_hz, sr, signals.table(signals.rich(350, sr, 1.8, 20)), rng.uniform())
    bearings_hz = rng.uniform(1800, 2200) * (1 + 0.003 * signals.drift(n_samples, sr, 3, rng))
    bearings = signals.wave(bearings_hz, sr, signals.table([1, 0.5, 0.3]), rng.uniform())
    return air * breathing + 0.5 * fan / fan.std() + 0.25 * bearings


def gun_shot(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return one shot or a few: crack, boom, the slap of the nearest wall, and the echoes of the street."""
    n_samples, length = round(duration_s * sr), int(0.9 * sr)
    starts = rng.uniform(0.02, 0.12) + np.concatenate(
        [[0], np.cumsum(rng.uniform(0.25, 0.7, rng.integers(3)))]
    )
    starts = starts[starts < max(duration_s - 0.25, starts[0] + 0.01)]
    slap_at = int(rng.uniform(0.1, 0.15) * sr)
    shots = []
    for _ in starts:
        boom = signals.shaped_noise(length, sr, signals.band(200, 1900, 3.0), rng) * signals.decay(
            length, sr, 0.06
        )
        dies = signals.decay(length, sr, 0.003) + signals.decay(length, sr, 0.09)
        crack = signals.shaped_noise(length, sr, signals.band(660, 9200, 0.1), rng) * dies
        slap = signals.shaped_noise(length, sr, signals.band(300, 5000, 1.0), rng) * signals.decay(
            length, sr, 0.2
        )
        shot = boom + 0.5 * crack
        shot[slap_at:] += 0.5 * slap[: length - slap_at]
        shots.append(shot)
    return signals.echo(signals.overlay(n_samples, shots, (starts * sr).astype(int)), sr, 0.6, 0.25, rng)


def hammering(duration_s: float, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Return a hammer on wood, some three blows a second."""
    n_samples, length = round(duration_s * sr), int(0.2 * sr)
    starts = signals.repeat_times(duration_s, rng.uniform(0.27, 0.4), 0.06, rng, start_s=0.03)
    modes_hz = np.array([230, 920, 2800]) * rng.uniform(0.85, 1.15, 3)
    wood = signals.resonances(modes_hz, 0.3 * modes_hz, [2.7, 1, 1.2], 0.1)
    blow = signals.shape_spectrum(signals.noise(length, rng) * signals.decay(length, sr, 0.03), sr, wood)
    blows = (loudness * blow for loudness in rng.uniform(0.6, 1, len(starts)))
    return signals.echo(signals.overlay(n_samples, blows, (starts * sr).astype(int)), sr, 0.23, 0.41, rng)
