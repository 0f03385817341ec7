"""Stored class outputs of a labelled corpus: which files, how they were made, and reading them.

<DATASET>-LOGITS/ holds a file <clip>_<classifier>_<gt or transcoder>.npy for each clip, the clips with their
labels, the provenance of its sounds (sizes and hashes), and a manifest <classifier>_<gt or transcoder>.json for
each kind of outputs.
"""

import glob
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spectral_transcoder.datasets.labelled import CorpusRecord, LabelledCorpus, corpus_record
from spectral_transcoder.models.registry import TRUE_MELS, TRUE_SUFFIX
from spectral_transcoder.utils.arrays import read_array
from spectral_transcoder.utils.errors import DatasetError, MissingFileError
from spectral_transcoder.utils.files import atomic_path, sha256
from spectral_transcoder.utils.folders import is_hidden
from spectral_transcoder.utils.paths import DATA_PATH, DATASETS


@dataclass(frozen=True)
class LogitFolder:
    """The class outputs of one labelled corpus.

    Attributes
    ----------
    dataset : str
        URBAN-SOUND-8K or SONYC-UST.
    root : Path
        The folder that holds `<DATASET>-LOGITS/`.
    """

    dataset: str
    root: Path

    @property
    def record(self) -> CorpusRecord:
        """The corpus's record."""
        return corpus_record(self.dataset)

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return Path(self.root) / f"{self.dataset}-LOGITS"

    @property
    def clips_path(self) -> Path:
        """The clips and their labels."""
        return self.folder / f"{self.dataset}_clips.csv"

    @property
    def sounds_path(self) -> Path:
        """The provenance of each sound that was classified: its size and a hash."""
        return self.folder / f"{self.dataset}_sounds.csv"

    def read_sounds(self) -> dict[str, str]:
        """Return {file: provenance} of the sounds that were classified."""
        if not self.sounds_path.is_file():
            return {}
        return dict(pd.read_csv(self.sounds_path, dtype=str).to_numpy())

    def write_sounds(self, sounds: dict[str, str]) -> None:
        """Write {file: provenance}."""
        with atomic_path(self.sounds_path) as temporary:
            pd.DataFrame(sounds.items(), columns=["file", "provenance"]).to_csv(temporary, index=False)

    def name(self, classifier: str, transcoder: str) -> str:
        """Return what the files of one kind of outputs have in common: yamnet_cnn, pann_gt, …"""
        return f"{classifier.lower()}_{TRUE_SUFFIX if transcoder == TRUE_MELS else transcoder}"

    def path(self, file: str, classifier: str, transcoder: str) -> Path:
        """Return the path of a clip's outputs."""
        return self.folder / f"{Path(file).stem}_{self.name(classifier, transcoder)}.npy"

    def manifest_path(self, classifier: str, transcoder: str) -> Path:
        """Return the path of the manifest of one kind of outputs."""
        return self.folder / f"{self.name(classifier, transcoder)}.json"

    def read_manifest(self, classifier: str, transcoder: str) -> dict[str, Any] | None:
        """Return the manifest of one kind of outputs, or None where there is none."""
        path = self.manifest_path(classifier, transcoder)
        return read_manifest(path) if path.is_file() else None

    def write_manifest(self, classifier: str, transcoder: str, manifest: dict[str, Any]) -> None:
        """Write the manifest of one kind of outputs."""
        with atomic_path(self.manifest_path(classifier, transcoder)) as temporary:
            temporary.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")

    def update_manifest(self, classifier: str, transcoder: str, changes: dict[str, Any]) -> None:
        """Change entries of the manifest of one kind of outputs, which has to be there."""
        manifest = read_manifest(self.manifest_path(classifier, transcoder))
        self.write_manifest(classifier, transcoder, manifest | changes)

    def kinds(self) -> list[tuple[str, str]]:
        """Return the (classifier, transcoder) of which there are outputs, sorted."""
        paths = [path for path in self.folder.glob("*.json") if not is_hidden(path)]
        manifests = [read_manifest(path) for path in paths if self._is_manifest(path)]
        made_from = [manifest["provenance"] for manifest in manifests]
        return sorted((provenance["classifier"], provenance["transcoder"]) for provenance in made_from)

    def _is_manifest(self, path: Path) -> bool:
        """Whether a JSON file is a manifest, which a damaged one with outputs beside it is too."""
        try:
            read_manifest(path)
        except DatasetError:
            return any(self.folder.glob(f"*_{glob.escape(path.stem)}.npy"))
        return True

    def create_command(self, classifier: str, transcoder: str) -> str:
        """Return the command that makes one kind of outputs."""
        command = (
            f"python3 exp_classif_eval/create_logit_dataset.py --audio_dataset_name {self.dataset} "
            f"--classifier {classifier} --transcoder {transcoder}"
        )
        if Path(self.root).resolve() != (DATA_PATH / DATASETS).resolve():
            command += f" --output_path {shlex.quote(str(self.root))}"
        return command

    def read(self, classifier: str, transcoder: str) -> tuple[LabelledCorpus, np.ndarray]:
        """Return the clips that could be read, and their class outputs.

        Returns
        -------
        LabelledCorpus
            The corpus of those n clips.
        np.ndarray
            (n, n_labels) float32 in 0 … 1.

        Raises
        ------
        MissingFileError
            The outputs were not made, not to the end, or of other clips or labels than the corpus has now; the
            message names the command.
        DatasetError
            A file of them is damaged; the message names it and the command.
        """
        manifest = self.read_manifest(classifier, transcoder)
        reason = self.missing(classifier, transcoder)
        if manifest is None or reason is not None:
            raise MissingFileError(reason)
        corpus = LabelledCorpus.load(self.clips_path, self.record)
        corpus = corpus.take(~np.isin(corpus.files, list(manifest["unreadable"])))
        remedy = f"remove it, and make it again with: {self.create_command(classifier, transcoder)}"
        scores = [read_array(self.path(file, classifier, transcoder), remedy) for file in corpus.files]
        return corpus, np.stack(scores)

    def missing(self, classifier: str, transcoder: str) -> str | None:
        """Return why there are no outputs of one kind that can be read, with the command that makes them, or None."""
        state = self._state(self.read_manifest(classifier, transcoder))
        if state == "complete":
            return None
        command = self.create_command(classifier, transcoder)
        return f"{state} class outputs of {classifier} on {transcoder} in {self.folder}; make them with: {command}"

    def _state(self, manifest: dict[str, Any] | None) -> str:
        if manifest is None:
            return "no"
        if not manifest.get("complete", False):
            return "unfinished"
        return "complete" if manifest["clips"] == sha256(self.clips_path) else "outdated"


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of one kind of outputs; earlier versions called its `provenance` `origin`.

    Raises
    ------
    DatasetError
        It is damaged, or no manifest.
    """
    remedy = "remove it, and make the class outputs again"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{path} is damaged ({error}): {remedy}") from error
    if isinstance(manifest, dict) and "origin" in manifest:
        manifest["provenance"] = manifest.pop("origin")
    provenance = manifest.get("provenance") if isinstance(manifest, dict) else None
    if not isinstance(provenance, dict) or not {"classifier", "transcoder"} <= provenance.keys():
        raise DatasetError(f"{path} is no manifest of class outputs: {remedy}")
    return manifest
