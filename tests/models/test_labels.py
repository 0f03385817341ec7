"""Label names and groupings against the reference files."""

import json

import pytest

from spectral_transcoder.models.labels import group_indices, groupings, label_names, read_grouping
from spectral_transcoder.utils.errors import UsageError


@pytest.mark.shared
@pytest.mark.parametrize(
    ("n_labels", "file"), [(527, "audioset_527_labels.txt"), (521, "yamnet_521_labels.txt")]
)
def test_names_are_the_references(shared, n_labels, file):
    names = label_names(n_labels)
    assert list(names) == (shared / "reference" / file).read_text(encoding="utf-8").splitlines()
    assert len(set(names)) == n_labels


@pytest.mark.shared
def test_groupings_are_the_references(shared):
    expected = json.loads((shared / "reference/groupings.json").read_text(encoding="utf-8"))
    del expected["note"]
    assert groupings() == expected


def test_every_label_of_every_group_is_audiosets():
    for grouping, targets in groupings().items():
        for target, members in targets.items():
            assert set(members) <= set(label_names(527)), (grouping, target)
            assert len(set(members)) == len(members), (grouping, target)


def test_sonyc_grouping_turns_527_outputs_into_309_entries():
    """8 groups, and 301 labels left alone (docs/method.md, section 7)."""
    indices = group_indices("sonyc_ust", label_names(527))
    grouped = {index for members in indices.values() for index in members}
    assert len(indices) + 527 - len(grouped) == 309


@pytest.mark.parametrize("n_labels", [527, 521])
@pytest.mark.parametrize(("grouping", "n_targets"), [("tvb", 3), ("urbansound8k", 10), ("sonyc_ust", 8)])
def test_indices_lead_to_the_names(grouping, n_targets, n_labels):
    names = label_names(n_labels)
    indices = group_indices(grouping, names)
    assert len(indices) == n_targets
    for target, members in groupings()[grouping].items():
        assert [names[index] for index in indices[target]] == [name for name in members if name in names]


def test_labels_that_yamnet_lacks_are_skipped():
    own = {"loud": ["Speech", "no such label"]}
    assert group_indices(own, label_names(521)) == {"loud": [label_names(521).index("Speech")]}
    with pytest.raises(UsageError, match="quiet"):
        group_indices({**own, "quiet": ["no such label"]}, label_names(521))


def test_unknown_grouping_names_the_choices():
    with pytest.raises(UsageError, match="tvb"):
        group_indices("esc50", label_names(527))


def test_labels_with_commas_are_the_labels_meant(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("feathered: [Bird vocalization, bird call, bird song, Crow]\nengines: [Engine, Engine]\n")
    found = read_grouping(path, label_names(527))
    assert found == {"feathered": ["Bird vocalization, bird call, bird song", "Crow"], "engines": ["Engine"]}


def test_a_class_may_be_called_no(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("no: [Silence]\noff: [Music]\n1: [Speech]\n")
    assert list(read_grouping(path, label_names(521))) == ["no", "off", "1"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("alarm: [Sirens, Ambulance (siren)]", r"alarm: no label is called 'Sirens': did you mean 'Siren'"),
        ("a: [Bird vocalization, bird call]", "did you mean 'Bird vocalization, bird call, bird song'"),
        ("a: [qqqqqq]", "no label is called 'qqqqqq'$"),
        ("a: [Siren]\na: [Music]", "'a' is there twice"),
        ("a: []", "lists of labels"),
    ],
)
def test_an_unknown_label_of_a_user_names_the_nearest(tmp_path, text, found):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=found):
        read_grouping(path, label_names(521))


def test_a_label_that_only_another_classifier_has_is_no_typo(tmp_path):
    lacking = next(name for name in label_names(527) if name not in label_names(521))
    path = tmp_path / "mine.yaml"
    path.write_text(f"a: ['{lacking}', Speech]\n")
    assert read_grouping(path, label_names(521)) == {"a": [lacking, "Speech"]}
