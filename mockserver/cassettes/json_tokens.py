"""The texts, numbers and keys of JSON with where they are, so that one is replaced and all else stays (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|-?\d[\d.eE+-]*|true|false|null', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text or number in JSON, or a key.

    :param path: where it is, without the places in lists; `name` is the key before it.
    """

    start: int
    end: int
    path: tuple[str, ...]
    name: str
    is_key: bool
    is_chosen: bool


def is_json(data: bytes) -> bool:
    """Tell whether data are JSON."""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def unquoted(token: bytes) -> bytes:
    """Return the text that a token of JSON stands for."""
    if b"\\" not in token:
        return token[1:-1]
    text: str = json.loads(token)
    return text.encode("utf-8", "surrogatepass")


def quoted(plain: bytes, like: bytes) -> bytes:
    """Return a text as a token of JSON, escaped as another is."""
    try:
        text, is_ascii = plain.decode("utf-8"), b"\\u" in like
    except UnicodeDecodeError:
        text, is_ascii = plain.decode("utf-8", "surrogatepass"), True
    return json.dumps(text, ensure_ascii=is_ascii).encode()


def texts(data: bytes) -> Iterator[Leaf]:
    """Yield the texts of JSON, keys among them."""
    for match in _STRING.finditer(data):
        yield Leaf(match.start(), match.end(), (), "", False, False)


def leaves(data: bytes, is_chosen: Callable[[str], bool]) -> Iterator[Leaf]:
    """Yield the texts, numbers and keys of JSON, with where they are."""
    stack: list[tuple[bool, tuple[str, ...], bool]] = []  # whether an object, its path, whether below a chosen name
    path: tuple[str, ...] = ()
    name, chosen, is_key = "", False, False
    for match in _TOKEN.finditer(data):
        token = match[0]
        first = token[:1]
        if first in b"{[":
            stack.append((is_key, path, chosen))
            path = (*path, name)
            chosen = chosen or is_chosen(name)
            is_key = first == b"{"
            stack[-1] = (is_key, path, chosen)
            name = ""
        elif first in b"}]":
            stack.pop()
            if stack:
                _, path, chosen = stack[-1]
            name, is_key = "", False
        elif first == b",":
            is_key = bool(stack) and stack[-1][0]
            if is_key:
                name = ""
        elif first == b":":
            is_key = False
        elif first == b'"':
            if is_key:
                name = unquoted(token).decode("utf-8", "surrogatepass")
                yield Leaf(match.start(), match.end(), path, name, True, False)
            else:
                yield Leaf(match.start(), match.end(), (*path, name), name, False, chosen or is_chosen(name))
        elif first not in b"tfn":
            yield Leaf(match.start(), match.end(), (*path, name), name, False, chosen or is_chosen(name))
