"""Folders as runs leave them, written by hand."""

import json

import numpy as np

TRAIN = "classifier=PANN+dataset=full+dilation=1+epoch=3+kernel_size=5+learning_rate=-3+nb_channels=64+nb_layers=5"
CNN_LOGITS = f"{TRAIN}+prop_logit=100+step=STEP+transcoder=cnn_pinv+ts=1"
RUNS = {  # plan and identifier -> metrics, chosen so that means and deviations can be told by heart
    ("reference", "classifier=PANN+dataset=full+step=STEP+transcoder=oracle+ts=0"): {
        "mel_mse": [0.0, 0.0],
        "ptopafc": [1.0],
    },
    ("reference", "classifier=PANN+dataset=full+step=STEP+transcoder=pinv+ts=0"): {
        "mel_mse": [12.0, 14.0],
        "ptopafc": [0.25],
    },
    ("hybridts", CNN_LOGITS): {"mel_mse": [19.0, 20.0], "ptopafc": [0.875]},
}
LOSSES = {"train": [0.5, 0.25, 0.125], "valid": [0.75, 0.5, 0.625], "eval": [0.875, 0.75, 0.5]}
ACCURACIES = [0.25, 0.75]
MANIFEST = {
    "name": "Dcase-Task1-full",
    "counts": {"train": {"clips": 6, "chunks": 60}},
    "parameters": {"layout": "tau", "seed": 71},
    "versions": {"numpy": "2.0"},
    "fingerprint": "f" * 64,
}


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_run(folder, metric_folder, plan, identifier, metrics, **configuration):
    marker = {
        **{
            "plan": plan,
            "identifier": identifier,
            "configuration": {"dataset": "f" * 64, **configuration},
        },
        **{
            "previous": None,
            "state": "done",
            "run": "1",
            "host": "here",
            "pid": 1,
            "started": "2026-01-01T00:00:00",
        },
        **{"versions": {"torch": "2.11"}, "duration_s": 1.5, "error": None},
    }
    write_json(folder / "state" / f"{identifier}.json", marker)
    (folder / metric_folder).mkdir(exist_ok=True)
    for name, values in metrics.items():
        np.save(folder / metric_folder / f"{identifier}_{name}.npy", values)
