"""Rows of a made year of a sensor, as classify_thirdo.py writes them: traffic by day, birds at dawn in spring."""

import numpy as np
import pyarrow as pa

from spectral_transcoder.sensors.results import LEVEL_COLUMNS

YEAR_S = 1704067200.0  # 2024-01-01T00:00:00Z, a Monday
DAY_S = 86400


def made_year(sensor, n_days=366, every_s=600, seed=0, missing=(), half=()):
    """Return rows of 10 s every `every_s`; days of `missing` have none, days of `half` the first 10 hours."""
    generator = np.random.default_rng(seed)
    epoch_s = YEAR_S + np.arange(0, n_days * DAY_S, every_s, dtype=float)
    day, hour = ((epoch_s - YEAR_S) // DAY_S).astype(int), (epoch_s % DAY_S) / 3600
    kept = ~np.isin(day, missing) & ~(np.isin(day, half) & (hour >= 10))
    epoch_s, day, hour = epoch_s[kept], day[kept], hour[kept]
    weekend = day % 7 >= 5
    traffic = np.clip(np.exp(-((hour - 8) ** 2) / 6) + np.exp(-((hour - 18) ** 2) / 6), 0, 1)
    traffic = np.where(weekend, 0.4, 0.9) * traffic + 0.05
    voices = np.where(weekend, 0.5, 0.25) * np.exp(-((hour - 20) ** 2) / 10)
    season = 0.5 + 0.5 * np.cos(2 * np.pi * (day - 130) / 366)
    birds = season * np.exp(-((hour - 5) ** 2) / 3)
    level = 45 + 15 * traffic + generator.normal(0, 2, len(day))
    columns = {
        "sensor": [sensor] * len(day),
        "epoch_s": epoch_s,
        "duration_s": np.full(len(day), 10.0),
    }
    for name, probability in (("traffic", traffic), ("voices", voices), ("birds", birds)):
        columns[f"{name}_present"] = generator.random(len(day)) < probability
        columns[f"{name}_probability"] = probability.astype(np.float32)
    for name in LEVEL_COLUMNS:
        columns[name] = (level - 14).astype(np.float32)
    return pa.table(columns)
