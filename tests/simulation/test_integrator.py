"""What integrators report of calls, and what a reconciliation finds of it: the real one, on what was recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mockserver.control.reconciling import Books, Question, reconcile
from mockserver.kernel.drifts import Drift
from mockserver.kernel.ids import Draws
from mockserver.kernel.windows import DAY, HOUR, MINUTE, SECOND, parse_instant
from mockserver.simulation.integrator import Answered, Integrator, Report, answer
from mockserver.simulation.mishaps import Contracts, Mishap, edited
from mockserver.simulation.parts import EventPart, IntegratorPart, Number
from mockserver.simulation.script import Script
from mockserver.simulation.usage import Ask
from mockserver.vendors.bookkeeping import Debit, Receipt
from mockserver.vendors.intake import Sent
from mockserver.vendors.serving import Chances

AT = parse_instant("2026-02-03T10:00:00Z")
ENDPOINT = "ep-contract-key-fields"
ID = "chatcmpl-4f1d"
COST = EventPart(type="cost.ai", data={"amount": "{cost_usd}", "tokens": "{usage.total_tokens}"})


def integrator(*events: EventPart, drifts: Sequence[Drift] = (), **part: Any) -> Integrator:
    script = Script(name="s", purpose="p", events=events or (COST,), integrator=IntegratorPart(**part))
    return Integrator(script, Contracts(drifts, Draws(1)))


def ask(*, key: int = 7, turn: int = 0, delay: float = 0.5, slip: float = 0.99) -> Ask:
    return Ask(AT, key, turn, 1, 0, 0, 120, 30, 0, Chances(0.5, 0.5, 0.5, 0.5), delay, slip)


def call(asked: Ask | None = None, cost: int = 1234, **changes: Any) -> Answered:
    asked = asked or ask()
    seen = answer(ID, "qwen-2", asked.prompt_tokens, asked.completion_tokens, asked.at)
    usual = Answered(asked, AT + SECOND, ID, seen, ENDPOINT, "customer-001", "cus_1", 1_000_500, cost)
    return usual._replace(**changes)


def said(template: Any, **changes: Any) -> Any:
    """Return what an event of one field says."""
    [report] = integrator(EventPart(type="t", data={"it": template})).reports(call(**changes))
    return report.sent.data.get("it", "left out")


# What is sent


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{cost_usd}", Decimal("0.001234")),
        ("{id}", ID),
        ("{model}", "qwen-2"),
        ("{usage.total_tokens}", 150),
        ("{usage}", {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}),
        ("{endpoint}", ENDPOINT),
        ("{customer}", "customer-001"),
        ("{latency_ms}", Decimal("1000.500")),
        ("{created}", AT // SECOND),
        ("pareta", "pareta"),
        (Decimal("0.5"), Decimal("0.5")),
        (None, None),
        ("{usage.total_tokens} tokens of {model}", "150 tokens of qwen-2"),
        ("{cost_usd} USD", "0.001234 USD"),
        ({"in": "{usage.prompt_tokens}", "by": "{nobody}", "of": ["{id}", 1, "{nobody}"]}, {"in": 120, "of": [ID, 1]}),
        ("{nobody}", "left out"),
        ("{usage.nobody}", "left out"),
        ("{model.name}", "left out"),
        ("{usage.total_tokens} of {nobody}", "left out"),
    ],
)
def test_a_text_in_braces_becomes_the_value_it_names_and_what_is_not_there_is_left_out(
    template: Any, value: Any
) -> None:
    got = said(template)

    assert got == value
    assert type(got) is type(value)


def test_items_of_lists_are_named_by_number() -> None:
    seen = {**call().seen, "choices": [{"finish_reason": "stop"}]}

    assert said("{choices.0.finish_reason}", seen=seen) == "stop"
    assert said("{choices.1.finish_reason}", seen=seen) == "left out"


def test_an_answer_that_lost_fields_leaves_them_out_of_the_event_and_a_null_is_a_value() -> None:
    part = EventPart(type="t", data={"tokens": "{usage.total_tokens}", "model": "{model}", "amount": "{cost_usd}"})
    seen: dict[str, Any] = {"id": ID, "model": None, "usage": {}}

    [report] = integrator(part).reports(call(seen=seen))

    assert report.sent.data == {"model": None, "amount": Decimal("0.001234")}


def test_every_event_that_applies_to_an_endpoint_is_sent_under_a_key_of_its_own() -> None:
    of_one = EventPart(type="one", of=("ep-*",), data={"amount": "{cost_usd}"})
    other = EventPart(type="other", of=("auto",), data={})
    again = EventPart(type="one", data={})

    reports = integrator(of_one, other, again).reports(call())

    assert [(report.sent.type, report.sent.key) for report in reports] == [
        ("one", f"one:{ID}"),
        ("one", f"one-3:{ID}"),
    ]
    assert len({report.name for report in reports}) == 2
    assert [report.counts for report in reports] == [True, False]


def test_reports_come_as_late_as_their_law_says() -> None:
    slow = integrator(delay={"median": 2 * SECOND, "p99": 30 * SECOND})

    delays = [slow.reports(call(ask(delay=n / 1000)))[0].at for n in range(1000)]

    waits = [at - call().at for at in delays if at is not None]
    assert waits == sorted(waits)
    assert waits[500] == 2 * SECOND
    assert waits[990] == pytest.approx(30 * SECOND)


def test_an_event_says_when_its_call_was_made_unless_the_integrator_does_not() -> None:
    [stamped], [bare] = integrator().reports(call()), integrator(is_stamped=False).reports(call())

    assert stamped.sent.at == AT
    assert bare.sent.at is None


def test_slips_have_shares_that_do_not_overlap() -> None:
    careless = integrator(forgets=0.1, doubles=0.2, overstates=0.3, key="attempt", factor="7")

    kinds = Counter(run(careless, call(ask(slip=(n + 0.5) / 100)))[1].planted for n in range(100))

    assert kinds == {("missing",): 10, ("doubled",): 20, ("wrong_amount",): 30, (): 40}


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        ({"amount": "{cost_usd}", "tokens": "{usage.total_tokens}"}, {"amount": Decimal("0.012340"), "tokens": 150}),
        ({"tokens": "{usage.total_tokens}", "rate": "2.5"}, {"tokens": 1500, "rate": "25.0"}),
    ],
)
def test_an_overstated_event_says_so_many_times_the_cost_or_of_everything_without_one(
    data: dict[str, Any], sent: dict[str, Any]
) -> None:
    [report] = integrator(EventPart(type="t", data=data), overstates=1, factor="10").reports(call())

    assert report.sent.data == sent


def test_who_resends_under_the_calls_key_doubles_nothing() -> None:
    for key, planted in (("call", ()), ("attempt", ("doubled",)), ("none", ("doubled",))):
        part = EventPart(type="t", data={"amount": "{cost_usd}", "id": "{id}"})
        arrivals, report = run(integrator(part, doubles=1, key=key), call())
        assert len(arrivals) == 2
        assert report.planted == planted


def test_of_a_call_that_no_event_applies_to_nothing_is_sent_and_it_is_missing() -> None:
    of_others = integrator(EventPart(type="t", of=("auto",), data={}))

    [report] = of_others.reports(call())

    assert (report.at, report.planted) == (None, ("missing",))
    assert of_others.reports(call(cost=0))[0].planted == ()
    assert Integrator(Script(name="s", purpose="p"), Contracts((), Draws(1))).reports(call()) == []


@pytest.mark.parametrize("value", [Number("1e101"), Number("0." + "0" * 100 + "1"), 10**101, -(10**101)])
def test_numbers_that_no_vendor_takes_are_no_part_of_an_event(value: Any) -> None:
    with pytest.raises(ValidationError, match="at most 100 digits"):
        EventPart(type="t", data={"parts": [{"amount": value}]})


# What becomes of it


def run(
    reporter: Integrator, answered: Answered, mishaps: Iterable[Mishap | None] = (), *, is_heard: bool = True
) -> tuple[list[tuple[int, Sent]], Report]:
    """Send the event of a call until that is over; in between it is put away as text each time.

    Return what arrives in the order in which it is taken in: what was held up until an instant comes last.
    """
    [report] = reporter.reports(answered)
    arrivals: list[tuple[int, bool, Sent]] = []
    befalls = iter(mishaps)
    while report.at is not None:
        before = report.at
        assert Report.load(report.dump()) == report
        new, report = reporter.send(report, reporter.event(report), next(befalls, None), is_heard=is_heard)
        assert report.at is None or report.at > before
        assert all(at >= before for at, _ in new)
        arrivals += [(at, at != before, sent) for at, sent in new]
        report = Report.load(report.dump())
    arrivals.sort(key=lambda arrival: arrival[:2])
    return [(at, sent) for at, _, sent in arrivals], report


LOST = Mishap("f", wait_us=MINUTE, is_lost=True)
REFUSED = Mishap("f", status=503)


def test_an_unacknowledged_event_is_sent_again_after_waits_that_double_and_not_for_ever() -> None:
    patient = integrator(retries=2, backoff=4 * SECOND, delay={"median": SECOND, "p99": MINUTE})

    arrivals, report = run(patient, call(), [LOST] * 9)

    times = [at - call().at for at, _ in arrivals]
    assert times == [SECOND, SECOND + MINUTE + 4 * SECOND, SECOND + 2 * MINUTE + 12 * SECOND]
    assert report.planted == ()
    assert run(patient, call(), [REFUSED] * 9)[1].planted == ("missing",)
    assert run(patient, call(), [REFUSED] * 2)[1].planted == ()


@pytest.mark.parametrize("status", [400, 402, 404, 429])
def test_a_refused_event_is_not_sent_again(status: int) -> None:
    arrivals, report = run(integrator(), call(), [Mishap("f", status=status)])

    assert (arrivals, report.attempt, report.planted) == ([], 1, ("missing",))


def test_an_event_that_nobody_listens_to_is_refused_unless_something_else_stops_it_first() -> None:
    assert run(integrator(), call(), is_heard=False)[0] == []
    _, report = run(integrator(), call(), [LOST, REFUSED], is_heard=False)
    assert (report.attempt, report.planted) == (3, ("missing",))


def test_a_key_counts_for_a_day() -> None:
    late = Mishap("f", is_lost=True, late_us=DAY + 2 * SECOND)
    _, within = run(integrator(backoff=2 * SECOND), call(), [late._replace(late_us=DAY + 2 * SECOND - 1)])
    _, after = run(integrator(backoff=2 * SECOND), call(), [late])

    assert (within.kept, within.planted) == (1, ())
    assert (after.kept, after.planted) == (2, ("doubled",))


def test_a_held_up_event_arrives_later_and_a_late_debit_keeps_its_instant() -> None:
    [(arrives_at, sent)], _ = run(integrator(is_stamped=False), call(), [Mishap("f", late_us=HOUR)])
    [(shows_at, shown)], _ = run(integrator(is_stamped=False), call(), [Mishap("f", delay_us=HOUR)])

    assert arrives_at == shows_at
    assert sent.at is None
    assert shown.at == shows_at - HOUR


def test_a_clock_that_is_off_moves_the_timestamp_and_nothing_else() -> None:
    [(_, usual)], _ = run(integrator(), call())
    [(_, skewed)], report = run(integrator(), call(), [Mishap("f", skew_us=-HOUR)])

    assert skewed == usual._replace(at=AT - HOUR)
    assert report.planted == ()


def test_calls_that_were_debited_and_never_seen_are_missing_where_others_are_reported() -> None:
    assert integrator().unseen(1234) == ("missing",)
    assert integrator().unseen(0) == ()
    assert Integrator(Script(name="s", purpose="p"), Contracts((), Draws(1))).unseen(1234) == ()


# Against the reconciliation


def strings(data: Any) -> list[str]:
    if isinstance(data, str):
        return [data]
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [text for each in inner for text in strings(each)]


def recorded(arrivals: Sequence[tuple[int, Sent]]) -> list[tuple[int, Sent]]:
    """Return what an intake keeps of what arrives: of each key the first within a day of one that was kept."""
    kept: list[tuple[int, Sent]] = []
    for at, sent in arrivals:
        if sent.key is None or all(sent.key != other.key or at - when >= DAY for when, other in kept):
            kept.append((at, sent))
    return kept


def differences(answered: Answered, arrivals: Sequence[tuple[int, Sent]], field: str = "amount") -> Counter[str]:
    """Return what the real reconciliation finds of one call, whose events are worth what one field says."""
    debits = []
    if answered.is_kept:
        debits.append(Debit(1, ID[9:], ID, None, "call-7-0", AT, "chat", ENDPOINT, None, answered.cost_micro_usd))
    receipts = []
    for number, (at, sent) in enumerate(recorded(arrivals), 1):
        value = sent.data.get(field, 0)
        worth = Decimal(value) if isinstance(value, int | Decimal | str) and not isinstance(value, bool) else Decimal(0)
        receipts.append(
            Receipt(number, f"evt_{number}", sent.type, None, sent.at or at, sent.key, strings(sent.data), worth, ())
        )
    books = Books(
        r"chatcmpl-([0-9a-f]{4})", [debits], [debits], [receipts], lambda numbers: debits, lambda numbers: receipts
    )
    found = reconcile(books, Question(0, AT * 2))
    return Counter({kind: sums.count for kind, sums in found.kinds.items() if sums.count and kind != "matched"})


ENDS = st.sampled_from(
    [
        {},
        {"status": 503},
        {"status": 400},
        {"is_severed": True},
        {"is_lost": True},
        {"is_undone": True},
        {"is_undone": True, "is_lost": True},
    ]
)
SPANS = st.sampled_from([0, 1, HOUR, DAY - SECOND, DAY + HOUR])
MISHAPS = st.none() | st.builds(
    lambda end, late, delay, skew, scale, doubles, wait: Mishap(
        "f", wait, late_us=late, delay_us=delay, skew_us=skew, scale=scale,
        doubles=() if end.keys() & {"status", "is_severed"} else tuple(doubles), **end,
    ),
    ENDS,
    st.none() | SPANS,
    SPANS,
    st.sampled_from([0, -HOUR]),
    st.sampled_from([None, Decimal(0), Decimal(100), Decimal("0.1")]),
    st.lists(st.sampled_from(["same_key", "new_key", "other_payload"]), max_size=2),
    SPANS,
)  # fmt: skip
DATA = st.sampled_from(
    [
        {"amount": "{cost_usd}"},
        {"amount": "{cost_usd}", "call": "{id}"},
        {"amount": "{cost_usd}", "nested": {"calls": ["{id}"]}},
        {"amount": "{usage.total_tokens}", "call": "{id}"},
    ]
)
SENT_EDITS = st.sampled_from(
    [
        {},
        {"drop": ["amount"]},
        {"rename": {"amount": "amount_usd"}},
        {"retype": {"amount": "string", "call": "array"}},
        {"retype": {"amount": "boolean"}},
        {"drop": "call"},
        {"add": {"amount": 5}},
    ]
)
SEEN_EDITS = st.sampled_from(
    [
        {},
        {"drop": ["id"]},
        {"rename": {"id": "completion_id"}},
        {"drop": "usage.total_tokens"},
        {"retype": {"usage.total_tokens": "string", "id": "array"}},
    ]
)


USUAL: dict[str, Any] = {
    "data": {"amount": "{cost_usd}"}, "key": "call", "cost": 1234, "is_kept": True, "slip": 0.9, "factor": Decimal(10),
    "sent_edits": {}, "seen_edits": {}, "mishaps": [], "is_heard": True,
}  # fmt: skip


@settings(max_examples=300, deadline=None)
@example(**{**USUAL, "key": "attempt", "slip": 0.15, "mishaps": [None, Mishap("f", scale=Decimal("0.1"))]})
@example(**{**USUAL, "mishaps": [Mishap("f", late_us=HOUR, is_lost=True, scale=Decimal(100))]})
@example(**{**USUAL, "mishaps": [Mishap("f", late_us=2 * SECOND, is_lost=True, scale=Decimal(100))]})
@example(**{**USUAL, "sent_edits": {"retype": {"amount": "boolean"}}, "cost": 10**6})
@example(**{**USUAL, "slip": 0.25, "mishaps": [Mishap("f", scale=Decimal("0.1"))]})
@given(
    data=DATA,
    key=st.sampled_from(["call", "attempt", "none"]),
    cost=st.sampled_from([0, 1, 1234, 10**9]),
    is_kept=st.booleans(),
    slip=st.sampled_from([0.05, 0.15, 0.25, 0.9, 0.9, 0.9]),
    factor=st.sampled_from([Decimal(0), Decimal(10)]),
    sent_edits=SENT_EDITS,
    seen_edits=SEEN_EDITS,
    mishaps=st.lists(MISHAPS, max_size=5),
    is_heard=st.sampled_from([True, True, True, False]),
)
def test_whatever_happens_to_a_report_what_it_plants_is_what_the_reconciliation_finds(
    data: dict[str, Any],
    key: str,
    cost: int,
    is_kept: bool,
    slip: float,
    factor: Decimal,
    sent_edits: dict[str, Any],
    seen_edits: dict[str, Any],
    mishaps: list[Mishap | None],
    is_heard: bool,
) -> None:
    is_of_tokens = data["amount"] != "{cost_usd}"
    # Where events tell tokens, a token is worth a dollar on both sides.
    cost = 150 * 10**6 if is_of_tokens else cost
    drifts = [Drift("contract", "sent:cost.ai", 0, 1.0, options=sent_edits)] if sent_edits else []
    careless = integrator(
        EventPart(type="cost.ai", data=data), drifts=drifts,
        key=key, forgets=0.1, doubles=0.1, overstates=0.1, factor=factor, retries=2,
    )  # fmt: skip
    answered = call(ask(slip=slip), cost, is_kept=is_kept)
    effects = Contracts([Drift("contract", "*", 0, 1.0, options=seen_edits)], Draws(1)).of_answer("chat", AT, 1, 0)
    answered = answered._replace(seen=edited(dict(answered.seen, usage={**answered.seen["usage"]}), effects))

    arrivals, report = run(careless, answered, mishaps, is_heard=is_heard)

    assert Counter(report.planted) == differences(answered, arrivals)
    assert report.kept == len(recorded(arrivals))
