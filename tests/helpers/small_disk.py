"""Disks that fill or cannot be written, mounted for one test; only root can mount."""

import contextlib
import shutil
import subprocess

FILLER = "filler"


class SmallDisk:
    """A disk in memory, mounted on a folder.

    Parameters
    ----------
    folder : Path
        Where it is mounted.
    """

    def __init__(self, folder):
        self.folder = folder

    def become(self, *options):
        """Change its size or whether it can be written: "size=16k", "ro", "rw"."""
        command = ["mount", "-o", ",".join(["remount", *options]), self.folder]
        subprocess.run(command, check=True, capture_output=True)

    def fill(self):
        """Write a file that takes all that is left."""
        with contextlib.suppress(OSError), (self.folder / FILLER).open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def files(self):
        """Return the paths of its files, sorted, but for what fills it."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file() and path.name != FILLER)

    def clear(self):
        """Remove all that is on it."""
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextlib.contextmanager
def small_disk(folder, size="16k"):
    """Mount a disk of so many bytes on a folder, which is made; give None where this process may not."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield SmallDisk(folder)
    finally:
        # what this process still has open on it, goes when it closes that
        subprocess.run(["umount", "--lazy", folder], check=True)
