from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.kernel.store import Store
from mockserver.kernel.windows import DAY
from mockserver.kernel.world import Worlds
from tests.kernel.conftest import NOON


def test_a_key_counts_until_its_span_is_over_and_not_a_microsecond_longer(worlds: Worlds) -> None:
    with worlds.store.committed():
        keys = worlds.create("acme").idempotency
        keys.remember("POST /v1/x", "k", NOON, DAY, fingerprint="f", status=201, headers=b"a: b", body=b"{}")

    last = keys.find("POST /v1/x", "k", NOON + DAY - 1)

    assert last is not None
    assert (last.first_at, last.fingerprint, last.status, last.headers, last.body) == (NOON, "f", 201, b"a: b", b"{}")
    assert keys.find("POST /v1/x", "k", NOON + DAY) is None


def test_scopes_and_worlds_keep_their_keys_apart(worlds: Worlds) -> None:
    with worlds.store.committed():
        one, other = worlds.create("one"), worlds.create("other")
        one.idempotency.remember("POST /a", "k", NOON, DAY)

    assert one.idempotency.find("POST /b", "k", NOON) is None
    assert other.idempotency.find("POST /a", "k", NOON) is None


def test_an_expired_key_can_be_used_anew(worlds: Worlds) -> None:
    with worlds.store.committed():
        keys = worlds.create("acme").idempotency
        keys.remember("POST /a", "k", NOON, DAY, fingerprint="old")
        keys.remember("POST /a", "k", NOON + DAY, DAY, fingerprint="new")

    found = keys.find("POST /a", "k", NOON + DAY)

    assert found is not None
    assert found.fingerprint == "new"


def test_expired_keys_are_forgotten_as_new_ones_come(worlds: Worlds, store: Store) -> None:
    with store.committed():
        keys = worlds.create("acme").idempotency
        for n in range(10):
            keys.remember("POST /a", f"old {n}", NOON, 1)
        for n in range(100):
            keys.remember("POST /a", f"new {n}", NOON + DAY, DAY)

    assert store.one("SELECT count(*) FROM idempotency WHERE key LIKE 'old%'") == (0,)
    assert store.one("SELECT count(*) FROM idempotency") == (100,)


@pytest.mark.parametrize("length", [0, 1, 32 * 1024 - 1, 32 * 1024, 500_000])
def test_a_body_comes_back_as_it_was_and_a_long_one_takes_little_room(
    worlds: Worlds, store: Store, length: int
) -> None:
    body = (b'{"embedding": [0.0125, -0.0375]}' * (length // 32 + 1))[:length]

    with worlds.store.committed():
        keys = worlds.create("acme").idempotency
        keys.remember("POST /a", "k", NOON, DAY, body=body)

    found = keys.find("POST /a", "k", NOON)
    assert found is not None
    assert found.body == body
    (kept,) = store.one("SELECT length(body) FROM idempotency") or (0,)
    assert kept == length if length < 32 * 1024 else kept < length / 10


def test_a_claimed_key_counts_until_its_span_is_over(worlds: Worlds) -> None:
    with worlds.store.committed():
        keys = worlds.create("acme").idempotency

        assert keys.claim("events", "k", NOON, DAY)
        assert not keys.claim("events", "k", NOON + DAY - 1, DAY)
        assert keys.claim("other", "k", NOON, DAY)
        assert keys.claim("events", "k", NOON + DAY, DAY)
        # What was refused above did not prolong the span; what was let in began a new one.
        assert not keys.claim("events", "k", NOON + 2 * DAY - 1, DAY)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), max_size=12), st.data())
def test_keys_claimed_in_one_go_fare_as_one_by_one(
    worlds: Worlds, uses: list[tuple[str, int]], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(uses)))
    with worlds.store.committed():
        singly, at_once = worlds.create("singly").idempotency, worlds.create("at-once").idempotency

        expected = [singly.claim("events", key, now, 4) for key, now in uses]
        found = [*at_once.claim_all("events", uses[:cut], 4), *at_once.claim_all("events", uses[cut:], 4)]

        worlds.delete(worlds.get("singly"))
        worlds.delete(worlds.get("at-once"))
    assert found == expected


def test_expired_claims_are_forgotten_as_new_ones_come(worlds: Worlds, store: Store) -> None:
    with store.committed():
        keys = worlds.create("acme").idempotency
        for day in range(6):
            keys.claim_all("events", [(f"{day}-{n}", NOON + day * DAY) for n in range(3000)], DAY)

    assert store.one("SELECT count(*) FROM claimed_keys WHERE expires_at > ?", (NOON + 5 * DAY,)) == (3000,)
    (kept,) = store.one("SELECT count(*) FROM claimed_keys") or (0,)
    assert kept <= 9000
