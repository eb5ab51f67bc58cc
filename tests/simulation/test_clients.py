"""What customers' programs do when a call fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.windows import MINUTE, SECOND
from mockserver.simulation.clients import idempotency_key, retry_at, stops_until
from mockserver.simulation.parts import ClientPart

PATIENT = ClientPart(retries=3, backoff=2 * SECOND)


def test_the_wait_before_an_attempt_doubles_each_time() -> None:
    waits = [retry_at(PATIENT, attempt, 0, 503) for attempt in range(4)]

    assert waits == [2 * SECOND, 4 * SECOND, 8 * SECOND, None]


@pytest.mark.parametrize(
    ("status", "is_retried"),
    [(None, True), (500, True), (503, True), (599, True), (400, False), (404, False), (429, False), (499, False)],
)
def test_a_servers_failure_and_a_lost_connection_are_worth_another_attempt_and_a_refusal_is_not(
    status: int | None, is_retried: bool
) -> None:
    assert (retry_at(PATIENT, 0, 5, status) is not None) == is_retried


@pytest.mark.parametrize(("on_no_credit", "is_retried"), [("stop", False), ("continue", False), ("retry", True)])
def test_only_wrong_clients_retry_without_credit(on_no_credit: str, is_retried: bool) -> None:
    client = ClientPart.model_validate({"on_no_credit": on_no_credit})

    assert (retry_at(client, 0, 5, 402) is not None) == is_retried


def test_a_client_that_stops_without_credit_calls_nothing_until_it_probes() -> None:
    stopping = ClientPart(probe_after=15 * MINUTE)

    assert stops_until(stopping, 402, 7) == 7 + 15 * MINUTE
    assert stops_until(stopping, 503, 7) is None
    assert stops_until(stopping, None, 7) is None
    assert stops_until(ClientPart(on_no_credit="continue"), 402, 7) is None
    assert stops_until(ClientPart(on_no_credit="retry"), 402, 7) is None


@given(
    calls=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 50)), unique=True, max_size=6),
    attempts=st.integers(1, 5),
    reuses_key=st.booleans(),
)
def test_attempts_share_a_key_exactly_where_clients_reuse_it_and_calls_never_do(
    calls: list[tuple[int, int]], attempts: int, reuses_key: bool
) -> None:
    client = ClientPart(reuses_key=reuses_key)

    keys = [{idempotency_key(client, *call, attempt) for attempt in range(attempts)} for call in calls]

    assert [len(each) for each in keys] == [1 if reuses_key else attempts] * len(calls)
    assert len(set().union(*keys)) == sum(map(len, keys))
