"""Reads YAML and JSON of strangers: nothing in it is run, and nothing in it can grow.

PyYAML's safe loader with the five tags that VCR.py writes and that are harmless; keys that come twice, aliases that
multiply and nesting that has no end are refused. Never VCR.py's own loader: that of version 7 runs what it is told.
"""

from __future__ import annotations

import json
import re
from binascii import a2b_base64
from collections.abc import Hashable, Iterator
from io import BytesIO
from typing import Any, Final, NoReturn

import yaml

from mockserver.cassettes.format import Chunks

DEEPEST: Final = 200
"""Levels that what is read may be nested; VCR.py needs eight, and a body that aiohttp was given as data has its own."""

MOST_VALUES: Final = 200_000
"""That one text may hold when its aliases are written out."""

_LONGEST_NUMBER = 400
# A block is nested by columns: what is deeper than this has a line that begins so.
_DEEP = re.compile(rb"(?m)^[ \-?:]{150}")
_ALIAS = re.compile(rb"(?:^|[\s\[{,:-])\*[\w-]")
_FLOW = re.compile(rb"[\[{]")
_STANDARD = "tag:yaml.org,2002:"
_TEXT, _MAPPING, _LIST = f"{_STANDARD}str", f"{_STANDARD}map", f"{_STANDARD}seq"


class Unreadable(ValueError):
    """A text is no YAML, or no JSON; or it holds what is refused.

    :param reason: one line.
    :param line: of the text, from 0, where it is known.
    :param is_syntax: whether it is the text that is broken, and not what it says.
    """

    def __init__(self, reason: str, line: int | None = None, *, is_syntax: bool = True) -> None:
        self.reason = reason
        self.line = line
        self.is_syntax = is_syntax
        super().__init__(reason)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """What a cassette may hold."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if len(set(keys)) != len(keys):
                twice = next(key for key in keys if keys.count(key) > 1)
                raise Unreadable(f"the key {twice!r:.60} comes twice", node.start_mark.line, is_syntax=False)
        result: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return result

    def check_number(self, node: Any) -> None:
        if len(node.value) > _LONGEST_NUMBER:
            raise Unreadable(f"a number of {len(node.value)} characters", node.start_mark.line, is_syntax=False)


def _integer(loader: Any, node: Any) -> Any:
    loader.check_number(node)
    return loader.construct_yaml_int(node)


def _fraction(loader: Any, node: Any) -> Any:
    loader.check_number(node)
    return loader.construct_yaml_float(node)


def _text(loader: Any, node: Any) -> Any:
    return loader.construct_scalar(node)


def _binary(loader: Any, node: Any) -> bytes:
    text = loader.construct_scalar(node)
    try:
        return a2b_base64(b"".join(text.encode("ascii").split()), strict_mode=True)
    except ValueError:
        raise Unreadable("binary data (!!binary) is not Base64", node.start_mark.line, is_syntax=False) from None


def _tuple(loader: Any, node: Any) -> tuple[Any, ...]:
    return tuple(loader.construct_sequence(node, deep=True))


def _file(loader: Any, node: Any) -> BytesIO:
    state = loader.construct_mapping(node, deep=True).get("state") or (b"",)
    data = state[0] if isinstance(state, tuple | list) else b""
    if not isinstance(data, str | bytes):
        raise Unreadable("a file that was sent holds neither text nor bytes", node.start_mark.line, is_syntax=False)
    return BytesIO(data.encode() if isinstance(data, str) else data)


def _chunks(loader: Any, node: Any) -> Chunks:
    arguments: Any = loader.construct_mapping(node, deep=True).get("args") or ([],)
    pieces = arguments[0] if isinstance(arguments, tuple | list) else []
    if not isinstance(pieces, tuple | list):
        raise Unreadable("an iterator that was sent holds no list", node.start_mark.line, is_syntax=False)
    return Chunks(pieces)


def _refused(loader: Any, node: Any) -> NoReturn:
    tag = str(node.tag)
    tag = f"!!{tag.removeprefix(_STANDARD)}" if tag.startswith(_STANDARD) else tag
    raise Unreadable(
        f"the YAML tag {tag!a:.80} is not one that VCR.py writes; nothing of it was run: remove it",
        node.start_mark.line,
        is_syntax=False,
    )


_Loader.add_constructor(f"{_STANDARD}int", _integer)
_Loader.add_constructor(f"{_STANDARD}float", _fraction)
_Loader.add_constructor(f"{_STANDARD}binary", _binary)
_Loader.add_constructor(f"{_STANDARD}python/str", _text)
_Loader.add_constructor(f"{_STANDARD}python/unicode", _text)
_Loader.add_constructor(f"{_STANDARD}python/tuple", _tuple)
_Loader.add_constructor(f"{_STANDARD}python/object/new:_io.BytesIO", _file)
_Loader.add_constructor(f"{_STANDARD}python/object/apply:builtins.iter", _chunks)
_Loader.add_constructor(None, _refused)


def from_yaml(text: bytes) -> Any:
    """Return what a YAML text says.

    :raises Unreadable: it is none, or holds what is refused.
    """
    try:
        if _DEEP.search(text) or len(_FLOW.findall(text)) > DEEPEST:
            check_depth(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if _ALIAS.search(text):
                _check_growth(node)
            return _value(loader, node)
        finally:
            loader.dispose()
    except Unreadable:
        raise
    except yaml.YAMLError as error:
        raise unreadable(error) from None
    except RecursionError:
        raise Unreadable(f"it is nested more than {DEEPEST} levels deep", is_syntax=False) from None
    except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
        # What PyYAML's constructors let through: a date with a month 13, `!!bool maybe`.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Unreadable(f"a value is not what its YAML tag says: {reason:.100}", is_syntax=False) from None


def _value(loader: Any, node: Any) -> Any:
    """Return what a node says: texts, mappings of them and lists at once, the rest by PyYAML's constructors."""
    tag = node.tag
    if tag == _TEXT:
        return node.value if isinstance(node, yaml.ScalarNode) else loader.construct_object(node, deep=True)
    if tag == _MAPPING and isinstance(node, yaml.MappingNode):
        pairs = node.value
        if all(key.tag == _TEXT for key, _ in pairs):
            found = {key.value: _value(loader, value) for key, value in pairs}
            if len(found) == len(pairs):
                return found
    elif tag == _LIST and isinstance(node, yaml.SequenceNode):
        return [_value(loader, value) for value in node.value]
    return loader.construct_object(node, deep=True)


def yaml_events(stream: Any) -> Iterator[Any]:
    """Yield the events of a YAML text or stream, a bounded part of which is held at a time.

    :raises Unreadable: it is no YAML, or nested too deeply.
    """
    loader = _Loader(stream)
    depth = 0
    try:
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEEPEST:
                    raise Unreadable(f"it is nested more than {DEEPEST} levels deep", _line(event), is_syntax=False)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            yield event
    except yaml.YAMLError as error:
        raise unreadable(error) from None
    finally:
        loader.dispose()


def check_depth(text: bytes) -> None:
    """Hold a YAML text's nesting to the limit, before anything follows it down.

    :raises Unreadable: it is nested too deeply, or no YAML.
    """
    for _ in yaml_events(text):
        pass


def _check_growth(root: yaml.Node) -> None:
    """Count the values there are with every alias written out: a few lines can mean billions."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()
    waiting: list[tuple[yaml.Node, bool]] = [(root, False)]
    while waiting:
        node, is_left = waiting.pop()
        key = id(node)
        children: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            children = node.value
        elif isinstance(node, yaml.MappingNode):
            children = [child for pair in node.value for child in pair]
        if is_left:
            open_nodes.discard(key)
            sizes[key] = 1 + sum(sizes[id(child)] for child in children)
            if sizes[key] > MOST_VALUES:
                raise Unreadable(f"its aliases stand for more than {MOST_VALUES} values", _line(node), is_syntax=False)
        elif key not in sizes:
            if key in open_nodes:
                raise Unreadable("an alias stands for what it is in itself", _line(node), is_syntax=False)
            if not children:
                # Text counts by its length: a long one that is named a thousand times is as bad as many.
                sizes[key] = 1 + len(node.value) // 1000
                continue
            open_nodes.add(key)
            waiting.append((node, True))
            waiting += [(child, False) for child in children]


def _line(node: yaml.Node | yaml.Event) -> int | None:
    return None if node.start_mark is None else node.start_mark.line


def unreadable(error: yaml.YAMLError) -> Unreadable:
    """Return PyYAML's error as one line."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    context = getattr(error, "context", None)
    reason = f"{context}, {reason}" if context else reason
    return Unreadable(f"it is no YAML: {' '.join(str(reason).split()):.200}", None if mark is None else mark.line)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Unreadable(f"the key {twice!r:.60} comes twice", is_syntax=False)
    return found


JSON: Final = json.JSONDecoder(object_pairs_hook=_pairs)
"""Raises `Unreadable` for a key that comes twice, beside what `json` raises."""


def from_json(text: bytes) -> Any:
    """Return what a JSON text says.

    :raises Unreadable: it is none, or holds what is refused.
    """
    try:
        return JSON.decode(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8") from None
    except Unreadable:
        raise
    except json.JSONDecodeError as error:
        raise Unreadable(f"it is no JSON: {error.msg}", error.lineno - 1) from None
    except RecursionError:
        raise Unreadable("it is nested too deeply", is_syntax=False) from None
    except ValueError as error:  # a number of thousands of digits
        raise Unreadable(f"it holds a number that cannot be read: {error}", is_syntax=False) from None
