"""How long a sound file is, and how long its header says it is: they differ where it was cut, or written as a stream.

libsndfile reads what is there and does not say what is missing. So the header is read here, by the container's own
specification: RIFF (with RIFX, RF64 and BW64), Wave64, AIFF and AIFF-C, CAF, AU, IFF (8SVX, 16SV), NIST SPHERE, AVR,
MATLAB 5, MPC 2000, SDS, XI, Ogg and the frames of MP3. FLAC and MP3 with a Xing header show that they were cut when
they are decoded too; of VOC, WVE and MATLAB 4 libsndfile's log says it. The headers of PAF, PVF, IRCAM and SD2, and of
the XI files that libsndfile writes, say nothing of the length: of PAF, PVF and IRCAM, a cut within a frame is seen;
one between two frames, or one of an MP3 without a Xing header between two of its own, leaves nothing to see it by.
"""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from spectral_transcoder.signal.sound_lengths import chunks, fixed_headers, streams
from spectral_transcoder.signal.sound_lengths.length import SoundLength

SURVEYS: tuple[tuple[bytes, Callable[[BinaryIO, int], SoundLength]], ...] = (
    (rb"(RIFF|RIFX|RF64|BW64)....WAVE", chunks.survey_riff),
    (rb"riff\x2e\x91\xcf\x11", chunks.survey_wave64),
    (rb"FORM....(AIFF|AIFC|8SVX|16SV)", chunks.survey_iff),
    (rb"caff", chunks.survey_caf),
    (rb"\.snd|dns\.", fixed_headers.survey_au),
    (rb"NIST_1A\n", fixed_headers.survey_nist),
    (rb"2BIT", fixed_headers.survey_avr),
    (rb"MATLAB 5.0", fixed_headers.survey_mat5),
    (rb"\x01\x04", fixed_headers.survey_mpc2000),
    (rb"\xf0\x7e.\x01", fixed_headers.survey_sds),
    (rb"OggS", streams.survey_ogg),
    (rb"Extended Ins", fixed_headers.survey_xi),
    (rb" paf|fap ", fixed_headers.survey_paf),
    (rb"PVF1\n", fixed_headers.survey_pvf),
    (rb"\x64\xa3[\x00-\x04]\x00|\x00[\x00-\x04]\xa3\x64", fixed_headers.survey_ircam),
    (rb"ID3|\xff[\xe2-\xff]", streams.survey_mpeg),
)


def sound_length(path: Path) -> SoundLength:
    """Return what the header of a sound file says of its length, beside what is there."""
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(12)
        for pattern, survey in SURVEYS:
            if re.match(pattern, magic, re.DOTALL):
                try:
                    return survey(file, size)
                except (struct.error, ValueError, IndexError):
                    return SoundLength("the file ends within its header")
    return SoundLength()
