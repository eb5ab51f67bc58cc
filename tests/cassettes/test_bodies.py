from __future__ import annotations

import gzip
import importlib.util
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.cassettes.bodies import (
    Event,
    canonical,
    canonical_json,
    decoded,
    events,
    form_fields,
    multipart,
)

PLAIN = b'{"object": "list", "data": []}' * 20
JSON = b"application/json"


def deflated(body: bytes) -> bytes:
    """Return a body compressed without zlib's frame."""
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(body) + engine.flush()


def named(value: object) -> str:
    """Return what a case is called: bytes have no name."""
    return value if isinstance(value, str) else "body"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(PLAIN, mtime=0)),
        ("X-GZip", gzip.compress(PLAIN, mtime=0)),
        ("gzip", gzip.compress(PLAIN[:7], mtime=0) + gzip.compress(PLAIN[7:], mtime=0)),
        ("gzip", gzip.compress(PLAIN, mtime=0) + b"\0" * 9),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", deflated(PLAIN)),
        ("deflate, gzip", gzip.compress(zlib.compress(PLAIN), mtime=0)),
        ("identity", PLAIN),
        ("", PLAIN),
        ("unheard-of", PLAIN),
        *((coding, PLAIN) for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip")),
    ],
    ids=named,
)
def test_a_body_is_what_it_was_before_its_codings(coding: str, body: bytes) -> None:
    assert decoded([(b"Content-Encoding", coding.encode())], body) == PLAIN
    assert decoded({b"content-encoding": coding.encode()}, body) == PLAIN


def test_codings_of_several_headers_are_undone_from_the_last() -> None:
    headers = [(b"content-encoding", b"deflate"), (b"x", b"y"), (b"content-encoding", b"gzip")]

    assert decoded(headers, gzip.compress(zlib.compress(PLAIN))) == PLAIN
    assert decoded([], gzip.compress(PLAIN)) == gzip.compress(PLAIN)
    assert decoded(headers, b"") == b""


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_what_no_decoder_is_installed_for_is_left(coding: str) -> None:
    modules = {"br": ["brotli"], "zstd": ["zstandard", "compression.zstd"]}[coding]
    if any(name.partition(".")[0] == name and importlib.util.find_spec(name) for name in modules):
        pytest.skip("a decoder is installed")
    body = b"\x28\xb5\x2f\xfd\xff\xfe\xfd"

    assert decoded({b"content-encoding": coding.encode()}, body) == body


@pytest.mark.parametrize(
    ("coding", "body", "said"),
    [
        ("gzip", gzip.compress(PLAIN, mtime=0)[:-9], "is cut short"),
        ("gzip", gzip.compress(PLAIN, mtime=0)[:-8] + bytes(8), "is broken"),
        ("deflate", zlib.compress(PLAIN)[:-5], "is cut short"),
        ("gzip", gzip.compress(b"", mtime=0) * 200, "has more than 100 members"),
        ("gzip, gzip, gzip, gzip, gzip", b"x", "names 5 codings"),
    ],
    ids=named,
)
def test_compressed_data_that_is_broken_is_an_error(coding: str, body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decoded({b"content-encoding": coding.encode()}, body)


@pytest.mark.parametrize("kind", ["gzip", "deflate", "bare deflate", "gzip twice"])
def test_a_bomb_goes_off_at_the_limit_and_takes_no_more_memory_than_that(kind: str) -> None:
    zeros = bytes(50_000_000)
    compress: Callable[[bytes], bytes] = gzip.compress
    if kind.endswith("deflate"):
        compress = deflated if kind.startswith("bare") else zlib.compress
    bomb = compress(zeros)
    bomb = gzip.compress(bomb) if kind == "gzip twice" else bomb
    coding = {"bare deflate": b"deflate", "gzip twice": b"gzip, gzip"}.get(kind, kind.encode())
    del zeros
    tracemalloc.start()

    with pytest.raises(ValueError, match="holds more than 1000000 bytes"):
        decoded({b"content-encoding": coding}, bomb, limit=1_000_000)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000


def test_the_limit_itself_is_not_too_much() -> None:
    assert len(decoded({b"content-encoding": b"gzip"}, gzip.compress(bytes(1000)), limit=1000)) == 1000


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "b": [1, 2]}', '{"b":[1,2],"a":1}'),
        ("[1, 1.0, 10e-1, 100e-2, 1E0]", "[1.0, 1, 1, 1, 1]"),
        ("[0, -0, 0.0, 0e5, -0.0e-3]", "[0, 0, 0, 0, 0]"),
        ("[0.1, 1e2, 1.5e3, 12345678901234567890.0]", "[0.10, 100, 1500, 12345678901234567890]"),
        ("[1e400]", "[" + "1" + "0" * 400 + "]"),
        ("[1e-400]", "[0.1e-399]"),
        ("[0.12345678901234567890]", "[12345678901234567890e-20]"),
        ('["\\u00e9", "\\/"]', '["é", "/"]'),
        ('\ufeff{"a": 1}', '{"a": 1}'),
        ('{"a": 1, "a": 2}', '{"a":1.0,"a":2}'),
    ],
)
def test_json_that_says_the_same_is_the_same(one: str, other: str) -> None:
    assert canonical_json(one.encode()) is not None
    assert canonical(JSON, one.encode()) == canonical(b"Application/JSON; charset=utf-8", other.encode())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[1]", "[true]"),
        ("[0]", "[false]"),
        ("[1]", '["1"]'),
        ("[null]", "[0]"),
        ("{}", "[]"),
        ("[1, 2]", "[2, 1]"),
        ("[1e400]", "[1e401]"),
        ("[1e-400]", "[0]"),
        ("[9007199254740993]", "[9007199254740992]"),
        ("[9007199254740993.0]", "[9007199254740992]"),
        ("[0.1234567890123456789]", "[0.1234567890123456788]"),
        ("[0.999999999999999999999]", "[1]"),
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ('{"a": 1, "a": 2}', '{"a": 2, "a": 1}'),
        ("[NaN]", "[ NaN]"),
        ("[Infinity]", "[1e999]"),
        ("{'a': 1}", "{'a':1}"),
        ("[1", "[1 "),
    ],
)
def test_json_that_says_something_else_is_not_the_same(one: str, other: str) -> None:
    assert canonical(JSON, one.encode()) != canonical(JSON, other.encode())


def test_what_json_cannot_hold_is_compared_as_bytes() -> None:
    for body in (
        b"[" * 100_000,
        b"[" * 5000 + b"]" * 5000,
        b"[" + b"1" * 5000 + b"]",
        b"\xff",
        b"",
        b"[1e" + b"9" * 5000 + b"]",
    ):
        assert canonical(JSON, body) == body


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def spelled(value: Any, chance: random.Random) -> str:
    """Return JSON in any of its spellings."""
    space = chance.choice(["", " ", "\n"])
    if isinstance(value, dict):
        items = list(value.items())
        chance.shuffle(items)
        return "{" + ",".join(f"{space}{json.dumps(k)}:{space}{spelled(v, chance)}" for k, v in items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(space + spelled(v, chance) for v in value) + "]"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        sign, digits, exponent = Decimal(value).as_tuple()
        assert isinstance(exponent, int)
        zeros = chance.randrange(3)
        whole = ("".join(map(str, digits)) + "0" * zeros).lstrip("0") or "0"
        return f"{'-' if sign else ''}{whole}{chance.choice('eE')}{exponent - zeros}"
    return json.dumps(value, ensure_ascii=chance.random() < 0.5)


def settled(value: Any) -> Any:
    """Return a value that is equal to another one if JSON says the same by them."""
    if isinstance(value, dict):
        return ("object", frozenset((key, settled(inner)) for key, inner in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(settled, value)))
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return ("number", Decimal(value))
    return (type(value).__name__, value)


@given(json_values, json_values, st.randoms(use_true_random=False))
def test_spelling_never_counts_and_values_always_do(one: Any, other: Any, chance: random.Random) -> None:
    a, b, c = (spelled(value, chance).encode("utf-8", "surrogatepass") for value in (one, one, other))
    plain = json.dumps(one, default=lambda value: int(value) if value == int(value) and abs(value) < 1e9 else None)

    assert canonical(JSON, a) == canonical(JSON, b)
    assert (canonical(JSON, a) == canonical(JSON, c)) == (settled(one) == settled(other))
    if canonical_json(plain.encode()) is not None and "null" not in plain:
        assert canonical(JSON, plain.encode()) == canonical(JSON, a)


def test_a_body_without_a_kind_is_json_if_it_can_be() -> None:
    assert canonical(None, b'{"a": 1}') == canonical(JSON, b'{"a":1.0}')
    assert canonical(b"text/plain", b" [1]") == canonical(b"application/problem+json", b"[1.0]")
    assert canonical(None, b"1.0") != canonical(None, b"1")
    assert canonical(b"application/octet-stream", b"[1.0]") == b"[1.0]"


FORM = b"application/x-www-form-urlencoded"


def test_forms_are_compared_by_their_fields() -> None:
    assert canonical(FORM, b"b=x+y&a=%31&c=") == canonical(FORM + b"; charset=utf-8", b"a=1&b=x%20y&c=")
    assert canonical(FORM, b"a=1&a=2") != canonical(FORM, b"a=1")
    assert canonical(FORM, b"a=") != canonical(FORM, b"")
    assert canonical(FORM, b"a=%ff") != canonical(FORM, b"a=%fe")


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
            st.text(st.characters(exclude_categories=["Cs"])),
        )
    )
)
def test_fields_of_a_form_are_what_was_encoded(fields: list[tuple[str, str]]) -> None:
    found = form_fields(urlencode(fields).encode())

    assert [(k.encode("latin-1").decode(), v.encode("latin-1").decode()) for k, v in found] == fields


def sent(**options: Any) -> tuple[bytes, bytes]:
    """Return content type and body of what httpx sends."""
    request = httpx.Request("POST", "http://x", **options)
    return request.headers["content-type"].encode(), request.read()


@given(
    st.dictionaries(st.text("abc é", min_size=1, max_size=5), st.text(max_size=20), max_size=3),
    st.dictionaries(
        st.text("xyz", min_size=1, max_size=3),
        st.binary(max_size=60) | st.just(b"\r\n--b\r\n\r\n"),
        min_size=1,
        max_size=3,
    ),
)
def test_multipart_bodies_are_compared_by_their_parts(fields: dict[str, str], files: dict[str, bytes]) -> None:
    one = sent(data=fields, files={name: ("a.bin", data) for name, data in files.items()})
    boundary = {"headers": {"content-type": 'multipart/form-data; boundary="another one"'}}
    other = sent(data=dict(reversed(fields.items())), files={n: ("a.bin", d) for n, d in files.items()}, **boundary)
    changed = sent(data=fields, files={name: ("a.bin", data + b"!") for name, data in files.items()})
    renamed = sent(data=fields, files={name: ("b.bin", data) for name, data in files.items()})

    parts = multipart(*one)
    assert parts is not None
    assert [part.body for part in parts] == [*(v.encode() for v in fields.values()), *files.values()]
    assert all(one[1][part.start :].startswith(part.body) for part in parts)
    assert canonical(*one) == canonical(*other)
    assert canonical(*one) != canonical(*changed)
    assert canonical(*one) != canonical(*renamed)


def test_json_in_a_part_is_compared_by_value() -> None:
    one = sent(files={"meta": (None, b'{"a": 1}', "application/json"), "f": b"x"})
    other = sent(files={"meta": (None, b'{"a":1.0}', "application/json"), "f": b"x"})

    assert canonical(*one) == canonical(*other)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"multipart/form-data", b"--b\r\n\r\nx\r\n--b--"),
        (b"multipart/form-data; boundary=", b"--\r\n\r\nx\r\n----"),
        (b"multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b"),
        (b"multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n"),
        (b"multipart/form-data; boundary=b", b""),
        (b"multipart/form-data; boundary=b", b"--b\r\nno head\r\n--b--\r\n"),
    ],
)
def test_a_multipart_body_that_is_broken_is_compared_as_bytes(kind: bytes, body: bytes) -> None:
    assert multipart(kind, body) is None
    assert canonical(kind, body) == body


def test_an_empty_part_and_no_parts_are_parts() -> None:
    kind = b"multipart/form-data; boundary=b"

    assert multipart(kind, b"--b--\r\n") == []
    (part,) = multipart(kind, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n--b--') or []
    assert (part.name, part.body, part.filename) == (b"a", b"", None)


def test_a_stream_is_taken_apart_without_losing_a_byte() -> None:
    body = b': hello\n\nevent: delta\r\ndata: {"a"\r\ndata:  1}\r\n\r\ndata:x\n\n\ndata: [DONE]\n\ndata: half'

    found = list(events(body))

    assert [(event.kind, event.data, event.is_whole) for event in found] == [
        ("", None, True),
        ("delta", '{"a"\n 1}', True),
        ("", "x", True),
        ("", "[DONE]", True),
        ("", None, False),
    ]
    assert b"".join(body[event.start : event.end] for event in found) == body
    assert list(events(b"")) == []
    assert list(events(b"data: a\r\rdata: b\r\r")) == [Event(0, 9, "", "a"), Event(9, 18, "", "b")]


@given(
    st.lists(
        st.sampled_from([b"data: x", b"event: e", b"\n", b"\r\n", b"\r", b":", b"\n\n", b"data", b"\xff"]), max_size=20
    )
)
def test_events_are_the_whole_body_in_order(pieces: list[bytes]) -> None:
    body = b"".join(pieces)

    spans = [(event.start, event.end) for event in events(body)]

    assert b"".join(body[start:end] for start, end in spans) == body
    assert all(start < end for start, end in spans)
