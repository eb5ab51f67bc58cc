from __future__ import annotations

import pytest

from mockserver.control.routes import control_app
from mockserver.kernel.world import Worlds
from tests.control import toy
from tests.control.conftest import ControlClient

PATH = "worlds/acme/customers/c/test_clock"


@pytest.mark.parametrize("clock", ["tc_1", None])
def test_a_customer_is_put_on_a_clock_or_on_none(control: ControlClient, clock: str | None) -> None:
    answer = control.put(PATH, {"test_clock_id": clock})

    assert answer.json() == {"customer_id": "c", "test_clock_id": clock}


def test_what_the_vendor_does_not_have_is_not_found(control: ControlClient) -> None:
    assert control.put("worlds/acme/customers/nobody/test_clock", {"test_clock_id": None}).status_code == 404


def test_without_clocks_no_customer_is_put_on_one(worlds: Worlds) -> None:
    control = ControlClient(control_app(worlds, [toy.moneyless], None))

    assert control.put(PATH, {"test_clock_id": None}).status_code == 404
