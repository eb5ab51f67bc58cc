"""Coverage counts the interactions of every documented operation, those that were refused among them."""

from __future__ import annotations

from mockserver.cassettes.coverage import Coverage
from mockserver.cassettes.verdicts import Judged
from mockserver.vendors.registry import vendors


def judged(operation: str, status: int = 200) -> Judged:
    return Judged("x.yaml", "x.yaml, interaction 1", "GET", "/", operation, status)


def test_every_operation_of_both_vendors_is_listed_once_in_their_order() -> None:
    coverage = Coverage([vendor.api for vendor in vendors()])
    coverage.add(judged("paygentic.costs.get_cost"))
    coverage.add(judged("paygentic.costs.get_cost", 404))
    coverage.add(judged("pareta.models.list"))
    coverage.add(judged(""))

    operations = coverage.operations()

    assert [each.operation for each in operations] == [
        f"{vendor.name}.{endpoint.operation}" for vendor in vendors() for endpoint in vendor.api.endpoints
    ]
    assert {each.operation: each.interactions for each in operations if each.interactions} == {
        "paygentic.costs.get_cost": 2,
        "pareta.models.list": 1,
    }
    (cost,) = [each for each in operations if each.operation == "paygentic.costs.get_cost"]
    assert (cost.method, cost.path) == ("GET", "/v0/costs/{id}")
