from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from mockserver.control.drifts import OF_TRAFFIC, DriftRequest
from mockserver.control.operations.drifts import all_kinds, drift_of
from mockserver.control.routes import control_app
from mockserver.http.gateway import Gateway
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.drifts import Drift, DriftKind, Option
from mockserver.kernel.errors import InvalidRequest
from mockserver.kernel.world import Worlds
from tests.control import toy
from tests.control.conftest import START, ControlClient


def _hue(value: Any) -> str:
    if value not in ("red", "blue"):
        raise ValueError("must be red or blue")
    return str(value)


SHOP = replace(
    toy.vendor,
    drifts={
        "colour": DriftKind(
            "things change colour", "share of things", 0.0, 1.0, options={"hue": Option("the new one", _hue)}
        )
    },
)
COLOUR = {"kind": "colour", "size": 0.5}


@pytest.fixture
def control(worlds: Worlds) -> ControlClient:
    return ControlClient(control_app(worlds, [SHOP], None))


def test_a_drift_is_shown_as_it_will_be(control: ControlClient) -> None:
    added = control.post(
        "worlds/acme/drifts",
        {
            "kind": "colour", "subject": "ep-*", "at": "2026-02-13T12:00:00Z", "size": 0.5, "shape": "ramp",
            "over": "36h", "end": "2026-03-01T00:00:00Z", "cause": "new paint", "hue": "red",
        },
    )  # fmt: skip

    shown = {
        "id": "drift-1", "kind": "colour", "subject": "ep-*", "onset": "2026-02-13T12:00:00Z",
        "end": "2026-03-01T00:00:00Z", "size": 0.5, "unit": "share of things", "shape": "ramp", "over": "36h",
        "cause": "new paint", "options": {"hue": "red"},
    }  # fmt: skip
    assert (added.status_code, added.json()) == (201, {**shown, "level": 0.0})
    control.post("worlds/acme/clock/advance", {"by": "81h"})
    assert control.get("worlds/acme/drifts").json() == {"data": [{**shown, "level": 0.25}], "next": None}
    assert control.get("worlds/acme/truth").json() == {"data": [shown], "next": None}


def test_little_need_be_said(control: ControlClient) -> None:
    shown = control.post("worlds/acme/drifts", COLOUR).json()

    assert shown == {
        "id": "drift-1", "kind": "colour", "subject": "*", "onset": START, "end": None, "size": 0.5,
        "unit": "share of things", "shape": "step", "over": None, "cause": "", "options": {}, "level": 1.0,
    }  # fmt: skip


def test_the_end_of_a_pulse_is_told(control: ControlClient) -> None:
    shown = control.post("worlds/acme/drifts", {**COLOUR, "shape": "pulse", "over": "2d"}).json()

    assert (shown["end"], shown["over"]) == ("2026-02-12T12:00:00Z", "2d")


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "kind", "field required"),
        ({"kind": "colour"}, "size", "wanted: share of things"),
        ({"kind": "smell", "size": 1}, "kind", "'smell' is no kind; there are: colour, contract"),
        (
            {"kind": "traffic", "size": 2},
            "kind",
            "'traffic' is about who asks what, which only a scenario's traffic can show; there are: colour, contract",
        ),
        ({**COLOUR, "size": 0}, "size", "share of things: 0 to 1, and not 0, which changes nothing"),
        ({**COLOUR, "size": 1.5}, "size", "share of things: 0 to 1, and not 0, which changes nothing"),
        ({**COLOUR, "size": "1"}, "size", "Input should be a valid number"),
        ({**COLOUR, "size": True}, "size", "Input should be a valid number"),
        ({**COLOUR, "shape": "cliff"}, "shape", "Input should be 'step', 'ramp', 'pulse', 'seasonal' or 'gradual_mix'"),
        ({**COLOUR, "shape": "ramp"}, "over", "a ramp takes time: say how long, such as 3d"),
        ({**COLOUR, "shape": "seasonal", "over": "0s"}, "over", "a seasonal takes time: say how long, such as 3d"),
        (
            {**COLOUR, "over": "3d"},
            "over",
            "a step takes no time; other shapes do: ramp, pulse, seasonal, gradual_mix",
        ),
        (
            {**COLOUR, "at": "2026-02-10T11:59:59Z"},
            "at",
            f"the world's time is {START}: what was answered before stays as it was",
        ),
        ({**COLOUR, "end": START}, "end", f"must be after the onset, {START}"),
        ({**COLOUR, "hue": "green"}, "hue", "the new one: must be red or blue"),
        ({**COLOUR, "shade": 1}, "shade", "no such option of 'colour'; there are: hue"),
        ({**COLOUR, "subject": ""}, "subject", "String should have at least 1 character"),
        (
            {"kind": "contract", "subject": "sale", "drop": "item"},
            "subject",
            "'sale' is a glob of an operation, such as paygentic.customers.*; there is none such",
        ),
        ({"kind": "contract"}, "kind", "a contract drift says what changes: add, drop, rename, retype"),
        (
            {"kind": "contract", "retype": {"item": "date"}},
            "retype",
            "types by dotted path: must be one of string, number, integer, boolean, null, array, object",
        ),
        (
            {"kind": "contract", "drop": []},
            "drop",
            "fields to leave out, by dotted path: one or a list: must name a field",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_drifts(
    control: ControlClient, body: dict[str, Any], field: str, message: str
) -> None:
    refused = control.post("worlds/acme/drifts", body)

    assert refused.status_code == 422
    assert [(error["field"], error["message"]) for error in refused.json()["errors"]] == [(field, message)]
    assert control.get("worlds/acme/drifts").json()["data"] == []


def test_everything_that_is_wrong_is_told_at_once(control: ControlClient) -> None:
    body = {"kind": "colour", "at": "2020-01-01T00:00:00Z", "end": "2019-01-01T00:00:00Z", "hue": "green", "shade": 1}

    errors = control.post("worlds/acme/drifts", body).json()["errors"]

    assert [error["field"] for error in errors] == ["at", "end", "size", "hue", "shade"]


def test_the_template_does_not_drift_and_a_fork_drifts_on(control: ControlClient) -> None:
    assert control.post("worlds/~/drifts", COLOUR).status_code == 409
    control.post("worlds/acme/drifts", COLOUR)
    control.post("worlds/acme/alerts", {"kind": "colour"})
    control.post("worlds/acme/fork", {"name": "twin"})

    assert control.post("worlds/twin/drifts", COLOUR).json()["id"] == "drift-2"
    assert control.get("worlds/twin/alerts").json()["hits"] == 1 + 1  # an alert at the onset fits both
    assert len(control.get("worlds/acme/truth").json()["data"]) == 1
    control.post("worlds/acme/reset")
    assert control.get("worlds/acme/truth").json()["data"] == []
    assert control.get("worlds/acme/alerts").json()["data"] == []


def test_drifts_and_truth_come_in_pages(control: ControlClient) -> None:
    for _ in range(3):
        control.post("worlds/acme/drifts", COLOUR)

    for noun in ("drifts", "truth"):
        first = control.get(f"worlds/acme/{noun}?limit=2").json()
        second = control.get(f"worlds/acme/{noun}?limit=2&after={first['next']}").json()
        assert [each["id"] for each in first["data"] + second["data"]] == ["drift-1", "drift-2", "drift-3"]
        assert second["next"] is None


def test_alerts_are_scored(control: ControlClient) -> None:
    control.post("worlds/acme/drifts", {**COLOUR, "subject": "ep-a", "at": "2026-02-11T12:00:00Z"})
    control.post("worlds/acme/drifts", {**COLOUR, "subject": "ep-b", "at": "2026-02-11T12:00:00Z"})
    control.post("worlds/acme/drifts", {**COLOUR, "subject": "ep-c", "at": "2027-01-01T00:00:00Z"})
    control.post("worlds/acme/clock/advance", {"by": "3d"})

    one = control.post(
        "worlds/acme/alerts", {"kind": "colour", "subject": "ep-a", "at": "2026-02-12T00:00:00Z", "note": "look"}
    )
    many = control.post(
        "worlds/acme/alerts", [{"subject": "ep-a"}, {"kind": "colour", "at": START}, {"kind": "contract"}]
    )

    shown = {"id": "alert-1", "at": "2026-02-12T00:00:00Z", "kind": "colour", "subject": "ep-a", "note": "look"}
    assert (one.status_code, one.json()) == (201, {"data": [shown]})
    assert [each["id"] for each in many.json()["data"]] == ["alert-2", "alert-3", "alert-4"]
    score = control.get("worlds/acme/alerts").json()
    unseen = {"kind": "colour", "end": None, "detected_at": None, "delay_s": None, "alert": None, "repeats": 0}
    assert score["data"] == [
        {
            "drift": "drift-1", "kind": "colour", "subject": "ep-a", "onset": "2026-02-11T12:00:00Z", "end": None,
            "state": "hit", "detected_at": "2026-02-12T00:00:00Z", "delay_s": 43200.0, "alert": "alert-1", "repeats": 1,
        },
        {**unseen, "drift": "drift-2", "subject": "ep-b", "onset": "2026-02-11T12:00:00Z", "state": "missed"},
        {**unseen, "drift": "drift-3", "subject": "ep-c", "onset": "2027-01-01T00:00:00Z", "state": "pending"},
    ]  # fmt: skip
    assert [score[name] for name in ("hits", "misses", "pending", "repeats")] == [1, 1, 1, 1]
    assert [alert["id"] for alert in score["false_alarms"]] == ["alert-3", "alert-4"]
    assert score["by_kind"] == {
        "colour": {
            "hits": 1,
            "misses": 1,
            "pending": 1,
            "false_alarms": 1,
            "mean_delay_s": 43200.0,
            "median_delay_s": 43200.0,
        },
        "contract": {
            "hits": 0,
            "misses": 0,
            "pending": 0,
            "false_alarms": 1,
            "mean_delay_s": None,
            "median_delay_s": None,
        },
    }


@pytest.mark.parametrize(("query", "hits"), [("", 1), ("?grace=5h", 0), ("?grace=7h", 1)])
def test_how_late_an_alert_may_be_can_be_said(control: ControlClient, query: str, hits: int) -> None:
    control.post("worlds/acme/drifts", {**COLOUR, "end": "2026-02-11T12:00:00Z"})
    control.post("worlds/acme/clock/advance", {"by": "30h"})
    control.post("worlds/acme/alerts")

    assert control.get(f"worlds/acme/alerts{query}").json()["hits"] == hits


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (
            {"kind": "smell"},
            "0.kind",
            "'smell' is no kind; there are: colour, contract, traffic, token_mix, customer_mix",
        ),
        ({"kind": ""}, "0.kind", "String should have at least 1 character"),
        ([{}, {"at": "tomorrow"}], "1.at", "'tomorrow' is not an ISO 8601 date-time"),
        (
            [{}, {"at": "2026-02-10T12:00:01Z"}],
            "1.at",
            f"the world's time is {START}: nobody has noticed anything later",
        ),
        ({"level": 3}, "0.level", "Extra inputs are not permitted"),
        ("now", "body", "Input should be a valid array"),
    ],
)
def test_what_is_no_alert_is_refused_and_none_is_taken(
    control: ControlClient, body: Any, field: str, message: str
) -> None:
    control.post("worlds/acme/drifts", COLOUR)

    refused = control.post("worlds/acme/alerts", body)

    assert refused.status_code == 422
    assert [(error["field"], error["message"]) for error in refused.json()["errors"]] == [(field, message)]
    assert control.get("worlds/acme/alerts").json()["hits"] == 0


def test_the_truth_is_exported(control: ControlClient) -> None:
    assert control.get("worlds/default/export/truth.jsonl").status_code == 404, "an export makes no world"
    control.post("worlds/acme/drifts", {**COLOUR, "shape": "ramp", "over": "90s", "cause": 'a "cause"', "hue": "red"})
    control.post(
        "worlds/acme/drifts", {"kind": "contract", "subject": "toy.*", "drop": "item", "end": "2027-01-01T00:00:00Z"}
    )

    table = control.get("worlds/acme/export/truth.csv").text
    lines = control.get("worlds/acme/export/truth.jsonl").text.splitlines()

    assert table == (
        "id,kind,subject,onset,end,size,shape,over_s,cause,options\n"
        f'drift-1,colour,*,{START},,0.5,ramp,90,"a ""cause""","{{""hue"": ""red""}}"\n'
        f'drift-2,contract,toy.*,{START},2027-01-01T00:00:00Z,1,step,,"","{{""drop"": ""item""}}"\n'
    )
    assert [json.loads(line)["options"] for line in lines] == [{"hue": "red"}, {"drop": "item"}]


def test_a_drift_of_a_vendor_that_is_gone_is_still_told(control: ControlClient, worlds: Worlds) -> None:
    control.post("worlds/acme/drifts", COLOUR)

    without = ControlClient(control_app(worlds, [toy.vendor], None))

    assert [(each["kind"], each["unit"]) for each in without.get("worlds/acme/truth").json()["data"]] == [
        ("colour", "")
    ]


# Of traffic


@pytest.mark.parametrize(
    ("body", "size", "options"),
    [
        ({"kind": "traffic", "size": 0}, 0.0, {}),
        ({"kind": "traffic", "subject": "customer-001", "size": 3}, 3.0, {}),
        ({"kind": "token_mix", "subject": "ep-*", "size": 2, "of": "prompt"}, 2.0, {"of": "prompt"}),
        ({"kind": "customer_mix", "subject": "customer-00*", "size": 5}, 5.0, {}),
    ],
)
def test_a_scenario_may_say_what_drifts_about_its_traffic(
    body: dict[str, Any], size: float, options: dict[str, Any]
) -> None:
    read = drift_of(DriftRequest.model_validate(body), all_kinds([SHOP]), 7)

    assert read == Drift(body["kind"], body.get("subject", "*"), 7, size, options=options)


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"kind": "traffic", "size": 1}, "size", "factor of how often conversations begin, such as 3, or 0 for "),
        ({"kind": "traffic", "size": -1}, "size", "factor of how often conversations begin, such as 3, or 0 for "),
        ({"kind": "token_mix", "size": 0}, "size", "factor of a call's tokens, such as 2: 0.01 to 1000, and not 1"),
        (
            {"kind": "token_mix", "size": 2, "of": "audio"},
            "of",
            "which tokens, both if absent: must be one of prompt, completion, both",
        ),
        ({"kind": "customer_mix", "size": 0}, "size", "factor of how much of it they do, relative to the others, "),
        ({"kind": "customer_mix", "size": 5, "of": "both"}, "of", "no such option of 'customer_mix'; there are: none"),
        (
            {"kind": "smell"},
            "kind",
            "'smell' is no kind; there are: colour, contract, customer_mix, token_mix, traffic",
        ),
    ],
)
def test_a_scenario_cannot_say_about_traffic_what_cannot_be(body: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        drift_of(DriftRequest.model_validate(body), all_kinds([SHOP]), 7)

    (problem,) = refused.value.problems
    assert problem.where == ("body", field)
    assert problem.message.startswith(message)


def test_what_drifts_about_traffic_is_told_like_everything_else(control: ControlClient, worlds: Worlds) -> None:
    with worlds.store.committed():
        worlds.admit("acme").drifts.add(1, Drift("traffic", "customer-001", 0, 3.0))

    for noun in ("drifts", "truth"):
        (shown,) = control.get(f"worlds/acme/{noun}").json()["data"]
        assert (shown["kind"], shown["unit"]) == ("traffic", OF_TRAFFIC["traffic"].unit)


# A contract


@pytest.fixture
def shop(worlds: Worlds) -> httpx.Client:
    transport = InProcessTransport(Gateway(worlds, [toy.api]))
    return httpx.Client(transport=transport, base_url="http://mock", headers={"Authorization": "Bearer toy_acme"})


@pytest.mark.parametrize(
    ("edit", "answer"),
    [
        ({"drop": "item"}, {}),
        ({"drop": ["item", "nothing"]}, {}),
        ({"add": {"meta.page": 1}}, {"item": "tea", "meta": {"page": 1}}),
        ({"rename": {"item": "product"}}, {"product": "tea"}),
        ({"retype": {"item": "array"}, "add": {"v": None}}, {"item": ["tea"], "v": None}),
    ],
)
def test_fields_of_answers_come_and_go(
    control: ControlClient, shop: httpx.Client, edit: dict[str, Any], answer: dict[str, Any]
) -> None:
    control.post("worlds/acme/drifts", {"kind": "contract", "subject": "sales.*", "at": "2026-02-10T12:00:01Z", **edit})

    def sale() -> Any:
        return shop.post("/shop/sales", json={"item": "tea"}).json()

    assert sale() == {"item": "tea"}, "not before the onset"
    control.post("worlds/acme/clock/advance", {"by": "1s"})
    assert sale() == answer
    assert shop.get("/shop/picture").content == b"\xff\xfe"
    assert shop.post("/shop/sales", json={}).json().keys() == {"oops"}, "refusals stay as they are"


def test_a_contract_may_change_for_some_answers_and_the_same_ones_every_time(
    control: ControlClient, shop: httpx.Client
) -> None:
    control.post("worlds/acme/drifts", {"kind": "contract", "subject": "toy.*", "drop": "item", "size": 0.3})
    control.post("worlds/acme/fork", {"name": "twin"})

    def sales(world: str) -> list[bool]:
        headers = {"Authorization": f"Bearer toy_{world}"}
        return [shop.post("/shop/sales", json={"item": "tea"}, headers=headers).json() == {} for _ in range(200)]

    changed = sales("acme")

    assert 40 <= sum(changed) <= 80
    assert sales("twin") == changed
