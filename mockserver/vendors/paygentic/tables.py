"""Paygentic's rows: what each table is for, rows to domain values and back, and the queries behind them.

`events` is the truth. A *meter* is one way of reading the events of one type; for each meter there is one
`readings` row per event it has read, and `rollups` that add readings up per hour and per day, for each party and for
everybody together, so that a summary touches a few rows and not the history. Meters read in batches: `catch_up`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlite_utils import Database, Migrations

from mockserver.kernel.money import plain
from mockserver.kernel.store import Row, Store
from mockserver.kernel.windows import DAY, HOUR, floor_to
from mockserver.vendors.paygentic.domain.aggregation import Stretch, Tally
from mockserver.vendors.paygentic.domain.amounts import (
    HALF,
    MARKED_FROM,
    joined,
    mark,
    sortable,
    split,
    summed,
    yocto_of,
)
from mockserver.vendors.paygentic.domain.costing import Cost, canonical_group_by
from mockserver.vendors.paygentic.domain.json_text import EXACT, dump, restore
from mockserver.vendors.paygentic.domain.metering import EVERYBODY, Event, Meter, party_of, read

migrations = Migrations("paygentic")

ROLLUP_WIDTHS = (DAY, HOUR)
_REBUILD_BATCH = 20_000


@migrations()
def create_organizations(db: Database) -> None:
    """One merchant per world, and what is sold and to whom."""
    db.execute(
        """
        CREATE TABLE paygentic_organizations (
            world INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
            currencies TEXT NOT NULL, primary_currency TEXT NOT NULL, first_cost_id TEXT,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE paygentic_products (
            world INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            merchant_id TEXT NOT NULL, metadata TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE paygentic_customers (
            world INTEGER NOT NULL, id TEXT NOT NULL, consumer_id TEXT NOT NULL, merchant_id TEXT NOT NULL,
            name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT, address TEXT, tax_id TEXT, external_id TEXT,
            tax_rates TEXT, notifications TEXT,
            created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, deleted_at INTEGER,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        "CREATE INDEX paygentic_customers_external ON paygentic_customers (world, external_id)"
        " WHERE external_id IS NOT NULL"
    )


@migrations()
def create_costs(db: Database) -> None:
    """Cost metrics; a deleted one keeps its row and its meter."""
    db.execute(
        """
        CREATE TABLE paygentic_costs (
            world INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, currency TEXT NOT NULL,
            unit_cost TEXT NOT NULL, unit TEXT, aggregation TEXT, event_type TEXT, value_property TEXT, group_by TEXT,
            product_id TEXT NOT NULL, merchant_id TEXT NOT NULL,
            created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, deleted_at INTEGER, meter INTEGER,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX paygentic_costs_meter ON paygentic_costs (world, meter)")


@migrations()
def create_events(db: Database) -> None:
    """Every accepted event, in order of arrival."""
    db.execute(
        """
        CREATE TABLE paygentic_events (
            world INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL,
            subject TEXT, external_subject TEXT, external_id TEXT, namespace TEXT NOT NULL,
            at INTEGER NOT NULL, received_at INTEGER NOT NULL, idempotency_key TEXT, data TEXT NOT NULL,
            PRIMARY KEY (world, seq)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX paygentic_events_type ON paygentic_events (world, type)")


@migrations()
def create_meters(db: Database) -> None:
    """Meters, the combinations of dimension values each has met, its readings, and their sums.

    What has arrived after `read_up_to` is read in one go when somebody asks, or when much has piled up.
    """
    db.execute(
        """
        CREATE TABLE paygentic_meters (
            world INTEGER NOT NULL, id INTEGER NOT NULL, event_type TEXT NOT NULL, value_path TEXT,
            group_by TEXT NOT NULL, keeps_distinct INTEGER NOT NULL, read_up_to INTEGER NOT NULL,
            PRIMARY KEY (world, id)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX paygentic_meters_type ON paygentic_meters (world, event_type)")
    db.execute(
        """
        CREATE TABLE paygentic_dimensions (
            world INTEGER NOT NULL, meter INTEGER NOT NULL, combo INTEGER NOT NULL, labels TEXT NOT NULL,
            PRIMARY KEY (world, meter, combo)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE UNIQUE INDEX paygentic_dimensions_labels ON paygentic_dimensions (world, meter, labels)")
    # An amount is units + pico / 10**12 + yocto / 10**24, and, when that cannot hold it, the numbers in `extra`.
    db.execute(
        """
        CREATE TABLE paygentic_readings (
            world INTEGER NOT NULL, meter INTEGER NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL,
            party TEXT NOT NULL, combo INTEGER NOT NULL,
            units INTEGER NOT NULL, pico INTEGER NOT NULL, yocto INTEGER NOT NULL, extra TEXT, mark BLOB, key TEXT,
            PRIMARY KEY (world, meter, at, seq)
        ) WITHOUT ROWID
        """
    )
    # The party comes before the bucket: one party's history, or everybody's, is one unbroken range.
    db.execute(
        """
        CREATE TABLE paygentic_rollups (
            world INTEGER NOT NULL, meter INTEGER NOT NULL, width INTEGER NOT NULL, party TEXT NOT NULL,
            bucket INTEGER NOT NULL, combo INTEGER NOT NULL,
            events INTEGER NOT NULL, amounts INTEGER NOT NULL,
            units INTEGER NOT NULL, pico INTEGER NOT NULL, yocto INTEGER NOT NULL, extra TEXT,
            least BLOB, greatest BLOB, latest BLOB,
            PRIMARY KEY (world, meter, width, party, bucket, combo)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE paygentic_distinct_days (
            world INTEGER NOT NULL, meter INTEGER NOT NULL, party TEXT NOT NULL, day INTEGER NOT NULL,
            combo INTEGER NOT NULL, key TEXT NOT NULL,
            PRIMARY KEY (world, meter, party, day, combo, key)
        ) WITHOUT ROWID
        """
    )


# Organizations and products


@dataclass(frozen=True, slots=True)
class Organization:
    """The merchant a world is.

    :param currencies: ISO 4217 codes it has enabled.
    """

    id: str
    name: str
    currencies: tuple[str, ...]
    primary_currency: str


@dataclass(frozen=True, slots=True)
class Product:
    """Something the merchant sells; costs belong to one."""

    id: str
    name: str
    description: str
    merchant_id: str
    metadata: Mapping[str, str]
    created_at: int
    updated_at: int


def insert_organization(store: Store, world: int, organization: Organization, first_cost_id: str | None) -> None:
    """Save the merchant; its first cost is to get this id instead of a drawn one."""
    store.execute(
        "INSERT INTO paygentic_organizations VALUES (?, ?, ?, ?, ?, ?)",
        (
            world, organization.id, organization.name, json.dumps(organization.currencies),
            organization.primary_currency, first_cost_id,
        ),
    )  # fmt: skip


def organization_id(store: Store, world: int) -> str:
    """Return the merchant's id."""
    row = store.one("SELECT id FROM paygentic_organizations WHERE world = ?", (world,))
    assert row is not None
    return str(row[0])


def organization(store: Store, world: int) -> Organization:
    """Return the merchant."""
    row = store.one(
        "SELECT id, name, currencies, primary_currency FROM paygentic_organizations WHERE world = ?", (world,)
    )
    assert row is not None
    return Organization(row[0], row[1], tuple(json.loads(row[2])), row[3])


def take_first_cost_id(store: Store, world: int) -> str | None:
    """Return the id kept for the world's first cost, once."""
    row = store.one("SELECT first_cost_id FROM paygentic_organizations WHERE world = ?", (world,))
    if row is None or row[0] is None:
        return None
    store.execute("UPDATE paygentic_organizations SET first_cost_id = NULL WHERE world = ?", (world,))
    return str(row[0])


def save_product(store: Store, world: int, product: Product) -> None:
    """Save a product, new or changed."""
    store.execute(
        "INSERT OR REPLACE INTO paygentic_products VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world, product.id, product.name, product.description, product.merchant_id, json.dumps(product.metadata),
            product.created_at, product.updated_at,
        ),
    )  # fmt: skip


_PRODUCT = "SELECT id, name, description, merchant_id, metadata, created_at, updated_at FROM paygentic_products"


def _product(row: Row) -> Product:
    identifier, name, description, merchant_id, metadata, created_at, updated_at = row
    return Product(identifier, name, description, merchant_id, json.loads(metadata), created_at, updated_at)


def product(store: Store, world: int, identifier: str) -> Product | None:
    """Return a product."""
    row = store.one(f"{_PRODUCT} WHERE world = ? AND id = ?", (world, identifier))
    return _product(row) if row else None


def products(store: Store, world: int, limit: int, offset: int) -> tuple[list[Product], int]:
    """Return a page of products, newest first, and how many there are."""
    rows, total = _page(store, _PRODUCT, "world = ?", (world,), limit, offset)
    return [_product(row) for row in rows], total


def _page(
    store: Store, select: str, where: str, parameters: Sequence[Any], limit: int, offset: int
) -> tuple[list[Row], int]:
    """Return a page of rows, newest first, and how many match."""
    row = store.one(f"SELECT count(*) FROM ({select} WHERE {where})", parameters)
    assert row is not None
    order = "ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?"
    return store.all(f"{select} WHERE {where} {order}", (*parameters, limit, offset)), int(row[0])


# Customers


@dataclass(frozen=True, slots=True)
class Customer:
    """A consumer that buys from the merchant.

    :param consumer_id: the consumer's own organization.
    :param external_id: the merchant's own name for it; events may use it in place of the id.
    :param tax_rates: per cent, by tax name.
    """

    id: str
    consumer_id: str
    merchant_id: str
    name: str
    email: str
    phone: str | None
    address: Mapping[str, str] | None
    tax_id: str | None
    external_id: str | None
    tax_rates: Mapping[str, Decimal] | None
    notifications: Mapping[str, bool] | None
    created_at: int
    updated_at: int
    deleted_at: int | None = None


_CUSTOMER = (
    "SELECT id, consumer_id, merchant_id, name, email, phone, address, tax_id, external_id, tax_rates, notifications,"
    " created_at, updated_at, deleted_at FROM paygentic_customers"
)
_LIVE = "world = ? AND deleted_at IS NULL"


def _customer(row: Row) -> Customer:
    (
        identifier, consumer_id, merchant_id, name, email, phone, address, tax_id, external_id, rates, notifications,
        created_at, updated_at, deleted_at,
    ) = row  # fmt: skip
    return Customer(
        identifier, consumer_id, merchant_id, name, email, phone, address and json.loads(address), tax_id, external_id,
        rates and {tax: Decimal(rate) for tax, rate in restore(rates).items()},
        notifications and json.loads(notifications), created_at, updated_at, deleted_at,
    )  # fmt: skip


def save_customer(store: Store, world: int, customer: Customer) -> None:
    """Save a customer, new or changed."""
    address, rates, notifications = (
        None if value is None else dump(dict(value))
        for value in (customer.address, customer.tax_rates, customer.notifications)
    )
    store.execute(
        "INSERT OR REPLACE INTO paygentic_customers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world, customer.id, customer.consumer_id, customer.merchant_id, customer.name, customer.email,
            customer.phone, address, customer.tax_id, customer.external_id, rates, notifications,
            customer.created_at, customer.updated_at, customer.deleted_at,
        ),
    )  # fmt: skip


def _live_customer(store: Store, world: int, column: str, value: str) -> Customer | None:
    row = store.one(f"{_CUSTOMER} WHERE {_LIVE} AND {column} = ?", (world, value))
    return _customer(row) if row else None


def customer(store: Store, world: int, identifier: str) -> Customer | None:
    """Return a customer that was not deleted."""
    return _live_customer(store, world, "id", identifier)


def customer_with_external_id(store: Store, world: int, external_id: str) -> Customer | None:
    """Return the customer that the merchant calls so."""
    return _live_customer(store, world, "external_id", external_id)


def customer_of_consumer(store: Store, world: int, consumer_id: str) -> Customer | None:
    """Return the customer that a consumer is."""
    return _live_customer(store, world, "consumer_id", consumer_id)


def customer_with_email(store: Store, world: int, email: str) -> Customer | None:
    """Return the customer with an e-mail address, in any letter case."""
    return _live_customer(store, world, "lower(email)", email.lower())


def customers(
    store: Store, world: int, limit: int, offset: int, *, name: str | None, email: str | None, external_id: str | None
) -> tuple[list[Customer], int]:
    """Return a page of customers, newest first, and how many match; name and e-mail by part, in any letter case."""
    where = _LIVE
    parameters: list[Any] = [world]
    for column, part in (("name", name), ("email", email)):
        if part is not None:
            where += f" AND instr(lower({column}), lower(?)) > 0"
            parameters.append(part)
    if external_id is not None:
        where += " AND external_id = ?"
        parameters.append(external_id)
    rows, total = _page(store, _CUSTOMER, where, parameters, limit, offset)
    return [_customer(row) for row in rows], total


def external_id_of(store: Store, world: int, subject: str) -> str | None:
    """Return the merchant's own name for the customer a subject is, if it is one and has one."""
    row = store.one(f"SELECT external_id FROM paygentic_customers WHERE {_LIVE} AND id = ?", (world, subject))
    return row[0] if row else None


# Costs

_COST = (
    "SELECT id, name, currency, unit_cost, unit, aggregation, event_type, value_property, group_by, product_id,"
    " merchant_id, created_at, updated_at, deleted_at FROM paygentic_costs"
)


def _cost(row: Row) -> Cost:
    (
        identifier, name, currency, unit_cost, unit, aggregation, event_type, value_property, group_by, product_id,
        merchant_id, created_at, updated_at, deleted_at,
    ) = row  # fmt: skip
    return Cost(
        identifier, name, currency, Decimal(unit_cost), unit, aggregation, event_type, value_property,
        group_by and json.loads(group_by), product_id, merchant_id, created_at, updated_at, deleted_at,
    )  # fmt: skip


def cost(store: Store, world: int, identifier: str) -> Cost | None:
    """Return a cost, deleted or not."""
    row = store.one(f"{_COST} WHERE world = ? AND id = ?", (world, identifier))
    return _cost(row) if row else None


def costs(store: Store, world: int, limit: int, offset: int, product_id: str | None) -> tuple[list[Cost], int]:
    """Return a page of costs that were not deleted, newest first, and how many match."""
    where = _LIVE
    parameters: list[Any] = [world]
    if product_id is not None:
        where += " AND product_id = ?"
        parameters.append(product_id)
    rows, total = _page(store, _COST, where, parameters, limit, offset)
    return [_cost(row) for row in rows], total


def save_cost(store: Store, world: int, cost: Cost) -> None:
    """Save a cost, new or changed, and give it the meter it reads events with, making or dropping meters."""
    before = store.one("SELECT meter FROM paygentic_costs WHERE world = ? AND id = ?", (world, cost.id))
    meter = None if cost.meter is None else _meter_for(store, world, cost.meter)
    store.execute(
        "INSERT OR REPLACE INTO paygentic_costs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world, cost.id, cost.name, cost.currency, plain(cost.unit_cost), cost.unit, cost.aggregation,
            cost.event_type, cost.value_property, None if cost.group_by is None else json.dumps(cost.group_by),
            cost.product_id, cost.merchant_id, cost.created_at, cost.updated_at, cost.deleted_at, meter,
        ),
    )  # fmt: skip
    if before and before[0] not in (None, meter):
        _drop_unused(store, world, before[0])


# Meters


def _meter_for(store: Store, world: int, meter: Meter) -> int:
    """Return the meter that reads events so, making it from the events there are when it is new."""
    key = (world, meter.event_type, meter.value_path, canonical_group_by(meter.group_by))
    row = store.one(
        "SELECT id, keeps_distinct FROM paygentic_meters"
        " WHERE world = ? AND event_type = ? AND value_path IS ? AND group_by = ?",
        key,
    )
    if row is None:
        newest = store.one("SELECT max(id) FROM paygentic_meters WHERE world = ?", (world,))
        identity = ((newest and newest[0]) or 0) + 1
        store.execute(
            "INSERT INTO paygentic_meters VALUES (?, ?, ?, ?, ?, ?, 0)",
            (world, identity, *key[1:], meter.keeps_distinct),
        )
        catch_up(store, world, identity)
        return int(identity)
    identity, keeps_distinct = row
    if meter.keeps_distinct and not keeps_distinct:
        store.execute(
            "UPDATE paygentic_meters SET keeps_distinct = 1, read_up_to = 0 WHERE world = ? AND id = ?",
            (world, identity),
        )
        _forget(store, world, identity)
        catch_up(store, world, identity)
    return int(identity)


def _drop_unused(store: Store, world: int, meter: int) -> None:
    if store.one("SELECT 1 FROM paygentic_costs WHERE world = ? AND meter = ?", (world, meter)):
        return
    _forget(store, world, meter)
    store.execute("DELETE FROM paygentic_meters WHERE world = ? AND id = ?", (world, meter))


def _forget(store: Store, world: int, meter: int) -> None:
    for table in ("dimensions", "readings", "rollups", "distinct_days"):
        store.execute(f"DELETE FROM paygentic_{table} WHERE world = ? AND meter = ?", (world, meter))


def is_listened_to(store: Store, world: int, event_type: str) -> bool:
    """Return whether a cost that was not deleted reads a type of event."""
    row = store.one(
        "SELECT 1 FROM paygentic_meters m JOIN paygentic_costs c ON c.world = m.world AND c.meter = m.id"
        " WHERE m.world = ? AND m.event_type = ? AND c.deleted_at IS NULL LIMIT 1",
        (world, event_type),
    )
    return row is not None


def all_meters(store: Store, world: int) -> dict[int, Meter]:
    """Return every meter of a world, by id."""
    rows = store.all(
        "SELECT id, event_type, value_path, group_by, keeps_distinct FROM paygentic_meters WHERE world = ?", (world,)
    )
    return {row[0]: _meter(row[1:]) for row in rows}


def _meter(row: Row) -> Meter:
    event_type, value_path, group_by, keeps_distinct = row
    return Meter(event_type, value_path, json.loads(group_by), bool(keeps_distinct))


def meter_of_cost(store: Store, world: int, cost_id: str) -> int | None:
    """Return the meter a cost reads events with."""
    row = store.one("SELECT meter FROM paygentic_costs WHERE world = ? AND id = ?", (world, cost_id))
    return row[0] if row else None


def labels_of_meter(store: Store, world: int, meter: int) -> dict[int, tuple[str, ...]]:
    """Return the combinations of dimension values a meter has met."""
    rows = store.all("SELECT combo, labels FROM paygentic_dimensions WHERE world = ? AND meter = ?", (world, meter))
    return {row[0]: tuple(json.loads(row[1])) for row in rows}


# Events


def insert_events(store: Store, world: int, events: Sequence[Event]) -> int:
    """Save accepted events, in order of arrival, and return the last one's number."""
    row = store.one("SELECT max(seq) FROM paygentic_events WHERE world = ?", (world,))
    first = ((row and row[0]) or 0) + 1
    store.conn.executemany(
        "INSERT INTO paygentic_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                world, seq, event.id, event.draft.type, event.draft.source, event.draft.subject,
                event.draft.external_subject, event.draft.external_id, event.namespace, event.at, event.received_at,
                event.idempotency_key, dump(event.draft.data),
            )
            for seq, event in enumerate(events, first)
        ],
    )  # fmt: skip
    return first + len(events) - 1


Metered = tuple[int, int, str, Any]
"""What a meter needs of an event: arrival number, instant, party, data."""


def metered_events(store: Store, world: int, event_type: str, after: int = 0) -> Iterator[list[Metered]]:
    """Yield the stored events of a type that arrived after another one, in order of arrival, in batches."""
    while rows := store.all(
        "SELECT seq, at, subject, external_subject, data FROM paygentic_events"
        " WHERE world = ? AND type = ? AND seq > ? ORDER BY seq LIMIT ?",
        (world, event_type, after, _REBUILD_BATCH),
    ):
        after = rows[-1][0]
        yield [(seq, at, party_of(subject, external), restore(data)) for seq, at, subject, external, data in rows]


def catch_up(store: Store, world: int, identity: int) -> None:
    """Let a meter read what has arrived since it last did."""
    row = store.one(
        "SELECT event_type, value_path, group_by, keeps_distinct, read_up_to FROM paygentic_meters"
        " WHERE world = ? AND id = ?",
        (world, identity),
    )
    assert row is not None
    meter, before = _meter(row[:-1]), row[-1]
    last, is_new = before, before == 0
    for batch in metered_events(store, world, meter.event_type, last):
        last = batch[-1][0]
        rows = _enter(store, world, identity, meter, batch)
        if not is_new:
            _add_up(store, world, identity, _widened(_hours(rows)))
    if last != before:
        if is_new:
            _roll_up_all(store, world, identity)
        store.execute("UPDATE paygentic_meters SET read_up_to = ? WHERE world = ? AND id = ?", (last, world, identity))


def catch_up_all(store: Store, world: int) -> None:
    """Let every meter read what has arrived since it last did."""
    for (identity,) in store.all("SELECT id FROM paygentic_meters WHERE world = ?", (world,)):
        catch_up(store, world, identity)


def _roll_up_all(store: Store, world: int, identity: int) -> None:
    """Fill a meter's empty rollups from all of its readings, in one pass for each kind of row."""
    everybody = f"'{EVERYBODY}'"
    _roll_up(store, world, identity, HOUR, "party", None)
    _roll_up(store, world, identity, DAY, "party", f"party <> {everybody}")
    _roll_up(store, world, identity, HOUR, everybody, f"party <> {everybody} AND width = {HOUR}")
    _roll_up(store, world, identity, DAY, everybody, f"party = {everybody}")


def _roll_up(store: Store, world: int, meter: int, width: int, party: str, hours: str | None) -> None:
    """Fill one kind of rollup rows at once, from the rollups that are its hours, or from readings.

    :param party: SQL for whom the rows belong to.
    :param hours: SQL that picks the rollups, or `None` for readings.
    """
    if hours is None:
        source, at, counts, latest = "paygentic_readings", "at", "count(*), count(mark)", "mark"
        least = greatest = f"substr(mark, {MARKED_FROM})"
    else:
        source, at, counts, latest = "paygentic_rollups", "bucket", "sum(events), sum(amounts)", "latest"
        least, greatest = "least", "greatest"
    yocto = "(sum(yocto / 1000000) + sum(yocto % 1000000) / 1000000)"
    pico = f"(sum(pico / 1000000) + (sum(pico % 1000000) + {yocto} / 1000000) / 1000000)"
    store.execute(
        f"INSERT INTO paygentic_rollups"
        f" SELECT world, meter, {width}, {party}, {_floor(at, width)}, combo, {counts},"
        f" sum(units) + {pico} / 1000000,"
        f" ({pico} % 1000000) * 1000000 + (sum(pico % 1000000) + {yocto} / 1000000) % 1000000,"
        f" ({yocto} % 1000000) * 1000000 + sum(yocto % 1000000) % 1000000,"
        f" group_concat(extra, ' '), min({least}), max({greatest}), max({latest})"
        f" FROM {source} WHERE world = ? AND meter = ? AND {hours or 1} GROUP BY 4, 5, 6",
        (world, meter),
    )


# Reading: a batch of events into readings and rollups


class _Sum:
    """What a batch adds to one row of the rollups."""

    __slots__ = ("amounts", "events", "extra", "greatest", "latest", "least", "yocto")

    def __init__(self) -> None:
        self.events = self.amounts = self.yocto = 0
        self.extra: Decimal | None = None
        self.least: bytes | None = None
        self.greatest: bytes | None = None
        self.latest: bytes | None = None

    def take(self, yocto: int, extra: Decimal | None, key: bytes, latest: bytes) -> None:
        """Count one amount."""
        self.amounts += 1
        self.yocto += yocto
        if extra is not None:
            self.extra = extra if self.extra is None else EXACT.add(self.extra, extra)
        if self.least is None or key < self.least:
            self.least = key
        if self.greatest is None or key > self.greatest:
            self.greatest = key
        if self.latest is None or latest > self.latest:
            self.latest = latest

    def merge(self, other: _Sum) -> None:
        """Take in another sum."""
        self.events += other.events
        if not other.amounts:
            return
        assert other.least is not None
        assert other.greatest is not None
        assert other.latest is not None
        amounts = self.amounts + other.amounts
        self.take(other.yocto, other.extra, other.least, other.latest)
        if self.greatest is None or other.greatest > self.greatest:
            self.greatest = other.greatest
        self.amounts = amounts


_Place = tuple[int, str, int, int]
"""Width, party, bucket, combination: which row of the rollups."""

_INSERT_READING = "INSERT INTO paygentic_readings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

# What is above 10**12 is carried over before it is stored, so no sum comes near 2**63 and none becomes a float.
_ADD_UP = f"""
INSERT INTO paygentic_rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    events = events + excluded.events,
    amounts = amounts + excluded.amounts,
    units = units + excluded.units + (pico + excluded.pico + (yocto + excluded.yocto) / {HALF}) / {HALF},
    pico = (pico + excluded.pico + (yocto + excluded.yocto) / {HALF}) % {HALF},
    yocto = (yocto + excluded.yocto) % {HALF},
    least = coalesce(min(least, excluded.least), least, excluded.least),
    greatest = coalesce(max(greatest, excluded.greatest), greatest, excluded.greatest),
    latest = coalesce(max(latest, excluded.latest), latest, excluded.latest)
"""


def _enter(store: Store, world: int, identity: int, meter: Meter, batch: Sequence[Metered]) -> list[Row]:
    """Enter events into a meter's readings and distinct values; return the readings' rows."""
    lens = meter.lens
    combos: dict[tuple[str, ...], int] = {(): 0}
    rows: list[Row] = []
    distinct: set[tuple[str, int, int, str]] = set()
    for seq, at, party, data in batch:
        labels, amount, key = read(lens, data)
        combo = combos.get(labels)
        if combo is None:
            combo = combos[labels] = _combo(store, world, identity, labels)
        if amount is None:
            rows.append((world, identity, at, seq, party, combo, 0, 0, 0, None, None, key))
        else:
            latest = mark(at, seq, sortable(amount))
            yocto = yocto_of(amount)
            if yocto is None:
                rows.append((world, identity, at, seq, party, combo, 0, 0, 0, str(amount), latest, key))
            else:
                rows.append((world, identity, at, seq, party, combo, *split(yocto), None, latest, key))
        if key is not None:
            day = floor_to(at, DAY)
            distinct.add((party, day, combo, key))
            distinct.add((EVERYBODY, day, combo, key))
    store.conn.executemany(_INSERT_READING, rows)
    if distinct:
        store.conn.executemany(
            "INSERT OR IGNORE INTO paygentic_distinct_days VALUES (?, ?, ?, ?, ?, ?)",
            [(world, identity, *row) for row in distinct],
        )
    return rows


def _hours(rows: Iterable[Row]) -> dict[_Place, _Sum]:
    """Return what readings add to the hours of single parties."""
    hours: dict[_Place, _Sum] = {}
    for _, _, at, _, party, combo, units, pico, yocto, extra, latest, _ in rows:
        place = (HOUR, party, floor_to(at, HOUR), combo)
        sums = hours.get(place)
        if sums is None:
            sums = hours[place] = _Sum()
        sums.events += 1
        if latest is not None:
            number = Decimal(extra) if extra is not None else None
            sums.take((units * HALF + pico) * HALF + yocto, number, latest[MARKED_FROM - 1 :], latest)
    return hours


def _widened(hours: Mapping[_Place, _Sum]) -> dict[_Place, _Sum]:
    """Return sums of single parties' hours together with those of their days, and of everybody."""
    sums = dict(hours)
    for (_, party, hour, combo), added in hours.items():
        day = floor_to(hour, DAY)
        for place in ((DAY, party, day, combo), (HOUR, EVERYBODY, hour, combo), (DAY, EVERYBODY, day, combo)):
            wider = sums.get(place)
            if wider is None:
                wider = sums[place] = _Sum()
            wider.merge(added)
    return sums


def _add_up(store: Store, world: int, identity: int, sums: Mapping[_Place, _Sum]) -> None:
    store.conn.executemany(
        _ADD_UP,
        [
            (world, identity, *place, s.events, s.amounts, *split(s.yocto), s.least, s.greatest, s.latest)
            for place, s in sums.items()
        ],
    )
    for place, s in sums.items():
        if s.extra is not None:
            where = "world = ? AND meter = ? AND width = ? AND party = ? AND bucket = ? AND combo = ?"
            row = store.one(f"SELECT extra FROM paygentic_rollups WHERE {where}", (world, identity, *place))
            total = EXACT.add(s.extra, summed((row and row[0]) or ""))
            store.execute(
                f"UPDATE paygentic_rollups SET extra = ? WHERE {where}", (str(total), world, identity, *place)
            )


def _combo(store: Store, world: int, meter: int, labels: tuple[str, ...]) -> int:
    text = json.dumps(labels)
    row = store.one(
        "SELECT combo FROM paygentic_dimensions WHERE world = ? AND meter = ? AND labels = ?", (world, meter, text)
    )
    if row is not None:
        return int(row[0])
    newest = store.one("SELECT max(combo) FROM paygentic_dimensions WHERE world = ? AND meter = ?", (world, meter))
    combo = ((newest and newest[0]) or 0) + 1
    store.execute("INSERT INTO paygentic_dimensions VALUES (?, ?, ?, ?)", (world, meter, combo, text))
    return int(combo)


# Reading back

_SUMS = (
    "sum(units), sum(pico / 1000000), sum(pico % 1000000), sum(yocto / 1000000), sum(yocto % 1000000),"
    " group_concat(extra, ' ')"
)
# Twice as fast. Readings are only added up within a minute, or at an edge within an hour, and it takes 9 million
# in one of those to reach 2**63, at which SQLite fails and does not round.
_SUMS_OF_READINGS = "sum(units), 0, sum(pico), 0, sum(yocto), group_concat(extra, ' ')"
_NO_SUMS = "0, 0, 0, 0, 0, NULL"
_ORDERED = {
    "MIN": "min({least}), NULL, NULL",
    "MAX": "NULL, max({greatest}), NULL",
    "LATEST": "NULL, NULL, max({latest})",
}


def tallies(
    store: Store,
    world: int,
    meter: int,
    stretches: Iterable[Stretch],
    *,
    parties: Sequence[str] | None,
    bucket_width: int | None,
    by_combo: bool,
    aggregation: str,
) -> Iterator[tuple[int, int, Tally]]:
    """Yield (bucket, combination, tally) of a meter's readings in some stretches of time; a pair may come twice.

    :param parties: whose readings, or `None` for everybody's.
    :param bucket_width: microseconds, or `None` for one bucket, 0.
    :param by_combo: whether combinations matter; otherwise all are combination 0.
    :param aggregation: only what this one needs is filled in, besides the counts.
    """
    is_summed = aggregation in ("SUM", "AVG")
    ordered = _ORDERED.get(aggregation, "NULL, NULL, NULL")
    for stretch in stretches:
        if stretch.width:
            source = _Source(
                "paygentic_rollups", "bucket", parties or (EVERYBODY,), stretch, f"width = {stretch.width}"
            )
            counts, sums = "sum(events), sum(amounts)", _SUMS
            extremes = ordered.format(least="least", greatest="greatest", latest="latest")
        else:
            source = _Source("paygentic_readings", "at", parties, stretch)
            counts, sums = "count(*), count(mark)", _SUMS_OF_READINGS
            value = f"substr(mark, {MARKED_FROM})"
            extremes = ordered.format(least=value, greatest=value, latest="mark")
        rows = store.execute(
            f"SELECT {source.bucket(bucket_width)}, {'combo' if by_combo else 0}, {counts},"
            f" {sums if is_summed else _NO_SUMS}, {extremes}"
            f" FROM {source.text} GROUP BY 1, 2",
            (world, meter, *source.values),
        )
        for bucket, combo, events, amounts, *exact, extra, least, greatest, latest in rows:
            yield bucket, combo, Tally(events, amounts, _total(exact, extra), least, greatest, latest)


class _Source:
    """Rows of one table in a stretch of time.

    :param instant: the column that says when.
    :param parties: whose rows, or `None` when the table does not tell.
    """

    def __init__(
        self, table: str, instant: str, parties: Sequence[str] | None, stretch: Stretch, where: str = "1"
    ) -> None:
        if parties is not None:
            where += f" AND party IN ({', '.join('?' * len(parties))})"
        self.text = f"{table} WHERE world = ? AND meter = ? AND {where} AND {instant} >= ? AND {instant} < ?"
        self.values = (*(parties or ()), stretch.start, stretch.end)
        self._instant = instant

    def bucket(self, width: int | None) -> str:
        """Return the expression for the start of a row's bucket."""
        return "0" if width is None else _floor(self._instant, width)


def _floor(instant: str, width: int) -> str:
    """Return the expression for the start of a bucket; SQL's `%` alone would be wrong before 1970."""
    return f"{instant} - (({instant} % {width}) + {width}) % {width}"


def _total(counts: Sequence[int], extra: str | None) -> Decimal:
    units, pico_high, pico_low, yocto_high, yocto_low = counts
    total = joined(units, pico_high * 1_000_000 + pico_low, yocto_high * 1_000_000 + yocto_low)
    return total if extra is None else EXACT.add(total, summed(extra))


def distinct_keys(
    store: Store,
    world: int,
    meter: int,
    stretches: Iterable[Stretch],
    *,
    parties: Sequence[str] | None,
    bucket_width: int | None,
    by_combo: bool,
) -> Iterator[tuple[int, int, Tally]]:
    """Yield (bucket, combination, tally) with the distinct values of some stretches of time, and nothing else."""
    for stretch in stretches:
        if stretch.width:
            source = _Source("paygentic_distinct_days", "day", parties or (EVERYBODY,), stretch)
        else:
            source = _Source("paygentic_readings", "at", parties, stretch, "key IS NOT NULL")
        found: dict[tuple[int, int], set[str]] = {}
        for bucket, combo, key in store.execute(
            f"SELECT DISTINCT {source.bucket(bucket_width)}, {'combo' if by_combo else 0}, key FROM {source.text}",
            (world, meter, *source.values),
        ):
            found.setdefault((bucket, combo), set()).add(key)
        for (bucket, combo), keys in found.items():
            yield bucket, combo, Tally(keys=keys)


# For checking


def rollups_of_meter(store: Store, world: int, meter: int) -> Iterator[tuple[int, str, int, int, Tally]]:
    """Yield every row of a meter's rollups: width, party, bucket, combination, tally."""
    for width, party, bucket, combo, events, amounts, units, pico, yocto, extra, *ordered in store.execute(
        "SELECT width, party, bucket, combo, events, amounts, units, pico, yocto, extra, least, greatest, latest"
        " FROM paygentic_rollups WHERE world = ? AND meter = ?",
        (world, meter),
    ):
        total = joined(units, pico, yocto)
        if extra is not None:
            total = EXACT.add(total, summed(extra))
        yield width, party, bucket, combo, Tally(events, amounts, total, *ordered)


def reading(
    store: Store, world: int, meter: int, at: int, seq: int
) -> tuple[str, int, Decimal | None, str | None] | None:
    """Return what a meter stored of one event: party, combination, amount and key."""
    row = store.one(
        "SELECT party, combo, units, pico, yocto, extra, mark, key FROM paygentic_readings"
        " WHERE world = ? AND meter = ? AND at = ? AND seq = ?",
        (world, meter, at, seq),
    )
    if row is None:
        return None
    party, combo, units, pico, yocto, extra, latest, key = row
    amount = None if latest is None else EXACT.add(joined(units, pico, yocto), summed(extra or ""))
    return party, combo, amount, key


def distinct_of_meter(store: Store, world: int, meter: int) -> list[Row]:
    """Return every distinct value a meter keeps: party, day, combination, value."""
    return store.all(
        "SELECT party, day, combo, key FROM paygentic_distinct_days WHERE world = ? AND meter = ?", (world, meter)
    )


def events_without_reading(store: Store, world: int, meter: int, event_type: str) -> list[int]:
    """Return arrival numbers of a type's events that a meter has not read, and of readings of no such event."""
    return [
        row[0]
        for row in store.all(
            "SELECT seq FROM paygentic_events WHERE world = :world AND type = :type EXCEPT"
            " SELECT seq FROM paygentic_readings WHERE world = :world AND meter = :meter"
            " UNION ALL SELECT seq FROM (SELECT seq FROM paygentic_readings WHERE world = :world AND meter = :meter"
            " EXCEPT SELECT seq FROM paygentic_events WHERE world = :world AND type = :type)",
            {"world": world, "type": event_type, "meter": meter},
        )
    ]


def idempotency_keys(store: Store, world: int) -> list[Row]:
    """Return key, receive time and id of every stored event, in order of arrival."""
    return store.all(
        "SELECT idempotency_key, received_at, id FROM paygentic_events"
        " WHERE world = ? AND idempotency_key IS NOT NULL ORDER BY seq",
        (world,),
    )
