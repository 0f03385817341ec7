"""The plan of a dataset: which rows of which array each clip has, fixed before anything is computed."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from spectral_transcoder.datasets.audio_folder import sounds_in
from spectral_transcoder.datasets.chunks import ChunkAnalysis
from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.datasets.splits import Clip, Corpus
from spectral_transcoder.datasets.variations import MadeSound, Source, Variations, make_sound, plan_sounds
from spectral_transcoder.signal.audio import Recording, open_sound, read_audio
from spectral_transcoder.signal.reading import AS_USUAL, Reading
from spectral_transcoder.utils.errors import DatasetError, SpectralTranscoderError
from spectral_transcoder.utils.files import file_identity
from spectral_transcoder.utils.progress import progress_bar

VARIED_SPLIT = SPLITS[0]  # held out means held out: validation and evaluation stay as recorded


@dataclass(frozen=True)
class PlannedClip:
    """A clip with at least one whole second, and the rows that it has in its split's arrays.

    Attributes
    ----------
    file, split : str
        The clip's name and split, see `splits.Clip`; or the name of a sound that is made.
    first_row, n_seconds : int
        Its rows, one for each whole second.
    made : MadeSound or None
        How it is made of others; None of a recording.
    """

    file: str
    split: str
    first_row: int
    n_seconds: int
    made: MadeSound | None = None

    def sound(self, audio_folder: Path, reading: Reading) -> Recording:
        """Read it, or make it; raise AudioError where what is needed cannot be read."""
        if self.made:
            return make_sound(self.made, partial(read_audio, reading=reading))
        return read_audio(audio_folder / self.file, reading)


@dataclass(frozen=True)
class CreationPlan:
    """What a creation will do.

    Attributes
    ----------
    clips : tuple of PlannedClip
        What is computed: recordings in the corpus's order, then what is made of those of the training split.
    skipped : tuple of dict
        Clips left out: file, split, reason, and whether that is a failure (`unreadable`).
    parameters : dict
        Parameters of corpus and analysis, with a checksum of the list of clips and their lengths.
    """

    clips: tuple[PlannedClip, ...]
    skipped: tuple[dict[str, Any], ...]
    parameters: dict[str, Any]

    def n_rows(self, split: str) -> int:
        """Rows of a split's arrays."""
        return sum(clip.n_seconds for clip in self.clips if clip.split == split)


def make_plan(corpus: Corpus, analysis: ChunkAnalysis, variations: Variations | None = None) -> CreationPlan:
    """Read the header of each clip and return the `CreationPlan`.

    Raises
    ------
    DatasetError
        A split has no clip with a whole second that can be read.
    UsageError
        What is wanted cannot be made of these recordings.
    """
    headers = read_headers([corpus.folder / clip.file for clip in corpus.clips], analysis.reading)
    planned: list[PlannedClip] = []
    skipped: list[dict[str, Any]] = []
    sources: list[Source] = []  # what more can be made of: recordings of the training split
    rows: Counter[str] = Counter()
    digest = hashlib.sha256()
    for clip, (n_samples, sr, error) in zip(corpus.clips, headers, strict=True):
        length = [n_samples, sr] if error is None else [None, None]
        digest.update(json.dumps([clip.file, clip.split, *length]).encode())
        if error is not None or n_samples < sr:
            reason = error or f"{n_samples / sr:.3f} s: shorter than a second"
            skipped.append(skipped_clip(clip, reason, unreadable=error is not None))
            continue
        planned.append(PlannedClip(clip.file, clip.split, rows[clip.split], n_samples // sr))
        rows[clip.split] += planned[-1].n_seconds
        if clip.split == VARIED_SPLIT:
            sources.append(Source(corpus.folder, clip.file, clip.group, n_samples, sr))
    refuse_empty_splits(planned, skipped)
    parameters = {**corpus.parameters, **analysis.parameters, "clips_sha256": digest.hexdigest()}
    plan = CreationPlan(tuple(planned), tuple(skipped), parameters)
    if variations is None or not variations.any:
        return plan
    backgrounds, unusable = background_sources(variations.backgrounds, corpus, analysis.reading)
    return with_variations(plan, variations, sources, backgrounds, unusable)


def with_variations(
    plan: CreationPlan,
    variations: Variations,
    sources: Sequence[Source],
    backgrounds: Sequence[Source],
    unusable: Sequence[dict[str, Any]],
) -> CreationPlan:
    """Return a plan of recordings with what is made of them behind, and the backgrounds that cannot be read."""
    made: list[PlannedClip] = []
    row = plan.n_rows(VARIED_SPLIT)
    for sound in plan_sounds(variations, sources, backgrounds):
        made.append(PlannedClip(sound.name, VARIED_SPLIT, row, sound.n_seconds, sound))
        row += sound.n_seconds
    parameters = plan.parameters | {"variations": variation_parameters(variations, backgrounds)}
    return CreationPlan((*plan.clips, *made), (*plan.skipped, *unusable), parameters)


def read_headers(paths: Sequence[Path], reading: Reading) -> list[tuple[int, int, str | None]]:
    """Return what `read_header` does of each of some files."""
    with ThreadPoolExecutor() as pool:
        read = partial(read_header, reading=reading)
        return list(progress_bar(pool.map(read, paths), len(paths), "headers"))


def background_sources(
    folder: Path | None, corpus: Corpus, reading: Reading
) -> tuple[list[Source], list[dict[str, Any]]]:
    """Return the sounds of a folder that may be put under recordings, and those that cannot be read.

    What is held out for validation or evaluation, by the file or by its group, is passed over.
    """
    if folder is None:
        return [], []
    found = sounds_in(folder)
    left_out = [left_out_file(str(folder / file), reason) for file, reason in found.left_out.items()]
    held_out = [clip for clip in corpus.clips if clip.split != VARIED_SPLIT]
    groups = {clip.group for clip in held_out}
    identities = {file_identity(corpus.folder / clip.file) for clip in held_out}
    group_of = corpus.group_of or (lambda file: None)
    files = [
        file
        for file in found.files
        if group_of(file) not in groups and file_identity(folder / file) not in identities
    ]
    sources: list[Source] = []
    headers = read_headers([folder / file for file in files], reading)
    for file, (n_samples, sr, error) in zip(files, headers, strict=True):
        if error:
            left_out.append(left_out_file(str(folder / file), error))
        elif n_samples >= sr:
            sources.append(Source(folder, file, file, n_samples, sr))
    return sources, left_out


def variation_parameters(variations: Variations, backgrounds: Sequence[Source]) -> dict[str, Any]:
    """Return the settings of what is made, with a checksum of the backgrounds instead of where they lie."""
    settings = asdict(replace(variations, backgrounds=None))
    if variations.backgrounds:
        listed = json.dumps([[source.file, source.n_samples, source.sr] for source in backgrounds])
        settings["backgrounds"] = hashlib.sha256(listed.encode()).hexdigest()
    plain: dict[str, Any] = json.loads(json.dumps(settings))  # as it is read again: lists
    return plain


def read_header(path: Path, reading: Reading = AS_USUAL) -> tuple[int, int, str | None]:
    """Return (number of samples, rate in Hz, None), or (0, 0, reason) of a file that cannot be read."""
    try:
        with open_sound(path, reading.accept_truncated, reading.decoded_in) as sound:
            return sound.frames, sound.samplerate, None
    except SpectralTranscoderError as error:
        return 0, 0, str(error)


def skipped_clip(clip: Clip | PlannedClip, reason: str, unreadable: bool) -> dict[str, Any]:
    """Return how the manifest lists a clip that is left out."""
    return {"file": clip.file, "split": clip.split, "reason": reason, "unreadable": unreadable}


def left_out_file(file: str, reason: str) -> dict[str, Any]:
    """Return how the manifest lists a sound that no clip was made of: it is in no split."""
    return {"file": file, "split": None, "reason": reason, "unreadable": True}


def refuse_empty_splits(clips: Sequence[PlannedClip], skipped: Sequence[dict[str, Any]]) -> None:
    """Raise DatasetError where a split has no clip left, giving the first reason."""
    for split in SPLITS:
        if not any(clip.split == split for clip in clips):
            reasons = [clip["reason"] for clip in skipped if clip["split"] == split]
            raise DatasetError(
                f"the split {split} has no clip with a whole second that can be read, "
                f"{len(reasons)} were skipped; the first: {reasons[0]}"
            )
