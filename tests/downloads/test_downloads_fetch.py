"""One file over bad networks: the right bytes, or nothing under the final name."""

import email.utils
import hashlib
import io
import itertools
import random
import time
import types

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectral_transcoder.downloads import progress, sources
from spectral_transcoder.downloads.checksums import Checksum
from spectral_transcoder.downloads.fetch import Downloader, FileToFetch, Patience
from spectral_transcoder.downloads.manifest import RemoteFile
from spectral_transcoder.downloads.progress import TransferProgress
from spectral_transcoder.utils.errors import DownloadError
from tests.helpers.loopback import Fault, models_manifest, noise, run, start, tree

SCRIPT = "download_pretrained_models.py"
CONTENT = noise(300_000)
QUICK = Patience(attempts=4, attempts_unreachable=2, first_delay_s=0.001, longest_delay_s=0.002)


def downloader(printed=None):
    return Downloader(TransferProgress(0, printed or io.StringIO()), QUICK, random.Random(71))


def job(server, path, content=CONTENT, size=True, urls=None, checksum=None):
    checksum = checksum or Checksum("sha256", hashlib.sha256(content).hexdigest())
    remote = RemoteFile("file", urls or (f"{server.url}/file",), len(content) if size else None, checksum)
    return FileToFetch(remote, path, remote.urls)


def test_cut_at_each_of_20_random_offsets(server, tmp_path):
    server.files["file"] = CONTENT
    for offset in random.Random(20).sample(range(1, len(CONTENT)), 20):
        server.faults["file"] = [Fault(cut_after=offset)]
        server.gets.clear()
        downloader().fetch(job(server, tmp_path / str(offset)))
        assert server.ranges() == [None, f"bytes={offset}-"]
    assert set(tree(tmp_path).values()) == {CONTENT} and len(tree(tmp_path)) == 20


def test_cut_20_times_on_the_way_whole_in_the_end(server, tmp_path):
    server.files["file"] = CONTENT
    offsets = sorted(random.Random(21).sample(range(1, len(CONTENT)), 20))
    pieces = [end - begin for begin, end in itertools.pairwise([0, *offsets])]
    server.faults["file"] = [Fault(cut_after=piece) for piece in pieces]
    downloader().fetch(job(server, tmp_path / "file"))
    assert server.ranges() == [None] + [f"bytes={offset}-" for offset in offsets]
    assert tree(tmp_path) == {"file": CONTENT}


def test_the_size_of_a_file_that_has_moved_is_that_at_its_new_place(server):
    """Zenodo sends some files on to its store."""
    server.files["store/file"], server.moved["file"] = CONTENT, "store/file"
    assert sources.ask_size(f"{server.url}/file") == len(CONTENT)
    assert sources.ask_size(f"{server.url}/none") is None


def test_it_stops_listening_once_all_bytes_are_there(server, tmp_path):
    """A server that announces more than it sends would be waited for, and asked again."""
    server.files["file"], server.faults["file"] = CONTENT, [Fault(announce=len(CONTENT) + 999)]
    printed = io.StringIO()
    downloader(printed).fetch(job(server, tmp_path / "file"))
    assert tree(tmp_path) == {"file": CONTENT} and "trying again" not in printed.getvalue()


def test_another_file_under_the_name_is_kept(server, tmp_path):
    """A user's own, again and again; it stays in place as long as nothing better has arrived."""
    path, printed = tmp_path / "file", io.StringIO()
    path.write_bytes(b"mine")
    with pytest.raises(DownloadError):
        downloader().fetch(job(server, path))
    assert path.read_bytes() == b"mine"
    server.files["file"] = CONTENT
    downloader(printed).fetch(job(server, path))
    assert "not the published file: it is kept as file.replaced," in printed.getvalue()
    path.unlink()
    path.symlink_to(tmp_path / "file.replaced")
    downloader().fetch(job(server, path))
    assert tree(tmp_path) == {"file": CONTENT, "file.replaced": b"mine", "file.replaced-2": b"mine"}
    assert (tmp_path / "file.replaced-2").is_symlink()


@pytest.mark.parametrize("size", [True, False], ids=["published size", "size unknown"])
@pytest.mark.parametrize(
    "faults",
    [
        [Fault(cut_after=100_000), Fault(ignore_range=True)],
        [Fault(cut_after=100_000), Fault(ignore_range=True, cut_after=150_000), Fault(ignore_range=True)],
        [Fault(status=500), Fault(status=503), Fault(status=403)],
        [Fault(announce=len(CONTENT) + 999)],
        [Fault(headers={"Content-Encoding": "gzip"})],
    ],
    ids=["range ignored", "twice", "5xx", "announces more", "labelled gzip"],
)
def test_misbehaving_servers(server, tmp_path, faults, size):
    server.files["file"] = CONTENT
    server.faults["file"] = list(faults)
    downloader().fetch(job(server, tmp_path / "file", size=size))
    assert server.faults["file"] == []
    assert tree(tmp_path) == {"file": CONTENT}


@pytest.mark.parametrize("shift", [-7, 5])
def test_another_range_than_asked_for_is_not_taken(server, tmp_path, shift):
    server.files["file"], printed = CONTENT, io.StringIO()
    server.faults["file"] = [Fault(cut_after=100_000), Fault(shift_range=shift)]
    downloader(printed).fetch(job(server, tmp_path / "file"))
    assert f"from 100000 on, the server sent those from {100_000 + shift}" in printed.getvalue()
    assert server.ranges() == [None, "bytes=100000-", None]
    assert tree(tmp_path) == {"file": CONTENT}


def test_a_server_that_announces_too_little_is_asked_for_the_rest(server, tmp_path):
    server.files["file"] = CONTENT
    server.faults["file"] = [Fault(announce=1000)]
    downloader().fetch(job(server, tmp_path / "file"))
    assert server.ranges() == [None, "bytes=1000-"]
    assert tree(tmp_path) == {"file": CONTENT}


def test_a_server_that_compresses_is_asked_not_to(server, tmp_path):
    server.files["file"], server.compresses = CONTENT, True
    downloader().fetch(job(server, tmp_path / "file"))
    assert tree(tmp_path) == {"file": CONTENT}


fault = st.one_of(
    st.builds(Fault, cut_after=st.integers(0, 5000)),
    st.builds(Fault, ignore_range=st.just(True), cut_after=st.integers(0, 5000)),
    st.builds(Fault, shift_range=st.integers(-50, 50), cut_after=st.integers(0, 5000)),
    st.builds(Fault, status=st.sampled_from([403, 429, 500, 503])),
    st.builds(Fault, announce=st.integers(0, 8000), cut_after=st.integers(0, 5000)),
)


@given(faults=st.lists(fault, max_size=6), size=st.booleans(), etag=st.sampled_from([None, '"a"', 'W/"a"']))
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_row_of_faults_ends_with_the_right_bytes_or_none(server, tmp_path, faults, size, etag):
    content = noise(4000)
    server.files["file"], server.etags["file"] = content, etag
    server.faults["file"] = list(faults)
    path = tmp_path / "file"
    path.unlink(missing_ok=True)
    try:
        downloader().fetch(job(server, path, content, size))
    except DownloadError:
        assert not path.exists()
    server.faults["file"] = []
    downloader().fetch(job(server, path, content, size))
    assert tree(tmp_path) == {"file": content}


def test_a_pause_is_shortened_by_half_at_most(server, tmp_path):
    server.files["file"], server.faults["file"] = CONTENT, [Fault(status=503)]
    patience = Patience(first_delay_s=0.4, longest_delay_s=0.4)
    Downloader(TransferProgress(0, io.StringIO()), patience).fetch(job(server, tmp_path / "file"))
    first, second = (at for _, _, at in server.gets)
    assert 0.2 <= second - first < 4


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_429_waits_as_long_as_retry_after_says(server, tmp_path, form):
    # A date has whole seconds: 2 s ahead is at least 1 s to wait.
    wish = "1" if form == "seconds" else email.utils.formatdate(time.time() + 2, usegmt=True)
    server.files["file"] = CONTENT
    server.faults["file"] = [Fault(status=429, headers={"Retry-After": wish})]
    downloader().fetch(job(server, tmp_path / "file"))
    first, second = (at for _, _, at in server.gets)
    assert 0.95 < second - first < 4
    assert tree(tmp_path) == {"file": CONTENT}


@pytest.mark.parametrize("behind_s", [3600, -3600])
def test_a_date_to_wait_for_is_reported_by_the_servers_own_clock(server, tmp_path, monkeypatch, behind_s):
    clock = types.SimpleNamespace(time=lambda: time.time() - behind_s, monotonic=time.monotonic)
    monkeypatch.setattr(sources, "time", clock)
    wish = email.utils.formatdate(time.time() + 2, usegmt=True)
    server.files["file"] = CONTENT
    server.faults["file"] = [Fault(status=429, headers={"Retry-After": wish})]
    downloader().fetch(job(server, tmp_path / "file"))
    first, second = (at for _, _, at in server.gets)
    assert 0.95 < second - first < 4


def test_a_server_that_asks_for_an_hour_is_given_up(server, tmp_path):
    server.faults["file"] = [Fault(status=429, headers={"Retry-After": "3600"})]
    with pytest.raises(DownloadError, match="asks to wait 3600 s"):
        downloader().fetch(job(server, tmp_path / "file"))


def test_refusals_are_retried_a_bounded_number_of_times(server, tmp_path):
    server.files["file"] = CONTENT
    server.faults["file"] = [Fault(status=503)] * 100
    with pytest.raises(DownloadError, match=r"answered 503.*given up after 4 attempts"):
        downloader().fetch(job(server, tmp_path / "file"))
    assert len(server.gets) == 4


def test_404_is_final(server, tmp_path):
    with pytest.raises(DownloadError, match="answered 404"):
        downloader().fetch(job(server, tmp_path / "file"))
    assert len(server.gets) == 1 and tree(tmp_path) == {}


def test_the_second_address_is_taken_when_the_first_fails(server, tmp_path):
    server.files["second"] = CONTENT
    downloader().fetch(job(server, tmp_path / "file", urls=(f"{server.url}/file", f"{server.url}/second")))
    assert tree(tmp_path) == {"file": CONTENT}


def test_a_server_that_announces_too_little_and_whose_size_is_unknown_is_found_out(server, tmp_path):
    server.files["file"] = CONTENT
    server.faults["file"] = [Fault(announce=1000)]
    with pytest.raises(DownloadError, match=r"found [0-9a-f]{64} \(1000 bytes\)"):
        downloader().fetch(job(server, tmp_path / "file", size=False))
    assert tree(tmp_path) == {}
    downloader().fetch(job(server, tmp_path / "file", size=False))
    assert tree(tmp_path) == {"file": CONTENT}


def test_foreign_bytes_in_a_part_file_cost_one_clean_retry(server, tmp_path):
    server.files["file"] = CONTENT
    (tmp_path / "file.part").write_bytes(b"an older program's half" * 10)
    downloader().fetch(job(server, tmp_path / "file"))
    assert server.ranges() == ["bytes=230-", None]
    assert tree(tmp_path) == {"file": CONTENT}


@pytest.mark.parametrize("surplus", [0, 10])
def test_a_part_file_that_was_complete_is_only_verified(server, tmp_path, surplus):
    server.files["file"] = CONTENT
    (tmp_path / "file.part").write_bytes(CONTENT + bytes(surplus))
    downloader().fetch(job(server, tmp_path / "file"))
    assert len(server.gets) == (1 if surplus else 0)
    assert tree(tmp_path) == {"file": CONTENT}


@pytest.mark.parametrize("ignore_if_range", [False, True], ids=["If-Range honoured", "ignored"])
def test_a_file_that_changed_meanwhile_is_fetched_from_the_start(server, tmp_path, ignore_if_range):
    server.files["file"], server.etags["file"] = noise(300_000, seed=1), '"old"'
    server.faults["file"] = [Fault(cut_after=1000)] + [Fault(status=503)] * 4
    with pytest.raises(DownloadError):
        downloader().fetch(job(server, tmp_path / "file"))
    assert (tmp_path / "file.part").stat().st_size == 1000
    server.files["file"], server.etags["file"] = CONTENT, '"new"'
    server.faults["file"] = [Fault(ignore_if_range=ignore_if_range)]
    server.gets.clear()
    printed = io.StringIO()
    downloader(printed).fetch(job(server, tmp_path / "file"))
    assert server.ranges() == ["bytes=1000-", None][: 2 if ignore_if_range else 1]
    assert ("changed on the server" in printed.getvalue()) == ignore_if_range
    assert tree(tmp_path) == {"file": CONTENT}


def test_what_is_there_is_verified_and_what_is_damaged_is_fetched_again(server, tmp_path):
    server.files["file"] = CONTENT
    (tmp_path / "file").write_bytes(CONTENT)
    downloader().fetch(job(server, tmp_path / "file"))
    assert server.gets == []
    (tmp_path / "file").write_bytes(CONTENT[:-1])
    downloader().fetch(job(server, tmp_path / "file"))
    assert tree(tmp_path) == {"file": CONTENT, "file.replaced": CONTENT[:-1]}


def test_without_a_terminal_a_plain_line_now_and_then(server, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    server.files["file"], printed = CONTENT, io.StringIO()
    Downloader(TransferProgress(len(CONTENT), printed), QUICK).fetch(job(server, tmp_path / "file"))
    assert "... 65.5 KB of 300.0 KB\n" in printed.getvalue() and "\r" not in printed.getvalue()


def test_git_blob_checksum(server, tmp_path):
    # `echo hello | git hash-object --stdin`
    checksum = Checksum("git_blob_sha1", "ce013625030ba8dba906f756967f9e9ca394464a")
    server.files["file"] = b"hello\n"
    downloader().fetch(job(server, tmp_path / "file", b"hello\n", size=False, checksum=checksum))
    assert tree(tmp_path) == {"file": b"hello\n"}
    server.files["file"] = b"Hello\n"
    with pytest.raises(DownloadError, match="expected git_blob_sha1 ce0136"):
        downloader().fetch(job(server, tmp_path / "other", b"hello\n", size=False, checksum=checksum))


def test_two_streams_per_host_and_no_more(server, tmp_path):
    server.block_delay_s = 0.05
    jobs = []
    for index in range(6):
        server.files[f"{index}"] = noise(100_000, seed=index)
        jobs.append(
            job(server, tmp_path / str(index), server.files[f"{index}"], urls=(f"{server.url}/{index}",))
        )
    assert [error for _, error in downloader().fetch_all(jobs)] == [None] * 6
    assert server.most_at_once == 2
    assert tree(tmp_path) == server.files


def test_no_internet_is_reported_once_and_soon(tmp_path, free_port):
    urls = [(f"http://127.0.0.1:{free_port}/{index}",) for index in range(20)]
    jobs = [job(None, tmp_path / str(index), urls=url) for index, url in enumerate(urls)]
    printed = io.StringIO()
    errors = [error for _, error in downloader(printed).fetch_all(jobs)]
    assert len(errors) == 20
    assert printed.getvalue().count("trying again") <= 2  # once per stream
    assert all("no connection to 127.0.0.1" in str(error) and "--mirror" in str(error) for error in errors)


def test_wrong_bytes_exit_1_with_expected_and_found_and_leave_nothing(server, tmp_path):
    manifest = models_manifest(tmp_path / "manifest.yaml", server.url, {"model.pth": CONTENT})
    arguments = ("--manifest", manifest, "--output", tmp_path / "out")
    server.files["model.pth"] = noise(len(CONTENT), seed=2)
    ended = run(SCRIPT, *arguments)
    assert ended.returncode == 1
    assert hashlib.md5(CONTENT).hexdigest() in ended.stderr
    assert hashlib.md5(server.files["model.pth"]).hexdigest() in ended.stderr
    assert "Traceback" not in ended.stderr
    assert tree(tmp_path / "out") == {}
    server.files["model.pth"] = CONTENT
    assert run(SCRIPT, *arguments).returncode == 0
    assert tree(tmp_path / "out") == {"pretrained_models/model.pth": CONTENT}


def test_killed_in_the_middle_the_same_command_goes_on(server, tmp_path):
    manifest = models_manifest(tmp_path / "manifest.yaml", server.url, {"model.pth": CONTENT})
    arguments = ("--manifest", manifest, "--output", tmp_path / "out")
    server.files["model.pth"] = CONTENT
    server.faults["model.pth"] = [Fault(hold_after=262_144)]
    running = start(SCRIPT, *arguments)
    part = tmp_path / "out" / "pretrained_models" / "model.pth.part"
    assert server.held.wait(30)
    wait_until(lambda: part.is_file() and part.stat().st_size > 0)
    running.kill()
    running.communicate()
    arrived = part.stat().st_size
    assert 0 < arrived < len(CONTENT)
    assert not part.with_name("model.pth").exists()
    assert run(SCRIPT, *arguments).returncode == 0
    assert server.ranges() == [None, f"bytes={arrived}-"]
    assert tree(tmp_path / "out") == {"pretrained_models/model.pth": CONTENT}


def test_two_commands_at_once_on_one_folder(server, tmp_path):
    manifest = models_manifest(tmp_path / "manifest.yaml", server.url, {"model.pth": CONTENT})
    arguments = ("--manifest", manifest, "--output", tmp_path / "out")
    server.files["model.pth"] = CONTENT
    server.faults["model.pth"] = [Fault(hold_after=65_536)]
    first = start(SCRIPT, *arguments)
    assert server.held.wait(30)
    second = start(SCRIPT, *arguments)
    assert "is under way" in second.stderr.readline()
    server.release.set()
    for command in (first, second):
        command.communicate(timeout=60)
        assert command.returncode == 0
    assert len(server.gets) == 1
    assert tree(tmp_path / "out") == {"pretrained_models/model.pth": CONTENT}


def wait_until(condition, timeout_s=30):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)
