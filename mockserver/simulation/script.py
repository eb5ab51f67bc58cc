"""The format of scenario files. Every fault is reported with the file and line it stands in."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import yaml
from pydantic import ValidationError

from mockserver.config import parse_clock
from mockserver.kernel.errors import Unusable
from mockserver.kernel.windows import parse_duration, parse_instant
from mockserver.kernel.world import Beginning
from mockserver.simulation.parts import (
    ClientPart,
    ClockPart,
    CustomersPart,
    DriftPart,
    EventPart,
    FaultPart,
    IntegratorPart,
    Part,
    RequestPart,
    RevenuePart,
    Span,
    StartPart,
    TrafficPart,
    WalletPart,
)


class FaultyScript(Unusable):
    """A scenario file says something that cannot be; `lines` are `file:line: fault`."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("; ".join(lines))


class Script(Part):
    """One scenario.

    :param purpose: one line on what it is good for.
    :param expect: what comes of it, for whoever plays it.
    :param length: how long there is traffic; as long as the world is there, if absent.
    :param history: how much of it is there at once when the scenario is played; the rest comes as the clock moves. All
        of it, or with endless traffic none, if absent.
    :param events: what each answered call is reported as.
    :param steps: requests sent while the traffic goes on.
    """

    name: str
    purpose: str
    expect: str = ""
    seed: int = 0
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
