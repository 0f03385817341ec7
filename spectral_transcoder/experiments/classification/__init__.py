"""Experiment 2: classifiers on true and transcoded Mels are scored on labelled datasets."""
