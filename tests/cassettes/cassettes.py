"""Cassettes of any content, and a second opinion on what is in a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import vcr.serializers.yamlserializer as vcr_yaml
import yaml
from hypothesis import strategies as st

from mockserver.cassettes.files import Library

AWKWARD = (
    "- request:\n    method: GET\n",
    "\n- ",
    "interactions:\n- request:\n",
    "\n\n",
    "---\n",
    "\n...\n",
    "key: value",
    "it's",
    "''",
    '"',
    "\\",
    "\t",
    "\r\n",
    " # no comment",
    "# no comment",
    ": ",
    "{",
    "[",
    "&a",
    "*a",
    "!!binary |",
    "%",
    " ",
    "a" * 90,
    "two words " * 12,
    "\x85",
    "\u2028",
    "\ufeff",
    "é",
    "😀",
    "\x00",
    "yes",
    "1.0",
    "null",
    "2026-01-01",
    "=",
    "<<",
    "~",
)

texts = (
    st.lists(st.sampled_from(AWKWARD) | st.text(max_size=8), max_size=6)
    .map("".join)
    .filter(lambda text: text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text))
)
lines = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(str.strip) | st.sampled_from(
    ["it's", "a: b", "no", "yes", "1", "- x", "# y", "text/plain; charset=utf-8", "word " * 30]
)
header_names = st.sampled_from(["Accept", "content-type", "x-request-id", "Set-Cookie", "Date", "On", "n", "null"])
headers = st.dictionaries(header_names, st.lists(lines, min_size=1, max_size=3), max_size=4)
paths = st.sampled_from(["/v1/models", "/v1/models/a%20b", "", "/", "/p/%2F/é".encode().decode("latin-1"), "/a:b/c,d"])
queries = st.sampled_from(["", "?a=b", "?q=a%20b&q=c", "?time=12:00:00", "#top", "?x='y'", "?a=#b"])


@st.composite
def interactions(draw: st.DrawFn) -> dict[str, Any]:
    """One interaction as VCR.py would have it before it is written."""
    body = draw(st.none() | texts | st.binary(max_size=80))
    answered = draw(texts | st.binary(max_size=80))
    uri = draw(st.sampled_from(["https://api.pareta.ai", "http://localhost:8080"])) + draw(paths) + draw(queries)
    item: dict[str, Any] = {
        "request": {
            "method": draw(st.sampled_from(["GET", "POST", "DELETE", "PROPFIND"])),
            "uri": uri,
            "body": body,
            "headers": draw(headers),
        },
        "response": {
            "status": {"code": draw(st.integers(200, 599)), "message": draw(lines | st.none())},
            "headers": draw(headers),
            "body": {"string": answered},
        },
    }
    if draw(st.booleans()):
        size = len(answered if isinstance(answered, bytes) else answered.encode())
        item["recorded_at"] = "2026-05-01T12:00:00.000001Z"
        item["timing"] = {"first_byte_ms": 12.5, "pieces": [[0.0, size], [0.25, 0]]}
    return item


def described(text: str) -> dict[str, Any]:
    """Return what a file says, by another reader than ours."""
    if text.startswith("{") and not text.startswith("{interactions"):
        loaded: dict[str, Any] = json.loads(text)
        return loaded
    loaded = yaml.load(text, Loader=vcr_yaml._CassetteLoader)
    return loaded


def asked_for(item: dict[str, Any]) -> tuple[str, str]:
    """Return an item's method and decoded path, by other means than ours."""
    return item["request"]["method"].upper(), unquote(urlsplit(item["request"]["uri"]).path) or "/"


Layout = Callable[[dict[str, Any]], str]


def _yaml(**options: Any) -> Layout:
    return lambda data: yaml.dump(data, Dumper=yaml.CSafeDumper, **options)


def _json(**options: Any) -> Layout:
    return lambda data: json.dumps(data, **options)


def _vcr(data: dict[str, Any]) -> str:
    written: str = vcr_yaml.serialize(data)
    return written


LAYOUTS: dict[str, Layout] = {
    "VCR.py": _vcr,
    "in the order of writing": _yaml(sort_keys=False),
    "indented by four": _yaml(indent=4),
    "never folded": _yaml(width=100_000),
    "folded early": _yaml(width=20),
    "characters as they are": _yaml(allow_unicode=True),
    "double quotes": _yaml(default_style='"'),
    "single quotes": _yaml(default_style="'"),
    "literal": _yaml(default_style="|"),
    "folded": _yaml(default_style=">"),
    "flow": _yaml(default_flow_style=True),
    "flow inside": _yaml(default_flow_style=None),
    "one line": _yaml(default_flow_style=True, width=1_000_000),
    "document marks": _yaml(explicit_start=True, explicit_end=True, version=(1, 1)),
    "Windows": lambda data: _vcr(data).replace("\n", "\r\n"),
    "byte order mark": lambda data: "\ufeff" + _vcr(data),
    "comments": lambda data: "# by hand\n" + _vcr(data).replace("\n- ", "\n# another\n\n- ") + "# the end\n",
    "list indented": lambda data: _indented(_vcr(data)),
    "spaces after dashes": lambda data: _vcr(data).replace("\n- request:\n    body", "\n-\n  request:\n    body"),
    "no line end": lambda data: _vcr(data).rstrip("\n"),
}
JSON_LAYOUTS: dict[str, Layout] = {
    "JSON of VCR.py": _json(indent=4),
    "JSON in one line": _json(),
    "JSON tightly": _json(separators=(",", ":"), ensure_ascii=False),
    "JSON by two": _json(indent=2, sort_keys=True, ensure_ascii=False),
    "JSON by tabs": _json(indent="\t"),
}


def _indented(text: str) -> str:
    """Return VCR.py's layout with the list indented under its key, as formatters do it."""
    head, found, rest = text.partition("interactions:\n")
    if not found:
        return text
    lines, is_inside = [], True
    for line in rest.split("\n"):
        is_inside = is_inside and line[:1] in ("-", " ", "")
        lines.append(f"  {line}" if is_inside and line else line)
    return head + found + "\n".join(lines)


def written(folder: Path, text: str | bytes, name: str = "chat.yaml") -> Path:
    """Write a file, and return its path."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_all(library: Library) -> list[Any]:
    """Return all interactions of a library."""
    return [library.read(number) for number in range(len(library))]
