"""A study, a job's work and a sensor's levels at once, while processes are killed at random (kill -9).

    python3 benchmarks/soak.py --minutes 60

Three lanes work side by side, each command being called again until it ends by itself: a study on a synthetic
city (corpus, dataset, a CNN-mels trained and scored), the command that a SLURM job runs (the supervisor, around a
training of an MLP), and classify_thirdo.py on a sensor's levels. Each lane begins anew in another folder as long as
the time lasts. Each round is compared with one that nothing disturbed: the same files, the same arrays, weights and
tables; nothing of the work is left behind, in its folders, in /dev/shm or among the processes.

Output: a table and results/soak.json; exit status 1 where something differs or is left. No SLURM is needed: what
SLURM itself does when a node dies is not part of this.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import spectral_transcoder  # noqa: F401 - first, so that threads that wait sleep

# isort: split
import numpy as np
import pandas as pd
import torch
from record import machine
from sensors import write_day

from spectral_transcoder.models.checkpoints import load_tensors
from spectral_transcoder.sensors.levels import FRAME_S
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import PROJECT_ROOT, RESULTS

MARK = "SOAK_RUN"  # the environment variable by which its processes are known, orphans too
TAU_FOLDER = "TAU-urban-acoustic-scenes-2020-mobile-development"
WHERE = "dataset=city+classifier=MiniYamNet"
CNN = f"cnn/{WHERE}+kernel_size=3+nb_layers=3+dilation=1+nb_channels=16+epoch=3+learning_rate=-3"
MLP = f"mlp/{WHERE}+epoch=10+learning_rate=-3+hidden1=100+hidden2=1000+transcoder=mlp"
LEFT_OVERS = ("*.part", "*.part.etag", "*.tmp", "*training_state", "*unfinished*", "*.parts")
MOST_ATTEMPTS = 200


@dataclass
class Lane:
    """One kind of work, and what happened to it.

    Attributes
    ----------
    name : str
        What it does.
    commands : callable
        From a folder to the commands that fill it, in order.
    rounds, attempts, kills : int
        Folders finished, calls of commands, processes of the lane that were killed.
    faults : list of str
        Commands that failed though nothing of theirs was killed; differences; what was left.
    """

    name: str
    commands: Callable[[Path], list[list[str]]]
    rounds: int = 0
    attempts: int = 0
    kills: int = 0
    faults: list[str] = field(default_factory=list)


def study(folder: Path) -> list[list[str]]:
    """Return the commands of a small study."""
    data = f"--data_path={folder / 'data'}"
    return [
        ["make_city.py", "TAU", "--clips", "24", "--output", str(folder / "city"), "--jobs", "1"],
        ["exp_train_model/create_mel_tho_dataset.py", data, "--dataset_name", "city", "--jobs", "1",
         "--audio_dataset_path", str(folder / "city" / TAU_FOLDER)],
        ["exp_train_model/main_doce_training.py", data, "-p", "-s", CNN, "-c"],
    ]  # fmt: skip


def job(folder: Path) -> list[list[str]]:
    """Return the commands of a job: its dataset, then what SLURM starts."""
    *corpus, training = study(folder)
    return [*corpus, ["-m", "spectral_transcoder.slurm.supervisor", training[1], "-p", "-s", MLP, "-c"]]


def sensor(folder: Path) -> list[list[str]]:
    """Return the command that classifies a sensor's levels, which lie beside the folder."""
    levels, output = folder.parent / "levels.csv", folder / "sensor.parquet"
    return [
        ["classify_thirdo.py", str(levels), "--offset", "-88", "-o", str(output), "--classifier", "MiniYamNet",
         "--transcoder", "pinv"],
    ]  # fmt: skip


def main() -> int:
    """Work undisturbed once, then disturbed; compare, print and write."""
    args = parse_arguments()
    lanes = [Lane("study", study), Lane("job of a cluster", job), Lane("sensor", sensor)]
    shared_memory = names_in(Path("/dev/shm"))
    with tempfile.TemporaryDirectory(prefix="soak_", dir=args.folder) as temporary:
        root = Path(temporary)
        for lane in lanes:
            (root / lane.name).mkdir()
            write_day(root / lane.name / "levels.csv", round(60 * args.levels_minutes / FRAME_S))
            work(lane, root / lane.name / "undisturbed", f"{lane.name} undisturbed")
            lane.attempts = 0
        run_name = uuid.uuid4().hex
        soak(lanes, root, run_name, args)
        left = [f"a process is left: {command_of(pid)}" for pid in processes_of(run_name)]
    left += [f"left in /dev/shm: {name}" for name in unused(names_in(Path("/dev/shm")) - shared_memory)]
    print("| lane | rounds | calls | killed | faults |\n|---|---|---|---|---|")
    for lane in lanes:
        print(f"| {lane.name} | {lane.rounds} | {lane.attempts} | {lane.kills} | {len(lane.faults)} |")
    faults = [f"{lane.name}: {fault}" for lane in lanes for fault in lane.faults] + left
    print("\n".join(faults))
    rows = [{key: value for key, value in asdict(lane).items() if key != "commands"} for lane in lanes]
    report = {"machine": machine(), "minutes": args.minutes, "seed": args.seed, "left": left, "lanes": rows}
    with atomic_path(args.results / "soak.json") as path:
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(bool(faults))


def soak(lanes: list[Lane], root: Path, run_name: str, args: argparse.Namespace) -> None:
    """Let all lanes work at once while processes are killed, as long as the time lasts."""
    deadline = time.monotonic() + 60 * args.minutes
    threads = [
        threading.Thread(target=repeat, args=(lane, root / lane.name, run_name, deadline)) for lane in lanes
    ]
    for thread in threads:
        thread.start()
    rng = random.Random(args.seed)
    while time.monotonic() < deadline:
        time.sleep(min(rng.expovariate(1 / args.kill_every_s), max(0.0, deadline - time.monotonic())))
        kill_one(lanes, run_name, rng)
    for thread in threads:
        thread.join()


def repeat(lane: Lane, folder: Path, run_name: str, deadline: float) -> None:
    """Do a lane's work in one folder after the other until the deadline; the last one is finished."""
    while time.monotonic() < deadline:
        disturbed = folder / f"round{lane.rounds}"
        work(lane, disturbed, f"{run_name} {lane.name}")
        lane.faults += differences(folder / "undisturbed", disturbed)
        lane.rounds += 1


def work(lane: Lane, folder: Path, mark: str) -> None:
    """Fill a folder: call each command until it ends with 0."""
    folder.mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", MARK: mark}
    for command in lane.commands(folder):
        script = command if command[0] == "-m" else [str(PROJECT_ROOT / command[0]), *command[1:]]
        for _ in range(MOST_ATTEMPTS):
            killed_before = lane.kills
            lane.attempts += 1
            ended = subprocess.run(
                [sys.executable, *script], env=environment, capture_output=True, text=True, cwd=PROJECT_ROOT
            )
            if ended.returncode == 0:
                break
            if lane.kills == killed_before:
                lines = (ended.stderr or ended.stdout).strip().splitlines() or [""]
                lane.faults.append(f"{command[:2]} ended with {ended.returncode}: {lines[-1]}")
        else:
            lane.faults.append(f"{command[:2]} did not end in {MOST_ATTEMPTS} calls")


def kill_one(lanes: list[Lane], run_name: str, rng: random.Random) -> None:
    """Kill one process of the run, any of them."""
    processes = processes_of(run_name)
    if not processes:
        return
    pid = rng.choice(sorted(processes))
    lane = next(lane for lane in lanes if processes[pid].endswith(lane.name))
    lane.kills += 1  # before: its command must not be found failing without a reason
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        lane.kills -= 1


def processes_of(run_name: str) -> dict[int, str]:
    """Return the processes that carry the run's mark: number to mark."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        for variable in variables:
            name, _, mark = variable.decode(errors="replace").partition("=")
            if name == MARK and mark.startswith(run_name):
                found[int(folder.name)] = mark
    return found


def command_of(pid: int) -> str:
    """Return a process's command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return str(pid)


def names_in(folder: Path) -> set[str]:
    """Return the names in a folder; none where there is no folder."""
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def unused(names: set[str]) -> list[str]:
    """Return those shared memories that no living process has mapped: others on the machine use theirs."""
    mapped = ""
    for path in Path("/proc").glob("[0-9]*/maps"):
        try:
            mapped += path.read_text(errors="replace")
        except OSError:
            continue
    return sorted(name for name in names if name not in mapped)


def differences(expected: Path, found: Path) -> list[str]:
    """Return what of a folder is not as in the undisturbed one, one line each."""
    names, others = files_of(expected), files_of(found)
    faults = [f"lost: {name}" for name in sorted(names - others)]
    faults += [f"left behind or new: {name}" for name in sorted(others - names)]
    for pattern in LEFT_OVERS:
        faults += [f"left behind: {path.relative_to(found)}" for path in found.rglob(pattern)]
    return faults + [
        f"differs: {name}" for name in sorted(names & others) if not same(expected / name, found / name)
    ]


def files_of(folder: Path) -> set[str]:
    """Return the files below a folder, without logs of events, whose names hold the time."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in paths if not path.name.startswith("events.out")}


def same(first: Path, second: Path) -> bool:
    """Whether two files hold the same results; those of times and places need not be compared."""
    if first.name.endswith("_model"):
        return same_tensors(load_tensors(first), load_tensors(second))
    if first.suffix == ".npy":
        return np.array_equal(np.load(first), np.load(second))
    if first.suffix == ".parquet":
        return pd.read_parquet(first).equals(pd.read_parquet(second))
    return first.suffix not in (".wav", ".csv") or first.read_bytes() == second.read_bytes()


def same_tensors(first: object, second: object) -> bool:
    """Whether all tensors of two checkpoints are equal."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same_tensors(first[key], second[key]) for key in first)
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return torch.equal(first, second)
    return True


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60, help="of killing (default 60)")
    parser.add_argument("--kill_every_s", type=float, default=20, help="mean time between kills (default 20)")
    parser.add_argument("--levels_minutes", type=cli.positive, default=60, help="of a sensor (default 60)")
    parser.add_argument("--seed", type=cli.seed, default=0, help="of the kills (default 0)")
    parser.add_argument("--folder", type=Path, help="where its folder is made (default: /tmp)")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder of the results (default results/)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)
