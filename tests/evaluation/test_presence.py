"""Presence of classes, against cases counted by hand (docs/method.md, section 7)."""

import numpy as np
import pytest

from spectral_transcoder.evaluation.presence import find_highest, find_presence, find_presence_ungrouped
from spectral_transcoder.models.labels import group_indices, label_names

NAMES = [f"label {index}" for index in range(12)]
GROUPING = {"low": ["label 0", "label 1", "label 2"], "high": ["label 3"], "none": ["label 11"]}
# Twelve labels, the first three of them the highest: grouped, they are one entry of ten.
SCORES = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15]])


def test_grouping_pann_for_sonyc_ust_leaves_309_entries():
    members = [index for group in group_indices("sonyc_ust", label_names(527)).values() for index in group]
    assert 527 - len(set(members)) + 8 == 309


def test_a_class_is_present_among_eight_entries_after_grouping_and_three_labels_without():
    # entries: low .9, high .6, none .15, and label 4 … 10 at .5 … .2: none is the tenth of ten
    revised = find_presence(SCORES, NAMES, GROUPING)
    assert revised.classes == ("low", "high", "none")
    np.testing.assert_allclose(revised.scores, [[0.9, 0.6, 0.15]])
    assert revised.present.tolist() == [[True, True, False]]
    # the three highest labels are all of one class: nothing else can be present
    assert find_presence_ungrouped(SCORES, NAMES, GROUPING).present.tolist() == [[True, False, False]]
    assert find_highest(SCORES, NAMES, GROUPING).present.tolist() == [[True, False, False]]


@pytest.mark.parametrize(("rank", "present"), [(2, True), (3, False)])
def test_the_third_label_is_the_last_that_counts_without_grouping(rank, present):
    scores = np.linspace(1, 0, 12)[None]
    grouping = {"one": [NAMES[rank]]}
    assert find_presence_ungrouped(scores, NAMES, grouping).present.item() is present


@pytest.mark.parametrize(("rank", "present"), [(7, True), (8, False)])
def test_the_eighth_entry_is_the_last_that_counts_after_grouping(rank, present):
    scores = np.linspace(1, 0, 12)[None]
    assert find_presence(scores, NAMES, {"one": [NAMES[rank]]}).present.item() is present


def test_of_fewer_entries_than_eight_all_are_present():
    names = NAMES[:5]
    found = find_presence(SCORES[:, :5], names, {"one": names[:1], "last": names[4:]})
    assert found.present.tolist() == [[True, True]]
