"""The two wires: what one answers the other does too, and so do their refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.serve import BackgroundServer
from mockserver.kernel.windows import parse_duration, parse_instant
from mockserver.kernel.world import Beginning
from mockserver.matchers import header, model, operation
from mockserver.testing import Refused
from mockserver.testing.remote import HttpWire
from mockserver.testing.values import plain
from mockserver.testing.wire import LocalWire, Wire, route_of

OWN = "name: own\npurpose: mine\nclock: {mode: frozen, at: 2026-06-01T00:00:00Z}\n"
START = "2026-05-01T00:00:00Z"


@pytest.fixture
def wires() -> Iterator[tuple[Wire, Wire]]:
    """A wire of each kind, to simulators that are alike."""
    settings = Settings(beginning=Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant(START)))
    near, far = Simulator(settings), Simulator(settings)
    with BackgroundServer(far) as server:
        remote = HttpWire(f"{server.url}/")
        yield LocalWire(near), remote
        remote.close()
    near.close()
    far.close()


CALLS: list[tuple[str, tuple[str, ...], Any, Any]] = [
    ("health", (), None, None),
    ("worlds.create", (), {"name": "a", "seed": 5}, None),
    ("worlds.list", (), None, {"limit": 5}),
    ("credits.set", ("a",), {"balance_usd": Decimal("1.50")}, None),
    ("credits.get", ("a",), None, None),
    ("clock.advance", ("a",), {"by": timedelta(days=1, milliseconds=1)}, None),
    ("faults.add", ("a",), {"match": model("auto") | model("b"), "status": 503, "nth": range(1, 3)}, None),
    ("faults.list", ("a",), None, None),
    ("faults.get", ("a", "fault-1"), None, {"after": 0}),
    ("ledger.list", ("a",), None, {"after": 1, "limit": 10}),
    ("export.csv", ("a", "ledger"), None, None),
    ("export.jsonl", ("a", "ledger"), None, None),
    ("scenario.play", ("a",), {"name": "own", "text": OWN}, None),
    ("snapshots.create", ("a",), None, None),
    ("worlds.delete", ("a",), None, None),
    # Refused
    ("worlds.get", ("nobody",), None, None),
    ("worlds.create", (), {"name": "ä"}, None),
    ("worlds.create", (), {"nam": "b", "sed": 1}, None),
    ("credits.set", ("b",), {"balance_usd": "1", "balance_micro_usd": 5}, None),
    ("credits.set", ("b",), {"balance_usd": 1.5}, None),
    ("worlds.list", (), None, {"limt": 5}),
    ("worlds.list", (), None, {"limit": "many"}),
    ("faults.add", ("b",), {"operation": "chat.*", "statuss": 5}, None),
    ("faults.delete", ("b", "fault-9"), None, None),
    ("worlds.reset", ("~",), None, None),
    ("openapi.get", ("y z?",), None, None),
]


def outcome(wire: Wire, name: str, parameters: tuple[str, ...], body: Any, query: Any) -> Any:
    try:
        return wire.call(name, *parameters, body=body, query=query)
    except Refused as refused:
        return refused.operation, refused.status, refused.detail, refused.faulty


def test_both_wires_answer_and_refuse_alike(wires: tuple[Wire, Wire]) -> None:
    near, far = ([outcome(wire, *call) for call in CALLS] for wire in wires)

    for call, one, other in zip(CALLS, near, far, strict=True):
        assert one == other, call
    refused = [each for each in near if isinstance(each, tuple)]
    assert [status for _, status, _, _ in refused] == [404, 422, 422, 422, 422, 422, 422, 422, 404, 409, 404]


def test_an_unknown_option_is_answered_with_those_there_are(wires: tuple[Wire, Wire]) -> None:
    for wire in wires:
        with pytest.raises(Refused) as caught:
            wire.call("worlds.create", body={"nam": "b"})

        assert str(caught.value) == "worlds.create: nam: there is no such option (there are: name, seed, switches)"
        assert caught.value.faulty == {"nam": "there is no such option"}


def test_an_unknown_operation_is_our_own_mistake() -> None:
    with pytest.raises(LookupError, match=r"there is no control operation 'worlds\.paint'"):
        route_of("worlds.paint")


def test_a_server_that_is_gone_is_said_so() -> None:
    with BackgroundServer(Simulator()) as server:
        wire = HttpWire(server.url)
        assert wire.call("health") == {"status": "ok"}

    with pytest.raises(Refused, match="health: the server does not answer: "):
        wire.call("health")
    wire.close()


def test_values_go_as_the_control_api_takes_them() -> None:
    east = timezone(timedelta(hours=2))
    given = {
        "match": operation("chat.*") & ~header("X-A", contains="b"),
        "at": datetime(2026, 5, 1, 2, 0, 0, 5, tzinfo=east),
        "by": timedelta(hours=1, microseconds=1),
        "usd": Decimal("1E+2"),
        "nth": (1, 2),
        "nested": [{"deep": Decimal("0.10")}],
    }

    assert plain(given) == {
        "match": {"operation": "chat.*", "not": {"header": {"x-a": {"contains": "b"}}}},
        "at": "2026-05-01T00:00:00.000005+00:00",
        "by": "3600.000001s",
        "usd": "100",
        "nth": [1, 2],
        "nested": [{"deep": "0.10"}],
    }
    assert parse_duration(plain(timedelta(hours=1, microseconds=1))) == 3_600_000_001
    assert parse_instant(plain(datetime(2026, 5, 1, tzinfo=UTC))) == parse_instant(START)
