"""Does to a world what the oracle is told, holds every answer against the oracle's, and knows what there is to tell."""

from __future__ import annotations

import difflib
import itertools
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import httpx
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.config import Settings
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning, World
from mockserver.vendors.billing import Invoice, Payment, Refund
from mockserver.vendors.paygentic import vendor
from mockserver.vendors.paygentic.domain import json_text
from mockserver.vendors.paygentic.operations import events
from mockserver.vendors.paygentic.schemas.events import IngestEventRequest
from tests.vendors.paygentic.conftest import MERCHANT, PRODUCT, Merchant
from tests.vendors.paygentic.oracle import (
    Asked,
    AskedRevenue,
    Books,
    Customer,
    Refused,
    Wanted,
    agrees,
    iso,
    nearest,
    parse,
    status_of,
)

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)
BEGINNING = Beginning(seed=7, clock_mode="frozen", clock_at=parse_instant(iso(NOON)))
NEEDS_PATH = ("SUM", "AVG", "MIN", "MAX", "LATEST")
AGGREGATIONS = (*NEEDS_PATH, "COUNT", "UNIQUE_COUNT")

names = (f"books{n}" for n in itertools.count())

# What there is to tell. Values are JSON text, so that 1, 1.0 and 1e0 are three things to send.

EDGES = (
    "1900-02-28T23:59Z 1969-12-31T23:59Z 1970-01-01T00:00Z 1970-01-01T01:00Z 2024-02-29T00:00Z 2026-01-31T00:00Z"
    " 2026-01-31T23:00Z 2026-01-31T23:59Z 2026-02-01T00:00Z 2026-02-01T00:01Z 2026-02-01T01:00Z 2026-02-02T00:00Z"
    " 2026-02-10T12:00Z 2026-02-28T23:59Z 2026-03-01T00:00Z 2026-03-01T00:01Z 2026-04-01T00:00Z 2031-12-31T23:59Z"
    " 2032-01-01T00:00Z"
).split()
SOME_DAYS = 40 * 86_400 * 10**6
NEAR = EDGES[5:17]
moments = st.builds(
    lambda edge, off: datetime.fromisoformat(edge) + timedelta(microseconds=off),
    st.sampled_from(NEAR) | st.sampled_from(EDGES),
    st.sampled_from([0, 0, 0, -1, 1, 1_000, 59_999_999, 60_000_000, 30 * 86_400 * 10**6])
    | st.integers(-86_400 * 10**6, 86_400 * 10**6),
)
near = st.builds(
    lambda edge, off: datetime.fromisoformat(edge) + timedelta(microseconds=off),
    st.sampled_from(NEAR),
    st.sampled_from([0, 0, -1, 1, 60_000_000]) | st.integers(-SOME_DAYS // 20, SOME_DAYS // 20),
)
spans = st.tuples(near, near).filter(lambda pair: pair[0] != pair[1]).map(sorted)
# Such that the window of equal length before it begins where something may have happened.
spans |= spans.map(lambda pair: [pair[1], pair[1] + (pair[1] - pair[0])])
spans |= st.just([NOON - timedelta(days=45), NOON + timedelta(days=90)])
TYPES = ("cost.a", "cost.b", "Cost.a")
AMOUNTS = (
    "0 1 1.0 -1 0.1 0.2 0.30000000000000004 1e-7 1E+2 1e0 -0 -0.0 1e-9 123456789.123456789012 999999999999.999999999999"
    " -3.5 1000000000000 9007199254740993 1e199 -1e199 1e-200 1000000000000000000000000000000000.000000000000000001"
).split()
STRANGE = (
    '"2"', '" 2.50 "', '"+7"', '"-1e3"', '"1e-200"', '"1e-201"', '"1e200"', '""', '" "', '"x"', '"1,5"', '"NaN"',
     '"Infinity"', '"0x10"', '"1_000"', '"Ünï"', "true", "false", "null", "[]", "[1]", "{}", '{"v":1}', '{"v":{"v":2}}',
     '[1.0,"1",true]', '[1,"1",true]', '{"a":1,"b":null}', '{"b":null,"a":1.00}', None,
)  # fmt: skip
LABELS = ('"a"', '"b"', '"A"', '"a "', '"1"', "1", "1.0", "1.50", "1e2", "-0", "1e-9", "true", '"true"', "null", '""',
          "[]", '{"b":"a"}', '"é"', '"a,b"', '"\\u0000"', '"{\\"a\\":1}"', None)  # fmt: skip
SCALARS = tuple(label for label in LABELS if label is not None and label[0] not in "[{")
precise = st.decimals(-(10**9), 10**9, places=12, allow_nan=False).map(lambda amount: f"{amount:f}")
amounts = precise | st.sampled_from(AMOUNTS) | st.integers(-5, 5).map(str) | st.sampled_from(STRANGE)
labels = st.sampled_from(LABELS)
SUBJECTS = ("s1", "s2", "ext-1", "cus_abc123", "cus_nobody", " s1", "ü/?&=%", "x:ext-1")
EXTERNAL = ("ext-1", "ext-2", "example-customer", "s1")
parties = (
    st.tuples(st.just("subject"), st.sampled_from(SUBJECTS))
    | st.tuples(st.just("customer"), st.integers(0, 3))
    | st.tuples(st.just("externalSubject"), st.sampled_from(EXTERNAL))
)
KEYS = ("k1", "k2", "k3")
PATHS = ("$.v", "$.v", "$.w", "$.o.v", "$.o", "$.l.0", "$.0", "$.none", "$.a")
DIMENSIONS = ("$.a", "$.b", "$.o.b", "$.o", "$.v", "$.none.none")
LENGTHS = ("1s", "1m", "1h", "12h", "86399s", "24h", "40d")


def object_text(members: Mapping[str, str | None]) -> str:
    """Write a JSON object of values that are JSON text already; `None` is left out."""
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in members.items() if text is not None) + "}"


def data_text(v: str | None, w: str | None, a: str | None, b: str | None) -> str:
    """Write an event's data."""
    return object_text({"v": v, "w": w, "a": a, "b": b, "o": object_text({"v": w, "b": a}), "l": f"[{v or 0}]", "0": v})


data_texts = st.builds(data_text, amounts, amounts, labels, labels)
event_types = st.sampled_from([TYPES[0], TYPES[0], TYPES[0], *TYPES])
drafts = st.fixed_dictionaries(
    {"type": event_types, "party": parties, "data": data_texts},
    optional={"at": moments, "key": st.sampled_from(KEYS), "externalId": st.sampled_from(EXTERNAL)},
)
dimensions = st.none() | st.dictionaries(st.sampled_from(["a", "b", "region"]), st.sampled_from(DIMENSIONS), max_size=3)
unit_costs = st.sampled_from(["0", "1", "0.000003", "1.5", "1000000", "0.1"]) | st.decimals(0, 10, places=9).map(
    lambda price: f"{price:f}"
)


def stream(seed: int, length: int) -> list[dict[str, Any]]:
    """Return many events, for no more than two things drawn."""
    chance = random.Random(seed)
    steps = (0, 0, -1, 1, 1_000, 59_999_999, 60_000_000, *(chance.randint(-SOME_DAYS, SOME_DAYS) for _ in range(3)))
    found = []
    for _ in range(length):
        value = chance.choice(
            [chance.choice(AMOUNTS), f"{chance.randint(-(10**18), 10**18)}e-12", chance.choice(STRANGE)]
        )
        label, other, number = chance.choice(LABELS), chance.choice(LABELS), chance.choice(AMOUNTS)
        edge = datetime.fromisoformat(chance.choice(NEAR if chance.random() < 0.8 else EDGES))
        draft: dict[str, Any] = {
            "type": chance.choice([TYPES[0], TYPES[0], TYPES[1]]),
            "party": chance.choice([("subject", chance.choice(SUBJECTS)), ("customer", chance.randint(0, 3)),
                                    ("externalSubject", chance.choice(EXTERNAL))]),
            "data": data_text(value, number, label, other),
            "at": edge + timedelta(microseconds=chance.choice(steps)),
        }  # fmt: skip
        if chance.random() < 0.1:
            draft["key"] = chance.choice(KEYS)
        found.append(draft)
    return found


class Bookkeeper:
    """A merchant in a world of its own, and the books it keeps of everything."""

    def __init__(self, simulator: Simulator) -> None:
        self.books = Books(NOON)
        self.open(next(names), simulator)
        for each in self.get("/v0/customers", organizationId=MERCHANT, limit="100")["data"]:
            self.books.customers[each["id"]] = Customer(each["id"], each["organization"]["name"], each["externalId"])
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        """Questions since the last change of anything, with the oracle's answers."""

    def open(self, name: str, simulator: Simulator) -> None:
        """Go on in a world."""
        self.simulator = simulator
        with self.house():
            self.world: World = self.simulator.worlds.admit(name)
        self.http = httpx.Client(
            transport=InProcessTransport(self.simulator.gateway),
            base_url="http://mock",
            headers={"Authorization": f"Bearer sk_test_{name}"},
        )

    @contextmanager
    def house(self) -> Iterator[None]:
        """Do something behind the counter."""
        with self.simulator.store.committed():
            yield

    def get(self, path: str, **query: str) -> Any:
        return Merchant.expect(200, self.http.get(path, params=query))

    # Events

    def text_of(self, draft: Mapping[str, Any]) -> str:
        """Write an event; customers are named by their place among all there are."""
        field = "subject" if draft["party"][0] == "customer" else draft["party"][0]
        who = self.subject(draft["party"])
        members = {
            "type": json.dumps(draft["type"]), "source": '"s"', field: json.dumps(who), "data": draft["data"],
            "timestamp": json.dumps(iso(draft["at"])) if "at" in draft else None,
            "idempotencyKey": json.dumps(draft["key"]) if "key" in draft else None,
            "externalId": json.dumps(draft["externalId"]) if "externalId" in draft else None,
        }  # fmt: skip
        return object_text(members)

    def send(self, draft: Mapping[str, Any]) -> None:
        """Send one event."""
        text = self.text_of(draft)
        body = parse(text)
        answer = self.http.post("/v0/events", content=text.encode())
        if not self.books.is_known(body["type"]):
            assert answer.status_code == 422, answer.text
            return
        found = Merchant.expect(202, answer)
        if self.books.take(body, found["id"]):
            last = self.books.events[-1]
            assert (found.get("subject"), found["timestamp"]) == (self.books.subject_of(last), iso(last.at))
        self.asked = []

    def send_all(self, drafts: Iterable[Mapping[str, Any]], received: Iterable[datetime] | None = None) -> None:
        """Send many events at once, as histories do; those of unknown types are dropped."""
        texts = [self.text_of(draft) for draft in drafts]
        times = [self.books.now] * len(texts) if received is None else list(received)
        history = [
            (parse_instant(iso(at)), IngestEventRequest.model_validate(json_text.parse(text.encode())).to_domain())
            for at, text in zip(times, texts, strict=True)
        ]
        with self.house():
            recorded = events.ingest_many(self.world, history)
        bodies = [parse(text) for text in texts]
        known = [(at, body) for at, body in zip(times, bodies, strict=True) if self.books.is_known(body["type"])]
        assert recorded == sum([self.books.take(body, received=at) for at, body in known])
        self.asked = []

    def advance(self, by: timedelta) -> None:
        with self.house():
            self.simulator.worlds.advance(self.world, by // timedelta(microseconds=1))
        self.books.now += by

    def fill_zeros(self) -> None:
        """Show empty buckets from now on, or no longer."""
        self.books.fills_zeros = not self.books.fills_zeros
        with self.house():
            self.simulator.worlds.flip(self.world, {"paygentic.zero_fill": self.books.fills_zeros})
        self.asked = []

    # Measures

    def create_cost(self, **settings: Any) -> str:
        """Create a cost; the unit cost is JSON text."""
        body = {"type": "metered", "name": "n", "currency": "USD", "productId": PRODUCT,
                **{name: value for name, value in settings.items() if value is not None}}  # fmt: skip
        answer = self.http.post("/v0/costs", content=_with_raw(body, "unitCost"))
        found = Merchant.expect(201, answer)
        self.books.costs[found["id"]] = found
        self.asked = []
        identifier: str = found["id"]
        return identifier

    def patch_cost(self, identifier: str, **changes: Any) -> None:
        """Change a cost; what could not have been created is refused and changes nothing."""
        cost = {**self.books.costs[identifier], **changes}
        answer = self.http.patch(f"/v0/costs/{identifier}", content=_with_raw(changes, "unitCost"))
        if cost["aggregation"] in NEEDS_PATH and cost["valueProperty"] is None:
            assert answer.status_code == 400, answer.text
            return
        found = Merchant.expect(200, answer)
        assert {name: found[name] for name in changes if name != "unitCost"} == {
            name: value for name, value in changes.items() if name != "unitCost"
        }
        assert Decimal(found["unitCost"]) == Decimal(cost["unitCost"])
        self.books.costs[identifier] = found
        self.asked = []

    def delete_cost(self, identifier: str) -> None:
        Merchant.expect(204, self.http.delete(f"/v0/costs/{identifier}"))
        del self.books.costs[identifier]
        assert self.http.get(f"/v0/costs/{identifier}/summary").status_code == 404
        self.asked = []

    def create_metric(self, **settings: Any) -> str:
        """Create a billable metric."""
        body = {"name": "n", "description": "", "unit": "u", "merchantId": MERCHANT, "productId": PRODUCT,
                **{name: value for name, value in settings.items() if value is not None}}  # fmt: skip
        found = Merchant.expect(201, self.http.post("/v0/billableMetrics", json=body))
        self.books.billables[found["id"]] = found
        self.asked = []
        identifier: str = found["id"]
        return identifier

    def patch_metric(self, identifier: str, **changes: Any) -> None:
        """Change a billable metric; what could not have been created is refused and changes nothing."""
        metric = {**self.books.billables[identifier], **changes}
        answer = self.http.patch(f"/v0/billableMetrics/{identifier}", json=changes)
        if metric["aggregation"] in NEEDS_PATH and metric["valueProperty"] is None:
            assert answer.status_code == 400, answer.text
            return
        found = Merchant.expect(200, answer)
        if metric["aggregation"] == "COUNT":
            metric["valueProperty"] = None  # the vendor does not keep what is pointless
        assert {name: found[name] for name in changes} == {name: metric[name] for name in changes}
        self.books.billables[identifier] = found
        self.asked = []

    # Customers

    def create_customer(self, external_id: str | None) -> None:
        number = len(self.books.customers)
        name = f"Customer {number}"
        consumer = {"name": name, "email": f"c{number}@x.example", "address": {}}
        body = {"merchantId": MERCHANT, "consumer": consumer} | ({"externalId": external_id} if external_id else {})
        answer = self.http.post("/v0/customers", json=body)
        if external_id and self.holder(external_id):
            assert answer.status_code == 409, answer.text
            return
        identifier = Merchant.expect(201, answer)["customerId"]
        self.books.customers[identifier] = Customer(identifier, name, external_id)
        self.asked = []

    def patch_customer(self, identifier: str, external_id: str | None) -> None:
        customer = self.books.customers[identifier]
        answer = self.http.patch(f"/v0/customers/{identifier}", json={"externalId": external_id})
        if customer.is_deleted or (external_id and self.holder(external_id) not in (None, identifier)):
            assert answer.status_code == (404 if customer.is_deleted else 409), answer.text
            return
        Merchant.expect(200, answer)
        customer.external_id = external_id
        self.asked = []

    def delete_customer(self, identifier: str) -> None:
        customer = self.books.customers[identifier]
        owed = [each for each in self.books.invoices if status_of(each) == "outstanding"]
        answer = self.http.delete(f"/v0/customers/{identifier}")
        if customer.is_deleted or any(each["customer_id"] == identifier for each in owed):
            assert answer.status_code == (404 if customer.is_deleted else 409), answer.text
            return
        Merchant.expect(204, answer)
        customer.is_deleted = True
        self.asked = []

    def bill(self, invoices: Iterable[dict[str, Any]]) -> None:
        """Record invoices with their payments and refunds."""
        assert vendor.billing is not None
        invoices = list(invoices)
        with self.house():
            vendor.billing.record(self.world, [_invoice(each) for each in invoices])
        self.books.invoices += invoices
        self.asked = []

    def holder(self, external_id: str) -> str | None:
        """Return who has an external id."""
        for each in self.books.customers.values():
            if each.external_id == external_id and not each.is_deleted:
                return each.id
        return None

    # Asking

    def subject(self, party: tuple[str, Any] | None) -> str | None:
        """Return whom a drawn party names; customers by their place among all there are."""
        if party is None or party[0] != "customer":
            return party and str(party[1])
        known = list(self.books.customers)
        return known[int(party[1]) % len(known)]

    def ask_summary(self, identifier: str, asked: Asked) -> Any:
        """Ask for the summary of a cost, and return it."""
        expected = expectation(lambda: self.books.summary(self.books.costs[identifier], asked))
        return self.ask(f"/v0/costs/{identifier}/summary", query_of(asked, "window"), expected)

    def ask_meter(self, identifier: str, asked: Asked, limit: int | None = None, offset: int = 0) -> Any:
        """Ask what a billable metric measured, and return it."""
        metric = self.books.billables[identifier]
        expected = expectation(lambda: self.books.meter(metric, asked, limit, offset))
        query = query_of(asked, "windowSize") | ({} if limit is None else {"groupLimit": limit, "groupOffset": offset})
        return self.ask(f"/v0/billableMetrics/{identifier}/meter", query, expected)

    def ask_listing(self, identifier: str, asked: Asked, limit: int, offset: int, **sent: str) -> Any:
        """Ask for a metric's events, and return them."""
        asked = replace(asked, keys=None, filters=None, window=None)
        metric = self.books.billables[identifier]
        expected = expectation(lambda: self.books.listing(metric, asked, limit, offset, **sent))
        query = {**query_of(asked, ""), "limit": limit, "offset": offset, **sent}
        return self.ask(f"/v0/billableMetrics/{identifier}/events", query, expected)

    def ask_report(self, asked: Asked, wanted: Wanted) -> Any:
        """Ask for a cost report, and return it."""
        query = {
            **query_of(asked, "windowSize"), "groupBy": wanted.group_by, "costId": list(wanted.cost_ids),
            "topN": wanted.top, "comparePriorPeriod": wanted.compares, "excludeEmpty": wanted.excludes_empty,
            "sort": wanted.sort, "sortDir": "asc" if wanted.is_ascending else "desc",
            "offset": wanted.offset, "limit": wanted.limit,
            **({"currency": wanted.currency} if wanted.currency else {}),
        }  # fmt: skip
        return self.ask("/v0/costs/report", query, expectation(lambda: self.books.report(asked, wanted)))

    def ask_revenue(self, asked: AskedRevenue) -> Any:
        """Ask for revenue, and return it."""
        query = {
            "startTime": iso(asked.start), "endTime": iso(asked.end), "bucketWidth": asked.width,
            "currency": asked.currency, "customerId": asked.customer, "subscriptionIds": list(asked.subscriptions),
            "groupBy": asked.group_by, "periodBasis": "billingPeriod" if asked.by_period else "issued",
        }  # fmt: skip
        query = {name: value for name, value in query.items() if value is not None}
        return self.ask("/v0/revenue", query, expectation(lambda: self.books.revenue(asked)))

    def ask_profitability(self, start: datetime, end: datetime, most: int, currency: str, width: str | None,
                          *, excludes_empty: bool, includes_empty: bool) -> Any:  # fmt: skip
        """Ask for profitability, and return it."""
        query = {
            "merchantId": MERCHANT, "from": iso(start), "to": iso(end), "topN": most, "currency": currency,
            "excludeEmpty": excludes_empty, "includeEmpty": includes_empty, **({"bucketWidth": width} if width else {}),
        }  # fmt: skip
        expected = expectation(
            lambda: self.books.profitability(
                start, end, most, currency, width, excludes_empty=excludes_empty, includes_empty=includes_empty
            )
        )
        return self.ask("/v0/profitability", query, expected)

    def ask(self, path: str, query: dict[str, Any], expected: Any) -> Any:
        """Ask, and hold the answer against the expected one; `None` expects a refusal."""
        self.asked.append((path, query, expected))
        answer = self.http.get(path, params=query)
        if expected is None:
            assert answer.status_code == 400, answer.text
            return None
        assert answer.status_code == 200, answer.text
        found = parse(answer.text)
        assert agrees(found, expected), f"{path} {query}\n{difference(found, expected)}"
        return found

    def ask_again(self) -> None:
        """Ask everything that was asked since the last change."""
        asked, self.asked = self.asked, []
        for each in asked:
            self.ask(*each)

    # Afterwards

    def check(self) -> None:
        """Nothing is broken, and a copy of the world answers the same."""
        for invariant in vendor.invariants(self.world):
            assert invariant.holds, invariant
        here = self.world.name
        with self.house():
            self.simulator.worlds.fork(self.world, f"{here}-fork")
        self.open(f"{here}-fork", self.simulator)
        self.ask_again()
        self.open(here, self.simulator)


def _invoice(body: Mapping[str, Any]) -> Invoice:
    """Read an invoice as the control API would."""

    def read(members: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in members.items():
            is_instant = name in ("at", "issued_at", "written_off_at", "period_start", "period_end")
            is_amount = name in ("amount", "tax", "rebate")
            found[name] = parse_instant(value) if is_instant and value else Decimal(value) if is_amount else value
        return found

    payments = tuple(Payment(**read(each)) for each in body["payments"])
    refunds = tuple(Refund(**read(each)) for each in body["refunds"])
    return Invoice(**{**read(body), "payments": payments, "refunds": refunds})


def expectation(answer: Callable[[], Any]) -> Any:
    """Return the oracle's answer, `None` when it refuses."""
    try:
        return answer()
    except Refused:
        return None


def query_of(asked: Asked, window: str) -> dict[str, Any]:
    """Write a question as a query; the window goes by several names."""
    query = {
        "from": iso(asked.start), "to": iso(asked.end), "subject": asked.subject,
        "groupBy": None if asked.keys is None else ",".join(asked.keys),
        "filterGroupBy": asked.filters, window: asked.window,
    }  # fmt: skip
    return {name: value for name, value in query.items() if value is not None}


def difference(found: Any, expected: Any) -> str:
    """Show an answer that is not the expected one."""
    is_, should = (
        json.dumps(each, default=_shown, ensure_ascii=False, indent=1, sort_keys=True) for each in (found, expected)
    )
    return "\n".join(difflib.ndiff(is_.splitlines(), should.splitlines()))


def _shown(value: Any) -> Any:
    return "..." if value is ... else nearest(Fraction(value))


def _with_raw(body: Mapping[str, Any], name: str) -> bytes:
    """Write a body in which one member is JSON text already."""
    return object_text({key: value if key == name else json.dumps(value) for key, value in body.items()}).encode()


def new_simulator(**settings: Any) -> Simulator:
    """A simulator whose worlds begin where the books do."""
    return Simulator(Settings(beginning=BEGINNING, **settings))
