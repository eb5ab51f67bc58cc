"""Paygentic, simulated; `vendor` is the one name outsiders may use."""

from mockserver.vendors.paygentic.routes import vendor

__all__ = ["vendor"]
