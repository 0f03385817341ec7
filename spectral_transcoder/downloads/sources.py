"""Where a file's bytes come from: a web server or a folder, from any position on."""

import email.utils
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import requests
import urllib3

from spectral_transcoder.downloads.checksums import BLOCK_BYTES
from spectral_transcoder.downloads.manifest import RemoteFile
from spectral_transcoder.downloads.options import MIRROR_VARIABLE
from spectral_transcoder.downloads.partfile import PartFile
from spectral_transcoder.utils.errors import DownloadError, UsageError

Mirror = str | Path  # a URL, or a folder
Location = str | Path  # of one file: a URL, or a path

# A connection that breaks loses what its last block holds so far.
NETWORK_BLOCK_BYTES = 1 << 16
TIMEOUT_S = (10, 60)  # to connect, and between two pieces of an answer
# "identity": servers that compress on the way would change the bytes, their number and the meaning of Range.
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "spectral-transcoder (python-requests)"}
STATUS_WORTH_RETRYING = {403, 408, 425, 429}  # Zenodo says 403 as well as 429 to those who ask too often


class Interruption(Exception):
    """A transfer that stopped and may go on: `retry_after_s` is the server's wish, if it said one."""

    def __init__(self, reason: str, retry_after_s: float | None = None, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.unreachable = unreachable


def parse_mirror(text: str | None) -> Mirror | None:
    """Return the mirror as a URL (str) or a folder (Path); None for no mirror.

    Parameters
    ----------
    text : str or None
        The option `--mirror`; without it the environment variable SPECTRAL_TRANSCODER_MIRROR counts.

    Raises
    ------
    UsageError
        Neither http(s) address nor folder.
    """
    text = text or os.environ.get(MIRROR_VARIABLE)
    if not text:
        return None
    if text.startswith(("http://", "https://")):
        return text.rstrip("/")
    if not Path(text).is_dir():
        raise UsageError(
            f"mirror {text}: expected an existing folder, or an address http://... or https://..."
        )
    return Path(text).resolve()


def locations(remote: RemoteFile, mirror: Mirror | None) -> tuple[Location, ...]:
    """Return the places to take a file from, best first: its published URLs, or the mirror alone.

    Parameters
    ----------
    remote : RemoteFile
    mirror : str, Path or None
        The return value of `parse_mirror`.
    """
    if mirror is None:
        return remote.urls
    if isinstance(mirror, Path):
        return (mirror / remote.path,)
    return (f"{mirror}/{quote(remote.path)}",)


def host(location: Location) -> str:
    """Return the server that a location is on; an empty text for a folder."""
    return "" if isinstance(location, Path) else urlsplit(location).netloc


def ask_size(location: Location) -> int | None:
    """Return a file's size in bytes as its server or folder says it, or None where nothing is said."""
    if isinstance(location, Path):
        return location.stat().st_size if location.is_file() else None
    try:
        answer = requests.head(location, headers=HEADERS, timeout=TIMEOUT_S, allow_redirects=True)
    except requests.RequestException:
        return None
    length = answer.headers.get("Content-Length", "")
    return int(length) if answer.ok and length.isdigit() else None


def continue_from(location: Location, part: PartFile, session: requests.Session) -> Iterator[bytes]:
    """Yield the bytes of a file that follow those in hand, in blocks.

    Parameters
    ----------
    location : str or Path
    part : PartFile
        The bytes in hand; it is sent back to its start where the rest cannot be had alone. Its `total` is
        filled in where it was unknown.
    session : requests.Session

    Raises
    ------
    Interruption
        Trying again may help.
    DownloadError
        It will not.
    """
    if isinstance(location, Path):
        return _continue_from_folder(location, part)
    return _continue_over_http(location, part, session)


def _continue_from_folder(path: Path, part: PartFile) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            if part.total is None:
                part.total = path.stat().st_size
            file.seek(part.position)
            while block := file.read(BLOCK_BYTES):
                yield block
    except FileNotFoundError as error:
        raise DownloadError(f"the mirror lacks {path}") from error
    if part.position < part.total:
        raise DownloadError(f"{path} has {part.position} bytes, expected {part.total}")


def _continue_over_http(url: str, part: PartFile, session: requests.Session) -> Iterator[bytes]:
    headers = dict(HEADERS)
    if part.position:
        headers["Range"] = f"bytes={part.position}-"
        if part.etag:
            headers["If-Range"] = part.etag
    try:
        with session.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
            if not _accept(answer, part):
                return
            # The raw stream: a .tar.gz that is labelled "Content-Encoding: gzip" must stay packed.
            yield from answer.raw.stream(NETWORK_BLOCK_BYTES, decode_content=False)
    except requests.exceptions.ConnectionError as error:
        raise Interruption(_short(error), unreachable=True) from error
    except (requests.exceptions.Timeout, urllib3.exceptions.HTTPError) as error:
        raise Interruption(_short(error)) from error
    except requests.RequestException as error:
        raise DownloadError(f"{url}: {_short(error)}") from error
    if part.total is None:
        part.total = part.position  # a stream without a length that ended in good order
    if part.position < part.total:
        raise Interruption(f"the answer ended after {part.position} of {part.total} bytes")


def _accept(answer: requests.Response, part: PartFile) -> bool:
    """Bring `part` in line with the server's answer; return whether bytes follow."""
    status = answer.status_code
    if status == 200:
        part.restart()
        part.etag = answer.headers.get("ETag")
        stated = answer.headers.get("Content-Length", "")
        if part.total is None and stated.isdigit():
            part.total = int(stated)
        return True
    if status == 206:
        return _accept_rest(answer, part)
    if status == 416 and part.position:
        _accept_end(answer, part)
        return False
    reason = f"answered {status} {answer.reason}"
    if status in STATUS_WORTH_RETRYING or status >= 500:
        raise Interruption(
            reason, _retry_after_s(answer.headers.get("Retry-After"), answer.headers.get("Date"))
        )
    raise DownloadError(f"{answer.url}: {reason}")


def _accept_end(answer: requests.Response, part: PartFile) -> None:
    """Take a part for the whole file where the server's has as many bytes; else begin again."""
    length = _content_range(answer)[1]
    if length == part.position and part.total in (None, length):
        part.total = length
        return
    wrong = f"the server's file has {length} bytes, with {part.position} in hand and {part.total} expected"
    part.restart()
    raise Interruption(wrong)


def _accept_rest(answer: requests.Response, part: PartFile) -> bool:
    """Check that a 206 continues the bytes in hand, of the same edition of the file."""
    start, length = _content_range(answer)
    etag = answer.headers.get("ETag")
    changed = part.etag and etag and etag != part.etag
    if start != part.position or changed:
        asked = part.position
        part.restart()
        if changed:
            raise Interruption("the file changed on the server")
        raise Interruption(f"asked for the bytes from {asked} on, the server sent those from {start}")
    part.stitched = True
    if part.total is None:
        part.total = length
    return True


def _content_range(answer: requests.Response) -> tuple[int | None, int | None]:
    """Return the first position and the whole length that `Content-Range` states, None where it does not."""
    match = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
    if match is None:
        return None, None
    first, length = (int(text) if text and text != "*" else None for text in match.groups())
    return first, length


def _retry_after_s(text: str | None, now: str | None) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, given as a number or as a date.

    A date is counted from `now`, the answer's own: the clock of this machine may be another.
    """
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    date, sent = email.utils.parsedate_tz(text), email.utils.parsedate_tz(now or "")
    if date is None:
        return None
    return max(
        0.0, email.utils.mktime_tz(date) - (time.time() if sent is None else email.utils.mktime_tz(sent))
    )


def _short(error: BaseException) -> str:
    """Return an error's innermost cause in a few words: urllib3's own texts run over several lines."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error)[:200] or type(error).__name__
