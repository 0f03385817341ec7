"""The added layers: what they can and cannot tell, and what teaches them."""

import numpy as np
import torch

from spectral_transcoder.training.heads import Head, HeadRecipe, train_head


def problem(n=600, seed=0):
    """Return inputs and one of three classes each, told by the highest of three inputs."""
    rng = np.random.default_rng(seed)
    inputs = rng.random((n, 6)).astype(np.float32)
    return inputs, np.eye(3)[inputs[:, :3].argmax(1)]


def accuracy(head, inputs, labels):
    return np.mean(head.scores(inputs).argmax(1) == labels.argmax(1))


def test_both_heads_learn_what_a_line_separates():
    inputs, labels = problem()
    for corrected in (False, True):
        head = train_head(inputs, labels, HeadRecipe(corrected, single_label=True))
        assert accuracy(head, *problem(seed=1)) > 0.9


def test_the_published_head_is_one_linear_map_and_the_corrected_one_is_not():
    inputs = torch.tensor(np.random.default_rng(0).standard_normal((2, 6)), dtype=torch.float32)
    zero = torch.zeros(1, 6)

    def bend(corrected):
        torch.manual_seed(0)
        head = Head(HeadRecipe(corrected, single_label=True), 6, 3)
        with torch.no_grad():  # f(a + b) - f(a) - f(b) + f(0)
            return (head(inputs.sum(0, keepdim=True)) - head(inputs).sum(0) + head(zero)).abs().max()

    assert bend(corrected=False) < 1e-5
    assert bend(corrected=True) > 1e-3


def test_scores_exclude_each_other_only_in_the_corrected_head_of_exclusive_classes():
    inputs, _ = problem(5)
    sums = {}
    for corrected in (False, True):
        for single_label in (False, True):
            head = Head(HeadRecipe(corrected, single_label), 6, 3)
            sums[corrected, single_label] = np.allclose(head.scores(inputs).sum(1), 1)
    assert sums == {(False, False): False, (False, True): False, (True, False): False, (True, True): True}


def test_the_loss_is_that_of_the_sigmoids_over_the_votes_there_are():
    head = Head(HeadRecipe(corrected=False, single_label=False), 6, 3)
    inputs, labels = problem(4)
    labels[0, 1] = labels[2] = np.nan
    scores = head.scores(inputs).astype(float)
    losses = -(labels * np.log(scores) + (1 - labels) * np.log(1 - scores))
    found = head.loss(torch.tensor(inputs), torch.tensor(labels, dtype=torch.float32)).item()
    np.testing.assert_allclose(found, np.nanmean(losses), rtol=1e-5)


def test_what_nobody_voted_on_teaches_nothing():
    inputs, labels = problem()
    recipe = HeadRecipe(corrected=False, single_label=False, epochs=2)
    alone = train_head(inputs, labels, recipe)
    rng = np.random.default_rng(1)
    more = np.concatenate([inputs, rng.random((50, 6)).astype(np.float32)])
    unknown = np.full((50, 3), np.nan)
    together = train_head(more, np.concatenate([labels, unknown]), recipe)
    np.testing.assert_array_equal(alone.scores(inputs), together.scores(inputs))


def test_a_seed_decides_everything_and_leaves_the_global_one_alone():
    inputs, labels = problem(100)
    torch.manual_seed(3)
    first = train_head(inputs, labels, HeadRecipe(False, True, seed=1, epochs=2)).scores(inputs)
    drawn = torch.rand(1)
    second = train_head(inputs, labels, HeadRecipe(False, True, seed=1, epochs=2)).scores(inputs)
    other = train_head(inputs, labels, HeadRecipe(False, True, seed=2, epochs=2)).scores(inputs)
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, other)
    torch.manual_seed(3)
    assert torch.rand(1) == drawn
