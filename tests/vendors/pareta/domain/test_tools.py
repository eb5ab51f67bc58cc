"""Which tools are called, and by which words."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.generation import ANY_TOOL, Choice, Tool
from mockserver.vendors.pareta.domain.tools import MAX_CALLS, is_order, planned

TEXT = {"type": "string"}


def tool(name: str, description: str = "", **members: Any) -> Tool:
    return Tool(name, description, {"type": "object", "properties": members})


WEATHER = tool("get_weather", "", city=TEXT)
CLOCK = tool("get_time", "The time somewhere.", timezone=TEXT)
MAIL = tool("send_email", "Send an email to somebody.", to=TEXT, body=TEXT)
SHELL = tool("run_shell", "Run a shell command in the workspace.", cmd=TEXT)
BARE = Tool("ping", "", {})
ALL = (WEATHER, CLOCK, MAIL, SHELL, BARE)


@pytest.mark.parametrize(
    ("request_", "choice", "expected"),
    [
        ("What is the weather in Paris?", ANY_TOOL, [("get_weather", "What is the weather in Paris?")]),
        (
            "the weather in Paris and send an email to Kim",
            ANY_TOOL,
            [("get_weather", "the weather in Paris"), ("send_email", "send an email to Kim")],
        ),
        (
            "the weather in Paris, Rome and New York",
            ANY_TOOL,
            [
                ("get_weather", "the weather in Paris"),
                ("get_weather", "the weather in Rome"),
                ("get_weather", "the weather in New York"),
            ],
        ),
        ("the weather between Paris and Rome", ANY_TOOL, [("get_weather", "the weather between Paris and Rome")]),
        ("an email to Kim and Lee", ANY_TOOL, [("send_email", "an email to Kim and Lee")]),
        ("the weather in Paris. the weather in Paris.", ANY_TOOL, [("get_weather", "the weather in Paris.")]),
        ("the weather in Paris and Rome", Choice(is_parallel=False), [("get_weather", "the weather in Paris")]),
        ("Explain copper", ANY_TOOL, []),
        ("Explain copper", Choice("required"), [("get_weather", "Explain copper")]),
        ("Paris and Rome", Choice("required", ("get_weather",)), [("get_weather", "Paris"), ("get_weather", "Rome")]),
        ("", Choice("required"), [("get_weather", "")]),
        ("the weather", Choice("none"), []),
        ("the weather", Choice("auto", ("ping",)), []),
        ("the weather", Choice("required", ("ping",)), [("ping", "the weather")]),
        ("ping it", ANY_TOOL, [("ping", "ping it")]),
        ("List the files", ANY_TOOL, [("get_weather", "List the files")]),
        ("run something in the workspace", ANY_TOOL, [("run_shell", "run something in the workspace")]),
        ("Paris and Rome", Choice("required", ("ping",)), [("ping", "Paris and Rome")]),
    ],
)
def test_tools_are_called_by_what_is_said_of_them(
    request_: str, choice: Choice, expected: list[tuple[str, str]]
) -> None:
    assert [(plan.tool.name, plan.words) for plan in planned(ALL, choice, request_)] == expected


def test_without_tools_nothing_is_called() -> None:
    assert planned((), Choice("required"), "the weather") == []


def test_there_are_only_so_many_calls() -> None:
    request = " ".join(f"the weather in City{n}." for n in range(20))

    assert len(planned(ALL, ANY_TOOL, request)) == MAX_CALLS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("List the files", True),
        ("please find it", True),
        ("Could you check it", True),
        ("use the tool", True),
        ("what is it? Call the get_it function", True),
        ("Explain it", False),
        ("hi", False),
        ("", False),
        ("listen", False),
    ],
)
def test_orders_are_told_from_questions(text: str, expected: bool) -> None:
    assert is_order(text) is expected


@pytest.mark.parametrize(
    "parameters", [{}, {"properties": 5}, {"properties": {"city": True}}, {"properties": {"city": {}}}]
)
def test_tools_that_say_little_are_called_once(parameters: dict[str, Any]) -> None:
    assert len(planned((Tool("weather", "", parameters),), ANY_TOOL, "weather in Paris and Rome")) == 1


@given(st.text())
def test_any_request_can_be_planned_for(request_: str) -> None:
    planned(ALL, Choice("required"), request_)


@pytest.mark.parametrize("word", ["a ", "and then ", "A and ", "A, ", "use the ", "list ", "the weather in A, and "])
def test_a_long_monotonous_request_is_planned_for_in_no_time(word: str) -> None:
    start = time.perf_counter()
    planned([tool(f"tool_{n}", "word " * 500, city=TEXT) for n in range(100)], Choice("required"), word * 20_000)

    assert time.perf_counter() - start < 5
