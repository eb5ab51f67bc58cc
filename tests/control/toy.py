"""A vendor made for these tests: a ledger, one priced operation, one scheduled action."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydantic_core import from_json

from mockserver.http.endpoint import Api, Endpoint, WireModel
from mockserver.http.messages import Reply
from mockserver.kernel.call import Call
from mockserver.kernel.errors import InvalidRequest, MockError, NotFound, Problem, Unauthenticated
from mockserver.kernel.invariants import Invariant
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.windows import DAY
from mockserver.kernel.world import World
from mockserver.vendors.billing import Invoice, InvoiceStatus, Payment, Refund
from mockserver.vendors.bookkeeping import Debit, Debits, Receipt, Receipts
from mockserver.vendors.serving import Order, Served
from mockserver.vendors.vendor import Export, Json, Value, Vendor

PRICE = MicroUsd(250)

migrations = Migrations("toy")


@migrations()
def create_ledger(db: Database) -> None:
    db.execute("CREATE TABLE toy_ledger (world INTEGER, seq INTEGER, amount INTEGER, note TEXT)")


@migrations()
def create_invoices(db: Database) -> None:
    db.execute("CREATE TABLE toy_invoices (world INTEGER, id TEXT, invoice BLOB, PRIMARY KEY (world, id))")


class Account:
    def balance(self, world: World) -> MicroUsd:
        row = world.store.one("SELECT coalesce(sum(amount), 0) FROM toy_ledger WHERE world = ?", (world.id,))
        assert row is not None
        return MicroUsd(row[0])

    def spent(self, world: World) -> MicroUsd:
        row = world.store.one(
            "SELECT coalesce(-sum(amount), 0) FROM toy_ledger WHERE world = ? AND amount < 0", (world.id,)
        )
        assert row is not None
        return MicroUsd(row[0])

    def grant(self, world: World, amount: MicroUsd, note: str) -> None:
        row = (world.id, world.count("toy_ledger"), amount, note)
        world.store.execute("INSERT INTO toy_ledger VALUES (?, ?, ?, ?)", row)

    def entries(self, world: World, after: int, limit: int) -> list[dict[str, Any]]:
        rows = world.store.all(
            "SELECT seq, amount, note FROM toy_ledger WHERE world = ? AND seq > ? ORDER BY seq LIMIT ?",
            (world.id, after, limit),
        )
        return [{"seq": seq, "amount": amount, "note": note} for seq, amount, note in rows]


account = Account()


class Billing:
    """Takes whatever it is told, but never more than two payments."""

    def page(self, world: World, after: int, limit: int) -> list[Invoice]:
        rows = world.store.all("SELECT invoice FROM toy_invoices WHERE world = ?", (world.id,))
        found = sorted((pickle.loads(row[0]) for row in rows), key=lambda invoice: invoice.seq)
        return [invoice for invoice in found if invoice.seq > after][:limit]

    def find(self, world: World, identifier: str) -> Invoice:
        row = world.store.one("SELECT invoice FROM toy_invoices WHERE world = ? AND id = ?", (world.id, identifier))
        if row is None:
            raise NotFound("invoice", identifier)
        found: Invoice = pickle.loads(row[0])
        return found

    def record(self, world: World, invoices: Iterable[Invoice]) -> list[Invoice]:
        return [
            self._keep(world, replace(invoice, id=invoice.id or world.new_id("inv"), seq=world.count("toy_invoices")))
            for invoice in invoices
        ]

    def change_status(self, world: World, identifier: str, status: InvoiceStatus, at: int) -> Invoice:
        return self._keep(world, replace(self.find(world, identifier), status=status, written_off_at=at))

    def pay(self, world: World, identifier: str, payment: Payment) -> Invoice:
        invoice = self.find(world, identifier)
        if len(invoice.payments) == 2:
            raise InvalidRequest(Problem(("body", "amount"), "enough is enough", "out_of_range"))
        return self._keep(world, replace(invoice, payments=(*invoice.payments, replace(payment, id="pay_1"))))

    def refund(self, world: World, identifier: str, refund: Refund) -> Invoice:
        invoice = self.find(world, identifier)
        return self._keep(world, replace(invoice, refunds=(*invoice.refunds, replace(refund, id="crn_1"))))

    def remove(self, world: World, identifier: str) -> None:
        self.find(world, identifier)
        world.store.execute("DELETE FROM toy_invoices WHERE world = ? AND id = ?", (world.id, identifier))

    def _keep(self, world: World, invoice: Invoice) -> Invoice:
        row = (world.id, invoice.id, pickle.dumps(invoice))
        world.store.execute("INSERT OR REPLACE INTO toy_invoices VALUES (?, ?, ?)", row)
        return invoice


class BuyRequest(WireModel):
    item: str

    def to_domain(self) -> str:
        return self.item


class ThanksStub(WireModel):
    """What the shop says in place of its own words."""

    thanks: str

    def to_domain(self) -> str:
        return self.thanks


def buy(call: Call, item: str) -> dict[str, Any]:
    account.grant(call.world, MicroUsd(-PRICE), item)
    call.cost_micro_usd = PRICE
    return {"item": item}


def pick(call: Call) -> Reply:
    return Reply(200, b"\xff\xfe", [(b"content-type", b"image/png")])


def _sales(world: World) -> list[Debit]:
    rows = world.store.all(
        "SELECT seq, amount, note FROM toy_ledger WHERE world = ? AND amount = ? ORDER BY seq", (world.id, -PRICE)
    )
    return [
        Debit(seq, str(seq), f"sale-{seq}", f"req-{seq}", note, 0, "sales.create", "shop", "cash", -amount)
        for seq, amount, note in rows
    ]


def _slips(world: World) -> list[Receipt]:
    """A slip for every sale, for a dollar too much."""
    return [
        Receipt(
            sale.number, f"slip-{sale.number}", "slip", "c", 0, f"sale-{sale.number}-slip", [],
            Decimal("1.00025"), ("a dollar is a dollar",),
        )
        for sale in _sales(world)
    ]  # fmt: skip


debits = Debits(
    "(?:sale|req)-([0-9]+)",
    lambda world: iter([_sales(world)]),
    lambda world, numbers: [sale for sale in _sales(world) if sale.number in numbers],
)
receipts = Receipts(
    lambda world, types: iter([_slips(world)]),
    lambda world, numbers: [slip for slip in _slips(world) if slip.number in numbers],
)


def stipend(world: World, subject: str) -> None:
    """Grant a cent a day, for ever."""
    if subject == "broken":
        raise RuntimeError("this action never works")
    account.grant(world, MicroUsd(10_000), subject)
    world.schedule.add(world.clock.now() + DAY, "toy.stipend", subject)


class Counter:
    """Sells to a scenario's customers, who all want the same."""

    operation = "sales.create"

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def balance_micro_usd(self) -> int:
        return account.balance(self._world)

    def serve(self, order: Order, *, is_kept: bool = True, delay_us: int = 0) -> Served:
        if is_kept:
            account.grant(self._world, MicroUsd(-PRICE), order.who)
        return Served(
            200, self._world.new_id("req"), self._world.new_id("sale"), order.who, 1000, PRICE, order.prompt_tokens
        )

    def close(self) -> None:
        pass


class Counters:
    operation = "sales.create"
    replay_span_us = 0

    def open(self, world: World) -> Counter:
        return Counter(world)

    def callable(self, world: World) -> Sequence[str]:
        return ["tea"]

    def latest(self, world: World) -> int | None:
        return None


def never_in_debt(world: World) -> list[Invariant]:
    balance = account.balance(world)
    return [Invariant("balance is not negative", ({"balance": balance},) if balance < 0 else ())]


def render(error: MockError) -> Reply:
    return Reply.json({"oops": str(error)}, 401 if isinstance(error, Unauthenticated) else 400)


def movements(world: World) -> Iterator[Sequence[tuple[Value, ...]]]:
    """Two rows a batch."""
    after = 0
    while entries := account.entries(world, after, 2):
        after = entries[-1]["seq"]
        yield [
            (entry["seq"], Decimal(entry["amount"]).scaleb(-6), entry["note"], Json('{"exact":1.10}'), None)
            for entry in entries
        ]


api = Api(
    name="toy",
    title="Toy <Shop>",
    version="9",
    prefixes=("/shop",),
    endpoints=(
        Endpoint(
            "POST",
            "/shop/sales",
            "sales.create",
            buy,
            "toy/sales",
            body=BuyRequest,
            stub=ThanksStub,
            summary="Buy & pay.",
        ),
        Endpoint("GET", "/shop/picture", "picture.get", pick, "toy/picture"),
    ),
    key_prefix="toy_",
    bare_keys=True,
    render=render,
    crash=lambda: Reply.json({"oops": "crash"}, 500),
    parse_json=from_json,
    error_models={},
    max_body_bytes=1_000_000,
)


def put_on_clock(world: World, customer: str, clock: str | None) -> None:
    if customer != "c":
        raise NotFound("Customer", customer)


vendor = Vendor(
    api,
    [migrations],
    seed=lambda world, fixtures: account.grant(world, MicroUsd(1_000_000), "welcome"),
    invariants=never_in_debt,
    actions={"toy.stipend": stipend},
    switches={"toy.strict": False},
    account=account,
    debits=debits,
    receipts=receipts,
    put_on_clock=put_on_clock,
    billing=Billing(),
    serving=Counters(),
    exports={"ledger": Export(("seq", "amount", "note", "data", "nothing"), movements)},
)

moneyless = Vendor(api, [], seed=lambda world, fixtures: None, invariants=lambda world: [])
"""The same shop, without a prepaid balance."""
