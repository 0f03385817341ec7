"""The script that draws the README's picture, on a synthetic sound and with the embedded classifier."""

import importlib.util
from pathlib import Path

from spectral_transcoder.utils.paths import AUDIO

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "images" / "draw_overview.py"


def test_the_picture_is_drawn(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("draw_overview", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "CLASSIFIER", "MiniYamNet")
    drawn = {}
    monkeypatch.setattr(
        script, "draw", lambda panels, bars, path: drawn.update({"panels": panels, "bars": bars})
    )
    arguments = [str(SCRIPT), str(AUDIO / "synthetic_park.ogg"), "--output", str(tmp_path / "overview.png")]
    monkeypatch.setattr("sys.argv", arguments)
    script.main()
    levels, *mels = drawn["panels"]
    assert levels[1].shape == (80, 29)
    assert [title for title, _, _ in mels] == ["PINV", "CNN-mels", "CNN-logits with texture", "true Mels"]
    assert all(image.shape[1] == 64 and len(labels) == 3 for _, image, labels in mels)
    assert [name for name, _ in drawn["bars"]] == [name for name, _ in script.BARS]
