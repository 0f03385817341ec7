"""Arrays on disk that may be damaged."""

from pathlib import Path

import numpy as np

from spectral_transcoder.utils.errors import DatasetError


def read_array(path: Path, remedy: str) -> np.ndarray:
    """Return the array of a .npy file.

    Parameters
    ----------
    path : Path
        The file.
    remedy : str
        What the user can do where it cannot be read: the end of the message.

    Raises
    ------
    DatasetError
        The file is missing, cut off, or no .npy file.
    """
    try:
        return np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(
            f"{path} is damaged or missing ({error}), expected a whole .npy file: {remedy}"
        ) from error
