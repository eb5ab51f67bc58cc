"""What customers were billed, paid and got back."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sqlite_utils import Database, Migrations

from mockserver.kernel.money import plain
from mockserver.kernel.store import Row, Store
from mockserver.vendors.billing import Invoice, Payment, Refund
from mockserver.vendors.paygentic.domain.revenue import Books, Scope

migrations = Migrations("paygentic.invoices")


@migrations()
def create_invoices(db: Database) -> None:
    """Invoices with their payments and refunds; amounts are plain decimal text."""
    db.execute(
        """
        CREATE TABLE paygentic_invoices (
            world INTEGER NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, customer_id TEXT NOT NULL,
            currency TEXT NOT NULL, amount TEXT NOT NULL, tax TEXT NOT NULL, rebate TEXT NOT NULL,
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
            amount TEXT NOT NULL, status TEXT NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (world, invoice_id, number)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE paygentic_refunds (
            world INTEGER NOT NULL, invoice_id TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL,
            amount TEXT NOT NULL, tax TEXT NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (world, invoice_id, number)
        ) WITHOUT ROWID
        """
    )
    for table, columns in (
        ("invoices", "seq"), ("invoices", "issued_at"), ("invoices", "period_start"), ("invoices", "written_off_at"),
        ("invoices", "customer_id"), ("payments", "at"), ("refunds", "at"),
    ):  # fmt: skip
        db.execute(f"CREATE INDEX paygentic_{table}_{columns} ON paygentic_{table} (world, {columns})")


_COLUMNS = (
    "i.customer_id, i.currency, i.amount, i.tax, i.rebate, i.status, i.issued_at, i.written_off_at, i.period_start,"
    " i.period_end, i.subscription_id, i.plan_id, i.plan_name, i.id, i.seq"
)


def _invoice(row: Row, payments: tuple[Payment, ...] = (), refunds: tuple[Refund, ...] = ()) -> Invoice:
    (
        customer_id, currency, amount, tax, rebate, status, issued_at, written_off_at, period_start, period_end,
        subscription_id, plan_id, plan_name, identifier, seq,
    ) = row  # fmt: skip
    return Invoice(
        customer_id=customer_id, currency=currency, amount=Decimal(amount), tax=Decimal(tax), rebate=Decimal(rebate),
        status=status, issued_at=issued_at, written_off_at=written_off_at, period_start=period_start,
        period_end=period_end, subscription_id=subscription_id, plan_id=plan_id, plan_name=plan_name,
        payments=payments, refunds=refunds, id=identifier, seq=seq,
    )  # fmt: skip


def _payment(row: Row) -> Payment:
    return Payment(id=row[0], amount=Decimal(row[1]), status=row[2], at=row[3])


def _refund(row: Row) -> Refund:
    return Refund(id=row[0], amount=Decimal(row[1]), tax=Decimal(row[2]), at=row[3])


def save_invoice(store: Store, world: int, invoice: Invoice) -> None:
    """Save an invoice, new or changed; payments and refunds are saved one by one."""
    store.execute(
        "INSERT OR REPLACE INTO paygentic_invoices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world, invoice.id, invoice.seq, invoice.customer_id, invoice.currency, plain(invoice.amount),
            plain(invoice.tax), plain(invoice.rebate), invoice.status, invoice.issued_at, invoice.written_off_at,
            invoice.period_start, invoice.period_end, invoice.subscription_id, invoice.plan_id, invoice.plan_name,
        ),
    )  # fmt: skip


def insert_payment(store: Store, world: int, invoice_id: str, number: int, payment: Payment) -> None:
    """Save the payment that follows the first `number` ones."""
    row = (world, invoice_id, number, payment.id, plain(payment.amount), payment.status, payment.at)
    store.execute("INSERT INTO paygentic_payments VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def insert_refund(store: Store, world: int, invoice_id: str, number: int, refund: Refund) -> None:
    """Save the refund that follows the first `number` ones."""
    row = (world, invoice_id, number, refund.id, plain(refund.amount), plain(refund.tax), refund.at)
    store.execute("INSERT INTO paygentic_refunds VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def delete_invoice(store: Store, world: int, identifier: str) -> None:
    """Remove an invoice, its payments and its refunds."""
    store.execute("DELETE FROM paygentic_payments WHERE world = ? AND invoice_id = ?", (world, identifier))
    store.execute("DELETE FROM paygentic_refunds WHERE world = ? AND invoice_id = ?", (world, identifier))
    store.execute("DELETE FROM paygentic_invoices WHERE world = ? AND id = ?", (world, identifier))


def _whole(store: Store, world: int, row: Row) -> Invoice:
    key = (world, row[-2])
    payments = store.all(
        "SELECT id, amount, status, at FROM paygentic_payments WHERE world = ? AND invoice_id = ? ORDER BY number", key
    )
    refunds = store.all(
        "SELECT id, amount, tax, at FROM paygentic_refunds WHERE world = ? AND invoice_id = ? ORDER BY number", key
    )
    return _invoice(row, tuple(map(_payment, payments)), tuple(map(_refund, refunds)))


def invoice(store: Store, world: int, identifier: str) -> Invoice | None:
    """Return an invoice with its payments and refunds."""
    row = store.one(f"SELECT {_COLUMNS} FROM paygentic_invoices i WHERE i.world = ? AND i.id = ?", (world, identifier))
    return _whole(store, world, row) if row else None


def invoices(store: Store, world: int, after: int, limit: int) -> list[Invoice]:
    """Return invoices with a `seq` above `after`, in the order they were recorded."""
    rows = store.all(
        f"SELECT {_COLUMNS} FROM paygentic_invoices i WHERE i.world = ? AND i.seq > ? ORDER BY i.seq LIMIT ?",
        (world, after, limit),
    )
    return [_whole(store, world, row) for row in rows]


def outstanding_of(store: Store, world: int, customer_id: str) -> list[str]:
    """Return the ids of what a customer still owes, oldest first."""
    rows = store.all(
        "SELECT id FROM paygentic_invoices WHERE world = ? AND customer_id = ? AND status = 'outstanding'"
        " ORDER BY issued_at, seq",
        (world, customer_id),
    )
    return [row[0] for row in rows]


# What revenue is made of


def books(store: Store, world: int, scope: Scope) -> Books:
    """Return everything that falls into a window of time, with the instant it counts at, oldest first."""
    width = len(_COLUMNS.split(","))

    def found(columns: str, joined: str, place: str, *, is_narrow: bool = True) -> list[Row]:
        where, parameters = _within(scope, "i.period_start" if scope.by_period else place, is_narrow=is_narrow)
        place = "i.period_start" if scope.by_period else place
        return store.all(
            f"SELECT {place}, {_COLUMNS}{columns} FROM paygentic_invoices i{joined} WHERE {where}"
            f" ORDER BY {place}, i.seq",
            (world, *parameters),
        )

    def join(table: str) -> str:
        return f" JOIN paygentic_{table} p ON p.world = i.world AND p.invoice_id = i.id"

    issued = found("", "", "i.issued_at")
    written_off = found("", "", "i.written_off_at")
    refunds = found(", p.id, p.amount, p.tax, p.at", join("refunds"), "p.at")
    # Source: paygentic/sdk-0.6.3 "Revenue.get" (sdk): a payment is not tied to a subscription.
    payments = found(", p.id, p.amount, p.status, p.at", join("payments"), "p.at", is_narrow=False)
    end = width + 1
    return Books(
        [(row[0], _invoice(row[1:])) for row in issued],
        [(row[0], _invoice(row[1:])) for row in written_off if row[6] == "written_off"],
        [(row[0], _invoice(row[1:end]), _refund(row[end:])) for row in refunds],
        [(row[0], _invoice(row[1:end]), _payment(row[end:])) for row in payments],
    )


def extent(store: Store, world: int, scope: Scope) -> tuple[int, int] | None:
    """Return the instants the first and the last invoice count at, whatever the window; `None` when there is none."""
    place = "i.period_start" if scope.by_period else "i.issued_at"
    where, parameters = _of(scope, is_narrow=True)
    row = store.one(f"SELECT min({place}), max({place}) FROM paygentic_invoices i WHERE {where}", (world, *parameters))
    return None if row is None or row[0] is None else (row[0], row[1])


def _within(scope: Scope, place: str, *, is_narrow: bool) -> tuple[str, list[Any]]:
    where, parameters = _of(scope, is_narrow=is_narrow)
    return f"{where} AND {place} >= ? AND {place} < ?", [*parameters, scope.start, scope.end]


def _of(scope: Scope, *, is_narrow: bool) -> tuple[str, list[Any]]:
    """Return the condition for a scope's invoices at any time.

    :param is_narrow: whether its subscriptions count.
    """
    where, parameters = "i.world = ?", []
    for column, value in (("currency", scope.currency), ("customer_id", scope.customer_id)):
        if value is not None:
            where += f" AND i.{column} = ?"
            parameters.append(value)
    if is_narrow and scope.subscription_ids:
        where += f" AND i.subscription_id IN ({', '.join('?' * len(scope.subscription_ids))})"
        parameters.extend(scope.subscription_ids)
    return where, parameters


def strangers(store: Store, world: int) -> Iterable[tuple[str, str]]:
    """Return invoice and customer id of every invoice whose customer never was."""
    return store.all(
        "SELECT i.id, i.customer_id FROM paygentic_invoices i LEFT JOIN paygentic_customers c"
        " ON c.world = i.world AND c.id = i.customer_id WHERE i.world = ? AND c.id IS NULL",
        (world,),
    )
