"""The class outputs from which experiment 2 scores."""

import argparse

from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.experiments.engine.options import dataset_folder


def logit_folder(options: argparse.Namespace, dataset: str) -> LogitFolder:
    """Return the class outputs of a dataset."""
    return LogitFolder(dataset, dataset_folder(options))
