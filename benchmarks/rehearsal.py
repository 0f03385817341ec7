"""A rehearsal of the real size without the internet: downloads that are cut and killed, a dataset, class outputs.

    python3 benchmarks/rehearsal.py --scale 0.02                     # 0.02 of 55 GB
    python3 benchmarks/rehearsal.py --scale 1 --clips_scale 1        # 55 GB over the loopback, 62 GB free on the disk

1. The three corpora are served on 127.0.0.1 in their official layouts, without disk on the server's side.
   download_datasets.py fetches one after the other; the server cuts connections at random, and the command is killed
   (kill -9) at random and called again, until it has ended by itself; then --check verifies everything, and the corpus
   makes room for the next.
2. create_mel_tho_dataset.py makes the dataset of --clips_scale × 10,545 clips, links to a few sounds.
3. create_logit_dataset.py computes the class outputs of --clips_scale × 8,732 clips by the embedded classifier.

Output: what each part took - time, peak memory, disk - as a table, and results/rehearsal.json. The folder of
the rehearsal is removed at the end.
"""

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import yaml
from record import machine
from rehearsal_corpora import CORPORA, link_tau, link_urban, make_mirror
from virtual_archives import VirtualFile

from spectral_transcoder.downloads.datasets import write_recalculated
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import PROJECT_ROOT, RESULTS

BLOCK_BYTES = 1 << 18
DISK_EVERY_S = 2.0
MEMORY_EVERY_S = 0.1
TELL_BYTES = 400  # of what a failed command said


@dataclass
class Part:
    """What a part of the rehearsal took.

    Attributes
    ----------
    name : str
        What was done.
    seconds : float
        Wall-clock time, repeated calls included.
    peak_memory_mb, peak_disk_mb : float
        Largest of any process of the command, and of its folder.
    notes : dict
        Counts of what happened on the way.
    """

    name: str
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    peak_disk_mb: float = 0.0
    notes: dict = field(default_factory=dict)


@dataclass
class Served:
    """What a server has sent."""

    n_bytes: int = 0
    n_answers: int = 0
    n_cut: int = 0


class Server(ThreadingHTTPServer):
    """Serves virtual files with ranges, and cuts a share of the answers somewhere."""

    daemon_threads = True

    def __init__(self, files: dict[str, VirtualFile], cut_share: float, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut_share, self.rng = files, cut_share, random.Random(seed)
        self.served = Served()
        self.lock = threading.Lock()

    def handle_error(self, *_: object) -> None:
        """Clients that were killed are part of the rehearsal."""


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Tell a file's length."""
        self._start()

    def do_GET(self) -> None:
        """Send a file from a position on; break off where chance says so."""
        found = self._start()
        if found is None:
            return
        file, start = found
        with self.server.lock:
            self.server.served.n_answers += 1
            is_cut = self.server.rng.random() < self.server.cut_share
            stop = self.server.rng.randint(start, file.size) if is_cut else file.size
            self.server.served.n_cut += is_cut
        while start < stop:
            block = file.read(start, min(BLOCK_BYTES, stop - start))
            self.wfile.write(block)
            start += len(block)
            with self.server.lock:
                self.server.served.n_bytes += len(block)
        self.close_connection = self.close_connection or is_cut

    def _start(self) -> tuple[VirtualFile, int] | None:
        file = self.server.files.get(unquote(self.path).lstrip("/"))
        if file is None:
            self.send_error(404)
            return None
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start >= file.size > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{file.size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(file.size - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{file.size - 1}/{file.size}")
        self.end_headers()
        return file, start


def main() -> int:
    """Rehearse the parts; print and write the table."""
    args = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="rehearsal_", dir=args.folder) as temporary:
        folder = Path(temporary)
        parts = [part for name in args.parts for part in PARTS[name](folder, args)]
    lines = ["| part | minutes | peak memory, MB | peak disk, MB | what happened |", "|---|---|---|---|---|"]
    for part in parts:
        notes = ", ".join(f"{name} {value}" for name, value in part.notes.items())
        figures = f"{part.seconds / 60:.1f} | {part.peak_memory_mb:.0f} | {part.peak_disk_mb:.0f}"
        lines.append(f"| {part.name} | {figures} | {notes} |")
    print("\n".join(lines))
    report = {"machine": machine(), "scale": args.scale, "clips_scale": args.clips_scale, "seed": args.seed}
    path = args.results / "rehearsal.json"
    with atomic_path(path) as temporary_path:
        text = json.dumps(report | {"parts": [asdict(part) for part in parts]}, indent=1)
        temporary_path.write_text(text + "\n", encoding="utf-8")
    print(f"written: {path}")
    return 0


def rehearse_downloads(folder: Path, args: argparse.Namespace) -> list[Part]:
    """Fetch each corpus from a server that cuts, by a command that is killed, and check it."""
    manifest = folder / "manifest.yaml"
    server = Server(make_mirror(manifest, args.scale), args.cut_share, args.seed)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rng = random.Random(args.seed)
    parts = [rehearse_corpus(name, folder / name, manifest, server, rng, args) for name in args.datasets]
    server.shutdown()
    return parts


def rehearse_corpus(
    name: str, output: Path, manifest: Path, server: Server, rng: random.Random, args: argparse.Namespace
) -> Part:
    """Fetch and check a corpus, and remove it."""
    part, kills = Part(f"download of {name}"), 0
    server.served = served = Served()
    mirror = f"http://127.0.0.1:{server.server_address[1]}"
    output.mkdir()
    command = [
        "download_datasets.py", "--dataset", name, "--output", output, "--manifest", manifest, "--mirror", mirror,
    ]  # fmt: skip
    with measured(part, output):
        while (
            run(command, part, rng.expovariate(1 / args.kill_every_s) if kills < args.kills else None) is None
        ):
            kills += 1
        run([*command, "--check"], part)
    entry = yaml.safe_load(manifest.read_text(encoding="utf-8"))["datasets"][name]
    part.notes |= {
        "GB of archives": round(sum(file["bytes"] for file in entry["files"]) / 1e9, 3),
        "GB served": round(served.n_bytes / 1e9, 3),
        "answers": served.n_answers,
        "cut": served.n_cut,
        "killed": kills,
        "clips": sum(1 for _ in output.rglob("audio/*.wav")),
        "left over": sum(1 for path in output.rglob("*.part*")),
    }
    shutil.rmtree(output)
    return part


def rehearse_dataset(folder: Path, args: argparse.Namespace) -> list[Part]:
    """Make the dataset of experiment 1 of links to a few clips."""
    part = Part("dataset of experiment 1")
    corpus = folder / "TAU-urban-acoustic-scenes-2020-mobile-development"
    part.notes["clips"] = link_tau(corpus, args.clips_scale)
    data = folder / "data"
    command = [
        "exp_train_model/create_mel_tho_dataset.py",
        "--audio_dataset_path",
        corpus,
        "--data_path",
        data,
    ]
    with measured(part, data):
        run([*command, "--jobs", args.jobs], part)
    return [part]


def rehearse_class_outputs(folder: Path, args: argparse.Namespace) -> list[Part]:
    """Compute the class outputs of experiment 2 of links to a few clips."""
    part = Part("class outputs of experiment 2")
    corpus, data = folder / "linked" / "URBAN-SOUND-8K", folder / "data"
    part.notes["clips"] = link_urban(corpus, args.clips_scale)
    write_recalculated(corpus / "metadata" / "UrbanSound8K.csv", corpus / "audio")
    command = [
        "exp_classif_eval/create_logit_dataset.py", "--audio_dataset_name", "URBAN-SOUND-8K", "--audio_dataset_path",
        corpus, "--data_path", data, "--classifier", "MiniYamNet", "--transcoder", "self,pinv", "--jobs", args.jobs,
    ]  # fmt: skip
    outputs = data / "data" / "URBAN-SOUND-8K-LOGITS"
    with measured(part, outputs):
        run(command, part)
    part.notes["outputs"] = sum(1 for _ in outputs.rglob("*.npy"))
    return [part]


PARTS = {
    "downloads": rehearse_downloads,
    "dataset": rehearse_dataset,
    "class_outputs": rehearse_class_outputs,
}


class measured:
    """Measures the time of a part, and the largest size that a folder has meanwhile."""

    def __init__(self, part: Part, folder: Path) -> None:
        self.part, self.folder, self.ended = part, folder, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self.start = time.monotonic()
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.part.seconds = time.monotonic() - self.start
        self.ended.set()
        self.thread.join()

    def _watch(self) -> None:
        while True:
            last = self.ended.wait(DISK_EVERY_S)
            self.part.peak_disk_mb = max(self.part.peak_disk_mb, disk_bytes(self.folder) / 1e6)
            if last:
                return


def disk_bytes(folder: Path) -> int:
    """Return what the files below a folder take on the disk; those that vanish meanwhile are not counted."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += 512 * os.lstat(os.path.join(place, name)).st_blocks  # noqa: PTH118
            except FileNotFoundError:
                continue
    return total


def peak_memory_mb(pid: int) -> float:
    """Return the most memory that a process or one of its children has taken so far, 0 when it has ended.

    What the system tells of an ended child begins at what its parent held, which is the whole server here.
    """
    peaks = [0.0]
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for member in [str(pid), *children]:
            status = Path(f"/proc/{member}/status").read_text()
            peaks += [
                float(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")
            ]
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        pass
    return max(peaks)


def run(arguments: list, part: Part, kill_after_s: float | None = None) -> int | None:
    """Run a script of the project; return its exit status 0, or None if it was killed; stop where it fails."""
    command = [sys.executable, str(PROJECT_ROOT / arguments[0]), *map(str, arguments[1:])]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        kill_at = time.monotonic() + (math.inf if kill_after_s is None else kill_after_s)
        while process.poll() is None:
            part.peak_memory_mb = max(part.peak_memory_mb, peak_memory_mb(process.pid))
            if time.monotonic() > kill_at:
                process.kill()
            time.sleep(MEMORY_EVERY_S)
        if process.returncode == -9 and kill_after_s is not None:
            return None
        if process.returncode:
            said.seek(0)
            raise SystemExit(
                f"{' '.join(command)} ended with {process.returncode}: {said.read()[-TELL_BYTES:]}"
            )
    return process.returncode


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=list(PARTS), help="default: all of these"
    )
    parser.add_argument(
        "--datasets",
        nargs="+",
        choices=CORPORA,
        default=list(CORPORA),
        help="to download, default: all of these",
    )
    parser.add_argument("--scale", type=float, default=0.02, help="share of the true sizes (default 0.02)")
    parser.add_argument(
        "--clips_scale", type=float, default=0.02, help="share of the clips computed (default 0.02)"
    )
    parser.add_argument(
        "--cut_share", type=float, default=0.3, help="share of answers that are cut (default 0.3)"
    )
    parser.add_argument(
        "--kills", type=cli.positive, default=5, help="at most so many kill -9 of a download (default 5)"
    )
    parser.add_argument("--kill_every_s", type=float, default=10, help="mean time to a kill (default 10 s)")
    parser.add_argument(
        "--jobs", type=cli.positive, default=1, help="processes of the computations (default 1)"
    )
    parser.add_argument("--seed", type=cli.seed, default=0, help="of cuts and kills (default 0)")
    parser.add_argument("--folder", type=Path, help="where the rehearsal's folder is made (default: /tmp)")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder of the results (default results/)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)
