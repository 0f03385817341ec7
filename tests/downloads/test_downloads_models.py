"""The command that fetches the pretrained models."""

import hashlib
import json
import sys
import types

import pytest
import torch
import yaml

from spectral_transcoder.downloads import commands
from spectral_transcoder.downloads.manifest import SHIPPED_MANIFEST, load_manifest
from spectral_transcoder.downloads.models import ModelFolder
from tests.helpers.loopback import Fault, models_manifest, noise, run, start, tree

SCRIPT = "download_pretrained_models.py"


@pytest.fixture
def converter(monkeypatch):
    """Stands for the YAMNet converter: it is slow, and tested elsewhere."""
    module = types.ModuleType("spectral_transcoder.models.yamnet_tflite")
    module.calls = []

    def convert_yamnet_tflite(tflite_path, checkpoint_path):
        module.calls.append((tflite_path, checkpoint_path))
        checkpoint_path.write_bytes(b"converted " + tflite_path.read_bytes())

    module.convert_yamnet_tflite = convert_yamnet_tflite
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def mobile(tmp_path, server):
    """The shipped entry of the mobile YAMNet, with a file of the test's own."""
    content = b"tflite"
    entry = yaml.safe_load(SHIPPED_MANIFEST.read_text())["models"]["YamNetMobile"]
    entry["files"][0] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    path = tmp_path / "manifest.yaml"
    path.write_text(yaml.safe_dump({"models": {"YamNetMobile": entry}}))
    server.files["pretrained_models/yamnet_classification.tflite"] = content
    return ModelFolder(load_manifest(path).models["YamNetMobile"], tmp_path / "out")


def test_the_mobile_yamnet_is_converted_on_arrival_and_again_when_lost(tmp_path, server, converter):
    folder = mobile(tmp_path, server)
    expected = {
        "pretrained_models/yamnet_classification.tflite": b"tflite",
        "pretrained_models/yamnet_mobile_relu6.pth": b"converted tflite",
    }
    commands.download([folder], server.url)
    assert tree(tmp_path / "out") == expected and len(converter.calls) == 1
    commands.download([folder], server.url)
    assert len(converter.calls) == 1 and len(server.gets) == 1
    (tmp_path / "out/pretrained_models/yamnet_mobile_relu6.pth").unlink()
    assert "yamnet_mobile_relu6.pth: missing" in folder.faults()[0]
    commands.download([folder], server.url)
    assert tree(tmp_path / "out") == expected and len(server.gets) == 1


@pytest.mark.shared
def test_the_published_transcoders_come_with_their_card(tmp_path, shared, server):
    output = tmp_path / "out"
    for path in (shared / "reference" / "published_transcoders").iterdir():
        server.files[f"reference_models/{path.name}"] = path.read_bytes()
    ended = run(SCRIPT, "--models", "transcoders", "--mirror", server.url, "--output", output)
    assert ended.returncode == 0, ended.stderr
    found = tree(output)
    card = found.pop("reference_models/PUBLISHED_TRANSCODERS.md").decode()
    assert found == server.files
    for fact in ("Tailleur", "9599ac8987cd429783953104c179d5d99c9dc784", "b7720cc59dc57d93f6780db2587e1ec5"):
        assert fact in card
    assert run(SCRIPT, "--models", "transcoders", "--check", "--output", output).returncode == 0


@pytest.mark.shared
def test_the_real_tflite_file_becomes_the_real_checkpoint(tmp_path, shared):
    mirror = tmp_path / "mirror" / "pretrained_models"
    mirror.mkdir(parents=True)
    name = "yamnet_classification.tflite"
    (mirror / name).write_bytes((shared / "pretrained" / name).read_bytes())
    ended = run(SCRIPT, "--models", "YamNetMobile", "--mirror", mirror.parent, "--output", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    made = torch.load(tmp_path / "out" / "pretrained_models" / "yamnet_mobile_relu6.pth", weights_only=True)
    expected = torch.load(shared / "pretrained" / "yamnet_mobile_relu6.pth", weights_only=True)
    assert made.keys() == expected.keys()
    assert all(torch.equal(made[key], expected[key]) for key in expected)


def test_a_checksum_that_nobody_publishes_is_recorded_and_checked_from_then_on(tmp_path, server):
    content, name = noise(1000), "mn10.pt"
    entry = {"folder": "pretrained_models", "url": server.url + "/{name}", "on_request": True}
    entry["files"] = [{"name": name, "recorded": True}]
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(
        yaml.safe_dump({"models": {"M": entry, "other": {**entry, "on_request": False, "files": []}}})
    )
    server.files[name] = content
    arguments = ("--manifest", manifest, "--output", tmp_path / "out", "--models", "M")
    assert run(SCRIPT, *arguments).returncode == 0
    folder = tmp_path / "out" / "pretrained_models"
    assert (folder / name).read_bytes() == content
    record = json.loads((folder / f"{name}.arrived.json").read_text())
    assert record == {"bytes": 1000, "sha256": hashlib.sha256(content).hexdigest()}
    assert run(SCRIPT, "--check", *arguments).returncode == 0

    (folder / name).write_bytes(noise(1000, seed=1))
    ended = run(SCRIPT, "--check", *arguments)
    assert ended.returncode == 1 and f"expected sha256 {record['sha256']}" in ended.stdout
    server.files[name] = noise(
        1000, seed=1
    )  # the publisher's file is another one now: it is not taken for the same
    ended = run(SCRIPT, *arguments)
    assert ended.returncode == 1 and "expected sha256" in ended.stderr
    server.files[name] = content
    assert run(SCRIPT, *arguments).returncode == 0
    assert (folder / name).read_bytes() == content


def test_check_names_the_damaged_and_the_missing(tmp_path, server):
    contents = {"a.pth": noise(100), "b.pth": noise(100, seed=1), "c.pth": noise(100, seed=2)}
    manifest = models_manifest(tmp_path / "manifest.yaml", server.url, contents)
    server.files |= contents
    arguments = ("--manifest", manifest, "--output", tmp_path / "out")
    assert run(SCRIPT, *arguments).returncode == 0
    folder = tmp_path / "out" / "pretrained_models"
    (folder / "a.pth").write_bytes(noise(100, seed=3))
    (folder / "b.pth").unlink()
    ended = run(SCRIPT, "--check", *arguments)
    assert (
        ended.returncode == 1 and "a.pth: expected md5" in ended.stdout and "b.pth: missing" in ended.stdout
    )
    assert "c.pth" not in ended.stdout
    server.gets.clear()
    assert run(SCRIPT, *arguments).returncode == 0
    assert sorted(path for path, _, _ in server.gets) == ["a.pth", "b.pth"]
    assert run(SCRIPT, "--check", *arguments).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "PANN,Pann"], "choose from PANN, EfficientAT-mn04"),
        (["--mirror", "/no/such/folder"], "expected an existing folder"),
        (["--mirror", "ftp://127.0.0.1"], "expected an existing folder"),
        (["--manifest", "/no/such/list"], "cannot be read"),
        (["--list", "--check"], "not allowed with"),
    ],
)
def test_wrong_usage_exits_2(tmp_path, arguments, message):
    ended = run(SCRIPT, "--output", tmp_path, *arguments)
    assert ended.returncode == 2 and message in ended.stderr and "Traceback" not in ended.stderr
    assert tree(tmp_path) == {}


def test_an_output_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    ended = run(SCRIPT, "--models", "PANN", "--output", tmp_path / "file")
    assert ended.returncode == 1 and "cannot write in" in ended.stderr and "Traceback" not in ended.stderr


def test_interrupted_by_the_user_while_the_server_is_mute(tmp_path, server):
    content = noise(300_000)
    manifest = models_manifest(tmp_path / "manifest.yaml", server.url, {"model.pth": content})
    server.files["model.pth"] = content
    server.faults["model.pth"] = [Fault(hold_after=65_536)]
    running = start(SCRIPT, "--manifest", manifest, "--output", tmp_path / "out")
    part = tmp_path / "out" / "pretrained_models" / "model.pth.part"
    while not (part.is_file() and part.stat().st_size):
        assert running.poll() is None
    running.send_signal(2)
    message = running.communicate(timeout=10)[1]
    assert running.returncode == 130
    assert "interrupted" in message and "the same command goes on" in message and "Traceback" not in message
    assert content.startswith(part.read_bytes())
