"""How do transcoders generalise to classifiers that they were not trained on? A table of teachers by classifiers.

    python3 exp_train_model/compare_teachers.py --dataset urbansound8k-eval-fold2 --classifier YamNetMobile,MiniYamNet

Input: a dataset of create_mel_tho_dataset.py, the classifiers' weights, and what they taught in reference_models/.
Output: export/teachers_<dataset>.csv: for each transcoder and each classifier that listens, PTopA/FC, the same
class-weighted, and the mean binary cross-entropy of the scores on the evaluation clips, mean ± standard deviation
over three noises where there is a texture. A minute for each transcoder and 1,000 seconds of sound.
"""

from pathlib import Path

from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import DATASETS, EXPORT

N_NOISES = 3


def main():
    """Let every classifier score the evaluation clips through every transcoder."""
    args = parse_arguments()
    import numpy as np
    import pandas as pd
    import torch

    from spectral_transcoder.datasets.chunks import open_dataset
    from spectral_transcoder.evaluation.teacher_scores import teacher_scores
    from spectral_transcoder.evaluation.transcoding_metrics import Clips
    from spectral_transcoder.models.classifiers import classifier_record, load_classifier

    dataset = open_dataset(args.dataset_path or args.data_path / DATASETS, args.dataset)
    split = dataset.split("eval")
    levels, clips = torch.tensor(np.array(split.third_octaves)), Clips.from_fnames(split.fnames)
    records = [classifier_record(name) for name in args.classifier]
    listeners = {
        record.name: load_classifier(record.name, record.path_in(args.models_path)) for record in records
    }
    references = {name: teacher_scores(dataset, "eval", name, models=args.models_path) for name in listeners}
    if len({record.front_end for record in records}) > 1:
        raise UsageError(f"--classifier {','.join(listeners)}: expected classifiers of one kind of Mels")

    rows = []
    for name, transcoders in candidates(records, dataset.third_octaves).items():
        mels_of = [transcoder.transcode_seconds(levels).numpy() for transcoder in transcoders]
        for listener, classifier in listeners.items():
            found = [measure(references[listener], classifier.scores(mels), clips) for mels in mels_of]
            row = {"transcoder": name, "listener": listener, "noises": len(found)}
            for metric in found[0]:
                values = [figures[metric] for figures in found]
                row[metric] = np.mean(values)
                row[f"{metric}_std"] = np.std(values, ddof=1) if len(values) > 1 else np.nan
            rows.append(row)
            shares = f"{row['ptopafc_percent']:.1f} %, class-weighted {row['ptopafc_weighted_percent']:.1f} %"
            print(f"{name}, scored by {listener}: PTopA/FC {shares}, BCE {row['bce']:.5f}")
    path = EXPORT / f"teachers_{args.dataset}.csv"
    with atomic_path(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.6g")
    print(f"written: {path}")


def candidates(records, third_octaves):
    """Return {name: transcoders that differ in their noise}: untrained ones, and those of each classifier."""
    from spectral_transcoder.models.registry import best_transcoder, describe
    from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings

    front_end = records[0].front_end.name
    settings = {
        "PINV": [TranscoderSettings("pinv", front_end, third_octaves=third_octaves)],
        "PINV with texture": [
            TranscoderSettings("pinv_texture", front_end, None, third_octaves, {"noise_seed": seed})
            for seed in range(N_NOISES)
        ],
    }
    found = {name: [Transcoder(one) for one in several] for name, several in settings.items()}
    for record in records:
        _, path = best_transcoder(record.name)
        if path is None:
            print(f"{record.name} has no transcoder trained on its outputs in reference_models/")
            continue
        found[describe(path)] = noises_of(path)
    return found


def noises_of(path):
    """Return a trained transcoder with several noises, where it has a texture."""
    from spectral_transcoder.models.transcoders import (
        TEXTURES,
        Transcoder,
        TranscoderSettings,
        load_transcoder,
    )

    trained = load_transcoder(path)
    if trained.settings.network not in TEXTURES:
        return [trained]
    several = []
    for seed in range(N_NOISES):
        options = trained.settings.options | {"noise_seed": seed}
        several.append(Transcoder(TranscoderSettings(**vars(trained.settings) | {"options": options})))
        several[-1].network.load_state_dict(trained.network.state_dict())
    return several


def measure(reference, scores, clips):
    """Return PTopA/FC in percent, the same class-weighted, and the mean binary cross-entropy over clips."""
    from spectral_transcoder.evaluation.transcoding_metrics import logit_metrics, top_hits, weighted_share

    top, hits = top_hits(reference, scores, clips)
    return {
        "ptopafc_percent": 100 * hits.mean(),
        "ptopafc_weighted_percent": 100 * weighted_share(top, hits),
        "bce": logit_metrics(reference, scores, clips)["bce"].mean(),
    }


def parse_arguments():
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of the dataset")
    parser.add_argument(
        "--classifier",
        type=lambda text: text.split(","),
        default=["YamNetMobile", "MiniYamNet"],
        help="a comma list (default YamNetMobile,MiniYamNet)",
    )
    cli.add_data_path(parser)
    parser.add_argument("--dataset_path", type=Path, help="folder of the datasets (default <data_path>/data)")
    cli.add_models_path(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)
