"""The lines of Python that the README shows run as they stand."""

import re
from pathlib import Path

import pytest

import classify_thirdo
from tests.helpers.made_levels import epochs_s, street_levels, write_csv

ROOT = Path(classify_thirdo.__file__).parent


@pytest.mark.shared
def test_the_api_of_the_readme(shared, tmp_path, monkeypatch, capsys):
    pages = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("*.md"))]
    code = re.search(r"```python\n(from spectral_transcoder\.sensors.*?)```", "\n".join(pages), re.DOTALL)[1]
    write_csv(tmp_path / "day.csv", street_levels(80), epochs_s(80))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("spectral_transcoder.models.classifiers.PRETRAINED_MODELS", tmp_path)
    (tmp_path / "yamnet_mobile_relu6.pth").symlink_to(shared / "pretrained/yamnet_mobile_relu6.pth")
    exec(code, {})
    assert capsys.readouterr().out.startswith("2020-01-01T00:00:00.000 ")
