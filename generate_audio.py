"""Hear what third octaves keep of a recording, and what a classifier makes of it.

    python3 generate_audio.py myfile.wav            # audio/myfile.wav, or any path, or a folder
    python3 generate_audio.py a.flac b.wav --device cuda --output elsewhere

Input: sounds of any format, rate, channel count and duration that soundfile reads.
Output: generated_audio/myfile/myfile_original.wav, …_generated_from_groundtruth_mel.wav,
…_generated_from_pinv.wav, …_generated_from_pinv_texture.wav, …_generated_from_transcoder.wav (CNN-logits),
…_generated_from_cnn_mels.wav and …_spectrograms.png; the ten first classes are printed. The trained models are
those of reference_models/, the classifiers those that have been downloaded and the embedded one. Takes 2 s for
each 10 s of sound on a laptop.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from spectral_transcoder.signal.reading import add_reading_options, reading_of
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import SpectralTranscoderError, UsageError
from spectral_transcoder.utils.files import refuse_overwriting
from spectral_transcoder.utils.paths import AUDIO, GENERATED_AUDIO
from spectral_transcoder.utils.words import counted


def main() -> int:
    """Regenerate and classify each sound; those that cannot be used are reported at the end."""
    args = parse_arguments()
    from tqdm import tqdm

    from spectral_transcoder.evaluation.regeneration import (
        describe_classes,
        load_classifiers,
        output_paths,
        refuse_foreign_sounds,
        regenerate,
        transcoders_for,
    )
    from spectral_transcoder.signal.audio import read_audio
    from spectral_transcoder.signal.sound_files import list_audio

    args.device = cli.choose_device(args.device)
    files, failures = list_audio(args.files, AUDIO)
    refuse_equal_names(files)
    transcoders, models = transcoders_for("PANN", device=args.device, of_mels=True)
    outputs = [output_paths(args.output, file.stem, transcoders) for file in files]
    refuse_overwriting(files, *(output for own in outputs for output in own))
    for own in outputs:
        refuse_foreign_sounds(own)
    announce_transcoders(models)
    classifiers = load_classifiers(args.device)

    n_done = 0
    for path in tqdm(files, unit="file", disable=len(files) == 1):
        try:
            recording = read_audio(path, reading_of(args))
            written = regenerate(recording, transcoders, args.output, args.device, args.n_iter)
        except (SpectralTranscoderError, OSError) as error:
            failures.append(cli.one_line(error))
            continue
        cli.print_notes(recording.remarks)
        tqdm.write(f"\n{recording.name} ({recording.duration_s:.1f} s): {written[0].parent}")
        for classifier in classifiers:
            tqdm.write(describe_classes(recording, classifier))
        n_done += 1

    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    if n_done:
        print(f"\n{n_done} of {counted(len(files), 'sound is', 'sounds are')} in {args.output}")
    return 1 if failures else 0


def refuse_equal_names(files: list[Path]) -> None:
    """Raise UsageError where the output of two files would have one name."""
    twice = [stem for stem, count in Counter(path.stem for path in files).items() if count > 1]
    if twice:
        raise UsageError(
            f"several files are called {twice[0]}: their output would mix, give them to two --output"
        )


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(__doc__)
    parser.add_argument(
        "files", nargs="+", help="sounds or folders of sounds; bare names are looked for in audio/"
    )
    parser.add_argument(
        "--output", type=Path, default=GENERATED_AUDIO, help="folder (default generated_audio)"
    )
    parser.add_argument("--n_iter", type=int, default=24, help="rounds of the inversion (default 24)")
    add_reading_options(parser)
    cli.add_device_option(parser)
    args = parser.parse_args()
    if args.n_iter < 0:
        raise UsageError(f"--n_iter {args.n_iter}: expected 0 rounds or more")
    return args


def announce_transcoders(paths: dict[str, Path]) -> None:
    """Say which trained transcoders are used, and how to get those that are missing."""
    from spectral_transcoder.models.registry import FETCH_COMMAND, describe

    for name, path in paths.items():
        print(f"{name}: {describe(path)}")
    if not {"cnn_logits", "cnn_mels"} <= paths.keys():
        missing = " and ".join(sorted({"cnn_logits", "cnn_mels"} - paths.keys()))
        print(f"no trained model here for {missing}; the published ones come with: {FETCH_COMMAND}")


if __name__ == "__main__":
    cli.run(main)
