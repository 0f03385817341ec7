"""Experiment 3: scores of classifiers on true and transcoded Mels beside the times of presence that people gave."""
