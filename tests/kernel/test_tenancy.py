from __future__ import annotations

import pytest

from mockserver.kernel.errors import Unauthenticated
from mockserver.kernel.tenancy import bearer, world_named


@pytest.mark.parametrize(
    ("key", "world"),
    [
        ("pareta_sk_live_acme", "acme"),
        ("pareta_sk_test_acme", "acme"),
        ("pareta_sk_acme", "acme"),
        ("pareta_sk_test_live_x", "live_x"),
        ("pareta_sk_test_" + "a" * 64, "a" * 64),
    ],
)
def test_a_key_names_its_world(key: str, world: str) -> None:
    assert world_named(key, "pareta_sk_", bare=True) == world


@pytest.mark.parametrize(
    "key",
    ["", "sk_test_acme", "pareta_sk_test_", "pareta_sk_test_a b", "pareta_sk_test_" + "a" * 65, "pareta_sk_test_é"],
)
def test_any_other_key_names_none(key: str) -> None:
    with pytest.raises(Unauthenticated):
        world_named(key, "pareta_sk_", bare=True)


def test_a_vendor_without_bare_keys_wants_the_mode() -> None:
    with pytest.raises(Unauthenticated, match="does not start with"):
        world_named("sk_acme", "sk_", bare=False)


@pytest.mark.parametrize(("header", "credential"), [(b"Bearer k", "k"), (b"bearer  k ", "k"), (b"BEARER k", "k")])
def test_bearer_credential_is_found_in_any_letter_case(header: bytes, credential: str) -> None:
    assert bearer(header) == credential


@pytest.mark.parametrize("header", [None, b"", b"Basic k", b"Bearer", b"Bearer  "])
def test_a_header_without_a_credential_is_refused(header: bytes | None) -> None:
    with pytest.raises(Unauthenticated):
        bearer(header)
