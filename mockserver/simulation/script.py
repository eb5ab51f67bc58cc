"""The format of scenario files. Every fault is reported with the file and line it stands in."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mockserver.config import parse_clock
from mockserver.kernel.errors import Unusable
from mockserver.kernel.money import micro_usd
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning


class FaultyScript(Unusable):
    """A scenario file says something that cannot be; `lines` are `file:line: fault`."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("; ".join(lines))


def _checked(value: str, *, by: Any) -> str:
    by(value)
    return value


def _dollars(value: str) -> str:
    if micro_usd(value) < 0:
        raise ValueError("a balance is not below zero")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class ClockPart(_Part):
    """The clock of new worlds.

    :param mode: `real`, `frozen` or `x60`, as the command line has it.
    :param at: ISO 8601 instant the clock shows at first; the machine's time if absent.
    """

    mode: Annotated[str, AfterValidator(lambda text: _checked(text, by=parse_clock))] = "real"
    at: Annotated[str, AfterValidator(lambda text: _checked(text, by=parse_instant))] | None = None


class StartPart(_Part):
    """The state of new worlds.

    :param balance_usd: prepaid balance in dollars; that of the shipped data if absent.
    """

    balance_usd: Annotated[str, AfterValidator(_dollars)] | None = None


class Script(_Part):
    """One scenario.

    :param purpose: one line on what it is good for.
    """

    name: str
    purpose: str
    seed: int = 0
    clock: ClockPart = Field(default_factory=ClockPart)
    start: StartPart = Field(default_factory=StartPart)

    @property
    def beginning(self) -> Beginning:
        """The seed and clock of new worlds."""
        mode, rate = parse_clock(self.clock.mode)
        at = None if self.clock.at is None else parse_instant(self.clock.at)
        return Beginning(self.seed, mode, rate, at)


class _Loader(yaml.SafeLoader):
    """Leaves numbers with a point and instants as the text that was written: amounts stay exact."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own attribute
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":float"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def load(path: Path) -> Script:
    """Read a scenario file.

    :raises FaultyScript: it is not YAML, or not a scenario.
    :raises Unusable: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"cannot read {path}: {error}") from None
    return parse(text, str(path))


def parse(text: str, path: str) -> Script:
    """Read a scenario.

    :param path: what to call the file in messages.
    :raises FaultyScript: it is not YAML, or not a scenario.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        data = loader.construct_document(root) if root is not None else None
    except yaml.YAMLError as error:
        raise FaultyScript([_syntax_fault(path, error)]) from None
    try:
        return Script.model_validate(data)
    except ValidationError as error:
        raise FaultyScript(
            [f"{path}:{_line(root, item['loc'])}: {_fault(item['loc'], item['msg'])}" for item in error.errors()]
        ) from None


def _syntax_fault(path: str, error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{path}:{error.problem_mark.line + 1}: {error.problem or error.context}"
    return f"{path}:1: {' '.join(str(error).split())}"


def _fault(where: tuple[Hashable, ...], message: str) -> str:
    field = ".".join(str(part) for part in where)
    message = message.removeprefix("Value error, ")
    return f"{field}: {message}" if field else message


def _line(root: yaml.Node | None, where: tuple[Hashable, ...]) -> int:
    """Return the line of a field, or of the innermost part around it that was written."""
    node, line = root, 1
    for part in where:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == part:
                line, node = key.start_mark.line + 1, value
                break
        else:
            break
    return line
