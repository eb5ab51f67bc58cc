"""What customers are invoiced for (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mockserver.simulation.parts import RevenuePart
from mockserver.simulation.usage import Customer
from mockserver.vendors.billing import Invoice


def invoices(
    part: RevenuePart,
    customers: Sequence[Customer],
    ids: Mapping[str, str],
    calls: Mapping[str, int],
    start: int,
    end: int,
) -> list[Invoice]:
    """Return the invoices of one period, paid at its end, in the order of the customers; none is of nothing.

    :param ids: customers' ids by external id, as whoever records the invoices knows them.
    :param calls: how many calls of each were answered in the period, by external id.
    """
    raise NotImplementedError
