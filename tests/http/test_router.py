from __future__ import annotations

from dataclasses import replace

import pytest

from mockserver.http.router import Router
from mockserver.kernel.errors import MethodNotAllowed, UnknownRoute, Unusable
from tests.http.conftest import Toy, toy_api


@pytest.fixture
def router() -> Router:
    return Router([toy_api(Toy())])


@pytest.mark.parametrize("mount", ["", "/toy"])
def test_a_path_is_found_at_the_root_and_below_the_vendors_mount(router: Router, mount: str) -> None:
    match = router.find("POST", f"{mount}/t/things")

    assert match.endpoint is not None
    assert match.endpoint.operation == "things.create"


@pytest.mark.parametrize("mount", ["", "/toy"])
def test_ids_in_a_path_become_parameters_in_order(router: Router, mount: str) -> None:
    match = router.find("GET", f"{mount}/t/things/a.b+c/parts/é")

    assert match.parameters == ("a.b+c", "é")


@pytest.mark.parametrize("path", ["/t/things/", "/t", "/t/things/x/parts/", "/t/things//parts/y", "/toy", "/t/Things"])
def test_a_path_of_the_vendor_without_an_operation_stays_the_vendors_error(router: Router, path: str) -> None:
    match = router.find("GET", path)

    assert match.api is not None
    assert isinstance(match.error, UnknownRoute)


@pytest.mark.parametrize("path", ["/", "", "/things", "/tthings", "/toys/t/things"])
def test_a_path_of_nobody_belongs_to_nobody(router: Router, path: str) -> None:
    match = router.find("GET", path)

    assert match.api is None
    assert isinstance(match.error, UnknownRoute)


def test_the_nearest_operations_are_named(router: Router) -> None:
    error = router.find("POST", "/t/thing").error

    assert isinstance(error, UnknownRoute)
    assert error.nearest[0] == "POST /t/things"
    assert "nearest: POST /t/things" in str(error)


@pytest.mark.parametrize(
    ("path", "allowed"), [("/t/things", ("DELETE", "GET", "POST")), ("/t/things/x/parts/y", ("GET",))]
)
def test_a_known_path_with_another_method_names_those_allowed(
    router: Router, path: str, allowed: tuple[str, ...]
) -> None:
    error = router.find("PATCH", path).error

    assert isinstance(error, MethodNotAllowed)
    assert error.allowed == allowed


def test_two_vendors_cannot_claim_one_prefix() -> None:
    api = toy_api(Toy())

    with pytest.raises(Unusable, match="/t is claimed by other and by toy"):
        Router([api, replace(api, name="other")])


def test_no_vendor_can_claim_the_control_prefix() -> None:
    with pytest.raises(Unusable, match="/_mock is claimed"):
        Router([replace(toy_api(Toy()), prefixes=("/_mock",))])


def test_one_operation_cannot_be_routed_twice() -> None:
    api = toy_api(Toy())

    with pytest.raises(Unusable, match="routed twice"):
        Router([replace(api, endpoints=[*api.endpoints, api.endpoints[0]])])
