"""One interaction as VCR.py writes it in a file, and back (pure).

What VCR.py 7 to 9 writes differs by client: a request's body is text, bytes, `null`, for aiohttp what its `json=` or
`data=` was given, for an iterator the pieces; headers are lists or text; httpx's answers once had a form of their own.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

from mockserver.cassettes.bodies import is_coded
from mockserver.cassettes.interaction import Answer, BadCassette, Interaction, Piece
from mockserver.http.messages import Headers, Request
from mockserver.kernel.windows import DAY, Instant, format_instant, parse_instant

STATUSES: Final = range(200, 600)
"""An answer's; one below is not the last word, and a client that is given it waits for more."""

LONGEST_WAIT_US: Final = DAY
"""A recorded wait that is longer is a mistake."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_METHOD = re.compile(r"[A-Za-z]{1,32}")
_URI = re.compile(r"(https?)://([^/?#\s\\]+)(/[^?#]*)?(?:\?([^#]*))?(?:#.*)?", re.DOTALL | re.IGNORECASE)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%[\w.~%-]+)?\]|[^\[\]:]+)(?::[0-9]{0,5})?")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# All that may stand in a path or query as it is; what is percent-encoded stays so.
_AS_IT_IS = "%/:?#[]@!$&'()*+,;=~-._|\"<>\\^`{}"
_IN_PATH = "/:@!$&'()*+,;=~-._"
_FORM_BOUNDARY = "mockserver-form"


class Chunks(list[Any]):
    """What an iterator gave that was a request's body (VCR.py's tag `builtins.iter`)."""


def from_vcr(data: object, place: str) -> Interaction:
    """Return the interaction that one item of a file's `interactions` describes.

    :param data: as a safe YAML or JSON loader returns it.
    :param place: where it stands, for the message.
    :raises BadCassette: it is none; the message names the place and the field.
    """
    try:
        return interaction_of(data)
    except ValueError as error:
        raise BadCassette(f"{place}: {error}") from None


def interaction_of(data: object) -> Interaction:
    """Return the interaction that one item of a file's `interactions` describes.

    :raises ValueError: it is none; the message names the field.
    """
    item = _mapping(data, "the interaction")
    if "request" not in item or "response" not in item:
        missing = "request" if "request" not in item else "response"
        raise ValueError(f"the interaction has no {missing}")
    request = _request(_mapping(item["request"], "request"))
    answer = _answer(_mapping(item["response"], "response"))
    wait_us, pieces = _timing(item.get("timing"), len(answer.body))
    return Interaction(request, answer, _recorded_at(item.get("recorded_at"), answer), wait_us, pieces)


def method_and_path_of(method: object, uri: object) -> tuple[str, str]:
    """Return what a request asks for, by its two fields of a file: the path decoded and without query.

    :raises ValueError: they are no request.
    """
    return _method(method), _split(uri)[1]


def request_alone(data: object) -> Request:
    """Return the request of one item of a file's `interactions`, whatever its answer is.

    :raises ValueError: it is none.
    """
    return _request(_mapping(_mapping(data, "the interaction").get("request"), "request"))


def request_in_parts(method: str, uri: str, kind: bytes | None, body: object) -> Request:
    """Return a request, by what is left of it without most headers.

    :param kind: its content type.
    :param body: as it stands in a file.
    :raises ValueError: it is none.
    """
    origin, path, query = _split(uri)
    content, said = _request_body(body, kind)
    kind = said or kind
    return Request(_method(method), path, query, {} if kind is None else {b"content-type": kind}, content, origin)


def header_value(value: object) -> bytes:
    """Return a header's value by what stands in a file.

    :raises ValueError: it is none.
    """
    return _header_value(value, "a header")


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is {_shown(value)}, not a mapping")
    return value


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, str):
        return "text" if len(value) > 40 else f"the text {value!r}"
    if isinstance(value, bytes):
        return "binary data"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence):
        return "a list"
    return "a date" if isinstance(value, date) else f"a {type(value).__name__}"


def _method(value: object) -> str:
    if not isinstance(value, str) or not _METHOD.fullmatch(value):
        raise ValueError(f"request.method is {_shown(value)}, not an HTTP method such as GET (quote it)")
    return value.upper()


def _split(uri: object) -> tuple[str, str, bytes]:
    """Return origin, decoded path and raw query of a URI."""
    match = _URI.fullmatch(uri) if isinstance(uri, str) else None
    if match is None:
        raise ValueError(f"request.uri is {_shown(uri)}, not a URI that begins with http:// or https:// and a host")
    scheme, host, path, query = match.groups()
    host = host.rpartition("@")[2]  # credentials before it belong to no origin
    if not _HOST.fullmatch(host):
        raise ValueError(f"request.uri is {_shown(uri)}, and what stands for its host is none")
    if _CONTROL.search(match[0]):
        raise ValueError("request.uri holds a line break or another control character")
    try:
        raw_query = quote(query or "", safe=_AS_IT_IS).encode("ascii")
        return f"{scheme.lower()}://{host}", unquote(path or "/"), raw_query
    except UnicodeError:
        raise ValueError("request.uri holds half of a surrogate pair") from None


def _request(request: Mapping[str, Any]) -> Request:
    method = _method(request.get("method"))
    origin, path, query = _split(request.get("uri"))
    headers: dict[bytes, bytes] = {}
    for name, value in _headers(request.get("headers"), "request"):
        headers[name.lower()] = value
    body, kind = _request_body(request.get("body"), headers.get(b"content-type"))
    if kind is not None:
        headers[b"content-type"] = kind
    return Request(method, path, query, headers, body, origin)


def _request_body(value: object, kind: bytes | None) -> tuple[bytes, bytes | None]:
    """Return a request's body, and the content type that its client has made up for it, where it is not recorded."""
    if value is None:
        return b"", None
    if isinstance(value, str | bytes):
        return _bytes(value, "request.body"), None
    if hasattr(value, "getvalue"):  # a file that was sent
        return bytes(value.getvalue()), None
    if isinstance(value, Chunks) or (isinstance(value, list) and value and all(isinstance(v, bytes) for v in value)):
        return b"".join(_bytes(piece, "a piece of request.body") for piece in value), None
    if not isinstance(value, Mapping | list):
        raise ValueError(
            f"request.body is {_shown(value)}; it has to be text (quote it), binary data, a mapping or a list"
        )
    fields = _form_fields(value, kind)
    if fields is not None:
        return _form(fields, kind)
    try:
        body = json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise ValueError("request.body is a mapping or list that is no JSON") from None
    return body, None if kind else b"application/json"


def _form_fields(value: Mapping[str, Any] | list[Any], kind: bytes | None) -> list[tuple[str, str | bytes]] | None:
    """Return the fields, if this was aiohttp's `data=` and not its `json=`.

    Nothing in the file says which it was but a content type, the pairs of a list being tuples, or data that JSON
    cannot hold.
    """
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    if not pairs or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        return None
    fields = [(name, text) for name, text in pairs if isinstance(name, str) and isinstance(text, str | bytes)]
    if len(fields) != len(pairs):
        return None
    is_said = (kind or b"").startswith((b"application/x-www-form-urlencoded", b"multipart/form-data"))
    if is_said or isinstance(value, list) or any(isinstance(text, bytes) for _, text in fields):
        return fields
    return None


def _form(fields: list[tuple[str, str | bytes]], kind: bytes | None) -> tuple[bytes, bytes | None]:
    if not any(isinstance(value, bytes) for _, value in fields):
        return urlencode(fields).encode(), None if kind else b"application/x-www-form-urlencoded"
    lines: list[bytes] = []
    for name, value in fields:
        named = quote(name, safe=" ")
        file = f'; filename="{named}"' if isinstance(value, bytes) else ""
        head = f'--{_FORM_BOUNDARY}\r\nContent-Disposition: form-data; name="{named}"{file}\r\n\r\n'
        lines.append(head.encode() + _bytes(value, "request.body") + b"\r\n")
    lines.append(f"--{_FORM_BOUNDARY}--\r\n".encode())
    return b"".join(lines), f"multipart/form-data; boundary={_FORM_BOUNDARY}".encode()


def _bytes(value: object, what: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if value is None:
        return b""
    if not isinstance(value, str):
        raise ValueError(f"{what} is {_shown(value)}; it has to be text (quote it) or binary data")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds half of a surrogate pair, which is no character") from None


def _headers(value: object, whose: str) -> Iterator[tuple[bytes, bytes]]:
    if value is None:
        return
    for name, values in _mapping(value, f"{whose}.headers").items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(f"{whose}.headers: {name!r:.60} is no header name")
        for text in values if isinstance(values, list | tuple) else (values,):
            yield name.encode("ascii"), _header_value(text, f"{whose}.headers: {name}")


def _header_value(value: object, what: str) -> bytes:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # a length written by hand
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        raise ValueError(f"{what} is {_shown(value)}; it has to be text (quote it) or a list of texts")
    if _CONTROL.search(value):
        raise ValueError(f"{what} holds a line break or another control character, which no header may")
    try:
        return value.strip(" \t").encode("latin-1")
    except UnicodeEncodeError:
        return _bytes(value.strip(" \t"), what)


def _answer(response: Mapping[str, Any]) -> Answer:
    if "status_code" in response:  # httpx, up to VCR.py 5
        code, reason, content = response["status_code"], None, response.get("content")
    else:
        status = _mapping(response.get("status"), "response.status")
        if "message" not in status:
            raise ValueError("response.status has no message; VCR.py writes it last, so this may be cut short")
        code, reason = status.get("code"), status["message"]
        body = response.get("body")
        content = None if body is None else _mapping(body, "response.body").get("string")
        if isinstance(body, Mapping) and body and "string" not in body:
            raise ValueError("response.body has no string; other forms of it are not VCR.py's")
    if not isinstance(code, int) or isinstance(code, bool) or code not in STATUSES:
        raise ValueError(
            f"response.status.code is {_shown(code)}, not a number from {STATUSES.start} to {STATUSES.stop - 1}"
        )
    if reason is not None and (not isinstance(reason, str) or _CONTROL.search(reason)):
        raise ValueError(f"response.status.message is {_shown(reason)}, not one line of text")
    raw = _bytes(content, "response.body.string")
    return Answer(code, reason or "", _as_coded(list(_headers(response.get("headers"), "response")), raw), raw)


def _as_coded(headers: Headers, body: bytes) -> Headers:
    """Return headers without a `content-encoding` that the body does not have: VCR.py has undone it."""
    coded = [value for name, value in headers if name.lower() == b"content-encoding"]
    if not coded or not body:
        return headers
    last = coded[-1].rpartition(b",")[2].strip().lower().decode("latin-1")
    if is_coded(last, body):
        return headers
    return [
        (name, str(len(body)).encode()) if name.lower() == b"content-length" else (name, value)
        for name, value in headers
        if name.lower() != b"content-encoding"
    ]


def _recorded_at(value: object, answer: Answer) -> Instant | None:
    if value is None:
        said = answer.header(b"date")
        return None if said is None else _http_date(said)
    try:
        if isinstance(value, datetime):  # YAML reads an unquoted one itself
            return parse_instant((value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat())
        if isinstance(value, str):
            return parse_instant(value)
    except ValueError:
        pass
    raise ValueError(f"recorded_at is {_shown(value)}, not a date and time such as '2026-05-01T12:00:00Z'")


def _http_date(value: bytes) -> Instant | None:
    try:
        at = parsedate_to_datetime(value.decode("latin-1"))
        return parse_instant((at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat())
    except (ValueError, TypeError, OverflowError):
        return None


def _timing(value: object, size: int) -> tuple[int | None, tuple[Piece, ...]]:
    if value is None:
        return None, ()
    timing = _mapping(value, "timing")
    first = timing.get("first_byte_ms")
    wait_us = None if first is None else _micros(first, "timing.first_byte_ms")
    given = timing.get("pieces")
    if given is None:
        return wait_us, ()
    if not isinstance(given, list):
        raise ValueError(f"timing.pieces is {_shown(given)}, not a list of [milliseconds, bytes]")
    pieces: list[Piece] = []
    for place, piece in enumerate(given, 1):
        if not isinstance(piece, list | tuple) or len(piece) != 2:
            raise ValueError(f"piece {place} of timing.pieces is {_shown(piece)}, not [milliseconds, bytes]")
        wait, length = piece
        if not isinstance(length, int) or isinstance(length, bool) or length < 0:
            raise ValueError(f"piece {place} of timing.pieces has {_shown(length)} for its bytes")
        pieces.append(Piece(_micros(wait, f"piece {place} of timing.pieces"), length))
    total = sum(piece.size for piece in pieces)
    if total != size:
        raise ValueError(f"timing.pieces add up to {total} bytes, and the body has {size}: correct or remove timing")
    return wait_us, tuple(pieces)


def _micros(value: object, what: str) -> int:
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not math.isfinite(value)
        or not 0 <= value * 1000 <= LONGEST_WAIT_US
    ):
        raise ValueError(f"{what} is {_shown(value)}, not milliseconds from 0 to {LONGEST_WAIT_US // 1000}")
    return round(value * 1000)


def to_vcr(interaction: Interaction) -> dict[str, Any]:
    """Return what stands in a file for an interaction: what VCR.py would write, and beside it what only we know.

    A body is text where it is UTF-8, else bytes, which only YAML can hold. Names of request headers are in lower
    case, and `from_vcr` returns the same interaction again.
    """
    request, answer = interaction.request, interaction.answer
    query = f"?{request.query.decode('latin-1')}" if request.query else ""
    data: dict[str, Any] = {
        "request": {
            "method": request.method,
            "uri": f"{request.origin}{quote(request.path, safe=_IN_PATH)}{query}",
            "headers": {name.decode("latin-1"): [value.decode("latin-1")] for name, value in request.headers.items()},
            "body": _text(request.body) if request.body else None,
        },
        "response": {
            "status": {"code": answer.status, "message": answer.reason},
            "headers": _listed(answer.headers),
            "body": {"string": _text(answer.body)},
        },
    }
    if interaction.recorded_at is not None:
        data = {"recorded_at": format_instant(interaction.recorded_at), **data}
    timing: dict[str, Any] = {}
    if interaction.wait_us is not None:
        timing["first_byte_ms"] = interaction.wait_us / 1000
    if interaction.pieces:
        timing["pieces"] = [[piece.wait_us / 1000, piece.size] for piece in interaction.pieces]
    return {**data, "timing": timing} if timing else data


def _listed(headers: Headers) -> dict[str, list[str]]:
    # One entry a name, however it was spelled: VCR.py looks names up without their case.
    spelled: dict[bytes, str] = {}
    listed: dict[str, list[str]] = {}
    for name, value in headers:
        key = spelled.setdefault(name.lower(), name.decode("latin-1"))
        listed.setdefault(key, []).append(value.decode("latin-1"))
    return listed


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body
