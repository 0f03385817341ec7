"""Experiment 1: transcoders are trained and compared with the classifier on true Mels."""
