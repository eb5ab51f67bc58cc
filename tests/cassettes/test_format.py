"""What VCR.py writes for each client, recorded here by VCR.py itself, and the way back."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import vcr
import vcr.serialize
import vcr.serializers.jsonserializer as vcr_json
import vcr.serializers.yamlserializer as vcr_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.cassettes import bodies
from mockserver.cassettes.files import Library
from mockserver.cassettes.format import from_vcr, interaction_of, to_vcr
from mockserver.cassettes.interaction import Answer, BadCassette, Interaction, Piece
from mockserver.http.messages import Request
from mockserver.kernel.windows import Instant, parse_instant
from tests.cassettes.cassettes import described, read_all, texts, written

WORDS = '{"words": "- naïve:\\n\\n  it\'s \\"quoted\\" \\u2028 # no comment"}'
BINARY = bytes(range(256))


class Vendor(BaseHTTPRequestHandler):
    """Answers by what the path asks for, and keeps what came."""

    protocol_version = "HTTP/1.1"
    came: list[tuple[str, str, dict[str, str], bytes]]

    def answer(self) -> None:
        body = self._body()
        self.came.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        kind = self.path.partition("?")[0].rpartition("/")[2]
        answer = {"empty": b"", "none": b"", "binary": BINARY}.get(kind, WORDS.encode())
        headers = [("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/")]
        if kind == "gzip":
            answer = gzip.compress(answer)
            headers.append(("Content-Encoding", "gzip"))
        if kind == "deflate":
            answer = zlib.compress(answer)
            headers.append(("Content-Encoding", "deflate"))
        self.send_response(204 if kind == "none" else 200)
        for name, value in headers:
            self.send_header(name, value)
        if kind == "chunks":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (answer[:5], answer[5:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        if kind != "none":
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def log_message(self, *_: Any) -> None:
        pass


class Recorded:
    """A vendor to speak to while VCR.py writes, and what it saw."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def by(self, talk: Callable[[str], Any], serializer: str = "yaml", **options: Any) -> list[Interaction]:
        """Return what is in the file that VCR.py wrote while somebody talked."""
        path = self.folder / f"talk.{serializer}"
        with vcr.VCR(serializer=serializer, **options).use_cassette(str(path)):
            talk(self.url)
        return read_all(Library([path]))


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    Vendor.came = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def recorded(tmp_path: Path, vendor: str) -> Recorded:
    Vendor.came.clear()
    return Recorded(tmp_path, vendor)


def with_requests(url: str) -> None:
    with requests.Session() as client:
        client.get(f"{url}/v1/a%20b/words", params={"q": "x y", "r": "é"})
        client.post(f"{url}/v1/words", json={"text": "naïve", "n": [1, 2.5, None]})
        client.post(f"{url}/v1/words", data={"a": "1", "b": "x y"})
        client.post(f"{url}/v1/words", files=[("file", ("a.bin", BINARY)), ("note", (None, "hi"))])
        client.post(f"{url}/v1/words", data=io.BytesIO(b"from a file"))
        client.post(f"{url}/v1/words", data=iter([b"in ", b"pieces"]))
        client.post(f"{url}/v1/words", data=BINARY)
        talk_rest(lambda method, path: client.request(method, f"{url}{path}"))


def with_httpx(url: str) -> None:
    with httpx.Client() as client:
        client.get(f"{url}/v1/a%20b/words", params={"q": "x y", "r": "é"})
        client.post(f"{url}/v1/words", json={"text": "naïve", "n": [1, 2.5, None]})
        client.post(f"{url}/v1/words", data={"a": "1", "b": "x y"})
        client.post(f"{url}/v1/words", files={"file": ("a.bin", BINARY)}, data={"note": "hi"})
        client.post(f"{url}/v1/words", content=b"from a file")
        client.post(f"{url}/v1/words", content=iter([b"in ", b"pieces"]))
        client.post(f"{url}/v1/words", content=BINARY)
        with client.stream("GET", f"{url}/v1/chunks") as answer:
            assert b"".join(answer.iter_bytes()) == WORDS.encode()
        talk_rest(lambda method, path: client.request(method, f"{url}{path}"))


def with_httpx_async(url: str) -> None:
    async def talk() -> None:
        async with httpx.AsyncClient() as client:
            await client.post(f"{url}/v1/words", json={"text": "naïve"})
            await client.post(f"{url}/v1/words", files={"file": ("a.bin", BINARY)})
            async with client.stream("GET", f"{url}/v1/chunks") as answer:
                assert b"".join([piece async for piece in answer.aiter_bytes()]) == WORDS.encode()
            for method, path in REST:
                await client.request(method, f"{url}{path}")

    asyncio.run(talk())


def with_aiohttp(url: str) -> None:
    async def talk() -> None:
        async with aiohttp.ClientSession() as client:
            sent: list[dict[str, Any]] = [
                {"json": {"text": "naïve", "n": [1, 2.5, None]}},
                {"json": ["a", "b"]},
                {"data": b"bytes"},
                {"data": BINARY},
                {"data": "text é"},
                {"data": [("a", "1"), ("b", "x y")]},
            ]
            for options in sent:
                async with client.post(f"{url}/v1/words", params={"q": "x y"}, **options) as answer:
                    assert await answer.text() == WORDS
            for method, path in REST:
                async with client.request(method, f"{url}{path}") as answer:
                    await answer.read()

    asyncio.run(talk())


REST = [
    ("GET", "/v1/gzip"),
    ("GET", "/v1/deflate"),
    ("GET", "/v1/binary"),
    ("GET", "/v1/empty"),
    ("GET", "/v1/chunks"),
    ("DELETE", "/v1/none"),
    ("HEAD", "/v1/words"),
    ("PUT", "/v1/words"),
]


def talk_rest(ask: Callable[[str, str], Any]) -> None:
    for method, path in REST:
        ask(method, path)


CLIENTS = {"requests": with_requests, "httpx": with_httpx, "httpx async": with_httpx_async, "aiohttp": with_aiohttp}
PLAIN = {"none": b"", "empty": b"", "binary": BINARY}


@pytest.mark.parametrize("options", [{}, {"decode_compressed_response": True}], ids=["as it came", "decompressed"])
@pytest.mark.parametrize("client", CLIENTS)
def test_what_vcr_recorded_is_what_the_vendor_saw(client: str, options: dict[str, Any], recorded: Recorded) -> None:
    found = recorded.by(CLIENTS[client], **options)

    assert len(found) == len(Vendor.came) > 8
    for interaction, (method, target, headers, body) in zip(found, Vendor.came, strict=True):
        request, answer = interaction.request, interaction.answer
        path, _, query = target.partition("?")
        assert request.method == method
        assert request.origin == recorded.url
        assert request.path == path.replace("%20", " ")
        assert bodies.form_fields(request.query) == bodies.form_fields(query.encode())
        assert request.body == body or json.loads(request.body) == json.loads(body)
        kind = headers.get("content-type", "").encode()
        if body and kind:
            ours = request.headers.get(b"content-type", kind)
            assert bodies.canonical(ours, request.body) == bodies.canonical(kind, body)
        assert answer.status == (204 if path.endswith("none") else 200)
        assert answer.reason == ("No Content" if path.endswith("none") else "OK")
        assert [value for name, value in answer.headers if name.lower() == b"set-cookie"] == [b"a=1", b"b=2; Path=/"]
        said = b"" if method == "HEAD" else PLAIN.get(path.rpartition("/")[2], WORDS.encode())
        assert bodies.decoded(answer.headers, answer.body) == said
        assert (answer.header(b"content-encoding") is not None) == (answer.body != said)
        assert interaction.recorded_at is not None


@pytest.mark.parametrize("client", ["requests", "httpx"])
def test_json_files_of_vcr_say_the_same(client: str, recorded: Recorded) -> None:
    def talk(url: str) -> None:
        send: Any = requests if client == "requests" else httpx
        send.post(f"{url}/v1/words", json={"text": "naïve"})
        send.get(f"{url}/v1/empty")

    in_json = recorded.by(talk, "json")
    in_yaml = recorded.by(talk)

    assert [(i.request.body, i.answer.body) for i in in_json] == [(i.request.body, i.answer.body) for i in in_yaml]
    assert in_json[0].answer.body == WORDS.encode()


def item(**changes: Any) -> dict[str, Any]:
    request: dict[str, Any] = {"method": "POST", "uri": "https://api.pareta.ai/v1/x", "headers": {}, "body": None}
    response = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": ""}}
    request |= {key: value for key, value in changes.items() if key in request and key != "headers"}
    response["headers"] = changes.get("headers", {})
    if "string" in changes:
        response["body"] = {"string": changes["string"]}
    return {"request": request, "response": response}


def test_the_form_that_httpx_once_had_is_read() -> None:
    data = item()
    data["response"] = {
        "content": '{"ok": true}',
        "headers": {"content-encoding": ["gzip"], "content-length": ["32"], "x-a": ["1", "2"]},
        "http_version": "HTTP/1.1",
        "status_code": 201,
    }

    answer = interaction_of(data).answer

    assert answer == Answer(201, "", [(b"content-length", b"12"), (b"x-a", b"1"), (b"x-a", b"2")], b'{"ok": true}')


def test_headers_may_be_plain_texts_and_an_answer_may_have_no_body() -> None:
    data = item(headers={"Content-Type": "text/plain", "X-Length": 12, "X-Raw": b"\xe9"})
    data["response"]["body"] = {}

    assert interaction_of(data).answer == Answer(
        200, "OK", [(b"Content-Type", b"text/plain"), (b"X-Length", b"12"), (b"X-Raw", b"\xe9")], b""
    )


@pytest.mark.parametrize(
    ("body", "kind", "sent", "sent_as"),
    [
        ({"a": 1}, None, b'{"a": 1}', b"application/json"),
        (["a", "b"], None, b'["a", "b"]', b"application/json"),
        ([], None, b"[]", b"application/json"),
        ({"a": "x y"}, "application/x-www-form-urlencoded", b"a=x+y", b"application/x-www-form-urlencoded"),
        ({"a": "x y"}, "application/json", b'{"a": "x y"}', b"application/json"),
        ([("a", "x"), ("a", "y")], None, b"a=x&a=y", b"application/x-www-form-urlencoded"),
        ([b"in ", b"pieces"], None, b"in pieces", None),
        (io.BytesIO(b"file"), None, b"file", None),
    ],
)
def test_what_aiohttp_was_given_becomes_what_it_sent(
    body: object, kind: str | None, sent: bytes, sent_as: bytes | None
) -> None:
    data = item(body=body)
    data["request"]["headers"] = {"Content-Type": [kind]} if kind else {}

    request = interaction_of(data).request

    assert request.body == sent
    assert request.headers.get(b"content-type") == sent_as


def test_files_in_what_aiohttp_was_given_become_a_multipart_body() -> None:
    request = interaction_of(item(body={"note": "hi", "file": b"\x00\xff"})).request

    parts = bodies.multipart(request.headers[b"content-type"], request.body)

    assert parts is not None
    assert [(part.name, part.filename, part.body) for part in parts] == [
        (b"note", None, b"hi"),
        (b"file", b"file", b"\x00\xff"),
    ]


@pytest.mark.parametrize(
    ("said", "date", "expected"),
    [
        ("2026-05-01T12:00:00.5Z", None, "2026-05-01T12:00:00.5Z"),
        ("2026-05-01T14:00:00+02:00", "Fri, 01 May 2026 09:00:00 GMT", "2026-05-01T12:00:00Z"),
        (None, "Fri, 01 May 2026 12:00:00 GMT", "2026-05-01T12:00:00Z"),
        (None, "yesterday", None),
        (None, None, None),
    ],
)
def test_when_it_was_recorded_is_said_by_the_recorder_or_else_by_the_date(
    said: str | None, date: str | None, expected: str | None
) -> None:
    data = item(headers={"date": [date]} if date else {})
    data["recorded_at"] = said

    assert interaction_of(data).recorded_at == (expected and parse_instant(expected))


def test_an_error_names_the_place_it_was_given() -> None:
    with pytest.raises(BadCassette, match=r"^chat\.yaml, interaction 3: the interaction is 7, not a mapping$"):
        from_vcr(7, "chat.yaml, interaction 3")


names = st.sampled_from(["accept", "content-type", "x-a", "idempotency-key"])
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
instants = st.integers(0, 4_000_000_000_000_000).map(Instant)


@st.composite
def whole_interactions(draw: st.DrawFn) -> Interaction:
    """One interaction of anything that can go over the wire."""
    body = draw(texts.map(lambda text: text.encode("utf-8", "ignore")) | st.binary(max_size=200))
    answered = draw(texts.map(lambda text: text.encode("utf-8", "ignore")) | st.binary(max_size=200))
    kept = {name.encode(): value.encode() for name, value in draw(st.dictionaries(names, values)).items()}
    answer_headers = [(b"Set-Cookie", value.encode()) for value in draw(st.lists(values, max_size=3))]
    cut = draw(st.integers(0, len(answered)))
    waits = st.integers(0, 1_000_000)
    pieces = (Piece(draw(waits), cut), Piece(draw(waits), len(answered) - cut)) if draw(st.booleans()) else ()
    path = "/" + draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
    return Interaction(
        Request(draw(st.sampled_from(["GET", "POST"])), path, b"a=b%20c", kept, body, "https://api.pareta.ai"),
        Answer(draw(st.integers(200, 599)), draw(st.sampled_from(["", "OK", "no"])), answer_headers, answered),
        draw(st.none() | instants),
        draw(st.none() | waits),
        pieces,
    )


@settings(max_examples=80)
@given(st.lists(whole_interactions(), min_size=1, max_size=3))
def test_what_is_written_through_vcr_is_read_again_and_vcr_reads_it_too(
    tmp_path_factory: pytest.TempPathFactory, given_: list[Interaction]
) -> None:
    text = "version: 1\ninteractions:\n" + "".join(vcr_yaml.serialize([to_vcr(one)]) for one in given_)

    library = Library([written(tmp_path_factory.getbasetemp(), text, "round.yaml")])

    assert read_all(library) == given_
    theirs, answers = vcr.serialize.deserialize(text, vcr_yaml)
    assert [one.body or b"" for one in theirs] == [one.request.body for one in given_]
    assert [one["body"]["string"] for one in answers] == [one.answer.body for one in given_]


def test_what_is_written_as_json_is_read_again(tmp_path: Path) -> None:
    one = Interaction(
        Request("POST", "/v1/é", b"a=b", {b"accept": b"*/*"}, WORDS.encode(), "https://api.pareta.ai"),
        Answer(200, "OK", [(b"a", b"1"), (b"A", b"2")], b"plain"),
        wait_us=12_500,
        pieces=(Piece(0, 5),),
    )
    text = vcr_json.serialize({"version": 1, "interactions": [to_vcr(one)]})

    (read,) = read_all(Library([written(tmp_path, text, "one.json")]))

    assert read.answer.headers == [(b"a", b"1"), (b"a", b"2")]
    assert (read.request, read.wait_us, read.pieces) == (one.request, one.wait_us, one.pieces)
    assert described(text)["interactions"][0]["request"].keys() == {"method", "uri", "headers", "body"}
