"""What is on offer: tasks, the models ranked on them, the vendors' roster, and what things cost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mockserver.kernel.windows import Instant

ModelKind = Literal["open", "frontier"]

AUTO = "auto"
# Source: pareta/catalog "open aliases": every published alias is a family and a rank.
_ALIAS = re.compile(r"[a-z][a-z0-9.]*(?:-[a-z0-9.]+)*-\d+", re.ASCII)
_VENDOR_PREFIXES = ("gpt-", "claude-", "gemini-")


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A numbered task or capability; equal only to itself, so that what follows from it can be remembered.

    :param body: everything else the vendor publishes about it, ready for the wire.
    """

    id: str
    default_scorer: str
    scoring_strategy: str
    has_blob_input: bool
    body: Mapping[str, Any]

    @property
    def output_fields(self) -> Mapping[str, Any]:
        """The fields of what is expected, by name: of its gold schema where the output schema is only a summary."""
        schema = self.body.get("gold_schema") or self.body["output_schema"]
        fields: Mapping[str, Any] = schema["properties"]
        return fields

    @property
    def is_metered_by_token(self) -> bool:
        """Whether its endpoints bill all tokens of a request (capabilities do) instead of a flat rate."""
        return self.body.get("metering") == "per_token"

    @property
    def is_metered_by_minute(self) -> bool:
        """Whether it is billed by the length of audio, where that is known."""
        return self.body.get("metering") == "per_minute"

    @property
    def main_input(self) -> str:
        """The field a bare string input belongs to."""
        name: str = next(iter(self.body["input_schema"]["properties"]))
        return name


@dataclass(frozen=True, slots=True)
class RankedModel:
    """A model's place on a task's leaderboard; quality and cost are `None` where nothing was measured."""

    task: str
    name: str
    kind: ModelKind
    quality: float | None
    cost_micro_usd: int | None
    context_k: int
    run_mode: str
    is_recommended: bool = False


@dataclass(frozen=True, slots=True)
class FrontierModel:
    """A vendor's model that evals and comparisons may name."""

    id: str
    vendor: str
    has_vision: bool


@dataclass(frozen=True, slots=True)
class PriceSheet:
    """Prices in integer micro-USD where no leaderboard says otherwise.

    :param auto_divisor: `auto` bills the frontier counterfactual divided by this, at least 1.
    :param capability_per_token: of prompt and completion on a capability's endpoint; `frontier_per_token` likewise for
        the model it stands in for.
    :param image: one generation of any size; `image_edit` one edit.
    """

    frontier_per_prompt_token: int
    frontier_per_completion_token: int
    auto_divisor: int
    open_per_request: int
    frontier_per_request: int
    capability_per_token: int
    frontier_per_token: int
    rerank_per_document: int
    embeddings_per_1000_tokens: int
    audio_per_minute: int
    image: int
    image_edit: int


@dataclass(frozen=True, slots=True)
class ServedEndpoint:
    """A deployed open model.

    :param quality: how often its live answers are right, in [0, 1].
    :param cost_micro_usd: flat price of one request; `frontier_cost_micro_usd` that of the model it stands in for.
    :param live_at: when a starting endpoint goes live; `None` while its deployment is still being told about.
    :param extra: whatever else was said when it was deployed, as sent.
    :param first_call: ordinal of its first call; earlier ones were of a deleted endpoint that bore its name.
    """

    id: str
    task: str
    model: str
    status: str
    quality: float
    cost_micro_usd: int
    frontier_cost_micro_usd: int
    frontier_model: str
    created_at: Instant
    live_at: Instant | None
    system_prompt: str | None
    scaffold: str | None
    is_seed: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    first_call: int = 1


def looks_like_alias(name: str) -> bool:
    """Whether a name has the form of an open model's public alias, `<family>-<rank>`."""
    return _ALIAS.fullmatch(name) is not None


def looks_like_frontier(name: str) -> bool:
    """Whether a name begins like a vendor's own model id."""
    return name.startswith(_VENDOR_PREFIXES)


def baseline(board: Sequence[RankedModel]) -> RankedModel | None:
    """Return the frontier model a task's open models are measured against: the best one ranked."""
    return next((model for model in board if model.kind == "frontier"), None)


def ranked(board: Sequence[RankedModel]) -> list[RankedModel]:
    """Return a leaderboard from best to worst; unmeasured models come last, in their given order."""
    return sorted(board, key=lambda model: -(model.quality if model.quality is not None else -1.0))
