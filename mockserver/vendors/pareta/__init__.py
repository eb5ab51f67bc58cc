"""Pareta, simulated; `vendor` is the one name outsiders may use."""

from mockserver.vendors.pareta.routes import vendor

__all__ = ["vendor"]
