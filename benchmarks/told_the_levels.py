"""Can one head serve streets and isolated events, if it is told the levels?

    python3 benchmarks/told_the_levels.py --street street --events urbansound8k-eval-fold2 --recordings lorient1k \\
        --others esc10 streets

Input: two datasets of create_mel_tho_dataset.py (docs/street.md), the classifiers' weights, street recordings with
time_of_presence.csv, and folders of further sounds.
Output: a table, also export/told_the_levels.csv, mean ± standard deviation over three seeds. Heads on both datasets are
told nothing, or what the levels of a window are like; a gate knows only this, and weighs the scores of a head for
streets and of one for events. Each has Pearson's r with people in the street, PTopA/FC, plain and class-weighted, and
the mean binary cross-entropy on the evaluation clips of the events. `events_*` is the share that a gate gives to the
head for events, of each kind of sound: it should be high for any events, not for those of one corpus.
Takes ten minutes of one core.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import spectral_transcoder  # noqa: F401 - first, so that threads that wait sleep

# isort: split
import numpy as np
import pandas as pd
import torch
from torch import nn

from spectral_transcoder.datasets.annotated_recordings import AnnotatedRecordings, read_times_of_presence
from spectral_transcoder.datasets.chunks import open_dataset
from spectral_transcoder.datasets.names import SPLITS
from spectral_transcoder.evaluation.agreement import mean_pearson
from spectral_transcoder.evaluation.tagging import find_pipeline
from spectral_transcoder.evaluation.teacher_comparison import measure, over_runs
from spectral_transcoder.evaluation.transcoding_metrics import Clips
from spectral_transcoder.evaluation.window_scores import recording_class_scores
from spectral_transcoder.experiments.transcoding.level_models import (
    WARMUP_STEPS,
    WEIGHT_DECAY,
    LevelModelTask,
    adaptation_chunks,
)
from spectral_transcoder.experiments.transcoding.plans import ADAPTED
from spectral_transcoder.models.adaptation import DROPOUT, HIDDEN, STD_MARGIN, AdaptationHead, AdaptedModel
from spectral_transcoder.models.classifiers import CLASSIFIERS, classifier_record
from spectral_transcoder.models.names import CLASSIFIER_NAMES
from spectral_transcoder.signal.audio import read_audio
from spectral_transcoder.signal.sound_files import find_sounds
from spectral_transcoder.signal.third_octaves import THIRD_OCTAVES
from spectral_transcoder.training.adaptation import HeadOnRows, label_loss
from spectral_transcoder.training.loop import fit
from spectral_transcoder.training.losses import Chunks
from spectral_transcoder.training.recipe import Recipe
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import DATASETS, EXPORT

STREET_EPOCHS, EVENT_EPOCHS, BOTH_EPOCHS, GATE_EPOCHS = 10, 20, 10, 10
GATE_HIDDEN = 64
GATED_EVENTS = 0.98  # of the events' validation windows, a gate gives more than half to the head for events
QUIETEST_DB = -100.0
# whose windows are of a second
PATCHES = tuple(name for name in CLASSIFIER_NAMES if CLASSIFIERS[name].front_end.patches)
BANDS_HZ = {"levels": (0.0, np.inf), "levels 125 Hz … 6.3 kHz": (120.0, 6500.0)}


@dataclass(frozen=True)
class Sounds:
    """Windows of one kind of sound.

    Attributes
    ----------
    levels_db : torch.Tensor
        [n, frames, n_bands] third-octave levels in dB.
    rows : torch.Tensor
        [n_noises, n, embedding_size + n_labels] embeddings and logits through PINV with texture.
    scores : torch.Tensor
        [n, n_labels] the teacher's.
    """

    levels_db: torch.Tensor
    rows: torch.Tensor
    scores: torch.Tensor

    def told(self, bands_hz: tuple[float, float] | None) -> Chunks:
        """Return what a head is trained on, one row for each noise and window: told the levels of bands, or nothing."""
        rows = [insert(own, self.levels_db, bands_hz, self.scores.shape[1]) for own in self.rows]
        return Chunks(torch.cat(rows), scores=self.scores.repeat(len(rows), 1))


def level_summary(levels_db: torch.Tensor, bands_hz: tuple[float, float]) -> torch.Tensor:
    """Return what levels are like, however loud: [n, frames, n_bands] -> [n, 2 · bands within the limits].

    Each band's share of the energy in dB, and its standard deviation over time in dB.
    """
    centres = torch.as_tensor(np.asarray(THIRD_OCTAVES.centres_hz))
    inside = (centres >= bands_hz[0]) & (centres <= bands_hz[1])
    levels_db = levels_db.clamp(min=QUIETEST_DB)[:, :, inside]
    energy = (10 ** (levels_db / 10)).mean(1)
    shares_db = 10 * torch.log10(energy / energy.sum(1, keepdim=True))
    return torch.cat([shares_db, levels_db.std(1)], dim=1)


def insert(
    rows: torch.Tensor, levels_db: torch.Tensor, bands_hz: tuple[float, float] | None, n_labels: int
) -> torch.Tensor:
    """Return rows [n, embedding_size + n_labels] with a summary of the levels after the embedding, or as they are."""
    if bands_hz is None:
        return rows
    return torch.cat([rows[:, :-n_labels], level_summary(levels_db, bands_hz), rows[:, -n_labels:]], dim=1)


def train(network: nn.Module, splits: dict[str, Chunks], epochs: int, seed: int) -> nn.Module:
    """Train a network by the recipe of the plan `adapt`, and return it."""
    recipe = Recipe(
        epochs,
        learning_rate=1e-3,
        seed=seed,
        warmup_steps=WARMUP_STEPS,
        schedule="cosine",
        weight_decay=WEIGHT_DECAY,
    )
    with tempfile.TemporaryDirectory() as folder:
        fit(network, label_loss, splits, recipe, Path(folder) / "state")
    return network.eval()


def trained_head(
    kinds: list[dict[str, Sounds]], bands_hz: tuple[float, float] | None, epochs: int, seed: int
) -> nn.Module:
    """Return a head trained on one kind of sound or several, told the levels or not."""
    torch.manual_seed(seed)
    parts = {split: [kind[split].told(bands_hz) for kind in kinds] for split in SPLITS}
    splits = {
        split: Chunks(
            torch.cat([one.levels for one in own]), scores=torch.cat([one.teacher_scores for one in own])
        )
        for split, own in parts.items()
    }
    n_labels = splits["train"].teacher_scores.shape[1]
    head = AdaptationHead(splits["train"].levels.shape[1] - n_labels, n_labels, HIDDEN)
    head.standardise(splits["train"].levels[:, :-n_labels])
    return train(HeadOnRows(head), splits, epochs, seed)


class Gate(nn.Module):
    """How much a window is like an event: summaries of levels [n, F] to logits [n, 1]."""

    def __init__(self, summaries: torch.Tensor) -> None:
        super().__init__()
        self.mean, self.std = summaries.mean(0), summaries.std(0) + STD_MARGIN
        self.layers = nn.Sequential(
            nn.Linear(summaries.shape[1], GATE_HIDDEN),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Linear(GATE_HIDDEN, 1),
        )

    def forward(self, summaries: torch.Tensor) -> torch.Tensor:
        """Return logits [n, 1] of summaries [n, F]."""
        return self.layers((summaries - self.mean) / self.std)


@dataclass(frozen=True)
class Gated:
    """Two heads between whose scores a gate decides.

    Attributes
    ----------
    street, events : nn.Module
        Heads, told nothing.
    gate : Gate
        Logits of "this is an event".
    threshold : float
        The logit at which both count the same.
    bands_hz : tuple of float
        Which bands the gate is told.
    """

    street: nn.Module
    events: nn.Module
    gate: Gate
    threshold: float
    bands_hz: tuple[float, float]

    def weight(self, levels_db: torch.Tensor) -> torch.Tensor:
        """Return how much the head for events counts, [n, 1], for levels [n, frames, n_bands]."""
        return (self.gate(level_summary(levels_db, self.bands_hz)) - self.threshold).sigmoid()

    def scores(self, rows: torch.Tensor, levels_db: torch.Tensor) -> torch.Tensor:
        """Return scores [n, n_labels] of rows of embeddings and logits, and of levels."""
        weight = self.weight(levels_db)
        return (1 - weight) * self.street(rows).sigmoid() + weight * self.events(rows).sigmoid()


@dataclass(frozen=True)
class Told:
    """A head that is told the levels of some bands, or nothing."""

    head: nn.Module
    bands_hz: tuple[float, float] | None
    n_labels: int

    def scores(self, rows: torch.Tensor, levels_db: torch.Tensor) -> torch.Tensor:
        """Return scores [n, n_labels] of rows of embeddings and logits, and of levels."""
        return self.head(insert(rows, levels_db, self.bands_hz, self.n_labels)).sigmoid()


def trained_gate(
    street: dict[str, Sounds], events: dict[str, Sounds], bands_hz: tuple[float, float], seed: int
) -> tuple[Gate, float]:
    """Return a gate trained to tell the one kind from the other, and its threshold by the validation split."""
    torch.manual_seed(seed)
    splits = {}
    for split in SPLITS:
        kinds = [level_summary(kind[split].levels_db, bands_hz) for kind in (street, events)]
        domain = torch.cat([torch.full((len(own), 1), float(index)) for index, own in enumerate(kinds)])
        splits[split] = Chunks(torch.cat(kinds), scores=domain)
    gate = Gate(splits["train"].levels)
    train(gate, splits, GATE_EPOCHS, seed)
    with torch.no_grad():
        of_events = gate(level_summary(events["valid"].levels_db, bands_hz))
    return gate, torch.quantile(of_events, 1 - GATED_EVENTS).item()


@dataclass(frozen=True)
class Measurement:
    """What is measured of each model: in the street, on events, and a gate's weights of further sounds.

    Attributes
    ----------
    events : Sounds
        The evaluation windows of the events.
    clips : Clips
        The clips that they are of.
    street : list of Sounds
        Recordings in the street.
    people : AnnotatedRecordings
        What people heard in them.
    others : dict of str to list of torch.Tensor
        Levels [n_seconds, frames, n_bands] of further sounds, by the name of their folder.
    """

    events: Sounds
    clips: Clips
    street: list[Sounds]
    people: AnnotatedRecordings
    others: dict[str, list[torch.Tensor]]

    @torch.no_grad()
    def __call__(self, model: Told | Gated, labels: tuple[str, ...]) -> dict[str, float]:
        """Return r, the figures on events, and of a gate its mean weights."""
        scores = [model.scores(rows, self.events.levels_db).numpy() for rows in self.events.rows]
        found = measure(self.events.scores.numpy(), np.mean(scores, axis=0), self.clips)
        in_street = [
            recording_class_scores(model.scores(own.rows[0], own.levels_db).numpy(), labels, "tvb")
            for own in self.street
        ]
        found = {"r": float(mean_pearson(np.transpose(in_street), self.people.times_of_presence.T)), **found}
        if isinstance(model, Gated):
            sounds = {
                "recordings": [own.levels_db for own in self.street],
                "clips": [self.events.levels_db],
            } | self.others
            for name, levels in sounds.items():
                found[f"events_{name}"] = float(np.mean([model.weight(own).mean() for own in levels]))
        return found


def models_of(street: dict[str, Sounds], events: dict[str, Sounds], seed: int) -> dict[str, Told | Gated]:
    """Return all models of one seed by their names in the table."""
    n_labels = street["train"].scores.shape[1]
    told = {"told nothing": None} | {f"told {name}": bands_hz for name, bands_hz in BANDS_HZ.items()}
    models: dict[str, Told | Gated] = {
        f"head of both, {name}": Told(
            trained_head([street, events], bands_hz, BOTH_EPOCHS, seed), bands_hz, n_labels
        )
        for name, bands_hz in told.items()
    }
    of_streets = trained_head([street], None, STREET_EPOCHS, seed)
    of_events = trained_head([events], None, EVENT_EPOCHS, seed)
    models["head of streets"] = Told(of_streets, None, n_labels)
    models["head of events"] = Told(of_events, None, n_labels)
    for name, bands_hz in BANDS_HZ.items():
        gate, threshold = trained_gate(street, events, bands_hz, seed)
        models[f"two heads, a gate told {name}"] = Gated(of_streets, of_events, gate, threshold, bands_hz)
    return models


def task_of(args: argparse.Namespace, dataset: str, teacher: str) -> LevelModelTask:
    """Return the setting of the plan `adapt` whose windows, embeddings and scores are taken."""
    return LevelModelTask(
        plan=ADAPTED,
        record=classifier_record(args.classifier),
        dataset=open_dataset(args.dataset_path or args.data_path / DATASETS, dataset),
        models=args.models_path,
        teacher=classifier_record(teacher),
        sizes={"nb_hidden": HIDDEN, "through": "pinv_texture", "noises": args.noises},
        recipe=Recipe(epochs=1, learning_rate=1e-3),
    )


def sounds_of(task: LevelModelTask, split: str) -> Sounds:
    """Return the windows of a split."""
    model, windows = task.build(), task.windows(split)
    assert isinstance(model, AdaptedModel)
    chunks = adaptation_chunks(task, split, model, task.load_classifier())
    rows, scores = chunks.levels.unflatten(0, (-1, len(windows))), chunks.teacher_scores[: len(windows)]
    return Sounds(windows.frames(), rows, scores)


@torch.no_grad()
def recording_sounds(args: argparse.Namespace, path: Path) -> Sounds:
    """Return the seconds of a recording in the street, which has no teacher."""
    pipeline = find_pipeline(args.classifier, "pinv_texture", args.models_path)
    transcoder, classifier = pipeline.load_transcoder(), pipeline.load_classifier()
    assert transcoder is not None
    levels_db = levels_of(path)
    embedding = classifier.embedding(transcoder.transcode_seconds(levels_db))
    rows = torch.cat([embedding, classifier.head(embedding)], dim=1)
    return Sounds(levels_db, rows[None], torch.empty(0))


def levels_of(path: Path) -> torch.Tensor:
    """Return the third-octave levels of the whole seconds of a sound file: [n_seconds, frames, n_bands] in dB."""
    signal = read_audio(path).at(THIRD_OCTAVES.sr)
    whole = len(signal) // THIRD_OCTAVES.sr * THIRD_OCTAVES.sr
    return torch.from_numpy(THIRD_OCTAVES.levels(signal[:whole], "per_second")).float()


def main() -> None:
    """Train and measure all of them, and print and write the table."""
    args = parse_arguments()
    tasks = {
        "street": task_of(args, args.street, args.street_teacher),
        "events": task_of(args, args.events, args.classifier),
    }
    street, events = ({split: sounds_of(task, split) for split in SPLITS} for task in tasks.values())
    people = read_times_of_presence(args.recordings / "time_of_presence.csv")
    recordings = [recording_sounds(args, args.recordings / name) for name in people.recordings]
    others = {
        folder.name: [levels_of(folder / name) for name in find_sounds(folder).files]
        for folder in args.others
    }
    clips = Clips.from_fnames(tasks["events"].windows("eval").fnames)
    measurement = Measurement(events["eval"], clips, recordings, people, others)
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(args.seeds):
        for name, model in models_of(street, events, seed).items():
            found.setdefault(name, []).append(measurement(model, tasks["street"].record.labels))
            print(name, seed, found[name][-1], flush=True)
    table = pd.DataFrame([{"model": name, **over_runs(rows)} for name, rows in found.items()])
    print(table.to_string(index=False, float_format="%.4f"))
    path = EXPORT / "told_the_levels.csv"
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    print(f"written: {path}")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument("--street", required=True, help="name of the dataset of streets")
    parser.add_argument("--events", required=True, help="name of the dataset of isolated events")
    parser.add_argument("--recordings", type=Path, required=True, help="folder with time_of_presence.csv")
    parser.add_argument("--others", type=Path, nargs="*", default=[], help="folders of further sounds")
    parser.add_argument("--classifier", choices=PATCHES, metavar="NAME", default="YamNetMobile")
    parser.add_argument(
        "--street_teacher", choices=CLASSIFIER_NAMES, metavar="NAME", default="EfficientAT-mn04"
    )
    parser.add_argument("--noises", type=cli.positive, default=2, help="of PINV with texture (default 2)")
    parser.add_argument("--seeds", type=cli.positive, default=3, help="how many (default 3)")
    cli.add_data_path(parser)
    parser.add_argument("--dataset_path", type=Path, help="folder of the datasets (default <data_path>/data)")
    cli.add_models_path(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)
