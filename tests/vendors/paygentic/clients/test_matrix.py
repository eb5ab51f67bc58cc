"""One suite of behaviour through several generations of the vendor's client, sync and async, over a socket.

The last test fails for a version that offers anything of a simulated resource that no case used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import pytest

from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel.windows import DAY, parse_instant
from mockserver.vendors.billing import Invoice, Payment, Refund
from mockserver.vendors.paygentic import vendor
from mockserver.vendors.paygentic.operations.invoices import InvoiceBook
from tests.conftest import START
from tests.sdks import Sdk, served
from tests.vendors.paygentic.clients.case import (
    CUSTOMER,
    FROM,
    NOON,
    TO,
    Case,
    cost_of,
    customer_of,
    event_of,
    identity,
    metric_of,
    page_of,
    point,
    summary_of,
)
from tests.vendors.paygentic.clients.sdk import (
    NOT_SIMULATED,
    NOT_SIMULATED_METHODS,
    SIMULATED,
    expect,
    installed,
    recorded,
    resources_of,
    surface,
    versions,
)
from tests.vendors.paygentic.conftest import MERCHANT, PRODUCT, TYPE

pytestmark = pytest.mark.sdk


@pytest.fixture(scope="module")
def sdk(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    with served(request.param, installed, recorded) as found:
        yield found


@pytest.fixture
def case(sdk: Sdk, is_async: bool, request: pytest.FixtureRequest) -> Iterator[Case]:
    name = f"{request.node.originalname.removeprefix('test_')[:48]}.{'async' if is_async else 'sync'}"
    case = Case(sdk, name, is_async)
    case.client = case.another()
    yield case
    for invariant in vendor.invariants(case.world):
        assert invariant.holds, invariant
    sdk.finished.add((request.node.originalname, is_async))


Test = TypeVar("Test", bound=Callable[..., None])
CASES: dict[str, str] = {}
"""Every case, and the first version it is for."""


def through(since: str = "0.1.19") -> Callable[[Test], Test]:
    """Run a case through every version from one on, with the sync and the async client."""

    def marked(test: Test) -> Test:
        CASES[test.__name__] = since
        pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])(test)
        pytest.mark.parametrize("sdk", versions(since), indirect=True, scope="module")(test)
        return test

    return marked


# The client itself


@through()
def test_a_client_is_pointed_at_a_prefix_a_slash_or_another_server(case: Case) -> None:
    cost = case.create_cost()
    for address in (case.sdk.url + "/", case.sdk.url + "/paygentic", case.sdk.url + "/paygentic/"):
        expect(case.another(server_url=address).costs.get_cost(id=cost.id), cost_of(id=cost.id))
    nowhere = case.another(server_url="http://127.0.0.1:9")
    expect(nowhere.costs.get_cost(id=cost.id, server_url=case.sdk.url), cost_of(id=cost.id))

    async def with_async_client() -> None:
        async with case.sdk.module.Paygentic(bearer_auth=case.key, server_url=case.sdk.url) as entered:
            expect(await entered.costs.get_cost_async(id=cost.id), cost_of(id=cost.id))

    if case.is_async:
        case.sdk.runner.run(with_async_client())
    else:
        with case.sdk.module.Paygentic(bearer_auth=case.key, server_url=case.sdk.url) as entered:
            expect(entered.costs.get_cost(id=cost.id), cost_of(id=cost.id))


@through()
def test_a_client_without_a_key_or_with_a_wrong_one_is_turned_away(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYGENTIC_BEARER_AUTH", case.key)  # the client's README names it, and the client ignores it
    here = InProcessTransport(case.sdk.simulator.gateway)
    for key, message in (
        (None, "no Authorization header"),
        # Only here: over a socket the HTTP library does not send a header that ends in a blank.
        ("", "the Authorization header is not 'Bearer <key>'"),
        ("pareta_sk_test_x", "the key does not start with 'sk_'"),
    ):
        stranger = case.another(
            bearer_auth=key, client=httpx.Client(transport=here), async_client=httpx.AsyncClient(transport=here)
        )
        with case.refused("products.list", 401, message, error="unauthorized"):
            stranger.products.list()
        with case.refused("costs.get_cost", 401, message, error="unauthorized"):
            stranger.costs.get_cost(id="cst_abc123")
        with case.refused("customers.list", 401, message, error="unauthorized"):
            stranger.customers.list(organization_id=MERCHANT)

    for mine in (f"bEARER {case.key}", lambda: case.key, case.key.replace("test", "live")):
        expect(case.another(bearer_auth=mine).costs.list_costs(), page_of())


# Costs


@through()
def test_a_cost_is_made_read_changed_and_deleted(case: Case) -> None:
    cost = case.create_cost(unit_cost=0.0025, unit="page", merchant_id=MERCHANT)
    wanted = cost_of(id=cost.id, unitCost="0.0025", unit="page")
    expect(cost, wanted)
    expect(case.client.costs.get_cost(id=cost.id), wanted)

    changed = case.client.costs.update_cost(
        id=cost.id, name="OCR", unit_cost=1.5, currency="EUR", unit="sheet", aggregation="MAX", event_type="cost.ocr",
        value_property="$.pages", group_by={"engine": "$.engine"},
    )  # fmt: skip
    wanted |= {
        "name": "OCR", "unitCost": "1.5", "currency": "EUR", "unit": "sheet", "aggregation": "MAX",
        "eventType": "cost.ocr", "valueProperty": "$.pages", "groupBy": {"engine": "$.engine"},
    }  # fmt: skip
    expect(changed, wanted)
    expect(case.client.costs.update_cost(id=cost.id), wanted)

    assert case.client.costs.delete_cost(id=cost.id) is None
    message = f"Cost {cost.id} was not found"
    for method in ("get_cost", "update_cost", "delete_cost"):
        with case.refused(f"costs.{method}", 404, message, error="not_found"):
            getattr(case.client.costs, method)(id=cost.id)
    with case.refused("costs.get_cost_summary", 404, message, error="not_found"):
        case.client.costs.get_cost_summary(id=cost.id, from_=FROM, to=TO)
    expect(case.client.costs.list_costs(), page_of())


@through()
def test_null_clears_what_may_be_unset_and_silence_keeps_it(case: Case) -> None:
    cost = case.create_cost(aggregation="COUNT", unit="call")
    wanted = cost_of(id=cost.id, aggregation="COUNT", unit="call")
    expect(case.client.costs.update_cost(id=cost.id, name="Calls"), wanted | {"name": "Calls"})

    cleared = case.client.costs.update_cost(id=cost.id, unit=None, value_property=None, group_by=None)
    wanted |= {"name": "Calls", "unit": None, "valueProperty": None, "groupBy": None}
    expect(cleared, wanted)
    with case.refused("costs.update_cost", 400, "Request validation failed", {"valueProperty": "required"}):
        case.client.costs.update_cost(id=cost.id, aggregation="SUM")

    idle = case.client.costs.update_cost(id=cost.id, aggregation=None, event_type=None)
    expect(idle, wanted | {"aggregation": None, "eventType": None})
    summary = case.client.costs.get_cost_summary(id=cost.id, from_=FROM, to=TO, window="DAY")
    expect(summary, summary_of(None, id=cost.id, name="Calls", eventType=..., timeSeries=[]))


@through()
def test_costs_are_listed_newest_first_by_page_and_product(case: Case) -> None:
    product = case.client.products.create(name="Other", description="", merchant_id=MERCHANT)
    names = [case.create_cost(name=f"cost {i}").name for i in range(3)]
    case.create_cost(name="elsewhere", product_id=product.id)

    page = case.client.costs.list_costs(request={"limit": 2, "offset": 1, "product_id": PRODUCT})
    assert (page.object, len(page.data)) == ("list", 2)
    expect(page.pagination, {"limit": 2, "offset": 1, "total": 3})
    whole = case.client.costs.list_costs(request={"merchant_id": MERCHANT, "product_id": PRODUCT})
    assert sorted(cost.name for cost in whole.data) == names
    assert page.data == whole.data[1:]
    expect(case.client.costs.list_costs(request={"product_id": "prod_none"}), page_of())


@through()
def test_a_cost_that_breaks_a_rule_is_refused_with_every_faulty_field(case: Case) -> None:
    with case.refused(
        "costs.create_cost", 400, "Request validation failed",
        {"unitCost": "out_of_range", "currency": "invalid_format", "valueProperty": "invalid_format"},
    ):  # fmt: skip
        case.create_cost(unit_cost=-1, currency="usd", value_property="amount")
    with case.refused("costs.create_cost", 404, "Product prod_none was not found", error="not_found"):
        case.create_cost(product_id="prod_none")
    with case.refused(
        "costs.create_cost", 400, "Currency CHF is not enabled for this organization", code="CURRENCY_NOT_ENABLED"
    ):
        case.create_cost(currency="CHF")
    with case.refused(
        "costs.create_cost", 403, "The API key does not belong to organization org_other", reason="not_member"
    ):
        case.create_cost(merchant_id="org_other")
    case.flip(costs_write=False)
    with case.refused(
        "costs.create_cost", 403, "Missing permission: costs:write", error="forbidden", reason="no_permission",
        required_permissions=["costs:write"],
    ):  # fmt: skip
        case.create_cost()


# Events and what they add up to


@through()
def test_an_event_is_echoed_with_what_was_filled_in(case: Case) -> None:
    case.create_cost()
    expect(case.send({"amount": 1}, timestamp=...), event_of(timestamp=START))
    naive = datetime.fromisoformat("2026-02-01T01:02:03.000456")
    sent = case.send({}, timestamp=naive, idempotency_key="job-1", namespace=MERCHANT)
    expect(sent, event_of(timestamp="2026-02-01T01:02:03.000456Z", idempotencyKey="job-1"))
    offset = datetime(2026, 2, 1, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    expect(case.send({}, timestamp=offset), event_of(timestamp="2026-01-31T23:30:00Z"))


@through(since="0.2.17")
def test_an_event_carries_an_id_of_ones_own(case: Case) -> None:
    case.create_cost()
    expect(case.send({}, external_id="job_7-a"), event_of(externalId="job_7-a"))
    with case.refused("events.ingest", 400, "Request validation failed", {"externalId": "invalid_format"}):
        case.send({}, external_id="job 7")


@through(since="0.5.0")
def test_an_event_may_name_a_customer_by_ones_own_id(case: Case) -> None:
    cost = case.create_cost()
    known = case.send({"amount": 2}, subject=..., external_subject="example-customer")
    expect(known, event_of(externalSubject="example-customer"))
    early = case.send({"amount": 3}, subject=..., external_subject="later-1")
    expect(early, event_of(subject=..., externalSubject="later-1"))
    both = case.send({"amount": 4}, external_subject="ignored")
    expect(both, event_of(externalSubject="ignored"))

    consumer = {"name": "Later", "email": "l@later.example", "address": {"country": "DE"}}
    made = case.client.customers.create(merchant_id=MERCHANT, consumer=consumer, external_id="later-1")
    totals = [
        case.client.costs.get_cost_summary(id=cost.id, from_=FROM, to=TO, subject=subject).total_cost
        for subject in (CUSTOMER, made.customer_id)
    ]
    assert totals == [6, 3]


@through()
def test_an_event_that_matches_nothing_or_is_malformed_is_refused(case: Case) -> None:
    case.create_cost()
    message = "Event type 'nobody.listens' does not match any configured eventType ('cost.ai.inference')"
    with case.refused("events.ingest", 422, message, error="unprocessable_entity", code="UNKNOWN_EVENT_TYPE"):
        case.send({"amount": 1}, type="nobody.listens")
    with case.refused(
        "events.ingest", 403, "The API key does not belong to organization org_other", reason="not_member"
    ):
        case.send({}, namespace="org_other")
    with case.refused("events.ingest", 400, "Request validation failed", {"subject": "invalid_format"}):
        case.send({}, subject="")


@through()
def test_a_summary_is_exact_and_parts_add_up(case: Case) -> None:
    cost = case.create_cost(unit="usd")
    for i, (amount, provider) in enumerate([(0.0042, "openai"), (0.0010, "openai"), (0.0023, "anthropic")]):
        case.send(
            {"amount": amount, "provider": provider, "operation": "chat"}, idempotency_key=f"{i}",
            timestamp=NOON + timedelta(hours=20 * i),
        )  # fmt: skip
    case.send({"amount": 5}, idempotency_key="0")  # a retry
    case.send({"amount": 7}, timestamp=TO)
    wanted = summary_of(0.0075, id=cost.id, unit="usd")

    def ask(**query: Any) -> Any:
        return case.client.costs.get_cost_summary(**{"id": cost.id, "from_": FROM, "to": TO} | query)

    expect(ask(), wanted)
    expect(ask(from_=FROM.replace(tzinfo=None), to=TO.replace(tzinfo=None), subject=CUSTOMER), wanted)
    groups = [
        {"dimensions": {"provider": "openai", "operation": "chat"}, "quantity": 0.0052, "cost": 0.0052},
        {"dimensions": {"provider": "anthropic", "operation": "chat"}, "quantity": 0.0023, "cost": 0.0023},
    ]
    expect(ask(group_by="provider,operation"), wanted | {"groups": groups})
    days = [
        point("2026-02-03T00:00:00Z", "2026-02-04T00:00:00Z", 0.0042),
        point("2026-02-04T00:00:00Z", "2026-02-05T00:00:00Z", 0.0010),
        point("2026-02-05T00:00:00Z", "2026-02-06T00:00:00Z", 0.0023),
    ]
    expect(ask(window="DAY"), wanted | {"timeSeries": days})
    filtered = ask(filter_group_by='{"provider": "anthropic"}', window="HOUR", group_by="provider")
    only = {"totalCost": 0.0023, "totalQuantity": 0.0023}
    only["groups"] = [{"dimensions": {"provider": "anthropic"}, "quantity": 0.0023, "cost": 0.0023}]  # type: ignore[assignment]
    only["timeSeries"] = [point("2026-02-05T04:00:00Z", "2026-02-05T05:00:00Z", 0.0023)]  # type: ignore[assignment]
    expect(filtered, wanted | only)


@through()
def test_nothing_measured_is_zero_or_null_by_aggregation(case: Case) -> None:
    for aggregation, total in {
        "SUM": 0, "COUNT": 0, "UNIQUE_COUNT": 0, "AVG": None, "MIN": None, "MAX": None, "LATEST": None
    }.items():  # fmt: skip
        cost = case.create_cost(aggregation=aggregation)
        expect(cost, cost_of(aggregation=aggregation))
        summary = case.client.costs.get_cost_summary(id=cost.id, from_=FROM, to=TO, group_by="provider", window="DAY")
        expect(summary, summary_of(total, groups=[], timeSeries=[]))


@through()
def test_a_summary_that_cannot_be_asked_for_is_refused(case: Case) -> None:
    cost = case.create_cost()

    def ask(**query: Any) -> Any:
        return case.client.costs.get_cost_summary(**{"id": cost.id, "from_": FROM, "to": TO} | query)

    for query, errors in (
        ({"group_by": "region"}, {"groupBy": "unknown_key"}),
        ({"filter_group_by": "{"}, {"filterGroupBy": "invalid_format"}),
        ({"group_by": "region", "filter_group_by": '{"region": 1}'}, None),
    ):
        with case.refused("costs.get_cost_summary", 400, "Request validation failed", errors):
            ask(**query)
    with pytest.raises(case.sdk.module.errors.BadRequest) as caught:
        ask(from_=TO, to=FROM)
    assert caught.value.data.error == "bad_request"


# Products and customers


@through()
def test_a_product_is_made_read_listed_and_changed(case: Case) -> None:
    # The client takes metadata and drops what it holds, so that none arrives.
    made = case.client.products.create(
        name="Doc reader", description="", merchant_id=MERCHANT, metadata={"tier": "gold"}
    )
    wanted = {
        "id": identity("prod"), "object": "product", "name": "Doc reader", "description": "", "merchantId": MERCHANT,
        "metadata": {}, "createdAt": START, "updatedAt": START,
    }  # fmt: skip
    expect(made, wanted)
    expect(case.client.products.get(id=made.id), wanted)
    first = {
        "id": PRODUCT, "object": "product", "name": "Example Product", "description": "", "merchantId": MERCHANT,
        "metadata": {}, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    expect(case.client.products.list(), page_of(wanted, first))
    second = case.client.products.list(request={"merchant_id": MERCHANT, "limit": 1, "offset": 1})
    expect(second, page_of(first, limit=1, offset=1, total=2))

    expect(case.client.products.update(id=made.id, name="Reader"), wanted | {"name": "Reader"})
    changed = wanted | {"name": "Reader", "description": "Reads"}
    expect(case.client.products.update(id=made.id, description="Reads"), changed)

    with case.refused("products.get", 404, "Product prod_none was not found", error="not_found"):
        case.client.products.get(id="prod_none")
    with case.refused("products.update", 404, "Product prod_none was not found", error="not_found"):
        case.client.products.update(id="prod_none", name="x")
    with case.refused("products.create", 400, "Request validation failed", {"name": "invalid_format"}):
        case.client.products.create(name="", description="", merchant_id=MERCHANT)
    with case.refused("products.list", 400, "Request validation failed", {"limit": "out_of_range"}):
        case.client.products.list(request={"limit": 101})


CONSUMER = {
    "name": "North Ltd", "email": "ap@north.example", "phone": "+49 30 1",
    "address": {"line1": "Weg 1", "city": "Berlin", "state": "BE", "country": "DE", "zip_code": "10115"},
}  # fmt: skip


@through()
def test_a_customer_is_made_found_changed_and_deleted(case: Case) -> None:
    made = case.client.customers.create(
        merchant_id=MERCHANT, consumer=CONSUMER, tax_id="DE1", external_id="north-01", tax_rates={"vat": 19.5}
    )
    expect(made, {"customerId": identity("cus"), "validTaxAddress": {"valid": True, "message": ...}})
    again = case.client.customers.create(merchant_id=MERCHANT, consumer=CONSUMER)
    expect(again, {"customerId": made.customer_id, "validTaxAddress": {"valid": True, "message": ...}})
    assert type(again) is not type(made)  # 200 and 201 are answers of their own

    wanted = customer_of(id=made.customer_id)
    expect(case.client.customers.get(id=made.customer_id), wanted)
    for query in ({"name": "NORTH"}, {"email": "@north."}, {"external_id": "north-01"}):
        expect(case.client.customers.list(organization_id=MERCHANT, **query), page_of(wanted))
    listed = case.client.customers.list(organization_id=MERCHANT, limit=1, offset=1)
    assert [customer.id for customer in listed.data] == [CUSTOMER]
    expect(listed.pagination, {"limit": 1, "offset": 1, "total": 2})

    settings = {"invoiceIssued": True, "invoicePaid": False, "renewalReminder": True}
    changed = case.client.customers.update(
        id=made.customer_id, tax_rates={"vat": 7, "city": 0.5}, tax_id=None,
        notification_settings={"invoice_issued": True, "invoice_paid": False, "renewal_reminder": True},
    )  # fmt: skip
    wanted |= {"taxId": ..., "taxRates": {"vat": 7, "city": 0.5}, "notificationSettings": settings}
    expect(changed, wanted)
    expect(case.client.customers.update(id=made.customer_id, external_id=None), wanted | {"externalId": ...})

    assert case.client.customers.delete(id=made.customer_id) is None
    for method in ("get", "update", "delete"):
        message = f"Customer {made.customer_id} was not found"
        with case.refused(f"customers.{method}", 404, message, error="not_found"):
            getattr(case.client.customers, method)(id=made.customer_id)


@through()
def test_a_customer_in_the_way_of_another_or_of_a_rule_is_refused(case: Case) -> None:
    taken = f"externalId 'example-customer' is already used by customer {CUSTOMER}"
    with case.refused("customers.create", 409, taken, error="conflict"):
        case.client.customers.create(merchant_id=MERCHANT, consumer=CONSUMER, external_id="example-customer")
    made = case.client.customers.create(merchant_id=MERCHANT, consumer=CONSUMER)
    with case.refused("customers.update", 409, taken, error="conflict"):
        case.client.customers.update(id=made.customer_id, external_id="example-customer")
    with case.refused("customers.create", 400, "Request validation failed", {"consumer": "required"}):
        case.client.customers.create(merchant_id=MERCHANT)
    with case.refused("customers.list", 400, "Request validation failed", {"name": "invalid_format"}):
        case.client.customers.list(organization_id=MERCHANT, name="No")
    with case.refused(
        "customers.list", 403, "The API key does not belong to organization org_other", reason="not_member"
    ):
        case.client.customers.list(organization_id="org_other")


# Billable metrics


@through()
def test_a_metric_is_made_read_listed_and_changed(case: Case) -> None:
    start = datetime.fromisoformat("2026-02-02")
    made = case.create_metric(event_from=start)
    wanted = metric_of(id=made.id, eventFrom="2026-02-02T00:00:00Z")
    expect(made, wanted)
    expect(case.client.billable_metrics.get(id=made.id), wanted)
    expect(case.client.billable_metrics.list(merchant_id=MERCHANT, product_id=PRODUCT), page_of(wanted))
    expect(
        case.client.billable_metrics.list(merchant_id=MERCHANT, limit=1, offset=1), page_of(limit=1, offset=1, total=1)
    )

    changed = case.client.billable_metrics.update(
        id=made.id, name="Bytes", description="Bytes sent", unit="byte", event_type="sent", value_property="$.bytes",
        group_by={"zone": "$.zone"}, event_from=None,
    )  # fmt: skip
    wanted |= {
        "name": "Bytes", "description": "Bytes sent", "unit": "byte", "eventType": "sent",
        "valueProperty": "$.bytes", "groupBy": {"zone": "$.zone"}, "eventFrom": None,
    }  # fmt: skip
    expect(changed, wanted)
    expect(case.client.billable_metrics.update(id=made.id, group_by=None), wanted | {"groupBy": None})

    missing = "Billable metric bm_none was not found"
    for method in ("get", "update"):
        with case.refused(f"billable_metrics.{method}", 404, missing, error="not_found"):
            getattr(case.client.billable_metrics, method)(id="bm_none")
    with case.refused("billable_metrics.create", 400, "Request validation failed", {"valueProperty": "required"}):
        case.create_metric(value_property=None)
    with case.refused("billable_metrics.create", 404, "Product prod_none was not found", error="not_found"):
        case.create_metric(product_id="prod_none")


@through()
def test_a_meter_measures_by_window_and_group(case: Case) -> None:
    metric = case.create_metric()
    for i, (tokens, provider) in enumerate([(100, "openai"), (50.5, "anthropic"), (25, "openai")]):
        case.send({"tokens": tokens, "provider": provider}, timestamp=NOON + timedelta(days=i))
    case.send({"tokens": 1, "provider": "openai"}, subject="cus_other", timestamp=NOON)
    wanted: dict[str, Any] = {
        "object": "meter", "billableMetricId": metric.id, "totalValue": 175.5, "windowedValues": ...,
        "groupedValues": ..., "groupCount": ...,
    }  # fmt: skip

    def ask(**query: Any) -> Any:
        return case.client.billable_metrics.meter(
            **{"id": metric.id, "from_": FROM, "to": TO, "subject": CUSTOMER} | query
        )

    def group(value: float, events: int, **dimensions: str) -> dict[str, Any]:
        return {"groupBy": dimensions, "value": value, "eventCount": events}

    days = [
        {"windowStart": f"2026-02-0{day}T00:00:00Z", "windowEnd": f"2026-02-0{day + 1}T00:00:00Z", "value": value}
        for day, value in ((3, 100), (4, 50.5), (5, 25))
    ]
    expect(ask(from_=FROM.replace(tzinfo=None)), wanted)
    expect(ask(window_size="DAY"), wanted | {"windowedValues": days})
    month = [{"windowStart": "2026-02-01T00:00:00Z", "windowEnd": "2026-03-01T00:00:00Z", "value": 175.5}]
    if case.sdk.version in versions(since="0.2.17"):
        expect(ask(window_size="MONTH"), wanted | {"windowedValues": month})
    both = [group(125, 2, provider="openai"), group(50.5, 1, provider="anthropic")]
    expect(ask(group_by="provider"), wanted | {"groupedValues": both})
    expect(
        ask(filter_group_by='{"provider": "anthropic"}', group_by="subject"),
        wanted | {"totalValue": 50.5, "groupedValues": [group(50.5, 1, subject=CUSTOMER)]},
    )
    everyone = case.client.billable_metrics.meter(id=metric.id, from_=FROM, to=TO)
    expect(everyone, wanted | {"totalValue": 176.5})
    if case.sdk.version in versions(since="0.5.0"):
        top = {"groupedValues": both[:1], "groupCount": 2}
        expect(ask(group_by="provider", group_limit=1), wanted | top)
        expect(ask(group_by="provider", group_limit=1, group_offset=1), wanted | top | {"groupedValues": both[1:]})

    with case.refused("billable_metrics.meter", 400, "Request validation failed", {"groupBy": "unknown_key"}):
        ask(group_by="region")
    with case.refused("billable_metrics.meter", 404, "Billable metric bm_none was not found", error="not_found"):
        ask(id="bm_none")


@through(since="0.2.17")
def test_a_metrics_events_are_listed_newest_first(case: Case) -> None:
    metric = case.create_metric()
    data = {"tokens": 12.5, "provider": "openai", "deep": {"list": [1, None, "x"]}}
    first = case.send(data, idempotency_key="first", external_id="job-1")
    second = case.send({}, subject="free text", timestamp=NOON + timedelta(seconds=1))
    wanted = [
        {
            "id": sent.id, "object": "meterEvent", "type": TYPE, "source": "https://api.myapp.com",
            "subject": sent.subject, "time": sent.timestamp.isoformat(), "idempotencyKey": sent.idempotency_key,
            "data": payload, "externalId": external, "externalSubject": ...,
        }
        for sent, payload, external in ((second, {}, ...), (first, data, "job-1"))
    ]  # fmt: skip

    def ask(**query: Any) -> Any:
        return case.client.billable_metrics.list_events(**{"id": metric.id, "from_": FROM, "to": TO} | query)

    def events_of(*events: Any, limit: int = 20, offset: int = 0, total: int) -> dict[str, Any]:
        pagination = {"limit": limit, "offset": offset, "total": total}
        return {"object": "list", "billableMetricId": metric.id, "events": list(events), "pagination": pagination}

    expect(ask(), events_of(*wanted, total=2))
    expect(ask(limit=1, offset=1), events_of(wanted[1], limit=1, offset=1, total=2))
    expect(ask(subject=CUSTOMER), events_of(wanted[1], total=1))
    expect(ask(external_id="job-1"), events_of(wanted[1], total=1))
    if case.sdk.version in versions(since="0.5.0"):
        early = case.send({}, subject=..., external_subject="later-1", timestamp=NOON + timedelta(days=1))
        expect(
            ask(external_subject="later-1"),
            events_of(
                wanted[0] | {
                    "id": early.id, "subject": "", "externalSubject": "later-1", "time": "2026-02-04T12:00:00Z",
                    "idempotencyKey": early.idempotency_key,
                },
                total=1,
            ),
        )  # fmt: skip
    with case.refused("billable_metrics.list_events", 400, "Request validation failed", {"limit": "out_of_range"}):
        ask(limit=201)
    with case.refused("billable_metrics.list_events", 404, "Billable metric bm_none was not found", error="not_found"):
        ask(id="bm_none")


# The report


@through(since="0.2.17")
def test_a_report_ranks_folds_and_compares(case: Case) -> None:
    tokens = case.create_cost()
    pages = case.create_cost(
        name="Pages", event_type="cost.ocr", aggregation="COUNT", unit="page", unit_cost=0.5, group_by={"zone": "$.z"}
    )
    for amount, at in ((3.5, NOON), (0.5, NOON + timedelta(days=1)), (2, FROM - timedelta(days=3))):
        case.send({"amount": amount, "provider": f"p{amount}"}, timestamp=at)
    for i in range(4):
        case.send({}, type="cost.ocr", timestamp=NOON + timedelta(days=1, hours=i))

    def ask(**query: Any) -> Any:
        return case.client.costs.get_cost_report(**{"from_": FROM, "to": TO, "group_by": "cost"} | query)

    def group(key: str, label: str, cost: float, quantity: float, percent: float, **more: Any) -> dict[str, Any]:
        amounts = {"totalCost": cost, "totalQuantity": quantity, "percentOfTotal": percent}
        return {"key": key, "label": label, **amounts, "isOther": False, "unit": None, "priorPeriod": ..., **more}

    by_tokens = group(tokens.id, "AI Inference Cost", 4, 4, 66.67)
    by_pages = group(pages.id, "Pages", 2, 4, 33.33, unit="page")
    wanted: dict[str, Any] = {
        "object": "cost_report", "currency": "USD",
        "period": {"from": "2026-02-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "groupBy": "cost", "totalCost": 6,
        "totalQuantity": 8, "groups": [by_tokens, by_pages], "timeSeries": [], "availableDimensions": [],
        "warnings": [], "groupCount": 2, "emptyGroupCount": 0, "costRange": ...,
        "pagination": {"limit": 25, "offset": 0, "total": 2},
    }  # fmt: skip
    expect(ask(), wanted)
    rising = ask(sort="totalCost", sort_dir="asc", limit=1, currency="USD", merchant_id=MERCHANT)
    page = {"limit": 1, "offset": 0, "total": 2}
    expect(rising, wanted | {"groups": [by_pages], "pagination": page})

    other = group("__other__", "Other", 2, 4, 33.33, isOther=True)
    days = [
        {
            "windowStart": f"2026-02-0{day}T00:00:00Z", "windowEnd": f"2026-02-0{day + 1}T00:00:00Z",
            "groups": costs,
        }
        for day, costs in ((3, {tokens.id: 3.5, "__other__": 0}), (4, {tokens.id: 0.5, "__other__": 2}))
    ]  # fmt: skip
    folded = ask(top_n=1, window_size="DAY")
    assert [each.key for each in folded.groups] == [tokens.id, "__other__"]
    expect(folded.groups[1], other | {"unit": lambda unit: unit in (None, "page")})
    expect(folded.time_series, days)

    compared = ask(compare_prior_period=True)
    then = by_tokens | {"priorPeriod": {"cost": 2, "changePercent": 100}}
    expect(compared, wanted | {"groups": [then, by_pages | {"priorPeriod": {"cost": 0, "changePercent": None}}]})

    customers = ask(group_by="customer", subject=CUSTOMER)
    expect(
        customers,
        wanted | {
            "groupBy": "customer", "groups": [group(CUSTOMER, "Example Customer", 6, 8, 100)], "groupCount": 1,
            "pagination": {"limit": 25, "offset": 0, "total": 1},
        },
    )  # fmt: skip
    dimension = ask(group_by="provider", cost_id=[tokens.id], filter_group_by='{"provider": "p3.5"}')
    expect(
        dimension,
        wanted | {
            "groupBy": "provider", "groups": [group("p3.5", "p3.5", 3.5, 3.5, 100)], "groupCount": 1, "totalCost": 3.5,
            "totalQuantity": 3.5, "availableDimensions": ["operation", "provider"],
            "pagination": {"limit": 25, "offset": 0, "total": 1},
        },
    )  # fmt: skip
    two = ask(cost_id=[tokens.id, "cst_none"])
    assert len(two.warnings) == 1
    assert "cst_none" in two.warnings[0]


@through(since="0.2.17")
def test_a_report_of_nothing_says_when_there_was_something(case: Case) -> None:
    case.create_cost()
    case.send({"amount": 1})
    report = case.client.costs.get_cost_report(from_=TO, to=TO + timedelta(days=1), group_by="cost")
    assert (report.total_cost, report.total_quantity, report.groups[0].percent_of_total) == (0, 0, 0)
    if case.sdk.version in versions(since="0.5.18"):
        assert report.empty_group_count == report.group_count == 1
        expect(report.cost_range, {"from": NOON.isoformat(), "to": NOON.isoformat()})
        full = case.client.costs.get_cost_report(
            from_=TO, to=TO + timedelta(days=1), group_by="cost", exclude_empty=True
        )
        assert (full.groups, full.group_count, full.pagination.total) == ([], 1, 0)
    with pytest.raises(case.sdk.module.errors.BadRequest):
        case.client.costs.get_cost_report(from_=FROM, to=TO, group_by="region")
    with case.refused("costs.get_cost_report", 400, "Request validation failed", {"topN": "out_of_range"}):
        case.client.costs.get_cost_report(from_=FROM, to=TO, group_by="cost", top_n=26)


# Test clocks


@through()
def test_a_test_clock_is_made_moved_and_deleted(case: Case) -> None:
    assert case.client.test_clocks.create().current_time == datetime.fromisoformat(START)
    made = case.client.test_clocks.create(
        current_time=datetime.fromisoformat("2026-01-31"), name="Q1", description="First", merchant_id=MERCHANT
    )
    wanted = {
        "id": identity("tc"), "merchantId": MERCHANT, "name": "Q1", "description": "First",
        "currentTime": "2026-01-31T00:00:00Z", "createdAt": START, "updatedAt": START, "deletedAt": None,
    }  # fmt: skip
    expect(made, wanted)
    expect(case.client.test_clocks.get(id=made.id), wanted)
    listed = case.client.test_clocks.list(request={"merchant_id": MERCHANT, "limit": 5})
    assert made in listed.data
    expect(listed.pagination, {"limit": 5, "offset": 0, "total": 2})
    assert case.client.test_clocks.list().pagination.total == 2

    moved = case.client.test_clocks.advance(id=made.id, request_body={"advance_by": "P1M"})
    expect(moved, wanted | {"currentTime": "2026-02-28T00:00:00Z"})
    moved = case.client.test_clocks.advance(id=made.id, request_body={"current_time": TO})
    expect(moved, wanted | {"currentTime": "2026-03-01T00:00:00Z"})
    with pytest.raises(case.sdk.module.errors.PaygenticError) as caught:
        case.client.test_clocks.advance(id=made.id, request_body={"current_time": FROM})
    assert (caught.value.status_code, caught.value.data.message) == (400, caught.value.raw_response.json()["message"])

    expect(
        case.client.test_clocks.delete(id=made.id), wanted | {"currentTime": "2026-03-01T00:00:00Z", "deletedAt": START}
    )
    with case.refused("test_clocks.get", 404, f"Test clock {made.id} was not found", error="not_found"):
        case.client.test_clocks.get(id=made.id)


# Revenue and profitability


def bill(case: Case) -> list[Invoice]:
    """Record what the one customer was billed in February: 120 paid, 40 outstanding, and 15 of the first given back."""
    day = parse_instant("2026-02-03T10:00:00Z")
    paid = Invoice(
        customer_id=CUSTOMER, currency="USD", amount=Decimal(120), issued_at=day, status="paid", plan_id="plan_a",
        plan_name="Plan A", subscription_id="sub_1", payments=(Payment(amount=Decimal(120), at=day),),
        refunds=(Refund(amount=Decimal(15), at=day),),
    )  # fmt: skip
    outstanding = Invoice(customer_id=CUSTOMER, currency="USD", amount=Decimal("40.005"), issued_at=day + DAY)
    world = case.world
    with case.sdk.simulator.store.committed():
        return InvoiceBook().record(world, [paid, outstanding])


@through()
def test_a_customer_who_owes_something_is_not_deleted(case: Case) -> None:
    _, outstanding = bill(case)
    with pytest.raises(case.sdk.module.errors.DeleteCustomerConflictError) as caught:
        case.client.customers.delete(id=CUSTOMER)
    assert caught.value.status_code == 409
    assert (caught.value.data.error, caught.value.data.message) == ("conflict", str(caught.value))
    (blocker,) = caught.value.data.details.blockers
    assert (blocker.type, blocker.count) == ("invoices", 1)
    assert [item.id for item in blocker.items] == [outstanding.id]
    assert case.client.customers.get(id=CUSTOMER).id == CUSTOMER


@through()
def test_revenue_is_what_was_billed_less_what_was_given_back(case: Case) -> None:
    bill(case)
    nothing = {"count": 0, "amount": "0.00"}
    invoices = {
        "issued": {"count": 2, "amount": "160.01"}, "outstanding": {"count": 1, "amount": "40.01"},
        "paid": {"count": 1, "amount": "120.00"}, "writtenOff": nothing,
    }  # fmt: skip
    payments = {
        "completedCount": 1, "completedAmount": "120.00", "pendingCount": 0, "pendingAmount": "0.00",
        "expiredCount": 0, "expiredAmount": "0.00",
    }  # fmt: skip

    def bucket(at: str, revenue: str, issued: str, paid: str) -> dict[str, Any]:
        amounts = {"issuedInvoices": issued, "writtenOffInvoices": "0.00", "completedPayments": paid}
        return {"timestamp": at, "revenue": revenue, **amounts, "rebates": "0.00", "groupBreakdown": ...}

    def ask(**query: Any) -> Any:
        window = {"start_time": datetime.fromisoformat("2026-02-03"), "end_time": datetime.fromisoformat("2026-02-05")}
        return case.client.revenue.get(**window | query)

    trend = [
        bucket("2026-02-03T00:00:00Z", "105.00", "120.00", "120.00"),
        bucket("2026-02-04T00:00:00Z", "40.01", "40.01", "0.00"),
    ]
    wanted: dict[str, Any] = {
        "object": "revenue_summary", "currency": "USD", "netRevenue": "145.01", "totalRefunds": "15.00",
        "refundCount": 1, "totalRebates": "0.00", "rebateCount": 0, "invoices": invoices, "payments": payments,
        "trend": trend, "groupBreakdown": ..., "currencyBreakdown": ..., "revenueRange": ...,
    }  # fmt: skip
    expect(ask(merchant_id=MERCHANT), wanted)
    expect(ask(customer_id=CUSTOMER, bucket_width="day"), wanted)
    only = ask(merchant_id=MERCHANT, subscription_ids=["sub_1", "sub_2"])
    assert (only.net_revenue, only.invoices.issued.count) == ("105.00", 1)
    plans = ask(merchant_id=MERCHANT, group_by="plan")
    expect(
        plans.group_breakdown[0],
        {
            "groupKey": "plan_a", "groupLabel": "Plan A", "outstanding": nothing, "paid": invoices["paid"],
            "writtenOff": nothing,
        },
    )  # fmt: skip
    assert plans.trend[0].group_breakdown
    if case.sdk.version in versions(since="0.2.17"):
        kept = {name: ... for name in wanted if name not in ("object", "currencyBreakdown")}
        entry = {name: wanted[name] for name in ("currency", "netRevenue", "invoices", "payments", "trend")}
        currencies = ask(merchant_id=MERCHANT, group_by="currency")
        expect(currencies, wanted | kept | {"currencyBreakdown": [entry]})
        assert ask(merchant_id=MERCHANT, currency="EUR").net_revenue == "0.00"
    with pytest.raises(case.sdk.module.errors.PaygenticError) as caught:
        ask(merchant_id=MERCHANT, start_time=TO)
    assert caught.value.status_code == 400


@through(since="0.2.17")
def test_profit_is_revenue_less_cost(case: Case) -> None:
    bill(case)
    case.create_cost()
    case.send({"amount": 29.002})

    def ask(**query: Any) -> Any:
        return case.client.profitability.get_profitability(**{"merchant_id": MERCHANT, "from_": FROM, "to": TO} | query)

    trend = ["0.00"] * 2 + ["105.00", "40.01"] + ["0.00"] * 24
    row = {
        "customerId": CUSTOMER, "customerName": "Example Customer", "netRevenue": "145.01", "totalCost": "29.00",
        "profit": "116.00", "marginPct": "80.00", "trend": {"values": trend, "periodChange": -100},
        "costData": "recorded",
    }  # fmt: skip
    wanted = {
        "object": "profitability_summary", "currency": "USD", "rows": [row], "customerCount": 1,
        "emptyCustomerCount": 0, "unloadedCustomerCount": None, "emptyCustomers": ..., "warnings": [],
        "revenueRange": ..., "costRange": ...,
    }  # fmt: skip
    expect(ask(), wanted)
    expect(ask(top_n=1, currency="USD"), wanted)
    if case.sdk.version in versions(since="0.5.18"):
        empty = ask(from_=TO, to=TO + timedelta(days=1), exclude_empty=True, include_empty=True)
        assert (empty.rows, empty.empty_customer_count) == ([], 1)
        nobody = {"netRevenue": "0.00", "totalCost": "0.00", "profit": "0.00", "marginPct": None, "costData": "none"}
        expect(empty.empty_customers, [row | nobody])
    else:
        assert ask(bucket_width="week").rows[0].profit == "116.00"
    with case.refused("profitability.get_profitability", 400, "Request validation failed", {"topN": "out_of_range"}):
        ask(top_n=101)


# The whole of it


@pytest.mark.parametrize("sdk", versions(), indirect=True, scope="module")
def test_everything_a_version_offers_was_used(sdk: Sdk) -> None:
    mine = {(name, kind) for name, since in CASES.items() if sdk.version in versions(since) for kind in (False, True)}
    if missing := mine - sdk.finished:
        pytest.skip(f"only the whole matrix shows what is unused: {len(missing)} of {len(mine)} cases were left out")
    left_out = NOT_SIMULATED_METHODS | {(cls, f"{name}_async") for cls, name in NOT_SIMULATED_METHODS}
    offered = surface(sdk.module)
    assert len(offered) >= 54
    assert sorted(offered - left_out - sdk.used) == []


def test_every_resource_of_every_version_is_simulated_or_named_as_not() -> None:
    offered: set[str] = set()
    for version in versions():
        with installed(version) as module:
            offered |= resources_of(module)
    assert offered == SIMULATED | NOT_SIMULATED


def test_only_what_a_case_itself_calls_counts() -> None:
    with installed("0.6.3") as module:
        costs = module.Paygentic(client=httpx.Client(transport=httpx.MockTransport(lambda request: NO_COSTS))).costs
        before = type(costs).list_costs
        with recorded(module) as used:
            assert costs.list_costs().data == []
        assert used == {("Costs", "list_costs")}
        assert type(costs).list_costs is before


NO_COSTS = httpx.Response(200, json={"object": "list", "data": [], "pagination": {"limit": 1, "offset": 0, "total": 0}})
