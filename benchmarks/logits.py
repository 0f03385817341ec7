"""Speed of the class outputs of experiment 2, as a ratio to a loop over files measured in the same run.

    python3 benchmarks/logits.py                       # synthetic clips of 4 s
    python3 benchmarks/logits.py --audio my_sounds     # a folder of sounds

The loop takes one file after the other: librosa reads it for the true Mels, the classifier scores them; librosa
reads it again for the third octaves, which are sums over the bins of each band of each frame, and the classifier
scores what PINV makes of them. It is measured as published, PINV's pseudo-inverse and Mel filters being built for
each file, and lean, with those built once. Ours is timed with its processes running, as they are for a corpus that
takes minutes; starting them costs some seconds once. All ways predict with YamNetMobile, whose weights are random
unless they are there, write a file for each clip and kind of outputs, and are checked to give the same. Takes a minute
or two; what was measured is kept in results/benchmarks.json.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import spectral_transcoder  # noqa: F401 - first, so that threads that wait sleep

# isort: split
import librosa
import numpy as np
import soundfile
import torch
from plain import plain_levels, plain_mels
from record import Figure, keep

from spectral_transcoder.evaluation.prediction_writer import (
    FILES_PER_BATCH,
    Batch,
    Scores,
    predict_batch,
    write,
)
from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.evaluation.tagging import TaggingPipeline, find_pipeline
from spectral_transcoder.models.classifiers import CLASSIFIERS
from spectral_transcoder.models.pinv import Pinv
from spectral_transcoder.signal.audio import AUDIO_SUFFIXES, peak_normalise
from spectral_transcoder.signal.mel_spectrograms import MelFrontEnd, mel_filters
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.synthetic_city.demo_street import street_scene
from spectral_transcoder.utils.cli import positive
from spectral_transcoder.utils.parallel import available_cores, in_processes, one_torch_thread
from spectral_transcoder.utils.paths import PRETRAINED_MODELS

CLASSIFIER = "YamNetMobile"
ROUNDS = 2
DURATION_S = 4
TOLERANCE = 1e-4


def main() -> None:
    """Print how many files each way does in a second, the ratios, and the time of a core that a file takes."""
    args = parse_arguments()
    with tempfile.TemporaryDirectory() as folder_name:
        temporary = Path(folder_name)
        folder = args.audio or write_synthetic_clips(temporary / "audio", args.clips)
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES)[
            : args.clips
        ]
        models = args.models_path
        if not (models / CLASSIFIERS[CLASSIFIER].weights).is_file():
            models = write_random_weights(temporary)
        pipelines = find_pipeline(CLASSIFIER, "self", models), find_pipeline(CLASSIFIER, "pinv", models)
        batches = [
            Batch(tuple(path.name for path in files[start : start + FILES_PER_BATCH]), pipelines)
            for start in range(0, len(files), FILES_PER_BATCH)
        ]
        looped, ours = LogitFolder("LOOP", temporary), LogitFolder("OURS", temporary)
        ways = {
            "loop as published": partial(loop, files, pipelines, looped, lean=False),
            "lean loop": partial(loop, files, pipelines, looped, lean=True),
            "ours": partial(write_all, batches, folder, ours),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        cpu_s: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):  # in turn, so that a noisy machine disturbs all alike
            for name, way in ways.items():
                start, cpu_start = time.perf_counter(), time.process_time()
                way()
                rates[name].append(len(files) / (time.perf_counter() - start))
                cpu_s[name].append((time.process_time() - cpu_start) / len(files))
            rates["ours"][-1] = steady_rate(batches, folder, ours, args.jobs)
        check_equal(files, temporary)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    what = f"class outputs of {CLASSIFIER} on true Mels and on PINV, {args.jobs} processes"
    figures = [
        Figure(what, medians["ours"], "files a second", name, medians["ours"] / medians[name])
        for name in list(ways)[:-1]
    ]
    lean_ms, ours_ms = (1e3 * min(cpu_s[name]) for name in ("lean loop", "ours"))
    figures.append(
        Figure("the same in one process", ours_ms, "ms of CPU a file", "lean loop", ours_ms / lean_ms)
    )
    keep("class outputs", "python3 benchmarks/logits.py", figures)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio", type=Path, help="a folder of sounds (default: synthetic ones)")
    parser.add_argument("--clips", type=positive, default=48, help="how many of them (default 48)")
    parser.add_argument("--jobs", type=positive, default=available_cores(), help="processes (default: cores)")
    parser.add_argument(
        "--models_path", type=Path, default=PRETRAINED_MODELS, help="folder of the classifier's weights"
    )
    return parser.parse_args()


def write_synthetic_clips(folder: Path, n_clips: int, sr: int = 22050) -> Path:
    """Write clips such as UrbanSound8K's; return their folder."""
    folder.mkdir()
    for seed in range(n_clips):
        soundfile.write(folder / f"{seed:03}.wav", street_scene(DURATION_S, sr, seed), sr)
    return folder


def write_random_weights(folder: Path) -> Path:
    """Write random weights of the classifier; return their folder."""
    torch.manual_seed(0)
    record = CLASSIFIERS[CLASSIFIER]
    torch.save(record.build().state_dict(), folder / record.weights)
    return folder


def steady_rate(batches: list[Batch], folder: Path, logits: LogitFolder, jobs: int) -> float:
    """Return files per second once all processes work: they go round three times, the first unmeasured."""
    results = in_processes(partial(predict_batch, folder), batches * 3, jobs)
    done, start = 0, 0.0
    for index, (batch, outcomes) in enumerate(results, start=1):
        write_batch(logits, batch, outcomes)
        done += len(batch.files) if start else 0
        if index == len(batches):
            start = time.perf_counter()
    return done / (time.perf_counter() - start)


def write_all(batches: list[Batch], folder: Path, logits: LogitFolder) -> None:
    """Write the outputs of all batches in this process."""
    with one_torch_thread():
        for batch in batches:
            write_batch(logits, batch, predict_batch(folder, batch))


def write_batch(logits: LogitFolder, batch: Batch, outcomes: Sequence[Scores | str]) -> None:
    """Write the outputs of a batch; stop where a file could not be read."""
    for file, outcome in zip(batch.files, outcomes, strict=True):
        if isinstance(outcome, str):
            raise SystemExit(outcome)
        write(logits, file, outcome)


def loop(
    files: Sequence[Path], pipelines: tuple[TaggingPipeline, TaggingPipeline], logits: LogitFolder, lean: bool
) -> None:
    """Write the outputs of one file after the other, as one writes it first."""
    third_octaves, (true, transcoded) = ThirdOctaves(), pipelines
    classifier, front_end = true.load_classifier(), true.front_end
    pinv = Pinv(third_octaves, front_end)
    for file in files:
        if not lean:
            mel_filters.cache_clear()
            pinv = Pinv(third_octaves, front_end)
        patches = plain_patches(peak_normalise(librosa.load(file, sr=front_end.sr)[0]), front_end)
        scores = {true: classifier.recording_scores(np.stack(patches))}
        signal = peak_normalise(librosa.load(file, sr=third_octaves.sr)[0])
        levels = [plain_levels(second, third_octaves) for second in split_padded(signal, third_octaves.sr)]
        scores[transcoded] = classifier.recording_scores(pinv(torch.tensor(np.stack(levels)).float()).numpy())
        write(logits, file.name, scores)


def split_padded(signal: np.ndarray, sr: int) -> list[np.ndarray]:
    """Return the seconds of a signal; a last one of half a second or more is zero-padded, a shorter one dropped."""
    seconds = [signal[start : start + sr] for start in range(0, len(signal), sr)]
    if len(seconds) > 1 and len(seconds[-1]) < sr / 2:
        seconds = seconds[:-1]
    return [np.pad(second, (0, sr - len(second))) for second in seconds]


def plain_patches(signal: np.ndarray, record: MelFrontEnd) -> list[np.ndarray]:
    """Return the log Mels of a signal as librosa computes them, a patch each second: list of (96, 64)."""
    mels = plain_mels(signal, record)
    starts = range(0, len(mels) - record.chunk_frames + 1, record.frames_per_second)
    return [mels[start : start + record.chunk_frames].astype(np.float32) for start in starts]


def check_equal(files: Sequence[Path], folder: Path) -> None:
    """Stop unless both ways have given the same outputs."""
    difference = max(
        np.abs(np.load(path) - np.load(LogitFolder("OURS", folder).folder / path.name)).max()
        for path in LogitFolder("LOOP", folder).folder.iterdir()
    )
    print(f"largest difference of {2 * len(files)} outputs: {difference:.1e}")
    if difference > TOLERANCE:
        raise SystemExit(f"the two ways differ by {difference}, more than {TOLERANCE}")


if __name__ == "__main__":
    main()
