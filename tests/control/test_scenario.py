"""Scenarios in one world: played as it is, by shipped name or by text; stopped, and let go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mockserver import resources
from mockserver.app import Simulator
from mockserver.control.routes import control_app
from mockserver.kernel.windows import DAY, parse_instant
from mockserver.simulation.stage import Stage
from tests.control.conftest import ControlClient
from tests.scenes import SCENE
from tests.waiting import wait_until

OWN = (
    "name: own\npurpose: mine\nseed: 5\nclock: {mode: frozen, at: 2026-05-01T00:00:00Z}\nstart: {balance_usd: '0.25'}\n"
)
FAULTY = "name: own\npurpose: x\nsed: 1\ncustomers: {count: 0}\n"
LIVE = SCENE.replace("mode: frozen", "mode: x3600")
SCENARIO = "worlds/acme/scenario"


@pytest.fixture
def control(simulator: Simulator) -> ControlClient:
    return ControlClient(control_app(simulator.worlds, simulator.vendors, None, simulator.stage))


def play(control: ControlClient, text: str = SCENE, **options: Any) -> dict[str, Any]:
    answer = control.post(SCENARIO, {"name": "scene.yaml", "text": text, **options})
    assert answer.status_code == 200, answer.text
    played: dict[str, Any] = answer.json()
    return played


def now(control: ControlClient) -> str:
    shown: str = control.get("worlds/acme/clock").json()["now"]
    return shown


def test_a_shipped_scenario_brings_its_seed_and_its_balance(control: ControlClient) -> None:
    played = control.post(SCENARIO, {"name": "empty-wallet"}).json()

    assert (played["name"], played["seed"]) == ("empty-wallet", 1)
    assert control.get("worlds/acme/credits").json()["balance_micro_usd"] == 0
    assert control.get("worlds/acme").json()["seed"] == 1
    assert control.get("worlds/acme/ledger").json()["data"][-1]["subject"] == "scenario empty-wallet"
    assert control.get(SCENARIO).json() == played


def test_a_scenario_of_ones_own_travels_as_text(control: ControlClient) -> None:
    played = control.post(SCENARIO, {"name": "own.yaml", "text": OWN, "seed": 9}).json()

    assert (played["name"], played["purpose"], played["seed"]) == ("own", "mine", 9)
    assert played["played_at"] == "2026-05-01T00:00:00Z"
    assert (played["starts_at"], played["position"]) == (None, None)  # it has no traffic
    assert control.get("worlds/acme/credits").json()["balance_usd"] == "0.25"
    assert control.get("worlds/acme/clock").json() == {"mode": "frozen", "now": "2026-05-01T00:00:00Z", "rate": 0}


def test_only_the_world_it_is_played_in_changes(control: ControlClient) -> None:
    before = control.get("worlds/other/credits").json()

    control.post(SCENARIO, {"name": "empty-wallet"})

    assert control.get("worlds/other/credits").json() == before
    assert control.get("worlds/other/scenario").json()["name"] is None


def test_an_unknown_scenario_names_the_shipped_ones_and_changes_nothing(control: ControlClient) -> None:
    refused = control.post(SCENARIO, {"name": "/etc/passwd"})

    assert refused.status_code == 422
    assert refused.json()["detail"] == (
        f"name: no scenario '/etc/passwd'; there are: {', '.join(resources.scenario_names())}"
    )
    assert control.get(SCENARIO).json()["name"] is None


def test_a_faulty_text_is_refused_with_every_fault_and_its_line(control: ControlClient) -> None:
    refused = control.post(SCENARIO, {"name": "own.yaml", "text": FAULTY})

    assert refused.status_code == 422
    said = [each["message"] for each in refused.json()["errors"]]
    assert [each.rpartition(": ")[0] for each in said] == ["own.yaml:3: sed", "own.yaml:4: customers.count"]
    assert control.get(SCENARIO).json()["name"] is None
    assert control.get("worlds/acme/ledger").json() == control.get("worlds/other/ledger").json()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x" * 201}, "name"),
        ({"name": "own", "text": "x" * 1_048_577}, None),
        ({"name": "own", "history": "a while"}, "history"),
        ({"name": "own", "seed": 2**63}, "seed"),
        ({"name": "own", "when": "now"}, "when"),
    ],
)
def test_what_cannot_be_is_refused(control: ControlClient, body: dict[str, Any], field: str | None) -> None:
    refused = control.post(SCENARIO, body)

    assert refused.status_code == (413 if field is None else 422)
    if field is not None:
        assert [each["field"] for each in refused.json()["errors"]] == [field]


def test_a_snapshot_brings_back_seed_and_scenario(control: ControlClient) -> None:
    nothing = control.get(SCENARIO).json()
    kept = control.post("worlds/acme/snapshots", {}).json()["id"]
    control.post(SCENARIO, {"name": "empty-wallet"})

    control.post("worlds/acme/restore", {"snapshot": kept})

    assert control.get(SCENARIO).json() == nothing
    assert control.get("worlds/acme").json()["seed"] == 7


# Traffic


def test_its_history_is_there_when_this_answers(control: ControlClient) -> None:
    played = play(control)

    assert played["starts_at"] == "2026-03-02T00:00:00Z"
    assert played["history_ends_at"] == played["position"] == now(control) == "2026-03-04T00:00:00Z"
    assert played["ends_at"] == "2026-03-05T00:00:00Z"
    assert (played["is_filled"], played["is_over"], played["is_paused"]) == (True, False, False)
    assert 300 < played["tallies"]["calls"] < 550
    assert played["planted"]["missing"] > 0
    assert played["planted"]["doubled"] > 0
    assert control.get(SCENARIO).json() == played
    assert control.get("worlds/acme/invariants").json()["holds"]


def test_what_was_planted_is_what_the_books_differ_by(control: ControlClient) -> None:
    played = play(control, history="3d")
    control.post("worlds/acme/clock/advance", {"by": "1d"})
    played = control.get(SCENARIO).json()

    found = control.get("worlds/acme/reconciliation").json()["kinds"]

    assert {kind: found[kind]["count"] for kind in played["planted"]} == played["planted"]


def test_the_rest_comes_as_the_clock_moves(control: ControlClient) -> None:
    before = play(control)["tallies"]["calls"]

    control.post("worlds/acme/clock/advance", {"by": "3d"})
    after = control.get(SCENARIO).json()

    assert after["tallies"]["calls"] > before
    assert after["is_over"]


def test_how_much_is_history_can_be_said(control: ControlClient) -> None:
    none = play(control, history="0s")

    assert (none["position"], none["tallies"].get("calls", 0)) == ("2026-03-02T00:00:00Z", 0)
    control.post("worlds/acme/clock/advance", {"by": "2d"})
    there = control.get(SCENARIO).json()
    control.post("worlds/acme/reset")
    again = play(control)
    assert {**there, "history_ends_at": again["history_ends_at"]} == again


def test_a_world_that_has_seen_later_things_is_told_what_to_do(control: ControlClient) -> None:
    control.put("worlds/acme/clock", {"mode": "frozen", "now": "2026-03-02T00:00:01Z"})
    control.post("worlds/acme/credits/grants", {"amount_usd": "1"})

    refused = control.post(SCENARIO, {"name": "own", "text": SCENE})

    assert refused.status_code == 409
    assert "reset it first, or play it in a new world" in refused.json()["detail"]
    assert control.get(SCENARIO).json()["name"] is None


def test_one_with_traffic_is_enough_for_a_world(control: ControlClient) -> None:
    played = play(control)

    refused = control.post(SCENARIO, {"name": "own", "text": SCENE.replace("seed: 11", "seed: 12")})

    assert refused.status_code == 409
    assert "reset it first" in refused.json()["detail"]
    assert control.get(SCENARIO).json() == played


# By hand


def test_paused_nothing_happens_until_it_is_resumed(control: ControlClient) -> None:
    play(control, LIVE)
    paused = control.post(f"{SCENARIO}/pause").json()
    at = now(control)

    assert paused["is_paused"]
    assert control.get("worlds/acme/clock").json()["mode"] == "frozen"
    assert now(control) == at
    assert control.get(SCENARIO).json() == paused

    resumed = control.post(f"{SCENARIO}/resume").json()
    clock = control.get("worlds/acme/clock").json()

    assert not resumed["is_paused"]
    assert (clock["mode"], clock["rate"]) == ("scaled", 3600)
    assert parse_instant(clock["now"]) > parse_instant(at)


def test_a_step_is_so_long_or_to_what_happens_next(control: ControlClient) -> None:
    before = play(control)
    control.post(f"{SCENARIO}/pause")

    further = control.post(f"{SCENARIO}/step", {"by": "1h"}).json()

    assert further["position"] == now(control) == "2026-03-04T01:00:00Z"

    one = control.post(f"{SCENARIO}/step").json()

    assert sum(one["tallies"].values()) > sum(further["tallies"].values())
    assert one["tallies"].get("calls", 0) - further["tallies"].get("calls", 0) <= 1
    assert one["is_paused"]
    assert before["tallies"]["calls"] <= one["tallies"]["calls"]


@pytest.mark.parametrize("how", ["pause", "resume", "step"])
def test_where_nothing_plays_there_is_nothing_to_stop(control: ControlClient, how: str) -> None:
    refused = control.post(f"{SCENARIO}/{how}", {} if how == "step" else None)

    assert refused.status_code == 409
    assert "no scenario" in refused.json()["detail"]


@pytest.mark.parametrize(("before", "how"), [("pause", "pause"), (None, "resume"), (None, "step")])
def test_what_stands_cannot_be_stopped_and_what_goes_cannot_be_pushed(
    control: ControlClient, before: str | None, how: str
) -> None:
    play(control, LIVE)
    if before is not None:
        control.post(f"{SCENARIO}/{before}")

    refused = control.post(f"{SCENARIO}/{how}", {} if how == "step" else None)

    assert refused.status_code == 409
    assert "paused" in refused.json()["detail"]


# In pieces


def test_how_long_pieces_are_changes_nothing(simulator: Simulator) -> None:
    """Slices that are over before they begin are as short as pieces get."""
    told = []
    for name, slice_s in (("long", None), ("short", 0.0)):
        with simulator.store.committed():
            world = simulator.worlds.admit(name)
            simulator.stage.play(world, "scene.yaml", SCENE, None, DAY)
        pieces = list(simulator.stage.backfill(world, slice_s))
        told.append(pieces[-1])
        assert len(pieces) > 100 if slice_s == 0.0 else len(pieces) < 5

    assert told[0] == told[1]


class Held:
    """A stage whose history waits before each piece but the first until it is let on."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.is_waiting = threading.Event()
        self.go_on = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)

    def backfill(self, world: Any, slice_s: float | None = None) -> Iterator[dict[str, Any]]:
        for piece in self._stage.backfill(world):
            self.is_waiting.set()
            yield piece
            assert self.go_on.wait(10)


@pytest.fixture
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.simulation.player.PIECE_CALLS", 50)


@pytest.fixture
def held(simulator: Simulator, short_pieces: None) -> Held:
    return Held(simulator.stage)


@pytest.fixture
def half_played(simulator: Simulator, held: Held) -> Iterator[ControlClient]:
    """A client, while somebody else waits for a scenario's history in world `acme`."""
    control = ControlClient(control_app(simulator.worlds, simulator.vendors, None, held))
    answers: list[int] = []

    def wait() -> None:
        answers.append(control.request_unchecked("POST", SCENARIO, json={"name": "s", "text": SCENE}).status_code)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert held.is_waiting.wait(10)
    yield control
    held.go_on.set()
    waiting.join(10)
    assert answers


def test_meanwhile_others_are_served_and_its_own_world_shows_a_true_beginning(
    control: ControlClient, half_played: ControlClient, held: Held
) -> None:
    assert control.get("worlds/other/credits").status_code == 200
    so_far = control.get(SCENARIO).json()

    assert not so_far["is_filled"]
    assert "2026-03-02T00:00:00Z" < so_far["position"] < "2026-03-04T00:00:00Z"
    assert parse_instant(so_far["position"]) <= parse_instant(now(control))  # and nothing happened in between
    assert 0 < so_far["tallies"]["calls"] < 300
    assert control.get("worlds/acme/invariants").json()["holds"]
    assert control.post(f"{SCENARIO}/pause").status_code == 409

    held.go_on.set()

    assert wait_until(lambda: control.get(SCENARIO).json()["is_filled"])


def test_who_asks_for_the_same_meanwhile_waits_for_the_same(
    control: ControlClient, half_played: ControlClient, held: Held
) -> None:
    threading.Timer(0.2, held.go_on.set).start()

    both = play(control)

    assert both["is_filled"]
    assert both == play_alone(control)


def play_alone(control: ControlClient) -> dict[str, Any]:
    played: dict[str, Any] = control.post("worlds/alone/scenario", {"name": "scene.yaml", "text": SCENE}).json()
    return played


def test_who_resets_the_world_meanwhile_ends_it(simulator: Simulator, short_pieces: None) -> None:
    control = ControlClient(control_app(simulator.worlds, simulator.vendors, None, simulator.stage))
    stage = simulator.stage

    class Resetting(Held):
        def backfill(self, world: Any, slice_s: float | None = None) -> Iterator[dict[str, Any]]:
            for piece in stage.backfill(world):
                yield piece
                control.post("worlds/acme/reset")

    other = ControlClient(control_app(simulator.worlds, simulator.vendors, None, Resetting(stage)))
    refused = other.post(SCENARIO, {"name": "s", "text": SCENE})

    assert refused.status_code == 409
    assert "reset" in refused.json()["detail"]
    assert control.get(SCENARIO).json()["name"] is None


def test_a_server_that_stops_ends_it_and_the_same_request_goes_on(
    simulator: Simulator, short_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = ControlClient(control_app(simulator.worlds, simulator.vendors, None, simulator.stage))
    monkeypatch.setattr("mockserver.control.operations.scenario.time.sleep", lambda _: simulator.hang_up())

    refused = control.post(SCENARIO, {"name": "scene.yaml", "text": SCENE})

    assert refused.status_code == 409
    assert not control.get(SCENARIO).json()["is_filled"]
    monkeypatch.undo()
    assert play(control) == play_alone(control)
