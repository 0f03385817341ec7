import socket
import threading

import pytest

from tests.helpers.loopback import Server


@pytest.fixture
def server(monkeypatch):
    """A web server on loopback for one test; no proxy of the machine's stands between."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SPECTRAL_TRANSCODER_MIRROR", raising=False)
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.release.set()
        server.shutdown()


@pytest.fixture
def free_port():
    """A port of loopback on which nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
