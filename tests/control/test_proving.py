"""What a journal proves, by tables of entries, and attempts against plain loops."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.control import proving
from mockserver.control.proving import Bounds, Customs, Limits, Near, Sent, Spending, Times, Verdict
from mockserver.kernel.journal import MAX_BODY_BYTES, Entry
from mockserver.kernel.windows import SECOND, parse_instant

NOON = parse_instant("2026-02-10T12:00:00Z")
CHAT, EVENT, LIST = "shop.chat.create", "shop.events.ingest", "shop.models.list"
CUSTOMS = Customs({CHAT}, {EVENT: "idempotencyKey"}, {"fault-9"})
_DEFAULT: dict[str, Any] = {"m": "hi"}


def entry(
    seq: int,
    status: int | None = 200,
    *,
    key: str | None = None,
    body: Any = None,
    operation: str | None = CHAT,
    at_s: float = 0,
    method: str = "POST",
    path: str = "/v1/chat",
    **more: Any,
) -> Entry:
    data = json.dumps(_DEFAULT if body is None else body).encode() if not isinstance(body, bytes) else body
    headers = {b"content-length": b"%d" % len(data), **({b"idempotency-key": key.encode()} if key else {})}
    headers |= more.pop("headers", {})
    kept = data[:MAX_BODY_BYTES]
    at = NOON + int(at_s * SECOND)
    return Entry(
        seq, at, more.pop("vendor", "shop"), operation, method, path, more.pop("query", ""), status, f"req_{seq}",
        headers=headers, request_body=kept, **more,
    )  # fmt: skip


def sent(*entries: Entry) -> list[Sent]:
    return proving.read(entries, CUSTOMS)


def calls(*entries: Entry) -> list[list[int]]:
    return [[each.entry.seq for each in call] for call in proving.attempts(sent(*entries))]


def told(verdict: Verdict) -> list[tuple[Any, Any]]:
    """Return number and reason of each row."""
    return [(row[0], row[-1]) for row in verdict.rows]


# Requests that say the same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (entry(1), entry(2)),
        (entry(1, body=b'{"a":1,"b":2}'), entry(2, body=b'{ "b": 2, "a": 1 }')),
        (entry(1, key="a"), entry(2, key="b")),
        (entry(1, path="/shop/v1/chat"), entry(2)),
        (
            entry(1, operation=EVENT, body={"idempotencyKey": "a", "n": 1}),
            entry(2, operation=EVENT, body={"n": 1, "idempotencyKey": "b"}),
        ),
        (
            entry(1, body=b"--x1\r\nhi\r\n--x1--", headers={b"content-type": b"multipart/form-data; boundary=x1"}),
            entry(2, body=b"--x2\r\nhi\r\n--x2--", headers={b"content-type": b'multipart/form-data; boundary="x2"'}),
        ),
        (
            entry(1, operation=EVENT, body={"idempotencyKey": "a", "n": "x" * MAX_BODY_BYTES}),
            entry(2, operation=EVENT, body={"idempotencyKey": "b-longer", "n": "x" * MAX_BODY_BYTES}),
        ),
        (entry(1, body=b"not json"), entry(2, body=b"not json")),
        (entry(1, body=b"[" * 100_000), entry(2, body=b"[" * 100_000)),
    ],
)
def test_these_say_the_same(one: Entry, other: Entry) -> None:
    first, second = sent(one, other)

    assert first.identity == second.identity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (entry(1), entry(2, body={"m": "ho"})),
        (entry(1, body=b'{"a":1.0}'), entry(2, body=b'{"a":1.00}')),
        (entry(1, body=b'{"a":1.5}'), entry(2, body=b'{"a":"1.5"}')),
        (entry(1), entry(2, method="PUT")),
        (entry(1), entry(2, path="/v1/chats")),
        (entry(1), entry(2, query="a=1")),
        (entry(1), entry(2, vendor="bank")),
        (entry(1, body={"idempotencyKey": "a"}), entry(2, body={"idempotencyKey": "b"})),
        (entry(1, body=b"x" * MAX_BODY_BYTES * 2), entry(2, body=b"x" * (MAX_BODY_BYTES * 2 + 1))),
    ],
)
def test_these_say_different_things(one: Entry, other: Entry) -> None:
    first, second = sent(one, other)

    assert first.identity != second.identity


@pytest.mark.parametrize(
    ("one", "key"),
    [
        (entry(1, key="k"), "k"),
        (entry(1), None),
        (entry(1, operation=EVENT, body={"idempotencyKey": "k"}), "k"),
        (entry(1, operation=EVENT, body={"idempotencyKey": 1}, key="header"), None),
        (entry(1, operation=EVENT, body={"n": "x" * MAX_BODY_BYTES}), None),
        (entry(1, operation=EVENT, body=b'{"idempotencyKey": "\\q"'), r"\q"),
        (entry(1, operation=EVENT, body={"idempotencyKey": 'a"b', "n": "x" * MAX_BODY_BYTES}), 'a"b'),
    ],
)
def test_the_key_is_read_where_the_operation_heeds_it(one: Entry, key: str | None) -> None:
    (first,) = sent(one)

    assert first.key == key


@pytest.mark.parametrize(
    ("one", "is_failed"),
    [
        *((entry(1, status), False) for status in (200, 202, 301, 400, 401, 402, 404, 422)),
        *((entry(1, status), True) for status in (None, 408, 409, 429, 500, 503)),
        (entry(1, fault="fault-1 fault-9"), True),
        (entry(1, fault="fault-1"), False),
    ],
)
def test_a_client_may_try_again_what_failed(one: Entry, is_failed: bool) -> None:
    assert [each.is_failed for each in sent(one)] == [is_failed]


def test_an_answer_that_nobody_waited_for_is_a_failure() -> None:
    requests = proving.read([entry(1), entry(2)], Customs(unheard={1}))

    assert [each.is_failed for each in requests] == [True, False]


def test_a_body_sent_in_chunks_counts_as_cut_when_the_journal_is_full_of_it() -> None:
    whole, cut = entry(1, body=b"x" * 100), entry(2, body=b"x" * MAX_BODY_BYTES)
    del whole.headers[b"content-length"], cut.headers[b"content-length"]

    assert (proving.is_cut(whole), proving.is_cut(cut)) == (False, True)


# Attempts


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], []),
        ([entry(1)], [[1]]),
        ([entry(1), entry(2)], [[1], [2]]),
        ([entry(1, 503), entry(2)], [[1, 2]]),
        ([entry(1, 503), entry(2), entry(3)], [[1, 2], [3]]),
        ([entry(1, None), entry(2, 429), entry(3, 400), entry(4)], [[1, 2, 3], [4]]),
        ([entry(1, 503), entry(2, body={}), entry(3)], [[1, 3], [2]]),
        ([entry(1, 503, key="a"), entry(2, key="b")], [[1, 2]]),
        ([entry(1, 503, key="a"), entry(2)], [[1, 2]]),
        # Two calls at once
        ([entry(1, 503, key="a"), entry(2, 503, key="b"), entry(3, key="a"), entry(4, key="b")], [[1, 3], [2, 4]]),
        ([entry(1, 503, key="a"), entry(2, key="b"), entry(3, key="a")], [[1, 3], [2]]),
        ([entry(1, 503, key="a"), entry(2, 503, key="b"), entry(3, key="c")], [[1, 2, 3]]),
    ],
)
def test_attempts_follow_what_failed(entries: Sequence[Entry], expected: list[list[int]]) -> None:
    assert calls(*entries) == expected


def slow_attempts(requests: Sequence[Sent]) -> list[list[int]]:
    """Follow the rule as it is written: for each request, look at everything before and after it."""
    found: list[list[Sent]] = []
    for request in requests:
        waiting = [call for call in found if call[-1].is_failed and call[-1].identity == request.identity]
        same = [call for call in waiting if call[-1].key == request.key]
        lonely = [
            call
            for call in waiting
            if not any(
                later.key == call[-1].key and later.identity == request.identity
                for later in requests[requests.index(call[-1]) + 1 :]
            )
        ]
        for call in same or sorted(lonely, key=lambda call: call[-1].entry.seq):
            call.append(request)
            break
        else:
            found.append([request])
    return [[each.entry.seq for each in call] for call in found]


requests_drawn = st.lists(
    st.tuples(
        st.sampled_from([200, 503]), st.sampled_from([None, "a", "b", "c"]), st.sampled_from([{"n": 1}, {"n": 2}])
    ),
    max_size=12,
)


@given(requests_drawn)
def test_attempts_agree_with_plain_loops(drawn: list[tuple[int, str | None, Any]]) -> None:
    requests = sent(*(entry(n, status, key=key, body=body) for n, (status, key, body) in enumerate(drawn, 1)))

    assert [[each.entry.seq for each in call] for call in proving.attempts(requests)] == slow_attempts(requests)


@given(requests_drawn)
def test_every_request_is_one_attempt_and_only_the_last_of_a_call_can_have_succeeded(
    drawn: list[tuple[int, str | None, Any]],
) -> None:
    requests = sent(*(entry(n, status, key=key, body=body) for n, (status, key, body) in enumerate(drawn, 1)))

    found = proving.attempts(requests)

    assert sorted(each.entry.seq for call in found for each in call) == list(range(1, len(drawn) + 1))
    for call in found:
        assert all(each.is_failed for each in call[:-1])
        assert [each.entry.seq for each in call] == sorted(each.entry.seq for each in call)


# How often

ONE, TWO = entry(1), entry(2, 503)


@pytest.mark.parametrize(
    ("bounds", "count", "unsure", "holds", "message"),
    [
        (Bounds(1, None), 1, 0, True, "it was called once"),
        (Bounds(1, None), 1, 5, True, "it was called once"),
        (Bounds(2, 2), 2, 0, True, "it was called 2 times"),
        (Bounds(0, 0), 0, 0, True, "it was never called"),
        (Bounds(0, 3), 1, 2, True, "it was called once"),
        (Bounds(1, 1), 2, 0, False, "it was called 2 times, wanted once"),
        (Bounds(0, 1), 2, 0, False, "it was called 2 times, wanted at most once"),
        (Bounds(2, None), 1, 0, False, "it was called once, wanted at least 2 times"),
        (Bounds(2, 4), 1, 0, False, "it was called once, wanted 2 to 4 times"),
        (Bounds(1, None), 0, 0, False, "it was never called, wanted at least once; no request came at all"),
        (Bounds(3, None), 1, 1, False, "it was called once, wanted at least 3 times"),
        (
            Bounds(0, 0), 0, 1, False,
            "cannot be judged: it was never called, wanted never, but one body was longer than the journal keeps",
        ),
        (
            Bounds(2, 2), 1, 2, False,
            "cannot be judged: it was called once, wanted 2 times, but 2 bodies were longer than the journal keeps",
        ),
    ],
)  # fmt: skip
def test_calls_are_counted_and_what_could_not_be_read_is_no_silent_zero(
    bounds: Bounds, count: int, unsure: int, holds: bool, message: str
) -> None:
    matching = sent(*(entry(n) for n in range(1, count + 1)))

    verdict = proving.called("it", bounds, matching, [], unsure, 0)

    assert (verdict.holds, verdict.message, verdict.count) == (holds, message, count)
    assert told(verdict) == ([] if holds else [(n, "counted") for n in range(1, count + 1)])


def test_requests_the_journal_has_no_more_are_no_silent_zero() -> None:
    verdict = proving.called("it", Bounds(0, 0), [], [], 0, 1)

    assert verdict.message == (
        "cannot be judged: it was never called, wanted never, but the journal no longer has the oldest request"
    )


def test_too_few_calls_show_the_nearest_requests_by_what_differs() -> None:
    others = [
        Near(each, [f"difference {n}" for n in range(each.entry.seq % 3 + 1)])
        for each in sent(*(entry(n) for n in range(1, 10)))
    ]

    verdict = proving.called("it", Bounds(1, None), [], others, 0, 0)

    assert [row[0] for row in verdict.rows] == [3, 4, 6, 7, 9]
    assert verdict.rows[0][-1] == "difference 0"
    assert verdict.rows[1][-1] == "difference 0; difference 1"


def test_a_journal_forgets_only_when_it_is_full() -> None:
    assert proving.forgotten([]) == 0
    assert proving.forgotten([entry(5), entry(6)]) == 0  # the first are still being answered
    assert proving.forgotten([entry(5001), entry(25_000)]) == 5000


# Money


def debits(*amounts: int) -> list[Spending]:
    return [Spending(amount, [n, "at", "op", 200, "cost", None]) for n, amount in enumerate(amounts, 1)]


@pytest.mark.parametrize(
    ("limits", "holds", "message", "shown"),
    [
        (Limits(max=60), True, "spent 0.00006 USD in 3 calls", []),
        (Limits(min=60, max=60), True, "spent 0.00006 USD in 3 calls", []),
        (Limits(exactly=60), True, "spent 0.00006 USD in 3 calls", []),
        (Limits(max=59), False, "spent 0.00006 USD in 3 calls, wanted at most 0.000059 USD", [3]),
        (Limits(max=0), False, "spent 0.00006 USD in 3 calls, wanted at most 0.00 USD", [1, 2, 3]),
        (Limits(exactly=30), False, "spent 0.00006 USD in 3 calls, wanted exactly 0.00003 USD", [3]),
        (Limits(exactly=61), False, "spent 0.00006 USD in 3 calls, wanted exactly 0.000061 USD", [1, 2, 3]),
        (Limits(min=61), False, "spent 0.00006 USD in 3 calls, wanted at least 0.000061 USD", [1, 2, 3]),
    ],
)
def test_spending_is_held_against_its_limits(limits: Limits, holds: bool, message: str, shown: list[int]) -> None:
    verdict = proving.spend("spent", limits, debits(10, 20, 30))

    assert (verdict.holds, verdict.message) == (holds, message)
    assert [row[0] for row in verdict.rows] == shown


def test_the_call_that_goes_over_the_limit_says_so() -> None:
    verdict = proving.spend("spent", Limits(max=25), debits(10, 20, 30))

    assert told(verdict) == [(2, "takes the sum to 0.00003 USD"), (3, "takes the sum to 0.00006 USD")]


@given(st.lists(st.integers(0, 10**15), max_size=120), st.integers(0, 10**15))
def test_spending_holds_exactly_when_the_sum_is_within(amounts: list[int], limit: int) -> None:
    at_most = proving.spend("spent", Limits(max=limit), debits(*amounts))
    at_least = proving.spend("spent", Limits(min=limit), debits(*amounts))

    assert at_most.holds == (sum(amounts) <= limit)
    assert at_least.holds == (sum(amounts) >= limit)
    for verdict in (at_most, at_least):
        assert verdict.holds or len(verdict.rows) + verdict.more == verdict.count
        assert len(verdict.rows) <= proving.MAX_ROWS


# Credit


@pytest.mark.parametrize(
    ("entries", "offences"),
    [
        ([entry(1, 402)], []),
        ([entry(1, 402), entry(2, 402)], [2]),
        ([entry(1, 402), entry(2, 402), entry(3, 402)], [2, 3]),
        ([entry(1, 402), entry(2, 200)], []),  # credit had come
        ([entry(1, 402), entry(2, 200), entry(3, 402)], []),
        ([entry(1, 402), entry(2, 402), entry(3, 200)], [2]),
        ([entry(1, 402), entry(2, 402, body={"m": "ho"})], []),  # another call
        ([entry(1, 402, key="a"), entry(2, 402, key="b")], [2]),  # a new key makes no new call
        ([entry(1, 402), entry(2, 503), entry(3, 200)], []),
        ([entry(1, 402), entry(2, 503), entry(3, 402)], [2, 3]),
        ([entry(1, 402), entry(2, 503)], [2]),
        ([entry(1, 402), entry(2, None)], [2]),
        ([entry(1, 402), entry(2, 200, fault="fault-9"), entry(3, 200)], []),
        ([entry(1, 503), entry(2, 402)], []),
        ([entry(1, 402), entry(2, 200, operation=LIST, method="GET", path="/v1/models"), entry(3, 402)], [3]),
    ],
)
def test_the_same_request_after_402_is_an_offence_unless_it_succeeds(
    entries: Sequence[Entry], offences: list[int]
) -> None:
    verdict = proving.no_retry_after_402(sent(*entries))

    assert verdict.holds == (not offences)
    assert verdict.count == len(offences)
    assert [seq for seq, why in told(verdict) if "again" in why] == offences


def paid(seq: int) -> Entry:
    return entry(seq, body={"m": "ho"}, cost_micro_usd=90)


@pytest.mark.parametrize(
    ("entries", "offences"),
    [
        ([entry(1, 402), entry(2, 402, body={"m": "ho"})], [2]),
        ([entry(1, 402), paid(2), entry(3, 402, body={"m": "hm"})], []),
        (
            [entry(1, 402), entry(2, 200, body={"m": "ho"}), entry(3, 402, body={"m": "hm"})],
            [],
        ),  # free, but of its kind
        ([entry(1, 402), entry(2, 200, operation=LIST, method="GET"), entry(3, 402, body={"m": "hm"})], [3]),
        ([entry(1, 402), entry(2, body={"m": "ho"}, idempotency="replayed"), entry(3, 402, body={"m": "hm"})], [3]),
        ([entry(1, 402), entry(2, 402, vendor="bank")], []),
        ([entry(1, 402), entry(2, 503)], [2]),  # still: the same request
        ([entry(1, 402), entry(2, 503, body={"m": "ho"})], []),
    ],
)
def test_any_paid_request_that_is_refused_again_is_an_offence_where_asked_for(
    entries: Sequence[Entry], offences: list[int]
) -> None:
    verdict = proving.no_retry_after_402(sent(*entries), any_request=True)

    assert [seq for seq, why in told(verdict) if "again" in why] == offences


def test_both_requests_of_an_offence_are_shown() -> None:
    verdict = proving.no_retry_after_402(sent(entry(4, 402, key="k"), entry(7, 402, at_s=2)))

    assert verdict.message == "one request came after 402, without credit"
    assert verdict.columns == ("seq", "at", "operation", "status", "cost_usd", "key", "why")
    assert verdict.rows == [
        [4, "2026-02-10T12:00:00Z", CHAT, 402, "0.00", "k", "answered 402"],
        [7, "2026-02-10T12:00:02Z", CHAT, 402, "0.00", None, "the same again, after #4 was answered 402"],
    ]


# Keys


@pytest.mark.parametrize(
    ("entries", "count", "shown"),
    [
        ([entry(1)], 0, []),  # never tried again
        ([entry(1, 503, key="a"), entry(2, key="a")], 0, []),
        ([entry(1, key="a"), entry(2, key="a")], 0, []),  # the same again: that is what keys are for
        ([entry(1, 503, operation=LIST, method="GET"), entry(2, operation=LIST, method="GET")], 0, []),
        ([entry(1, 503, operation="shop.task.match"), entry(2, operation="shop.task.match")], 0, []),
        (
            [entry(1, 503), entry(2)], 1,
            [(1, "tried again, has no key"), (2, "attempt 2 at #1, has no key")],
        ),
        ([entry(1, None, key="a"), entry(2, 429, key="b"), entry(3, key="a")], 0, []),  # two calls
        (
            [entry(1, None, key="a"), entry(2, 429, key="b"), entry(3)], 1,
            [(1, "tried again"), (2, "attempt 2 at #1, has another key"), (3, "attempt 3 at #1, has no key")],
        ),
        (
            [entry(1, key="a"), entry(2, key="a", body={"m": "ho"})], 1,
            [(1, "its key is used again"), (2, "says another thing than #1, with its key")],
        ),
        ([entry(1, key="a"), entry(2, key="a", path="/v1/other", body={"m": "ho"})], 0, []),
        ([entry(1, key="a"), entry(2, key="a", vendor="bank")], 0, []),
        (
            [
                entry(1, 503, operation=EVENT, body={"idempotencyKey": "a", "n": 1}),
                entry(2, 202, operation=EVENT, body={"idempotencyKey": "b", "n": 1}),
            ], 1,
            [(1, "tried again"), (2, "attempt 2 at #1, has another key")],
        ),
    ],
)  # fmt: skip
def test_every_attempt_has_one_and_the_same_key(
    entries: Sequence[Entry], count: int, shown: list[tuple[int, str]]
) -> None:
    verdict = proving.same_idempotency_key(sent(*entries))

    assert (verdict.holds, verdict.count, told(verdict)) == (not count, count, shown)


# Retry-After

NO_TIMES = Times({}, {})
HURRIED = "one attempt came sooner than Retry-After asked"
WAITED = "every attempt waited as long as Retry-After asked"


@pytest.mark.parametrize(
    ("asked", "after_s", "times", "holds", "message"),
    [
        ("5", 5, NO_TIMES, True, WAITED),
        ("5", 4.9995, NO_TIMES, True, WAITED),
        ("5", 4.9, NO_TIMES, False, HURRIED),
        ("0", 0, NO_TIMES, True, WAITED),
        ("0.5", 0.4, NO_TIMES, False, HURRIED),
        ("nonsense", 0, NO_TIMES, True, WAITED),
        ("-1", 0, NO_TIMES, True, WAITED),
        ("nan", 0, NO_TIMES, True, WAITED),
        ("Tue, 10 Feb 2026 12:00:05 GMT", 5, NO_TIMES, True, WAITED),
        ("Tue, 10 Feb 2026 12:00:05 GMT", 1, NO_TIMES, False, HURRIED),
        ("Tue, 10 Feb 2026 11:00:00 GMT", 0, NO_TIMES, True, WAITED),
        (None, 0, NO_TIMES, True, WAITED),
        # The world stands still
        ("5", 0, Times({2: 15.0}, {1: 10.0}), True, WAITED),
        ("5", 0, Times({2: 10.2}, {1: 10.0}), False, HURRIED),
        ("Tue, 10 Feb 2026 12:00:05 GMT", 0, Times({2: 15.0}, {1: 10.0}), True, WAITED),
        (
            "5", 0, NO_TIMES, False,
            "cannot be judged: the world's clock stood still before one attempt, and the machine's time is only known"
            " while the server that took them runs",
        ),
        ("5", -60, Times({2: 10.2}, {}), False, None),
        # The world is slower than the machine
        ("5", 1, Times({2: 15.0}, {1: 10.0}), True, WAITED),
    ],
)  # fmt: skip
def test_an_attempt_waits_as_long_as_it_was_asked_to(
    asked: str | None, after_s: float, times: Times, holds: bool, message: str | None
) -> None:
    requests = sent(entry(1, 429, retry_after=asked), entry(2, at_s=after_s))

    verdict = proving.retry_after_respected(requests, times)

    assert verdict.holds == holds
    assert verdict.message == message or (message is None and verdict.message.startswith("cannot be judged"))


def test_attempts_that_came_too_soon_say_by_how_much() -> None:
    requests = sent(
        entry(1, 429, retry_after="2"), entry(2, 429, retry_after="3", at_s=1.25), entry(3, at_s=1.25),
        entry(4, body={"m": "ho"}, at_s=1.3),
    )  # fmt: skip

    verdict = proving.retry_after_respected(requests, NO_TIMES)

    assert verdict.message == (
        "one attempt came sooner than Retry-After asked; others: cannot be judged: the world's clock stood still before"
        " one attempt, and the machine's time is only known while the server that took them runs"
    )
    assert told(verdict) == [
        (1, "Retry-After: 2"),
        (2, "came 1.25 s after #1, which asked for 2 s"),
        (3, "came an unknown time after #2, which asked for 3 s"),
    ]


# Routes


@pytest.mark.parametrize(
    ("method", "path", "route", "expected"),
    [
        ("GET", "/v1/models", "GET /v1/models", []),
        ("GET", "/v1/models/x", "GET /v1/models/{id}", []),
        ("POST", "/v1/models", "GET /v1/models", ["the method is POST, the route takes GET"]),
        ("GET", "/v1/model", "GET /v1/models", ["segment 2 is 'model', the route has 'models'"]),
        (
            "GET", "/v2/model/x", "GET /v1/models/{id}",
            ["segment 1 is 'v2', the route has 'v1'", "segment 2 is 'model', the route has 'models'"],
        ),
        ("POST", "/v1/chat", "POST /v1/chat/completions", ["'completions' is missing after '/v1/chat'"]),
        ("POST", "/v1/x/chat/completions", "POST /v1/chat/completions", ["'x' after '/v1' is too much"]),
        ("POST", "/chat/completions", "POST /v1/chat/completions", ["'v1' is missing at the start"]),
        ("GET", "/v1/models/", "GET /v1/models", ["the '/' at its end is too much"]),
        (
            "GET", "/v1/a/b/cost", "GET /v1/endpoints/cost",
            ["after '/v1' it has 'a/b', the route 'endpoints'"],
        ),
        ("GET", "/v1/models//cost", "GET /v1/models/{id}/cost", ["segment 3 is '', the route has '{id}'"]),
    ],
)  # fmt: skip
def test_a_request_differs_from_a_route(method: str, path: str, route: str, expected: list[str]) -> None:
    assert proving.route_differences(method, path, route) == expected


# The nearest


def test_the_nearest_is_the_last_with_the_fewest_differences() -> None:
    requests = sent(entry(1), entry(2), entry(3))
    differences = {1: ["a"], 2: ["a"], 3: ["a", "b"]}

    near = proving.nearest(requests, lambda each: differences[each.entry.seq])

    assert near == Near(requests[1], ["a"])
    assert proving.nearest([], lambda each: []) is None


# Tables


def test_more_rows_than_fit_are_counted() -> None:
    many = [replace(entry(n, 402), at=NOON) for n in range(1, 2 * proving.MAX_ROWS + 2)]

    verdict = proving.no_retry_after_402(sent(*many))

    assert (len(verdict.rows), verdict.more, verdict.count) == (50, 51, 100)


# Detection


def drift(name: str, delay: float | None, state: str = "hit", kind: str = "quality") -> dict[str, Any]:
    found = None if delay is None else "2026-02-10T13:00:00Z"
    return {
        "drift": name, "kind": kind, "subject": "ep-*", "onset": "2026-02-10T12:00:00Z", "end": None,
        "state": state, "detected_at": found, "delay_s": delay, "alert": None, "repeats": 0,
    }  # fmt: skip


ALARM = {"id": "alert-7", "at": "2026-02-10T11:00:00Z", "kind": "quality", "subject": "ep-1", "note": ""}


@pytest.mark.parametrize(
    ("drifts", "alarms", "within_s", "kind", "most", "message", "rows"),
    [
        ([drift("drift-1", 3600)], [], None, None, None, "1 of 1 drift noticed, 0 false alarms", []),
        ([drift("drift-1", 3600)], [ALARM], 3600, None, 1, "1 of 1 drift noticed within 3600 s, one false alarm", []),
        (
            [drift("drift-1", 3600)], [], 3599, None, None, "0 of 1 drift noticed within 3599 s, 0 false alarms",
            [("drift-1", "noticed later than 3599 s after its onset")],
        ),
        (
            [drift("drift-1", None, "missed"), drift("drift-2", 1)], [], None, None, None,
            "1 of 2 drifts noticed, 0 false alarms", [("drift-1", "not noticed")],
        ),
        (
            [drift("drift-1", 1)], [ALARM], None, None, 0,
            "1 of 1 drift noticed, one false alarm, at most 0 wanted", [("alert-7", "fits no drift")],
        ),
        (
            [drift("drift-1", None, "missed"), drift("drift-2", 1, kind="latency")], [ALARM], None, "latency", 0,
            "1 of 1 latency drift noticed, 0 false alarms", [],
        ),
        (
            [drift("drift-1", None, "pending")], [], None, None, None,
            "there is no drift that could have been noticed, 0 false alarms", [],
        ),
    ],
)  # fmt: skip
def test_drifts_are_noticed_in_time_and_without_too_many_false_alarms(
    drifts: list[Any], alarms: list[Any], within_s: int | None, kind: str | None, most: int | None, message: str,
    rows: list[tuple[str, str]],
) -> None:  # fmt: skip
    within = None if within_s is None else within_s * SECOND

    verdict = proving.detected({"data": drifts, "false_alarms": alarms}, within, kind, most)

    assert (verdict.message, told(verdict)) == (message, rows)
    assert verdict.holds == (not rows and "no drift" not in message)
