"""Evaluation: predictions of classifiers, their metrics, presence of sources, regenerated sound."""
