"""Can speech be understood from third octaves? Intelligibility of what each transcoder makes a sound of again.

    apt-get install espeak-ng; pip install pystoi pocketsphinx
    python3 benchmarks/intelligibility.py --street STREET_SOUNDS --sentences 20

Sentences of the English matrix test (a name, a verb, a number, an adjective, a noun, ten choices each) are spoken by
espeak-ng, alone and mixed with street sound at 10 and 0 dB. The mixture is analysed in third octaves every 125 ms,
every second and every 10 ms, transcoded to PANN's Mels and made a sound again, as generate_audio.py does; true Mels
are inverted likewise. STOI and ESTOI (pystoi) compare with the speech alone: 1 is the same, and below about 0.3
nothing is understood. The word error rate is that of a recogniser (pocketsphinx) that knows the test's 50 words and
their order, far more than who overhears a street knows: guessing gives 90 %. Output: export/intelligibility.csv.
Takes 20 minutes on one core.
"""

import argparse
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pocketsphinx import Decoder
from pystoi import stoi
from tqdm import tqdm

from spectral_transcoder.evaluation.regeneration import transcoders_for
from spectral_transcoder.models.registry import model_entry
from spectral_transcoder.models.transcoders import Transcoder, TranscoderSettings
from spectral_transcoder.signal.audio import Recording, read_audio, resample
from spectral_transcoder.signal.griffin_lim import mel_to_audio
from spectral_transcoder.signal.mel_spectrograms import PANN_MELS
from spectral_transcoder.signal.sound_files import find_audio
from spectral_transcoder.signal.third_octaves import ThirdOctaves
from spectral_transcoder.utils import cli
from spectral_transcoder.utils.errors import UsageError
from spectral_transcoder.utils.files import atomic_path
from spectral_transcoder.utils.paths import AUDIO, EXPORT, REFERENCE_MODELS

SR = PANN_MELS.sr
RECOGNISER_SR = 16000
VOICES = ("en-us", "en-us+m3", "en-us+f2")
SNRS_DB = (np.inf, 10.0, 0.0)
SILENCE_S = 0.3  # before and after a sentence
ANALYSES = {
    "1 s": ThirdOctaves(frame_length=32000, hop_length=32000),
    "125 ms": ThirdOctaves(),
    # frames as long as the Mels' own resolve bands from 100 Hz on
    "10 ms": ThirdOctaves(frame_length=1024, hop_length=320, lowest_band=-10, n_bands=22),
}
# The English matrix sentence test (Kollmeier et al. 2015): any word of a column with any of the others.
WORDS = {
    "name": "alan doris kathy lucy nina peter rachel steven thomas william",
    "verb": "bought gives got has kept ordered prefers sees sold wants",
    "number": "two three four six seven eight nine twelve fifteen nineteen",
    "adjective": "cheap dark green large old pretty red small thin white",
    "noun": "chairs desks flowers houses rings sofas spoons tables toys windows",
}


@dataclass(frozen=True)
class Utterance:
    """A sentence, spoken.

    Attributes
    ----------
    words : list of str
        What is said.
    speech : np.ndarray
        (n_samples,) float32 at SR.
    """

    words: list[str]
    speech: np.ndarray


def main() -> None:
    """Speak, mix, transcode, invert, judge, and write a table."""
    args = parse_arguments()
    streets = [read_audio(path) for path in find_audio(args.street, AUDIO)]
    generator = np.random.default_rng(args.seed)
    utterances = [speak(generator, VOICES[n % len(VOICES)]) for n in range(args.sentences)]
    transcoders = every_transcoder(args.models)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        grammar = write_grammar(Path(folder))
        for utterance in tqdm(utterances, unit="sentence", disable=None):
            for snr_db in SNRS_DB:
                mixture = mix(utterance.speech, streets, snr_db, generator)
                for (interval, source), sound in regenerated(mixture, transcoders).items():
                    judged = judge(sound, utterance, grammar)
                    rows.append(
                        {"street": street_name(snr_db), "every": interval, "sound from": source} | judged
                    )
    table = pd.DataFrame(rows).groupby(["street", "every", "sound from"], sort=False).mean()
    table["wer"] *= 100
    print(table.to_string(float_format="%.2f"))
    with atomic_path(EXPORT / "intelligibility.csv") as temporary:
        table.to_csv(temporary, float_format="%.4f")
    print(
        f"{args.sentences} sentences, {5 * args.sentences} words; written: {EXPORT / 'intelligibility.csv'}"
    )


def street_name(snr_db: float) -> str:
    """Return the condition in words."""
    return "none" if np.isinf(snr_db) else f"{snr_db:g} dB below" if snr_db else "as loud"


def speak(generator: np.random.Generator, voice: str) -> Utterance:
    """Return a sentence of the matrix test, drawn word by word, in a voice of espeak-ng."""
    words = [str(generator.choice(choices.split())) for choices in WORDS.values()]
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["espeak-ng", "-v", voice, "-s", "140", "-w", file.name, " ".join(words)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except FileNotFoundError as error:
            raise UsageError("no espeak-ng here: apt-get install espeak-ng") from error
        speech = read_audio(Path(file.name)).at(SR)
    return Utterance(words, np.pad(speech, round(SILENCE_S * SR)))


def mix(
    speech: np.ndarray, streets: list[Recording], snr_db: float, generator: np.random.Generator
) -> np.ndarray:
    """Return speech (n,) with an excerpt of street sound `snr_db` below it, peak-normalised."""
    street = streets[generator.integers(len(streets))].at(SR)
    start = generator.integers(max(1, len(street) - len(speech)))
    street = np.resize(street[start:], len(speech))
    gain = 0.0
    if np.isfinite(snr_db):
        gain = np.sqrt(np.mean(speech**2) / np.mean(street**2)) * 10 ** (-snr_db / 20)
    mixture = speech + gain * street
    return (mixture / np.abs(mixture).max()).astype(np.float32)


def every_transcoder(folders: list[Path]) -> dict[tuple[str, str], Transcoder]:
    """Return the transcoders to PANN's Mels by (period, name): untrained at each period, trained ones at 125 ms."""
    transcoders = {
        (interval, model_entry(network).title): Transcoder(
            TranscoderSettings(network, "PANN", third_octaves=analysis)
        )
        for interval, analysis in ANALYSES.items()
        for network in ("pinv", "pinv_texture")
    }
    for folder in folders:
        found, paths = transcoders_for("PANN", folder)
        transcoders |= {("125 ms", model_entry(name).title): found[name] for name in paths}
    return transcoders


def regenerated(
    mixture: np.ndarray, transcoders: dict[tuple[str, str], Transcoder]
) -> dict[tuple[str, str], np.ndarray]:
    """Return the recording, and its sounds from true and transcoded Mels, at SR, by (period, name)."""
    sounds = {("", "the recording"): mixture, ("", "true Mels"): to_sound(PANN_MELS.mels(mixture))}
    return sounds | {key: to_sound(one.transcode(mixture)) for key, one in transcoders.items()}


def to_sound(mels: np.ndarray) -> np.ndarray:
    """Return the sound of PANN's Mels."""
    return mel_to_audio(mels, PANN_MELS, device="cpu")


def judge(sound: np.ndarray, utterance: Utterance, grammar: Path) -> dict[str, float]:
    """Return the intelligibility of a sound: stoi, estoi, and wer in 0 … 1."""
    n_samples = min(len(sound), len(utterance.speech))
    pair = utterance.speech[:n_samples], sound[:n_samples]
    recognised = recognise(sound, grammar)
    return {
        "stoi": stoi(*pair, SR),
        "estoi": stoi(*pair, SR, extended=True),
        "wer": edit_distance(recognised, utterance.words) / len(utterance.words),
    }


def write_grammar(folder: Path) -> Path:
    """Write the sentences of the matrix test as a grammar of the recogniser, and return its path."""
    choices = " ".join(f"({' | '.join(words.split())})" for words in WORDS.values())
    path = folder / "matrix.gram"
    path.write_text(f"#JSGF V1.0;\ngrammar matrix;\npublic <sentence> = {choices};\n")
    return path


def recognise(sound: np.ndarray, grammar: Path) -> list[str]:
    """Return the words that the recogniser finds in a sound at SR; none where no sentence fits."""
    samples = resample(sound, SR, RECOGNISER_SR)
    samples = (32000 * samples / max(np.abs(samples).max(), 1e-9)).astype("<i2")
    decoder = Decoder(samprate=RECOGNISER_SR, jsgf=str(grammar), loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    return decoder.hyp().hypstr.split() if decoder.hyp() else []


def edit_distance(found: list[str], said: list[str]) -> int:
    """Return how many words have to be put in, left out or replaced."""
    row = list(range(len(said) + 1))
    for index, word in enumerate(found, start=1):
        previous, row[0] = row[0], index
        for place, other in enumerate(said, start=1):
            cost = min(row[place] + 1, row[place - 1] + 1, previous + (word != other))
            previous, row[place] = row[place], cost
    return row[-1]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--street", nargs="+", required=True, help="sounds of streets without speech, or folders of them")
    add("--sentences", type=cli.positive, default=20, help="how many (default 20)")
    add("--models", type=Path, nargs="+", default=[REFERENCE_MODELS], help="folders of trained transcoders")
    add("--seed", type=cli.seed, default=0, help="of words, streets and excerpts (default 0)")
    return parser.parse_args()


if __name__ == "__main__":
    cli.run(main)
