"""What a classifier finds in each kind of synthetic event, and how long a scene takes to make.

    python3 benchmarks/city.py [--weights yamnet_mobile_relu6.pth] [--events 20] [--real URBANSOUND8K_AUDIO]

Input: the mobile YAMNet (python3 download_pretrained_models.py --models YamNetMobile); to compare with, real
clips of UrbanSound8K, named as they are published, in a folder and those below it.
Output: a table on the terminal, with --real how many real recordings of the same class are recognised. Takes a
minute or two.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from spectral_transcoder.models.classifiers import load_classifier
from spectral_transcoder.signal.audio import Recording, read_audio
from spectral_transcoder.synthetic_city.kinds import KINDS
from spectral_transcoder.synthetic_city.layouts.urbansound8k import CLASSES
from spectral_transcoder.synthetic_city.recognition import recognise, recognition_of
from spectral_transcoder.synthetic_city.scenes import PLACES, draw_scene
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.parallel import one_torch_thread

SCENES, SCENE_S, SR = 3, 10.0, 44100


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, help="of the mobile YAMNet (default: in pretrained_models)")
    parser.add_argument("--events", type=cli.positive, default=20, help="of each kind (default 20)")
    parser.add_argument("--real", type=Path, help="folder of UrbanSound8K's clips")
    args = parser.parse_args()
    classifier = load_classifier("YamNetMobile", args.weights)
    print("| event | recognised | real ones | score | highest labels |\n|---|---|---|---|---|")
    with one_torch_thread():
        for name, kind in KINDS.items():
            found = recognise(name, classifier, args.events)
            real = real_recordings(args.real, kind.urbansound8k, args.events) if args.real else []
            of_real = recognition_of(name, real, classifier) if real else None
            compared = f"{of_real.recognised} of {of_real.n_events}" if of_real else ""
            top_labels = "; ".join(found.top_labels)
            print(
                f"| {name} | {found.recognised} of {found.n_events} | {compared} | {found.score:.2f} | {top_labels} |"
            )
    print(f"a scene of {SCENE_S:g} s at {SR} Hz: {scene_cpu_s():.2f} s of a core")


def real_recordings(folder: Path, urban_class: str | None, n_recordings: int) -> list[Recording]:
    """Return one clip, of a second or more, of each of the first recordings of a class of UrbanSound8K."""
    clips: dict[str, Path] = {}
    for path in sorted(folder.rglob("*-*-*-*.*")):
        recording, class_id, *_ = path.stem.split("-")
        if urban_class and CLASSES[int(class_id)] == urban_class:
            clips.setdefault(recording, path)
    sounds = (read_audio(path) for path in list(clips.values())[:n_recordings])
    return [sound for sound in sounds if sound.duration_s >= 1]


def scene_cpu_s() -> float:
    """Return the processor time of a scene, the mean over all places."""
    scenes = [
        draw_scene(place, SCENE_S, np.random.default_rng(n))
        for place in PLACES.values()
        for n in range(SCENES)
    ]
    start = time.process_time()
    for scene in scenes:
        scene.render(SR)
    return (time.process_time() - start) / len(scenes)


if __name__ == "__main__":
    cli.run(main)
