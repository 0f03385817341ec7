"""The downloader: many files, at most two streams per host, each resumed, retried and verified."""

import queue
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import requests

from spectral_transcoder.downloads import sources
from spectral_transcoder.downloads.manifest import RemoteFile
from spectral_transcoder.downloads.partfile import PartFile, WrongChecksum, replaced_path
from spectral_transcoder.downloads.progress import TransferProgress, readable_size
from spectral_transcoder.downloads.sources import Location
from spectral_transcoder.utils.errors import DownloadError, SpectralTranscoderError
from spectral_transcoder.utils.words import counted

STREAMS_PER_HOST = 2  # Zenodo refuses more


@dataclass(frozen=True)
class FileToFetch:
    """One file to fetch: what it is, where it goes, where it may be taken from (best first)."""

    remote: RemoteFile
    path: Path
    locations: tuple[Location, ...]


@dataclass(frozen=True)
class Patience:
    """How long to insist.

    Attributes
    ----------
    attempts : int
        Number of attempts in a row without a new byte.
    attempts_unreachable : int
        The same while the server has never answered: a machine without internet learns it soon.
    first_delay_s, longest_delay_s : float
        The pause doubles from the first to the longest, and is shortened by up to a half at random.
    longest_asked_s : float
        A server that asks for a longer pause (Retry-After) is given up.
    """

    attempts: int = 8
    attempts_unreachable: int = 3
    first_delay_s: float = 1.0
    longest_delay_s: float = 60.0
    longest_asked_s: float = 600.0


class Unreachable(DownloadError):
    """No connection to the server at all."""


@dataclass
class Downloader:
    """Fetches files, with one `TransferProgress` for all of them.

    Attributes
    ----------
    progress : TransferProgress
    patience : Patience
    rng : random.Random
        Spreads the pauses of several clients.
    """

    progress: TransferProgress
    patience: Patience = Patience()
    rng: random.Random = field(default_factory=random.Random)
    _stop: threading.Event = field(default_factory=threading.Event)

    def fetch_all(
        self, jobs: Sequence[FileToFetch]
    ) -> Generator[tuple[FileToFetch, Exception | None], None, None]:
        """Fetch files side by side; yield (job, error or None) as each one ends.

        The threads end with the generator: what has arrived by then stays for the next run.
        """
        waiting: defaultdict[str, queue.SimpleQueue[FileToFetch]] = defaultdict(queue.SimpleQueue)
        for job in jobs:
            waiting[sources.host(job.locations[0])].put(job)
        ended: queue.SimpleQueue[tuple[FileToFetch, Exception | None]] = queue.SimpleQueue()
        # Daemons: a thread that waits for a mute server must not keep Ctrl-C waiting.
        threads = [
            threading.Thread(target=self._work, args=(host_jobs, ended), daemon=True)
            for host_jobs in waiting.values()
            for _ in range(min(STREAMS_PER_HOST, host_jobs.qsize()))
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in jobs:
                job, error = ended.get()
                if error and not isinstance(error, (SpectralTranscoderError, OSError)):
                    raise error
                yield job, error
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(timeout=1)

    def fetch(self, job: FileToFetch) -> None:
        """Fetch one file, verified, under its final name; do nothing if it is there already.

        Raises
        ------
        DownloadError
            Every location refused, was unreachable, or sent other bytes than the published ones.
        """
        remote, path = job.remote, job.path
        if path.is_file():
            if remote.checksum.fault(path) is None:
                return
            self.progress.say(
                f"{path} is not the published file: it is kept as {replaced_path(path).name}, and that is fetched"
            )
        with (
            PartFile(path, remote) as part,
            self.progress.file(remote.name, remote.size, part.position) as move_bar,
            requests.Session() as session,
        ):
            self._fetch_from_one(job.locations, part, session, move_bar)
            self.progress.say(f"fetched {remote.name} ({readable_size(part.position)})")

    def _work(
        self,
        jobs: queue.SimpleQueue[FileToFetch],
        ended: queue.SimpleQueue[tuple[FileToFetch, Exception | None]],
    ) -> None:
        """Take one host's jobs in turn; hand over each with its error or None."""
        unreachable = None
        while not self._stop.is_set():
            try:
                job = jobs.get_nowait()
            except queue.Empty:
                return
            try:
                if unreachable is None:
                    self.fetch(job)
                ended.put((job, unreachable))
            except Unreachable as error:
                unreachable = error
                ended.put((job, error))
            except Exception as error:
                ended.put((job, error))

    def _fetch_from_one(
        self,
        locations: Sequence[Location],
        part: PartFile,
        session: requests.Session,
        move_bar: Callable[[int], None],
    ) -> None:
        """Receive a file from the first place that has it; raise what all of them answered where none has."""
        errors = []
        for location in locations:
            try:
                return self._fetch_verified(location, part, session, move_bar)
            except DownloadError as error:
                errors.append(error)
        raise errors[0] if len(errors) == 1 else DownloadError("; ".join(map(str, errors)))

    def _fetch_verified(
        self, location: Location, part: PartFile, session: requests.Session, move_bar: Callable[[int], None]
    ) -> None:
        """Receive the whole file from one place; once more from zero if the pieces do not fit."""
        while True:
            self._receive(location, part, session, move_bar)
            try:
                return part.finish()
            except WrongChecksum as error:
                stitched = part.stitched
                part.restart()
                if not stitched:
                    raise WrongChecksum(f"{error}, from {location}; nothing was kept") from None
                self.progress.say(f"{error}; it came in pieces: trying once more from the start")

    def _receive(
        self, location: Location, part: PartFile, session: requests.Session, move_bar: Callable[[int], None]
    ) -> None:
        """Receive the bytes that are missing, over as many connections as it takes."""
        failures, begun, furthest, answered = 0, part.position, part.position, False
        while part.total is None or part.position < part.total:
            try:
                for block in sources.continue_from(location, part, session):
                    part.append(block)
                    move_bar(part.position)
                    if self._stop.is_set():
                        raise DownloadError("stopped")
                    if part.total is not None and part.position >= part.total:
                        break
            except sources.Interruption as interruption:
                failures = 1 if part.position > furthest else failures + 1
                furthest = max(furthest, part.position)
                answered = answered or not interruption.unreachable or part.position != begun
                self._pause(location, interruption, failures, answered)
            else:
                return

    def _pause(
        self, location: Location, interruption: sources.Interruption, failures: int, answered: bool
    ) -> None:
        """Wait before the next attempt, or give up."""
        patience, asked_s = self.patience, interruption.retry_after_s
        if not answered and failures >= patience.attempts_unreachable:
            raise Unreachable(
                f"no connection to {sources.host(location)} ({interruption}); "
                "on a machine without internet, take the files from elsewhere with --mirror"
            )
        if failures >= patience.attempts or (asked_s or 0) > patience.longest_asked_s:
            wish = f", which asks to wait {asked_s:.0f} s" if asked_s else ""
            raise DownloadError(
                f"{location}: {interruption}{wish}; given up after {counted(failures, 'attempt')}, "
                "what has arrived is kept for the next run"
            )
        delay_s = min(patience.longest_delay_s, patience.first_delay_s * 2 ** (failures - 1))
        delay_s = max(delay_s * self.rng.uniform(0.5, 1), asked_s or 0)
        self.progress.say(f"{sources.host(location)}: {interruption}; trying again in {delay_s:.1f} s")
        self._stop.wait(delay_s)
