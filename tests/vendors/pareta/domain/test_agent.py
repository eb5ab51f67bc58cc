"""Turns of conversations: their routes, their room."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.kernel.windows import MINUTE, Instant
from mockserver.vendors.pareta.domain.agent import Route, Session, check_context, next_turn, room_for, route_of
from mockserver.vendors.pareta.domain.attachments import Pdf, Picture
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.generation import Prompt, Tool

NOW = Instant(100 * MINUTE)


def pinned(route: Route, turns: int = 3, since: int = 5, used: int = NOW) -> Session:
    return Session("s", route, Instant(since), turns, Instant(used))


GENERAL = pinned("general", used=NOW - 10 * MINUTE)


def prompt(last: str = "hi", **more: Any) -> Prompt:
    return Prompt(last, last, 0)._replace(**more)


@pytest.mark.parametrize(
    ("turn", "tools", "route"),
    [
        (prompt(), (), "general"),
        (prompt("Write a function that adds."), (), "coding"),
        (prompt("Write a SQL query for users"), (), "coding"),
        (prompt(instructions="You are a coding agent."), (), "coding"),
        (prompt(), (Tool("run_shell", "", {}),), "coding"),
        (prompt(), (Tool("weather", "", {}),), "general"),
        (prompt("Write a function", pictures=(Picture("", None, ""),)), (), "vision"),
        (prompt(pdfs=(Pdf(b"", ""),)), (), "vision"),
        (prompt(documents=("text",)), (), "vision"),
    ],
)
def test_turns_are_routed_by_their_shape(turn: Prompt, tools: tuple[Tool, ...], route: str) -> None:
    assert route_of(turn, tools) == route


@pytest.mark.parametrize(
    ("known", "shape", "expected"),
    [
        (None, "general", pinned("general", 1, NOW)),
        (GENERAL, "general", pinned("general", 4)),
        (GENERAL, "coding", pinned("general", 4)),
        (GENERAL, "vision", pinned("vision", 1, NOW)),
        (pinned("vision"), "vision", pinned("vision", 4)),
        (pinned("vision"), "general", pinned("general", 1, NOW)),
        (pinned("general", used=NOW - 30 * MINUTE + 1), "general", pinned("general", 4)),
        (pinned("general", used=NOW - 30 * MINUTE), "general", pinned("general", 1, NOW)),
    ],
)
def test_a_conversation_keeps_its_route(known: Session | None, shape: Route, expected: Session) -> None:
    assert next_turn(known, "s", shape, NOW) == expected


def test_the_context_takes_131072_tokens_with_the_answer() -> None:
    check_context(131_071)
    with pytest.raises(Refused, match="131072 tokens"):
        check_context(131_072)
    assert room_for(100, 8192) == 8192
    assert room_for(131_000, 8192) == 72
