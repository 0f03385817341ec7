"""Class outputs of clips, stored as experiment 2 reads them, whose scores can be counted by hand."""

import numpy as np

from spectral_transcoder.datasets.labelled import LabelledCorpus, corpus_record
from spectral_transcoder.evaluation.predictions import LogitFolder
from spectral_transcoder.models.labels import label_names
from spectral_transcoder.utils.files import sha256

URBAN = "dataset=URBAN-SOUND-8K+classifier=YamNet"
# a label that stands for each of UrbanSound8K's classes
LABELS = (
    "Air conditioning",
    "Toot",
    "Children playing",
    "Bark",
    "Drill",
    "Idling",
    "Gunshot, gunfire",
    "Jackhammer",
    "Police car (siren)",
    "Guitar",
)
PARTS = ["1"] * 40 + ["2"] * 30 + ["10"] * 20 + ["short"] * 10
WRONG = [0, 1, 40, 41, 42, 70, 95]  # 2 of fold 1, 3 of fold 2, 1 of fold 10, and a short clip


def store_outputs(root, dataset, classifier, transcoder, corpus, outputs, unreadable=()):
    """Store outputs as exp_classif_eval/create_logit_dataset.py does."""
    folder = LogitFolder(dataset, root)
    for file, scores in zip(corpus.files, outputs, strict=True):
        folder.folder.mkdir(parents=True, exist_ok=True)
        np.save(folder.path(file, classifier, transcoder), scores)
    corpus.save(folder.clips_path)
    origin = {"classifier": classifier, "transcoder": transcoder}
    manifest = {
        "origin": origin,
        "complete": True,
        "unreadable": dict.fromkeys(unreadable, "why"),
        "clips": sha256(folder.clips_path),
        "sounds": "1",
    }
    folder.write_manifest(classifier, transcoder, manifest)
    return folder


def urban_corpus(times=1):
    parts = PARTS * times
    truth = np.random.default_rng(0).integers(0, 10, len(parts))
    files = np.array([f"{index}-{target}-0-0.wav" for index, target in enumerate(truth)])
    return LabelledCorpus(corpus_record("URBAN-SOUND-8K"), files, np.array(parts), np.eye(10)[truth])


def speaking(corpus, wrong, seed=0):
    """Return outputs of YAMNet's 521 labels that tell each clip's class, but for the clips of index `wrong`."""
    predicted = corpus.labels.argmax(1)
    predicted[wrong] = (predicted[wrong] + 1) % 10
    outputs = np.random.default_rng(seed).uniform(0, 0.1, (len(predicted), 521)).astype(np.float32)
    outputs[np.arange(len(predicted)), [label_names(521).index(LABELS[target]) for target in predicted]] = 0.9
    return outputs


def store_sonyc(root, scale=1.0):
    """Store outputs of PANN that tell the classes of all clips: forty of train, three of validate, four of test.

    Nobody has voted on the last clip of test; labels of its first two are opposite, and one has a vote less.
    """
    parts = np.array(["train"] * 40 + ["validate"] * 3 + ["test"] * 4)
    rng = np.random.default_rng(0)
    labels = (rng.random((len(parts), 8)) < 0.4).astype(float)
    labels[-4] = [1, 0, 1, 0, 1, 0, 1, 0]
    labels[-3] = 1 - labels[-4]
    labels[-1] = np.nan
    labels[5, 2] = labels[-2, 0] = np.nan
    corpus = LabelledCorpus(
        corpus_record("SONYC-UST"), np.array([f"{i}.wav" for i in range(47)]), parts, labels
    )
    # PANN's labels that each stand for one class alone, and scores that tell it
    names = label_names(527)
    alone = ["Engine", "Drill", "Slam", "Sawing", "Siren", "Harp", "Speech", "Dog"]
    outputs = rng.uniform(0, 0.1, (47, 527)).astype(np.float32)
    outputs[:, [names.index(name) for name in alone]] = np.where(np.nan_to_num(labels) > 0, 0.8, 0.2)
    store_outputs(root / "data", "SONYC-UST", "PANN", "self", corpus, scale * outputs, unreadable=["3.wav"])
    return labels


def metrics_of(root, name):
    folder = root / "classification_experiments" / "classif_exp" / "metrics"
    return {path.name.removesuffix(f"_{name}.npy"): np.load(path) for path in folder.glob(f"*_{name}.npy")}
