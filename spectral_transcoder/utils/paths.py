"""Paths of the folders that the pages for users name, from the project's root."""

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
AUDIO = PROJECT_ROOT / "audio"
GENERATED_AUDIO = PROJECT_ROOT / "generated_audio"
PRETRAINED_MODELS = PROJECT_ROOT / "pretrained_models"
REFERENCE_MODELS = PROJECT_ROOT / "reference_models"
RESULTS = PROJECT_ROOT / "results"
EXPORT = PROJECT_ROOT / "export"
TAU = PROJECT_ROOT / "TAU-urban-acoustic-scenes-2020-mobile-development"
DATA_PATH = PROJECT_ROOT / "spectral_transcoder_data"  # what --data_path replaces
DATASETS = "data"  # the folder of datasets inside it
