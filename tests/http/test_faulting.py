"""What faults do to answers, streams and events, as plain values."""

from __future__ import annotations

import json
import statistics
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.http.endpoint import Intake
from mockserver.http.faulting import (
    Struck,
    broken,
    dump_exactly,
    edited,
    events,
    read_exactly,
    repeated,
    retyped,
    scaled,
    wait_ms,
)
from mockserver.http.messages import Reply
from mockserver.kernel.faults import Armed, Effect, Fault, Hit, Latency
from mockserver.kernel.ids import Draws
from mockserver.kernel.windows import MINUTE, parse_instant

NOW = parse_instant("2026-02-10T12:00:00Z")
INTAKE = Intake("events.ingest", "timestamp", "idempotencyKey", "data")


def struck(*effects: Effect) -> Struck:
    hits = [Hit(Armed(n, Fault({}, (), effect)), 1, "number 1") for n, effect in enumerate(effects, 1)]
    return Struck(hits, Draws(7))


def changed(data: Any, **effect: Any) -> Any:
    return edited(data, Effect(**effect))


# Fields


@pytest.mark.parametrize(
    ("data", "effect", "expected"),
    [
        ({"a": 1, "b": 2}, {"drop": ("a",)}, {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"drop": ("a.b",)}, {"a": {"c": 2}}),
        ({"a": [{"b": 1}, {"b": 2}]}, {"drop": ("a.*.b",)}, {"a": [{}, {}]}),
        ({"a": [1, 2, 3]}, {"drop": ("a.1",)}, {"a": [1, 3]}),
        ({"a": [1, 2, 3]}, {"drop": ("a.*",)}, {"a": []}),
        ({"a": {"x": 1, "y": 2}}, {"drop": ("a.*",)}, {"a": {}}),
        ([{"a": 1}], {"drop": ("*.a",)}, [{}]),
        ({"a": 1}, {"drop": ("x", "a.b", "a.0", "x.*.y")}, {"a": 1}),
        ({"a": 1}, {"add": {"b": [2]}}, {"a": 1, "b": [2]}),
        ({"a": 1}, {"add": {"a": 2}}, {"a": 2}),
        ({}, {"add": {"a.b": 1}}, {"a": {"b": 1}}),
        ({"a": [{}, {"b": 0}]}, {"add": {"a.*.b": 1}}, {"a": [{"b": 1}, {"b": 1}]}),
        ({"a": [1]}, {"add": {"a.1": 2}}, {"a": [1, 2]}),
        ({"a": [1]}, {"add": {"a.0": 2}}, {"a": [2]}),
        ({"a": [1]}, {"add": {"a.5": 2, "a.b": 3}}, {"a": [1]}),
        ({"a": 1, "b": 2, "c": 3}, {"rename": {"b": "z"}}, {"a": 1, "z": 2, "c": 3}),
        ({"a": 1, "b": 2}, {"rename": {"a": "b"}}, {"b": 1}),
        ({"a": [{"b": 1}]}, {"rename": {"a.*.b": "c"}}, {"a": [{"c": 1}]}),
        ({"a": [1]}, {"rename": {"a.0": "c", "x": "y"}}, {"a": [1]}),
        ({"a": 1}, {"retype": {"a": "string"}}, {"a": "1"}),
        ({"a": [{"b": 1}]}, {"retype": {"a.0.b": "null"}}, {"a": [{"b": None}]}),
        ({"a": 1, "b": 2}, {"drop": ("a",), "add": {"a": 3}, "retype": {"b": "boolean"}}, {"b": True, "a": 3}),
    ],
)
def test_fields_are_changed_where_their_path_leads(data: Any, effect: dict[str, Any], expected: Any) -> None:
    got = changed(data, **effect)

    assert got == expected
    assert json.dumps(got) == json.dumps(expected)


def test_a_renamed_field_keeps_its_place() -> None:
    assert list(changed({"a": 1, "b": 2, "c": 3}, rename={"b": "z"})) == ["a", "z", "c"]


KINDS = {"string": str, "number": Decimal, "integer": int, "boolean": bool, "null": type(None), "array": list,
         "object": dict}  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from(sorted(KINDS)))
def test_a_retyped_value_is_of_the_type_that_was_asked_for(value: Any, kind: str) -> None:
    got = retyped(value, kind)

    assert type(got) is KINDS[kind]
    if kind == "number":
        assert any(sign in dump_exactly(got).decode() for sign in ".eE")  # a reader of whole numbers trips over it


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (12, "string", "12"), (True, "string", "true"), ({"a": Decimal("1.50")}, "string", '{"a":1.50}'),
        ("12.5", "number", Decimal("12.5")), ("12.5", "integer", 12), ("twelve", "integer", 0), ("NaN", "number", 0),
        ([], "boolean", False), ("x", "array", ["x"]), ("x", "object", {"value": "x"}), (3, "null", None),
    ],
)  # fmt: skip
def test_a_retyped_value_is_as_like_the_old_one_as_can_be(value: Any, kind: str, expected: Any) -> None:
    assert retyped(value, kind) == expected


@given(JSON)
def test_json_that_is_read_and_written_again_keeps_every_digit(value: Any) -> None:
    body = dump_exactly(value)

    assert read_exactly(body) == value
    assert dump_exactly(read_exactly(body)) == body
    assert json.loads(body) == json.loads(json.dumps(value, default=float))


@pytest.mark.parametrize("text", ["0.1000", "1E-7", "1e400", "12345678901234567890.123456789012345678", "-0.0", "1.0"])
def test_a_number_that_nobody_asked_about_is_not_touched(text: str) -> None:
    reply = Reply.json({})
    reply.body = b'{"a":%s,"b":1}' % text.encode()
    struck(Effect(drop=("b",))).spoil(reply)

    assert Decimal(reply.body.decode()[5:-1]) == Decimal(text)
    assert len(reply.body) == len(b'{"a":}') + len(str(Decimal(text)))


# Whole answers


def test_only_successes_in_json_have_their_fields_changed() -> None:
    for reply, is_changed in (
        (Reply.json({"a": 1}), True),
        (Reply.json({"a": 1}, 404), False),
        (Reply(200, b'{"a":1}', [(b"content-type", b"audio/wav")]), False),
    ):
        before = reply.body
        struck(Effect(drop=("a",))).spoil(reply)
        assert (reply.body != before) is is_changed


def test_a_broken_answer_is_no_json() -> None:
    for value in ({}, [], {"a": "é"}, [1], {"a": {"b": [1, 2, 3]}}):
        with pytest.raises(ValueError, match=r"."):
            json.loads(broken(json.dumps(value, ensure_ascii=False).encode()))


def test_an_empty_answer_keeps_its_status() -> None:
    reply = Reply.json({"a": 1}, 201)
    struck(Effect(empty_body=True)).spoil(reply)

    assert (reply.status, reply.body) == (201, b"")


def test_what_several_faults_do_adds_up() -> None:
    reply = Reply.json({"a": 1, "b": 2})
    both = struck(Effect(drop=("a",), latency=Latency(20.0)), Effect(rename={"b": "c"}, latency=Latency(5.0)))
    both.spoil(reply)

    assert reply.body == b'{"c":2}'
    assert both.wait_us == 25_000
    assert both.ids == "fault-1 fault-2"
    assert both.reason == "fault-1: number 1 (latency, drop); fault-2: number 1 (latency, rename)"


# Streams


PIECES = [b": hello\n\n", b'data: {"n":1}\n\n', b'event: x\r\ndata: {"n":2}\r\n\r\n', b'data: {"n":3}\n\n']
LAST = b": bye\n\ndata: [DONE]\n\n"


def sent(effect: Effect) -> list[bytes]:
    hit = struck(effect)
    made: list[bytes] = []
    out = list(hit.pieces(PIECES, made))
    assert made == PIECES[: len(made)]
    return [*out, hit.piece(LAST, is_last=True)] if hit.truncate_after is None else out


def test_fields_of_every_piece_are_changed() -> None:
    assert sent(Effect(rename={"n": "m"})) == [
        PIECES[0], b'data: {"m":1}\n\n', b'event: x\r\ndata: {"m":2}\r\n\r\n', b'data: {"m":3}\n\n', LAST,
    ]  # fmt: skip


@pytest.mark.parametrize(("n", "place"), [(1, 1), (2, 2), (3, 3), (4, 4), (9, 4)])
def test_one_piece_is_broken_and_if_it_never_comes_the_last(n: int, place: int) -> None:
    out = sent(Effect(malformed_chunk=n))

    assert [number for number, (got, was) in enumerate(zip(out, [*PIECES, LAST], strict=True)) if got != was] == [place]
    assert out[place].endswith(b"\n\n") or out[place].endswith(b"\r\n\r\n")
    data = next(line for line in out[place].splitlines() if line.startswith(b"data:"))[5:]
    with pytest.raises(ValueError, match=r"."):
        json.loads(data)


@pytest.mark.parametrize(("n", "left"), [(1, 2), (2, 3), (3, 4), (9, 4)])
def test_a_stream_is_cut_after_so_many_pieces_that_say_something(n: int, left: int) -> None:
    assert sent(Effect(truncate_after=n)) == PIECES[:left]


def test_a_stream_that_is_there_as_a_whole_is_taken_apart_again() -> None:
    body = b"".join([PIECES[0], PIECES[1], PIECES[3], LAST])

    assert b"".join(events(body)) == body
    assert len(events(body)) == 5
    reply = Reply(200, body, [(b"content-type", b"text/event-stream; charset=utf-8")])
    struck(Effect(drop=("n",), malformed_chunk=9)).spoil(reply)
    assert reply.body.count(b"data: {}\n\n") == 2
    assert reply.body.endswith(b"data: [DO\n\n") or reply.body.endswith(b"data: [D\n\n") or b"[DONE]" not in reply.body


# Waiting


def test_a_wait_is_as_long_as_it_says() -> None:
    assert wait_ms(Latency(250.0), lambda: pytest.fail("chance plays no part")) == 250.0


def test_waits_are_spread_as_they_say() -> None:
    draws = Draws(3)
    uniform = [wait_ms(Latency(100.0, 300.0), lambda n=n: draws.uniforms(2, "wait", "fault-1", n)) for n in range(4000)]  # type: ignore[misc]
    skewed = sorted(
        wait_ms(Latency(median_ms=200.0, p99_ms=1500.0), lambda n=n: draws.uniforms(2, "wait", "fault-2", n))  # type: ignore[misc]
        for n in range(4000)
    )

    assert 100 <= min(uniform) <= 101
    assert 299 <= max(uniform) < 300
    assert statistics.mean(uniform) == pytest.approx(200, rel=0.03)
    assert statistics.median(skewed) == pytest.approx(200, rel=0.05)
    assert skewed[3960] == pytest.approx(1500, rel=0.2)


def test_a_wait_hangs_on_seed_fault_and_number_alone() -> None:
    def wait(seed: int, fault: int, n: int) -> int:
        effect = Effect(latency=Latency(0.0, 1000.0))
        return Struck([Hit(Armed(fault, Fault({}, (), effect)), n, "")], Draws(seed)).wait_us

    assert wait(1, 1, 1) == wait(1, 1, 1)
    assert len({wait(1, 1, 1), wait(2, 1, 1), wait(1, 2, 1), wait(1, 1, 2)}) == 4


# Events on their way


def arrived(body: Any, **effect: Any) -> Any:
    return read_exactly(struck(Effect(**effect)).taken_in(json.dumps(body).encode(), INTAKE, NOW))


@pytest.mark.parametrize(
    ("said", "by", "expected"),
    [
        ("2026-02-10T12:00:00Z", -5 * MINUTE, "2026-02-10T11:55:00Z"),
        ("2026-02-10T13:00:00+01:00", 5 * MINUTE, "2026-02-10T12:05:00Z"),
        (None, -5 * MINUTE, "2026-02-10T11:55:00Z"),
        ("yesterday", -5 * MINUTE, "yesterday"),
        (7, -5 * MINUTE, 7),
        ("0001-01-02T00:00:00Z", -5 * MINUTE, "0001-01-02T00:00:00Z"),
    ],
)
def test_a_timestamp_is_put_off(said: Any, by: int, expected: Any) -> None:
    assert arrived({} if said is None else {"timestamp": said}, skew_us=by)["timestamp"] == expected


@given(st.decimals(-(10**12), 10**12, allow_nan=False, places=9), st.sampled_from(["1000", "0.001", "-1", "0.01"]))
def test_numbers_are_multiplied_exactly(value: Decimal, factor: str) -> None:
    (got,) = scaled([value], Decimal(factor))

    numerator, denominator = value.as_integer_ratio()
    by, of = Decimal(factor).as_integer_ratio()
    exact, parts = Decimal(got).as_integer_ratio()
    assert exact * denominator * of == numerator * by * parts


def test_only_the_numbers_in_an_events_data_are_multiplied_be_they_written_as_text_or_not() -> None:
    body = {"n": 2, "data": {"a": 2, "b": [0.5, {"c": 1}], "d": "3.5", "e": True, "f": None, "g": "3 kg"}}

    got = arrived(body, scale="1000")
    assert got["n"] == 2
    assert got["data"] == {
        "a": 2000, "b": [500, {"c": 1000}], "d": "3500.0", "e": True, "f": None, "g": "3 kg",
    }  # fmt: skip
    assert dump_exactly(got["data"]["b"]) == b'[500,{"c":1000}]'


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'{"data": 1}'])
def test_what_is_no_event_arrives_as_it_is(body: bytes) -> None:
    assert struck(Effect(scale="2", skew_us=None)).taken_in(body, INTAKE, NOW).replace(b" ", b"") == body.replace(
        b" ", b""
    )
    for how in ("same_key", "new_key", "other_payload"):
        assert repeated(body, INTAKE, how).replace(b" ", b"") == body.replace(b" ", b"")


@pytest.mark.parametrize(
    ("how", "key", "data"),
    [
        ("same_key", "k", {"a": 1, "b": "x"}),
        ("new_key", "k-again", {"a": 1, "b": "x"}),
        ("other_payload", "k", {"a": 2, "b": "x"}),
    ],
)
def test_an_event_arrives_once_more(how: str, key: str, data: dict[str, Any]) -> None:
    body = {"type": "t", "idempotencyKey": "k", "data": {"a": 1, "b": "x"}}

    assert read_exactly(repeated(dump_exactly(body), INTAKE, how)) == {**body, "idempotencyKey": key, "data": data}


def test_another_payload_is_another_even_without_a_number() -> None:
    body = dump_exactly({"idempotencyKey": "k", "data": {"b": "x"}})

    assert read_exactly(repeated(body, INTAKE, "other_payload"))["data"] == {"b": "x", "again": True}
