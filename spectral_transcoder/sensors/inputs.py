"""What a run reads: files of levels, surveyed, or sounds; those that cannot be used are named at the end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.levels import FRAME_S, LevelBlock
from spectral_transcoder.sensors.overlaps import Overlaps, RowsOnce
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.reading import SurveyedFile, survey_file
from spectral_transcoder.sensors.sounds import audio_blocks
from spectral_transcoder.signal.audio import AS_USUAL, Reading
from spectral_transcoder.utils.errors import AudioError, LevelsError, MissingFileError


@dataclass
class Inputs:
    """The files of a run, each read block by block.

    Attributes
    ----------
    surveyed : list of SurveyedFile
        Files of levels.
    sounds : list of Path
        Sounds, of which the levels are computed.
    normalise : bool
        Whether sounds are peak-normalised first.
    sound_frame_s : float
        Seconds of the frames that the levels of sounds become.
    reading : Reading
        Which channel of sounds is taken, and what is done with cut ones.
    failed : dict of Path to str
        Files that cannot be used, and why.
    between_s : tuple of float or None
        Begin and end of the rows that are wanted, in seconds since 1970; None are all.
    overlaps : Overlaps
        What the files of levels have twice.
    """

    surveyed: list[SurveyedFile] = field(default_factory=list)
    sounds: list[Path] = field(default_factory=list)
    normalise: bool = True
    sound_frame_s: float = FRAME_S
    reading: Reading = AS_USUAL
    failed: dict[Path, str] = field(default_factory=dict)
    between_s: tuple[float, float] | None = None
    overlaps: Overlaps = field(default_factory=Overlaps)

    @property
    def duration_s(self) -> float | None:
        """What is counted of all files, in seconds; None for sounds, which are not looked into beforehand."""
        if self.sounds:
            return None
        return sum(file.duration_s for file in self.surveyed) - self.overlaps.duration_s

    @property
    def frame_s(self) -> float:
        """Seconds of the frames that all files become.

        Raises
        ------
        LevelsError
            Some become frames of 125 ms, and some of 1 s.
        """
        frames = {file.frame_s: file for file in self.surveyed}
        if len(frames) > 1:
            short, long = frames[min(frames)], frames[max(frames)]
            raise LevelsError(
                f"{short.path} becomes frames of {short.frame_s:g} s, {long.path} frames of {long.frame_s:g} s: "
                "classify them apart, into two outputs"
            )
        return next(iter(frames), self.sound_frame_s)

    def leave_out_contained(self) -> dict[str, Path]:
        """Leave out files of which longer ones have every row; return one of those by the digest of each."""
        known = {}
        for index, longer in self.overlaps.contained().items():
            file, path = self.surveyed[index], self.surveyed[longer].path
            self.failed[file.path] = f"{file.path} has no row that {path} has not: it is counted once"
            known[file.digest] = path
        self.surveyed = [file for file in self.surveyed if file.path not in self.failed]
        self.overlaps = Overlaps(self.surveyed)
        return known

    def blocks(self, findings: Findings | None = None) -> Iterator[LevelBlock]:
        """Give the levels of all files, one after the other; times that several have of a sensor come once."""
        findings = Findings() if findings is None else findings
        once = RowsOnce(self.overlaps)
        for remark in self.overlaps.remarks:
            findings.note(remark)
        for index, file in enumerate(self.surveyed):
            for block in file.blocks(findings):
                yield once.keep(index, self._wanted(block))
        once.report(findings)
        for path in self.sounds:
            try:
                yield from audio_blocks(path, self.normalise, reading=self.reading, findings=findings)
            except (AudioError, MissingFileError) as error:
                self.failed[path] = str(error)

    def _wanted(self, block: LevelBlock) -> LevelBlock:
        """Return the rows of a block that are wanted."""
        if self.between_s is None:
            return block
        begin, end = self.between_s
        return block.select((block.epoch_s >= begin) & (block.epoch_s < end))


def survey_inputs(
    files: Sequence[Path], options: ReadOptions, known: Mapping[str, str | Path] | None = None
) -> Inputs:
    """Survey files of levels; those that cannot be used, and copies of others, are left out and named.

    Parameters
    ----------
    files : sequence of Path
        The files.
    options : ReadOptions
        What the user says of them.
    known : mapping of str to str or Path, optional
        Files that are counted already, by their digests.

    Raises
    ------
    LevelsError
        No file can be used, and none is counted already; the message is that of the first.
    """
    inputs = Inputs()
    contents = dict(known or {})
    for path in files:
        try:
            file = survey_file(path, options)
        except (LevelsError, MissingFileError) as error:
            inputs.failed[path] = str(error)
            continue
        if file.digest in contents:
            inputs.failed[path] = f"{path} holds the same as {contents[file.digest]}: it is counted once"
            continue
        contents[file.digest] = path
        inputs.surveyed.append(file)
    if not inputs.surveyed and not known:
        raise LevelsError("; ".join(list(inputs.failed.values())[:3]) or "no file of levels")
    inputs.overlaps = Overlaps(inputs.surveyed)
    return inputs
