"""The format of scenario files. Every fault is reported with the file and line it stands in."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args

import yaml
from pydantic import Field, PrivateAttr, ValidationError

from mockserver.config import parse_clock
from mockserver.kernel.errors import Unusable
from mockserver.kernel.windows import parse_duration, parse_instant
from mockserver.kernel.world import Beginning
from mockserver.simulation.parts import (
    WRITTEN,
    ClientPart,
    ClockPart,
    CustomersPart,
    DriftPart,
    EventPart,
    FaultPart,
    IntegratorPart,
    Number,
    Part,
    RequestPart,
    RevenuePart,
    Span,
    StartPart,
    TrafficPart,
    WalletPart,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Where = tuple[Hashable, ...]
"""The path to a field, outermost first; numbers count list items from 0."""

MAX_BYTES = 256 * 1024
MAX_DEPTH = 40
MAX_SEED = 2**63 - 1
MAX_NODES = 100_000
"""Values of a file, each alias counted as all it stands for."""


class FaultyScript(Unusable):
    """A scenario file says something that cannot be; `lines` are `file:line: fault`.

    :ivar rest: the scenario without what is faulty, where that tells something about the rest.
    """

    def __init__(self, lines: list[str], rest: Script | None = None) -> None:
        self.lines = lines
        self.rest = rest
        super().__init__("; ".join(lines))


class Script(Part):
    """One scenario.

    :param name: what it is called; of a shipped one, the name of its file.
    :param purpose: one line on what it is good for.
    :param expect: what comes of it, for whoever plays it.
    :param seed: of all its chance; the same seed gives the same world.
    :param length: how long there is traffic; as long as the world is there, if absent.
    :param history: how much of it is there at once when the scenario is played; the rest comes as the clock moves. All
        of it, or with endless traffic none, if absent.
    :param traffic: how much happens, and when.
    :param events: what each answered call is reported as.
    :param revenue: what customers are invoiced for.
    :param drifts: what changes, and why: the truth that a monitor is to find.
    :param faults: what goes wrong.
    :param steps: requests sent while the traffic goes on.
    """

    name: str
    purpose: str
    expect: str = ""
    seed: Annotated[int, Field(ge=-MAX_SEED, le=MAX_SEED)] = 0
    clock: ClockPart = ClockPart()
    start: StartPart = StartPart()
    length: Span | None = None
    history: Span | None = None
    customers: CustomersPart = CustomersPart()
    traffic: TrafficPart | None = None
    client: ClientPart = ClientPart()
    events: tuple[EventPart, ...] = ()
    integrator: IntegratorPart = IntegratorPart()
    wallet: WalletPart = WalletPart()
    revenue: RevenuePart | None = None
    drifts: tuple[DriftPart, ...] = ()
    faults: tuple[FaultPart, ...] = ()
    steps: tuple[RequestPart, ...] = ()

    _source: Source = PrivateAttr(default_factory=lambda: Source("scenario", None))

    @property
    def source(self) -> Source:
        """Where it was read from."""
        return self._source

    @property
    def beginning(self) -> Beginning:
        """The seed and clock of new worlds."""
        mode, rate = parse_clock(self.clock.mode)
        at = None if self.clock.at is None else parse_instant(self.clock.at)
        return Beginning(self.seed, mode, rate, at)

    @property
    def started_at(self) -> int:
        """When traffic begins, in microseconds since 1970; only of scenarios that have any."""
        assert self.clock.at is not None
        return parse_instant(self.clock.at)

    @property
    def ends_at(self) -> int | None:
        """When traffic ends, `None` for never."""
        return None if self.length is None else self.started_at + self.length

    def instant(self, moment: str) -> int:
        """Return an instant of the timeline in microseconds since 1970."""
        if moment.startswith("+"):
            return self.started_at + parse_duration(moment[1:])
        return parse_instant(moment)


class Source:
    """The text a scenario was read from: knows in which line what stands.

    :param path: what to call the file in messages.
    :param kept: of lists from which something was left out, the places in the file of what was not.
    """

    def __init__(self, path: str, root: yaml.Node | None, kept: Mapping[Hashable, Sequence[int]] | None = None) -> None:
        self.path = path
        self.root = root
        self._kept = kept or {}

    def place(self, where: Where) -> Where:
        """Return the path to a field as the file has it."""
        if len(where) > 1 and where[0] in self._kept and isinstance(where[1], int):
            return (where[0], self._kept[where[0]][where[1]], *where[2:])
        return where

    def fault(self, where: Where, message: str) -> str:
        """Return one line about a field: file, line, field and what is wrong with it."""
        field = ".".join(map(str, self.place(where)))
        return f"{self.path}:{self.line(where)}: {f'{field}: ' if field else ''}{message}"

    def line(self, where: Where) -> int:
        """Return the line of a field, or of the innermost part around it that was written."""
        node, line = self.root, 1
        for part in self.place(where):
            found = _member(node, part)
            if found is None:
                break
            line, node = found
        return line


def _member(node: yaml.Node | None, part: Hashable) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        # What was merged in comes first, and what is written beside it counts.
        for key, value in reversed(node.value):
            if key.value == part:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


class _Loader(yaml.SafeLoader):
    """Reads what JSON has, and nothing that only looks like it: `no` is a text, and so is `10:30`.

    Numbers with a point stay the text that was written, and instants too: amounts are exact.
    """

    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML's own attribute

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node, unless it is nested too deeply for the interpreter's stack."""
        if self._depth == MAX_DEPTH:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _number(loader: _Loader, node: yaml.ScalarNode) -> Number:
    return Number(loader.construct_scalar(node))


for _tag, _pattern, _first in (
    ("null", r"(~|null|Null|NULL|)\Z", ["~", "n", "N", ""]),
    ("bool", r"(true|True|TRUE|false|False|FALSE)\Z", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)\Z", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z", list("-+.0123456789")),
    ("merge", r"<<\Z", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def load(path: Path) -> Script:
    """Read a scenario file.

    :raises FaultyScript: it is not YAML, or not a scenario.
    :raises Unusable: it cannot be read.
    """
    return parse(text_of(path), str(path))


def text_of(path: Path) -> str:
    """Return the text of a scenario file.

    :raises FaultyScript: it is too large to be one.
    :raises Unusable: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unusable(f"cannot read {path}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise _too_large(str(path))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unusable(f"cannot read {path}: it is not UTF-8 text, as byte {error.start + 1} shows") from None


# A suite of tests plays the same few scenarios over and over, and reading YAML is a sixth of a small play.
@lru_cache(maxsize=8)
def parse(text: str, path: str) -> Script:
    """Read a scenario.

    :param path: what to call the file in messages.
    :raises FaultyScript: it is not YAML, or not a scenario.
    """
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise _too_large(path)
    data, source, repeated = read_document(text, path)
    faults = [(line, f"{path}:{line}: {message}") for line, message in repeated]
    try:
        script = Script.model_validate(data, context=WRITTEN)
    except ValidationError as error:
        errors = _distinct(error.errors())
        faults += [(source.line(item["loc"]), source.fault(*_fault(item))) for item in errors]
        lines = [text for _, text in sorted(faults, key=itemgetter(0))]
        raise FaultyScript(lines, _without(data, errors, source)) from None
    script._source = source
    if faults:
        raise FaultyScript([text for _, text in sorted(faults, key=itemgetter(0))], script)
    return script


def read_document(text: str, path: str) -> tuple[Any, Source, list[tuple[int, str]]]:
    """Return what a YAML text says, where it says it, and in which lines it says something twice.

    :param path: what to call the file in messages.
    :raises FaultyScript: it is not YAML, or would be huge.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        _check_size(root)
        repeated = list(_repeated(root))
        data = loader.construct_document(root) if root is not None else None
    except yaml.YAMLError as error:
        raise FaultyScript([_syntax_fault(path, error)]) from None
    except ValueError as error:  # an integer of more digits than the interpreter reads
        raise FaultyScript([f"{path}:1: {error}"]) from None
    return data, Source(path, root), repeated


def _too_large(path: str) -> FaultyScript:
    return FaultyScript([f"{path}:1: too large for a scenario: {MAX_BYTES} bytes are the most"])


def _check_size(root: yaml.Node | None) -> None:
    """Refuse what is small as text and huge when every alias stands for what it names, and text that is none.

    :raises yaml.YAMLError: it is.
    """
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known == 0:
            raise yaml.MarkedYAMLError(None, None, "an alias stands for something it is part of", node.start_mark)
        if known is None:
            sizes[id(node)] = 0
            children: list[yaml.Node] = []
            if isinstance(node, yaml.MappingNode):
                children = [each for pair in node.value for each in pair]
            elif isinstance(node, yaml.SequenceNode):
                children = node.value
            elif not _is_text(node.value):
                raise yaml.MarkedYAMLError(None, None, "a text with half a surrogate pair", node.start_mark)
            known = sizes[id(node)] = 1 + sum(map(size, children))
            if known > MAX_NODES:
                raise yaml.MarkedYAMLError(
                    None,
                    None,
                    f"too large: more than {MAX_NODES} values, with all that aliases stand for",
                    node.start_mark,
                )
        return known

    if root is not None:
        size(root)


def _is_text(value: str) -> bool:
    """Whether a text can be written anywhere."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _repeated(root: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Yield the keys that an object has twice, with their lines: only the last would count."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        if isinstance(node, yaml.MappingNode):
            lines: dict[tuple[str, str], int] = {}
            for key, value in node.value:
                waiting.append(value)
                if not isinstance(key, yaml.ScalarNode):
                    continue
                name, line = (key.tag, key.value), key.start_mark.line + 1
                if name in lines:
                    yield line, f"{key.value}: said twice; first in line {lines[name]}"
                lines[name] = line


def _syntax_fault(path: str, error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{path}:{error.problem_mark.line + 1}: {error.problem or error.context}"
    return f"{path}:1: {' '.join(str(error).split())}"


def _distinct(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Return errors without those that only say that a list is short of the items that others are about."""
    return [
        error
        for error in errors
        if error["type"] != "too_short"
        or not any(other is not error and other["loc"][: len(error["loc"])] == error["loc"] for other in errors)
    ]


_INDEPENDENT = ("drifts", "faults", "steps")
"""Lists of which one part says nothing about what else may stand in the file."""


def _without(data: Any, errors: Sequence[ErrorDetails], source: Source) -> Script | None:
    """Return a scenario without what is wrong, `None` where the rest would not be what it is with it."""
    if not isinstance(data, dict):
        return None
    left_out: dict[Hashable, set[int]] = {name: set() for name in _INDEPENDENT}
    for error in errors:
        where = error["loc"]
        if where[0] in left_out and len(where) > 1 and isinstance(where[1], int):
            left_out[where[0]].add(where[1])
        elif error["type"] != "extra_forbidden":
            return None
    kept: dict[Hashable, list[int]] = {
        name: [n for n in range(len(data[name])) if n not in left_out[name]] for name in _INDEPENDENT if left_out[name]
    }
    rest = {**data, **{name: [data[name][n] for n in places] for name, places in kept.items()}}
    for error in errors:
        if error["type"] == "extra_forbidden" and error["loc"][0] not in kept:
            rest = _without_key(rest, error["loc"])
    try:
        script = Script.model_validate(rest, context=WRITTEN)
    except ValidationError:
        return None
    script._source = Source(source.path, source.root, kept)
    return script


def _without_key(data: Any, where: Where) -> Any:
    """Return data in which there is nothing at a place; the data itself, which may be shared, stays."""
    first, *rest = where
    if isinstance(data, dict):
        if not rest:
            return {name: each for name, each in data.items() if name != first}
        return {name: _without_key(each, tuple(rest)) if name == first else each for name, each in data.items()}
    if isinstance(data, list):
        return [_without_key(each, tuple(rest)) if n == first else each for n, each in enumerate(data)]
    return data


def _fault(error: ErrorDetails) -> tuple[Where, str]:
    where = tuple(part for part in error["loc"] if part != "[key]")
    if error["type"] == "extra_forbidden":
        return where, unknown_key(str(where[-1]), _keys_at(where[:-1]))
    return where, told(error)


_SAID: dict[str, str] = {
    "missing": "must be said",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text",
    "tuple_type": "must be a list",
    "dict_type": "must be an object of keys and values",
    "model_type": "must be an object of keys and values",
    "too_short": "must have at least {min_length} of them, and has {actual_length}",
    "too_long": "must have at most {max_length} of them, and has {actual_length}",
    "string_pattern_mismatch": "must look like {pattern}",
    "literal_error": "must be one of {expected}",
}


def told(error: ErrorDetails) -> str:
    """Return what is wrong with a field, in words of ours."""
    words = _SAID.get(error["type"])
    if words is None:
        return error["msg"].removeprefix("Value error, ")
    facts = error.get("ctx", {})
    return words.format_map({name: f"{fact:g}" if isinstance(fact, float) else fact for name, fact in facts.items()})


def unknown_key(key: str, known: Sequence[str]) -> str:
    """Return what to say about a key that nothing goes by, with the nearest that something does."""
    nearest = get_close_matches(key, known, n=1, cutoff=0.6) or [name for name in known if key and name.startswith(key)]
    return f"no such key; did you mean {nearest[0]}?" if nearest else f"no such key; there are: {', '.join(known)}"


def _keys_at(where: Where) -> list[str]:
    """Return what may be said at a place of a scenario."""
    part: Any = Script
    for name in where:
        if isinstance(name, str) and isinstance(part, type) and issubclass(part, Part):
            part = part.model_fields[name].annotation
            while not (isinstance(part, type) and issubclass(part, Part)):
                part = next(each for each in get_args(part) if each not in (NoneType, ...))
    return list(part.model_fields)
