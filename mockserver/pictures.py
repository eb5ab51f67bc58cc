"""Pictures of a scenario, and of what came of one: gathers what is to be drawn, and has it drawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from mockserver.kernel.drifts import Drift
from mockserver.kernel.windows import SECOND, parse_instant
from mockserver.simulation import charts
from mockserver.simulation.planning import Plan

Rows = Callable[[str], Iterator[bytes]]
"""Yields an export as JSON lines, by its name."""


def draw_outlook(plan: Plan, file: Path, seed: int | None = None) -> None:
    """Draw what is to be expected of a scenario, of which nothing is played.

    :param seed: in place of the scenario's.
    :raises Unusable: it cannot be drawn, or not written.
    """
    from mockserver.kernel.ids import Draws
    from mockserver.simulation.usage import Usage

    charts.check(file)
    script = plan.script
    usage = None
    if script.traffic is not None:
        usage = Usage(script, Draws(script.seed if seed is None else seed), plan.drifts)
    charts.save(charts.outlook(plan, usage), file)


def draw_world(world: str, rows: Rows, file: Path) -> None:
    """Draw what came of a world's traffic.

    :raises Unusable: it cannot be read, drawn or written.
    """
    charts.check(file)
    played = charts.Played()
    for row in _objects(rows("calls")):
        score = row["score"]
        played.add_call(
            row["endpoint"], parse_instant(row["at"]), row["status"], None if score is None else float(score)
        )
    for row in _objects(rows("ledger")):
        # Work that outlives its request, such as an evaluation, is a subject of its own each time.
        paid_for = row["subject"] if row["request_id"] else row["operation"]
        is_debit = row["kind"] == "debit"
        played.add_movement(parse_instant(row["at"]), row["amount_micro_usd"], paid_for, is_debit=is_debit)
    drifts = [_drift(row) for row in _objects(rows("truth"))]
    charts.save(charts.retrospect(world, played, drifts), file)


def _objects(pieces: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from map(json.loads, lines)


def _drift(row: dict[str, Any]) -> Drift:
    return Drift(
        row["kind"], row["subject"], parse_instant(row["onset"]), float(row["size"]), row["shape"],
        None if row["end"] is None else parse_instant(row["end"]),
        0 if row["over_s"] is None else round(float(row["over_s"]) * SECOND), row["cause"],
    )  # fmt: skip
