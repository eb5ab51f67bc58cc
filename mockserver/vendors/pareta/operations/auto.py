"""The surroundings of the `auto` model: its traffic rolled up, and one prompt put to a frontier vendor beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mockserver.kernel.call import Call
from mockserver.kernel.ids import fingerprint
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.auto import Rollup, compared_model, days_window, filled, hours_window
from mockserver.vendors.pareta.domain.catalog import AUTO
from mockserver.vendors.pareta.domain.errors import VendorFailed
from mockserver.vendors.pareta.domain.generation import Prompt, count_tokens
from mockserver.vendors.pareta.domain.metrics import latency_of
from mockserver.vendors.pareta.domain.pricing import list_price
from mockserver.vendors.pareta.operations.metering import authorised, charge
from mockserver.vendors.pareta.operations.pages import read
from mockserver.vendors.pareta.tables.endpoints import CallsOf

if TYPE_CHECKING:
    from mockserver.vendors.pareta.domain.stubs import StubbedText

COMPARE = "auto.compare_frontier"
LANE = "/v1/playground/frontier"

FRONTIER_FAILS = "pareta.frontier_fails"
"""The switch that lets every vendor fail that a prompt is put to."""

# Half of all comparisons take longer than this, plus the time per token.
_MEDIAN_US, _PER_TOKEN_US = 700_000, 12_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """A prompt, and the frontier model to put it to."""

    model: str
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Compared:
    """What the frontier model said, what that cost and how long it took."""

    model: str
    content: str
    cost_micro_usd: int
    latency_us: int


def metrics(call: Call) -> Rollup:
    """Return what chat with `auto` came to; endpoints, agent turns and comparisons are not part of it."""
    world, calls = call.world, CallsOf(AUTO)
    days, hours = days_window(call.now), hours_window(call.now)
    assert days.bucket is not None
    assert hours.bucket is not None
    times = tables.endpoints.latencies(world, calls, hours, hours.bucket)
    return Rollup(
        filled(tables.endpoints.tallies(world, calls, days, days.bucket), days),
        filled(tables.endpoints.tallies(world, calls, hours, hours.bucket), hours),
        {start: latency_of(us) for start, us in times.items()},
        tables.endpoints.last_request(world, AUTO, call.now),
    )


def compare(call: Call, asked: Comparison) -> Compared:
    """Put a prompt to a frontier model, at its list price for the tokens.

    :raises Refused: it is not one of the models that may be compared, or a document cannot be rendered.
    :raises InsufficientCredits: the balance is empty.
    :raises VendorFailed: the vendor failed, which costs nothing.
    """
    world = call.world
    model = compared_model(asked.model)
    authorised(world)
    if world.is_on(FRONTIER_FAILS):
        raise VendorFailed(model)
    prompt = read(world, asked.prompt)
    stub: StubbedText | None = call.answer
    content = _said(world, model, prompt) if stub is None else stub.text
    written = count_tokens(content)
    cost = list_price(tables.catalog.price_sheet(world), prompt.tokens, written)
    charge(call, COMPARE, LANE, model, cost, _MEDIAN_US + written * _PER_TOKEN_US, tokens=prompt.tokens + written)
    return Compared(model, content, cost, call.duration_us)


def _said(world: World, model: str, prompt: Prompt) -> str:
    from mockserver.vendors.pareta.domain.writing import reply  # loaded with the first conversation

    subject = fingerprint(model, prompt.text)
    return reply(prompt, lambda name: world.draws.uniform(f"compare:{name}", subject))
