"""Files of a report, of which some may be damaged: what cannot be read is left out of the page, which tells so."""

import json

from spectral_transcoder.utils.errors import DatasetError, SpectralTranscoderError


def readable(read, paths, left_out):
    """Return what `read` makes of those paths that can be read; why others cannot is appended to `left_out`."""
    found = []
    for path in paths:
        try:
            found.append(read(path))
        except (SpectralTranscoderError, OSError) as error:
            left_out.append(str(error))
    return found


def read_record(path, make):
    """Return what `make` makes of the content of a JSON file.

    Raises
    ------
    DatasetError
        The file is damaged, or does not hold what is expected.
    """
    try:
        return make(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DatasetError(
            f"{path} is damaged or of another version ({type(error).__name__}: {error}): remove it, or make it again"
        ) from error
