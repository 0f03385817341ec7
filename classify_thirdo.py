"""Find sources in the third-octave levels of sensors: traffic, voices, birds, and hundreds of labels.

    python3 classify_thirdo.py day.csv --offset -88 -o export/day.parquet
    python3 classify_thirdo.py sensors/ --estimate-offset --window_s 10 -o export/week.h5
    python3 classify_thirdo.py street.wav --from-audio -o export/street.csv

Input: levels every 125 ms as CENSE csv, its Elastic export, CENSE HDF5, fast-to-ears h5 or npy, or
fast-to-wav csv; files, folders or patterns. Or sounds.
Output: a row for each window in CSV, HDF5 or Parquet; <output>.json, which says how it was made and what
was wrong with the levels; and a picture, <output>.png. A killed run goes on where it stopped. Where the models are
calibrated (calibrate_presence.py, or --calibrate), rows have the probability of each source too.
Takes 8 minutes for a day of levels with PINV and the mobile YAMNet on one core, 80 with the CNN.
"""

import time
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

import spectral_transcoder
from spectral_transcoder.datasets.annotated_recordings import read_times_of_presence
from spectral_transcoder.models.classifiers import CLASSIFIERS
from spectral_transcoder.sensors import results
from spectral_transcoder.sensors.calibration import estimate_offset, refuse_wrong_offset
from spectral_transcoder.sensors.classify import BATCH_SECONDS, SensorClassifier
from spectral_transcoder.sensors.figure import plot_results
from spectral_transcoder.sensors.frame_checks import Findings
from spectral_transcoder.sensors.models import choose_classifier, choose_transcoder
from spectral_transcoder.sensors.presence_calibration import (
    calibrate_by_people,
    calibration_name,
    find_calibration,
    save_calibration,
)
from spectral_transcoder.sensors.readers.formats import find_files
from spectral_transcoder.sensors.readers.options import ReadOptions
from spectral_transcoder.sensors.reading import read_levels, survey_files
from spectral_transcoder.sensors.sounds import audio_blocks
from spectral_transcoder.sensors.time_of_presence import (
    PERIODS,
    PeriodOptions,
    time_of_presence,
    write_times,
)
from spectral_transcoder.sensors.windows import Windowing, window_batches
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import LevelsError


def main():
    """Classify the windows of all files into parts, then join them and draw the picture."""
    args = parse_arguments()
    args.device = cli.choose_device(args.device)
    results.check_output(args.output)
    files = find_files(args.files, args.from_audio)
    classifier = choose_classifier(args.classifier, args.weights, args.device)
    transcoder, which = choose_transcoder(classifier.record.name, args.transcoder, device=args.device)
    model = SensorClassifier(transcoder, classifier, args.grouping, args.batch_size)
    print(f"classifier: {classifier.record.name}; transcoder: {which}; {args.device}")
    model.calibration = calibration_of(model, args)

    if args.estimate_offset:
        estimate = estimate_offset(read(files, args))
        print(estimate)
        args.offset = estimate.offset_db
    record = make_record(args, files, model, which)
    if results.is_whole(args.output, record):
        print(f"{args.output} is there already, made from the same files and options")
        return
    parts = results.Parts(args.output, record)
    if parts.done:
        print(f"going on after {parts.done} parts in {parts.folder}")
    findings = Findings()
    speed = classify(model, files, parts, findings, args)
    if parts.done == 0:
        raise LevelsError("; ".join(["no window of levels in all of the files", *findings.lines()]))
    parts.join()
    pictures = plot_results(parts, model.classes, args.output.with_suffix(".png"))
    for period in args.per:
        path = args.output.with_name(f"{args.output.stem}_per_{period}.csv")
        write_times(time_of_presence(parts.tables(), PeriodOptions(period)), path)
        pictures.append(path)
    parts.close({"offset_db": args.offset, **findings.to_dict()})
    print("\n".join(findings.lines()))
    if speed:
        print(f"{speed:.0f} s of sensor data per second of compute")
    print(f"written: {args.output}, {results.record_path(args.output)}, {', '.join(map(str, pictures))}")


def make_record(args, files, model, which):
    """Return what the output is made from: files, models and options."""
    weights = [args.weights or model.classifier.record.path]
    if args.transcoder and Path(args.transcoder).is_file():
        weights.append(args.transcoder)
    options = {key: str(value) for key, value in vars(args).items() if key not in ("files", "output")}
    return {
        "spectral_transcoder": spectral_transcoder.__version__,
        "files": results.provenance(files),
        "weights": results.provenance(weights),
        "transcoder": which,
        "groupings": model.groupings,
        "calibration": model.calibration and asdict(model.calibration),
        "options": options,
    }


def calibration_of(model, args):
    """Return what scores mean as probabilities, calibrated now if asked for; None where it is not known."""
    window_s = int(args.window_s)
    if not args.calibrate:
        calibration = find_calibration(model, window_s)
        if calibration is None:
            print(f"no probabilities: {calibration_name(model, window_s)} is made by calibrate_presence.py")
        return calibration
    told = read_times_of_presence(args.calibrate)
    calibration = calibrate_by_people(model, told, args.calibrate.parent, window_s)
    print(f"calibrated on {len(told.recordings)} recordings: {save_calibration(calibration, model)}")
    return calibration


def read(files, args, findings=None):
    """Give the levels of all files, block by block."""
    if args.from_audio:
        return (block for path in files for block in audio_blocks(path, not args.as_is))
    return read_levels(files, findings, ReadOptions(args.sensor))


def classify(model, files, parts, findings, args):
    """Score the windows that no part holds yet; return seconds of levels per second of compute."""
    windowing = Windowing(args.window_s, args.hop_s or args.window_s, args.offset)
    total_s = None
    if not args.from_audio:
        total_s = sum(file.duration_s for file in survey_files(files, ReadOptions()))
    start, n_seconds = time.monotonic(), 0
    with tqdm(total=total_s, unit=" s of levels", unit_scale=True) as bar:
        for index, batch in enumerate(window_batches(read(files, args, findings), windowing, findings)):
            if not args.from_audio:
                refuse_wrong_offset(findings, args.offset)
            if index >= parts.done:
                parts.add(index, results.to_table(model.score(batch), args.offset, args.scores == "all"))
                n_seconds += len(batch.seconds_db)
            bar.update(len(batch.seconds_db))
    return n_seconds / (time.monotonic() - start)


def parse_arguments():
    """Read the command line."""
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("files", nargs="+", help="files of levels, folders of them, or patterns")
    add("-o", "--output", type=Path, required=True, help="a .csv, .h5 or .parquet file")
    offset = parser.add_mutually_exclusive_group()
    offset.add_argument(
        "--offset", type=float, default=0.0, help="dB added to the levels to reach dBFS (default 0)"
    )
    offset.add_argument("--estimate_offset", action="store_true", help="find it in the levels themselves")
    add("--classifier", choices=CLASSIFIERS, help="default: the best that has been downloaded")
    add("--weights", type=Path, help="the classifier's file (default: in pretrained_models/)")
    add("--transcoder", help="pinv, pinv_texture, cnn_mels, cnn_logits or a path (default: the best)")
    add("--window_s", type=float, default=1, help="duration of a window (default 1; 10 advised for PANN)")
    add("--hop_s", type=float, help="from one window to the next (default: window_s)")
    add("--grouping", nargs="+", default=[], help="sonyc_ust, urbansound8k, a YAML file {class: [labels]}")
    add("--scores", choices=("all", "classes"), default="all", help="classes: without the hundreds of labels")
    add(
        "--calibrate",
        type=Path,
        metavar="ANNOTATIONS.csv",
        help="recording,traffic,voices,birds: times of presence by people, the recordings beside it",
    )
    add("--per", nargs="+", choices=PERIODS, default=[], help="write times of presence per period (UTC) too")
    add("--sensor", default="", help="the sensor's name, where the files do not say")
    add("--from_audio", action="store_true", help="the files are sounds: compute their levels first")
    add("--as_is", action="store_true", help="sounds are not peak-normalised first")
    add(
        "--batch_size",
        type=cli.positive,
        default=BATCH_SECONDS,
        help=f"seconds computed together (default {BATCH_SECONDS})",
    )
    cli.add_device_option(parser)
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)
