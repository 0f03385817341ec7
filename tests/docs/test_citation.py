"""CITATION.cff says of the software what the software says of itself."""

from pathlib import Path

import yaml

import spectral_transcoder

ROOT = Path(__file__).resolve().parents[2]


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == spectral_transcoder.__version__
    assert citation["license"] in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert [author["family-names"] for author in citation["preferred-citation"]["authors"]] == [
        "Tailleur",
        "Lagrange",
        "Aumond",
        "Tourre",
    ]
