"""Small archives in the official layouts of the three datasets, in a folder that serves as a mirror."""

import csv
import hashlib
import io
import tarfile
import wave
import zipfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from spectral_transcoder.downloads.manifest import SHIPPED_MANIFEST
from tests.helpers.loopback import noise

TAU_NAME = "TAU-urban-acoustic-scenes-2020-mobile-development"
URBAN_COLUMNS = ["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"]


@dataclass
class Corpora:
    """A mirror, the list of its files, and what each dataset's folder should hold in the end."""

    mirror: Path
    manifest: Path
    expected: dict
    durations_s: dict


def wav(frames, seed=0, sr=8000):
    """A mono 16-bit wav of known length, written by the standard library."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sr)
        file.writeframes(noise(2 * frames, seed))
    return written.getvalue()


def zipped(members):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def tarred(members):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return written.getvalue()


def build(folder, tau_clips=None, urban_clips=None, sonyc_clips=None):
    """Write the mirror and its manifest below `folder`; clips are given as {name: wav bytes}."""
    tau_clips = tau_clips or {f"park-london-{i}-{i}-a.wav": wav(400, i) for i in range(12)}
    urban_clips = urban_clips or {f"{i}-0-0-{i}.wav": wav(1000 + 777 * i, i) for i in range(10)}
    sonyc_clips = sonyc_clips or {f"{i:02}_000{i:03}.wav": wav(300, i) for i in range(6)}
    tau, tau_expected = _tau(tau_clips)
    sonyc, sonyc_expected = _sonyc(sonyc_clips)
    urban, urban_expected = _urban(urban_clips)
    files = {"TAU": tau, "SONYC-UST": sonyc, "URBAN-SOUND-8K": urban}
    clips = {"TAU": len(tau_clips), "SONYC-UST": len(sonyc_clips), "URBAN-SOUND-8K": len(urban_clips)}
    content = {"datasets": yaml.safe_load(SHIPPED_MANIFEST.read_text())["datasets"]}
    for name, entry in content["datasets"].items():
        entry |= {"clips": clips[name], "unpacked_bytes": 1_000_000}
        entry["files"] = [
            {"name": file, "bytes": len(data), "md5": hashlib.md5(data).hexdigest()}
            for file, data in files[name].items()
        ]
        for file, data in files[name].items():
            packed = "archives" if file.endswith((".zip", ".tar.gz")) else ""
            path = folder / "mirror" / entry["folder"] / packed / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    (folder / "manifest.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    expected = {TAU_NAME: tau_expected, "SONYC-UST": sonyc_expected, "URBAN-SOUND-8K": urban_expected}
    return Corpora(folder / "mirror", folder / "manifest.yaml", expected, _durations_s(urban_clips))


def _tau(clips):
    names = list(clips)
    meta = {
        "meta.csv": b"filename\tscene_label\tidentifier\tsource_label\n",
        "evaluation_setup/fold1_train.csv": b"filename\tscene_label\n",
        "evaluation_setup/fold1_test.csv": b"filename\n",
        "evaluation_setup/fold1_evaluate.csv": b"filename\tscene_label\n",
    }
    parts = [
        {"README.md": b"about"},
        meta,
        {f"audio/{name}": clips[name] for name in names[::2]},
        {f"audio/{name}": clips[name] for name in names[1::2]},
    ]
    suffixes = ("doc", "meta", "audio.1", "audio.2")
    files = {
        f"{TAU_NAME}.{suffix}.zip": zipped({f"{TAU_NAME}/{name}": data for name, data in part.items()})
        for suffix, part in zip(suffixes, parts, strict=True)
    }
    return files, {name: data for part in parts for name, data in part.items()}


def _sonyc(clips):
    names = list(clips)
    plain = {"annotations.csv": b"split,sensor_id,audio_filename\n", "README.md": b"about"}
    files = dict(plain)
    for part, part_names in enumerate((names[::2], names[1::2])):
        files[f"audio-{part}.tar.gz"] = tarred({f"audio-{part}/{name}": clips[name] for name in part_names})
    return files, plain | {f"audio/{name}": data for name, data in clips.items()}


def _urban(clips):
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(URBAN_COLUMNS)
    folds = {name: 1 + index % 10 for index, name in enumerate(clips)}
    for name in clips:
        fs_id, class_id, *_ = name.split("-")
        # The published start and end make every clip 4 s long, whatever the audio holds.
        writer.writerow([name, fs_id, 0.0, 4.0, 1, folds[name], class_id, "air_conditioner"])
    others = {"metadata/UrbanSound8K.csv": table.getvalue().encode(), "FREESOUNDCREDITS.txt": b"thanks"}
    members = {f"UrbanSound8K/audio/fold{folds[name]}/{name}": data for name, data in clips.items()}
    members |= {"UrbanSound8K/audio/fold1/.DS_Store": b"macOS", "UrbanSound8K/audio/._fold1": b"macOS"}
    members |= {f"UrbanSound8K/{name}": data for name, data in others.items()}
    files = {"UrbanSound8K.tar.gz": tarred(members)}
    return files, others | {f"audio/{name}": data for name, data in clips.items()}


def _durations_s(clips):
    """Clip lengths by the standard library's reader, not by the one under test."""
    durations = {}
    for name, data in clips.items():
        with wave.open(io.BytesIO(data)) as file:
            durations[name] = file.getnframes() / file.getframerate()
    return durations
