"""What a classifier hears in each kind of synthetic event, and how long a scene takes to make.

    python3 benchmarks/city.py [--weights yamnet_mobile_relu6.pth] [--events 20]

Input: the mobile YAMNet (python3 download_pretrained_models.py --models YamNetMobile).
Output: a table on the terminal. Takes a minute.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from spectral_transcoder import cli
from spectral_transcoder.city.kinds import KINDS
from spectral_transcoder.city.recognition import recognise
from spectral_transcoder.city.scenes import PLACES, draw_scene
from spectral_transcoder.classifiers import load_classifier
from spectral_transcoder.parallel import one_torch_thread

SCENES, SCENE_S, SR = 3, 10.0, 44100


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, help="of the mobile YAMNet (default: in pretrained_models)")
    parser.add_argument("--events", type=int, default=20, help="of each kind (default 20)")
    args = parser.parse_args()
    classifier = load_classifier("YamNetMobile", args.weights)
    print("| event | recognised | score | heard as |\n|---|---|---|---|")
    with one_torch_thread():
        for name in KINDS:
            found = recognise(name, classifier, args.events)
            heard_as = "; ".join(found.heard_as)
            print(
                f"| {name} | {found.recognised} of {found.n_events} | {found.score:.2f} | {heard_as} |",
                flush=True,
            )
    print(f"a scene of {SCENE_S:g} s at {SR} Hz: {scene_cpu_s():.2f} s of a core")


def scene_cpu_s():
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
