"""What counts as a difference between a recorded answer and a simulated one, and how it is graded."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mockserver.cassettes.differences import Descriptions, Difference, Knowledge, Schema, compare
from mockserver.cassettes.interaction import Answer
from mockserver.http.messages import Headers
from mockserver.http.openapi import vendor_document
from mockserver.kernel.windows import parse_instant
from mockserver.vendors.registry import vendors

JSON = (b"content-type", b"application/json")
STREAM = (b"content-type", b"text/event-stream; charset=utf-8")

Told = tuple[str, str, str]
"""Kind, grade and place of a difference."""


def answer(body: Any = None, *headers: tuple[bytes, bytes], status: int = 200) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, "", list(headers) or [JSON], content)


def told(differences: list[Difference]) -> list[Told]:
    return [(each.kind, each.grade, each.where) for each in differences]


def between(recorded: Any, simulated: Any, **knowledge: Any) -> list[Told]:
    return told(compare(answer(recorded), answer(simulated), Knowledge(**knowledge)))


def described(schema: dict[str, Any], **definitions: dict[str, Any]) -> Schema:
    return Schema(schema, definitions)


# Planted differences, with an oracle of its own


KEYS = st.sampled_from("abcdefg")
TEXTS = st.text("xyz ", max_size=5)
SCALARS = st.none() | st.booleans() | st.integers(-50, 50) | TEXTS
BODIES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)


def places(value: Any, where: str = "$") -> Iterator[tuple[Any, Any, Any, str]]:
    """Yield every container with each key in it, what stands there, and the path to it."""
    pairs: list[tuple[Any, Any, str]] = []
    if isinstance(value, dict):
        pairs = [(name, each, f"{where}.{name}") for name, each in value.items()]
    elif isinstance(value, list):
        pairs = [(n, each, f"{where}[]") for n, each in enumerate(value)]
    for key, each, path in pairs:
        yield value, key, each, path
        yield from places(each, path)


def containers(value: Any, where: str = "$") -> Iterator[tuple[Any, str]]:
    if isinstance(value, dict | list):
        yield value, where
    for _, _, each, path in places(value, where):
        if isinstance(each, dict | list):
            yield each, path


@st.composite
def planted(draw: st.DrawFn) -> tuple[Any, Any, Told]:
    """Return a body, a copy with one thing changed, and what that is."""
    body = {"top": draw(BODIES)}
    other = copy.deepcopy(body)
    what = draw(st.sampled_from(["missing", "new", "type", "number", "boolean", "order", "length"]))
    spots = list(places(other))
    if what == "missing":
        spots = [spot for spot in spots if isinstance(spot[0], dict)]
        holder, key, _, path = draw(st.sampled_from(spots))
        del holder[key]
        return body, other, ("missing_field", "breaking", path)
    if what == "new":
        held = [spot for spot in containers(other) if isinstance(spot[0], dict)]
        holder, path = draw(st.sampled_from(held))
        holder["more"] = draw(BODIES)
        return body, other, ("new_field", "additive", f"{path}.more")
    if what in ("order", "length"):
        lists = [spot for spot in containers(other) if isinstance(spot[0], list) and len(spot[0]) > (what == "order")]
        assume(lists)
        holder, path = draw(st.sampled_from(lists))
        if what == "length":
            holder.append(copy.deepcopy(draw(st.sampled_from(holder))))
            return body, other, ("length", "value", path)
        first, second = draw(st.permutations(range(len(holder))))[:2]
        assume(json.dumps(holder[first], sort_keys=True) != json.dumps(holder[second], sort_keys=True))
        holder[first], holder[second] = holder[second], holder[first]
        return body, other, ("order", "value", path)
    wanted = {"type": (str, bool, int), "number": (int,), "boolean": (bool,)}[what]
    spots = [spot for spot in spots if type(spot[2]) in wanted]
    assume(spots)
    holder, key, value, path = draw(st.sampled_from(spots))
    if what == "number":
        holder[key] = value + draw(st.sampled_from([-7, 1, 0.5]))
        return body, other, ("number", "value", path)
    if what == "boolean":
        holder[key] = not value
        return body, other, ("boolean", "value", path)
    holder[key] = draw(st.sampled_from([[], {}, 7 if type(value) is not int else "seven"]))
    return body, other, ("type", "breaking", path)


@given(planted(), st.booleans())
@settings(max_examples=250, deadline=None)
def test_one_planted_difference_is_found_and_nothing_else(case: tuple[Any, Any, Told], is_asked_twice: bool) -> None:
    simulated, recorded, expected = case
    noise = answer(simulated) if is_asked_twice else None

    assert between(recorded, simulated, noise=noise) == [expected]


@given(BODIES, BODIES)
@example([{"a": 1}], [True])
@settings(max_examples=150, deadline=None)
def test_what_one_answer_has_more_is_what_the_other_has_less(one: Any, other: Any) -> None:
    forth, back = between({"top": one}, {"top": other}), between({"top": other}, {"top": one})

    assert between(one, one) == []
    if not any("[]" in where for _, _, where in forth + back):  # items of lists of another length are no pairs
        mirror = {"missing_field": "new_field", "new_field": "missing_field"}
        grades = {"missing_field": "breaking", "new_field": "additive"}
        mirrored = {
            (mirror.get(kind, kind), grades.get(mirror.get(kind, ""), grade), where) for kind, grade, where in back
        }
        nullish = {"type", "null"}  # a null of ours promises nothing, one of theirs breaks
        assert {each for each in forth if each[0] not in nullish} == {
            each for each in mirrored if each[0] not in nullish
        }


@given(BODIES, BODIES)
@settings(max_examples=100, deadline=None)
def test_no_difference_is_said_again_of_what_is_in_it(one: Any, other: Any) -> None:
    found = between({"top": one}, {"top": other})

    assert len(found) == len(set(found))
    whole = [where for kind, _, where in found if kind in ("missing_field", "new_field", "type") and "[]" not in where]
    assert not [
        (outer, where) for outer in whole for _, _, where in found if where.startswith((f"{outer}.", f"{outer}["))
    ]


# Values


@pytest.mark.parametrize(
    ("recorded", "simulated", "expected"),
    [
        (1, 1.0, []),
        (0.1 + 0.2, 0.3, []),
        (1, 2, [("number", "value", "$.x")]),
        (10**30, 10**30 + 1, [("number", "value", "$.x")]),
        ("1.50", "1.5", []),
        ("1.50", "1.51", [("number", "value", "$.x")]),
        ("1.50", 1.5, [("type", "breaking", "$.x")]),
        ("one", "1.50", [("format", "breaking", "$.x")]),
        ("one", "2", []),
        (True, 1, [("type", "breaking", "$.x")]),
        ("some text", "another one", []),
        ("", "some text", []),
        (None, "some text", [("type", "breaking", "$.x")]),
        ("some text", None, [("null", "value", "$.x")]),
        ([], [1, 2], [("length", "value", "$.x")]),
        ([1, 1.0, True], [1.0, 1, True], []),
        ([True, 1], [1, True], [("order", "value", "$.x")]),
        ([1, 2, 3], [3, 1, 2], [("order", "value", "$.x")]),
        ({"y": {"z": 1}}, {}, [("new_field", "additive", "$.x.y")]),
        ({}, {"y": {"z": 1}}, [("missing_field", "breaking", "$.x.y")]),
    ],
)
def test_values_are_compared_by_what_they_mean(recorded: Any, simulated: Any, expected: list[Told]) -> None:
    assert between({"x": recorded}, {"x": simulated}) == expected


ASKED = parse_instant("2026-05-01T12:00:00Z")


@pytest.mark.parametrize(
    ("name", "recorded", "simulated", "expected"),
    [
        ("created_at", "2026-05-01T12:00:00.123Z", "2026-05-01T14:00:30+02:00", []),
        ("created_at", "2026-05-01T12:00:00Z", "2026-05-01T12:05:00Z", [("instant", "value")]),
        ("expires_at", "2026-05-31T12:00:00Z", "2026-05-30T12:00:00Z", []),
        ("expires_at", "2026-05-31T12:00:00Z", "2026-05-02T12:00:00Z", [("instant", "value")]),
        ("created_at", "2026-05-01T12:00:00", "2026-05-01T12:00:00Z", [("format", "breaking")]),
        ("created_at", "Fri, 01 May 2026 12:00:00 GMT", "2026-05-01T12:00:00Z", [("format", "breaking")]),
        ("created_at", "soon", "2026-05-01T12:00:00Z", [("format", "breaking")]),
        ("sent", "Fri, 01 May 2026 12:00:00 GMT", "Fri, 01 May 2026 12:00:31 GMT", []),
        ("created", 1777636800, 1777636830, []),
        ("created", 1777636800000, 1777636800, [("format", "breaking")]),
        ("created", 1777723200, 1777636800, [("instant", "value")]),
        ("cost_micro_usd", 1777636800, 1777636830, [("number", "value")]),
    ],
)
def test_instants_are_compared_by_form_and_roughly(
    name: str, recorded: Any, simulated: Any, expected: list[tuple[str, str]]
) -> None:
    found = between({name: recorded}, {name: simulated}, asked_at=ASKED)

    assert found == [(kind, grade, f"$.{name}") for kind, grade in expected]


def test_instants_are_not_compared_where_nobody_knows_when_the_request_was() -> None:
    assert between({"at": "2020-01-01T00:00:00Z"}, {"at": "2026-01-01T00:00:00Z"}) == []


def test_lists_of_other_lengths_give_one_difference_for_each_shape() -> None:
    recorded = [{"id": n, "price": 2, "unit": "usd"} for n in range(10)]
    simulated = [{"id": n, "price": "2.00", "note": ""} for n in range(3)]

    found = compare(answer(recorded), answer(simulated))

    assert told(found) == [
        ("length", "value", "$"),
        ("missing_field", "breaking", "$[].note"),
        ("type", "breaking", "$[].price"),
        ("new_field", "additive", "$[].unit"),
    ]
    assert [each.count for each in found] == [1, 10, 10, 10]


def test_what_only_some_of_our_items_have_need_not_be_in_theirs() -> None:
    simulated = [{"id": 1}, {"id": 2, "error": "late"}]

    assert between([{"id": 1}, {"id": 2}, {"id": 3}], simulated) == [("length", "value", "$")]


def test_items_in_another_order_are_compared_with_those_they_are() -> None:
    recorded = [{"id": "r1", "n": 1, "at": "x"}, {"id": "r2", "n": 5, "at": "y"}]
    simulated = [{"id": "s2", "n": 2, "at": "v"}, {"id": "s1", "n": 1, "at": "w"}]

    found = between(recorded, simulated, ids={"r1": "s1", "r2": "s2"})

    assert found == [("order", "value", "$"), ("number", "value", "$[].n")]


def test_an_id_of_something_else_is_a_difference_and_another_id_of_the_same_is_none() -> None:
    ids = {"cus_r1": "cus_s1", "cus_r2": "cus_s2"}

    assert between({"customer": "cus_r1"}, {"customer": "cus_s1"}, ids=ids) == []
    assert between({"customer": "cus_r1"}, {"customer": "cus_s2"}, ids=ids) == [("id", "value", "$.customer")]
    assert between({"customer_id": "cus_r9"}, {"customer_id": "cus_s2"}, ids=ids) == []


# What is documented


CHOICE = described(
    {"$ref": "#/components/schemas/Choice"},
    Choice={
        "type": "object",
        "required": ["reason"],
        "properties": {
            "reason": {"type": "string", "enum": ["stop", "length"]},
            "object": {"const": "choice"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "count": {"type": "integer"},
            "free": {"type": "object", "additionalProperties": True},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "rates": {"anyOf": [{"type": "object", "additionalProperties": {"type": "number"}}, {"type": "null"}]},
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
        },
    },
    Item={
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": ["a", "b"]}, "x": {"type": "string"}},
    },
)


@pytest.mark.parametrize(
    ("recorded", "simulated", "expected"),
    [
        ({"reason": "tired"}, {"reason": "stop"}, [("enum", "breaking", "$.reason")]),
        ({"reason": "length"}, {"reason": "stop"}, [("enum", "value", "$.reason")]),
        ({"reason": "tired"}, {"reason": "undocumented too"}, []),
        ({"object": "choices"}, {"object": "choice"}, [("enum", "breaking", "$.object")]),
        ({"note": None}, {"note": "text"}, [("null", "value", "$.note")]),
        ({"note": "text"}, {"note": None}, [("null", "value", "$.note")]),
        ({"note": 5}, {"note": None}, [("type", "breaking", "$.note")]),
        ({"reason": None}, {"reason": "stop"}, [("type", "breaking", "$.reason")]),
        ({"count": 1.5}, {"count": 1}, [("type", "breaking", "$.count")]),
        ({"labels": {"k": "x", "v": "y"}}, {"labels": {"k": "z", "v": "w"}}, []),
        ({"labels": {"k": "x"}}, {"labels": {"w": "y", "k": "x"}}, [("keys", "value", "$.labels")]),
        ({"labels": {"k": 5}}, {"labels": {"k": "x"}}, [("type", "breaking", "$.labels.*")]),
        ({"labels": {"k": "x", "v": 5}}, {"labels": {"k": "x"}}, [("type", "breaking", "$.labels.*")]),
        (
            {"free": {"k": 5, "v": 1}},
            {"free": {"k": "x", "w": 1}},
            [("keys", "value", "$.free"), ("type", "breaking", "$.free.k")],
        ),
        ({"rates": {"eu": 1, "us": 3}}, {"rates": {"eu": 2, "us": 3}}, [("number", "value", "$.rates.*")]),
        (
            {"items": [{"kind": "c"}]},
            {"items": []},
            [("length", "value", "$.items"), ("enum", "breaking", "$.items[].kind")],
        ),
        (
            {"items": [{"x": 1, "y": 2}]},
            {"items": []},
            [
                ("length", "value", "$.items"),
                ("missing_field", "breaking", "$.items[].kind"),
                ("type", "breaking", "$.items[].x"),
                ("new_field", "additive", "$.items[].y"),
            ],
        ),
    ],
)
def test_the_document_says_what_may_stand_at_a_place(recorded: Any, simulated: Any, expected: list[Told]) -> None:
    assert between(recorded, simulated, schema=CHOICE) == expected


def test_missing_what_is_documented_as_optional_says_so_and_breaks_all_the_same() -> None:
    found = compare(answer({}), answer({"note": "x"}), Knowledge(CHOICE))

    assert told(found) == [("missing_field", "breaking", "$.note")]
    assert found[0].note == "documented as optional"


def test_every_documented_operation_of_every_vendor_is_found_by_its_name() -> None:
    documents = {vendor.name: vendor_document(vendor.api) for vendor in vendors()}
    descriptions = Descriptions(documents)

    for vendor in vendors():
        for endpoint in vendor.api.endpoints:
            schema = descriptions.schema(f"{vendor.name}.{endpoint.operation}", endpoint.status)
            is_json = endpoint.response is not None and "json" in endpoint.media_type
            assert (schema is not None) == is_json, endpoint.operation
    assert descriptions.schema("nobody.knows", 200) is None


def test_an_unknown_reason_to_finish_a_chat_breaks_by_the_vendors_own_document() -> None:
    descriptions = Descriptions({vendor.name: vendor_document(vendor.api) for vendor in vendors()})
    schema = descriptions.schema("pareta.chat.completions.create", 200)
    body = {"choices": [{"finish_reason": "stop"}]}

    found = between({"choices": [{"finish_reason": "tired"}]}, body, schema=schema)

    assert found == [("enum", "breaking", "$.choices[].finish_reason")]


@pytest.mark.parametrize(
    ("recorded", "simulated", "expected"),
    [
        ({"code": "no_credit"}, {"code": "insufficient_credits"}, [("enum", "breaking", "$.error.code")]),
        ({"message": "You are poor"}, {"message": "Top up"}, []),
        ({"code": "no_credit"}, {"code": "A sentence, which nobody reads"}, []),
    ],
)
def test_codes_of_refusals_are_compared_although_nobody_lists_them(
    recorded: Any, simulated: Any, expected: list[Told]
) -> None:
    found = compare(answer({"error": recorded}, status=402), answer({"error": simulated}, status=402))

    assert told(found) == expected
    assert between({"error": recorded}, {"error": simulated}) == []


# Chance


@pytest.mark.parametrize(
    ("recorded", "simulated", "noise"),
    [
        (3, 5, 9),
        ({"x": 1}, {"x": 1, "y": 2}, {"x": 1}),
        ({"x": 1, "y": 2}, {"x": 1}, {"x": 1, "y": 3}),
        ([1, 2, 3], [1, 2], [1]),
        ([1, 2, 3], [3, 1, 2], [2, 3, 1]),
        ("text", None, "other"),
        (None, None, "other"),
        (True, False, True),
    ],
)
def test_where_two_worlds_disagree_only_forms_are_compared(recorded: Any, simulated: Any, noise: Any) -> None:
    assert between({"x": recorded}, {"x": simulated}) or recorded == simulated
    assert between({"x": recorded}, {"x": simulated}, noise=answer({"x": noise})) == []


def test_chance_does_not_hide_another_type() -> None:
    found = between({"x": "3"}, {"x": 5}, noise=answer({"x": 9}))

    assert found == [("type", "breaking", "$.x")]


def test_a_refusal_by_chance_is_not_compared_with_an_answer() -> None:
    refused = answer({"error": "busy"}, status=503)

    assert compare(answer({"x": 1}), refused, Knowledge(noise=answer({"x": 1}))) == []
    assert told(compare(answer({"x": 1}), refused)) == [("status", "breaking", "status")]


# Status, headers and kinds of bodies


def test_another_status_is_all_there_is_to_say() -> None:
    found = compare(answer({"x": 1}, status=404), answer({"y": 1}, (b"content-type", b"text/html")))

    assert [(each.kind, each.recorded, each.simulated) for each in found] == [("status", "404", "200")]


@pytest.mark.parametrize(
    ("recorded", "simulated", "expected"),
    [
        ([(b"X-Billed", b"5")], [(b"x-billed", b"5")], []),
        ([(b"x-billed", b"5")], [(b"x-billed", b"6")], [("header", "value", "x-billed")]),
        ([], [(b"x-billed", b"6")], [("header", "breaking", "x-billed")]),
        ([(b"x-ratelimit-left", b"9")], [], [("header", "additive", "x-ratelimit-left")]),
        ([(b"x-what", b"one")], [(b"x-what", b"two")], []),
        ([(b"date", b"x"), (b"server", b"y"), (b"cf-ray", b"z"), (b"set-cookie", b"a")], [(b"x-request-id", b"q")], []),
        ([(b"content-length", b"5"), (b"vary", b"a")], [(b"content-length", b"6")], []),
    ],
)
def test_headers_count_by_their_names_and_numbers(recorded: Headers, simulated: Headers, expected: list[Told]) -> None:
    assert told(compare(answer({}, JSON, *recorded), answer({}, JSON, *simulated))) == expected


def test_a_content_type_counts_without_its_parameters() -> None:
    plain, with_charset = answer({}), answer({}, (b"Content-Type", b"Application/JSON; charset=utf-8"))
    problem, html = (
        answer({}, (b"content-type", b"application/problem+json")),
        answer(b"<html>", (b"content-type", b"text/html")),
    )

    assert compare(with_charset, plain) == []
    assert told(compare(problem, plain)) == [("header", "breaking", "content-type")]
    assert told(compare(html, plain)) == [("header", "breaking", "content-type")]


@pytest.mark.parametrize(
    ("recorded", "simulated", "expected"),
    [
        (b"", b'{"x": 1}', [("body", "breaking", "body")]),
        (b'{"x": 1}', b"", [("body", "additive", "body")]),
        (b'{"x": ', b'{"x": 1}', [("body", "breaking", "body")]),
        (b"[" * 100_000, b'{"x": 1}', [("body", "breaking", "body")]),
        (b"9" * 10_000, b"1", [("body", "breaking", "body")]),
        (b"", b"", []),
        (b'\n{"x" :1.0}', b'{"x": 1}', []),
    ],
)
def test_a_body_that_cannot_be_read_is_one_difference(recorded: bytes, simulated: bytes, expected: list[Told]) -> None:
    assert told(compare(answer(recorded), answer(simulated))) == expected


def test_a_compressed_body_is_compared_by_what_it_says() -> None:
    squeezed = answer(gzip.compress(b'{"x": 2}'), JSON, (b"content-encoding", b"gzip"))
    broken = answer(b"\x1f\x8b\x08broken", JSON, (b"content-encoding", b"gzip"))

    assert told(compare(squeezed, answer({"x": 1}))) == [("number", "value", "$.x")]
    assert told(compare(broken, answer({"x": 1}))) == [("body", "breaking", "body")]


def test_bytes_are_compared_by_their_kind() -> None:
    png, wav = b"\x89PNG\r\n\x1a\n", b"RIFF\x00\x00\x00\x00WAVE"
    kind = (b"content-type", b"application/octet-stream")

    assert compare(answer(png + b"one", kind), answer(png + b"another", kind)) == []
    assert told(compare(answer(wav, kind), answer(png, kind))) == [("body", "breaking", "body")]


def test_very_deep_bodies_are_compared_as_far_as_it_makes_sense() -> None:
    recorded, simulated = (b'{"x":' * 400 + last + b"}" * 400 for last in (b"1", b'"one"'))

    assert compare(answer(recorded), answer(simulated)) == []
    assert between({"y": 1, "x": {"x": 1}}, {"y": 2, "x": {"x": 1}}) == [("number", "value", "$.y")]


def test_a_placeholder_of_a_secret_stands_for_whatever_was_there() -> None:
    assert between({"pin": "redacted-value-1", "n": 1}, {"pin": 1234, "n": 1}) == []


@given(st.text(min_size=12, max_size=300).map(lambda text: f"sk-{text}!"), st.sampled_from([5, None, [], {}, "x y"]))
@settings(max_examples=80, deadline=None)
def test_texts_are_never_shown(secret: str, other: Any) -> None:
    recorded, simulated = {"a": secret, "b": [secret], "c": {"d": secret}}, {"a": other, "b": other, "c": other}
    found = compare(answer(recorded), answer(simulated)) + compare(answer(simulated), answer(recorded))
    found += compare(answer({}, JSON, (b"x-key", secret.encode())), answer({}))

    assert found
    assert not [each for each in found if secret in repr(each) or secret[:10] in f"{each.recorded}{each.simulated}"]


# Streams


def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {"object": "chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}


ROLE, TEXT, END = chunk({"role": "assistant", "content": ""}), chunk({"content": "Hello"}), chunk({}, "stop")
USAGE = {"object": "chunk", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
DONE, BILLED = b"data: [DONE]\n\n", b": billed-micro-usd 42\n\n"


def stream(*events: Any) -> Answer:
    parts = [each if isinstance(each, bytes) else b"data: " + json.dumps(each).encode() + b"\n\n" for each in events]
    return answer(b"".join(parts), STREAM)


WHOLE = (ROLE, TEXT, TEXT, TEXT, END, USAGE, BILLED, DONE)
CHUNK = "events[chunk]"


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (WHOLE, []),
        ((ROLE, TEXT, *WHOLE[1:]), []),
        ((ROLE, TEXT, *WHOLE[4:]), []),
        (WHOLE[:-1], [("missing_event", "breaking", "events[DONE]")]),
        ((*WHOLE[:6], DONE), [("missing_event", "breaking", "events[: billed-micro-usd]")]),
        ((b": keep-alive\n\n", *WHOLE), [("new_event", "additive", "events[: keep-alive]")]),
        ((*WHOLE[:6], b"event: extra\ndata: {}\n\n", *WHOLE[6:]), [("new_event", "additive", "events[extra]")]),
        ((*WHOLE[:5], *WHOLE[6:]), [("missing_field", "breaking", f"{CHUNK}.usage")]),
        ((*WHOLE[:5], chunk({}, usage=USAGE["usage"]), *WHOLE[6:]), []),
        (
            (*WHOLE[:5], {**USAGE, "usage": {"prompt_tokens": 4, "completion_tokens": 2}}, *WHOLE[6:]),
            [("number", "value", f"{CHUNK}.usage.prompt_tokens")],
        ),
        (
            (*WHOLE[:5], {**USAGE, "usage": {"prompt_tokens": 3}}, *WHOLE[6:]),
            [("missing_field", "breaking", f"{CHUNK}.usage.completion_tokens")],
        ),
        ((*WHOLE[:6], b": billed-micro-usd 43\n\n", DONE), [("number", "value", "events[: billed-micro-usd]")]),
        ((*WHOLE[:6], DONE, BILLED), [("order", "breaking", "events")]),
        ((*WHOLE[:4], USAGE, END, *WHOLE[6:]), [("order", "breaking", "events")]),
        ((*WHOLE[1:4], ROLE, *WHOLE[4:]), [("order", "breaking", "events")]),
        ((ROLE, chunk({"content": 5}), *WHOLE[2:]), [("type", "breaking", f"{CHUNK}.choices[].delta.content")]),
        (
            (ROLE, chunk({"content": "x", "thought": "y"}), *WHOLE[2:]),
            [("new_field", "additive", f"{CHUNK}.choices[].delta.thought")],
        ),
        ((*WHOLE[:4], chunk({}, "tired"), *WHOLE[5:]), [("enum", "breaking", f"{CHUNK}.choices[].finish_reason")]),
        ((*WHOLE[:4], chunk({}, "length"), *WHOLE[5:]), [("enum", "value", f"{CHUNK}.choices[].finish_reason")]),
    ],
)
def test_streams_are_compared_by_their_kinds_of_events(recorded: tuple[Any, ...], expected: list[Told]) -> None:
    reasons = {"enum": ["stop", "length"], "type": "string"}
    schema = described(
        {
            "type": "object",
            "properties": {
                "object": {"const": "whole"},
                "choices": {"type": "array", "items": {"type": "object", "properties": {"finish_reason": reasons}}},
            },
        }
    )

    assert told(compare(stream(*recorded), stream(*WHOLE), Knowledge(schema))) == expected


def test_named_events_that_come_once_are_compared_with_their_values() -> None:
    steps = [b'event: progress\r\ndata: {"pct": %d}\r\n\r\n' % pct for pct in (10, 50)]
    done, failed = b'event: complete\r\ndata: {"cost": 5}\r\n\r\n', b'event: complete\r\ndata: {"cost": 6}\r\n\r\n'

    assert compare(stream(*steps, steps[1], done), stream(*steps, done)) == []
    assert told(compare(stream(*steps, failed), stream(*steps, done))) == [("number", "value", "events[complete].cost")]
    assert told(compare(stream(done, *steps), stream(*steps, done))) == [("order", "breaking", "events")]


def test_how_a_text_is_cut_is_chance_and_so_is_how_many_pieces_there_are() -> None:
    pieces = [chunk({"content": "Hel"}), chunk({"content": "lo"}), chunk({"content": ""})]

    assert compare(stream(ROLE, *pieces, END, USAGE, BILLED, DONE), stream(*WHOLE)) == []


def test_an_answer_of_another_world_altogether_gives_so_many_differences_and_no_more() -> None:
    found = between({f"a{n}": n for n in range(5_000)}, {f"b{n}": n for n in range(5_000)})

    assert len(found) == 500
