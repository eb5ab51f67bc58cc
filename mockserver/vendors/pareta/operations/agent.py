"""The agent surface: one turn of a conversation with tools, pinned to its route and debited once."""

from __future__ import annotations

import logging
from typing import Any

from mockserver.kernel.call import Call
from mockserver.kernel.errors import MockError
from mockserver.kernel.ids import fingerprint
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.agent import (
    DEFAULT_MAX_TOKENS,
    IDLE,
    Session,
    check_context,
    next_turn,
    room_for,
    route_of,
)
from mockserver.vendors.pareta.domain.catalog import AUTO
from mockserver.vendors.pareta.domain.errors import NotEnabled, Refused, ServingFailed, TurnFailed
from mockserver.vendors.pareta.operations import chat
from mockserver.vendors.pareta.operations.chat import ChatRequest, Completion, Server
from mockserver.vendors.pareta.operations.endpoints import AUTO_SINCE
from mockserver.vendors.pareta.operations.pages import read

log = logging.getLogger("mockserver")

OPERATION = "agent.chat.completions.create"
LANE = "/agent/v1/chat/completions"
SURFACE = "pareta.agent_surface"
"""The switch that opens the agent surface."""

_SERVER = Server(LANE, OPERATION)
# So many turns apart, conversations nobody continues are forgotten.
_SWEEP_EVERY = 64


def models(call: Call) -> int:
    """Return since when there is the one model agents see.

    :raises NotEnabled: the surface is switched off.
    """
    _open(call)
    return AUTO_SINCE


def may_turn(call: Call, parameters: tuple[str, ...], body: dict[str, Any] | None) -> None:
    """Refuse what must be refused whatever else the body says.

    :raises NotEnabled: the surface is switched off.
    :raises Refused: another model is named, or several answers are wanted.
    """
    _open(call)
    assert body is not None
    if body.get("model") not in (None, AUTO):
        raise Refused(f"model must be '{AUTO}'")
    if body.get("n") not in (None, 1) or body.get("n") is True:
        raise Refused("n must be 1")


def create(call: Call, request: ChatRequest, session: str | None) -> Completion:
    """Answer one turn; a failed one leaves nothing behind.

    :param session: the conversation's id, if the client gave it one.
    :raises InsufficientCredits: the balance is empty.
    :raises Refused: the conversation is too long, or asks for something that cannot be had.
    :raises TurnFailed: something went wrong on our side; this surface never answers 500.
    """
    try:
        return _answered(call, request, session)
    except ServingFailed as error:
        raise TurnFailed from error
    except MockError:
        raise
    except Exception as error:
        log.exception("%s failed", OPERATION)
        raise TurnFailed from error


def _answered(call: Call, request: ChatRequest, session: str | None) -> Completion:
    prompt = read(call.world, request.prompt)
    check_context(prompt.tokens)
    limit = room_for(prompt.tokens, prompt.max_tokens or DEFAULT_MAX_TOKENS)
    request = request._replace(prompt=prompt._replace(max_tokens=limit))
    names = sorted(tool.name for tool in request.form.tools)
    # What runtimes send again with every turn.
    identity = session or f"derived-{fingerprint(call.world.name, prompt.instructions, *names)}"
    turn = next_turn(
        tables.agent.find_session(call.world, identity), identity, route_of(prompt, request.form.tools), call.now
    )

    def settled(completion: Completion) -> None:
        tables.agent.put_session(call.world, turn)
        if call.seq % _SWEEP_EVERY == 0:
            tables.agent.forget_sessions(call.world, call.now - IDLE)

    completion = chat.complete(call, request, _SERVER, settled)
    completion.system_fingerprint = _fingerprint(turn)
    return completion


def _fingerprint(session: Session) -> str:
    """Return what tells a client that its conversation keeps its route, and nothing about who that is."""
    return f"fp_{fingerprint(session.id, session.route, str(session.pinned_at))[:12]}"


def _open(call: Call) -> None:
    if not call.world.is_on(SURFACE):
        raise NotEnabled("the agent surface is not enabled")
