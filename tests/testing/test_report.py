"""The page of a run: everything on it is data, it is bounded, and equal runs write equal bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from mockserver.look.money import usd
from mockserver.testing import report
from mockserver.testing.server import LocalServer
from mockserver.testing.world import Keeper, World

CHAT = {"model": "ep-contract-key-fields", "messages": [{"role": "user", "content": "Effective as of 2026-01-01."}]}
NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e"


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    server = LocalServer()
    yield server
    server.close()


@pytest.fixture
def world(server: LocalServer) -> World:
    world = World(server, "acme", cast(Keeper, None))
    world.call("worlds.reset")
    world.clock.freeze("2026-02-10T12:00:00Z")
    return world


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {world.pareta_key}"}
    with httpx.Client(transport=world.transport, base_url="http://mock", headers=headers) as client:
        yield client


def chat(client: httpx.Client, **extra: Any) -> int:
    return client.post("/v1/chat/completions", json={**CHAT, **extra}).status_code


class Reader(HTMLParser):
    """What a browser makes of a page: its elements with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_calls_are_told_in_order_with_what_became_of_them(world: World, client: httpx.Client) -> None:
    world.faults.add(operation="chat.completions.create", first=1, status=503)
    chat(client)
    chat(client)
    chat(client, model="none")
    client.get("/v1/models")

    data = report.collect(world)

    assert json.loads(json.dumps(data)) == data
    told = [(call["operation"], call["status"], call["fault"], call["retry_of"]) for call in data["calls"]]
    assert told == [
        ("pareta.chat.completions.create", 503, "fault-1", None),
        ("pareta.chat.completions.create", 200, None, 1),
        ("pareta.chat.completions.create", 404, None, None),
        ("pareta.models.list", 200, None, None),
    ]
    spent = data["calls"][1]["cost_micro_usd"]
    assert spent > 0
    assert data["totals"] == {"calls": 4, "spend_micro_usd": spent, "faults": 1, "retries": 1}
    assert data["faults"] == [{"id": "fault-1", "note": "", "matched": 3, "hits": 1, "optional": False}]
    assert data["violations"] == []


def test_an_event_sent_again_with_its_key_is_a_retry(world: World) -> None:
    world.faults.add(operation="paygentic.events.ingest", first=1, lost_ack=True)
    headers = {"Authorization": f"Bearer {world.paygentic_key}"}
    event = {"type": "t", "source": "s", "subject": "u", "data": {"a": 1}, "idempotencyKey": "k"}
    with httpx.Client(transport=world.transport, base_url="http://mock", headers=headers) as client:
        with pytest.raises(httpx.TransportError):
            client.post("/v0/events", json=event)
        client.post("/v0/events", json=event)
        client.post("/v0/events", json={**event, "idempotencyKey": "other"})

    assert [call["retry_of"] for call in report.collect(world)["calls"]] == [None, 1, None]


def test_a_violated_invariant_is_named(world: World, server: LocalServer) -> None:
    simulator = server.simulator
    with simulator.store.committed():
        identity = simulator.worlds.get(world.name).id
        simulator.store.execute("UPDATE pareta_ledger SET balance_micro_usd = 1 WHERE world = ?", (identity,))

    (violation,) = report.collect(world)["violations"]

    assert "balance" in violation


def test_what_is_collected_is_bounded(world: World, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MAX_CALLS", 3)
    monkeypatch.setattr(report, "MAX_READ", 5)
    for _ in range(7):
        client.get("/v1/models")
    client.get(f"/{'x' * 3000}")

    data = report.collect(world)

    assert len(data["calls"]) == 3
    assert data["totals"]["calls"] == 5
    assert "3 calls, and 2 more that are not shown" in report.render([ran(data)])


def test_long_texts_are_clipped(world: World, client: httpx.Client) -> None:
    client.get(f"/{'x' * 3000}")

    (call,) = report.collect(world)["calls"]

    assert len(call["operation"]) <= report.MAX_TEXT + 1
    assert len(call["reason"]) <= report.MAX_TEXT + 1


def ran(*worlds: dict[str, Any], nodeid: str = "tests/test_app.py::test_pays", outcome: str = "passed") -> Any:
    return {"nodeid": nodeid, "outcome": outcome, "worlds": list(worlds)}


def test_the_page_sums_up_the_run(world: World, client: httpx.Client, tmp_path: Path) -> None:
    world.faults.add(operation="chat.completions.create", nth=2, status=503)
    world.faults.add(note="never", nth=99, status=500)
    world.faults.add(note="perhaps", nth=99, status=500, optional=True)
    chat(client)
    chat(client)
    chat(client)
    data = report.collect(world)

    report.write(tmp_path / "new" / "report.html", [ran(data), ran(nodeid="t::two", outcome="failed")])

    page = Reader((tmp_path / "new" / "report.html").read_text("utf-8"))
    text = re.sub(r"\s+", " ", page.text)
    assert "Tests21 failed" in text
    assert "Calls3" in text
    assert f"Spend{usd(data['totals']['spend_micro_usd'])}" in text
    assert "Faults hit1" in text
    assert "Retries1" in text
    assert "retry of #2" in text
    assert "unused fault-2 never" in text
    assert "perhaps" not in text
    assert ("tbody", {"class": "failed"}) in page.elements


def test_a_run_without_tests_has_a_page(tmp_path: Path) -> None:
    report.write(str(tmp_path / "report.html"), [])

    assert "No test had a world." in (tmp_path / "report.html").read_text()


def test_equal_runs_write_equal_bytes(world: World, client: httpx.Client, tmp_path: Path) -> None:
    pages = []
    for n in range(2):
        world.call("worlds.reset")
        world.clock.freeze("2026-02-10T12:00:00Z")
        chat(client)
        report.write(tmp_path / str(n), [ran(report.collect(world))], at="2026-02-10")
        pages.append((tmp_path / str(n)).read_bytes())

    assert pages[0] == pages[1]
    assert b"Run at 2026-02-10." in pages[0]


def test_nothing_that_was_sent_becomes_markup(world: World, client: httpx.Client) -> None:
    client.post(f"/{NASTY}", json={"a": NASTY})
    data = report.collect(world)
    data["calls"][0]["reason"] = data["calls"][0]["operation"] = NASTY
    data["violations"] = [NASTY]
    data["world"] = NASTY
    tame = report.render([ran(report.collect(world))])

    wild = report.render([{**ran(data, nodeid=NASTY, outcome=NASTY), "violations": NASTY}], at=NASTY)

    tags = {name for name, _ in Reader(wild).elements}
    assert tags == {name for name, _ in Reader(tame).elements} | {"pre"} | {"p"}
    assert wild.count("<script") == 1
    assert "onerror" not in {name for _, attributes in Reader(wild).elements for name in attributes}
    assert wild.count("&lt;img src=x onerror") >= 6


def test_the_page_loads_nothing_and_runs_its_own_script_alone(tmp_path: Path) -> None:
    wild = report.render([ran()])
    page = Reader(wild)

    policies = [said["content"] for name, said in page.elements if said.get("http-equiv") == "Content-Security-Policy"]
    script = re.search(r"<script>(.*?)</script>", wild, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in (policies[0] or "")
    assert "default-src 'none'" in (policies[0] or "")
    assert not [said for _, said in page.elements if "src" in said or said.get("href", "data:,") != "data:,"]
    assert not [said for _, said in page.elements if "style" in said]


def test_text_that_is_no_unicode_does_not_spoil_the_page(tmp_path: Path) -> None:
    report.write(tmp_path / "report.html", [ran(nodeid="test[\udcff]")])

    assert "test[\\udcff]" in (tmp_path / "report.html").read_text("utf-8")
