"""Experiment 2 on real clips of UrbanSound8K, against what the published code gives on them."""

import numpy as np
import pytest

from spectral_transcoder.utils.parallel import available_cores

# Share of clips whose class the grouped labels of the mobile YAMNet tell, by fold; from the published code.
PUBLISHED = {"1": 0.660, "2": 0.627, "3": 0.488}


@pytest.mark.shared
@pytest.mark.slow
def test_grouped_labels_tell_the_classes_as_often_as_in_the_published_code(shared, call_script, tmp_path):
    corpus = tmp_path / "URBAN-SOUND-8K"
    call_script("exp_classif_eval/lay_out_urbansound8k.py", shared / "audio/urbansound8k", corpus)
    where = ("--audio_dataset_name", "URBAN-SOUND-8K", "--audio_dataset_path", corpus)
    what = ("--classifier", "YamNetMobile", "--transcoder", "self", "--models_path", shared / "pretrained")
    how = ("--data_path", tmp_path, "--jobs", available_cores())
    status, _, complained = call_script("exp_classif_eval/create_logit_dataset.py", *where, *what, *how)
    assert status == 0, complained
    selector = "reference/dataset=URBAN-SOUND-8K+classifier=YamNetMobile+transcoder=self"
    status, said, _ = call_script(
        "exp_classif_eval/main_doce_score.py", "-s", selector, "-c", "--data_path", tmp_path
    )
    assert status == 0, said
    (path,) = tmp_path.glob("classification_experiments/classif_exp/metrics/*_acc_classif.npy")
    np.testing.assert_allclose(np.load(path), list(PUBLISHED.values()), atol=0.01)
