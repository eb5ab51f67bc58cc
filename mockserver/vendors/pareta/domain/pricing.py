"""What a piece of work costs, in whole micro-USD, and what it would have cost at a frontier vendor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mockserver.vendors.pareta.domain.catalog import PriceSheet, RankedModel, baseline


@dataclass(frozen=True, slots=True)
class Price:
    """What is billed, and the counterfactual beside it."""

    billed_micro_usd: int
    frontier_micro_usd: int


def list_price(sheet: PriceSheet, prompt_tokens: int, completion_tokens: int) -> int:
    """Return what a frontier vendor charges for one call, by its tokens.

    Source: pareta/auto "metered at the vendor's actual token cost" (documented); the rates are the price sheet's
    (assumed), the same for every vendor.
    """
    return prompt_tokens * sheet.frontier_per_prompt_token + completion_tokens * sheet.frontier_per_completion_token


def auto_price(sheet: PriceSheet, prompt_tokens: int, completion_tokens: int) -> Price:
    """Price one `auto` request by its tokens: one frontier call's list price, divided, at least one micro-dollar.

    Source: pareta/metering "exactly one debit per request" (documented); the numbers are the price sheet's (assumed).
    """
    frontier = list_price(sheet, prompt_tokens, completion_tokens)
    return Price(max(1, frontier // sheet.auto_divisor), frontier)


def capability_price(sheet: PriceSheet, total_tokens: int) -> Price:
    """Price one request to a capability's endpoint by all its tokens.

    Source: pareta/metering "total_tokens x rate" (documented); the rates are the price sheet's (assumed).
    """
    return Price(total_tokens * sheet.capability_per_token, total_tokens * sheet.frontier_per_token)


def embeddings_price(sheet: PriceSheet, tokens: int) -> int:
    """Price embedded tokens, a started micro-dollar counting whole.

    Source: pareta/metering "per input token" (documented); the rate and its rounding are assumed.
    """
    return -(-tokens * sheet.embeddings_per_1000_tokens // 1000)


def audio_price(sheet: PriceSheet, duration_us: int) -> int:
    """Price audio by its length, pro rata, a started micro-dollar counting whole.

    Source: pareta/metering "per minute of input / output audio" (documented); the rate and its rounding are assumed.
    """
    return -(-duration_us * sheet.audio_per_minute // 60_000_000)


def open_rate(sheet: PriceSheet, board: Sequence[RankedModel], alias: str) -> int:
    """Return the flat per-request price of an open alias; one that is not ranked costs what the recommended does."""
    rates = {model.name: model.cost_micro_usd for model in board if model.kind == "open"}
    recommended = next((model.cost_micro_usd for model in board if model.is_recommended), None)
    rate = rates.get(alias)
    if rate is None:
        rate = recommended
    return sheet.open_per_request if rate is None else rate


def frontier_rate(sheet: PriceSheet, board: Sequence[RankedModel], model_id: str | None = None) -> int:
    """Return a frontier model's per-request price on a task; one that is not ranked costs what the baseline does."""
    rates = {model.name: model.cost_micro_usd for model in board if model.kind == "frontier"}
    rate = rates.get(model_id) if model_id else None
    if rate is None:
        first = baseline(board)
        rate = first.cost_micro_usd if first else None
    return sheet.frontier_per_request if rate is None else rate


def mean_half_up(total: int, count: int) -> int:
    """Return total / count as an integer, halves rounded up; 0 for nothing.

    Source: pareta/evals "mean_cost_micro_usd" (rounding: assumed).
    """
    return (2 * total + count) // (2 * count) if count else 0
