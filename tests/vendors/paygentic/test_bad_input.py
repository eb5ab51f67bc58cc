"""Bad input, row by row: which status, which of the two bodies, which fields, and nothing half done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest

from mockserver.http.endpoint import Endpoint
from mockserver.kernel.world import World
from mockserver.vendors.paygentic import vendor
from tests.vendors.paygentic.conftest import COST, EVENT, MERCHANT, MONTH, PRODUCT, TYPE, Merchant, without

WINDOW = f"from={MONTH['from']}&to={MONTH['to']}"
MIB = 1024 * 1024
METRIC = {
    "name": "Tokens", "description": "", "unit": "token", "merchantId": MERCHANT, "productId": PRODUCT,
    "aggregation": "SUM", "eventType": TYPE, "valueProperty": "$.amount",
}  # fmt: skip


class Case(NamedTuple):
    """A request, and what is wrong with it.

    :param path: `{cost}` stands for the id of a cost that is there.
    :param wrong: the faulty fields with their codes, or the `error` of a refusal that names none.
    """

    method: str
    path: str
    body: Any
    status: int
    wrong: list[tuple[str, str]] | str


def body_of(value: Any) -> bytes | None:
    """Return a body: text as it stands, anything else as JSON."""
    if value is None or isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def create(wrong: list[tuple[str, str]] | str, /, status: int = 400, **changes: Any) -> Case:
    body = {name: value for name, value in {**COST, **changes}.items() if value is not ...}
    return Case("POST", "/v0/costs", body, status, wrong)


def create_text(name: str, text: str, wrong: list[tuple[str, str]] | str) -> Case:
    """A creation with one member as JSON text that Python would not write."""
    return Case("POST", "/v0/costs", json.dumps(without(COST, name))[:-1] + f', "{name}": {text}}}', 400, wrong)


def patch(wrong: list[tuple[str, str]] | str, /, **changes: Any) -> Case:
    return Case("PATCH", "/v0/costs/{cost}", changes, 400, wrong)


def ingest(wrong: list[tuple[str, str]] | str, /, status: int = 400, **changes: Any) -> Case:
    body = {name: value for name, value in {**EVENT, **changes}.items() if value is not ...}
    return Case("POST", "/v0/events", body, status, wrong)


def data(text: str) -> Case:
    """An event with data that is not JSON, or not what can be kept."""
    return Case(
        "POST", "/v0/events", json.dumps(without(EVENT, "data"))[:-1] + f', "data": {text}}}', 400, "bad_request"
    )


def summary(query: str, wrong: list[tuple[str, str]] | str) -> Case:
    return Case("GET", f"/v0/costs/{{cost}}/summary?{query}", None, 400, wrong)


def listed(query: str, *wrong: tuple[str, str]) -> Case:
    return Case("GET", f"/v0/costs?{query}", None, 400, list(wrong))


def filtered(text: str, code: str = "invalid_format") -> Case:
    return summary(f"{WINDOW}&filterGroupBy={quote(text)}", [("filterGroupBy", code)])


DEEP = '{"a":' * 100 + "1" + "}" * 100

CASES = {
    # Bodies that cannot be read
    "nothing": Case("POST", "/v0/events", b"", 400, "bad_request"),
    "a list": Case("POST", "/v0/events", "[]", 400, "bad_request"),
    "two values": Case("POST", "/v0/events", "{} {}", 400, "bad_request"),
    "a byte order mark": Case("POST", "/v0/events", b"\xef\xbb\xbf{}", 400, "bad_request"),
    "not UTF-8": Case("POST", "/v0/events", '{"type": "é"}'.encode("latin-1"), 400, "bad_request"),
    "a comment": Case("POST", "/v0/events", "{} // why", 400, "bad_request"),
    "a comma too many": Case("POST", "/v0/events", '{"type": "a",}', 400, "bad_request"),
    "single quotes": Case("POST", "/v0/events", "{'type': 'a'}", 400, "bad_request"),
    "a bare control character": Case("POST", "/v0/events", '{"type": "a\x01"}', 400, "bad_request"),
    "a form": Case("POST", "/v0/costs", "type=metered&name=x", 400, "bad_request"),
    "an unreadable change": Case("PATCH", "/v0/costs/{cost}", "{", 400, "bad_request"),
    "a body over a mebibyte": Case("POST", "/v0/costs", b" " * (MIB + 1), 413, "payload_too_large"),
    "NaN": data('{"amount": NaN}'),
    "Infinity": data('{"amount": Infinity}'),
    "minus Infinity": data('{"amount": -Infinity}'),
    "a number beyond a double": data('{"amount": 1e400}'),
    "a number of 201 digits": data('{"amount": ' + "9" * 201 + "}"),
    "a number with 201 decimals": data('{"amount": 0.' + "0" * 200 + "1}"),
    "an exponent beyond an integer": data('{"amount": 1e' + "9" * 5000 + "}"),
    "a leading zero": data('{"amount": 01}'),
    "a bare point": data('{"amount": .5}'),
    "hexadecimal": data('{"amount": 0x10}'),
    "101 levels": data(f'{{"a": {DEEP}}}'),
    "ten thousand levels": data('{"a": ' + "[" * 10_000 + "]" * 10_000 + "}"),
    "half a surrogate pair": data('{"a": "\\ud83d"}'),
    "half a surrogate pair as a name": data('{"\\ude00": 1}'),
    # Events
    "an event of nothing": Case(
        "POST", "/v0/events", {}, 400,
        [("type", "required"), ("source", "required"), ("subject", "required"), ("data", "required")],
    ),
    "an event of wrong types": Case(
        "POST", "/v0/events",
        {"type": 1, "source": True, "subject": [], "data": [], "namespace": {}, "timestamp": 0, "idempotencyKey": 1.5,
         "externalId": 7, "externalSubject": 8}, 400,
        [(name, "invalid_type") for name in (
            "type", "source", "externalSubject", "subject", "data", "namespace", "timestamp", "idempotencyKey",
            "externalId")],
    ),
    "an empty type": ingest([("type", "invalid_format")], type=""),
    "a type with a control character": ingest([("type", "invalid_format")], type="a\x00b"),
    "a type with a late control character": ingest([("type", "invalid_format")], type="a\x85"),
    "data as text": ingest([("data", "invalid_type")], data='{"amount": 1}'),
    "null for an optional member": ingest([("externalId", "invalid_type")], externalId=None),
    "an external id with a dot": ingest([("externalId", "invalid_format")], externalId="a.b"),
    "an external id with a line break behind": ingest([("externalId", "invalid_format")], externalId="a\n"),
    "an external subject that is too long": ingest([("externalSubject", "too_long")], externalSubject="x" * 256),
    "a namespace that is no organization": ingest([("namespace", "invalid_format")], namespace="acme"),
    "a date alone": ingest([("timestamp", "invalid_format")], timestamp="2026-02-01"),
    "the 30th of February": ingest([("timestamp", "invalid_format")], timestamp="2026-02-30T00:00:00Z"),
    "a leap second": ingest([("timestamp", "invalid_format")], timestamp="2026-02-01T23:59:60Z"),
    "an impossible offset": ingest([("timestamp", "invalid_format")], timestamp="2026-02-01T00:00:00+24:00"),
    "the year 10000": ingest([("timestamp", "invalid_format")], timestamp="10000-01-01T00:00:00Z"),
    "ten decimals of a second": ingest([("timestamp", "invalid_format")], timestamp="2026-02-01T00:00:00.0123456789Z"),
    "digits that are not ASCII": ingest([("timestamp", "invalid_format")], timestamp="\u0662026-02-01T00:00:00Z"),
    "an event of an unknown type": ingest("unprocessable_entity", status=422, type="cost.unknown"),
    "a type in another letter case": ingest("unprocessable_entity", status=422, type=TYPE.upper()),
    # Costs
    "a cost of nothing": Case(
        "POST", "/v0/costs", {}, 400,
        [(name, "required") for name in
         ("type", "name", "eventType", "aggregation", "unitCost", "currency", "productId")],
    ),
    "another type of cost": create([("type", "invalid_enum")], type="flat"),
    "an empty name": create([("name", "invalid_format")], name=""),
    "an event type with a control character": create([("eventType", "invalid_format")], eventType="a\tb"),
    "an aggregation in lower case": create([("aggregation", "invalid_enum")], aggregation="sum"),
    "a path that is missing": create([("valueProperty", "required")], valueProperty=...),
    "a path that is null": create([("valueProperty", "required")], valueProperty=None),
    "a path with brackets": create([("valueProperty", "invalid_format")], valueProperty="$.a[0]"),
    "a path of nothing": create([("valueProperty", "invalid_format")], valueProperty="$"),
    "a path with a line break behind": create([("valueProperty", "invalid_format")], valueProperty="$.a\n"),
    "a dimension's path with a hyphen": create([("groupBy.region", "invalid_format")], groupBy={"region": "$.a-b"}),
    "dimensions as a list": create([("groupBy", "invalid_type")], groupBy=["region"]),
    "dimensions as null": create([("groupBy", "invalid_type")], groupBy=None),
    "a unit cost as text": create([("unitCost", "invalid_type")], unitCost="1"),
    "a unit cost that is true": create([("unitCost", "invalid_type")], unitCost=True),
    "a unit cost below zero": create([("unitCost", "out_of_range")], unitCost=-0.01),
    "a unit cost a hair above a million": create_text("unitCost", "1000000.0000000001", [("unitCost", "out_of_range")]),
    "a unit cost with a large exponent": create_text("unitCost", "1e199", [("unitCost", "out_of_range")]),
    "a unit cost beyond all bounds": create_text("unitCost", "1e400", "bad_request"),
    "a unit cost that is no number": create_text("unitCost", "NaN", "bad_request"),
    "a currency in lower case": create([("currency", "invalid_format")], currency="usd"),
    "a currency that is not enabled": create("bad_request", currency="CHF"),
    "a product id that is none": create([("productId", "invalid_format")], productId="prod_a b"),
    "an unknown product": create("not_found", status=404, productId="prod_gone"),
    "an organization id that is none": create([("merchantId", "invalid_format")], merchantId="acme"),
    "a change of everything": patch(
        [("name", "invalid_format"), ("unitCost", "out_of_range"), ("currency", "invalid_format"),
         ("unit", "invalid_type"), ("aggregation", "invalid_enum"), ("eventType", "invalid_format"),
         ("valueProperty", "invalid_format"), ("groupBy", "invalid_type")],
        name="", unitCost=-1, currency="x", unit=1, aggregation="TOP", eventType="", valueProperty="amount", groupBy=1,
    ),
    "a change to nulls": patch(
        [(name, "invalid_type") for name in ("name", "unitCost", "currency")], name=None, unitCost=None, currency=None
    ),
    "a change that takes the path away": patch([("valueProperty", "required")], valueProperty=None),
    "a change that takes the path away, and more": patch(
        [("unitCost", "invalid_type"), ("valueProperty", "required")], unitCost="1", valueProperty=None
    ),
    "a change to a currency that is not enabled": patch("bad_request", currency="CHF"),
    # Lists
    "a page of nothing": listed("limit=0", ("limit", "out_of_range")),
    "a page of too much": listed("limit=101", ("limit", "out_of_range")),
    "a page before the first": listed("offset=-1", ("offset", "out_of_range")),
    "a page of half": listed("limit=1.5&offset=x", ("limit", "invalid_type"), ("offset", "invalid_type")),
    "a page of no number": listed("limit=&offset=%2B5", ("limit", "invalid_type"), ("offset", "invalid_type")),
    "a page beyond all integers": listed("offset=" + "9" * 30, ("offset", "out_of_range")),
    "a page of everything wrong": listed(
        "limit=-1&offset=-1&merchantId=acme&productId=x", ("limit", "out_of_range"), ("offset", "out_of_range"),
        ("merchantId", "invalid_format"), ("productId", "invalid_format"),
    ),
    # Summaries
    "a summary of no window": summary("", [("from", "required"), ("to", "required")]),
    "a summary of empty bounds": summary("from=&to=", [("from", "invalid_format"), ("to", "invalid_format")]),
    "a summary by month": summary(f"{WINDOW}&window=MONTH", [("window", "invalid_enum")]),
    "a summary by hour in lower case": summary(f"{WINDOW}&window=hour", [("window", "invalid_enum")]),
    "everything wrong with a summary": summary(
        "from=2026-02-01&window=WEEK&groupBy=provider,region&filterGroupBy=%7B",
        [("from", "invalid_format"), ("to", "required"), ("window", "invalid_enum"), ("groupBy", "unknown_key"),
         ("filterGroupBy", "invalid_format")],
    ),
    "a dimension with an empty name": summary(f"{WINDOW}&groupBy=provider,", [("groupBy", "unknown_key")]),
    "an empty dimension and an unknown one": summary(f"{WINDOW}&groupBy=,region", [("groupBy", "unknown_key")]),
    "the subject as a dimension": summary(f"{WINDOW}&groupBy=subject", [("groupBy", "unknown_key")]),
    "a filter that is no JSON": filtered("provider=openai"),
    "a filter that is not closed": filtered('{"provider": "openai"'),
    "a filter that is a list": filtered('["provider"]'),
    "a filter that is nothing": filtered(""),
    "a filter with a list": filtered('{"provider": ["openai"]}'),
    "a filter with an object": filtered('{"provider": {}}'),
    "a filter with NaN": filtered('{"provider": NaN}'),
    "a filter of 1000 levels": filtered('{"a":' * 1000),
    "a filter by subject": filtered('{"subject": "s"}', "unknown_key"),
    "a filter by an unknown dimension": filtered('{"region": "eu"}', "unknown_key"),
    "a window of nothing": summary("from=2026-02-01T00:00:00Z&to=2026-02-01T00:00:00Z", "bad_request"),
    "a window backwards": summary("from=2026-03-01T00:00:00Z&to=2026-02-01T00:00:00Z", "bad_request"),
    "50,001 minutes": summary("from=2026-01-01T00:00:00Z&to=2026-02-04T17:20:00.000001Z&window=MINUTE", "bad_request"),
    "50,001 days": summary("from=1900-01-01T00:00:00Z&to=2036-11-23T00:00:00.000001Z&window=DAY", "bad_request"),
}  # fmt: skip


def told(answer: httpx.Response) -> list[tuple[str, str]] | str:
    """Check the shape of a refusal, and return its faulty fields with their codes, or its category."""
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert isinstance(body["message"], str)
    assert body["message"]
    if "errors" not in body:
        assert None not in body.values()
        return str(body["error"])
    assert (body["error"], set(body)) == ("validation_error", {"message", "error", "errors"})
    assert all(isinstance(error["message"], str) and error["message"] for error in body["errors"])
    return [(error["field"], error["code"]) for error in body["errors"]]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_wrong_is_said_in_one_of_two_shapes_and_nothing_is_done(merchant: Merchant, case: Case) -> None:
    cost = merchant.create()

    answer = merchant.http.request(case.method, case.path.replace("{cost}", cost["id"]), content=body_of(case.body))

    wrong = told(answer)
    assert answer.status_code == case.status, answer.text
    if isinstance(wrong, str) or isinstance(case.wrong, str):
        assert wrong == case.wrong
    else:
        assert sorted(wrong) == sorted(case.wrong)
    assert merchant.http.get("/v0/costs").json()["data"] == [json.loads(json.dumps(cost, default=str))]
    assert merchant.total(cost, from_="0001-01-02T00:00:00Z", to="9999-12-30T00:00:00Z") == 0


ACCEPTED = {
    "exactly 50,000 minutes": "from=2026-01-01T00:00:00Z&to=2026-02-04T17:20:00Z&window=MINUTE",
    "exactly 50,000 days": "from=1900-01-01T00:00:00Z&to=2036-11-23T00:00:00Z&window=DAY",
    "all of time": "from=0001-01-02T00:00:00Z&to=9999-12-30T00:00:00Z",
    "no offset": "from=2026-02-01T00:00:00&to=2026-03-01T00:00:00.000001",
    "an escaped plus": "from=2026-02-01T00:00:00%2B05:30&to=2026-03-01T00:00:00Z",
    "a plus that became a space": "from=2026-02-01T00:00:00+05:30&to=2026-03-01T00:00:00Z",
    "lower case and a space": "from=2026-02-01%2000:00:00z&to=2026-03-01t00:00:00Z",
    "nine decimals": f"from=2026-02-01T00:00:00.123456789Z&to={MONTH['to']}",
    "unknown parameters": f"{WINDOW}&limit=x&whatever",
    "an empty filter": f"{WINDOW}&filterGroupBy=%7B%7D",
    "a filter with a null": f"{WINDOW}&filterGroupBy=%7B%22provider%22%3Anull%7D",
    "a filter with one name twice": f"{WINDOW}&filterGroupBy=%7B%22provider%22:%5B%5D,%22provider%22:1%7D",
    "a dimension twice": f"{WINDOW}&groupBy=provider,%20provider",
    "a parameter twice": f"from=nonsense&{WINDOW}",
}


@pytest.mark.parametrize("query", ACCEPTED.values(), ids=ACCEPTED)
def test_what_looks_odd_but_is_clear_is_taken(merchant: Merchant, query: str) -> None:
    cost = merchant.create()

    answer = merchant.http.get(f"/v0/costs/{cost['id']}/summary?{query}")

    assert answer.status_code == 200, answer.text


def test_what_only_a_metrics_settings_show_is_reported_with_the_rest(merchant: Merchant) -> None:
    metric = merchant.expect(201, merchant.http.post("/v0/billableMetrics", json=METRIC))
    path = f"/v0/billableMetrics/{metric['id']}"

    changed = merchant.http.patch(path, json={"name": 5, "valueProperty": None})
    measured = merchant.http.get(f"{path}/meter?to=x&groupBy=subject,region&filterGroupBy=%5B%5D")

    assert told(changed) == [("name", "invalid_type"), ("valueProperty", "required")]
    assert told(measured) == [("from", "required"), ("to", "invalid_format"), ("groupBy", "unknown_key"),
                              ("filterGroupBy", "invalid_format")]  # fmt: skip
    assert merchant.http.get(path).json() == metric


def test_a_plus_that_became_a_space_is_an_offset(merchant: Merchant) -> None:
    cost = merchant.create()
    merchant.send({"amount": 1}, timestamp="2026-01-31T18:30:00Z")

    for sign in ("+", "%2B"):
        query = f"from=2026-02-01T00:00:00{sign}05:30&to=2026-03-01T00:00:00Z"
        assert merchant.http.get(f"/v0/costs/{cost['id']}/summary?{query}").json()["totalQuantity"] == 1


def test_of_one_name_twice_in_a_body_the_last_counts(merchant: Merchant) -> None:
    cost = merchant.create()
    text = json.dumps({**EVENT, "data": "?"}).replace('"?"', '{"amount": 1, "amount": 2}')

    first_wrong = merchant.http.post("/v0/events", content=text.replace("{", '{"subject": 5, ', 1))
    last_wrong = merchant.http.post("/v0/events", content=text[:-1] + ', "subject": 5}')

    assert first_wrong.status_code == 202
    assert told(last_wrong) == [("subject", "invalid_type")]
    assert merchant.total(cost) == 2


def test_any_text_is_kept_as_it_is(merchant: Merchant) -> None:
    cost = merchant.create()
    names = ["a\x00b", "a\x00c", "\u202egnp", "naïve", "😀", " ", "s' OR 1=1 --", "x" * 100_000]
    for amount, subject in enumerate(names, 1):
        echo = merchant.send({"amount": amount, "provider": subject}, subject=subject, source=subject)
        assert (echo["subject"], echo["source"]) == (subject, subject)

    assert [merchant.total(cost, subject=subject) for subject in names[:-1]] == [1, 2, 3, 4, 5, 6, 7]
    groups = merchant.summary(cost, groupBy="provider")["groups"]
    assert {group["dimensions"]["provider"]: group["quantity"] for group in groups} == {
        subject: amount for amount, subject in enumerate(names, 1)
    }


@pytest.mark.parametrize("text", ["9" * 200, "1e199", "-1E-200", "0." + "0" * 199 + "1", "-0.0", "1E+2", '" 1e2 "'])
def test_numbers_up_to_the_bounds_are_taken(merchant: Merchant, text: str) -> None:
    cost = merchant.create()

    merchant.send(f'{{"amount": {text}}}')

    assert float(merchant.total(cost)) == float(text.strip('" '))


def test_a_hundred_levels_are_kept(merchant: Merchant) -> None:
    merchant.create()

    # The body and `data` are the first two.
    assert merchant.send('{"a":' * 99 + "1" + "}" * 99)["object"] == "event"
    deeper = json.dumps(without(EVENT, "data"))[:-1] + ', "data": ' + '{"a":' * 100 + "1" + "}" * 101
    assert told(merchant.http.post("/v0/events", content=deeper)) == "bad_request"


# The order of checks: what a request is refused for when everything is wrong with it.


def test_one_thing_after_another(merchant: Merchant, flip: Callable[..., None], world: World) -> None:
    flip(rate_limits=True)
    for _ in range(10):
        merchant.http.get("/v0/customers", params={"organizationId": MERCHANT})

    def refusal(method: str, path: str, content: Any = None, key: str = "sk_test_acme") -> tuple[int, Any]:
        answer = merchant.http.request(
            method, path, content=body_of(content), headers={"Authorization": f"Bearer {key}"}
        )
        return answer.status_code, told(answer)

    listing = "/v0/customers?organizationId=org_other&limit=x"
    assert refusal("GET", listing, key="sk_none") == (401, "unauthorized")
    assert refusal("GET", listing) == (429, "too_many_requests")

    everything = {"type": 5, "namespace": "org_other", "merchantId": "org_other", "productId": "prod_gone"}
    assert refusal("POST", "/v0/events", "{") == (400, "bad_request")
    flip(events_create=False, costs_write=False)
    assert refusal("POST", "/v0/events", "{") == (400, "bad_request")
    assert refusal("POST", "/v0/events", everything) == (403, "forbidden")
    assert refusal("PATCH", "/v0/costs/cst_gone", everything) == (403, "forbidden")
    flip(events_create=True, costs_write=True)
    assert refusal("PATCH", "/v0/costs/cst_gone", {"unitCost": "x"}) == (404, "not_found")
    assert refusal("POST", "/v0/events", everything) == (403, "forbidden")
    assert refusal("POST", "/v0/costs", everything) == (403, "forbidden")
    assert refusal("GET", "/v0/costs?merchantId=org_other&limit=x") == (403, "forbidden")
    assert refusal("POST", "/v0/costs", without(everything, "merchantId")) == (404, "not_found")
    assert refusal("POST", "/v0/billableMetrics", without(everything, "merchantId")) == (404, "not_found")
    faulty = {**everything, "merchantId": MERCHANT, "productId": PRODUCT}
    assert refusal("POST", "/v0/costs", faulty)[0] == 400
    unknown = {**EVENT, "type": "cost.unknown"}
    assert refusal("POST", "/v0/events", {**unknown, "namespace": "org_other"}) == (403, "forbidden")
    assert refusal("POST", "/v0/events", {**unknown, "timestamp": "soon"}) == (400, [("timestamp", "invalid_format")])
    assert refusal("POST", "/v0/events", unknown) == (422, "unprocessable_entity")


# Every operation there is

every_endpoint = pytest.mark.parametrize("endpoint", vendor.api.endpoints, ids=lambda endpoint: endpoint.operation)

ORGANIZATION_MEMBERS = {"events.ingest": "namespace", "customers.list": "organizationId"}


def path_of(endpoint: Endpoint, identifier: str = "xyz_gone") -> str:
    return re.sub(r"{\w+}", identifier, endpoint.path)


@every_endpoint
def test_401_for_every_operation(transport: httpx.BaseTransport, endpoint: Endpoint) -> None:
    wrong = ["Bearer", "Bearer ", "Bearer sk_acme", "Bearer sk_prod_acme", "Basic sk_test_acme", "sk_test_acme",
             "Bearer sk_test_a/b", "Bearer pareta_sk_test_acme"]  # fmt: skip
    with httpx.Client(transport=transport, base_url="http://mock") as http:
        for headers in ({}, *({"Authorization": each} for each in wrong)):
            answer = http.request(endpoint.method, path_of(endpoint), content=b"{", headers=headers)
            assert (answer.status_code, told(answer)) == (401, "unauthorized"), headers


@every_endpoint
def test_403_for_every_operation_without_its_permission(
    paygentic: httpx.Client, flip: Callable[..., None], endpoint: Endpoint
) -> None:
    resource = re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", endpoint.path.split("/")[2])
    is_read = endpoint.method == "GET"
    switches = [name for name in vendor.switches if re.fullmatch(rf"paygentic\.{resource}_(create|read|write)", name)]
    flip(**{name.removeprefix("paygentic."): False for name in switches})

    answer = paygentic.request(endpoint.method, path_of(endpoint), content=b"{}" if endpoint.body else None)

    assert (answer.status_code, told(answer)) == (403, "forbidden")
    body = answer.json()
    assert body["reason"] == "no_permission"
    names = {name.removeprefix("paygentic.").rpartition("_")[::2] for name in switches}
    wanted = {f"{what}:{verb}" for what, verb in names if is_read or verb != "read"}
    assert set(body["requiredPermissions"]) == wanted


@pytest.mark.parametrize(
    "endpoint", [each for each in vendor.api.endpoints if "{" not in each.path], ids=lambda each: each.operation
)
def test_403_for_every_operation_that_names_another_organization_whatever_else_is_wrong(
    paygentic: httpx.Client, endpoint: Endpoint
) -> None:
    member = ORGANIZATION_MEMBERS.get(endpoint.operation, "merchantId")
    if endpoint.body is None:
        answer = paygentic.request(endpoint.method, endpoint.path, params={member: "org_other", "limit": "x"})
    else:
        answer = paygentic.request(endpoint.method, endpoint.path, json={member: "org_other", "name": 5, "type": 5})

    assert (answer.status_code, told(answer)) == (403, "forbidden")
    assert answer.json()["reason"] == "not_member"
    assert "requiredPermissions" not in answer.json()


@pytest.mark.parametrize(
    "endpoint", [each for each in vendor.api.endpoints if "{" in each.path], ids=lambda each: each.operation
)
def test_404_for_every_id_that_names_nothing(paygentic: httpx.Client, endpoint: Endpoint) -> None:
    for identifier in ("xyz_gone", "%00", "..%20", "cst_", "a" * 5000, "%F0%9F%98%80", "%ff"):
        path = path_of(endpoint, identifier)
        answer = paygentic.request(endpoint.method, path, content=b"{}" if endpoint.body else None)
        assert (answer.status_code, told(answer)) == (404, "not_found"), identifier


@pytest.mark.parametrize(
    "endpoint", [each for each in vendor.api.endpoints if each.body], ids=lambda each: each.operation
)
def test_400_for_every_body_that_cannot_be_read(paygentic: httpx.Client, endpoint: Endpoint) -> None:
    for content in (b"", b"{", b"[]", b"null", b'{"a": NaN}', b"\xff", b"[" * 5000):
        answer = paygentic.request(endpoint.method, path_of(endpoint), content=content)
        assert (answer.status_code, told(answer)) == (400, "bad_request"), content[:20]
