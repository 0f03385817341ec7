"""What a graphics card makes of this project: the same values as a processor, and how long trainings take on it.

    python3 benchmarks/gpu.py                                   # any CUDA machine; some minutes, no data needed
    python3 benchmarks/gpu.py --device cpu --chunks 64 --batch_size 4 --steps 2 --experiments   # a trial

1. Every network and classifier is computed on the device and on the CPU, in exact float32, with TF32 (torch's
   default for convolutions on CUDA) and in bf16; the largest difference is compared with a tolerance each.
2. CNN-mels and CNN-logits are trained for some steps by the training loop itself, on a synthetic corpus of the
   full size (79,080 chunks) in the device's memory: float32 and bf16, eager and compiled.
3. Every other model of the restricted and of the detailed experiment is trained for a few steps, in the precision
   that trainings have by default on the device, and the hours of both experiments follow.

Yardsticks of the same run: the device's peak is that of one large product of matrices, its bandwidth that of one
large copy. The traffic of a step is what its operations read and write when none are fused. Weights are random.
Output: a table on the terminal and results/gpu_<name>.json; exit status 1 where a difference is too large.
"""

import argparse
import json
import platform
import re
from pathlib import Path

import spectral_transcoder  # noqa: F401 - first, so that threads that wait sleep

# isort: split
import torch
from gpu_checks import check_all
from gpu_workloads import Corpus, Workload, available_workloads, hours_of, measure, workloads_of
from gpu_yardsticks import Yardsticks, measure_yardsticks
from tqdm import tqdm

from spectral_transcoder.utils import cli
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import RESULTS

PRECISIONS = {"float32": "32-true", "bf16": "bf16-mixed"}
FULL_SIZE = 79_080  # chunks of the training split of the whole of TAU: 7,908 clips of 10 s
EPOCHS = 200


def main() -> int:
    """Check, measure, print and write; return 1 where a check failed."""
    args = parse_arguments()
    device = torch.device(args.device)
    name = device_name(device)
    yardsticks = measure_yardsticks(device, args.yardstick_size)
    print(f"{name}: {yardsticks.describe()}\n")
    report = Report(
        args.results / f"gpu_{re.sub('[^a-z0-9]+', '_', name.lower()).strip('_')}.json",
        device=name,
        versions={"torch": torch.__version__, "python": platform.python_version()},
        corpus={"chunks": args.chunks, "batch_size": args.batch_size, "steps": args.steps},
        yardsticks=vars(yardsticks),
    )
    checks = check_all(device, args.models_path)
    report.add(checks=[vars(check) for check in checks])
    for check in checks:
        print(check)
    corpus = Corpus(args.chunks, args.batch_size, device)
    rows = measure_main("eager", corpus, args, yardsticks)
    report.add(training=rows)
    hours = measure_experiments(corpus, args, yardsticks)
    report.add(experiments=hours)
    if args.compile:
        rows += measure_main("compiled", corpus, args, yardsticks)
        report.add(training=rows)
    print("\n" + table(rows))
    for experiment, value in hours.items():
        print(
            f"{experiment} experiment, {EPOCHS} epochs: {value['hours']:.1f} h, {value['trainings']} trainings"
        )
    print(f"written: {report.path}")
    return int(not all(check.passed for check in checks))


class Report:
    """What a run has measured, written after each part: compiling takes longest, and a run may be stopped in it.

    Attributes
    ----------
    path : Path
        Where it is written, as JSON.
    """

    def __init__(self, path: Path, **about: object) -> None:
        self.path = path
        self._values: dict[str, object] = about

    def add(self, **values: object) -> None:
        """Add or replace values, and write the whole."""
        self._values |= values
        with atomic_path(self.path) as temporary:
            temporary.write_text(json.dumps(self._values, indent=1) + "\n", encoding="utf-8")


def measure_main(mode: str, corpus: Corpus, args: argparse.Namespace, yardsticks: Yardsticks) -> list[dict]:
    """Measure the main trainings in each precision, eager or compiled: a row each."""
    cases = [
        (workload, precision)
        for workload in available_workloads()
        for precision in PRECISIONS
        if workload.name in args.trainings
    ]
    rows = []
    for workload, precision in tqdm(cases, desc=f"{mode} trainings", leave=False, disable=None):
        measured = measure(workload, corpus, PRECISIONS[precision], mode == "compiled", args.steps)
        rows.append(row_of(workload, precision, mode, measured, yardsticks))
    return rows


def row_of(
    workload: Workload, precision: str, mode: str, measured: dict[str, float], yardsticks: Yardsticks
) -> dict:
    """Return what was measured of a training, with its shares of the yardsticks and what bounds it."""
    step_s = measured["step_s"]
    arithmetic = measured["step_flop"] / step_s / yardsticks.flop_per_s(precision)
    bandwidth = measured["step_bytes"] / step_s / yardsticks.bytes_per_s
    return {
        "training": workload.name,
        "precision": precision,
        "mode": mode,
        "step_ms": round(1e3 * step_s, 3),
        "epoch_s": round(measured["epoch_s"], 2),
        "memory_gb": round(measured["memory_bytes"] / 1e9, 3),
        "share_of_peak": round(arithmetic, 4),
        "share_of_bandwidth": round(bandwidth, 4),
        "bound_by": bound_by(arithmetic, bandwidth, measured["issue_s"] / step_s),
    }


def bound_by(arithmetic: float, bandwidth: float, issuing: float) -> str:
    """Return what takes a step's time: shares of the peak, of the bandwidth, of the time to issue operations."""
    if issuing > 0.9:
        return "issuing operations"
    return "arithmetic" if arithmetic >= bandwidth else "memory"


def measure_experiments(corpus: Corpus, args: argparse.Namespace, yardsticks: Yardsticks) -> dict[str, dict]:
    """Measure every training of both experiments briefly; return their hours, training and validation."""
    precision = PRECISIONS["bf16" if corpus.device.type == "cuda" else "float32"]
    found = {experiment: workloads_of(experiment, EPOCHS) for experiment in args.experiments}
    epoch_s: dict[Workload, float] = {}
    different = list(dict.fromkeys(workload for workloads in found.values() for workload in workloads))
    for workload in tqdm(different, desc="models of the experiments", leave=False, disable=None):
        epoch_s[workload] = measure(workload, corpus, precision, False, args.short_steps)["epoch_s"]
    return {
        experiment: {
            "hours": round(hours_of(workloads, epoch_s, EPOCHS), 2),
            "trainings": len(workloads),
            "precision": precision,
        }
        for experiment, workloads in found.items()
    }


def table(rows: list[dict]) -> str:
    """Return rows as a table of Markdown."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    return "\n".join(lines + ["| " + " | ".join(map(str, row.values())) + " |" for row in rows])


def device_name(device: torch.device) -> str:
    """Return what the device is called."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU {platform.machine()}"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=here, help="cuda, cuda:1, … or cpu (default: cuda where it is)")
    parser.add_argument("--chunks", type=cli.positive, default=FULL_SIZE, help=f"default {FULL_SIZE}")
    parser.add_argument("--batch_size", type=cli.positive, default=64, help="chunks of a step (default 64)")
    parser.add_argument("--steps", type=cli.positive, default=200, help="of the main trainings (default 200)")
    parser.add_argument("--short_steps", type=cli.positive, default=20, help="of the others (default 20)")
    names = [workload.name for workload in available_workloads()]
    parser.add_argument("--trainings", nargs="+", choices=names, default=names, help="default: all of these")
    parser.add_argument(
        "--experiments", nargs="*", choices=("restricted", "detailed"), default=("restricted", "detailed"),
        help="whose hours are wanted (default: both)",
    )  # fmt: skip
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, default=here == "cuda",
        help="measure compiled trainings too (default: on CUDA)",
    )  # fmt: skip
    parser.add_argument("--yardstick_size", type=cli.positive, default=8192 if here == "cuda" else 1024,
                        help="rows of the matrices that measure the peak (default 8192 on CUDA)")  # fmt: skip
    parser.add_argument(
        "--models_path", type=Path, help="folder of the classifiers' weights (default: random)"
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder of the results (default results/)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)
