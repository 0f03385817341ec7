"""Losses against the paper's formulas, written out in double precision."""

import numpy as np
import pytest
import torch
from torch import nn

from spectral_transcoder.models.classifiers import CLASSIFIERS
from spectral_transcoder.signal.mel_spectrograms import EFFICIENTAT_MELS
from spectral_transcoder.training.losses import LOGIT_WEIGHT, Chunks, TeacherLoss, embedding_scale

torch.set_num_threads(1)


class Teacher(nn.Module):
    """A frozen linear classifier of Mels (B, 4, 64), with the parts of `Classifier` that the loss uses."""

    class record:
        class front_end:
            name = "YamNet"

    def __init__(self):
        super().__init__()
        self.network = self
        self.layer = nn.Linear(256, 5).requires_grad_(False)

    def embedding(self, mels):
        return mels.flatten(1).sigmoid()

    def head(self, embedding):
        return self.layer(embedding)

    def logits(self, mels):
        return self.head(self.embedding(mels))


@pytest.mark.parametrize("prop_logit", [100, 50])
def test_the_taught_loss_is_that_of_the_paper(prop_logit):
    torch.manual_seed(0)
    teacher, mels, true_mels = Teacher(), torch.randn(6, 4, 64), torch.randn(6, 4, 64)
    scores = teacher.logits(true_mels).sigmoid()
    loss = TeacherLoss(teacher, prop_logit)(mels, Chunks(torch.zeros(6, 8, 29), true_mels, scores))
    q, p = teacher.logits(mels).sigmoid().double().numpy(), scores.double().numpy()
    bce = -np.mean(p * np.log(q) + (1 - p) * np.log(1 - q))
    mse = np.mean((mels - true_mels).double().numpy() ** 2)
    expected = bce if prop_logit == 100 else 0.5 * mse + 10 * 0.5 * bce
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_error_of_the_embedding_stands_beside_the_entropy_summed_over_labels():
    torch.manual_seed(0)
    teacher, mels, true_mels = Teacher(), torch.randn(6, 4, 64), torch.randn(6, 4, 64)
    chunks = Chunks(
        torch.zeros(6, 8, 29), true_mels, teacher.logits(true_mels).sigmoid(), teacher.embedding(true_mels)
    )
    std = embedding_scale(chunks.embeddings)
    loss = TeacherLoss(teacher, 100, prop_embedding=30, embedding_std=std)(mels.requires_grad_(), chunks)
    found, true = (
        1 / (1 + np.exp(-values.detach().double().numpy().reshape(6, -1))) for values in (mels, true_mels)
    )
    mean, deviation = true.mean(0), true.std(0, ddof=1) + 0.05
    p, q = chunks.scores.double().numpy(), teacher.logits(mels).sigmoid().detach().double().numpy()
    summed = -np.sum(p * np.log(q) + (1 - p) * np.log(1 - q), axis=1)
    errors = np.mean(((found - mean) / deviation - (true - mean) / deviation) ** 2, axis=1)
    assert 5 * loss.item() == pytest.approx(np.mean(summed + 30 * errors), rel=1e-5)
    loss.backward()
    assert mels.grad.abs().max() > 0
    taken = chunks.take(torch.tensor([4, 1]), "cpu")
    assert torch.equal(taken.teacher_embeddings, chunks.embeddings[[4, 1]])


def test_efficientat_weighs_scores_as_yamnet_does_in_its_unit(monkeypatch):
    """Logarithms divided by 5: both parts of the loss are a twenty-fifth where the cross-entropy is the same."""
    torch.manual_seed(0)
    teacher, mels, true_mels = Teacher(), torch.randn(6, 4, 64), torch.randn(6, 4, 64)
    monkeypatch.setattr(teacher, "logits", lambda mels: torch.ones(6, 5))
    chunks = Chunks(torch.zeros(6, 8, 29), true_mels, torch.full((6, 5), 0.3))
    natural = TeacherLoss(teacher, 50, level_weight=0.2)(mels, chunks).item()
    monkeypatch.setattr(Teacher.record.front_end, "name", "EfficientAT")
    divided = Chunks(chunks.levels, true_mels / EFFICIENTAT_MELS.log_std, chunks.scores)
    loss = TeacherLoss(teacher, 50, level_weight=0.2)(mels / EFFICIENTAT_MELS.log_std, divided)
    assert loss.item() == pytest.approx(natural / 25, rel=1e-5)


def test_scores_weigh_beside_mels_what_the_paper_says():
    assert (LOGIT_WEIGHT["PANN"], LOGIT_WEIGHT["YamNet"]) == (1500, 10)


def test_every_classifier_can_be_trained_on_scores_and_mels_at_once():
    assert {record.front_end.name for record in CLASSIFIERS.values()} <= set(LOGIT_WEIGHT)


def test_levels_are_compared_over_the_second_whatever_the_texture():
    torch.manual_seed(0)
    teacher, true_mels = Teacher(), torch.randn(6, 4, 64)
    chunks = Chunks(torch.zeros(6, 8, 29), true_mels, teacher.logits(true_mels).sigmoid())
    taught, steady = TeacherLoss(teacher, 100), TeacherLoss(teacher, 100, level_weight=0.5)
    textured = true_mels + torch.tensor([3.0, -3.0, 3.0, -3.0])[:, None]
    assert steady(textured, chunks).item() == pytest.approx(taught(textured, chunks).item(), rel=1e-5)
    louder = true_mels + 2
    added = steady(louder, chunks).item() - taught(louder, chunks).item()
    assert added == pytest.approx(0.5 / 10 * 2**2, rel=1e-4)
