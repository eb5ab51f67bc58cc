"""When a request is a recorded one, and what is told of one that is not."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.cassettes.matching import (
    PARTS,
    USUAL,
    differences,
    digest,
    fits,
    form_of,
    has_placeholder,
    path_distance,
    shown,
    text_fits,
)
from mockserver.http.messages import Request

JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"


def sent(body: bytes | Any = b"", kind: bytes = JSON, query: bytes = b"", **more: Any) -> Request:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {b"content-type": kind, **more.pop("headers", {})}
    return Request("POST", "/v1/things", query, headers, content, **more)


def are_one(one: Request, other: Request, parts: frozenset[str] = USUAL) -> bool:
    forms = form_of(one, parts), form_of(other, parts)
    is_one = digest(forms[0]) == digest(forms[1])
    assert is_one == (forms[0] == forms[1])
    return is_one


def multipart(boundary: bytes, *parts: tuple[bytes, bytes]) -> Request:
    pieces = [b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (boundary, *part) for part in parts]
    kind = b"multipart/form-data; boundary=" + boundary
    return sent(b"".join(pieces) + b"--" + boundary + b"--\r\n", kind)


SAME = {
    "order of keys and blanks": (sent(b'{"a": 1, "b": [2]}'), sent(b'{"b":[2],"a":1}')),
    "spelling of a number": (sent(b'{"a": 1}'), sent(b'{"a": 1.0}')),
    "order of parameters": (sent(query=b"a=1&b=2"), sent(query=b"b=2&a=1")),
    "spelling of a parameter": (sent(query=b"a=x%20y"), sent(query=b"a=x+y")),
    "order of form fields": (sent(b"a=1&b=2", FORM), sent(b"b=2&a=1", FORM)),
    "boundary": (multipart(b"one", (b"a", b"1")), multipart(b"two", (b"a", b"1"))),
    "headers": (sent({}), sent({}, headers={b"idempotency-key": b"k", b"user-agent": b"u", b"authorization": b"x"})),
    "host": (sent({}, origin="https://api.pareta.ai"), sent({}, origin="http://127.0.0.1:8787")),
}

OTHER = {
    "a value": (sent({"a": 1}), sent({"a": 2})),
    "true is not 1": (sent({"a": 1}), sent({"a": True})),
    "text is not a number": (sent({"a": 1}), sent({"a": "1"})),
    "null is not nothing": (sent({"a": None}), sent({})),
    "order of a list": (sent([1, 2]), sent([2, 1])),
    "a parameter": (sent(query=b"a=1"), sent(query=b"a=2")),
    "a parameter twice": (sent(query=b"a=1"), sent(query=b"a=1&a=1")),
    "an empty parameter": (sent(query=b"a="), sent()),
    "a part": (multipart(b"one", (b"a", b"1")), multipart(b"one", (b"a", b"2"))),
    "a body": (sent(), sent(b"{}")),
    "a parameter is no body": (sent(query=b"a=1"), sent(b"a=1", FORM)),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_says_the_same_is_one_request(one: Request, other: Request) -> None:
    assert are_one(one, other)
    assert differences(one, other) == []


@pytest.mark.parametrize(("one", "other"), OTHER.values(), ids=OTHER)
def test_what_says_something_else_is_another_request(one: Request, other: Request) -> None:
    assert not are_one(one, other)
    assert differences(one, other)


def test_only_chosen_parts_count() -> None:
    one = sent({"a": 1}, query=b"a=1", origin="https://one")
    other = sent({"a": 2}, query=b"a=2", origin="https://two")
    assert are_one(one, other, frozenset({"method", "path"}))
    found = differences(one, other, frozenset(PARTS))
    assert [each.where for each in found] == ["host", "query a", "body $.a"]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def strict(value: Any) -> str:
    """A second opinion on when two JSON values are one: Python's own text of them, with keys in order."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{strict(value[key])}" for key in sorted(value)) + "}"
    return "[" + ",".join(map(strict, value)) + "]" if isinstance(value, list) else repr(value)


@given(values, values, st.booleans())
def test_bodies_are_one_exactly_if_their_values_are(one: Any, other: Any, is_ascii: bool) -> None:
    spelled = json.dumps(other, ensure_ascii=is_ascii, indent=1).encode("utf-8", "surrogatepass")
    assert are_one(sent(one), sent(spelled)) == (strict(one) == strict(other))
    assert are_one(sent(one), sent(json.dumps(one, indent=2).encode()))


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=4), st.randoms())
def test_a_query_is_the_same_in_any_order(fields: list[tuple[str, str]], chance: Any) -> None:
    shuffled = [*fields]
    chance.shuffle(shuffled)
    assert are_one(sent(query=urlencode(fields).encode()), sent(query=urlencode(shuffled).encode()))


# Placeholders

STANDS_FOR: tuple[tuple[Any, Any, bool], ...] = (
    ({"key": "redacted-key-1"}, {"key": "sk_live_abc"}, True),
    ({"key": "redacted-key-1"}, {"key": ""}, False),
    ({"key": "redacted-key-1"}, {"key": None}, True),
    ({"key": "redacted-key-1"}, {}, False),
    ({"key": "redacted-key-1", "n": 1}, {"key": "a", "n": 2}, False),
    ({"to": ["redacted-1@example.com", "b"]}, {"to": ["x@y.z", "b"]}, True),
    ({"text": "mail redacted-1@example.com now"}, {"text": "mail bob@acme.io now"}, True),
    ({"text": "mail redacted-1@example.com now"}, {"text": "mail bob@acme.io later"}, False),
    ({"text": "redacted-value-1 and redacted-value-2"}, {"text": "a and b and c"}, True),
    ({"text": "an unredacted-thing"}, {"text": "another"}, False),
)


@pytest.mark.parametrize(("recorded", "asked", "is_fit"), STANDS_FOR)
def test_a_placeholder_stands_for_what_was_redacted(recorded: Any, asked: Any, is_fit: bool) -> None:
    form = form_of(sent(recorded))
    assert fits(form, form_of(sent(asked))) == is_fit
    assert has_placeholder(form) == ("redacted-thing" not in json.dumps(recorded))


def test_a_placeholder_stands_for_a_parameter_a_field_and_a_part() -> None:
    assert fits(form_of(sent(query=b"z=1&key=redacted-key-1")), form_of(sent(query=b"key=zzz&z=1")))
    assert fits(form_of(sent(b"key=redacted-key-1&n=1", FORM)), form_of(sent(b"key=abc&n=1", FORM)))
    assert not fits(form_of(sent(b"key=redacted-key-1&n=1", FORM)), form_of(sent(b"key=abc&n=2", FORM)))
    recorded = multipart(b"one", (b"key", b"redacted-key-1"), (b"n", b"1"))
    assert fits(form_of(recorded), form_of(multipart(b"two", (b"key", b"abc"), (b"n", b"1"))))
    assert not fits(form_of(recorded), form_of(multipart(b"two", (b"key", b"abc"), (b"n", b"2"))))


alphabet = st.text("ab ", max_size=5)


@given(st.lists(alphabet, min_size=1, max_size=4), st.lists(st.text("ab ", min_size=1, max_size=3), max_size=3))
def test_a_text_fits_exactly_if_something_can_stand_in_each_place(literals: list[str], secrets: list[str]) -> None:
    places = [f"redacted-value-{n}" for n in range(1, len(literals))]
    recorded = "".join(a + b for a, b in zip(literals, [*places, ""], strict=True))
    second_opinion = re.compile(".+".join(map(re.escape, literals)), re.DOTALL)
    asked = "".join(a + b for a, b in zip(literals, [*secrets, "x", "x", "x"], strict=False))
    for text in (asked, asked[1:], asked + "a", "".join(literals)):
        assert text_fits(recorded, text) == (recorded == text or second_opinion.fullmatch(text) is not None)


# What is told


def test_a_difference_names_its_place_and_both_values() -> None:
    one = sent({"model": "auto", "messages": [{"content": "Hi"}], "old": 1})
    other = sent({"model": "gpt", "messages": [{"content": "Hello"}, {}], "new": [1]})
    told = [str(each) for each in differences(one, other)]
    assert told == [
        'body $.messages[0].content is "Hello", recorded "Hi"',
        "body $.messages length is 2, recorded 1",
        'body $.model is "gpt", recorded "auto"',
        "body $.old is missing (recorded: 1)",
        "body $.new is [1], which was not recorded",
    ]


def test_differences_of_other_bodies_are_told_too() -> None:
    def told(one: Request, other: Request) -> list[str]:
        return [str(each) for each in differences(one, other)]

    assert told(sent(b"a=1", FORM), sent(b"a=2", FORM)) == ['body a is "2", recorded "1"']
    assert told(sent({}), sent(b"a=2", FORM)) == ["body is a form, recorded JSON"]
    assert told(sent(b"abc", b"image/png"), sent(b"abd!", b"image/png")) == [
        "body is 4 bytes (the first that differs is 2), recorded 3 bytes"
    ]
    assert told(multipart(b"x", (b"a", b"1")), multipart(b"x", (b"a", b"22"))) == [
        "body part a is 2 bytes (the first that differs is 0), recorded 1 bytes"
    ]


@pytest.mark.parametrize("name", ["password", "api_key", "apiKey", "client_secret", "access_token", "Authorization"])
def test_a_value_under_a_secret_name_is_not_shown(name: str) -> None:
    assert shown(name, "hunter2") == "(not shown)"
    assert "hunter2" not in shown("outer", {"inner": [{name: "hunter2"}]})
    query = urlencode({name: "hunter2"}).encode()
    for one, other in ((sent({name: "hunter2"}), sent({})), (sent(query=query), sent()), (sent(query, FORM), sent())):
        assert "hunter2" not in str([*differences(one, other), *differences(other, one)])


def test_keys_and_addresses_are_not_shown_wherever_they_are() -> None:
    secret, address = "sk_live_51HxAbCdEfGh1234", "jane@acme.io"
    one = sent({"text": f"use {secret} of {address}", address: 1}, query=urlencode({"q": secret}).encode())
    other = replace(sent({"text": "x"}), path=f"/v1/users/{address}")
    told = str([*differences(one, other), *differences(other, one)])
    assert secret not in told
    assert address not in told
    assert "redacted-1@example.com" in shown("to", "redacted-1@example.com")


def test_a_long_value_is_cut() -> None:
    assert shown("a", "x" * 500) == f'"{"x" * 39}... (502 characters)'


@given(st.lists(st.text("abc/", max_size=8), min_size=2, max_size=2))
def test_the_distance_of_paths_is_none_only_for_one_path(paths: list[str]) -> None:
    one, other = paths
    assert path_distance(one, other) == path_distance(other, one)
    assert (path_distance(one, other) == 0) == (one == other)


def test_a_typing_error_is_nearer_than_another_word() -> None:
    asked = "/v1/chat/completion"
    assert path_distance(asked, "/v1/chat/completions") < path_distance(asked, "/v1/chat/models")
    assert path_distance(asked, "/v1/chat/models") < path_distance(asked, "/v1/models")
