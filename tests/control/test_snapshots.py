"""Going back: what a snapshot keeps, and that a detour leaves no trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.drifts import Drift
from mockserver.kernel.faults import Effect, Fault, When
from mockserver.kernel.stubs import Stub
from mockserver.kernel.windows import DAY, SECOND, parse_instant
from mockserver.kernel.world import World, Worlds
from tests.control import toy
from tests.control.conftest import START, ControlClient

CHAT = {"model": "ep-contract-key-fields", "messages": [{"role": "user", "content": "Effective as of 2026-01-01."}]}


def buy(shop: httpx.Client, item: str) -> None:
    assert shop.post("/shop/sales", json={"item": item}).status_code == 200


def contents(world: World) -> dict[str, Any]:
    """Return everything a world is: its rows, its clock, its seed and its switches."""
    store = world.store
    rows = {
        name: sorted(map(repr, (row[1:] for row in store.all(f'SELECT * FROM "{name}" WHERE world = ?', (world.id,)))))
        for name in store.worldly_tables
    }
    return {"rows": rows, "now": world.clock.now(), "seed": world.draws.seed, "switches": dict(world.switches)}


def test_a_snapshot_says_when_it_was_taken_and_of_how_much(control: ControlClient, shop: httpx.Client) -> None:
    buy(shop, "tea")

    taken = control.post("worlds/acme/snapshots", {"name": "one <b>sale</b>"})
    control.post("worlds/acme/snapshots")

    assert taken.status_code == 201
    assert taken.json() == {"id": "snapshot-1", "name": "one <b>sale</b>", "at": START, "requests": 1}
    listed = control.get("worlds/acme/snapshots").json()
    assert [each["id"] for each in listed["data"]] == ["snapshot-1", "snapshot-2"]
    assert control.get("worlds/acme/snapshots?limit=1").json()["next"] == 1


def test_a_world_is_put_back_whole_and_more_than_once(
    control: ControlClient, shop: httpx.Client, worlds: Worlds
) -> None:
    buy(shop, "tea")
    world = worlds.get("acme")
    with worlds.store.committed():
        world.faults.add(world.count("faults"), Fault({}, (), Effect(status=503), When(first=1)))
        world.stubs.add(world.count("stubs"), Stub("toy.sales.create", {}, (), ({"item": "stubbed"},)))
        world.drifts.add(world.count("drifts"), Drift("quality", "*", world.clock.now(), 0.5))
        world.schedule.add(world.clock.now() + DAY, "toy.stipend", "me")
    control.put("worlds/acme/switches", {"toy.strict": True})
    before = contents(world)
    control.post("worlds/acme/snapshots")

    for detour in range(2):
        with worlds.store.committed():
            worlds.get("acme").faults.clear()
            worlds.get("acme").stubs.clear()
        control.put("worlds/acme/switches", {"toy.strict": False})
        control.post("worlds/acme/clock/advance", {"by": "3d"})
        buy(shop, f"milk {detour}")
        assert contents(worlds.get("acme")) != before

        restored = control.post("worlds/acme/restore", {"snapshot": "snapshot-1"})

        assert restored.json() == control.get("worlds/acme").json()
        assert contents(worlds.get("acme")) == before
        assert [armed.id for armed in worlds.get("acme").faults.armed] == ["fault-1"]
        assert len(worlds.get("acme").stubs.stubs) == len(worlds.get("acme").drifts.all) == 1


def test_taking_a_snapshot_changes_nothing(control: ControlClient, shop: httpx.Client, worlds: Worlds) -> None:
    buy(shop, "tea")
    before = contents(worlds.get("acme"))

    control.post("worlds/acme/snapshots")

    assert contents(worlds.get("acme")) == before


@pytest.mark.parametrize("undo", ["delete", "reset"])
def test_snapshots_go_with_their_world(control: ControlClient, worlds: Worlds, undo: str) -> None:
    control.post("worlds", {"name": "acme"})
    control.post("worlds", {"name": "acme-2"})
    control.post("worlds/acme/snapshots")
    control.post("worlds/acme-2/snapshots")

    control.delete("worlds/acme") if undo == "delete" else control.post("worlds/acme/reset")

    assert control.get("worlds/acme/snapshots").json()["data"] == []
    assert len(control.get("worlds/acme-2/snapshots").json()["data"]) == 1
    identifiers = {row[0] for row in worlds.store.all("SELECT id FROM worlds")}
    for table in worlds.store.worldly_tables:
        assert {row[0] for row in worlds.store.all(f'SELECT DISTINCT world FROM "{table}"')} <= identifiers


def test_a_snapshot_can_be_removed(control: ControlClient, worlds: Worlds) -> None:
    for _ in range(3):
        control.post("worlds/acme/snapshots")

    assert control.delete("worlds/acme/snapshots/snapshot-2").status_code == 204

    assert [each["id"] for each in control.get("worlds/acme/snapshots").json()["data"]] == ["snapshot-1", "snapshot-3"]
    assert control.post("worlds/acme/snapshots").json()["id"] == "snapshot-4"
    assert control.delete("worlds/acme/snapshots/snapshot-2").status_code == 404


def test_snapshots_are_no_worlds_to_anybody_else(control: ControlClient) -> None:
    control.post("worlds/acme/snapshots", {"name": "a"})
    control.post("worlds/acme/fork", {"name": "copy"})

    assert [world["name"] for world in control.get("worlds").json()["data"]] == ["acme", "copy"]
    assert control.get("worlds/copy/snapshots").json()["data"] == []
    assert control.request_unchecked("GET", "worlds/~acme%2F1%2Fa/clock").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("worlds/acme/restore", {"snapshot": "snapshot-2"}, 404, "Snapshot 'snapshot-2' not found"),
        ("worlds/acme/restore", {}, 422, "snapshot"),
        ("worlds/acme/restore", {"snapshot": "snapshot-1", "to": 1}, 422, "to"),
        ("worlds/acme/snapshots", {"name": 1}, 422, "name"),
        ("worlds/~/snapshots", {}, 409, "template"),
        ("worlds/~/restore", {"snapshot": "snapshot-1"}, 409, "template"),
        ("worlds/a%20b/restore", {"snapshot": "snapshot-1"}, 404, "a b"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_changes(
    control: ControlClient, shop: httpx.Client, worlds: Worlds, path: str, body: object, status: int, said: str
) -> None:
    control.post("worlds/acme/snapshots")
    buy(shop, "tea")
    before = contents(worlds.get("acme"))

    refused = control.post(path, body)

    assert refused.status_code == status
    assert said in refused.text
    assert contents(worlds.get("acme")) == before


@pytest.mark.parametrize(("mode", "passed"), [("frozen", 0), ("scaled", 60), ("real", 8 + 1)])
def test_time_goes_on_as_its_mode_has_it(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, mode: Any, passed: int
) -> None:
    """A real clock is as far from the machine's as it was; others show the snapshot's instant again."""
    machine = int(parse_instant(START))
    monkeypatch.setattr("mockserver.kernel.clock.time.time_ns", lambda: machine * 1000)
    worlds = simulator.worlds
    with simulator.store.committed():
        world = worlds.admit("acme")
        worlds.set_clock(world, mode, parse_instant(START) + DAY, 60 if mode == "scaled" else 1)
        snapshot = worlds.snapshot(world)
        machine += 8 * SECOND
        worlds.advance(world, DAY)
        restored = worlds.restore(world, snapshot.id)
        machine += SECOND

    assert restored.clock.now() == parse_instant(START) + DAY + passed * SECOND


def test_a_snapshot_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "worlds.db"
    first = Simulator(Settings(db=path))
    with first.store.committed():
        world = first.worlds.admit("acme")
        before = contents(first.worlds.get("acme"))["rows"]
        first.worlds.snapshot(world, "start")
    with client_of(first) as pareta:
        pareta.post("/v1/chat/completions", json=CHAT)
    first.close()

    second = Simulator(Settings(db=path))
    with second.store.committed():
        world = second.worlds.get("acme")
        assert [(each.id, each.label) for each in second.worlds.snapshots(world)] == [("snapshot-1", "start")]
        after = contents(second.worlds.restore(world, "snapshot-1"))["rows"]
    second.close()

    assert after == before


def test_a_stream_in_flight_ends_without_a_trace(simulator: Simulator) -> None:
    with simulator.store.committed():
        simulator.worlds.snapshot(simulator.worlds.admit("acme"))
    body = {**CHAT, "stream": True}
    with client_of(simulator) as pareta, pareta.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data: ")
        with simulator.store.committed():
            restored = simulator.worlds.restore(simulator.worlds.get("acme"), "snapshot-1")
        rest = list(lines)

    assert "data: [DONE]" not in rest
    assert restored.journal.read() == []
    assert restored.holds == {}
    account = next(vendor.account for vendor in simulator.vendors if vendor.account)
    with simulator.store.committed():
        assert account.balance(restored) == account.balance(simulator.worlds.admit("untouched"))


def client_of(simulator: Simulator) -> httpx.Client:
    return httpx.Client(
        transport=InProcessTransport(simulator.gateway),
        base_url="http://mock",
        headers={"Authorization": "Bearer pareta_sk_test_acme"},
    )


# Whatever is done between a snapshot and the way back to it has not been done


def chat(client: httpx.Client, simulator: Simulator) -> bytes:
    return client.post("/v1/chat/completions", json=CHAT).content


def keyed(client: httpx.Client, simulator: Simulator) -> bytes:
    return client.post("/v1/chat/completions", json=CHAT, headers={"Idempotency-Key": "k"}).content


def streamed(client: httpx.Client, simulator: Simulator) -> bytes:
    return client.post("/v1/chat/completions", json={**CHAT, "stream": True}).content


def event(client: httpx.Client, simulator: Simulator) -> bytes:
    body = {"type": "t", "source": "s", "subject": "u", "data": {"a": 1}, "idempotencyKey": "k"}
    headers = {"Authorization": "Bearer sk_test_acme"}
    return client.post("/v0/events", json=body, headers=headers).content


def refused(client: httpx.Client, simulator: Simulator) -> bytes:
    return client.post("/v1/chat/completions", json={"model": "none"}).content


def delete(client: httpx.Client, simulator: Simulator) -> bytes:
    return client.delete("/v1/eval-sets/es_contracts").content


def advance(client: httpx.Client, simulator: Simulator) -> bytes:
    with simulator.store.committed():
        simulator.worlds.advance(simulator.worlds.get("acme"), DAY // 3)
    return b""


def arm(client: httpx.Client, simulator: Simulator) -> bytes:
    with simulator.store.committed():
        world = simulator.worlds.get("acme")
        world.faults.add(world.count("faults"), Fault({}, (), Effect(latency=None, lost_ack=False), When(rate=0.5)))
    return b""


STEPS: list[Callable[[httpx.Client, Simulator], bytes]] = [
    chat, keyed, streamed, event, refused, delete, advance, arm,
]  # fmt: skip
steps = st.lists(st.sampled_from(STEPS), max_size=5)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=steps, detour=steps, after=steps)
def test_a_detour_leaves_no_trace(simulator: Simulator, before: list[Any], detour: list[Any], after: list[Any]) -> None:
    straight, answers = walked(simulator, before, [], after)
    roundabout, answers_again = walked(simulator, before, detour, after)

    assert answers_again == answers
    assert roundabout == straight


def walked(simulator: Simulator, before: list[Any], detour: list[Any], after: list[Any]) -> tuple[str, list[bytes]]:
    """Return all that is left in a fresh world, and what was answered outside the detour."""
    worlds = simulator.worlds
    with simulator.store.committed():
        worlds.reset(worlds.admit("acme"))
    with client_of(simulator) as client:
        answers = [step(client, simulator) for step in before]
        with simulator.store.committed():
            snapshot = worlds.snapshot(worlds.get("acme"))
        for step in detour:
            step(client, simulator)
        with simulator.store.committed():
            worlds.restore(worlds.get("acme"), snapshot.id)
        answers += [step(client, simulator) for step in after]
    left = contents(worlds.get("acme"))
    journal = [repr(entry) for entry in worlds.get("acme").journal.read(limit=1000)]
    return json.dumps([left, journal]), answers


def test_the_toys_stipend_is_paid_again_after_the_way_back(control: ControlClient, worlds: Worlds) -> None:
    with worlds.store.committed():
        world = worlds.admit("acme")
        world.schedule.add(world.clock.now() + DAY, "toy.stipend", "me")
    control.post("worlds/acme/snapshots")

    balances = []
    for _ in range(2):
        control.post("worlds/acme/clock/advance", {"by": "2d"})
        balances.append(control.get("worlds/acme/credits").json()["balance_micro_usd"])
        control.post("worlds/acme/restore", {"snapshot": "snapshot-1"})

    assert balances == [1_020_000, 1_020_000]
    assert toy.account.balance(worlds.get("acme")) == 1_000_000
