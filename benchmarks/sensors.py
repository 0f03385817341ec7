"""Measure a day of sensor levels, and what a sensor with 20 bands costs.

    python3 benchmarks/sensors.py day
    python3 benchmarks/sensors.py bands --audio_path TAU_CLIPS URBANSOUND8K_CLIPS

`day` writes a csv of 691,200 made rows, classifies it with classify_thirdo.py and prints throughput and peak
memory (options that it does not know are handed on, such as --transcoder). `bands` compares the scores of
sounds through 29 bands and through the 20 of fast-to-wav, and writes results/sensor_bands.csv.
`day` takes 8 minutes on one core, `bands` one minute with 46 sounds.
"""

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from spectral_transcoder.sensors.classify import SensorClassifier
from spectral_transcoder.sensors.levels import FRAME_S, N_BANDS, NOMINAL_HZ, LevelBlock
from spectral_transcoder.sensors.sounds import audio_blocks
from spectral_transcoder.signal.sound_files import find_audio
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import AUDIO, PROJECT_ROOT, RESULTS

FAST_TO_WAV = np.isin(np.arange(N_BANDS), np.arange(NOMINAL_HZ.index("125"), NOMINAL_HZ.index("10000") + 1))


def main() -> int:
    """Run the measurement asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measurement", choices=("day", "bands"))
    parser.add_argument("--audio_path", nargs="+", default=[], help="folders of sounds (bands)")
    parser.add_argument(
        "--most", type=cli.positive, default=40, help="sounds of each folder, evenly spaced (bands)"
    )
    parser.add_argument("--hours", type=float, default=24, help="of levels (day)")
    args, options = parser.parse_known_args()
    if args.measurement == "day":
        return measure_day(args.hours, options)
    measure_bands(args.audio_path, args.most)
    return 0


def measure_day(hours: float, options: list[str]) -> int:
    """Classify a made csv in a process of its own; print what it prints, and its peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.csv"
        write_day(path, round(hours * 3600 / FRAME_S))
        script = str(PROJECT_ROOT / "classify_thirdo.py")
        command = [sys.executable, script, str(path), "--offset", "-88", "-o", f"{folder}/day.parquet"]
        status = subprocess.run([*command, *options]).returncode
        output = Path(folder) / "day.parquet"
        if status == 0:
            print(f"{output.stat().st_size / 1e6:.1f} MB of Parquet")
    peak_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"peak memory: {peak_kb / 1e6:.2f} GB")
    return status


def write_day(path: Path, n_rows: int) -> None:
    """Write a csv of made levels in dB SPL, to a hundredth, as CENSE does."""
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        file.write(",".join(["epoch", "leq", "laeq", *NOMINAL_HZ]) + "\n")
        for start in range(0, n_rows, 8192):
            index = np.arange(start, min(start + 8192, n_rows))
            levels = np.linspace(60, 35, N_BANDS) + rng.normal(0, 2, (len(index), N_BANDS))
            rows = np.column_stack([1577836800 + FRAME_S * index, np.full((len(index), 2), 60), levels])
            np.savetxt(file, rows, "%.3f,%.1f,%.1f" + ",%.2f" * N_BANDS)


def measure_bands(folders: Sequence[str], most: int) -> None:
    """Compare scores of sounds through 29 and through 20 bands, and write the table."""
    rows = []
    for transcoder in ("pinv", "cnn_logits"):
        model = SensorClassifier.load(transcoder=transcoder)
        for folder in folders:
            sounds = evenly(find_audio([folder], AUDIO), most)
            pairs = [compare_bands(model, sound) for sound in tqdm(sounds, desc=f"{transcoder}, {folder}")]
            full, reduced = (np.concatenate(scores) for scores in zip(*pairs, strict=True))
            rows.append(
                {
                    "classifier": model.classifier.record.name,
                    "transcoder": transcoder,
                    "sounds": f"{len(sounds)} of {Path(folder).name}",
                    "windows": len(full),
                    "top1_agreement": f"{np.mean(full.argmax(1) == reduced.argmax(1)):.3f}",
                    "mean_score_difference": f"{np.abs(full - reduced).mean():.1e}",
                    "largest_score_difference": f"{np.abs(full - reduced).max():.3f}",
                }
            )
    path = RESULTS / "sensor_bands.csv"
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(path.read_text(encoding="utf-8") + f"written: {path}")


def evenly(sounds: list[Path], most: int) -> list[Path]:
    """Return at most so many sounds, evenly spaced."""
    return sounds[:: -(-len(sounds) // most)]


def compare_bands(model: SensorClassifier, sound: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of a sound's seconds through all bands and through those of fast-to-wav."""
    blocks = list(audio_blocks(sound))
    reduced = [LevelBlock(b.sensor, b.file, b.epoch_s, b.levels_db, FAST_TO_WAV) for b in blocks]
    full, through_reduced = (
        np.concatenate([windows.scores for windows in model.classify(levels)]) for levels in (blocks, reduced)
    )
    return full, through_reduced


if __name__ == "__main__":
    cli.run(main)
