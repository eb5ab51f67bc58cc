"""Recording from upstreams that misbehave, and where others write too: what is kept stays whole, and can be played."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from mockserver.cassettes.files import Library
from mockserver.cassettes.interaction import BadCassette
from mockserver.cassettes.recorder import Recorder
from mockserver.cassettes.writing import CannotWrite, CassetteWriter, RecordMode
from mockserver.http.serve import BackgroundServer
from tests.cassettes.test_writing import interaction

GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
BOMB = gzip.compress(bytes(80 << 20))
BAD = {
    "garbage": b"\x00\xff garbage\r\n\r\n",
    "nothing": b"",
    "shorter than it says": GOOD.replace(b": 2", b": 200"),
    "two lengths": GOOD.replace(b"Content-Type", b"Content-Length: 7\r\nContent-Type"),
    "no length": GOOD.replace(b": 2", b": -2"),
    "no chunk": STREAM + b"zzz\r\ndata\r\n",
    "a stream without its end": STREAM + b"c\r\ndata: hello\n\r\n",
    "a status nobody knows": GOOD.replace(b"200 OK", b"999 Odd"),
    "a control character in a header": GOOD.replace(b"Content-Type", b"X-Odd: a\x01b\r\nContent-Type"),
    "a header without end": GOOD.replace(b"Content-Type", b"X-Long: " + b"x" * 3_000_000 + b"\r\nContent-Type"),
    "compression cut short": PACKED % (12, BOMB[:12]),
    "compression of an unknown kind": GOOD.replace(b"Content-Type", b"Content-Encoding: odd\r\nContent-Type"),
    "a body that grows when it is unpacked": PACKED % (len(BOMB), BOMB),
}


@dataclass
class Upstream:
    """Answers every connection with the bytes it was given, and hangs up."""

    answer: bytes = GOOD
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65536)
                    connection.sendall(self.answer)
                except OSError:  # the recorder had enough
                    pass


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    thread = threading.Thread(target=upstream.run)
    thread.start()
    yield upstream
    upstream.listener.shutdown(socket.SHUT_RDWR)
    upstream.listener.close()
    thread.join(5)


@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_whatever_an_upstream_answers_the_rest_of_the_recording_can_be_played(
    upstream: Upstream, tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    cassette = tmp_path / f"one.{ending}"
    recorder = Recorder({"pareta": upstream.url}, cassette, timeout_s=5)
    with BackgroundServer(recorder) as server, caplog.at_level(logging.WARNING):
        for name, answer in {"good before": GOOD, **BAD, "good after": GOOD}.items():
            upstream.answer = answer
            caplog.clear()
            try:
                with httpx.stream("GET", f"{server.url}/v1/models", timeout=10) as response:
                    for _ in response.iter_raw():
                        pass
            except httpx.HTTPError:
                assert name in BAD
    recorder.close()

    library = Library([cassette])
    assert [library.read(number).answer.body for number in range(len(library))] == [b"{}", b"{}"]
    assert recorder.passed == len(BAD)
    assert [path.name for path in tmp_path.iterdir()] == [cassette.name]


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_of_two_that_began_on_one_file_the_second_does_not_undo_what_the_first_wrote(
    tmp_path: Path, mode: RecordMode, ending: str
) -> None:
    path = tmp_path / f"one.{ending}"
    first, second = CassetteWriter(path, mode=mode), CassetteWriter(path, mode=mode)
    first.add(interaction())

    with pytest.raises(CannotWrite, match="is being recorded into by another process"):
        second.add(interaction())
    if mode != "once":
        with pytest.raises(BadCassette, match="is being recorded into by another process"):
            CassetteWriter(path, mode=mode)
    first.add(interaction())
    first.close()

    assert len(Library([path])) == 2
    if mode == "all":
        second.add(interaction())
    else:
        with pytest.raises(CannotWrite, match="was not there when this recording began"):
            second.add(interaction())
    second.close()
    assert len(Library([path])) == (1 if mode == "all" else 2)


def test_where_nothing_can_be_written_is_said_before_anything_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BadCassette, match="cannot be recorded into: nothing can be written to"):
        CassetteWriter(tmp_path / "file" / "folder" / "one.yaml")
