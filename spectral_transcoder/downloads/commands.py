"""The parts that both download commands share: options, the list, the check, the download itself."""

import argparse
import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from spectral_transcoder.downloads import sources
from spectral_transcoder.downloads.datasets import DatasetFolder
from spectral_transcoder.downloads.fetch import Downloader, FileToFetch
from spectral_transcoder.downloads.folders import only_one, require_space
from spectral_transcoder.downloads.manifest import RemoteFile
from spectral_transcoder.downloads.models import ModelFolder
from spectral_transcoder.downloads.partfile import part_path
from spectral_transcoder.downloads.progress import TransferProgress, readable_size
from spectral_transcoder.utils.errors import DownloadError, SpectralTranscoderError
from spectral_transcoder.utils.words import counted

Folder = ModelFolder | DatasetFolder

FAULTS_SHOWN = 10  # per model or dataset: a missing one has as many faults as files


def run(folders: Sequence[Folder], options: argparse.Namespace) -> int:
    """Do what the options of `options.add_options` ask for with the chosen folders.

    Parameters
    ----------
    folders : list of ModelFolder or of DatasetFolder
    options : argparse.Namespace

    Returns
    -------
    int
        Exit status: 1 if `--check` found a fault.

    Raises
    ------
    SpectralTranscoderError
        Something could not be fetched, unpacked or made.
    """
    mirror = sources.parse_mirror(options.mirror)
    if options.list:
        print_list(folders, mirror)
        return 0
    if options.check:
        return check(folders)
    download(folders, mirror)
    return 0


def print_list(folders: Sequence[Folder], mirror: sources.Mirror | None = None) -> None:
    """Print each file's state, size and name, under its origin; a "?" is a size that is not published."""
    for folder in folders:
        print(f"{folder.entry.name}, from {mirror or sources.host(folder.entry.files[0].urls[0])}")
        for remote in folder.entry.files:
            print(f"{_state(folder, remote):>12} {readable_size(remote.size):>9}  {remote.path}")
    files = [remote for folder in folders for remote in folder.entry.files]
    known = sum(remote.size or 0 for remote in files)
    unknown = sum(remote.size is None for remote in files)
    print(
        f"{counted(len(files), 'file')}, {readable_size(known)}"
        + (f" and {unknown} of unpublished size" if unknown else "")
    )


def check(folders: Sequence[Folder]) -> int:
    """Verify checksums, sizes and counts; print what is whole and each fault; return 1 for a fault or 0."""
    status = 0
    for folder in folders:
        faults = folder.faults()
        status = 1 if faults else status
        for fault in faults[:FAULTS_SHOWN]:
            print(f"{folder.entry.name}: {fault}")
        if len(faults) > FAULTS_SHOWN:
            print(f"{folder.entry.name}: and {counted(len(faults) - FAULTS_SHOWN, 'fault')} more")
        if not faults:
            print("\n".join(f"whole: {line}" for line in folder.summary()))
    return status


def download(folders: Sequence[Folder], mirror: sources.Mirror | None = None) -> None:
    """Fetch what is missing, unpack or convert it, and say what is where.

    Raises
    ------
    SpectralTranscoderError
        Too little disk, before the first byte; else, when all the others have been tried, what failed.
    """
    try:
        failed = _download_alone(folders, mirror)
    except KeyboardInterrupt:
        print("what has arrived is kept: the same command goes on from here", file=sys.stderr)
        raise
    if failed:
        names = ", ".join(sorted({folder.entry.name for folder in failed}))
        raise DownloadError(
            f"{names} not complete, for the reasons above: the same command goes on from here"
        )


def _download_alone(folders: Sequence[Folder], mirror: sources.Mirror | None) -> list[Folder]:
    """Do the work of `download` while no other process may; return the folders that are not complete."""
    with contextlib.ExitStack() as stack:
        for place in sorted({folder.folder for folder in folders}):
            stack.enter_context(only_one(place, lambda line: print(line, file=sys.stderr)))
        owners = {remote: folder for folder in folders for remote in folder.missing()}
        jobs = [
            FileToFetch(remote, folder.output / remote.path, sources.locations(remote, mirror))
            for remote, folder in owners.items()
        ]
        fetch_bytes = sum(_bytes_left(jobs))
        require_space(folders[0].output, fetch_bytes, sum(folder.unpack_bytes() for folder in folders))
        failed = _fetch_and_receive(jobs, owners, fetch_bytes)
        return failed + _finish([folder for folder in folders if folder not in failed])


def _fetch_and_receive(
    jobs: Sequence[FileToFetch], owners: dict[RemoteFile, Folder], fetch_bytes: int
) -> list[Folder]:
    """Fetch the jobs' files, hand each to its folder as it arrives; return the folders that lack one."""
    progress, failed = TransferProgress(fetch_bytes), []
    with contextlib.closing(progress), contextlib.closing(Downloader(progress).fetch_all(jobs)) as arrivals:
        for job, error in arrivals:
            try:
                if error:
                    raise error
                owners[job.remote].receive(job.remote, progress)
            except (SpectralTranscoderError, OSError) as failure:
                failed.append(owners[job.remote])
                progress.say(f"failed: {job.remote.path}: {failure}")
    return failed


def _finish(folders: Sequence[Folder]) -> list[Folder]:
    """Let the folders make what is left to make, and report what is where; return those that failed."""
    failed = []
    for folder in folders:
        try:
            folder.finish()
            print("\n".join(folder.summary()))
        except (SpectralTranscoderError, OSError) as failure:
            failed.append(folder)
            print(f"failed: {folder.entry.name}: {failure}", file=sys.stderr)
    return failed


def _bytes_left(jobs: Iterable[FileToFetch]) -> Iterator[int]:
    """Yield what each job still has to fetch, in bytes; the server is asked where no size is published."""
    mute = set()  # a host that does not say, or does not answer, is not asked again
    for job in jobs:
        size, host = job.remote.size, sources.host(job.locations[0])
        if size is None and host not in mute:
            size = sources.ask_size(job.locations[0])
            if size is None:
                mute.add(host)
        yield max(0, (size or 0) - _bytes_in_hand(job.path))


def _bytes_in_hand(path: Path) -> int:
    return sum(file.stat().st_size for file in (path, part_path(path)) if file.is_file())


def _state(folder: Folder, remote: RemoteFile) -> str:
    in_part = part_path(folder.output / remote.path)
    if state := folder.state(remote):
        return state
    if not in_part.is_file():
        return "missing"
    arrived = in_part.stat().st_size
    return f"{100 * arrived // remote.size} % here" if remote.size else f"{readable_size(arrived)} here"
