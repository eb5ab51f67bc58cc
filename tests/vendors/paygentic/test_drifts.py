"""A contract that drifts: what the vendor's own client makes of answers that changed, and that what was done stays."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from paygentic_sdk import Paygentic
from paygentic_sdk.errors import ResponseValidationError

from mockserver.app import Simulator
from mockserver.control.control import Control
from mockserver.control.drifts import DriftRequest
from mockserver.control.operations.drifts import add_drift
from tests.vendors.paygentic.conftest import COST, PRODUCT


def drift(simulator: Simulator, **said: Any) -> None:
    request = DriftRequest.model_validate_json(json.dumps({"kind": "contract", **said}))
    add_drift(Control(simulator.worlds, simulator.vendors, {}), "acme", request)


@pytest.mark.sdk
def test_a_client_that_misses_a_field_says_so_and_what_was_done_is_done(
    sdk: Paygentic, paygentic: httpx.Client, simulator: Simulator
) -> None:
    drift(simulator, subject="paygentic.products.create", rename={"name": "title"})

    with pytest.raises(ResponseValidationError):
        sdk.products.create(name="Late", description="Too late", merchant_id="org_YOUR_ORG_ID")

    names = [product["name"] for product in paygentic.get("/v0/products").json()["data"]]
    assert "Late" in names


@pytest.mark.sdk
def test_a_client_takes_fields_it_does_not_know(sdk: Paygentic, simulator: Simulator) -> None:
    drift(simulator, subject="products.*", add={"tier": "gold", "data.*.tier": "gold"})

    assert sdk.products.get(id=PRODUCT).name


def test_what_is_not_changed_keeps_every_byte(paygentic: httpx.Client, simulator: Simulator) -> None:
    cost = paygentic.post("/v0/costs", json=COST).json()["id"]
    before = paygentic.get(f"/v0/costs/{cost}").text
    drift(simulator, subject="costs.get_cost", drop="groupBy")

    after = paygentic.get(f"/v0/costs/{cost}").text

    start = before.index('"groupBy":')
    assert after == before[:start] + before[before.index("}", start) + 2 :]
