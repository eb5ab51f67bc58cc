from __future__ import annotations

from mockserver.vendors.pareta.domain.errors import (
    EndpointNotReady,
    ExtraMissing,
    InsufficientCredits,
    Refused,
    TurnFailed,
    VendorFailed,
)


def test_errors_carry_the_facts_and_say_them() -> None:
    short = InsufficientCredits(5, 9)
    cold = EndpointNotReady("ep-1", "starting")
    bare = ExtraMissing("images", "media")

    assert (short.balance_micro_usd, short.needed_micro_usd) == (5, 9)
    assert str(short) == "balance is 5 micro-USD, the request needs more than 9"
    assert (cold.endpoint_id, cold.status) == ("ep-1", "starting")
    assert str(cold) == "endpoint 'ep-1' is starting."
    assert (bare.what, bare.extra) == ("images", "media")
    assert str(bare) == "images cannot be served by this installation: pip install 'mockserver[media]'"
    assert str(Refused("no")) == "no"
    assert str(TurnFailed()) == "the turn could not be completed"
    assert str(VendorFailed("gpt-5.5")) == "frontier model 'gpt-5.5' failed"
