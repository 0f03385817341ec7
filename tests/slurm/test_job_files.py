"""What job files say: headers, settings, environments; and that only our own files are replaced."""

import ast
import os
import shutil
import stat
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from spectral_transcoder.experiments.engine.selectors import select
from spectral_transcoder.experiments.transcoding import paper
from spectral_transcoder.experiments.transcoding.plans import MEL_DATASETS, train_plans
from spectral_transcoder.slurm.cluster import OPTIONS, Cluster, read_cluster
from spectral_transcoder.slurm.job_files import JobFile
from spectral_transcoder.slurm.job_selection import arrays
from spectral_transcoder.utils.errors import UsageError
from tests.helpers.clones import LAUNCH, PAPERS_TABLE, ROOT, WHERE

REFERENCE = LAUNCH / "jean_zay_slurm_reference.slurm"
CNN = f"cnn/{WHERE}+epoch=1+learning_rate=-3+kernel_size=5+nb_layers=5+dilation=1+nb_channels=64"


def headers(path):
    """Return the options that SLURM reads: it stops at the first line that is no comment."""
    lines = path.read_text().splitlines()
    first = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in lines[first:])
    return [line.removeprefix("#SBATCH ") for line in lines[:first] if line.startswith("#SBATCH ")]


def slurms(clone):
    return sorted((clone.folder / LAUNCH / "slurms").glob("*.slurm"))


def test_the_committed_file_is_what_the_defaults_give(clone):
    clone.create("--environment", clone.folder / ".venv")
    assert (clone.folder / REFERENCE).read_bytes() == (ROOT / REFERENCE).read_bytes()
    assert len(slurms(clone)) == 2 * 5  # two classifiers, five trained rows


def test_the_default_header_is_jean_zays(clone):
    clone.create(*PAPERS_TABLE)
    for path in (clone.folder / REFERENCE, *slurms(clone)):
        found = headers(path)
        expected = {"--gres=gpu:1", "--cpus-per-task=10", "--time=20:00:00", "--hint=nomultithread"}
        assert expected < set(found)
        assert {"--requeue", "--open-mode=append", "--signal=B:USR1@120"} < set(found)
        assert not [option for option in found if option.startswith(("--account", "--partition", "--mail"))]


def test_the_users_settings_reach_the_header_and_the_command_line_wins(clone):
    content = {"account": "abc@v100", "qos": "qos_gpu-t4", "modules": ["a/1", "b/2"], "sbatch": ["--mem=4G"]}
    text = yaml.safe_dump(content) + "time: 20:00:00\n"  # 72000 to YAML
    (clone.folder / LAUNCH / "slurm.yaml").write_text(text)
    clone.create("-s", CNN, "--qos", "qos_gpu-t3", "--mail", "me@example.org", "--devices", "2")
    (path,) = slurms(clone)
    found = headers(path)
    assert {"--account=abc@v100", "--qos=qos_gpu-t3", "--time=20:00:00", "--mem=4G"} < set(found)
    assert {"--mail-user=me@example.org", "--gres=gpu:2", "--cpus-per-task=20"} < set(found)
    assert JobFile.read(path).modules == ("a/1", "b/2")


@pytest.mark.parametrize(
    "text, message",
    [
        ("acount: abc", "'acount': expected one of account"),
        ("gpus: many", "gpus: expected a whole number, 0 or more, got 'many'"),
        ("gpus: -1", "gpus: expected a whole number"),
        ("cpus: 0", "cpus: expected a whole number, 1 or more, got '0'"),
        ("notice_s: 30", "notice_s: expected a whole number, 60 or more, got '30'"),
        ("account: 'abc\n\n  def'", "account: expected no white space"),
        ("sbatch: ['--mem=4G --x']", "sbatch: expected no white space"),
        ("modules: ['']", "modules: expected no white space"),
        ("modules: {a: b}", "modules: expected a word, or a list"),
        ("modules: [[a]]", "modules: expected one value"),
        ("time: [1]", "time: expected one value"),
        ("time: foo", "time: expected minutes"),
        ("time: 1:2:3:4", "time: expected minutes"),
        ("environment: [a]", "environment: expected one value"),
        ("account: 'abc", "expected YAML"),
        ("a: b: c", "expected YAML"),
        ("account: é".encode("latin-1"), "expected YAML in UTF-8"),
        ("just words", "expected lines such as"),
        ("[a, b]", "expected lines such as"),
    ],
)
def test_wrong_settings(tmp_path, text, message):
    path = tmp_path / "slurm.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError) as raised:
        read_cluster(path, {}, {})
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "name, given", [("account", ""), ("time", "foo"), ("notice_s", "30"), ("modules", [""])]
)
def test_wrong_options(tmp_path, name, given):
    with pytest.raises(UsageError, match=f"^{name}: expected"):
        read_cluster(tmp_path / "slurm.yaml", {name: given}, {})


def test_what_a_settings_file_leaves_empty_is_not_given(tmp_path):
    (tmp_path / "slurm.yaml").write_text("".join(f"{name}:\n" for name in OPTIONS))
    assert read_cluster(tmp_path / "slurm.yaml", {}, {"gpus": 2}) == Cluster(gpus=2)


@pytest.mark.parametrize("time", ["30", "30:00", "20:00:00", "4-0", "4-0:30", "4-0:30:00", "UNLIMITED"])
def test_slurms_forms_of_a_time_limit(tmp_path, time):
    assert read_cluster(tmp_path / "slurm.yaml", {"time": time}, {}).time == time


def test_an_array_of_fewer_than_no_tasks(clone):
    assert "--array: expected 1 or more" in clone.create(*PAPERS_TABLE, "--array=-1", status=2)


def test_every_setting_of_the_launcher_is_in_one_file(clone):
    clone.create(
        "--dataset", "made", "--exp_type", "detailed", "--classifier", "YamNetMobile", "--epoch", "10"
    )
    plans = train_plans(["made"])
    chosen = select(plans, repr(paper.detailed("made", ["YamNetMobile"], 10)))
    files = [JobFile.read(path) for path in slurms(clone)]
    found = [s.id() for file in files for selector in file.settings for s in select(plans, selector)]
    assert sorted(found) == sorted(s.id() for s in chosen if s.plan != "reference")
    reference = JobFile.read(clone.folder / REFERENCE)
    found = {s.id() for selector in reference.settings for s in select(plans, selector)}
    # the true Mels are no row of a table, but all the others are compared with them
    compared = [*select(plans, f"reference/{WHERE}"), *(s for s in chosen if s.plan == "reference")]
    assert found == {s.id() for s in compared}


def test_one_step_of_a_chain(clone):
    clone.create("-s", f"{CNN}+step=train")
    (path,) = slurms(clone)
    (selector,) = JobFile.read(path).settings
    assert {s.step for s in select(train_plans(["made"]), selector)} == {"train"}


def test_an_array_has_a_task_for_each_chain(clone):
    clone.create(*PAPERS_TABLE, "--array", "2")
    (path,) = slurms(clone)
    assert "--array=0-4%2" in headers(path)
    assert len(JobFile.read(path).settings) == 5


def test_a_whole_plan_is_as_many_arrays_as_slurm_takes(clone):
    clone.create("-s", f"cnn/{WHERE}", "--array", "8")
    (one,) = slurms(clone)
    assert "--array=0-575%8" in headers(one)  # 4 · 3 trainings of 2 · 3 · 4 · 2 networks
    published = "cnn/dataset=" + "+".join(MEL_DATASETS)  # 5 datasets, 2 classifiers
    clone.create("-s", published, "--array", "8")
    files = slurms(clone)
    found = [
        int(option.partition("%")[2]) for path in files for option in headers(path) if "--array" in option
    ]
    assert (len(files), sum(found)) == (6, 8)
    assert "give 6 or more" in clone.create("-s", published, "--array", "5", status=2)


def test_arrays_are_as_short_as_the_cluster_wants_them(tmp_path, monkeypatch):
    (tmp_path / "scontrol").write_text("#!/bin/sh\necho 'MaxArraySize            = 40'\n")
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    like = JobFile(tmp_path, "", (), (), 0, (), None, "")
    files = arrays(like, tuple(map(str, range(100))), 0)
    assert [len(file.settings) for file in files] == [33, 33, 34]


@pytest.mark.parametrize("n_chains", [1, 1001, 1002, 2003, 5760])
@pytest.mark.parametrize("at_a_time", [0, 6, 100])
def test_every_chain_is_in_one_array_that_slurm_takes(n_chains, at_a_time):
    like = JobFile(ROOT / "made.slurm", "made", ("cnn/",), (), None, (), None, "python3 x.py")
    selectors = tuple(f"cnn/seed={seed}" for seed in range(n_chains))
    files = arrays(like, selectors, at_a_time)
    assert tuple(selector for file in files for selector in file.settings) == selectors
    assert len({file.path for file in files}) == len({file.name for file in files}) == len(files)
    assert max(len(file.settings) for file in files) <= 1001
    shares = [file.array for file in files]
    assert sum(shares) == at_a_time
    assert (min(shares) > 0) == (at_a_time > 0)


def test_only_our_own_files_are_replaced(clone):
    clone.create(*PAPERS_TABLE)
    first, *_ = slurms(clone)
    foreign = first.with_name("foreign.slurm")
    foreign.write_text("#!/bin/sh\n")
    clone.create("-s", CNN)
    (own,) = set(slurms(clone)) - {foreign}
    own.write_text("mine")
    printed_text = clone.create("-s", CNN, status=2)
    assert "not a file that slurms_create.py wrote" in printed_text
    assert (own.read_text(), foreign.read_text()) == ("mine", "#!/bin/sh\n")


def test_paths_are_those_of_the_project_wherever_the_script_is_called(clone):
    script = clone.folder / LAUNCH / "slurms_create.py"
    where = ["--data_path", clone.folder / "results", "--models_path", "m", "--dataset_path", clone.data]
    clone.run(script, "-s", CNN, "--corpus", "made", *where, cwd=clone.folder.parent)
    (path,) = slurms(clone)
    words = list(JobFile.read(path).options)
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert options == {
        "--data_path": "results",
        "--models_path": str(clone.folder.parent / "m"),
        "--dataset_path": "spectral_transcoder_data/data",
        "--corpus": "made",
    }


def test_files_of_different_calls_are_kept_apart(clone):
    clone.create("-s", CNN, "--precision", "32-true")
    shutil.copy(ROOT / REFERENCE, clone.folder / REFERENCE)
    assert "make them again" in clone.launch("--dry-run", status=2)


@given(st.lists(st.text(st.characters(categories=["L", "P", "S", "Nd"]), min_size=1), min_size=1), st.data())
def test_what_is_written_is_read(tmp_path_factory, words, data):
    array = data.draw(st.sampled_from([None, 0, 3]))
    path = ROOT / LAUNCH / "slurms" / "made.slurm"
    file = JobFile(path, "made", tuple(words), tuple(words), array, (), words[0], "python3 x.py")
    copy = tmp_path_factory.mktemp("files") / "made.slurm"
    copy.write_text(file.text(Cluster()), encoding="utf-8")
    read = JobFile.read(copy)
    assert (read.settings, read.options, read.array) == (tuple(words), tuple(words), array)
    assert read.environment == words[0]


class Recorder:
    """An environment whose python tells how it was started, and a login shell that knows `module`."""

    def __init__(self, clone, folder):
        self.clone, self.folder = clone, folder
        python = folder / "env" / "bin" / "python3"
        python.parent.mkdir(parents=True)
        python.write_text(
            '#!/bin/sh\npwd\necho "PYTHONPATH $PYTHONPATH"\nfor word; do echo "[$word]"; done\n'
        )
        python.chmod(python.stat().st_mode | stat.S_IXUSR)
        (folder / ".bash_profile").write_text('module() { echo "module $*"; }\n')
        clone.environment["HOME"] = str(folder)

    def run(self, path, status=0, cwd=None, **environment):
        before = {key: value for key, value in self.clone.environment.items() if not key.startswith("SLURM")}
        return self.clone.run(
            path, status=status, cwd=cwd or self.folder, env=before | environment
        ).splitlines()


@pytest.fixture
def recorder(clone, tmp_path):
    return Recorder(clone, tmp_path)


def test_a_job_enters_the_recorded_environment_from_the_spool_folder(clone, recorder, tmp_path):
    environment = ["--environment", tmp_path / "env", "--modules", "torch/2.11", "--modules", "cuda"]
    clone.create(*PAPERS_TABLE, "--array", *environment)
    (path,) = slurms(clone)
    copy = shutil.copy(path, tmp_path / "slurm_script")  # as SLURM does
    submitted = {"SLURM_JOB_ID": "8", "SLURM_SUBMIT_DIR": str(clone.folder / LAUNCH)}
    printed_text = recorder.run(copy, SLURM_ARRAY_TASK_ID="1", **submitted)
    assert printed_text[:3] == ["module purge", "module load torch/2.11 cuda", str(clone.folder)]
    assert printed_text[3].startswith(f"PYTHONPATH {clone.folder}")
    assert printed_text[4:9] == ["[-m]", "[spectral_transcoder.slurm.supervisor]", "[-c]", "[-p]", "[-s]"]
    assert printed_text[9] == f"[{JobFile.read(path).settings[1]}]"
    assert printed_text[10:] == ["[--data_path]", "[spectral_transcoder_data]"]

    printed_text = recorder.run(copy, SLURM_JOB_ID="8", SLURM_SUBMIT_DIR=str(tmp_path / "env"), status=1)
    assert "submit from the project's folder" in printed_text[-1]
    shutil.rmtree(tmp_path / "env")
    printed_text = recorder.run(path, **submitted, status=1)
    assert "record another with slurms_create.py --environment" in printed_text[-1]


def test_without_slurm_a_job_file_computes_here(clone, recorder, tmp_path):
    clone.create("-s", CNN, "--environment", tmp_path / "env")
    no_slurm = os.pathsep.join(path for path in os.environ["PATH"].split(os.pathsep) if not has_sbatch(path))
    printed_text = recorder.run(clone.folder / REFERENCE, PATH=no_slurm)
    assert "computing on this machine" in printed_text[0]
    assert printed_text[3:6] == ["[exp_train_model/main_doce_training.py]", "[-c]", "[-p]"]

    clone.environment["PATH"] = no_slurm
    printed_text = clone.launch(status=1)
    assert "there is no SLURM on this machine" in printed_text
    local = printed_text.splitlines()[-1].split()
    assert local[:3] == ["python3", "exp_train_model/main_doce_training.py", "-c"]
    assert clone.launch("--dry-run").count("sbatch --parsable") == 2


def has_sbatch(folder):
    return shutil.which("sbatch", path=folder) is not None


def test_the_systems_old_python_can_read_what_runs_before_the_environment(clone):
    bootstrap = ROOT / "spectral_transcoder" / "slurm" / "bootstrap.py"
    for path in (bootstrap, ROOT / REFERENCE):
        tree = ast.parse(path.read_text(), feature_version=(3, 6))
        imported = [
            name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
        ]
        imported += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert set(imported) <= {*sys.stdlib_module_names, "bootstrap"}
