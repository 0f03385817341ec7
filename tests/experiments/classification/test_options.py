import pytest

from spectral_transcoder.experiments.classification.options import fold_list


@pytest.mark.parametrize("text", ["0", "11", "2,2", "two", ""])
def test_folds_that_are_none_are_refused(text):
    with pytest.raises(Exception, match="expected folds"):
        fold_list(text)
