"""What a world's customers live by."""

from __future__ import annotations

from typing import Any

from mockserver.control.control import Control
from mockserver.control.schemas import CustomerClockRequest
from mockserver.kernel.errors import NotFound
from mockserver.vendors.vendor import PutOnClock


def set_test_clock(control: Control, name: str, customer: str, body: CustomerClockRequest) -> dict[str, Any]:
    """Put a customer on one of the vendor's test clocks, or back on the world's clock."""
    with control.changing(name) as world:
        _put_on_clock(control)(world, customer, body.test_clock_id)
        return {"customer_id": customer, "test_clock_id": body.test_clock_id}


def _put_on_clock(control: Control) -> PutOnClock:
    for vendor in control.vendors:
        if vendor.put_on_clock is not None:
            return vendor.put_on_clock
    raise NotFound("clock", "test_clock")
