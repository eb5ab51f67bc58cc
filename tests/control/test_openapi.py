from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from mockserver.control.openapi import control_document
from mockserver.control.table import ROUTES
from mockserver.kernel.ids import Draws
from mockserver.kernel.matching import Facts
from mockserver.kernel.world import Worlds
from tests.conformance import Documented, Undocumented
from tests.control.conftest import ControlClient, Exchange

TEA = """
name: tea
purpose: somebody buys tea
clock: {mode: frozen, at: "2026-02-10T12:00:00Z"}
length: 2d
customers: {count: 2}
traffic:
  calls_per_day: 20
  uses: [{endpoint: tea}]
"""

# One good request to every operation; `world` exists before the first.
GOOD: dict[str, tuple[str, str, Any]] = {
    "health": ("GET", "health", None),
    "version": ("GET", "version", None),
    "openapi.control": ("GET", "openapi.json", None),
    "openapi.get": ("GET", "openapi/toy.json", None),
    "docs": ("GET", "docs", None),
    "worlds.list": ("GET", "worlds", None),
    "worlds.create": ("POST", "worlds", {"name": "made"}),
    "worlds.get": ("GET", "worlds/acme", None),
    "scenario.play": ("POST", "worlds/acme/scenario", {"name": "tea", "text": TEA, "history": "6h"}),
    "scenario.get": ("GET", "worlds/acme/scenario", None),
    "scenario.pause": ("POST", "worlds/acme/scenario/pause", None),
    "scenario.step": ("POST", "worlds/acme/scenario/step", {"by": "1h"}),
    "scenario.resume": ("POST", "worlds/acme/scenario/resume", None),
    "worlds.fork": ("POST", "worlds/acme/fork", {"name": "forked"}),
    "worlds.delete": ("DELETE", "worlds/made", None),
    "snapshots.create": ("POST", "worlds/acme/snapshots", {"name": "before"}),
    "snapshots.list": ("GET", "worlds/acme/snapshots", None),
    "worlds.restore": ("POST", "worlds/acme/restore", {"snapshot": "snapshot-1"}),
    "snapshots.delete": ("DELETE", "worlds/acme/snapshots/snapshot-1", None),
    "switches.get": ("GET", "worlds/acme/switches", None),
    "switches.set": ("PUT", "worlds/acme/switches", {"toy.strict": True}),
    "clock.get": ("GET", "worlds/acme/clock", None),
    "clock.set": ("PUT", "worlds/acme/clock", {"mode": "frozen"}),
    "clock.advance": ("POST", "worlds/acme/clock/advance", {"by": "1d"}),
    "customers.test_clock.set": ("PUT", "worlds/acme/customers/c/test_clock", {"test_clock_id": "tc"}),
    "credits.get": ("GET", "worlds/acme/credits", None),
    "credits.set": ("PUT", "worlds/acme/credits", {"balance_usd": "1"}),
    "credits.grant": ("POST", "worlds/acme/credits/grants", {"amount_usd": "1"}),
    "ledger.list": ("GET", "worlds/acme/ledger", None),
    "invoices.record": (
        "POST",
        "worlds/acme/invoices",
        {
            "id": "inv_1",
            "customer_id": "c",
            "currency": "USD",
            "amount": "9",
            "payments": [{"amount": 1}],
            "refunds": [{"amount": 1}],
        },
    ),
    "invoices.list": ("GET", "worlds/acme/invoices", None),
    "invoices.get": ("GET", "worlds/acme/invoices/inv_1", None),
    "invoices.change": ("PATCH", "worlds/acme/invoices/inv_1", {"status": "paid"}),
    "invoices.pay": ("POST", "worlds/acme/invoices/inv_1/payments", {"amount": "1"}),
    "invoices.refund": ("POST", "worlds/acme/invoices/inv_1/refunds", {"amount": "1"}),
    "invoices.delete": ("DELETE", "worlds/acme/invoices/inv_1", None),
    "drifts.add": ("POST", "worlds/acme/drifts", {"kind": "contract", "subject": "toy.sales.*", "drop": "item"}),
    "drifts.list": ("GET", "worlds/acme/drifts", None),
    "truth.list": ("GET", "worlds/acme/truth", None),
    "alerts.add": ("POST", "worlds/acme/alerts", {"kind": "contract"}),
    "alerts.score": ("GET", "worlds/acme/alerts", None),
    "faults.add": ("POST", "worlds/acme/faults", {"operation": "sales.create", "reset": True}),
    "faults.list": ("GET", "worlds/acme/faults", None),
    "faults.get": ("GET", "worlds/acme/faults/fault-1", None),
    "faults.delete": ("DELETE", "worlds/acme/faults/fault-1", None),
    "faults.clear": ("DELETE", "worlds/acme/faults", None),
    "stubs.add": ("POST", "worlds/acme/stubs", {"operation": "sales.create", "thanks": "Bless you."}),
    "stubs.list": ("GET", "worlds/acme/stubs", None),
    "stubs.get": ("GET", "worlds/acme/stubs/stub-1", None),
    "stubs.delete": ("DELETE", "worlds/acme/stubs/stub-1", None),
    "stubs.clear": ("DELETE", "worlds/acme/stubs", None),
    "reconciliation.check": ("GET", "worlds/acme/reconciliation", None),
    "invariants.check": ("GET", "worlds/acme/invariants", None),
    "requests.list": ("GET", "worlds/acme/requests", None),
    "stream": ("GET", "worlds/acme/stream?follow=false", None),
    "requests.verify": ("POST", "worlds/acme/requests/verify", {"check": "unmatched"}),
    "ui.worlds": ("GET", "ui", None),
    "ui.world": ("GET", "ui/worlds/acme", None),
    "ui.request": ("GET", "ui/worlds/acme/requests/1", None),
    "ui.section": ("GET", "ui/worlds/acme/ledger", None),
    "export.csv": ("GET", "worlds/acme/export/ledger.csv", None),
    "export.jsonl": ("GET", "worlds/acme/export/requests.jsonl", None),
    "worlds.reset": ("POST", "worlds/acme/reset", None),
}


@pytest.fixture
def walked(control: ControlClient, shop: httpx.Client, worlds: Worlds) -> ControlClient:
    """A client that has had one good answer from every operation, and two refusals."""
    shop.post("/shop/sales", json={"item": "tea"})
    control.post("worlds/acme/faults", {"operation": "sales.create", "reset": True})
    with worlds.store.committed():
        worlds.get("acme").faults.strike(
            Facts({"operation": "toy.sales.create"}), 0, 1, Draws(7), lambda: 0, lambda effect: True
        )
    for method, path, body in GOOD.values():
        assert control.request(method, path, json=body).status_code < 300
    control.get("worlds/nowhere")
    control.put("worlds/acme/clock", {})
    return control


def test_the_document_is_openapi() -> None:
    validate(control_document())


def test_every_operation_is_called_here() -> None:
    operations = [route.operation for route in ROUTES]

    assert sorted(operations) == sorted(GOOD)
    assert len(set(operations)) == len(operations)


def test_every_operation_answers_as_documented(walked: ControlClient) -> None:
    documented = Documented(control_document())

    answered = {documented.check(*exchange) for exchange in walked.exchanges}

    assert answered == set(GOOD)


def test_an_operation_missing_from_the_document_is_noticed(walked: ControlClient) -> None:
    document = control_document()
    answers = _answers(walked, document)
    for path, methods in document["paths"].items():
        for method, operation in [*methods.items()]:
            with _without(methods, method):
                assert _is_caught(document, answers[operation["operationId"]]), f"{method} {path}"


def test_a_field_missing_from_the_document_is_noticed(walked: ControlClient) -> None:
    document = control_document()
    answers = _answers(walked, document)
    # What clients send is not in any answer, and two answers say openly that they have further fields.
    open_ended = {"LedgerEntry", "OpenApiDocument"}
    models = {n for n in document["components"]["schemas"] if not n.endswith(("Request", "Query"))} | {"JournalRequest"}
    # Faults and stubs are shown as they were asked for, which is more than any one of them says.
    asked_for = set(document["components"]["schemas"]["FaultRequest"]["properties"]) - {
        "note", "operation", "optional"
    }  # fmt: skip
    for name in models - open_ended:
        exchanges = [each for operation in _operations_that_answer(document, name) for each in answers[operation]]
        properties = document["components"]["schemas"][name]["properties"]
        fields = set(properties)
        for field in fields - asked_for if name.startswith(("Fault", "Stub")) else fields:
            with _without(properties, field):
                assert _is_caught(document, exchanges), f"{name}.{field}"


def test_a_request_says_what_it_may_carry() -> None:
    document = control_document()
    schemas = document["components"]["schemas"]

    assert schemas["CreditsRequest"]["oneOf"] == [{"required": ["balance_micro_usd"]}, {"required": ["balance_usd"]}]
    assert schemas["CreditsRequest"]["additionalProperties"] is False
    assert schemas["AdvanceRequest"]["properties"]["by"]["type"] == "string"
    assert document["paths"]["/_mock/worlds"]["post"]["requestBody"]["required"] is False
    assert document["paths"]["/_mock/worlds/{world}/fork"]["post"]["requestBody"]["required"] is True


@contextmanager
def _without(part: dict[str, Any], name: str) -> Iterator[None]:
    """Take something out of a part of a document for a while."""
    whole = dict(part)
    del part[name]
    yield
    part.update(whole)


def _is_caught(document: dict[str, Any], exchanges: list[Exchange]) -> bool:
    documented = Documented(document)
    try:
        for exchange in exchanges:
            documented.check(*exchange)
    except Undocumented:
        return True
    return False


def _answers(client: ControlClient, document: dict[str, Any]) -> dict[str, list[Exchange]]:
    """Return what was answered, by operation; looking through all of it for each missing thing takes minutes."""
    whole = Documented(document)
    found: dict[str, list[Exchange]] = {}
    for exchange in client.exchanges:
        found.setdefault(whole.check(*exchange), []).append(exchange)
    return found


def _operations_that_answer(document: dict[str, Any], model: str) -> set[str]:
    """Return the operations in whose answers a model may be found, however deep."""
    schemas = document["components"]["schemas"]
    found = {model}
    while len(found) < len(found := found | {name for name, schema in schemas.items() if _refers(schema, found)}):
        pass
    return {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if _refers(operation["responses"], found)
    }


def _refers(schema: Any, models: set[str]) -> bool:
    text = json.dumps(schema)
    return any(f'"#/components/schemas/{model}"' in text for model in models)
