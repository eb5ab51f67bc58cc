"""Which recorded answer a request gets, and how it is sent."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mockserver.cassettes.files import CassetteFile, Library
from mockserver.cassettes.interaction import Answer, Interaction
from mockserver.cassettes.player import NOT_RECORDED, Played, Player
from mockserver.cassettes.replaying import Playback
from mockserver.http.asgi import VendorApp
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.messages import Request
from mockserver.kernel.clock import monotonic_s

CHAT = "/v1/chat/completions"
URL = "https://api.pareta.ai"


def interaction(
    body: Any = None,
    answer: Any = "{}",
    *,
    method: str = "POST",
    path: str = CHAT,
    status: int = 200,
    headers: Mapping[str, Sequence[str]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return an interaction as VCR.py writes it."""
    text = json.dumps(answer) if isinstance(answer, dict | list) else answer
    return {
        "request": {
            "method": method,
            "uri": URL + path,
            "headers": {"content-type": ["application/json"]} if body is not None else {},
            "body": None if body is None else json.dumps(body),
        },
        "response": {
            "status": {"code": status, "message": "OK"},
            "headers": dict(headers or {"Content-Type": ["application/json"]}),
            "body": {"string": text},
        },
        **more,
    }


Playing = Callable[..., Player]


class Reading(Library):
    """A library that counts what is read of it."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(paths)
        self.read_numbers: list[int] = []

    def read(self, number: int) -> Any:
        self.read_numbers.append(number)
        return super().read(number)


@pytest.fixture
def playing(tmp_path: Path) -> Playing:
    def made(*files: Sequence[dict[str, Any]], **options: Any) -> Player:
        paths = []
        for n, interactions in enumerate(files):
            path = tmp_path / f"{n}.json"
            path.write_text(json.dumps({"version": 1, "interactions": list(interactions)}))
            paths.append(path)
        return Player(Reading(paths), **options)

    return made


def client_of(player: Player) -> httpx.Client:
    return httpx.Client(transport=InProcessTransport(Playback(player)), base_url=URL)


def asked(player: Player, *bodies: Any, path: str = CHAT) -> list[Any]:
    """Return what each request is answered: the JSON, or the status of a refusal."""
    with client_of(player) as client:
        answers = [client.post(path, json=body) for body in bodies]
    return [answer.json() if answer.status_code == 200 else answer.status_code for answer in answers]


TWICE = [interaction({"q": 1}, {"a": 1}), interaction({"q": 2}, {"a": 2}), interaction({"q": 1}, {"a": 3})]


def test_the_first_recording_that_was_not_played_is(playing: Playing) -> None:
    player = playing(TWICE)
    assert asked(player, {"q": 1}, {"q": 1}, {"q": 2}) == [{"a": 1}, {"a": 3}, {"a": 2}]
    assert player.unplayed == []


def test_requests_may_come_in_any_order(playing: Playing) -> None:
    player = playing(TWICE)
    assert asked(player, {"q": 2}, {"q": 1}) == [{"a": 2}, {"a": 1}]
    assert (player.played, player.unplayed) == ([0, 1], [2])


@pytest.mark.parametrize(
    ("repeats", "expected"),
    [("never", [1, 3, 421, 421]), ("last", [1, 3, 3, 3]), ("cycle", [1, 3, 1, 3])],
)
def test_what_has_been_played_is_refused_or_played_again(playing: Playing, repeats: str, expected: list[int]) -> None:
    answers = asked(playing(TWICE, repeats=repeats), *[{"q": 1}] * 4)
    assert [answer["a"] if isinstance(answer, dict) else answer for answer in answers] == expected


def test_in_recorded_order_only_the_next_will_do(playing: Playing) -> None:
    player = playing(TWICE, order="recorded")
    assert asked(player, {"q": 2}, {"q": 1}, {"q": 1}, {"q": 2}, {"q": 1}, {"q": 1}) == [
        421, {"a": 1}, 421, {"a": 2}, {"a": 3}, 421
    ]  # fmt: skip
    assert "is not what was recorded next" in player.misses[0].detail
    assert player.misses[1].nearest[0].place == "0.json, interaction 2"


@pytest.mark.parametrize(("repeats", "expected"), [("last", [1, 3, 3, 3]), ("cycle", [1, 3, 1, 3])])
def test_a_recorded_order_can_begin_anew(playing: Playing, repeats: str, expected: list[int]) -> None:
    answers = asked(playing([TWICE[0], TWICE[2]], order="recorded", repeats=repeats), *[{"q": 1}] * 4)
    assert [answer["a"] for answer in answers] == expected


def test_each_file_has_an_order_of_its_own(playing: Playing) -> None:
    player = playing(TWICE[:2], [interaction({"q": 9}, {"a": 9})], order="recorded")
    assert asked(player, {"q": 9}, {"q": 1}, {"q": 2}) == [{"a": 9}, {"a": 1}, {"a": 2}]


def test_rewinding_forgets_what_was_played_and_missed(playing: Playing) -> None:
    player = playing(TWICE)
    assert asked(player, {"q": 1}, {"q": 1}, {"q": 1}) == [{"a": 1}, {"a": 3}, 421]
    assert (player.play_count, player.missed) == (2, 1)
    player.rewind()
    assert (player.played, player.missed, player.misses) == ([], 0, [])
    assert asked(player, {"q": 1}) == [{"a": 1}]


def test_a_vendors_mount_does_not_count(playing: Playing) -> None:
    assert asked(playing(TWICE), {"q": 1}, path=f"/pareta{CHAT}") == [{"a": 1}]
    mounted = [interaction({}, {"a": 1}, path="/pareta/v1/x"), interaction({}, {"a": 2}, path="/v1/x")]
    assert asked(playing(mounted), {}, {}, path="/v1/x") == [{"a": 1}, {"a": 2}]


def test_parts_that_do_not_match_can_be_left_out(playing: Playing) -> None:
    player = playing(TWICE, match_on=frozenset({"method", "path"}))
    assert asked(player, {}, {}, {}, {}) == [{"a": 1}, {"a": 2}, {"a": 3}, 421]
    player = playing(TWICE, match_on=frozenset({"body"}))
    assert asked(player, {"q": 2}, path="/elsewhere") == [{"a": 2}]


def test_in_order_each_call_reads_one_interaction(playing: Playing) -> None:
    count = 50
    player = playing([interaction({"q": n}, {"a": n}) for n in range(count)])
    assert asked(player, *({"q": n} for n in range(count))) == [{"a": n} for n in range(count)]
    assert isinstance(player.library, Reading)
    assert Counter(player.library.read_numbers).most_common(1)[0][1] <= 2  # once for its request, once for its answer
    assert player.library.read_numbers == sorted(player.library.read_numbers)


def test_a_late_recording_is_found_without_reading_those_before_it(playing: Playing) -> None:
    count = 50
    player = playing([interaction({"q": n}, {"a": n}) for n in range(count)])
    assert asked(player, {"q": count - 1}, {"q": 20}) == [{"a": count - 1}, {"a": 20}]
    assert isinstance(player.library, Reading)
    assert player.library.read_numbers == [0, count - 1, 20]


def test_a_redacted_value_matches_whatever_is_sent(playing: Playing) -> None:
    secret = [interaction({"q": n, "to": f"redacted-{n}@example.com"}, {"a": n}) for n in (1, 2, 1)]
    player = playing([*secret, interaction({"q": 1, "to": "plain"}, {"a": 9})])
    assert asked(player, {"q": 2, "to": "b@acme.io"}, {"q": 1, "to": "a@acme.io"}, {"q": 1, "to": "plain"}) == [
        {"a": 2}, {"a": 1}, {"a": 1}
    ]  # fmt: skip
    assert asked(player, {"q": 1, "to": "plain"}, {"q": 3, "to": "a@acme.io"}) == [{"a": 9}, 421]


def test_each_of_equal_recordings_is_played_to_one_of_many_clients(playing: Playing) -> None:
    count = 60
    player = playing([interaction({"q": 1}, {"a": n}) for n in range(count)])
    ready = threading.Barrier(6)

    def ask(_: int) -> list[int]:
        ready.wait()
        return [answer["a"] for answer in asked(player, *[{"q": 1}] * 10)]

    with ThreadPoolExecutor(6) as pool:
        got = [number for numbers in pool.map(ask, range(6)) for number in numbers]
    assert sorted(got) == list(range(count))
    assert asked(player, {"q": 1}) == [421]


class Shelf:
    """A library of chats in memory: the parts of it that a player asks for."""

    def __init__(self, bodies: Sequence[Any]) -> None:
        answer = Answer(200, "", [], b"")
        self.interactions = [Interaction(chat(body), answer) for body in bodies]
        self.files = (CassetteFile(Path("a.yaml"), 0, len(bodies), {}),)

    def __len__(self) -> int:
        return len(self.interactions)

    def find(self, method: str, path: str) -> Sequence[int]:
        return range(len(self)) if path == CHAT else ()

    def read(self, number: int) -> Interaction:
        return self.interactions[number]

    def request(self, number: int) -> Request:
        return self.interactions[number].request

    def place(self, number: int) -> str:
        return str(number)


def chat(body: Any) -> Request:
    return Request("POST", CHAT, b"", {b"content-type": b"application/json"}, json.dumps(body).encode())


secrets = st.sampled_from(["redacted-key-1", "redacted-key-2", "to redacted-1@example.com", "to x", "x", 1])
few = st.fixed_dictionaries({"a": secrets}, optional={"b": secrets, "c": st.lists(secrets, max_size=2)}) | secrets


def stands_for(recorded: Any, sent: Any) -> bool:
    """A second opinion on what a recorded value stands for."""
    if isinstance(recorded, dict):
        return isinstance(sent, dict) and recorded.keys() == sent.keys() and all(
            stands_for(recorded[key], sent[key]) for key in recorded
        )  # fmt: skip
    if isinstance(recorded, list):
        return isinstance(sent, list) and len(recorded) == len(sent) and all(map(stands_for, recorded, sent))
    if recorded in ("redacted-key-1", "redacted-key-2"):
        return True if not isinstance(sent, str) else sent != ""
    if recorded == "to redacted-1@example.com":
        return isinstance(sent, str) and sent.startswith("to ") and len(sent) > 3
    return bool(recorded == sent)


@given(st.lists(few, max_size=8), st.lists(few, max_size=8), st.sampled_from(["never", "last", "cycle"]))
def test_what_is_played_is_always_the_first_that_was_not(recorded: list[Any], sent: list[Any], repeats: Any) -> None:
    player = Player(cast(Library, Shelf(recorded)), repeats=repeats, mounts=())
    played: set[int] = set()
    for body in sent:
        fitting = [number for number, each in enumerate(recorded) if stands_for(each, body)]
        fresh = [number for number in fitting if number not in played]
        if not fresh and fitting and repeats == "cycle":
            played -= set(fitting)
            fresh = fitting
        expected = fresh[0] if fresh else fitting[-1] if fitting and repeats == "last" else None
        played |= {expected} if expected is not None else set()
        reply = player.take(chat(body))
        assert (reply.number if isinstance(reply, Played) else None) == expected


# Answers


def only(player: Player, method: str = "POST", path: str = CHAT, **more: Any) -> httpx.Response:
    with client_of(player) as client:
        return client.request(method, path, **more)


def test_status_and_headers_are_as_recorded(playing: Playing) -> None:
    headers = {
        "Content-Type": ["application/json"],
        "Set-Cookie": ["a=1", "b=2"],
        "X-Request-Id": ["req_1"],
        "Location": ["https://api.pareta.ai/v1/next"],
        "Transfer-Encoding": ["chunked"],
        "Connection": ["keep-alive"],
        "Content-Length": ["999"],
    }
    answer = only(playing([interaction(None, '{"a":1}', status=402, headers=headers)]))
    assert answer.status_code == 402
    assert answer.headers.multi_items() == [
        ("content-type", "application/json"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-request-id", "req_1"),
        ("location", "https://api.pareta.ai/v1/next"), ("content-length", "7"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "status", "length"), [("HEAD", 200, "999"), ("GET", 204, None), ("GET", 304, "999")]
)
def test_an_answer_without_a_body_has_none(playing: Playing, method: str, status: int, length: str | None) -> None:
    headers = {"Content-Type": ["application/json"]} | ({"Content-Length": [length]} if length else {})
    player = playing([interaction(None, "", method=method, status=status, headers=headers)])
    answer = only(player, method)
    assert (answer.status_code, answer.content, answer.headers.get("content-length")) == (status, b"", length)


def zipped(tmp_path: Path) -> Player:
    path = tmp_path / "zipped.yaml"
    headers = {"Content-Type": ["application/json"], "Content-Encoding": ["gzip"]}
    each = interaction(None, "", headers=headers)
    each["response"]["body"]["string"] = gzip.compress(b'{"a":1}')
    path.write_text(yaml.safe_dump({"version": 1, "interactions": [each]}))
    return Player(Library([path]), repeats="last")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, br", "gzip"), ("*", "gzip"), ("br", None), ("gzip;q=0", None), ("identity", None), ("gzip;q=0.5", "gzip")],
)
def test_a_compressed_body_is_sent_so_if_the_client_takes_it(tmp_path: Path, accepted: str, coding: str | None) -> None:
    answer = only(zipped(tmp_path), headers={"accept-encoding": accepted})
    assert answer.headers.get("content-encoding") == coding
    assert answer.json() == {"a": 1}


def test_a_body_that_was_decompressed_when_recorded_loses_the_header(playing: Playing) -> None:
    headers = {"Content-Type": ["application/json"], "Content-Encoding": ["gzip"]}
    answer = only(playing([interaction(None, '{"a":1}', headers=headers)]))
    assert "content-encoding" not in answer.headers
    assert answer.json() == {"a": 1}


def test_an_interaction_that_cannot_be_read_is_an_error_of_the_server(playing: Playing, tmp_path: Path) -> None:
    player = playing(TWICE)
    (tmp_path / "0.json").write_text("something else")
    assert asked(player, {"q": 1}) == [500]


# Streams

EVENTS = 'data: {"n": 1}\n\ndata: {"n": 2}\n\ndata: [DONE]\n\n'
STREAM = {"Content-Type": ["text/event-stream; charset=utf-8"]}


def pieces_of(player: Player) -> list[bytes]:
    with client_of(player) as client, client.stream("POST", CHAT) as answer:
        return list(answer.iter_raw())


def test_a_stream_is_played_event_by_event(playing: Playing) -> None:
    player = playing([interaction(None, EVENTS, headers=STREAM)])
    assert pieces_of(player) == [b'data: {"n": 1}\n\n', b'data: {"n": 2}\n\n', b"data: [DONE]\n\n"]


def timed(*waits_ms: float, first_ms: float = 0.0) -> dict[str, Any]:
    size = len(EVENTS)
    sizes = [size // len(waits_ms)] * (len(waits_ms) - 1)
    sizes.append(size - sum(sizes))
    return {"first_byte_ms": first_ms, "pieces": [list(each) for each in zip(waits_ms, sizes, strict=True)]}


def test_a_stream_whose_pieces_were_recorded_is_played_in_those(playing: Playing) -> None:
    player = playing([interaction(None, EVENTS, headers=STREAM, timing=timed(0, 40_000))])
    pieces = pieces_of(player)
    assert [len(piece) for piece in pieces] == [23, len(EVENTS) - 23]
    assert b"".join(pieces) == EVENTS.encode()


class Connection:
    """What a server gives an application, and takes from it."""

    def __init__(self, path: str = CHAT) -> None:
        self.scope: Any = {
            "type": "http", "method": "POST", "path": path, "query_string": b"", "headers": [], "scheme": "http",
        }  # fmt: skip
        self.left = asyncio.Event()
        self.answering = asyncio.Event()
        self.sent: list[tuple[float, dict[str, Any]]] = []
        self._has_asked = False
        self._begun_s = monotonic_s()

    async def receive(self) -> dict[str, Any]:
        if not self._has_asked:
            self._has_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append((monotonic_s() - self._begun_s, message))
        if message.get("body"):
            self.answering.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for _, message in self.sent)


def served(player: Player, during: Callable[[VendorApp, Connection], Any] | None = None) -> Connection:
    async def run() -> Connection:
        app, connection = VendorApp(Playback(player)), Connection()
        serving = asyncio.ensure_future(app(connection.scope, connection.receive, connection.send))
        if during is not None:
            await asyncio.wait_for(connection.answering.wait(), 5)
            during(app, connection)
        await asyncio.wait_for(serving, 5)
        return connection

    return asyncio.run(run())


def test_recorded_waits_are_kept_if_asked_for(playing: Playing) -> None:
    recorded = [interaction(None, EVENTS, headers=STREAM, timing=timed(20, 60, 0, first_ms=30))]
    times = [at for at, message in served(playing(recorded, timing="recorded")).sent if message.get("body") != b""]
    start, first, second, third = times[:4]
    assert start >= 0.03
    assert first - start >= 0.02
    assert second - first >= 0.06
    assert third - second < 0.06
    assert served(playing(recorded)).sent[-1][0] < 0.05


def test_a_plain_answer_waits_as_it_did_if_asked_for(playing: Playing) -> None:
    recorded = [interaction(None, "{}", timing={"first_byte_ms": 40})]
    assert served(playing(recorded, timing="recorded")).sent[0][0] >= 0.04
    assert served(playing(recorded)).sent[0][0] < 0.04


HOUR_MS = 3_600_000.0


def test_a_server_that_stops_lets_go_of_a_stream_that_waits(playing: Playing) -> None:
    recorded = [interaction(None, EVENTS, headers=STREAM, timing=timed(0, HOUR_MS))]
    connection = served(playing(recorded, timing="recorded"), lambda app, _: app.release())
    assert connection.body == EVENTS.encode()


def test_a_client_that_leaves_ends_a_stream_that_waits(playing: Playing) -> None:
    recorded = [interaction(None, EVENTS, headers=STREAM, timing=timed(0, HOUR_MS))]
    connection = served(playing(recorded, timing="recorded"), lambda _, connection: connection.left.set())
    assert connection.body == EVENTS.encode()[: len(EVENTS) // 2]


def test_in_process_nothing_is_waited_for_but_patience_ends(playing: Playing) -> None:
    recorded = [interaction(None, "{}", timing={"first_byte_ms": 20_000})] * 2
    player = playing(recorded, timing="recorded")
    assert only(player, timeout=30).status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        only(player, timeout=10)


# Misses


def refused(player: Player, body: Any, path: str = CHAT, **more: Any) -> dict[str, Any]:
    answer = only(player, "POST", path, json=body, **more)
    assert answer.status_code == NOT_RECORDED
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["title"]) == (NOT_RECORDED, "Not recorded")
    assert problem["detail"] == problem["message"] == player.misses[-1].detail
    return problem


def test_a_refusal_names_what_comes_closest_and_what_differs(
    playing: Playing, caplog: pytest.LogCaptureFixture
) -> None:
    player = playing([interaction({"model": "auto", "q": "Hello"}), *TWICE])
    problem = refused(player, {"model": "auto", "q": "Hallo"})
    assert problem["nearest"][0] == {
        "place": "0.json, interaction 1",
        "request": f"POST {CHAT}",
        "played": 0,
        "matches": ["method", "path", "query"],
        "differs": [{"where": "body $.q", "recorded": '"Hello"', "sent": '"Hallo"'}],
    }
    assert len(problem["nearest"]) == 3
    assert problem["detail"] == (
        f"POST {CHAT} was not recorded; closest is 0.json, interaction 1 (POST {CHAT}): "
        'body $.q is "Hallo", recorded "Hello"'
    )
    assert caplog.messages == [problem["detail"]]


def test_a_path_that_is_nearly_right_is_found(playing: Playing) -> None:
    others = [interaction({}, path=f"/v{n}/files/{n}") for n in range(60)]
    player = playing([*others, interaction({}, path="/v1/models")])
    nearest = refused(player, {}, "/v1/model")["nearest"]
    assert nearest[0]["differs"] == [{"where": "path", "recorded": "/v1/models", "sent": "/v1/model"}]


def test_a_refusal_of_what_was_played_says_how_it_is_played_again(playing: Playing) -> None:
    player = playing(TWICE)
    asked(player, {"q": 1}, {"q": 1})
    problem = refused(player, {"q": 1})
    assert "was recorded 2 times and has been played as often; --repeats last" in problem["detail"]
    assert [near["played"] for near in problem["nearest"]] == [1, 1]


def test_what_was_not_played_yet_comes_first(playing: Playing) -> None:
    player = playing([interaction({"q": 1}), interaction({"q": 2})])
    asked(player, {"q": 1})
    assert [near["place"] for near in refused(player, {"q": 3})["nearest"]] == [
        "0.json, interaction 2",
        "0.json, interaction 1",
    ]


def test_nothing_secret_is_in_a_refusal(playing: Playing) -> None:
    secret, address = "sk_live_51HxAbCdEfGh1234", "jane@acme.io"
    player = playing([interaction({"password": "hunter2", "text": secret, "to": address})])
    sent = {"password": "hunter3", "text": f"{secret}9", "to": f"x{address}"}
    told = json.dumps(refused(player, sent, params={"api_key": "abc123def"}))
    for each in ("hunter", secret, address, "abc123def"):
        assert each not in told


def test_a_miss_in_a_large_cassette_is_looked_at_closely_only_in_part(playing: Playing) -> None:
    count = 2000
    player = playing([interaction({}, path=f"/v1/files/{n}") for n in range(count)])
    nearest = refused(player, {}, "/v1/files/1999x")["nearest"]
    assert nearest[0]["request"] == "POST /v1/files/1999"
    assert isinstance(player.library, Reading)
    assert len(player.library.read_numbers) < 100


def test_the_nearest_of_many_recordings_of_one_path_is_found(playing: Playing) -> None:
    player = playing([interaction({"q": "word " * n + "end"}) for n in range(400)])
    assert refused(player, {"q": "word " * 300 + "ent"})["nearest"][0]["place"] == "0.json, interaction 301"


@pytest.mark.parametrize("value", ["\ud800", "\x00\uffff", [[[]]] * 100])
def test_whatever_is_sent_can_be_refused(playing: Playing, value: Any) -> None:
    player = playing([interaction({"q": "redacted-key-1", "p": value}), interaction({"q": value})])
    body = json.dumps({"q": value, "r": [value]})
    answer = only(player, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == NOT_RECORDED


def test_bodies_that_are_nested_deeply_are_told_apart(playing: Playing) -> None:
    def nested(depth: int, inside: str) -> Any:
        return inside if depth == 0 else [nested(depth - 1, inside)]

    deep = nested(150, "redacted-key-1"), nested(150, "x")
    player = playing([interaction(each) for each in deep])
    assert asked(player, deep[1], deep[1], nested(151, "x"), nested(149, "x")) == [{}, {}, 421, 421]
    body = b"[" * 900 + b"]" * 900
    assert only(player, content=body, headers={"content-type": "application/json"}).status_code == NOT_RECORDED


def test_many_redacted_recordings_are_found_at_once(playing: Playing) -> None:
    count = 400
    player = playing([interaction({"n": n % 7, "to": f"redacted-{n}@example.com"}, {"a": n}) for n in range(count)])
    bodies = [{"n": n % 7, "to": f"user{n}@acme.io"} for n in range(count)]
    assert asked(player, *bodies) == [{"a": n} for n in range(count)]
    player.rewind()
    assert asked(player, *reversed(bodies))[0] == {"a": (count - 1) % 7}  # any of its recordings will do: the first


def test_an_empty_cassette_says_so(playing: Playing) -> None:
    assert refused(playing([]), {})["detail"] == f"POST {CHAT} was not recorded; the cassette is empty"
