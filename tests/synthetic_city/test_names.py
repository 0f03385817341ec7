"""Names on command lines are those of the places and layouts."""

from spectral_transcoder.synthetic_city import names
from spectral_transcoder.synthetic_city.corpora import LAYOUTS
from spectral_transcoder.synthetic_city.scenes import PLACES


def test_every_place_and_layout_can_be_named():
    assert set(names.PLACE_NAMES) == set(PLACES)
    assert tuple(names.LAYOUT_FOLDERS) == tuple(LAYOUTS)
