"""Pretrained models on disk: classifier weights and published transcoders, each under its checksum."""

from pathlib import Path

from spectral_transcoder.downloads.folders import write_alone
from spectral_transcoder.downloads.manifest import Card, ModelGroup, RemoteFile
from spectral_transcoder.downloads.progress import TransferProgress, readable_size


class ModelFolder:
    """The files of one `ModelGroup` below an output folder.

    Parameters
    ----------
    group : ModelGroup
    output : Path
    """

    def __init__(self, group: ModelGroup, output: Path) -> None:
        self.entry, self.output = group, output
        self.folder = output / group.folder

    def missing(self) -> list[RemoteFile]:
        """Return the files that are not there with their published checksum."""
        return [remote for remote in self.entry.files if self._fault(remote)]

    def unpack_bytes(self) -> int:
        """Return what is still to be unpacked: models come as they are."""
        return 0

    def receive(self, remote: RemoteFile, progress: TransferProgress) -> None:
        """Make what a file that has arrived is for: here, the checkpoint that it is converted to."""
        if remote.converted_to:
            self._convert(remote)
            progress.say(f"converted {remote.path} to {remote.converted_to}")

    def finish(self) -> None:
        """Make what is left to make: checkpoints that were removed, the card."""
        for remote in self.entry.files:
            if remote.converted_to and not self._converted(remote).is_file():
                self._convert(remote)
        if self.entry.card:
            write_alone(self.output / self.entry.card.path, [self._card_text(self.entry.card).encode()])

    def faults(self) -> list[str]:
        """Return what is not as it should be, one line each."""
        faults = [fault for remote in self.entry.files if (fault := self._fault(remote))]
        return faults + [
            f"{self._converted(remote)}: missing"
            for remote in self.entry.files
            if remote.converted_to and not self._converted(remote).is_file()
        ]

    def state(self, remote: RemoteFile) -> str | None:
        """Return "here" for a file that is there with its size, else None; nothing is hashed."""
        return "here" if remote.seems_whole(self.output) else None

    def summary(self) -> list[str]:
        """Return lines that say what is where."""
        paths = [self.output / remote.path for remote in self.entry.files]
        paths += [self._converted(remote) for remote in self.entry.files if remote.converted_to]
        return [f"{self.entry.name}: {path} ({readable_size(path.stat().st_size)})" for path in paths]

    def _fault(self, remote: RemoteFile) -> str | None:
        return remote.checksum.fault(self.output / remote.path)

    def _converted(self, remote: RemoteFile) -> Path:
        return (self.output / remote.path).with_name(str(remote.converted_to))

    def _convert(self, remote: RemoteFile) -> None:
        # Imported here: torch takes seconds to load, and the other models do not need it.
        from spectral_transcoder.models.yamnet_tflite import convert_yamnet_tflite

        convert_yamnet_tflite(self.output / remote.path, self._converted(remote))

    def _card_text(self, card: Card) -> str:
        rows = [
            f"- {remote.urls[0]}\n  {remote.size} bytes, {remote.checksum}" for remote in self.entry.files
        ]
        return "\n".join([card.text, *rows, ""])
