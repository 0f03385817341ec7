"""Names of places and layouts, for command lines that are read before anything heavy is imported.

`scenes.py` and `corpora.py` hold what these names mean; a test compares them.
"""

from spectral_transcoder.utils.paths import TAU

# the ten scenes of TAU
PLACE_NAMES = (
    "airport",
    "bus",
    "metro",
    "metro_station",
    "park",
    "public_square",
    "shopping_mall",
    "street_pedestrian",
    "street_traffic",
    "tram",
)
LAYOUT_FOLDERS = {"TAU": TAU.name, "URBAN-SOUND-8K": "URBAN-SOUND-8K", "SONYC-UST": "SONYC-UST"}
