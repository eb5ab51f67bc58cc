from __future__ import annotations

import pytest

from mockserver.kernel.windows import DAY, parse_instant
from mockserver.kernel.world import Worlds
from tests.control.conftest import START, ControlClient


def test_a_clock_is_frozen_at_an_instant_and_moved(control: ControlClient) -> None:
    frozen = control.put("worlds/acme/clock", {"mode": "frozen", "now": "2026-05-01T00:00:00Z"})
    advanced = control.post("worlds/acme/clock/advance", {"by": "86399s"})

    assert frozen.json() == {"mode": "frozen", "now": "2026-05-01T00:00:00Z", "rate": 0}
    assert advanced.json() == {"mode": "frozen", "now": "2026-05-01T23:59:59Z", "rate": 0}
    assert control.get("worlds/acme/clock").json() == advanced.json()


@pytest.mark.parametrize(
    ("by", "now"),
    [
        ("0s", "2026-02-10T12:00:00Z"),
        ("250ms", "2026-02-10T12:00:00.250Z"),
        ("15m", "2026-02-10T12:15:00Z"),
        ("36h", "2026-02-12T00:00:00Z"),
        ("7d", "2026-02-17T12:00:00Z"),
        ("2w", "2026-02-24T12:00:00Z"),
        ("P1DT2H", "2026-02-11T14:00:00Z"),
    ],
)
def test_durations_are_short_or_iso(control: ControlClient, by: str, now: str) -> None:
    assert control.post("worlds/acme/clock/advance", {"by": by}).json()["now"] == now


@pytest.mark.parametrize("by", ["", "1", "1 d", "P1M", "-1d", 5, "9" * 80 + "s", "99999999w"])
def test_what_is_no_duration_is_refused_and_named(control: ControlClient, by: object) -> None:
    refused = control.post("worlds/acme/clock/advance", {"by": by})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "by"
    assert control.get("worlds/acme/clock").json()["now"] == START


def test_a_scaled_clock_shows_its_rate(control: ControlClient) -> None:
    scaled = control.put("worlds/acme/clock", {"mode": "scaled", "rate": 60}).json()

    assert (scaled["mode"], scaled["rate"]) == ("scaled", 60)
    assert parse_instant(scaled["now"]) >= parse_instant(START)


def test_a_clock_is_let_go(control: ControlClient) -> None:
    assert control.put("worlds/acme/clock", {"mode": "real"}).json()["rate"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"mode": "stopped"},
        {"mode": "scaled"},
        {"mode": "frozen", "rate": 2},
        {"mode": "scaled", "rate": 0},
        {"mode": "scaled", "rate": 1e9},
        {"mode": "frozen", "now": "yesterday"},
        {"mode": "frozen", "now": 1_770_000_000},
        {"mode": "frozen", "at": START},
    ],
)
def test_a_faulty_clock_is_refused(control: ControlClient, body: dict[str, object]) -> None:
    assert control.put("worlds/acme/clock", body).status_code == 422


def test_what_falls_due_on_the_way_has_happened_at_its_own_time(control: ControlClient, worlds: Worlds) -> None:
    with worlds.store.committed():
        world = worlds.admit("acme")
        world.schedule.add(world.clock.now() + DAY, "toy.stipend", "daily")

    control.post("worlds/acme/clock/advance", {"by": "3d"})
    control.put("worlds/acme/clock", {"mode": "frozen", "now": "2026-02-14T12:00:00Z"})

    assert control.get("worlds/acme/credits").json()["balance_micro_usd"] == 1_000_000 + 4 * 10_000


def test_what_has_fallen_due_is_done_before_one_looks(control: ControlClient, worlds: Worlds) -> None:
    with worlds.store.committed():
        world = worlds.admit("acme")
        world.schedule.add(world.clock.now(), "toy.stipend", "daily")

    assert control.get("worlds/acme/credits").json()["balance_micro_usd"] == 1_010_000
