"""The export of calls: what metrics add up, row by row."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mockserver.control.control import Control
from mockserver.control.operations import export
from mockserver.vendors.pareta.operations import calls
from tests.vendors.pareta.org import ENDPOINT, Org


def rows(org: Org) -> list[list[str]]:
    """Return the export's lines, cut into fields; the first are the columns."""
    control = Control(org.simulator.worlds, org.simulator.vendors, {})
    return [line.split(",") for line in b"".join(export.as_csv(control, org.name, "calls")).decode().splitlines()]


def test_every_call_is_a_row_with_what_metrics_say_about_it(org: Org) -> None:
    for _ in range(12):
        org.chat()
    org.chat("auto")
    org.set_balance(0)
    assert org.chat().status_code == 402

    head, *found = rows(org)

    own = [dict(zip(head, row, strict=True)) for row in found if row[0] == ENDPOINT]
    cost, quality, performance = (org.metric(name) for name in ("cost", "quality", "performance"))
    assert [row["status"] for row in own] == ["200"] * 12 + ["402"]
    assert sum(int(row["cost_micro_usd"]) for row in own) == cost["total_micro_usd"]
    assert sum(int(row["frontier_micro_usd"]) for row in own) == cost["frontier_baseline_micro_usd"]
    scores = [float(row["score"]) for row in own if row["score"]]
    assert len(scores) == quality["n_judged"] > 0
    assert sum(scores) / len(scores) == pytest.approx(quality["quality_mean"])
    times = sorted(float(row["latency_ms"]) for row in own if row["status"] == "200")
    assert times[5] == performance["p50_ms"]
    assert [row[0] for row in found].count("auto") == 1


def test_calls_come_by_endpoint_and_in_order_whatever_the_size_of_a_batch(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    for model in (ENDPOINT, "auto", ENDPOINT, "auto", ENDPOINT):
        org.chat(model)
    whole = rows(org)

    monkeypatch.setattr(calls, "_BATCH", 2)

    assert rows(org) == whole
    assert all((one[0], one[1]) <= (other[0], other[1]) for one, other in pairwise(whole[1:]))


def test_calls_of_another_world_are_not_told(org: Org) -> None:
    other = Org(org.simulator, "other")
    other.chat()

    assert rows(org)[1:] == []
