"""The agent surface: conversations, and the routes their turns are pinned to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mockserver.kernel.windows import MINUTE, Instant
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.generation import Prompt, Tool

Route = Literal["general", "coding", "vision"]

CONTEXT_TOKENS = 131_072
"""Source: pareta/agent "Context window" (documented)."""
DEFAULT_MAX_TOKENS = 8_192
"""Source: pareta/agent "max_tokens" (documented)."""
IDLE = 30 * MINUTE
"""How long a pin outlives its last turn. Source: pareta/agent "X-Pareta-Session" (documented as about this)."""
MAX_SESSION_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation.

    :param route: who answers its turns.
    :param pinned_at: since when; `turns` counts those answered since.
    """

    id: str
    route: Route
    pinned_at: Instant
    turns: int
    last_used_at: Instant


def route_of(prompt: Prompt, tools: Sequence[Tool]) -> Route:
    """Return who answers a turn of a shape: pictures go to vision, code to coding.

    Source: pareta/agent "Routing and escalation" (the three routes: documented; how turns are told apart: assumed).
    """
    if prompt.pictures or prompt.pdfs or prompt.documents:
        return "vision"
    from mockserver.vendors.pareta.domain.asking import asked  # reading takes long to load

    if asked(prompt.last, prompt.instructions).form in ("code", "sql"):
        return "coding"
    names = " ".join(tool.name for tool in tools).lower()
    is_coding = any(word in names for word in ("shell", "bash", "exec", "edit", "patch", "file", "git", "code"))
    return "coding" if is_coding or "coding agent" in prompt.instructions.lower() else "general"


def next_turn(known: Session | None, session_id: str, shape: Route, now: Instant) -> Session:
    """Return a conversation as it stands with one more turn.

    It keeps its route, unless it was left for half an hour or pictures come into it or leave it.

    Source: pareta/agent "X-Pareta-Session" (documented).
    """
    is_pinned = (
        known is not None and now - known.last_used_at < IDLE and (known.route == "vision") == (shape == "vision")
    )
    if known is None or not is_pinned:
        return Session(session_id, shape, now, 1, now)
    return replace(known, turns=known.turns + 1, last_used_at=now)


def check_context(prompt_tokens: int) -> None:
    """Let a conversation through that fits into the model's context.

    :raises Refused: it is too long.

    Source: pareta/agent "Context window" (documented; status: assumed).
    """
    if prompt_tokens >= CONTEXT_TOKENS:
        raise Refused(
            f"the conversation has {prompt_tokens} tokens; the context takes {CONTEXT_TOKENS}, answer included"
        )


def room_for(prompt_tokens: int, max_tokens: int) -> int:
    """Return how long an answer may be: as long as was asked, as far as the context goes."""
    return min(max_tokens, CONTEXT_TOKENS - prompt_tokens)
