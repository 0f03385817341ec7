"""A web server on 127.0.0.1 that misbehaves on demand, and what the tests need around it."""

import gzip
import hashlib
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Fault:
    """How one GET is answered wrongly; the fields add up."""

    status: int = 200
    headers: dict = field(default_factory=dict)
    cut_after: int | None = None  # bytes of the answer's body, then the connection closes
    hold_after: int | None = (
        None  # bytes of the answer's body, then `held` is set, the rest waits for `release`
    )
    ignore_range: bool = False
    shift_range: int = 0  # a 206 that starts elsewhere, and says so
    ignore_if_range: bool = False
    announce: int | None = None  # Content-Length
    body: bytes | None = None


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}  # path: bytes, or (size, function from (start, length) to bytes)
        self.etags = {}
        self.moved = {}  # path: the path that HEAD is sent to
        self.faults = defaultdict(list)  # path: Faults for the next GETs, in turn
        self.gets = []  # (path, Range header, time)
        self.at_once = self.most_at_once = 0
        self.block_delay_s = 0.0
        self.compresses = False  # the answers to whoever accepts it
        self.held, self.release = threading.Event(), threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def ranges(self, path=None):
        return [asked for got, asked, _ in self.gets if path in (None, got)]

    def handle_error(self, *_):
        """Clients that were killed are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        if self._path() in self.server.moved:
            self.send_response(302)
            self.send_header("Location", f"/{self.server.moved[self._path()]}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = self.server.files.get(self._path())
        self.send_response(200 if content is not None else 404)
        if content is not None:
            self.send_header("Content-Length", str(_size(content)))
        self.end_headers()

    def do_GET(self):
        server, path = self.server, self._path()
        with server.lock:
            server.gets.append((path, self.headers.get("Range"), time.monotonic()))
            fault = server.faults[path].pop(0) if server.faults[path] else Fault()
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            self.counted = True
        try:
            self._answer(path, fault)
        finally:
            self._leave()

    def _leave(self):
        with self.server.lock:
            self.server.at_once -= self.counted
            self.counted = False

    def _path(self):
        return unquote(urlsplit(self.path).path).lstrip("/")

    def _answer(self, path, fault):
        content = self.server.files.get(path) if fault.body is None else fault.body
        if content is None or fault.status >= 400:
            self.send_response(fault.status if fault.status >= 400 else 404)
            for name, value in fault.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.server.compresses and "gzip" in self.headers.get("Accept-Encoding", ""):
            content = gzip.compress(content)
        size, start, etag = _size(content), 0, self.server.etags.get(path)
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if_range = self.headers.get("If-Range")
        edition_differs = if_range is not None and if_range != etag and not fault.ignore_if_range
        if asked and not fault.ignore_range and not edition_differs:
            start = int(asked[1]) + fault.shift_range
            self.send_response(206 if start < size else 416)
            self.send_header(
                "Content-Range", f"bytes {start}-{size - 1}/{size}" if start < size else f"bytes */{size}"
            )
        else:
            self.send_response(200)
        length = max(0, size - start)
        self.send_header("Content-Length", str(fault.announce if fault.announce is not None else length))
        if etag:
            self.send_header("ETag", etag)
        for name, value in fault.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self._send(content, start, length, fault)
        if fault.cut_after is not None or fault.announce is not None:
            self.close_connection = True

    def _send(self, content, start, length, fault):
        stop = length if fault.cut_after is None else min(length, fault.cut_after)
        sent = 0
        while sent < stop:
            if fault.hold_after is not None and sent >= fault.hold_after:
                self.server.held.set()
                self.server.release.wait(60)
            block = min(1 << 16, stop - sent)
            time.sleep(self.server.block_delay_s)
            if sent + block == stop:
                self._leave()  # before the client can know that it is over, and ask for the next
            self.wfile.write(_read(content, start + sent, block))
            sent += block


def _size(content):
    return content[0] if isinstance(content, tuple) else len(content)


def _read(content, start, length):
    return content[1](start, length) if isinstance(content, tuple) else content[start : start + length]


def noise(size, seed=0):
    """Bytes that no gap or repetition can imitate."""
    return random.Random(seed).randbytes(size)


def models_manifest(path, url, contents, **extra):
    """Write a manifest of one group `M` with these files; return the path."""
    files = [
        {"name": name, "bytes": len(content), "md5": hashlib.md5(content).hexdigest()}
        for name, content in contents.items()
    ]
    models = {"M": {"folder": "pretrained_models", "url": url + "/{name}", "files": files, **extra}}
    path.write_text(yaml.safe_dump({"models": models}))
    return path


def command(script, *arguments):
    return [sys.executable, str(ROOT / script), *map(str, arguments)]


def run(script, *arguments, **options):
    """Run one of the two scripts to its end, as a user would."""
    return subprocess.run(command(script, *arguments), capture_output=True, text=True, timeout=120, **options)


def start(script, *arguments):
    """Start a script that hears Ctrl-C, as it does on a terminal: tests in the background inherit deafness to it."""
    return subprocess.Popen(
        command(script, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def tree(folder):
    """All files below a folder but the lock: path to content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
