"""Chunks of a split, and the losses of experiment 1 on a batch of them (docs/method.md, section 5)."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from spectral_transcoder.models.adaptation import STD_MARGIN
from spectral_transcoder.models.classifiers import Classifier

# k of docs/method.md, section 5, by front end; EfficientAT's Mels are natural logarithms divided by 5, so that
# YamNet's k, in the unit of their squares, is a twenty-fifth
LOGIT_WEIGHT = {"PANN": 1500.0, "YamNet": 10.0, "EfficientAT": 10.0 / 5**2}


@dataclass(frozen=True)
class Chunks:
    """The chunks of one split.

    Attributes
    ----------
    levels : torch.Tensor
        (n, frames, bands) third-octave levels in dB.
    mels : torch.Tensor or None
        (n, T, 64) true log Mels, where the loss needs them.
    scores : torch.Tensor or None
        (n, n_labels) the classifier's scores on the true Mels, where the loss needs them.
    embeddings : torch.Tensor or None
        (n, embedding_size) the classifier's embeddings of the true Mels, where the loss needs them.
    weights : torch.Tensor or None
        (n,) how much each chunk counts in a loss that weighs them, 1 on average; alike where there are none.
    """

    levels: torch.Tensor
    mels: torch.Tensor | None = None
    scores: torch.Tensor | None = None
    embeddings: torch.Tensor | None = None
    weights: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.levels)

    def take(self, index: torch.Tensor | slice, device: torch.device | str) -> "Chunks":
        """Return the chunks at `index` on a device."""
        parts = (self.mels, self.scores, self.embeddings, self.weights)
        further = (part if part is None else part[index].to(device) for part in parts)
        return Chunks(self.levels[index].to(device), *further)

    @property
    def true_mels(self) -> torch.Tensor:
        """The true Mels of a loss that needs them."""
        assert self.mels is not None
        return self.mels

    @property
    def teacher_scores(self) -> torch.Tensor:
        """The classifier's scores of a loss that needs them."""
        assert self.scores is not None
        return self.scores

    @property
    def teacher_embeddings(self) -> torch.Tensor:
        """The classifier's embeddings of a loss that needs them."""
        assert self.embeddings is not None
        return self.embeddings


def mel_loss(mels: torch.Tensor, chunks: Chunks) -> torch.Tensor:
    """Return the mean squared error of Mels, the loss of CNN-mels."""
    return nn.functional.mse_loss(mels, chunks.true_mels)


def score_loss(scores: torch.Tensor, chunks: Chunks) -> torch.Tensor:
    """Return the binary cross-entropy between scores in 0 … 1 and the classifier's, the loss of the baselines."""
    return nn.functional.binary_cross_entropy(scores, chunks.teacher_scores)


def cross_entropy(logits: torch.Tensor, chunks: Chunks) -> torch.Tensor:
    """Return the binary cross-entropy between logits and the classifier's scores, the mean over labels."""
    return nn.functional.binary_cross_entropy_with_logits(logits.float(), chunks.teacher_scores)


def embedding_scale(embeddings: torch.Tensor) -> torch.Tensor:
    """Return what embeddings [n, embedding_size] are divided by to be standardised: (embedding_size,)."""
    return embeddings.std(0) + STD_MARGIN


@dataclass(frozen=True)
class TeacherLoss:
    """The loss of a transcoder trained on the outputs of a frozen classifier: CNN-logits, and the hybrid.

    (1 - p)·MSE + k·p·BCE with p = prop_logit / 100; BCE alone where p is 1. The BCE is taken from logits, which is
    the same value as from scores but keeps its gradient where a score is saturated. To the BCE may be added
    level_weight / k times the error of the levels, and prop_embedding / n_labels times that of the embedding: the
    BCE is a mean over labels, so that prop_embedding stands beside their sum.

    Attributes
    ----------
    classifier : Classifier
        The teacher.
    prop_logit : float
        Percentage of the loss that compares scores.
    level_weight : float
        Weight of the mean squared error of the Mels' means over the second.
    autocast : callable
        The context of the precision that the classifier runs in.
    prop_embedding : float
        Weight of the mean squared error of the standardised embedding.
    embedding_std : torch.Tensor or None
        (embedding_size,) what embeddings are divided by; needed with `prop_embedding`.
    """

    classifier: Classifier
    prop_logit: float
    level_weight: float = 0.0
    autocast: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    prop_embedding: float = 0.0
    embedding_std: torch.Tensor | None = None

    def __call__(self, mels: torch.Tensor, chunks: Chunks) -> torch.Tensor:
        """Return the loss of transcoded Mels [B, T, n_mels]."""
        if self.prop_embedding:
            agreement = self.agreement_with_embedding(mels, chunks)
        else:
            with self.autocast():
                logits = self.classifier.network.logits(mels)
            agreement = cross_entropy(logits, chunks)
        share = self.prop_logit / 100
        if self.level_weight:
            levels = nn.functional.mse_loss(mels.mean(1), chunks.true_mels.mean(1))
            agreement = agreement + self.level_weight / self.logit_weight * levels
        if share == 1:
            return agreement
        return (1 - share) * mel_loss(mels, chunks) + self.logit_weight * share * agreement

    def agreement_with_embedding(self, mels: torch.Tensor, chunks: Chunks) -> torch.Tensor:
        """Return the BCE plus the weighted mean squared error of the standardised embedding."""
        assert self.embedding_std is not None
        with self.autocast():
            embedding = self.classifier.network.embedding(mels)
            logits = self.classifier.network.head(embedding)
        error = (embedding.float() - chunks.teacher_embeddings) / self.embedding_std
        return cross_entropy(logits, chunks) + self.prop_embedding / logits.shape[1] * error.square().mean()

    @property
    def logit_weight(self) -> float:
        """What the BCE is multiplied by beside errors of Mels: k of docs/method.md, section 5."""
        return LOGIT_WEIGHT[self.classifier.record.front_end.name]
