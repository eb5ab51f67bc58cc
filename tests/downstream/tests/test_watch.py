"""The price watch against a price that really goes up."""

from __future__ import annotations

import pytest
from app.money import PriceWatch
from samples import TICKETS


@pytest.mark.mockserver(at="2026-03-01T00:00:00Z")
def test_a_raised_price_is_noticed_within_a_day(mockserver, pareta_client):
    mockserver.drifts.add(kind="price", subject="auto", at="2026-03-02T00:00:00Z", size=2.0, cause="new price list")
    watch = PriceWatch()

    for _ in range(30):
        mockserver.clock.advance("2h")
        answer = pareta_client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "Hello!"}])
        told = watch.see(answer.billed_micro_usd, answer.usage.total_tokens)
        if told:
            mockserver.alert("price", "auto", note=told)
            break

    mockserver.assert_detected(within="1d")


@pytest.mark.mockserver(at="2026-03-01T00:00:00Z")
def test_a_price_that_stays_is_no_alarm(mockserver, pareta_client):
    watch = PriceWatch()

    told = []
    for _ in range(20):
        mockserver.clock.advance("2h")
        answer = pareta_client.chat.completions.create(
            model="auto", messages=[{"role": "user", "content": TICKETS[0].text}]
        )
        told.append(watch.see(answer.billed_micro_usd, answer.usage.total_tokens))

    assert told == [None] * 20
