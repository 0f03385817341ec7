"""Find sources in the third-octave levels of sensors: traffic, voices, birds, and hundreds of labels.

    python3 classify_thirdo.py day.csv --offset -88 -o export/day.parquet
    python3 classify_thirdo.py sensors/ --estimate-offset --window_s 10 -o export/week.h5
    python3 classify_thirdo.py street.wav --from-audio -o export/street.csv
    python3 classify_thirdo.py sensors/ --offset -88 --slurm -o city   # then --status, --resubmit, --join
    tail -n +1 -f today.csv | python3 classify_thirdo.py - --follow --offset -88

Input: files, folders or patterns of levels every 10 ms to every second: CENSE, its Elastic export, Cirrus, NTi XL2,
Larson Davis, fast-to-ears, fast-to-wav, or any table (docs/sensors.md). Or sounds.
Output: a row for each window in CSV, HDF5 or Parquet; <output>.json, which says how it was made and what was wrong
with the levels; and a picture. A killed run goes on where it stopped. Where the models are calibrated
(calibrate_presence.py, or --calibrate), rows have the probability of each source too. A day takes 8 minutes of a core.
"""

from argparse import Namespace

from spectral_transcoder.sensors.command_line import make_parser, read_options
from spectral_transcoder.sensors.standard_input import STDIN, StandardInput
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.memory import give_back_freed_memory
from spectral_transcoder.utils.names import readable
from spectral_transcoder.utils.words import counted

N_SHOWN = 5  # files of other suffixes in a folder


def main() -> int:
    """Classify files, a source that grows, or a city on a cluster; return 1 where a file could not be used."""
    parser = make_parser(__doc__)
    args = parser.parse_args()
    if args.slurm or args.status or args.resubmit or args.join:
        from spectral_transcoder.slurm.city_cli import run_city

        return run_city(parser, args, read_options(args))
    if not args.files:
        raise UsageError("which files? Expected files of levels, folders of them, or patterns")
    # a recorder waits for nobody: what it sends is taken before anything heavy is imported
    standard_input = StandardInput(args.from_audio) if args.follow and args.files == [STDIN] else None
    args.device = cli.choose_device(args.device)
    if args.follow:
        from spectral_transcoder.sensors.command import follow

        return follow(args, standard_input)
    if args.output is None:
        raise UsageError("expected --output, a .csv, .h5 or .parquet file (or --follow)")
    status = classify(args)
    give_back_freed_memory()  # of the models: that libraries are taken down takes 100 MB
    return status


def classify(args: Namespace) -> int:
    """Survey the files, load the models, find the offset, and score what no run before has scored."""
    from spectral_transcoder.sensors.command import find_offset, load_models, make_record, open_inputs
    from spectral_transcoder.sensors.readers.formats import find_files, not_looked_at
    from spectral_transcoder.sensors.records import check_output, refuse_followed
    from spectral_transcoder.sensors.results import is_whole
    from spectral_transcoder.sensors.run import Written, run_to_file
    from spectral_transcoder.sensors.windows import Windowing

    files = find_files(args.files, args.from_audio)
    check_output(args.output, files, args.per)
    refuse_followed(args.output)
    inputs = open_inputs(args, files)
    model, which = load_models(args, inputs.frame_s, inputs.duration_s)
    args.offset = find_offset(args, inputs)
    windowing = Windowing(args.window_s, args.hop_s, args.offset, model.frames_per_second)
    record = make_record(args, files, model, which)
    if is_whole(args.output, record):
        print(readable(f"{args.output} is there already, made from the same files and options"))
    else:
        written = Written(args.output, args.scores == "all", args.per)
        print("\n".join(run_to_file(model, inputs, windowing, written, record)))
    if others := not_looked_at(args.files, args.from_audio):
        shown = ", ".join(map(str, others[:N_SHOWN])) + (", …" if len(others) > N_SHOWN else "")
        cli.print_error(f"not looked at, by their suffixes: {counted(len(others), 'file')}, {shown}")
    for reason in inputs.failed.values():
        cli.print_error(f"left out: {reason}")
    return 1 if inputs.failed else 0


if __name__ == "__main__":
    cli.run(main)
