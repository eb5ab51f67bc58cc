"""The vendor's published client, several versions side by side, each used sync or async, and what they offer."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from types import FunctionType, ModuleType
from typing import Any

from tests import sdks

VERSIONS = ("0.1.19", "0.2.17", "0.5.0", "0.5.18", "0.6.3")
"""The versions that `make test` installs; between them the vendor's answers changed."""

SIMULATED = {
    "billable_metrics", "costs", "customers", "events", "products", "profitability", "revenue", "test_clocks",
}  # fmt: skip
"""The resources of a client that are simulated."""

NOT_SIMULATED = {
    "approvals", "billing_schedules", "disputes", "entitlements", "entitlements_v0", "external_references", "features",
    "fees", "invoices_v2", "items", "merchant_integrations", "merchants", "orders", "payment_sessions", "payments",
    "plans", "prices", "salesforce", "sources", "subscriptions", "usage_events", "users", "webhooks",
}  # fmt: skip
"""The resources that are not: nothing of them is needed to tell what customers cost and what they bring in."""

NOT_SIMULATED_METHODS = {
    ("Customers", "list_customer_payment_methods"),
    ("Customers", "create_customer_payment_method"),
    ("Revenue", "get_revenue_accounts"),
}
"""Methods of simulated resources that belong to those that are not."""

Member = tuple[str, str]
"""A class of the client and the name of something public in it."""


def versions(since: str = "0.1.19", until: str = "9") -> list[str]:
    """Return the installed versions of a span, both ends included."""
    return sdks.between(VERSIONS, since, until)


def installed(version: str) -> AbstractContextManager[ModuleType]:
    """Make one version of the `paygentic_sdk` package the importable one for the length of a block."""
    return sdks.installed("paygentic_sdk", sdks.folder_of("paygentic", version))


# A client of either kind, spoken to in one way


class Plain:
    """A client or one of its resources; with a runner, its async methods are used as if they were sync."""

    def __init__(self, subject: Any, runner: asyncio.Runner | None) -> None:
        self._subject = subject
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        runner = self._runner
        if runner is None or name.startswith("_"):
            return getattr(self._subject, name)
        if name in SIMULATED:
            return Plain(getattr(self._subject, name), runner)
        method = getattr(self._subject, f"{name}_async")
        return lambda *args, **options: runner.run(method(*args, **options))


# What a version offers, and what of it was used


def resources_of(module: ModuleType) -> set[str]:
    """Return the names of the resources that a client has."""
    return set(module.Paygentic._sub_sdk_map)


def _classes(module: ModuleType) -> list[type]:
    """Return the classes of the resources that are simulated."""
    places = [place for name, place in module.Paygentic._sub_sdk_map.items() if name in SIMULATED]
    return [getattr(importlib.import_module(room), name) for room, name in places]


def _methods(cls: type) -> dict[str, Any]:
    return {
        name: value for name, value in vars(cls).items() if isinstance(value, FunctionType) and not name.startswith("_")
    }


def surface(module: ModuleType) -> set[Member]:
    """Return every public method of every resource that is simulated, found by looking."""
    return {(cls.__name__, name) for cls in _classes(module) for name in _methods(cls)}


@contextmanager
def recorded(module: ModuleType) -> Iterator[set[Member]]:
    """Note every public method of a resource that is called during a block, unless the client itself called it."""
    used: set[Member] = set()
    home = module.__name__

    def noting(cls: type, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def noted(*args: Any, **options: Any) -> Any:
            if not str(sys._getframe(1).f_globals.get("__name__")).startswith(home):
                used.add((cls.__name__, name))
            return function(*args, **options)

        return noted

    before = [(cls, name, function) for cls in _classes(module) for name, function in _methods(cls).items()]
    for cls, name, function in before:
        setattr(cls, name, noting(cls, name, function))
    try:
        yield used
    finally:
        for cls, name, function in before:
            setattr(cls, name, function)


def raised_for(module: ModuleType, operation: str, status: int) -> str:
    """Return the exception that a version is written to raise for a status, read from the method's own source.

    :param operation: resource and method, with a dot between them.
    """
    resource, _, method = operation.partition(".")
    room, name = module.Paygentic._sub_sdk_map[resource]
    cls = getattr(importlib.import_module(room), name)
    for answer, error in _REFUSAL.findall(inspect.getsource(inspect.unwrap(getattr(cls, method)))):
        if f'"{status}"' in answer:
            return str(error)
    return "PaygenticDefaultError"


_REFUSAL = re.compile(
    r"""match_response\( ([^)]*"application/json"[^)]*) \):\s+
        response_data \s = [^\n]+\n?[^\n]*\s+
        raise \s errors\.(\w+)""",
    re.X,
)


# What an answer holds


def expect(thing: Any, wanted: Any, where: str = "answer") -> None:
    """Hold every field of a returned model to what is wanted of it, by the names on the wire.

    `...` means that the field must not have been sent; a wanted type or function says whether a value will do, an
    instant may be given as text, anything else is the value. A field that nothing is said about fails; what this
    version does not know yet is passed over.
    """
    fields = getattr(type(thing), "model_fields", None)
    if fields is not None:
        for name, field in fields.items():
            wire = field.alias or name
            assert wire in wanted, f"nobody said what {where}.{wire} must be"
            is_sent = name in thing.model_fields_set
            assert is_sent is (wanted[wire] is not ...), f"{where}.{wire} was {'' if is_sent else 'not '}sent"
            if is_sent:
                expect(getattr(thing, name), wanted[wire], f"{where}.{wire}")
    elif isinstance(wanted, list):
        assert len(thing) == len(wanted), f"{where} has {len(thing)} items, not {len(wanted)}: {thing!r}"
        for i, (item, want) in enumerate(zip(thing, wanted, strict=True)):
            expect(item, want, f"{where}[{i}]")
    elif isinstance(wanted, type):
        assert isinstance(thing, wanted), f"{where} is {thing!r}, not of type {wanted.__name__}"
    elif callable(wanted):
        assert wanted(thing), f"{where} is {thing!r}"
    elif isinstance(thing, datetime):
        assert thing == datetime.fromisoformat(wanted), f"{where} is {thing!r}, not {wanted!r}"
    else:
        assert thing == wanted, f"{where} is {thing!r}, not {wanted!r}"
