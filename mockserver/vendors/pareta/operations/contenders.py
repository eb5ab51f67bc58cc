"""Who takes part in an eval run: whom a candidate id stands for, how good it is at the task, and what rows cost."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.attachments import IMAGE_TOKENS
from mockserver.vendors.pareta.domain.audio import recognised
from mockserver.vendors.pareta.domain.catalog import (
    AUTO,
    ModelKind,
    RankedModel,
    Task,
    baseline,
    looks_like_alias,
    looks_like_frontier,
    ranked,
)
from mockserver.vendors.pareta.domain.documents import Place, document_fields
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.evaluation import Contender
from mockserver.vendors.pareta.domain.generation import count_tokens, prompt_tokens, rendered
from mockserver.vendors.pareta.domain.pricing import audio_price, auto_price, capability_price, frontier_rate, open_rate
from mockserver.vendors.pareta.domain.rows import EvalItem
from mockserver.vendors.pareta.operations.drifting import Drifting

T = TypeVar("T")

Prices = tuple[int, ...] | int
"""What rows cost, one by one or all alike, in micro-USD."""

JUDGED = frozenset({"judge_panel", "win_rate"})
"""Scorers that are judges."""

_UNMEASURED: dict[ModelKind, float] = {"frontier": 0.92, "open": 0.9}
_UNRANKED_LOSS = 0.08
_LETTER_US = 80_000
"""How long a letter takes to say: two and a half words a second."""
_HEARD_BYTES = 16 * 1024 * 1024
"""How much attached audio is looked at to learn how long it plays."""


class Field:
    """All that could take part in a run on an eval set."""

    def __init__(self, world: World, task: Task, eval_set_id: str, items: Sequence[EvalItem]) -> None:
        self._world = world
        self._task = task
        self._eval_set = eval_set_id
        self._items = items
        self._board = tables.catalog.board(world, task.id)
        self._roster = {model.id: model for model in tables.catalog.roster(world)}
        self._sheet = tables.catalog.price_sheet(world)

    def contender(self, name: str) -> Contender:
        """Return who a candidate id stands for.

        :raises Refused: nobody.
        """
        best = next(iter(ranked(self._board)), None)
        prices: Prices
        if name == AUTO:
            return Contender(name, None, _quality(best, "open"), self._auto_prices)
        endpoint = tables.endpoints.find_endpoint(self._world, name)
        if endpoint is not None and endpoint.status == "live":
            has_own_rate = endpoint.extra.get("cost_per_request_micro_usd") is not None
            prices = endpoint.cost_micro_usd if has_own_rate else self._open(endpoint.cost_micro_usd)
            return Contender(name, "open", endpoint.quality, prices, is_endpoint=True)
        if name in self._roster or looks_like_frontier(name):
            is_blind = self._task.has_blob_input and name in self._roster and not self._roster[name].has_vision
            prices = self._frontier(frontier_rate(self._sheet, self._board, name))
            return Contender(name, "frontier", self.quality_of_frontier(name), prices, is_blind=is_blind)
        if looks_like_alias(name):
            recommended = next((model for model in self._board if model.is_recommended), best)
            prices = self._open(open_rate(self._sheet, self._board, name))
            return Contender(name, "open", self._quality_of(name, "open", recommended), prices)
        raise Refused(f"unknown candidate model '{name}'")

    # Quality

    def quality_of_frontier(self, name: str) -> float:
        """Return how good a vendor's model is at the task."""
        return self._quality_of(name, "frontier", baseline(self._board))

    def _quality_of(self, name: str, kind: ModelKind, like: RankedModel | None) -> float:
        """Return a model's measured quality, or else one somewhat below a measured model's, always the same."""
        on_board = next((model for model in self._board if model.name == name), None)
        if on_board is not None:
            return _quality(on_board, kind)
        loss = _UNRANKED_LOSS * self._world.draws.uniform("unranked quality", f"{self._task.id}/{name}")
        return _quality(like, kind) - loss

    # Prices

    def _open(self, flat: int) -> Prices:
        """Return what rows cost with an open model: by tokens or minutes where the task is metered so, or else flat."""
        if self._task.is_metered_by_token:
            return tuple(capability_price(self._sheet, sum(tokens)).billed_micro_usd for tokens in self._tokens)
        return self._by_length(flat, lambda price: price)

    def _frontier(self, flat: int) -> Prices:
        """Return what rows cost with a vendor's model; audio as many times the open price as any other request."""
        sheet = self._sheet
        if self._task.is_metered_by_token:
            return tuple(capability_price(sheet, sum(tokens)).frontier_micro_usd for tokens in self._tokens)
        return self._by_length(flat, lambda price: price * sheet.frontier_per_request // max(1, sheet.open_per_request))

    def _by_length(self, flat: int, scaled: Callable[[int], int]) -> Prices:
        if not self._task.is_metered_by_minute:
            return flat
        return tuple(
            flat if length is None else scaled(audio_price(self._sheet, length)) for length in self._lengths_us
        )

    @cached_property
    def _auto_prices(self) -> Prices:
        if self._task.is_metered_by_minute:
            return self._open(self._sheet.open_per_request)
        return tuple(auto_price(self._sheet, *tokens).billed_micro_usd for tokens in self._tokens)

    @cached_property
    def _tokens(self) -> list[tuple[int, int]]:
        """The tokens of each row: of what goes in, a document counting as one page, and of the answer expected."""
        documents = document_fields(self._task)
        page = IMAGE_TOKENS if self._task.has_blob_input else 0
        return [
            (
                page + prompt_tokens([str({name: part for name, part in item.input.items() if name not in documents})]),
                count_tokens(_written(self._task, item)),
            )
            for item in self._items
        ]

    @cached_property
    def _lengths_us(self) -> list[int | None]:
        """How long each row plays: audio that goes in, or speech that comes out; `None` where it cannot be known."""
        fields = document_fields(self._task)
        if not fields:
            texts = (item.input.get(self._task.main_input) for item in self._items)
            return [_LETTER_US * len(text) if isinstance(text, str) else None for text in texts]
        left = _HEARD_BYTES
        lengths: list[int | None] = []
        for item in self._items:
            data = _inline(item.input.get(fields[0]))
            if data is None and left > 0:
                data = tables.documents.content(self._world, Place(self._eval_set, item.idx, fields[0]))
                left -= len(data or b"")
            lengths.append(_length_us(data) if data else None)
        return lengths


def drifted(
    world: World, contender: Contender, task: Task, items: Sequence[EvalItem], run_id: str, at: int
) -> Contender:
    """Return what drifts have made of a candidate by an instant: how good it is, what it costs, how judges see it."""
    name = contender.model_id

    def on_row(idx: int) -> Drifting:
        return Drifting(world, name, at, f"{run_id}/{name}", idx)

    def each(kind: str, of: Callable[[Drifting, int], T]) -> tuple[T, ...] | T:
        """Return what the rows come to: one value for all, where none differs from another."""
        if any(known.drift.kind == kind and known.drift.shape == "gradual_mix" for known in world.drifts.all):
            return tuple(of(on_row(item.idx), item.idx) for item in items)
        return of(on_row(0), 0)

    prices = contender.prices_micro_usd
    if isinstance(prices, tuple):
        prices = tuple(on_row(idx).billed(price) for idx, price in enumerate(prices))
    else:
        prices = each("price", lambda drift, idx: drift.billed(contender.price_of(idx)))
    quality = each("quality", lambda drift, idx: drift.quality(contender.quality_of(idx)))
    noise = each("judge_noise", lambda drift, _: drift.judge_noise()) if task.default_scorer in JUDGED else 0.0
    return replace(contender, quality=quality, prices_micro_usd=prices, judge_noise=noise)


def _quality(model: RankedModel | None, kind: ModelKind) -> float:
    return model.quality if model is not None and model.quality is not None else _UNMEASURED[kind]


def _written(task: Task, item: EvalItem) -> str:
    return rendered(task, item.expected) if isinstance(item.expected, dict) and item.expected else str(item.expected)


def _inline(value: object) -> bytes | None:
    """Return the bytes of a data URI."""
    if not isinstance(value, str) or not value.startswith("data:"):
        return None
    head, _, text = value.partition(",")
    try:
        return b64decode(text, validate=True) if head.endswith(";base64") else None
    except ValueError:
        return None


def _length_us(data: bytes) -> int | None:
    try:
        return recognised(data).duration_us
    except Refused:
        return None
