"""Stored class outputs of a labelled corpus: which files, how they were made, and reading them.

<DATASET>-LOGITS/ holds a file <clip>_<classifier>_<gt or transcoder>.npy for each clip, the clips with their
labels, and a manifest <classifier>_<gt or transcoder>.json for each kind of outputs.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectral_transcoder.errors import MissingFileError
from spectral_transcoder.files import atomic_path
from spectral_transcoder.labelled_corpora import LabelledCorpus, corpus_record
from spectral_transcoder.listening import TRUE_MELS

TRUE_SUFFIX = "gt"  # what true Mels are called in file names


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
    def record(self):
        """The corpus's record."""
        return corpus_record(self.dataset)

    @property
    def folder(self):
        """Where the files lie."""
        return Path(self.root) / f"{self.dataset}-LOGITS"

    @property
    def clips_path(self):
        """The clips and their labels."""
        return self.folder / f"{self.dataset}_clips.csv"

    def name(self, classifier, transcoder):
        """Return what the files of one kind of outputs have in common: yamnet_cnn, pann_gt, …"""
        return f"{classifier.lower()}_{TRUE_SUFFIX if transcoder == TRUE_MELS else transcoder}"

    def path(self, file, classifier, transcoder):
        """Return the path of a clip's outputs."""
        return self.folder / f"{Path(file).stem}_{self.name(classifier, transcoder)}.npy"

    def manifest_path(self, classifier, transcoder):
        """Return the path of the manifest of one kind of outputs."""
        return self.folder / f"{self.name(classifier, transcoder)}.json"

    def read_manifest(self, classifier, transcoder):
        """Return the manifest of one kind of outputs, or None where there is none."""
        path = self.manifest_path(classifier, transcoder)
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def write_manifest(self, classifier, transcoder, manifest):
        """Write the manifest of one kind of outputs."""
        with atomic_path(self.manifest_path(classifier, transcoder)) as temporary:
            temporary.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")

    def kinds(self):
        """Return the (classifier, transcoder) of which there are outputs, sorted."""
        manifests = (json.loads(path.read_text(encoding="utf-8")) for path in self.folder.glob("*.json"))
        origins = [manifest["origin"] for manifest in manifests]
        return sorted((origin["classifier"], origin["transcoder"]) for origin in origins)

    def create_command(self, classifier, transcoder):
        """Return the command that makes one kind of outputs."""
        return (
            f"python3 exp_classif_eval/create_logit_dataset.py --audio_dataset_name {self.dataset} "
            f"--classifier {classifier} --transcoder {transcoder}"
        )

    def read(self, classifier, transcoder):
        """Return the clips that could be read, and their class outputs.

        Returns
        -------
        LabelledCorpus
            Of n clips.
        np.ndarray
            (n, n_labels) float32 in 0 … 1.

        Raises
        ------
        MissingFileError
            The outputs were not made, or not to the end; the message names the command.
        """
        manifest = self.read_manifest(classifier, transcoder)
        if manifest is None or not manifest["complete"]:
            state = "no" if manifest is None else "unfinished"
            raise MissingFileError(
                f"{state} class outputs of {classifier} on {transcoder} in {self.folder}; make them with: "
                f"{self.create_command(classifier, transcoder)}"
            )
        corpus = LabelledCorpus.load(self.clips_path, self.record)
        corpus = corpus.take(~np.isin(corpus.files, list(manifest["unreadable"])))
        scores = [np.load(self.path(file, classifier, transcoder)) for file in corpus.files]
        return corpus, np.stack(scores)
