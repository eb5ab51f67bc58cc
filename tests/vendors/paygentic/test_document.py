"""Our OpenAPI document covers what the vendor's describes; every difference is named here, with its reason."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from mockserver.http.openapi import vendor_document
from mockserver.vendors.paygentic.routes import api
from tests.vendors.paygentic.facts import Facts, Reader

PUBLISHED = Path(__file__).with_name("published.yaml")


def published() -> dict[str, Facts]:
    """Return what the vendor's description says, with every shape written out."""
    raw = yaml.safe_load(PUBLISHED.read_text())
    shapes: dict[str, dict[str, str]] = raw["shapes"]

    def fields(place: str | dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, words in (shapes[place] if isinstance(place, str) else place).items():
            known, _, shape = words.rpartition(" ")
            if shape in shapes:
                found[name] = known
                found |= {f"{name}.{inner}": inner_words for inner, inner_words in fields(shape).items()}
            else:
                found[name] = words
        return found

    return {
        operation: {str(place): fields(content) for place, content in places.items()}
        for operation, places in raw["operations"].items()
    }


THEIRS = published()
OURS = Reader(vendor_document(api)).operations()


def statuses(places: Facts) -> set[str]:
    """Return the statuses among places."""
    return {place for place in places if place.isdigit()}


# What is other

FURTHER_STATUSES = {
    "400": "what a query asks for is checked everywhere",
    "413": "a body has a limit",
    "500": "any operation may meet a fault of ours",
}
"""Refusals that the vendor does not declare where we may give them."""

NEVER_GIVEN = {
    "POST /v0/events": {"404": "a namespace is the key's own or refused with 403"},
    "POST /v0/products": {"404": "a merchant is the key's own or refused with 403"},
    "POST /v0/testClocks": {"404": "a merchant is the key's own or refused with 403"},
}
"""Refusals that the vendor declares and we never give."""

OTHER_REQUESTS: list[tuple[str, dict[str, str]]] = [
    (
        "an id in a path may be any text: what is no id is not found, for only 404 is declared there",
        {f"{operation} path id": "R string" for operation in THEIRS if "{id}" in operation},
    ),
    (
        "what is named has a name",
        {
            "PATCH /v0/billableMetrics/{id} body name": "string min-length=1",
            "PATCH /v0/costs/{id} body eventType": "null|string min-length=1",
            "PATCH /v0/costs/{id} body name": "string min-length=1",
            "PATCH /v0/customers/{id} body externalId": "null|string max-length=255 min-length=1",
            "PATCH /v0/products/{id} body name": "string min-length=1",
            "POST /v0/billableMetrics body name": "R string min-length=1",
            "POST /v0/billableMetrics body eventType": "string min-length=1",
            "POST /v0/costs body eventType": "R string min-length=1",
            "POST /v0/costs body name": "R string min-length=1",
            "POST /v0/customers body consumer.name": "R string min-length=1",
            "POST /v0/customers body externalId": "string max-length=255 min-length=1",
            "POST /v0/events body type": "R string min-length=1",
            "POST /v0/products body name": "R string min-length=1",
            "GET /v0/costs/report query groupBy": "R string min-length=1",
        },
    ),
    (
        "the client of the vendor says that it cannot be cleared",
        {
            "PATCH /v0/billableMetrics/{id} body eventType": "string min-length=1",
        },
    ),
    (
        "null counts as left out, where another member may stand in for it",
        {
            "POST /v0/billableMetrics body productId": "null|string pattern=^prod_[a-zA-Z0-9_-]+$",
            "POST /v0/billableMetrics body valueProperty": r"null|string pattern=^\$(\.[a-zA-Z0-9_]+)+$",
            "POST /v0/costs body valueProperty": r"null|string pattern=^\$(\.[a-zA-Z0-9_]+)+$",
            "POST /v0/customers body consumer": "null|object",
            "POST /v0/events body subject": "null|string min-length=1",
        },
    ),
    (
        "the vendor says in words alone that a currency is a code of ISO 4217, or gives its length alone",
        {
            "POST /v0/costs body currency": "R string pattern=^[A-Z]{3}$",
            "PATCH /v0/costs/{id} body currency": "string pattern=^[A-Z]{3}$",
            "GET /v0/costs/report query currency": "string pattern=^[A-Z]{3}$",
            "GET /v0/profitability query currency": "string pattern=^[A-Z]{3}$",
            "GET /v0/revenue query currency": "string pattern=^[A-Z]{3}$",
        },
    ),
    (
        "an id has the form of an id, whether or not the vendor says so in this place",
        {
            "GET /v0/costs/report query costId[]": "string pattern=^cst_[a-zA-Z0-9_-]+$",
            "GET /v0/costs/report query merchantId": "string pattern=^org_[a-zA-Z0-9_-]+$",
            "GET /v0/testClocks query merchantId": "string pattern=^org_[a-zA-Z0-9_-]+$",
            "POST /v0/testClocks body merchantId": "string pattern=^org_[a-zA-Z0-9_-]+$",
            "POST /v0/events body namespace": "string pattern=^org_[a-zA-Z0-9_-]+$",
        },
    ),
    (
        "the default is said",
        {"GET /v0/billableMetrics/{id}/meter query groupOffset": "integer default=0 max=100000 min=0"},
    ),
    (
        "the width of a trend suits the window unless it is asked for: later clients of the vendor do not send it",
        {"GET /v0/profitability query bucketWidth": "string enum=day|hour|week"},
    ),
    (
        "a step of thousands of digits is nobody's",
        {
            "PATCH /v0/testClocks/{id} body advanceBy": "string max-length=100 "
            "pattern=^P([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?$",
        },
    ),
    (
        "an address of mail is what has an @ in it",
        {
            "POST /v0/customers body consumer.email": "R string pattern=^{0}@{0}$".format(
                r"[^@\s\x1c-\x1f\x85\ufeff]+"
            ),
        },
    ),
    ("the answer says that they are texts", {"POST /v0/products body metadata.*": "string"}),
]
"""Parameters and members of bodies that are other than the vendor's: why, and our words."""

FURTHER_MEMBERS = {
    "GET /v0/products 200 object": "other lists of the vendor have it",
    "GET /v0/testClocks 200 object": "other lists of the vendor have it",
    **{
        f"any 409 {name}": "every conflict has whatever any refusal or any conflict may have"
        for name in (
            "code",
            "reason",
            "requiredPermissions",
            "requiredPermissions[]",
            "details.blockers",
            "details.blockers[]",
            "details.blockers[].type",
            "details.blockers[].count",
            "details.blockers[].items",
            "details.blockers[].items[]",
            "details.blockers[].items[].id",
            "details.blockers[].items[].status",
        )
    },
    **{
        f"{operation} 400 {name}": "a refusal that names fields has one shape everywhere"
        for operation in ("POST /v0/testClocks", "PATCH /v0/testClocks/{id}")
        for name in ("errors", "errors[]", "errors[].code", "errors[].field", "errors[].message")
    },
}
"""Members of answers that the vendor's description has not."""


# How it is told


def alike(words: str | None) -> str | None:
    """Return words with what is the same but spelled otherwise in one spelling."""
    # Ids of the vendor's own examples break its patterns with underscores, so `_` and `-` are let through.
    words = words and re.sub(r"(pattern=\^[a-z]+_\[a-zA-Z0-9)\]", r"\1_-]", words)
    return words and words.replace(r"pattern=^\$\.[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*$", r"pattern=^\$(\.[a-zA-Z0-9_]+)+$")


def is_promised(theirs: str, ours: str | None) -> bool:
    """Return whether a member of an answer is what the vendor says: there, of a type and value that it may have."""
    if ours is None:
        return False
    own, other = ours.split(), theirs.split()
    types, allowed = (set(next(word for word in words if word != "R").split("|")) for words in (own, other))
    if "number" in allowed:
        allowed.add("integer")
    values, allowed_values = (
        {value for word in words if word.startswith("enum=") for value in word[5:].split("|")} for words in (own, other)
    )
    return (
        ("R" in own or "R" not in other)
        and types <= allowed
        and (not allowed_values or (bool(values) and values <= allowed_values))
    )


def test_every_operation_is_there_and_no_other() -> None:
    assert OURS.keys() == THEIRS.keys()


def test_what_requests_may_hold_is_the_same_but_for_what_is_named() -> None:
    found: dict[str, str | None] = {}
    for operation, places in THEIRS.items():
        for place in ("path", "query", "body"):
            theirs, ours = places.get(place, {}), OURS[operation].get(place, {})
            for name in theirs.keys() | ours.keys():
                if alike(theirs.get(name)) != alike(ours.get(name)):
                    found[f"{operation} {place} {name}"] = ours.get(name)

    assert found == {name: words for _, names in OTHER_REQUESTS for name, words in names.items()}


def test_answers_keep_what_the_vendor_promises_but_for_what_is_named() -> None:
    broken = {
        f"{operation} {place} {name}": OURS[operation][place].get(name)
        for operation, places in THEIRS.items()
        for place in statuses(places) & statuses(OURS[operation])
        for name, words in places[place].items()
        if not is_promised(words, OURS[operation][place].get(name))
    }
    further = {
        f"{operation if place != '409' else 'any'} {place} {name}"
        for operation, places in OURS.items()
        for place in statuses(places) & statuses(THEIRS[operation])
        for name in places[place].keys() - THEIRS[operation][place].keys()
    }
    assert broken == {}
    assert further == FURTHER_MEMBERS.keys()


def test_statuses_are_the_same_but_for_what_is_named() -> None:
    missing = {op: statuses(THEIRS[op]) - statuses(OURS[op]) for op in THEIRS}
    assert {op: gone for op, gone in missing.items() if gone} == {op: set(gone) for op, gone in NEVER_GIVEN.items()}
    further = {status for op in OURS for status in statuses(OURS[op]) - statuses(THEIRS[op])}
    assert further == set(FURTHER_STATUSES)
