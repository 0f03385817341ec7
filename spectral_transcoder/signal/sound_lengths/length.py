"""What is found out of a sound file's length, and the faults of those that were cut."""

from dataclasses import dataclass, field

from spectral_transcoder.utils.words import counted


@dataclass(frozen=True)
class SoundLength:
    """What the header of a sound file says of its length, beside what is there.

    Attributes
    ----------
    fault : str or None
        What is wrong: the file was cut, or goes on after its declared end. None where nothing is.
    patch : dict of int to bytes
        Bytes by their position with which the header counts all that is there.
    frames, block_frames : int or None, int
        The number of frames that a compressed wav declares, and how many each of its blocks holds.
    usable : bool
        Whether what is there of a file that was cut can be read, and distinguished from what is not.
    estimated : bool
        Whether the number of frames that libsndfile gives is a guess, by the size of the file.
    """

    fault: str | None = None
    patch: dict[int, bytes] = field(default_factory=dict)
    frames: int | None = None
    block_frames: int = 0
    usable: bool = True
    estimated: bool = False

    def exact_frames(self, decoded: int) -> int:
        """Return the number of frames without those that fill the last block: of `decoded`, the declared ones."""
        if self.frames is not None and 0 < decoded - self.frames < self.block_frames:
            return self.frames
        return decoded


def fault_if_cut(size: int, start: int, length: int) -> SoundLength:
    """Return a fault where fewer bytes than `length` follow `start`."""
    if size - start >= length:
        return SoundLength()
    return SoundLength(f"its header promises {length} bytes of samples, {max(size - start, 0)} are there")


def fault_within_frame(size: int, start: int, frame_bytes: int) -> SoundLength:
    """Return a fault where the samples end within a frame, or within a block."""
    if frame_bytes <= 0 or size < start or (size - start) % frame_bytes == 0:
        return SoundLength()
    left = counted((size - start) % frame_bytes, "byte is", "bytes are")
    return SoundLength(f"its last {left} no whole frame of {frame_bytes}")
