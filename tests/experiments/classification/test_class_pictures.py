from matplotlib.image import imread

from tests.helpers.made_outputs import URBAN


def test_pictures_of_classes_and_confusions(score, root):
    assert score("-s", f"reference/{URBAN}+transcoder=self+mine", "-c")[0] == 0
    script = "exp_classif_eval/plot_classes.py"
    status, _, complained = score(
        "-s", f"reference/{URBAN}+transcoder=self+mine", "--output", root, script=script
    )
    assert not status, complained
    assert imread(root / "classes_urban-sound-8k.png").std() > 0.01
    assert len(list(root.glob("confusion_*.png"))) == 2
    status, _, complained = score("-s", "reference/dataset=SONYC-UST", "--output", root, script=script)
    assert status == 1
    assert "main_doce_score.py" in complained
