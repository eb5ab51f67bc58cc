"""Puts invoices into world `acme` as a user does, through the control API."""

from __future__ import annotations

from typing import Any

from mockserver.app import Simulator
from mockserver.control.routes import control_app
from tests.control.conftest import ControlClient

INVOICE = {"customer_id": "cus_abc123", "currency": "USD", "amount": "100", "issued_at": "2026-02-05T00:00:00Z"}


class Biller:
    """Records invoices and expects it to work."""

    def __init__(self, simulator: Simulator) -> None:
        self.control = ControlClient(control_app(simulator.worlds, simulator.vendors, None))

    def invoice(self, **changes: Any) -> Any:
        """Record an invoice and return it; a member changed to `...` is left out."""
        body = {name: value for name, value in {**INVOICE, **changes}.items() if value is not ...}
        return self.expect(201, self.control.post("worlds/acme/invoices", body))

    def pay(self, invoice: Any, amount: Any, at: str = "2026-02-06T00:00:00Z", **more: Any) -> Any:
        """Pay part of an invoice and return it."""
        path = f"worlds/acme/invoices/{invoice['id']}/payments"
        return self.expect(201, self.control.post(path, {"amount": amount, "at": at, **more}))

    def refund(self, invoice: Any, amount: Any, at: str = "2026-02-07T00:00:00Z", **more: Any) -> Any:
        """Refund part of an invoice and return it."""
        path = f"worlds/acme/invoices/{invoice['id']}/refunds"
        return self.expect(201, self.control.post(path, {"amount": amount, "at": at, **more}))

    def change(self, invoice: Any, **body: Any) -> Any:
        """Say what became of an invoice and return it."""
        path = f"worlds/acme/invoices/{invoice['id']}"
        return self.expect(200, self.control.request("PATCH", path, json=body))

    def faults(self, status: int, answer: Any) -> list[str]:
        """Return the faulty fields of a refusal."""
        return [fault["field"] for fault in self.expect(status, answer)["errors"]]

    @staticmethod
    def expect(status: int, answer: Any) -> Any:
        """Return the body of an answer that must have a status."""
        assert answer.status_code == status, answer.text
        return answer.json()
