"""Whether a real classifier recognises a synthetic event as what it is meant to be."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from spectral_transcoder.models.classifiers import Classifier
from spectral_transcoder.models.transcoders import SHORTEST_TAIL_S
from spectral_transcoder.signal.audio import Recording
from spectral_transcoder.synthetic_city.kinds import Kind
from spectral_transcoder.synthetic_city.scenes import Event, Scene, kind_of

SR = 32000
LONGEST_S = 4.0
AMONG = 5


@dataclass(frozen=True)
class Recognition:
    """The labels that a classifier gives to events of one kind, each alone.

    Attributes
    ----------
    kind : str
        Name of the kind.
    n_events : int
        Number of events that were classified.
    recognised : int
        Number of those with a label of the kind's family among the five highest.
    score : float
        The mean of the family's highest score.
    top_labels : tuple of str
        The three labels that were highest in the mean.
    """

    kind: str
    n_events: int
    recognised: int
    score: float
    top_labels: tuple[str, ...]


def recognise(name: str, classifier: Classifier, n_events: int = 10, seed: int = 0) -> Recognition:
    """Return the `Recognition` of a kind: events of at most 4 s, 1 m away, with a microphone's noise only."""
    kind = kind_of(name)
    return recognition_of(name, [sound_of(event_of(kind, seed + n)) for n in range(n_events)], classifier)


def recognition_of(name: str, recordings: list[Recording], classifier: Classifier) -> Recognition:
    """Return the `Recognition` of recordings, synthetic or real, as events of a kind."""
    labels = classifier.record.labels
    family = [labels.index(label) for label in kind_of(name).family if label in labels]
    scores = np.stack([scores_of(recording, classifier) for recording in recordings])
    ranks = (scores > scores[:, family].max(axis=1, keepdims=True)).sum(axis=1)
    highest = Counter(dict(enumerate(scores.mean(axis=0)))).most_common(3)
    return Recognition(
        name,
        len(recordings),
        int((ranks < AMONG).sum()),
        float(scores[:, family].max(axis=1).mean()),
        tuple(labels[index] for index, _ in highest),
    )


def event_of(kind: Kind, seed: int) -> Event:
    """Return an event of a kind, 1 m away, of a length and level that its kind allows."""
    rng = np.random.default_rng(seed)
    duration_s = min(LONGEST_S, rng.uniform(*kind.duration_s))
    return Event(kind.name, 0.0, duration_s, rng.uniform(*kind.level_db), 1.0, seed)


def sound_of(event: Event) -> Recording:
    """Return an event, alone, as a `Recording`."""
    return Recording(Scene(event.offset_s, (event,), event.seed + 1).render(SR), SR)


def scores_of(recording: Recording, classifier: Classifier) -> np.ndarray:
    """Return the classifier's scores of a recording: (n_labels,), in 0 … 1."""
    front_end = classifier.record.front_end
    return classifier.recording_scores(
        front_end.classifier_input(recording.at(front_end.sr), SHORTEST_TAIL_S)
    )
