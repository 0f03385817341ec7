"""Speed of dataset creation, as a ratio to the plain way measured in the same run.

    python3 benchmarks/dataset_creation.py                       # synthetic clips of 10 s
    python3 benchmarks/dataset_creation.py --audio my_sounds     # a folder of sounds

The plain way takes one clip after the other: librosa reads it at each rate, third octaves are sums over the
bins of each band of each frame, librosa computes the Mels of each second. Ours is timed with its processes
running, as they are for a corpus that takes minutes; starting them costs some seconds once. Both ways are
checked to give the same values. Takes a minute or two; what was measured is kept in results/benchmarks.json.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from plain import plain_arrays
from record import Figure, keep

from spectral_transcoder.datasets.chunks import ChunkAnalysis
from spectral_transcoder.datasets.creation.files import write_clip
from spectral_transcoder.datasets.creation.plan import PlannedClip
from spectral_transcoder.signal.audio import AUDIO_SUFFIXES, read_audio
from spectral_transcoder.synthetic_city.demo_street import street_scene
from spectral_transcoder.utils.cli import positive
from spectral_transcoder.utils.parallel import available_cores, in_processes

ROUNDS = 3
DURATION_S = 10
Task = Callable[[PlannedClip], str | None]


def main() -> None:
    """Print the time that each way takes for a clip, and their ratio."""
    args = parse_arguments()
    analysis = ChunkAnalysis()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.audio or write_synthetic_clips(Path(temporary) / "audio", args.clips)
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES)
        files = files[: args.clips]
        task, clips = prepare(files, analysis, Path(temporary))
        check_equal(files[0], analysis)
        durations: dict[str, list[float]] = {"plain": [], "ours": []}
        for _ in range(ROUNDS):  # in turn, so that a noisy machine disturbs both alike
            start = time.perf_counter()
            for file in files:
                plain_arrays(file, analysis.third_octaves)
            durations["plain"].append(time.perf_counter() - start)
            durations["ours"].append(steady_pass_s(task, clips, args.jobs))
    medians = {name: statistics.median(values) for name, values in durations.items()}
    per_clip_ms = {name: 1e3 * median / len(files) for name, median in medians.items()}
    what = f"dataset creation, a clip, {args.jobs} processes"
    ratio = medians["ours"] / medians["plain"]
    figures = [Figure(what, per_clip_ms["ours"], "ms", "one clip after the other, by librosa", ratio)]
    keep("dataset creation", "python3 benchmarks/dataset_creation.py", figures)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio", type=Path, help="a folder of sounds (default: synthetic ones)")
    parser.add_argument("--clips", type=positive, default=24, help="how many of them (default 24)")
    parser.add_argument("--jobs", type=positive, default=available_cores(), help="processes (default: cores)")
    return parser.parse_args()


def write_synthetic_clips(folder: Path, n_clips: int, sr: int = 44100) -> Path:
    """Write clips as TAU's are, 44.1 kHz and 24 bits; return their folder."""
    folder.mkdir()
    for seed in range(n_clips):
        soundfile.write(folder / f"{seed:03}.wav", street_scene(DURATION_S, sr, seed), sr, subtype="PCM_24")
    return folder


def prepare(files: list[Path], analysis: ChunkAnalysis, folder: Path) -> tuple[Task, list[PlannedClip]]:
    """Make the arrays; return the task of a worker, and the clips with their rows."""
    clips: list[PlannedClip] = []
    first_row = 0
    for file in files:
        recording = read_audio(file)
        clips.append(PlannedClip(file.name, "train", first_row, len(recording.samples) // recording.sr))
        first_row += clips[-1].n_seconds
    paths = {("train", array): folder / f"{array}.npy" for array in analysis.shapes}
    for (_, array), path in paths.items():
        np.lib.format.open_memmap(path, "w+", np.float32, (first_row, *analysis.shapes[array]))
    return partial(write_clip, files[0].parent, paths, analysis), clips


def steady_pass_s(task: Task, clips: list[PlannedClip], jobs: int) -> float:
    """Return how long the clips take once all processes work: they go round three times, the first unmeasured."""
    results = in_processes(task, clips * 3, jobs)
    for _ in itertools.islice(results, len(clips)):
        pass
    start = time.perf_counter()
    for _ in itertools.islice(results, 2 * len(clips)):
        pass
    duration = (time.perf_counter() - start) / 2
    results.close()
    return duration


def check_equal(file: Path, analysis: ChunkAnalysis) -> None:
    """Raise AssertionError where the two ways differ by more than rounding."""
    recording, plain = read_audio(file), plain_arrays(file, analysis.third_octaves)
    n_seconds = len(recording.samples) // recording.sr
    for array, values in analysis.arrays(recording, 0, n_seconds).items():
        np.testing.assert_allclose(values, plain[array], atol=0.02, err_msg=array)


if __name__ == "__main__":
    main()
