"""Who the customers of a scenario are: made-up companies, named by faker."""

from __future__ import annotations

from collections.abc import Callable, Set
from functools import lru_cache
from typing import NamedTuple

_MAILBOXES = ("accounts", "billing", "finance", "office", "payables")
_TRIES = 20
"""How often a name is drawn again that is taken, before it gets a number."""


class Company(NamedTuple):
    """A customer's name and where its invoices go."""

    name: str
    email: str


def external_id(number: int) -> str:
    """Return what a merchant calls its n-th customer, counted from 1: `customer-001`."""
    return f"customer-{number:03d}"


@lru_cache(maxsize=8)
def companies(seed: int, count: int) -> tuple[Company, ...]:
    """Return that many companies, no two of one name; the first of them are the same however many there are.

    The same seed gives the same in every process, with one release of faker: which names it knows changes with them.
    Their addresses are at `.example`, which nobody can own.
    """
    from faker import Faker  # loads words for hundreds of languages, and only those who ask for names need any

    # A locale of its own, because the default one is the machine's to say.
    fake = Faker("en_US", use_weighting=False)
    fake.seed_instance(seed)
    taken: set[str] = set()
    found: list[Company] = []
    for number in range(1, count + 1):
        name = _unlike(fake.company, taken)
        taken.add(name)
        found.append(Company(name, f"{fake.random_element(_MAILBOXES)}@{external_id(number)}.example"))
    return tuple(found)


def _unlike(draw: Callable[[], str], taken: Set[str]) -> str:
    for _ in range(_TRIES):
        name = draw()
        if name not in taken:
            return name
    number = 2
    while f"{name} {number}" in taken:
        number += 1
    return f"{name} {number}"
