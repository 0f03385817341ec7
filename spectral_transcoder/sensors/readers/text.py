"""Tables of text: bytes of a file, compressed or not, and what its first lines are."""

import codecs
import csv
import gzip
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from spectral_transcoder.sensors.levels import FEWEST_BANDS
from spectral_transcoder.sensors.readers.columns import n_bands_of, read_band_names
from spectral_transcoder.utils.errors import LevelsError
from spectral_transcoder.utils.folders import is_hidden

FIRST_BYTES = 65536
BLOCK_BYTES = 1 << 20
PIECE_BYTES = 1 << 14  # of a compressed file that ends early, what is before the last piece is read
HOLES = "it has zero bytes, as a power failure leaves: passed over"
ONE_BYTE_ENCODINGS = ("utf-8", "utf-8-sig", "cp1252")
DELIMITERS = ",;\t"
GZIP_START, ZIP_START = b"\x1f\x8b", b"PK\x03\x04"
HEADER_LINES = 100  # among which the line of names is looked for
ROWS_LOOKED_AT = 200
SHOWN_TEXT = 60
HOLE = bytes(8)  # of a file of text: what was not yet on the disk when the power failed
OFFICE_PART = "[Content_Types].xml"
ARRAYS_STARTS = (b"\x89HDF\r\n\x1a\n", b"\x93NUMPY")
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True)
class TextFile:
    """A file of text: where its bytes come from and how they are encoded.

    Attributes
    ----------
    path : Path
        The file.
    start : bytes
        Its first 64 kB, decompressed.
    encoding : str
        Encoding of its text.
    n_bytes : int
        Size of its text; about, where it is compressed.
    """

    path: Path
    start: bytes
    encoding: str
    n_bytes: int

    def lines(self) -> list[str]:
        """Return the whole lines among the first bytes."""
        text = codecs.getincrementaldecoder(self.encoding)("replace").decode(self.start).lstrip("\ufeff")
        lines = text.splitlines(keepends=True)
        if len(self.start) == FIRST_BYTES and lines and not lines[-1].endswith(("\n", "\r")):
            lines = lines[:-1]
        return [line.rstrip("\r\n") for line in lines]

    def blocks(self, skipped_lines: int, cut: list[str]) -> Iterator[bytes]:
        """Give UTF-8 text after so many lines, in blocks of whole lines.

        pyarrow's own stream reads ahead in a thread that calls back, and a process that ends meanwhile is aborted.

        Parameters
        ----------
        skipped_lines : int
            Lines before the first row.
        cut : list of str
            Gets a remark where a compressed file ends early: what is there is read.

        Raises
        ------
        LevelsError
            A line longer than a block.
        """
        rest, waiting = (
            b"",
            b"",
        )  # the last lines wait for the rest of the file, which may be a piece of a line
        with open_bytes(self.path) as file:
            for read in read_blocks(file, self.encoding, cut):
                text = (
                    (rest + read).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                    if b"\r" in read
                    else rest + read
                )
                while skipped_lines and b"\n" in text:
                    text = text[text.index(b"\n") + 1 :]
                    skipped_lines -= 1
                end = 0 if skipped_lines else text.rfind(b"\n") + 1
                lines, rest = text[:end], text[end:]
                if lines.strip():
                    if waiting:
                        yield waiting
                    waiting = lines
                if len(rest) > BLOCK_BYTES:
                    raise LevelsError(
                        f"{self.path} is no table of levels: a line of more than {len(rest)} bytes"
                    )
        if not skipped_lines and (waiting + rest).strip():
            yield waiting + rest


def open_text(path: Path) -> TextFile:
    """Open a file of text, plain or compressed (.gz, .zip).

    Raises
    ------
    LevelsError
        Binary, empty, or an archive of several files.
    """
    cut: list[str] = []
    with open_bytes(path) as file:
        start = b"".join(read_pieces(file, FIRST_BYTES, cut))
    if cut and not start:
        raise LevelsError(f"{path} is damaged: {cut[0]}")
    encoding = encoding_of(start)
    if encoding is None and start.startswith(ARRAYS_STARTS):
        raise LevelsError(f"{path} is a compressed file of arrays: unpack it")
    if encoding is None:
        raise LevelsError(f"{path} is binary (it starts with {start[:8]!r}): expected text, HDF5 or npy")
    if not start.strip():
        raise LevelsError(f"{path} is empty: expected third-octave levels")
    return TextFile(path, start, encoding, path.stat().st_size)


def encoding_of(start: bytes) -> str | None:
    """Return the encoding of text by its first bytes; None for what is no text.

    Zero bytes are of numbers, not of text, but for the holes that a power failure leaves behind the first line.
    """
    for bom, name in BOMS.items():
        if start.startswith(bom):
            return name
    for name in ("utf-16-le", "utf-16-be"):
        letters = start[:200].decode(name, "replace")
        if letters.isascii() and "".join(letters.split()).isprintable():
            return name
    first_line, _, others = start.partition(b"\n")
    if b"\0" in first_line or (b"\0" in others and HOLE not in others):
        return None
    text = start.replace(b"\0", b"")
    if decodes(text, "utf-8"):
        return "utf-8"
    n_controls = sum(byte < 32 and byte not in b"\t\r\n" for byte in text)
    return "cp1252" if n_controls <= 0.01 * len(text) else None


def decodes(start: bytes, encoding: str) -> bool:
    """Whether bytes, which may end within a character, are text of that encoding."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def open_bytes(path: Path) -> io.BufferedIOBase:
    """Open a file to be read, decompressed where it is gzip or a zip of one file.

    Raises
    ------
    LevelsError
        A zip that is damaged or holds several files.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(GZIP_START):
        return gzip.GzipFile(path)
    if not start.startswith(ZIP_START):
        return path.open("rb")
    try:
        archive = zipfile.ZipFile(path)
        names = [name for name in archive.namelist() if name[-1] != "/" and not hidden_within(name)]
        if OFFICE_PART in names:
            raise LevelsError(f"{path} is a workbook of Excel or another Office document: save it as csv")
        if len(names) != 1:
            raise LevelsError(f"{path} holds {len(names)} files: expected one table of levels, unpack it")
        return cast("io.BufferedIOBase", archive.open(names[0]))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise LevelsError(f"{path} is a damaged or locked zip: {error}") from error


def hidden_within(name: str) -> bool:
    """Whether a system hides a file of an archive, or a folder in which it lies there."""
    return any(is_hidden(Path(part)) for part in Path(name).parts)


def read_pieces(file: io.BufferedIOBase, n_bytes: int, cut: list[str]) -> Iterator[bytes]:
    """Yield at most so many bytes, piece by piece; `cut` gets a remark where a compressed file ends early."""
    n_read = 0
    while n_read < n_bytes:
        try:
            piece = file.read1(min(PIECE_BYTES, n_bytes - n_read))  # what there is, though it be less
        except (EOFError, zlib.error, OSError, zipfile.BadZipFile) as error:
            cut.append(f"it is cut or damaged ({error}): what is there before is read")
            return
        if not piece:
            return
        n_read += len(piece)
        yield piece


def read_blocks(file: io.BufferedIOBase, encoding: str, cut: list[str]) -> Iterator[bytes]:
    """Give a file's bytes, as UTF-8; what is there of one that ends early."""
    decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)("replace")
    ended = False
    while not ended:
        read = b"".join(read_pieces(file, BLOCK_BYTES, cut))
        ended = len(read) < BLOCK_BYTES
        if encoding in ONE_BYTE_ENCODINGS and b"\0" in read:
            if HOLES not in cut:
                cut.append(HOLES)
            read = read.replace(b"\0", b"\n")
        yield read if decoder is None else decoder.decode(read).replace("\ufeff", "").encode()


@dataclass(frozen=True)
class TableHead:
    """The first lines of a table: where its names are, and how its cells are separated.

    Attributes
    ----------
    text : TextFile
        The file.
    preamble : tuple of str
        The lines before that of the names.
    names : tuple of str
        The columns' names, stripped; numbers from 1 where the first line is one of numbers already.
    delimiter, decimal : str
        Between cells, and within numbers.
    skipped_lines : int
        Lines before the first row.
    rows : tuple of tuple of str
        The first rows as text.
    """

    text: TextFile
    preamble: tuple[str, ...]
    names: tuple[str, ...]
    delimiter: str
    decimal: str
    skipped_lines: int
    rows: tuple[tuple[str, ...], ...]

    @property
    def path(self) -> Path:
        """The file."""
        return self.text.path

    @property
    def has_names(self) -> bool:
        """Whether the file has a line of names: else columns are numbered."""
        return self.names != numbered(len(self.names))

    def column(self, name: str) -> int | None:
        """Return the position of a column by its name in any case, or None."""
        lower = [own.lower() for own in self.names]
        return lower.index(name.lower()) if name.lower() in lower else None

    def values(self, column: int) -> list[str]:
        """Return the cells of a column in the first rows that have it."""
        return [row[column].strip() for row in self.rows if len(row) > column and row[column].strip()]


def read_head(text: TextFile) -> TableHead:
    """Find the line of names, the delimiter and the decimal mark.

    The line of names is the one with the most bands, by whichever delimiter: with `;` a cell may be `31,5`.

    Raises
    ------
    LevelsError
        No line ends in the first 64 kB.
    """
    lines = text.lines()
    if len(lines) < 2:
        raise LevelsError(
            f"{text.path} has no row of levels: its first {len(text.start)} bytes are one line, "
            f"{shorten(text.start[:SHOWN_TEXT].decode(text.encoding, 'replace'))!r}"
        )
    first = 1 if lines[0].lower().startswith("sep=") else 0
    delimiters = lines[0][4:5] if first else DELIMITERS
    candidates = [
        (n_bands_of(read_band_names(split(line, delimiter))), -position, delimiter)
        for position, line in enumerate(lines[first:HEADER_LINES], first)
        for delimiter in delimiters or DELIMITERS
    ]
    n_bands, negative, delimiter = max(candidates)
    position = -negative
    if n_bands < FEWEST_BANDS:
        position = next((index for index, line in enumerate(lines) if index >= first and line.strip()), first)
        delimiter = max(delimiters or DELIMITERS, key=lines[position].count)
    names = tuple(name.strip() for name in split(lines[position], delimiter))
    skipped = position + 1
    if all(is_number(name) for name in names) and n_bands < FEWEST_BANDS:
        names, skipped = numbered(len(names)), position
    rows = tuple(tuple(split(line, delimiter)) for line in lines[skipped : skipped + ROWS_LOOKED_AT])
    while rows and any(rows[0]) and not any(is_number(cell) for cell in rows[0]):  # a row of units
        rows, skipped = rows[1:], skipped + 1
    decimal = decimal_mark(rows, delimiter)
    return TableHead(text, tuple(lines[:position]), names, delimiter, decimal, skipped, rows)


def numbered(n_columns: int) -> tuple[str, ...]:
    """Return the names of columns that have none: 1, 2, …"""
    return tuple(str(number) for number in range(1, n_columns + 1))


def split(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line."""
    try:
        return next(csv.reader(io.StringIO(line), delimiter=delimiter), [])
    except csv.Error:
        return line.split(delimiter)


def is_number(text: str) -> bool:
    """Whether a cell holds a number, with either decimal mark."""
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def decimal_mark(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    """Return the decimal mark of the numbers in rows: a comma only where it is not between cells."""
    if delimiter == ",":
        # quoted cells may hold decimal commas all the same
        cells = [cell for row in rows for cell in row if "," in cell]
        return "," if cells and all(is_number(cell) for cell in cells) else "."
    marks = Counter(
        mark for row in rows for cell in row for mark in ",." if mark in cell and is_number(cell.strip())
    )
    return "," if marks[","] > marks["."] else "."


def shorten(text: str, length: int = SHOWN_TEXT) -> str:
    """Return text cut to a length that a line can show."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length] + "…"
