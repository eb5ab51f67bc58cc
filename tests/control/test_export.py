from __future__ import annotations

import json
from itertools import islice

import httpx
import pytest

from mockserver.control.control import Control
from mockserver.control.operations import export
from mockserver.kernel.errors import Conflict
from mockserver.kernel.world import Worlds
from tests.control import toy
from tests.control.conftest import ControlClient


@pytest.fixture
def notes(control: ControlClient) -> None:
    """Grants whose notes are hard to write down, after the grant every world begins with."""
    for note in ("", 'say "no", twice', "two\nlines", "a\rb", "Grüße, 你好"):
        control.post("worlds/acme/credits/grants", {"amount_micro_usd": 1, "note": note})


@pytest.mark.usefixtures("notes")
def test_csv_keeps_every_text_apart_and_every_digit(control: ControlClient) -> None:
    response = control.get("worlds/acme/export/ledger.csv")

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    data = '"{""exact"":1.10}"'
    assert response.content.decode() == (
        "seq,amount,note,data,nothing\n"
        f"1,1,welcome,{data},\n"
        f'2,0.000001,"",{data},\n'
        f'3,0.000001,"say ""no"", twice",{data},\n'
        f'4,0.000001,"two\nlines",{data},\n'
        f'5,0.000001,"a\rb",{data},\n'
        f'6,0.000001,"Grüße, 你好",{data},\n'
    )


@pytest.mark.usefixtures("notes")
def test_json_lines_keep_every_text_apart_and_every_digit(control: ControlClient) -> None:
    lines = control.get("worlds/acme/export/ledger.jsonl").text.split("\n")

    assert lines[1] == '{"seq":2,"amount":"0.000001","note":"","data":{"exact":1.10},"nothing":null}'
    notes = [json.loads(line)["note"] for line in lines[:-1]]
    assert notes == ["welcome", "", 'say "no", twice', "two\nlines", "a\rb", "Grüße, 你好"]
    assert lines[-1] == ""


def test_an_export_of_nothing_is_its_head(worlds: Worlds) -> None:
    moneyless = Control(worlds, [toy.moneyless], {})
    with worlds.store.committed():
        worlds.create("empty")

    lines = b"".join(export.as_csv(moneyless, "empty", "requests")).decode().splitlines()

    assert len(lines) == 1
    assert lines[0].startswith("seq,at,vendor,operation,method,path,")
    assert b"".join(export.as_jsonl(moneyless, "empty", "requests")) == b""


def test_requests_are_exported_with_their_bodies(control: ControlClient, shop: httpx.Client) -> None:
    shop.post("/shop/sales", json={"item": "tea"})
    shop.get("/shop/picture")

    sale, picture = map(json.loads, control.get("worlds/acme/export/requests.jsonl").text.splitlines())

    assert (sale["seq"], sale["at"], sale["operation"]) == (1, "2026-02-10T12:00:00Z", "toy.sales.create")
    assert (sale["status"], sale["cost_micro_usd"], sale["request_body"]) == (200, 250, '{"item":"tea"}')
    assert (picture["response_body"], picture["response_encoding"]) == ("//4=", "base64")


def test_what_has_fallen_due_is_done_first(control: ControlClient, worlds: Worlds) -> None:
    with worlds.store.committed():
        world = worlds.create("acme")
        world.schedule.add(world.clock.now(), "toy.stipend", "due")

    assert "due" in control.get("worlds/acme/export/ledger.csv").text


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("worlds/nowhere/export/ledger.csv", "world 'nowhere' does not exist"),
        ("worlds/nowhere/export/ledger.jsonl", "world 'nowhere' does not exist"),
        ("worlds/acme/export/secrets.csv", "export (there are: ledger, requests, truth) 'secrets' not found"),
    ],
)
def test_what_is_not_there_is_not_found(control: ControlClient, path: str, detail: str) -> None:
    control.post("worlds", {"name": "acme"})

    response = control.get(path)

    assert (response.status_code, response.json()["detail"]) == (404, detail)
    assert "nowhere" not in control.get("worlds").text


def test_a_world_serves_others_between_two_batches(control: ControlClient, worlds: Worlds) -> None:
    for _ in range(4):
        control.post("worlds/acme/credits/grants", {"amount_usd": "1"})
    pieces = export.as_csv(Control(worlds, [toy.vendor], {}), "acme", "ledger")

    first = list(islice(pieces, 2))
    assert not worlds.store.is_pending
    control.post("worlds/acme/credits/grants", {"amount_usd": "7", "note": "meanwhile"})

    assert b"meanwhile" not in b"".join(first)
    assert b"".join(pieces).endswith(b'6,7,meanwhile,"{""exact"":1.10}",\n')


def test_an_export_ends_in_an_error_when_its_world_is_gone(control: ControlClient, worlds: Worlds) -> None:
    control.post("worlds", {"name": "acme"})
    pieces = export.as_csv(Control(worlds, [toy.vendor], {}), "acme", "ledger")
    next(pieces)
    control.post("worlds/acme/reset")

    with pytest.raises(Conflict, match="world 'acme' was deleted or reset while it was exported"):
        next(pieces)
