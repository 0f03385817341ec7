"""The errors that a user can mend. Scripts print them in one line and exit with `status`."""


class SpectralTranscoderError(Exception):
    """What was given, what was expected, what to do: the message says the three."""

    status = 1


class UsageError(SpectralTranscoderError):
    """A wrong command line or argument: unknown name, option out of range."""

    status = 2


class FullDiskError(SpectralTranscoderError):
    """A disk without room for what is to be written: nothing that follows would find room either."""


class AudioError(SpectralTranscoderError):
    """A sound that cannot be used: unreadable, empty, truncated, with samples that are not numbers."""


class MissingFileError(SpectralTranscoderError):
    """A file that has to be made or fetched first; the message names the command."""


class CheckpointError(SpectralTranscoderError):
    """A file of weights or settings that is unsafe, damaged, or of another network."""


class LevelsError(SpectralTranscoderError):
    """A file of sensor levels that cannot be used: no levels in it, damaged, or of a period that does not serve."""


class DatasetError(SpectralTranscoderError):
    """A dataset that is damaged, being made by another process, of other parameters, or that cannot be made."""


class Interrupted(SpectralTranscoderError):
    """A computation that was asked to stop and kept what it had: the same command goes on from there."""

    status = 143


class DownloadError(SpectralTranscoderError):
    """A file that did not arrive whole: unreachable or refusing server, wrong checksum, unsafe archive."""
