"""What customers were billed, paid and got back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row, Store
from mockserver.vendors.billing import Invoice, Payment, Refund
from mockserver.vendors.paygentic.domain.amounts import DECIMALS, joined, split
from mockserver.vendors.paygentic.domain.json_text import EXACT
from mockserver.vendors.paygentic.domain.revenue import A_MONDAY, KINDS, WIDTHS, GroupBy, Kind, Line, Scope, Width

migrations = Migrations("paygentic.invoices")


@migrations()
def create_invoices(db: Database) -> None:
    """Invoices with their payments and refunds; an amount is whole units and pico, so that both can be added up."""
    db.execute(
        """
        CREATE TABLE paygentic_invoices (
            world INTEGER NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, customer_id TEXT NOT NULL,
            currency TEXT NOT NULL, amount_units INTEGER NOT NULL, amount_pico INTEGER NOT NULL,
            tax_units INTEGER NOT NULL, tax_pico INTEGER NOT NULL,
            rebate_units INTEGER NOT NULL, rebate_pico INTEGER NOT NULL,
            status TEXT NOT NULL, issued_at INTEGER NOT NULL, written_off_at INTEGER,
            period_start INTEGER, period_end INTEGER, subscription_id TEXT, plan_id TEXT, plan_name TEXT,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE paygentic_payments (
            world INTEGER NOT NULL, invoice_id TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL,
            amount_units INTEGER NOT NULL, amount_pico INTEGER NOT NULL, status TEXT NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (world, invoice_id, number)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE paygentic_refunds (
            world INTEGER NOT NULL, invoice_id TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL,
            amount_units INTEGER NOT NULL, amount_pico INTEGER NOT NULL,
            tax_units INTEGER NOT NULL, tax_pico INTEGER NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (world, invoice_id, number)
        ) WITHOUT ROWID
        """
    )
    for name, columns in (
        ("invoices", "seq"), ("invoices", "issued_at"), ("invoices", "period_start"), ("invoices", "written_off_at"),
        ("invoices", "customer_id, issued_at"), ("payments", "at"), ("refunds", "at"),
    ):  # fmt: skip
        table = f"paygentic_{name}"
        db.execute(f"CREATE INDEX {table}_{columns.partition(',')[0]} ON {table} (world, {columns})")


_COLUMNS = (
    "i.customer_id, i.currency, i.amount_units, i.amount_pico, i.tax_units, i.tax_pico, i.rebate_units, i.rebate_pico,"
    " i.status, i.issued_at, i.written_off_at, i.period_start, i.period_end, i.subscription_id, i.plan_id, i.plan_name,"
    " i.id, i.seq"
)


def _parts(amount: Decimal) -> tuple[int, int]:
    """Return an amount as whole units and pico; none is finer."""
    units, pico, _ = split(int(EXACT.scaleb(amount, DECIMALS)))
    return units, pico


def _amount(units: int, pico: int) -> Decimal:
    return joined(units, pico, 0)


def _invoice(row: Row) -> Invoice:
    (
        customer_id, currency, amount, amount_pico, tax, tax_pico, rebate, rebate_pico, status, issued_at,
        written_off_at, period_start, period_end, subscription_id, plan_id, plan_name, identifier, seq,
    ) = row  # fmt: skip
    return Invoice(
        customer_id=customer_id, currency=currency, amount=_amount(amount, amount_pico), tax=_amount(tax, tax_pico),
        rebate=_amount(rebate, rebate_pico), status=status, issued_at=issued_at, written_off_at=written_off_at,
        period_start=period_start, period_end=period_end, subscription_id=subscription_id, plan_id=plan_id,
        plan_name=plan_name, id=identifier, seq=seq,
    )  # fmt: skip


def save_invoice(store: Store, world: int, invoice: Invoice) -> None:
    """Save an invoice, new or changed; payments and refunds are saved one by one."""
    store.execute(
        "INSERT OR REPLACE INTO paygentic_invoices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world, invoice.id, invoice.seq, invoice.customer_id, invoice.currency, *_parts(invoice.amount),
            *_parts(invoice.tax), *_parts(invoice.rebate), invoice.status, invoice.issued_at, invoice.written_off_at,
            invoice.period_start, invoice.period_end, invoice.subscription_id, invoice.plan_id, invoice.plan_name,
        ),
    )  # fmt: skip


def insert_payment(store: Store, world: int, invoice_id: str, number: int, payment: Payment) -> None:
    """Save the payment that follows the first `number` ones."""
    row = (world, invoice_id, number, payment.id, *_parts(payment.amount), payment.status, payment.at)
    store.execute("INSERT INTO paygentic_payments VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def insert_refund(store: Store, world: int, invoice_id: str, number: int, refund: Refund) -> None:
    """Save the refund that follows the first `number` ones."""
    row = (world, invoice_id, number, refund.id, *_parts(refund.amount), *_parts(refund.tax), refund.at)
    store.execute("INSERT INTO paygentic_refunds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def delete_invoice(store: Store, world: int, identifier: str) -> None:
    """Remove an invoice, its payments and its refunds."""
    store.execute("DELETE FROM paygentic_payments WHERE world = ? AND invoice_id = ?", (world, identifier))
    store.execute("DELETE FROM paygentic_refunds WHERE world = ? AND invoice_id = ?", (world, identifier))
    store.execute("DELETE FROM paygentic_invoices WHERE world = ? AND id = ?", (world, identifier))


def invoice(store: Store, world: int, identifier: str) -> Invoice | None:
    """Return an invoice with its payments and refunds."""
    found = _found(store, world, "i.id = ?", (identifier,))
    return found[0] if found else None


def invoices(store: Store, world: int, after: int, limit: int) -> list[Invoice]:
    """Return invoices with a `seq` above `after`, in the order they were recorded."""
    ends = store.all(
        "SELECT seq FROM paygentic_invoices WHERE world = ? AND seq > ? ORDER BY seq LIMIT ?", (world, after, limit)
    )
    return _found(store, world, "i.seq > ? AND i.seq <= ?", (after, ends[-1][0])) if ends else []


def _found(store: Store, world: int, where: str, parameters: tuple[Any, ...]) -> list[Invoice]:
    """Return invoices with their payments and refunds, in the order they were recorded."""
    key = (world, *parameters)
    invoices = store.all(
        f"SELECT {_COLUMNS} FROM paygentic_invoices i WHERE i.world = ? AND {where} ORDER BY i.seq", key
    )

    def parts(table: str, columns: str) -> list[Row]:
        return store.all(
            f"SELECT p.invoice_id, {columns} FROM paygentic_invoices i JOIN paygentic_{table} p"
            f" ON p.world = i.world AND p.invoice_id = i.id WHERE i.world = ? AND {where} ORDER BY p.number",
            key,
        )

    payments: defaultdict[str, list[Payment]] = defaultdict(list)
    for of, identifier, units, pico, status, at in parts(
        "payments", "p.id, p.amount_units, p.amount_pico, p.status, p.at"
    ):
        payments[of].append(Payment(id=identifier, amount=_amount(units, pico), status=status, at=at))
    refunds: defaultdict[str, list[Refund]] = defaultdict(list)
    columns = "p.id, p.amount_units, p.amount_pico, p.tax_units, p.tax_pico, p.at"
    for of, identifier, units, pico, tax, tax_pico, at in parts("refunds", columns):
        refunds[of].append(Refund(id=identifier, amount=_amount(units, pico), tax=_amount(tax, tax_pico), at=at))
    return [
        replace(each, payments=tuple(payments[each.id]), refunds=tuple(refunds[each.id]))
        for each in map(_invoice, invoices)
    ]


def outstanding_of(store: Store, world: int, customer_id: str) -> list[str]:
    """Return the ids of what a customer still owes, oldest first."""
    rows = store.all(
        "SELECT id FROM paygentic_invoices WHERE world = ? AND customer_id = ? AND status = 'outstanding'"
        " ORDER BY issued_at, seq",
        (world, customer_id),
    )
    return [row[0] for row in rows]


# What revenue is made of

_KEYS: dict[GroupBy | None, str] = {"plan": "i.plan_id", "customer": "i.customer_id"}


@dataclass(frozen=True, slots=True)
class _Source:
    """Where lines of one kind come from.

    :param place: the instant they count at, unless billing periods decide.
    :param sums: prefixes of the columns that are added up: amount, tax and rebate, or `None`.
    """

    kind: Kind
    place: str
    status: str
    sums: tuple[str | None, str | None, str | None]
    join: str = ""
    condition: str = "TRUE"
    is_of_subscription: bool = True


_JOIN = "JOIN paygentic_{} p ON p.world = i.world AND p.invoice_id = i.id"
_SOURCES: dict[Kind, _Source] = {
    source.kind: source
    for source in (
        _Source("issued", "i.issued_at", "i.status", ("i.amount", "i.tax", "i.rebate")),
        _Source(
            "written_off", "i.written_off_at", "i.status", ("i.amount", "i.tax", None),
            condition="i.status = 'written_off'",
        ),
        _Source("refund", "p.at", "''", ("p.amount", "p.tax", None), _JOIN.format("refunds")),
        # Source: paygentic/sdk-0.6.3 "Revenue.get" (sdk): a payment is not tied to a subscription.
        _Source(
            "payment", "p.at", "p.status", ("p.amount", None, None), _JOIN.format("payments"),
            is_of_subscription=False,
        ),
    )
}  # fmt: skip


def lines(
    store: Store,
    world: int,
    scope: Scope,
    kinds: Sequence[Kind] = KINDS,
    *,
    width: Width | None = None,
    group_by: GroupBy | None = None,
) -> list[Line]:
    """Return what falls into a window of time, added up.

    :param width: of the buckets of time to tell apart.
    :param group_by: `plan` or `customer` tells those apart.
    """
    return [line for kind in kinds for line in _lines(store, world, scope, _SOURCES[kind], width, group_by)]


def _lines(
    store: Store, world: int, scope: Scope, source: _Source, width: Width | None, group_by: GroupBy | None
) -> Iterator[Line]:
    place = "i.period_start" if scope.by_period else source.place
    where, parameters = _of(scope, by_subscription=source.is_of_subscription)
    sums = ", ".join("0, 0" if name is None else f"sum({name}_units), sum({name}_pico)" for name in source.sums)
    rows = store.all(
        f"SELECT {_bucket(place, width)}, i.currency, {_KEYS.get(group_by, 'NULL')}, max(i.plan_name), {source.status},"
        f" count(*), {sums}, sum(i.rebate_units > 0 OR i.rebate_pico > 0) FROM paygentic_invoices i {source.join}"
        f" WHERE {where} AND {place} >= ? AND {place} < ? AND {source.condition} GROUP BY 1, 2, 3, 5",
        (world, *parameters, scope.start, scope.end),
    )
    for bucket, currency, key, label, status, count, *sums_of, rebates in rows:
        amount, tax, rebate = (_amount(*sums_of[first : first + 2]) for first in (0, 2, 4))
        yield Line(source.kind, bucket, currency, key, label, status, count, amount, tax, rebate, rebates)


def _bucket(place: str, width: Width | None) -> str:
    """Return the expression for the start of the bucket that holds an instant."""
    if width is None:
        return "0"
    size = WIDTHS[width]
    # SQLite's remainder has the sign of what is divided.
    return f"{place} - (({place} - {A_MONDAY}) % {size} + {size}) % {size}"


def extent(store: Store, world: int, scope: Scope) -> tuple[int, int] | None:
    """Return the instants the first and the last invoice count at, whatever the window; `None` when there is none."""
    place = "i.period_start" if scope.by_period else "i.issued_at"
    where, parameters = _of(scope, by_subscription=True)
    row = store.one(f"SELECT min({place}), max({place}) FROM paygentic_invoices i WHERE {where}", (world, *parameters))
    return None if row is None or row[0] is None else (row[0], row[1])


def _of(scope: Scope, *, by_subscription: bool) -> tuple[str, list[Any]]:
    """Return the condition for a scope's invoices at any time."""
    where, parameters = "i.world = ?", []
    if scope.currency is not None:
        where += " AND i.currency = ?"
        parameters.append(scope.currency)
    narrow = [("customer_id", scope.customer_ids)]
    if by_subscription and scope.subscription_ids:
        narrow.append(("subscription_id", scope.subscription_ids))
    for column, wanted in narrow:
        if wanted is not None:
            where += f" AND i.{column} IN ({', '.join('?' * len(wanted))})"
            parameters.extend(wanted)
    return where, parameters


def strangers(store: Store, world: int) -> Iterable[tuple[str, str]]:
    """Return invoice and customer id of every invoice whose customer never was."""
    return store.all(
        "SELECT i.id, i.customer_id FROM paygentic_invoices i LEFT JOIN paygentic_customers c"
        " ON c.world = i.world AND c.id = i.customer_id WHERE i.world = ? AND c.id IS NULL",
        (world,),
    )
