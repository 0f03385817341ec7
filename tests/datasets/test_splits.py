from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.datasets.splits import PROPORTIONS, Clip, Corpus, split_groups
from spectral_transcoder.experiments.transcoding.plans import MEL_DATASETS
from spectral_transcoder.utils.errors import UsageError


@pytest.mark.parametrize("name", [*MEL_DATASETS, "..", ".hidden", "a/b", "a\\b", "a+b", ""])
def test_names_that_no_selector_can_mean_are_refused(name):
    clips = tuple(Clip(f"{split}.wav", split, split) for split in SPLITS)
    with pytest.raises(UsageError, match="--dataset_name"):
        Corpus(name, Path(), clips, {})


@given(st.lists(st.integers(1, 50), min_size=3, max_size=60), st.integers(0, 5))
def test_groups_are_shared_out_near_the_proportions(sizes, seed):
    sizes = {f"g{index}": size for index, size in enumerate(sizes)}
    split_of = split_groups(sizes, seed)
    assert split_of.keys() == sizes.keys()
    assert set(split_of.values()) == set(SPLITS)
    for split, share in PROPORTIONS.items():
        n_clips = sum(size for group, size in sizes.items() if split_of[group] == split)
        assert n_clips <= share * sum(sizes.values()) + max(sizes.values())


def test_many_single_clips_meet_the_proportions():
    split_of = split_groups({f"g{index}": 1 for index in range(1600)}, seed=71)
    assert [list(split_of.values()).count(split) for split in SPLITS] == [1200, 200, 200]
    assert split_of != split_groups({f"g{index}": 1 for index in range(1600)}, seed=72)
