"""The report: what its page says of runs written by hand, and what is missing."""

import re
import shlex
import shutil
from html import unescape

import numpy as np
import pytest

from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.experiments.classification.experiment import FOLDER as CLASSIFICATION_FOLDER
from spectral_transcoder.report.curves import draw_curve
from tests.helpers.made_runs import ACCURACIES, CNN_LOGITS, LOSSES, MANIFEST, write_run


def test_results_stand_beside_the_published_figures(make, data, generated):
    first, second, _ = make(data, generated).tables
    assert first == [
        ["transcoder", "mel_mse (dB²) ↓", "published", "ptopafc (%) ↑", "published"],
        ["true Mels", "0.00 ± 0.00", "–", "100.0", "–"],
        ["PINV", "13.00 (best) ± 1.00", "12.43", "25.0", "0.4"],
        ["CNN-logits", "19.50 ± 0.50", "18.56", "87.5 (best)", "89.3"],
    ]
    assert second == [
        ["transcoder", "acc_classif (%) ↑", "published"],
        ["true Mels", "50.0 ± 25.0", "62.1"],
    ]


def test_seeds_share_a_row(make, tmp_path, generated):
    """Two seeds with means of 19 and 21: 20 on average, 1.41 apart as a sample."""
    folder = tmp_path / "data" / "training_experiments" / "train_exp"
    for plan, transcoder, seed, values in (
        ("reference", "pinv_texture", "", [12.5, 13.5]),
        ("hybridts", "cnn_pinv", "", [18.0, 20.0]),
        ("hybridts", "cnn_pinv", "+seed=1", [20.0, 22.0]),
    ):
        taught = "+prop_logit=100" if plan == "hybridts" else ""
        identifier = f"classifier=PANN+dataset=full{taught}{seed}+transcoder={transcoder}"
        write_run(folder, "metric", plan, identifier, {"mel_mse": values})
    (table,) = make(tmp_path / "data", generated).tables
    assert table == [
        ["transcoder", "seeds", "mel_mse (dB²) ↓", "published"],
        ["CNN-logits", "2", "20.00 ± 1.41", "18.56"],
        ["PINV with texture", "1", "13.00 (best) ± 0.50", "–"],
    ]


def test_all_rows_that_show_the_best_figure_are_marked(make, tmp_path, generated):
    """Errors of 13.001 and 13.004 are both 13.00."""
    folder = tmp_path / "data" / "training_experiments" / "train_exp"
    for transcoder, error in (("pinv", 13.001), ("pinv_texture", 13.004), ("mlp", 14.0)):
        identifier = f"classifier=PANN+dataset=full+transcoder={transcoder}"
        write_run(folder, "metric", "reference", identifier, {"mel_mse": [error, error]})
    (table,) = make(tmp_path / "data", generated).tables
    assert [row[1].split()[:2] for row in table[1:3]] == [["13.00", "(best)"]] * 2
    assert "best" not in " ".join(table[3])


def classification_table(make, folder, *identifiers):
    """Return the caption and the rows of the page's table of some runs of experiment 2."""
    for identifier in identifiers:
        plan = "deep" if "deep=1" in identifier else "reference"
        write_run(folder / CLASSIFICATION_FOLDER, "metrics", plan, identifier, {"acc_classif": ACCURACIES})
    page = make(folder, folder)
    return page.captions[-1], page.tables[-1]


@pytest.mark.parametrize(
    ("others", "column"),
    [
        (("head=corrected",), ["published", "corrected"]),
        (("test_folds=2-10",), ["all", "2-10"]),
        (("seeds=5", "seeds=10"), ["1", "5", "10"]),
    ],
    ids=["head", "test_folds", "seeds"],
)
def test_rows_are_kept_apart_by_hidden_factors(make, tmp_path, others, column):
    """A factor that an identifier does not tell is at its default."""
    ends = ("", *(f"+{other}" for other in others))
    caption, (header, *rows) = classification_table(
        make,
        tmp_path,
        *(f"classifier=PANN+dataset=URBAN-SOUND-8K+deep=1+transcoder=self{end}" for end in ends),
    )
    assert header[:2] == ["transcoder", others[0].partition("=")[0]]
    assert sorted(row[1] for row in rows) == sorted(column)
    assert caption == "dataset URBAN-SOUND-8K, classifier PANN, deep 1"


def test_a_caption_claims_what_all_rows_share(make, tmp_path):
    """Heads have been trained of deep 1 only, both ways were scored on fold 2 only."""
    where = "classifier=PANN+dataset=URBAN-SOUND-8K"
    caption, (header, *rows) = classification_table(
        make,
        tmp_path,
        f"{where}+deep=0+test_folds=2+transcoder=self",
        f"{where}+deep=1+head=corrected+test_folds=2+transcoder=self",
    )
    assert caption == "dataset URBAN-SOUND-8K, classifier PANN, test_folds 2"
    assert header[:3] == ["transcoder", "deep", "head"]
    assert [row[:3] for row in rows] == [["true Mels", "0", "–"], ["true Mels", "1", "corrected"]]


def test_a_synthetic_city_is_called_so_and_stands_apart(make, tmp_path):
    """The same corpus's name, of which one result is of the real one."""
    where = "classifier=PANN+dataset=URBAN-SOUND-8K+deep=0+transcoder"
    folder = tmp_path / CLASSIFICATION_FOLDER
    for name, synthetic in (("self", False), ("pinv", True)):
        accuracies = {"acc_classif": ACCURACIES}
        write_run(folder, "metrics", "reference", f"{where}={name}", accuracies, synthetic=synthetic)
    page = make(tmp_path, tmp_path)
    assert page.captions == [
        "dataset URBAN-SOUND-8K, classifier PANN, deep 0",
        "dataset URBAN-SOUND-8K, synthetic city in its layout, classifier PANN, deep 0",
    ]
    assert [table[1][0] for table in page.tables] == ["true Mels", "PINV"]
    assert "PINV (classifier PANN, dataset URBAN-SOUND-8K, deep 0, synthetic city in its layout)" in page.text


def test_transcoders_of_one_name_are_kept_apart(make, tmp_path):
    """Outputs through a transcoder that a user called cnn_logits, beside the published CNN-logits."""
    _, (_, *rows) = classification_table(
        make,
        tmp_path,
        *(
            f"classifier=PANN+dataset=URBAN-SOUND-8K+deep=0+transcoder={name}"
            for name in ("cnn", "cnn_logits")
        ),
    )
    assert [row[:2] for row in rows] == [["CNN-logits", "cnn"], ["CNN-logits", "cnn_logits"]]


@pytest.mark.parametrize(
    ("factor", "default"), [("recipe=steady", "published"), ("pinv_way=power", "default"), ("seed=3", "0")]
)
def test_hidden_factors_of_experiment_1_are_reported(make, tmp_path, factor, default):
    """Two networks, of which one is away from a default; and both."""
    folder = tmp_path / "training_experiments" / "train_exp"
    name, _, value = factor.partition("=")
    taught = f"classifier=PANN+dataset=full+epoch=3+{factor}+transcoder=cnn_pinv"
    write_run(folder, "metric", "cnn", taught, {"mel_mse": [1.0, 2.0]})
    other = "classifier=PANN+dataset=full+epoch=3+transcoder=mlp"
    write_run(folder, "metric", "mlp", other, {"mel_mse": [1.0, 2.0]})
    page = make(tmp_path, tmp_path)
    assert page.captions[0] == "dataset full, classifier PANN, epoch 3"
    assert [row[:2] for row in page.tables[0]] == [
        ["transcoder", name],
        ["CNN-mels", value],
        ["MLP", default],
    ]
    (folder / "metric" / f"{other}_mel_mse.npy").unlink()
    assert make(tmp_path, tmp_path).captions[0] == f"dataset full, classifier PANN, epoch 3, {name} {value}"


def test_trainings_are_reported_in_numbers(make, data, generated):
    page = make(data, generated)
    assert page.tables[-1][1:] == [
        ["1", "0.5", "0.75", "0.875"],
        ["2", "0.25", "0.5", "0.75"],
        ["3", "0.125", "0.625", "0.5"],
    ]
    assert "3 epochs; lowest validation loss 0.5 in epoch 2." in page.text


def test_how_each_result_was_made(make, data, generated):
    text = make(data, generated).text
    chain = CNN_LOGITS.replace("+step=STEP", "")
    assert f"python3 exp_train_model/main_doce_training.py -s hybridts/{chain} -c --data_path {data}" in text
    assert "torch 2.11" in text
    assert "f" * 64 in text
    assert "6 clips, 60 seconds" in text


COMMAND = re.compile(r"<dt>command</dt><dd><code>(.*?)</code></dd>")


def test_the_commands_work_and_mean_the_runs(make, tmp_path, call_script, monkeypatch):
    """Each printed command, told to list instead of to compute, lists all steps of its run and nothing else."""
    data, datasets = tmp_path / "my data", tmp_path / "elsewhere"
    names = {"classifier": "MiniYamNet", "transcoder": "it's mine"}
    LogitFolder("URBAN-SOUND-8K", datasets).write_manifest(*names.values(), {"origin": names})
    urban = "dataset=URBAN-SOUND-8K"
    identifiers = {
        "reference": f"classifier=MiniYamNet+{urban}+deep=0+step=STEP+test_folds=1-2+transcoder=it's mine",
        "deep": f"classifier=PANN+{urban}+deep=1+head=corrected+step=STEP+test_folds=2+transcoder=self",
    }
    for plan, identifier in identifiers.items():
        name = identifier.replace("STEP", "metric")
        write_run(data / CLASSIFICATION_FOLDER, "metrics", plan, name, {"acc_classif": ACCURACIES})
    trained = CNN_LOGITS.replace("+step", "+seed=3+step")
    folder = data / "training_experiments" / "train_exp"
    write_run(folder, "metric", "hybridts", trained.replace("STEP", "metric"), {"mel_mse": [1.0, 2.0]})
    monkeypatch.chdir(tmp_path)
    make("my data", tmp_path, "--dataset_path", "elsewhere")
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")

    listed = []
    for command in COMMAND.findall(page):
        python, script, *arguments = shlex.split(unescape(command))
        assert python == "python3"
        status, said, complained = call_script(
            script, *("-l" if word == "-c" else word for word in arguments)
        )
        assert not status, complained
        # the lines of settings, not those that say why one is missing
        of_settings = [line for line in said.splitlines()[:-1] if not line.startswith(" ")]
        listed.append([re.search(r"/(.*?)(  |$)", line)[1] for line in of_settings])
    steps = ("train", "evaluate", "metric")
    assert listed == [
        [trained.replace("STEP", step) for step in steps],
        [identifiers["deep"].replace("STEP", step) for step in steps],
        [identifiers["reference"].replace("STEP", step) for step in steps[1:]],
    ]


def test_what_is_missing_is_reported_with_its_command(make, tmp_path):
    text = make(tmp_path / "nothing", tmp_path / "nothing").text
    for command in (
        "python3 exp_train_model/main_doce_training.py -s reference/ -c",
        "python3 exp_classif_eval/main_doce_score.py -s reference/ -c",
        "python3 generate_audio.py myfile.wav",
        "python3 exp_train_model/create_mel_tho_dataset.py",
    ):
        assert command in text


TORN_METRIC = f"training_experiments/train_exp/metric/{CNN_LOGITS.replace('STEP', 'metric')}_mel_mse.npy"
TORN_LOSSES = f"training_experiments/train_exp/loss/{CNN_LOGITS.replace('STEP', 'train')}_losses_eval.npy"


@pytest.mark.parametrize(
    ("path", "content", "gone"),
    [
        ("training_experiments/train_exp/state/torn.json", b'{"plan": "cnn"', None),
        ("training_experiments/train_exp/state/other.json", b'{"colour": "red"}', None),
        (
            f"data/{MANIFEST['name']}/{MANIFEST['name']}_manifest.json",
            b'{"name": "Dcase',
            "6 clips, 60 seconds",
        ),
        (f"data/{MANIFEST['name']}/{MANIFEST['name']}_manifest.json", b"[]", "6 clips, 60 seconds"),
        (f"data/{MANIFEST['name']}/{MANIFEST['name']}_manifest.json", b"\xff", "6 clips, 60 seconds"),
        (TORN_METRIC, b"", "19.50"),
        (TORN_LOSSES, b"\x93NUMPY\x01", "3 epochs"),
    ],
)
def test_damaged_files_are_left_out_and_reported(make, data, generated, tmp_path, path, content, gone):
    folder = shutil.copytree(data, tmp_path / "data")
    assert gone is None or gone in make(folder, generated, "--sounds", 0).text
    (folder / path).write_bytes(content)
    page = make(folder, generated, "--sounds", 0)
    assert "PINV" in page.text
    assert gone is None or gone not in page.text
    reason = f"{folder / path} is damaged"
    assert page.text.partition("is not on this page.")[2].strip().startswith(reason)
    assert make.complaints[-1].startswith(f"left out: {reason}")
    assert make.complaints[-1].count("\n") == 1


@pytest.mark.parametrize("last", ["train", "valid"])
def test_an_epoch_that_is_not_written_of_all_splits_is_left_out(make, data, tmp_path, last):
    """A training that runs writes the losses of one split after the other."""
    folder = shutil.copytree(data, tmp_path / "data")
    for split in ("train", "valid")[: 1 + (last == "valid")]:
        path = folder / TORN_LOSSES.replace("eval", split)
        np.save(path, [*LOSSES[split], 0.0625])
    page = make(folder, tmp_path)
    assert page.tables[-1][-1] == ["3", "0.125", "0.625", "0.5"]
    assert "3 epochs; lowest validation loss 0.5 in epoch 2." in page.text


def test_a_training_in_its_first_epoch_is_no_curve_yet(make, data, tmp_path):
    folder = shutil.copytree(data, tmp_path / "data")
    for split in ("valid", "eval"):
        (folder / TORN_LOSSES.replace("eval", split)).unlink()
    assert "No trainings yet" in make(folder, tmp_path).text


def test_a_training_that_diverged_is_drawn_without_its_last_losses():
    curve = draw_curve("diverged", {"train": np.array([1.0, np.nan]), "valid": np.array([2.0, np.inf])})
    assert [len(points) for points in curve.lines.values()] == [1, 1]
    assert "lowest validation loss 2 in epoch 1" in curve.summary


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--sounds", -1), "--sounds -1, --longest_s 30.0"),
        (("--longest_s", 0), "--sounds 6, --longest_s 0.0"),
        (("--longest_s", "nan"), "--sounds 6, --longest_s nan"),
        (("--longest_s", "inf"), "--sounds 6, --longest_s inf"),
    ],
)
def test_wrong_use_is_one_line(call_script, tmp_path, option, message):
    code, _, stderr = call_script("make_report.py", *option, "--output", tmp_path / "report")
    assert code == 2
    assert stderr.startswith(f"error: {message}: expected")
    assert stderr.count("\n") == 1
