"""Whatever goes wrong with reports in a real world: the reconciliation finds what was planted, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.app import Simulator
from mockserver.kernel.windows import HOUR
from tests.simulation.playing import COST, END, broken, differences, moved, played

SCENARIO = """
name: leaks
purpose: reports that get lost
seed: 11
clock: {mode: frozen, at: 2026-03-02T00:00:00Z}
start:
  balance_usd: 50
  requests: %s
length: 12h
customers: {count: 6}
traffic:
  calls_per_day: 800
  conversation: {turns: 2}
  uses: [{endpoint: ep-contract-key-fields}, {endpoint: auto}]
events:
  - type: cost.ai.inference
    of: [ep-*, auto]
    data: {%scost_usd: "{cost_usd}", endpoint: "{endpoint}", tokens: "{usage.total_tokens}"}
%s
"""

WITH_ID = 'call: "{id}", '
EVENTS, CALLS = "operation: events.ingest, rate: 0.3", "operation: chat.completions.create, rate: 0.3"

LEAKS: dict[str, tuple[str, str, str]] = {
    "nothing goes wrong": ("", "", ""),
    "slips": ("", "integrator: {forgets: 0.1, doubles: 0.1, overstates: 0.1, key: attempt}", "missing doubled wrong"),
    "slips that a key makes harmless": ("", "integrator: {doubles: 0.5}", ""),
    "events whose call is named by their data alone": (WITH_ID, "integrator: {key: none, doubles: 0.1}", "doubled"),
    "events that name no call": ("", "integrator: {key: none}", "missing unknown"),
    "lost acknowledgements of events, careful": ("", f"faults: [{{{EVENTS}, lost_ack: true}}]", ""),
    "lost acknowledgements of events, careless": (
        "", f"faults: [{{{EVENTS}, lost_ack: true}}]\nintegrator: {{key: attempt}}", "doubled"
    ),
    "false acknowledgements of events": ("", f"faults: [{{{EVENTS}, false_ack: true}}]", "missing"),
    "events refused for good": ("", f"faults: [{{{EVENTS}, status: 400}}]", "missing"),
    "events refused for long": ("", f"faults: [{{{EVENTS}, status: 503}}]\nintegrator: {{retries: 1}}", "missing"),
    "events that come twice": ("", f"faults: [{{{EVENTS}, double: new_key}}]", "doubled"),
    "events that come twice under one key": ("", f"faults: [{{{EVENTS}, double: other_payload}}]", ""),
    "events that come twice without a key": (
        WITH_ID, f"faults: [{{{EVENTS}, double: other_payload}}]\nintegrator: {{key: none}}", "doubled"
    ),
    "events a hundred times too large": ("", f'faults: [{{{EVENTS}, scale_values: "100"}}]', "wrong"),
    "late events": ("", f"faults: [{{{EVENTS}, late: 3h}}, {{{EVENTS}, delay_visibility: 2h}}]", ""),
    "late events after a key's day": (
        "", f"faults: [{{{EVENTS}, late: 25h, lost_ack: true}}]\nintegrator: {{retries: 1}}", "doubled"
    ),
    "wrong events that come at the instant of the right ones": (
        "", f'faults: [{{{EVENTS}, late: 2s, lost_ack: true, scale_values: "9"}}]\nintegrator: {{backoff: 2s}}', "wrong"
    ),
    "calls without an answer": ("", f"faults: [{{{CALLS}, lost_ack: true}}]", "missing"),
    "calls without an answer, made again under another key": (
        "", f"faults: [{{{CALLS}, lost_ack: true}}]\nclient: {{reuses_key: false}}", "missing"
    ),
    "calls that were never made": ("", f"faults: [{{{CALLS}, false_ack: true}}]", "unknown"),
    "calls that fail": (
        "", f"faults: [{{{CALLS}, status: 503}}, {{{CALLS}, timeout: 20}}, {{{CALLS}, reset: true}}]", ""
    ),
    "answers without their id": ("", f"faults: [{{{CALLS}, drop_field: id}}]", "missing unknown"),
    "answers that lose fields": (
        "", "drifts: [{kind: contract, subject: chat.completions.create, at: +6h, drop: [usage.total_tokens]}]", ""
    ),
    "a new generation that says the cost elsewhere": (
        "", "drifts: [{kind: contract, subject: 'sent:cost.*', at: +2h, shape: gradual_mix, over: 8h,"
        " rename: {cost_usd: usd}}]", "wrong",
    ),
    "a new generation that says the cost as text": (
        "", "drifts: [{kind: contract, subject: 'sent:cost.*', at: +2h, retype: {cost_usd: string}}]", ""
    ),
    "a new generation that says another cost": (
        "", "drifts: [{kind: contract, subject: 'sent:cost.*', at: +2h, add: {cost_usd: 0.25}}]", "wrong"
    ),
    "everything at once": (
        WITH_ID, f"faults: [{{{CALLS}, lost_ack: true}}, {{{CALLS}, false_ack: true}}, {{{EVENTS}, lost_ack: true}},"
        f" {{{EVENTS}, false_ack: true}}, {{{EVENTS}, late: 2h}}, {{{EVENTS}, double: new_key}},"
        f' {{{EVENTS}, scale_values: "10"}}, {{{CALLS}, delay_visibility: 1h}}]\n'
        "integrator: {forgets: 0.05, doubles: 0.05, overstates: 0.05, key: attempt}",
        "missing doubled wrong unknown",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAKS)
def test_the_reconciliation_finds_what_was_planted_and_nothing_else(simulator: Simulator, name: str) -> None:
    data, rest, kinds = LEAKS[name]

    world = played(simulator, SCENARIO % (COST, data, rest))
    moved(simulator, world, END + 30 * HOUR)  # when the last of the late events has come

    planted: dict[str, Any] = simulator.stage.playing(world)["planted"]
    assert planted == differences(simulator, "acme")
    assert " ".join(kind.partition("_")[0] for kind, count in planted.items() if count) == kinds
    assert broken(simulator, world) == []


def test_who_hears_nothing_of_a_402_does_not_stop(simulator: Simulator) -> None:
    text = SCENARIO % (COST, "", f"faults: [{{{CALLS.replace('0.3', '1')}, lost_ack: true}}]\nclient: {{retries: 1}}")

    world = played(simulator, text.replace("balance_usd: 50", 'balance_usd: "0"'))

    tallies = simulator.stage.playing(world)["tallies"]
    assert tallies["failed"] == tallies["calls"] == 2 * tallies["retried"] > 100
    assert not tallies.get("refused")
    assert not tallies.get("held_back")
