"""Shipped scenarios that are played as the clock moves, in pieces of any length, leave what their histories leave."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mockserver.kernel.windows import format_instant
from tests.scenarios.conftest import Perform
from tests.scenarios.performance import AFTERWARDS, Performance

EXPORTS = ("events.jsonl", "ledger.csv", "truth.jsonl", "costs.csv", "calls.csv")


def exports(performance: Performance) -> dict[str, str]:
    root = f"/_mock/worlds/{performance.world}/export"
    return {name: performance.http.get(f"{root}/{name}").text for name in EXPORTS}


@pytest.mark.parametrize("name", ["retry-storm", "credit-exhaustion", "late-events", "quality-step", "contract-drift"])
def test_live_and_history_leave_the_same_bytes(begin: Perform, perform: Perform, name: str) -> None:
    live = begin(name)
    start, length = live.script.started_at, live.script.length
    assert length is not None
    cuts = [start + part * part * length // 121 // 1_000_000 * 1_000_000 for part in range(12)]

    live.play(until=format_instant(start))
    for _, end in pairwise(cuts):
        live.go_on(format_instant(end))
    live.go_on(format_instant(start + length + AFTERWARDS))

    assert exports(live) == exports(perform(name))
    assert live.control("GET", "scenario")["tallies"] == perform(name).played["tallies"]
