"""Standard input is read from the start on."""

import time

from spectral_transcoder.sensors import standard_input
from spectral_transcoder.sensors.standard_input import StandardInput


def test_standard_input_tells_of_a_pause(piped, monkeypatch):
    monkeypatch.setattr(standard_input, "PAUSE_S", 0.2)
    chunks = StandardInput(pauses=True).chunks(lambda: False)
    found = []
    for pause_s in (0.3, 0, 0.4):
        time.sleep(pause_s)
        piped.write(b"ab")
        found.append(next(chunks))
    found.append(next(chunks))
    piped.close()
    assert [*found, *chunks] == [b"ab", b"ab", b"", b"ab"]  # none before the first
