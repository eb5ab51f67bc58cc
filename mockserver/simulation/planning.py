"""What a scenario comes to: its timeline with every instant resolved, and everything that cannot be named by its line.

What only a world can tell, such as whether an endpoint is there, is left to `unmet`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

from mockserver.control.drifts import DriftRequest
from mockserver.control.faults import FaultRequest
from mockserver.control.operations.drifts import drift_of, kinds
from mockserver.kernel.drifts import Drift
from mockserver.kernel.errors import InvalidRequest
from mockserver.kernel.faults import Fault
from mockserver.kernel.money import MicroUsd, micro_usd
from mockserver.kernel.windows import format_instant
from mockserver.simulation.parts import RequestPart, as_json
from mockserver.simulation.script import FaultyScript, Script
from mockserver.vendors.vendor import Vendor


class TopUp(NamedTuple):
    """Credit that is bought at an instant."""

    at: int
    amount: MicroUsd


class Step(NamedTuple):
    """A request that is sent at an instant, and perhaps again every so often until the traffic ends.

    :param number: its place in the file, from 0.
    """

    at: int
    number: int
    every_us: int | None
    request: RequestPart


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario in which nothing is relative any more; instants are microseconds since 1970.

    :param starts_at: when its clock begins; `None` where it has no timeline and so begins whenever it is played.
    :param history_until: up to when everything is there at once; never before `starts_at`.
    :param ends_at: when the traffic ends, `None` for never.
    :param drifts: in the order of the file; `faults` likewise.
    :param top_ups: in order of time; `steps` likewise. What is at one instant keeps the order of the file.
    """

    script: Script
    starts_at: int | None
    history_until: int | None
    ends_at: int | None
    drifts: tuple[Drift, ...]
    faults: tuple[Fault, ...]
    top_ups: tuple[TopUp, ...]
    steps: tuple[Step, ...]


def plan(script: Script, vendors: Sequence[Vendor], history_us: int | None = None) -> Plan:
    """Return what a scenario comes to.

    :param history_us: how much of it is there at once, in place of what the scenario says.
    :raises FaultyScript: it says something that cannot be; every fault is named with its line.
    """
    raise NotImplementedError
