"""The command that fetches the datasets, on small archives in the official layouts."""

import csv
import io
import shutil
import signal
import subprocess

import pytest
import soundfile
import yaml

from spectral_transcoder.downloads import commands
from spectral_transcoder.downloads.datasets import DatasetFolder
from spectral_transcoder.downloads.manifest import load_manifest
from spectral_transcoder.utils.errors import DownloadError
from tests.helpers.archives import TAU_NAME, URBAN_COLUMNS, build
from tests.helpers.loopback import Fault, command, run, start, tree

SCRIPT = "download_datasets.py"
STATE = ".unpacked.json"
TABLE = "metadata/UrbanSound8K_recalculated.csv"


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    monkeypatch.delenv("SPECTRAL_TRANSCODER_MIRROR", raising=False)
    return build(tmp_path)


def datasets(corpora, output, *arguments, mirror=None, **options):
    where = ("--mirror", mirror or corpora.mirror, "--output", output)
    return run(SCRIPT, "--manifest", corpora.manifest, *where, *arguments, **options)


def delivered(output, corpora):
    """What a run made, without its own state; and the recalculated table apart, since its content is ours."""
    found = {name: tree(output / name) for name in corpora.expected}
    tables = [files.pop(TABLE, None) for files in found.values()]
    for files in found.values():
        assert files.pop(STATE)
    return found, next(filter(None, tables), None)


def test_the_three_layouts_from_a_folder_mirror(corpora, tmp_path):
    ended = datasets(corpora, tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    found, table = delivered(tmp_path / "out", corpora)
    assert found == corpora.expected
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    assert list(rows[0]) == [*URBAN_COLUMNS, "duration"]
    assert {row["slice_file_name"]: float(row["duration"]) for row in rows} == corpora.durations_s
    for message in ("12 of 12 clips", "6 of 6 clips", "10 of 10 clips", str(tmp_path / "out" / TAU_NAME)):
        assert message in ended.stdout
    assert "\r" not in ended.stderr and "\x1b" not in ended.stderr


def test_a_second_run_verifies_and_does_nothing(corpora, tmp_path):
    output = tmp_path / "out"
    datasets(corpora, output)
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.name != ".lock"}
    shutil.rmtree(corpora.mirror)
    ended = datasets(corpora, output, mirror="http://127.0.0.1:9")
    assert ended.returncode == 0, ended.stderr
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.name != ".lock"} == before


def test_from_a_server_that_cuts_refuses_and_forgets(corpora, tmp_path, server):
    for path, content in tree(corpora.mirror).items():
        server.files[path] = content
        server.faults[path] = [Fault(cut_after=len(content) // 2), Fault(ignore_range=True)]
    ended = datasets(corpora, tmp_path / "out", mirror=server.url)
    assert ended.returncode == 0, ended.stderr
    assert delivered(tmp_path / "out", corpora)[0] == corpora.expected
    assert server.most_at_once <= 2


def test_the_environment_names_the_mirror(corpora, tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRAL_TRANSCODER_MIRROR", str(corpora.mirror))
    ended = run(
        SCRIPT, "--manifest", corpora.manifest, "--output", tmp_path / "out", "--dataset", "SONYC-UST"
    )
    assert ended.returncode == 0, ended.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["SONYC-UST"]


def test_keep_archives_makes_the_output_a_mirror(corpora, tmp_path):
    assert datasets(corpora, tmp_path / "first", "--keep-archives").returncode == 0
    kept = {path: content for path, content in tree(tmp_path / "first").items() if "/archives/" in path}
    assert kept == {path: content for path, content in tree(corpora.mirror).items() if "/archives/" in path}
    ended = datasets(corpora, tmp_path / "second", mirror=tmp_path / "first")
    assert ended.returncode == 0, ended.stderr
    assert delivered(tmp_path / "second", corpora)[0] == corpora.expected
    # A later run without the option leaves what was kept on purpose.
    assert datasets(corpora, tmp_path / "first").returncode == 0
    assert kept.items() <= tree(tmp_path / "first").items()


def test_a_lost_clip_is_reported_and_brought_back(corpora, tmp_path):
    output = tmp_path / "out"
    datasets(corpora, output)
    clips = sorted((output / TAU_NAME / "audio").iterdir())
    clips[0].unlink()
    clips[1].write_bytes(b"cut")
    ended = datasets(corpora, output, "--check")
    assert ended.returncode == 1
    assert clips[0].name in ended.stdout and clips[1].name in ended.stdout and "12" in ended.stdout
    assert datasets(corpora, output).returncode == 0
    assert delivered(output, corpora)[0] == corpora.expected
    ended = datasets(corpora, output, "--check")
    assert ended.returncode == 0 and ended.stdout.count("whole: ") == 3


def test_check_finds_a_changed_table_of_annotations_and_a_changed_archive(corpora, tmp_path):
    output = tmp_path / "out"
    datasets(corpora, output, "--keep-archives")
    (output / "SONYC-UST" / "annotations.csv").write_bytes(b"shortened")
    (output / "URBAN-SOUND-8K" / "archives" / "UrbanSound8K.tar.gz").write_bytes(b"rotten")
    (output / "URBAN-SOUND-8K" / TABLE).unlink()
    ended = datasets(corpora, output, "--check")
    assert ended.returncode == 1
    for name in ("annotations.csv: expected md5", "UrbanSound8K.tar.gz: expected md5", f"{TABLE}: missing"):
        assert name in ended.stdout


def test_list_tells_sizes_and_states_and_downloads_nothing(corpora, tmp_path, server):
    output = tmp_path / "out"
    datasets(corpora, output, "--dataset", "SONYC-UST")
    part = output / "URBAN-SOUND-8K" / "archives" / "UrbanSound8K.tar.gz.part"
    part.parent.mkdir(parents=True)
    archive = corpora.mirror / "URBAN-SOUND-8K" / "archives" / "UrbanSound8K.tar.gz"
    part.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    before = tree(output)
    ended = datasets(corpora, output, "--list", mirror=server.url)
    assert ended.returncode == 0 and tree(output) == before and server.gets == []
    lines = [line.strip() for line in ended.stdout.splitlines()]
    assert any(
        line.startswith("unpacked") and line.endswith("SONYC-UST/archives/audio-0.tar.gz") for line in lines
    )
    assert any(line.startswith("here") and line.endswith("SONYC-UST/annotations.csv") for line in lines)
    assert any(line.startswith("49 % here") and line.endswith("UrbanSound8K.tar.gz") for line in lines)
    assert sum(line.startswith("missing") for line in lines) == 4


def test_the_wrong_number_of_clips_is_a_failure(corpora, tmp_path):
    content = yaml.safe_load(corpora.manifest.read_text())
    content["datasets"]["SONYC-UST"]["clips"] = 7
    corpora.manifest.write_text(yaml.safe_dump(content))
    ended = datasets(corpora, tmp_path / "out", "--dataset", "SONYC-UST")
    assert ended.returncode == 1 and "expected 7 clips, found 6" in ended.stderr


def test_an_unknown_dataset_is_wrong_usage(corpora, tmp_path):
    ended = datasets(corpora, tmp_path / "out", "--dataset", "TAU,UrbanSound")
    assert ended.returncode == 2
    assert "'UrbanSound'" in ended.stderr and "TAU, SONYC-UST, URBAN-SOUND-8K" in ended.stderr


def test_an_incomplete_mirror_names_what_it_lacks_and_the_rest_arrives(corpora, tmp_path):
    lacking = corpora.mirror / "SONYC-UST" / "archives" / "audio-1.tar.gz"
    lacking.rename(tmp_path / "away")
    ended = datasets(corpora, tmp_path / "out")
    assert ended.returncode == 1 and str(lacking) in ended.stderr and "Traceback" not in ended.stderr
    (tmp_path / "away").rename(lacking)
    assert datasets(corpora, tmp_path / "out").returncode == 0
    assert delivered(tmp_path / "out", corpora)[0] == corpora.expected


def test_a_disk_too_small_is_reported_before_the_first_byte(corpora, tmp_path, server, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_234_567))
    chosen = load_manifest(corpora.manifest).datasets.values()
    folders = [DatasetFolder(dataset, tmp_path / "out") for dataset in chosen]
    with pytest.raises(DownloadError, match=r"KB to fetch, 3.0 MB to unpack\), .* has 1.2 MB free") as error:
        commands.download(folders, server.url)
    # 3 MB to unpack, and the archives as they lie in the mirror.
    fetched = sum(map(len, tree(corpora.mirror).values()))
    assert f"{fetched / 1000:.1f} KB to fetch" in str(error.value)
    assert server.gets == [] and tree(tmp_path / "out") == {}


def test_sizes_that_are_not_published_are_asked_for(corpora, tmp_path, server, monkeypatch):
    content = yaml.safe_load(corpora.manifest.read_text())
    for file in content["datasets"]["SONYC-UST"]["files"]:
        del file["bytes"]
    corpora.manifest.write_text(yaml.safe_dump(content))
    server.files |= tree(corpora.mirror)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    folder = DatasetFolder(load_manifest(corpora.manifest).datasets["SONYC-UST"], tmp_path / "out")
    fetched = sum(len(data) for path, data in server.files.items() if path.startswith("SONYC-UST/"))
    with pytest.raises(DownloadError, match=rf"\({fetched / 1000:.1f} KB to fetch"):
        commands.download([folder], server.url)
    assert server.gets == []


# The worst moment to die: a file is on the disk, and has not got its name yet.
KILL_ITSELF = """
import itertools, os, runpy, signal, sys
sync, calls, last = os.fsync, itertools.count(1), int(sys.argv[1])
def fsync_and_die(handle):
    sync(handle)
    if next(calls) == last:
        os.kill(os.getpid(), signal.SIGKILL)
os.fsync = fsync_and_die
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_killed_again_and_again_while_fetching_and_unpacking_it_ends_whole(corpora, tmp_path):
    output, kept, kills = tmp_path / "out", {}, 0
    arguments = ("--manifest", corpora.manifest, "--mirror", corpora.mirror, "--output", output)
    interpreter, *script = command(SCRIPT, *arguments)
    while kills < 40:
        ended = subprocess.run([interpreter, "-c", KILL_ITSELF, "6", *script], capture_output=True, text=True)
        clips = {path: path.stat().st_ino for path in output.rglob("audio/*.wav")}
        assert kept.items() <= clips.items()  # what was unpacked is not written again
        kept = clips
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        kills += 1
    assert 5 <= kills < 40
    assert delivered(output, corpora)[0] == corpora.expected


@pytest.mark.shared
def test_real_clips_keep_their_bytes_and_get_their_durations(tmp_path, shared, monkeypatch):
    monkeypatch.delenv("SPECTRAL_TRANSCODER_MIRROR", raising=False)
    tau = {path.name: path.read_bytes() for path in sorted((shared / "audio" / "tau2020").glob("*.wav"))[:2]}
    urban = {}
    for path in sorted((shared / "audio" / "urbansound8k").rglob("*.ogg"))[:12]:
        samples, sr = soundfile.read(path)
        written = io.BytesIO()
        soundfile.write(written, samples, sr, format="WAV", subtype="PCM_16")
        urban[f"{path.stem}.wav"] = written.getvalue()
    corpora = build(tmp_path, tau_clips=tau, urban_clips=urban)
    ended = datasets(corpora, tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    found, table = delivered(tmp_path / "out", corpora)
    assert found == corpora.expected
    rows = csv.DictReader(io.StringIO(table.decode()))
    assert {row["slice_file_name"]: float(row["duration"]) for row in rows} == corpora.durations_s


def test_two_commands_at_once_on_one_dataset(corpora, tmp_path, server):
    server.files |= tree(corpora.mirror)
    archive = "URBAN-SOUND-8K/archives/UrbanSound8K.tar.gz"
    server.faults[archive] = [Fault(hold_after=0)]
    arguments = ("--manifest", corpora.manifest, "--mirror", server.url, "--output", tmp_path / "out")
    first = start(SCRIPT, "--dataset", "URBAN-SOUND-8K", *arguments)
    assert server.held.wait(30)
    second = start(SCRIPT, "--dataset", "URBAN-SOUND-8K", *arguments)
    assert "is under way" in second.stderr.readline()
    server.release.set()
    for running in (first, second):
        running.communicate(timeout=60)
        assert running.returncode == 0
    assert server.ranges(archive) == [None]
    assert datasets(corpora, tmp_path / "out", "--dataset", "URBAN-SOUND-8K", "--check").returncode == 0


def test_a_file_where_a_folder_has_to_be_is_reported_in_one_line(corpora, tmp_path):
    folder = tmp_path / "out" / "SONYC-UST"
    folder.mkdir(parents=True)
    (folder / "audio").write_bytes(b"the user's")
    ended = datasets(corpora, tmp_path / "out")
    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert f"'{folder / 'audio'}'" in ended.stderr and "SONYC-UST not complete" in ended.stderr
    assert (folder / "audio").read_bytes() == b"the user's"
    assert "TAU: 12 of 12 clips" in ended.stdout and "URBAN-SOUND-8K: 10 of 10" in ended.stdout
