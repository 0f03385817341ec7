"""Speed of classify_thirdo.py by classifier and transcoder, and its memory against the length of the levels.

    python3 benchmarks/sensor_speed.py --models_path pretrained_models

Made levels of a street are classified by the command itself, files included, with one thread. Its processor time
is taken between a short and a long file, so that starting does not count, and other work on the machine little;
beside it stands the classifier alone, fed with ready Mels in this process. Where the two files cannot be distinguished
by their times there is no figure: the benchmark stops. Without --models_path only the embedded classifier is
measured. Takes some minutes; what was measured is kept in results/benchmarks.json.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import spectral_transcoder  # noqa: F401 - first, so that threads that wait sleep

# isort: split
import torch
from measured_command import Finished, run_measured
from record import Figure, keep
from sensors import write_day
from tqdm import tqdm

from spectral_transcoder.models.classifiers import CLASSIFIERS, ClassifierRecord, load_classifier
from spectral_transcoder.models.registry import STUDENT, best_model, best_transcoder
from spectral_transcoder.models.student import Student, StudentSettings
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.sensors.levels import FRAME_S
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.parallel import one_torch_thread
from spectral_transcoder.utils.paths import PROJECT_ROOT

UNTRAINED = ("pinv", "pinv_texture")
LEAST_SHARE = 0.2  # of the short file's time, by which the long one has to take longer
MEL_SECONDS = 256  # that the classifier alone is fed with
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def main() -> int:
    """Measure each pair, then the memory; keep both tables."""
    args = parse_arguments()
    records = [record for record in CLASSIFIERS.values() if record.path_in(args.models_path).is_file()]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for minutes in {*args.minutes, *args.memory_minutes}:
            write_day(folder / f"{minutes}.csv", round(60 * minutes / FRAME_S))
        pairs = [(record, name) for record in records for name in transcoders_of(record, folder)]
        for record in records:  # not counted: the first run reads the packages and weights from the disk
            classify(record, UNTRAINED[0], folder / f"{args.minutes[0]}.csv", args)
        speeds = [
            measure_speed(record, name, folder, args) for record, name in tqdm(pairs, "speed", disable=None)
        ]
        memory = measure_memory(records[-1], folder, args)
    command = "python3 benchmarks/sensor_speed.py"
    keep("sensors", command, speeds)
    keep("memory of sensors", command, memory)
    return 0


def transcoders_of(record: ClassifierRecord, folder: Path) -> list[str]:
    """Return what is measured of a classifier: without training, its default, its best CNN, and the other kinds.

    The CNN on the sensor's grid and the student have weights as they begin, which take as long as trained ones.
    """
    front_end = record.front_end.name
    grid, student = (folder / f"{name}_of_{record.name}_model" for name in ("cnn_grid", STUDENT))
    Transcoder(TranscoderSettings("cnn_grid", front_end, options={"nb_channels": 32})).save(grid)
    Student(StudentSettings(record.name, nb_channels=16)).save(student)
    found = (best_model(record.name)[0].name, best_transcoder(record.name)[0].name)
    names = dict.fromkeys([*UNTRAINED, *found])
    names.pop(STUDENT, None)  # measured in any case
    return [*names, str(grid), str(student)]


def classify(record: ClassifierRecord, transcoder: str, path: Path, args: argparse.Namespace) -> Finished:
    """Run the command on a file of levels; stop where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, PROJECT_ROOT / "classify_thirdo.py", path, "--offset", "-88",
            "-o", f"{folder}/levels.parquet", "--classifier", record.name,
            "--weights", record.path_in(args.models_path), "--transcoder", transcoder,
            "--scores", args.scores, "--grouping", "sonyc_ust",
        ]  # fmt: skip
        return run_measured(command, environment={**os.environ, **ONE_THREAD})


def measure_speed(
    record: ClassifierRecord, transcoder: str, folder: Path, args: argparse.Namespace
) -> Figure:
    """Return the median seconds of levels per second of one core, beside those of the classifier alone."""
    # a student is so fast that half an hour of levels is lost in what starting takes
    is_student = Path(transcoder).name.startswith(STUDENT)
    longest = max(args.memory_minutes) if is_student else args.minutes[1]
    minutes = (args.minutes[0], longest)
    speeds = sorted(speed_once(record, transcoder, folder, minutes, args) for _ in range(args.repeats))
    median, alone = speeds[len(speeds) // 2], speed_alone(record, args)
    return Figure(
        f"{record.name} through {Path(transcoder).name}",
        median,
        f"s of levels a second of a core ({speeds[0]:.0f} … {speeds[-1]:.0f})",
        f"the classifier alone, {alone:.3g}",
        median / alone,
    )


def speed_once(
    record: ClassifierRecord,
    transcoder: str,
    folder: Path,
    minutes: tuple[int, int],
    args: argparse.Namespace,
) -> float:
    """Return the seconds of levels per second of one core, between a short and a long file."""
    short, long = (classify(record, transcoder, folder / f"{length}.csv", args) for length in minutes)
    difference_s = long.cpu_s - short.cpu_s
    if difference_s < LEAST_SHARE * short.cpu_s:
        raise SystemExit(
            f"{record.name} through {transcoder}: {minutes[0]} and {minutes[1]} minutes of levels took "
            f"{short.cpu_s:.2f} and {long.cpu_s:.2f} s: too near each other to give a speed, choose longer --minutes"
        )
    return 60 * (minutes[1] - minutes[0]) / difference_s


def speed_alone(record: ClassifierRecord, args: argparse.Namespace) -> float:
    """Return the seconds of ready Mels per second that a classifier computes on one core."""
    classifier = load_classifier(record.name, record.path_in(args.models_path))
    mels = torch.randn(MEL_SECONDS, record.front_end.chunk_frames, record.front_end.n_mels)
    with one_torch_thread():
        classifier.scores(mels[:64])
        start = time.process_time()
        classifier.scores(mels)
        return MEL_SECONDS / (time.process_time() - start)


def measure_memory(record: ClassifierRecord, folder: Path, args: argparse.Namespace) -> list[Figure]:
    """Return the peak memory of the command for each length, beside that of the shortest."""
    lengths = sorted(args.memory_minutes)
    peaks = [classify(record, "pinv", folder / f"{minutes}.csv", args).peak_bytes for minutes in lengths]
    return [
        Figure(
            f"{minutes / 60:g} h of levels, {record.name}",
            peak / 1e6,
            "MB",
            f"{lengths[0] / 60:g} h",
            peak / peaks[0],
        )
        for minutes, peak in zip(lengths, peaks, strict=True)
    ]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models_path", type=Path, default=Path("pretrained_models"), help="of the weights")
    parser.add_argument(
        "--minutes",
        type=cli.positive,
        nargs=2,
        default=(10, 60),
        metavar=("SHORT", "LONG"),
        help="default 10 60",
    )
    parser.add_argument(
        "--repeats", type=cli.positive, default=3, help="runs of each, of which the median counts (default 3)"
    )
    parser.add_argument(
        "--memory_minutes", type=cli.positive, nargs="+", default=(60, 360, 1440), help="default 60 360 1440"
    )
    parser.add_argument(
        "--scores", choices=("all", "classes"), default="all", help="what is written (default all)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)
