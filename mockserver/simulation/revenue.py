"""What customers are invoiced for (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal

from mockserver.kernel.matching import glob
from mockserver.simulation.parts import RevenuePart
from mockserver.simulation.usage import Customer
from mockserver.vendors.billing import Invoice, Payment

CURRENCY = "USD"

_CENT = Decimal("0.01")
_EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN)


def invoices(
    part: RevenuePart,
    customers: Sequence[Customer],
    ids: Mapping[str, str],
    calls: Mapping[str, int],
    start: int,
    end: int,
) -> list[Invoice]:
    """Return the invoices of one period, paid at its end, in the order of the customers; none is of nothing.

    Who was there for part of a period pays that part of the fee, to the cent; what calls cost is exact.

    :param ids: customers' ids by external id, as whoever records the invoices knows them.
    :param calls: how many calls of each were answered in the period, by external id.
    """
    found: list[Invoice] = []
    for customer in customers:
        came = max(start, customer.joins_at)
        left = end if customer.leaves_at is None else min(end, customer.leaves_at)
        name = customer.external_id
        fee = _share(_fee(part, name), left - came, part.every) if came < left else Decimal(0)
        amount = _EXACT.fma(calls.get(name, 0), Decimal(part.per_call_usd), fee)
        if not amount:
            continue
        if came >= left:
            came, left = start, end  # calls were answered after their customer had gone
        found.append(
            Invoice(
                customer_id=ids[name], currency=CURRENCY, amount=amount, issued_at=end, status="paid",
                period_start=came, period_end=left, payments=(Payment(amount=amount, at=end),),
            )
        )  # fmt: skip
    return found


def _fee(part: RevenuePart, name: str) -> Decimal:
    """Return a customer's fee for a whole period: the first that names it, or everybody's."""
    fees = (fee for pattern, fee in part.fees_usd.items() if glob(pattern).fullmatch(name))
    return Decimal(next(fees, part.fee_usd))


def _share(fee: Decimal, span: int, period: int) -> Decimal:
    """Return what of a fee is for part of a period."""
    if span == period:
        return fee
    return _EXACT.divide(_EXACT.multiply(fee, Decimal(span)), Decimal(period)).quantize(_CENT, context=_EXACT)
