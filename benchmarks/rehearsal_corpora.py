"""The three corpora at their true sizes, or a share of them, made of a few clips: archives and a manifest."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import yaml
from virtual_archives import VirtualFile, virtual_tar_gz, virtual_zip

from spectral_transcoder.downloads.options import SHIPPED_MANIFEST
from spectral_transcoder.synthetic_city.demo_street import street_scene

TAU_CLIPS, TAU_DEVICE_A, SONYC_CLIPS, URBAN_CLIPS = 23_040, 10_545, 18_510, 8_732
TAU_PARTS, SONYC_PARTS = 16, 19
N_SOUNDS = 4  # different ones in each corpus
SCENES = ("airport", "bus", "metro", "park", "public_square", "street_pedestrian", "street_traffic", "tram")
CITIES = (
    "barcelona",
    "helsinki",
    "lisbon",
    "london",
    "lyon",
    "milan",
    "paris",
    "prague",
    "stockholm",
    "vienna",
)
URBAN_COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
URBAN_CLASSES = (
    "air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling", "gun_shot",
    "jackhammer", "siren", "street_music",
)  # fmt: skip


def sounds(duration_s: float, sr: int, subtype: str) -> list[bytes]:
    """Return a few streets as wav files."""
    files = []
    for seed in range(N_SOUNDS):
        written = io.BytesIO()
        soundfile.write(written, street_scene(duration_s, sr, seed), sr, subtype, format="WAV")
        files.append(written.getvalue())
    return files


def tau_names(scale: float) -> list[str]:
    """Return names of clips as TAU's are, device a first."""
    n_clips, n_a = max(16, round(scale * TAU_CLIPS)), max(16, round(scale * TAU_DEVICE_A))
    return [
        f"{SCENES[i % len(SCENES)]}-{CITIES[i % len(CITIES)]}-{i // 10}-{i}-{'a' if i < n_a else 'b'}.wav"
        for i in range(max(n_clips, n_a))
    ]


def tau_lists(names: list[str]) -> dict[str, bytes]:
    """Return TAU's tables: every clip is in one of the two lists."""
    n_train = round(0.8 * len(names))
    tables = {"meta.csv": b"filename\tscene_label\tidentifier\tsource_label\n"}
    for part, own in (("train", names[:n_train]), ("evaluate", names[n_train:])):
        rows = "".join(f"audio/{name}\t{name.split('-')[0]}\n" for name in own)
        tables[f"evaluation_setup/fold1_{part}.csv"] = f"filename\tscene_label\n{rows}".encode()
    return tables


def urban_table(scale: float) -> tuple[list[tuple[str, int]], bytes]:
    """Return (name, fold) of clips as UrbanSound8K's are, and its table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(URBAN_COLUMNS)
    clips = []
    for i in range(max(16, round(scale * URBAN_CLIPS))):
        name, fold, class_id = f"{100000 + i}-{i % 10}-0-{i % 7}.wav", 1 + i % 10, i % 10
        clips.append((name, fold))
        writer.writerow([name, 100000 + i, 0.0, 4.0, 1, fold, class_id, URBAN_CLASSES[class_id]])
    return clips, text.getvalue().encode()


def archives(name: str, folder: str, scale: float) -> Iterator[tuple[str, VirtualFile]]:
    """Yield the published files of a corpus: name and content."""
    yield from CORPORA[name](folder, scale)


def _tau(folder: str, scale: float) -> Iterator[tuple[str, VirtualFile]]:
    names, clips = tau_names(scale), sounds(10.0, 44100, "PCM_24")
    yield f"{folder}.doc.zip", virtual_zip([(f"{folder}/README.md", b"rehearsal")])
    tables = tau_lists(names)
    yield f"{folder}.meta.zip", virtual_zip((f"{folder}/{table}", text) for table, text in tables.items())
    for part in range(TAU_PARTS):
        members = [(f"{folder}/audio/{name}", clips[i % N_SOUNDS]) for i, name in enumerate(names)]
        yield f"{folder}.audio.{part + 1}.zip", virtual_zip(members[part::TAU_PARTS])


def _sonyc(folder: str, scale: float) -> Iterator[tuple[str, VirtualFile]]:
    clips, n_clips = sounds(10.0, 48000, "PCM_16"), max(SONYC_PARTS, round(scale * SONYC_CLIPS))
    for name in ("annotations.csv", "dcase-ust-taxonomy.yaml", "README.md"):
        yield name, VirtualFile([memoryview(f"rehearsal of {name}\n".encode())])
    for part in range(SONYC_PARTS):
        members = [
            (f"audio-{part}/00_{i:06}.wav", clips[i % N_SOUNDS]) for i in range(part, n_clips, SONYC_PARTS)
        ]
        yield f"audio-{part}.tar.gz", virtual_tar_gz(members)


def _urban(folder: str, scale: float) -> Iterator[tuple[str, VirtualFile]]:
    clips, (names, table) = sounds(4.0, 44100, "FLOAT"), urban_table(scale)
    members = [
        (f"UrbanSound8K/audio/fold{fold}/{name}", clips[i % N_SOUNDS]) for i, (name, fold) in enumerate(names)
    ]
    members.append(("UrbanSound8K/metadata/UrbanSound8K.csv", table))
    yield "UrbanSound8K.tar.gz", virtual_tar_gz(members)


CORPORA = {"TAU": _tau, "SONYC-UST": _sonyc, "URBAN-SOUND-8K": _urban}


def make_mirror(manifest: Path, scale: float) -> dict[str, VirtualFile]:
    """Write the manifest of the corpora at a scale; return their files by the path of a mirror."""
    content = {"datasets": yaml.safe_load(SHIPPED_MANIFEST.read_text(encoding="utf-8"))["datasets"]}
    counts = {
        "TAU": len(tau_names(scale)),
        "SONYC-UST": max(SONYC_PARTS, round(scale * SONYC_CLIPS)),
        "URBAN-SOUND-8K": len(urban_table(scale)[0]),
    }
    served = {}
    for name, entry in content["datasets"].items():
        files = dict(archives(name, entry["folder"], scale))
        entry["files"] = [
            {"name": file, "bytes": virtual.size, "md5": virtual.md5()} for file, virtual in files.items()
        ]
        entry |= {"clips": counts[name], "unpacked_bytes": sum(virtual.size for virtual in files.values())}
        for file, virtual in files.items():
            packed = "archives/" if file.endswith((".zip", ".tar.gz")) else ""
            served[f"{entry['folder']}/{packed}{file}"] = virtual
    manifest.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return served


def link_tau(folder: Path, scale: float) -> int:
    """Lay out clips of TAU as links to a few sounds; return how many of device a."""
    names = tau_names(scale)
    _link(folder / "audio", names, sounds(10.0, 44100, "PCM_24"))
    for table, text in tau_lists(names).items():
        (folder / table).parent.mkdir(parents=True, exist_ok=True)
        (folder / table).write_bytes(text)
    return int(np.sum([name.endswith("-a.wav") for name in names]))


def link_urban(folder: Path, scale: float) -> int:
    """Lay out clips of UrbanSound8K as links to a few sounds; return how many."""
    clips, table = urban_table(scale)
    _link(folder / "audio", [name for name, _ in clips], sounds(4.0, 44100, "FLOAT"))
    (folder / "metadata").mkdir(parents=True)
    (folder / "metadata" / "UrbanSound8K.csv").write_bytes(table)
    return len(clips)


def _link(folder: Path, names: list[str], clips: list[bytes]) -> None:
    folder.mkdir(parents=True)
    originals = folder.parent / "sounds"
    originals.mkdir()
    for index, clip in enumerate(clips):
        (originals / f"{index}.wav").write_bytes(clip)
    for index, name in enumerate(names):
        (folder / name).symlink_to(originals / f"{index % N_SOUNDS}.wav")
