"""The pages as a set: short where they should be, without dead links, and of files that are there."""

import re
import subprocess

import pytest

from tests.helpers.pages import PAGES, ROOT, blocks, commands, prose

LONGEST_README = 200
LARGEST_PICTURE_BYTES = 200_000
FORMER_NAME = "SP" + "EC"  # of the page that is docs/method.md: the code cites that


def ids(path):
    return path.relative_to(ROOT).as_posix()


def anchors(path):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), f"{target}: no such file"
        if anchor:
            assert anchor in anchors(linked), f"{target}: no such heading"


def test_every_page_is_linked_from_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [path.name for path in PAGES[1:] if f"(docs/{path.name}" not in readme]
    assert not missing


def test_the_readme_is_short_and_has_a_picture():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_README
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert pictures
    for picture in pictures:
        assert 0 < (ROOT / picture).stat().st_size < LARGEST_PICTURE_BYTES


def test_the_readme_has_the_users_commands_in_their_order():
    """As the authors of the paper describe them: a missing or moved one breaks what they tell others."""
    lines = [
        line.strip() for block in blocks("") if block.page == "README.md" for line in block.text.splitlines()
    ]
    places = [
        next(i for i, line in enumerate(lines) if line.startswith(command)) for command in USERS_COMMANDS
    ]
    assert places == sorted(places)


SCORE = "python3 exp_classif_eval/main_doce_score.py"
LAUNCH = "python3 exp_train_model/launch_experiment"
USERS_COMMANDS = (
    "pip install -r requirements.txt",
    "python3 download_pretrained_models.py",
    "python3 download_datasets.py",
    "python3 download_datasets.py --output mypath",
    "python3 exp_train_model/create_mel_tho_dataset.py",
    "python3 exp_train_model/create_mel_tho_dataset.py --output_path yourpath/",
    f"{LAUNCH}/launch_exp_py.py --exp_type restricted",
    f"{LAUNCH}/launch_exp_py.py --exp_type detailed",
    f"{LAUNCH}/slurms_create.py",
    f"{LAUNCH}/jean_zay_slurm_reference.slurm",
    f"{LAUNCH}/launch_exp_slurms.py",
    "python3 exp_train_model/export_experiment_results.py",
    "python3 exp_train_model/main_doce_training.py -s cnn/dataset=full+classifier=PANN -d -e myresults.png",
    "python3 exp_train_model/plot_training_curve.py",
    "python3 exp_classif_eval/create_logit_dataset.py --audio_dataset_name URBAN-SOUND-8K",
    "python3 exp_classif_eval/create_logit_dataset.py --audio_dataset_name SONYC-UST",
    f"{SCORE} -s reference/ -c",
    f"{SCORE} -s deep/ -c",
    f"{SCORE} -s \"{{'dataset':'URBAN-SOUND-8K'}}\" -d -e results_classif_urbansound8k.png",
    f"{SCORE} -s \"{{'dataset':'SONYC-UST'}}\" -d -e results_classif_sonycust.png",
    "python3 generate_audio.py myfile.wav",
    "python3 plot_spectro_dcase2023.py",
)


@pytest.mark.parametrize("script", sorted({command.script for command in commands()} - {"make", "pip", "-m"}))
def test_scripts_are_there(script):
    assert (ROOT / script).is_file()


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_files_of_the_library_that_a_page_names_are_there(path):
    for name in re.findall(r"`((?:spectral_transcoder|tests|benchmarks|docs)/[\w/.]+)`", prose(path)):
        assert (ROOT / name).exists(), f"{name}: no such file"


def test_the_code_cites_pages_that_readers_have():
    listed = subprocess.run(
        ["git", "grep", "-lw", FORMER_NAME, "--", "*.py", "*.md", "*.yaml", "Makefile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.stdout == ""


def test_cited_sections_of_the_method_are_there():
    """`docs/method.md, section 9, defect 5`: the section, and the defect in it."""
    text = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    sections = {int(number) for number in re.findall(r"^## (\d+)\.", text, re.MULTILINE)}
    defects = {
        int(number)
        for number in re.findall(
            r"^(\d+)\. ", text.partition("## 9.")[2].partition("## 10.")[0], re.MULTILINE
        )
    }
    assert sections == set(range(1, 15)) and defects == set(range(1, 11))
    cited = 0
    for path in (ROOT / "spectral_transcoder").rglob("*.py"):
        source = " ".join(path.read_text(encoding="utf-8").split())
        for words in re.findall(r"docs/method\.md((?:,? (?:sections?|and|defects?|\d+),?)*)", source):
            cited += 1
            for kind, number in re.findall(r"(section|defect)s? (\d+)", words):
                assert int(number) in (sections if kind == "section" else defects), f"{path}: {words}"
    assert cited > 10
