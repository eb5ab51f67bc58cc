from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kernel.matching import (
    ANYTHING,
    COMMON,
    Facts,
    FaultyPattern,
    Pattern,
    criterion,
    is_operation,
    member,
    read,
)
from mockserver.matchers import header, model, tools
from mockserver.matchers import json as json_at

NAMES = (*COMMON, "model", "tools", "n")
FACTS = Facts(
    {"vendor": "pareta", "operation": "pareta.chat.completions.create", "idempotency_key": None},
    lambda: {
        "model": "auto",
        "tools": ["search", "pay"],
        "n": 3,
        "header": {"x-team": "blue"},
        "json": {"messages": [{"role": "user", "content": "50% off [today]"}], "stream": True, "seed": 1},
    },
)


def matches(spec: dict[str, Any], facts: Facts = FACTS) -> bool:
    return read(spec, NAMES).matches(facts)


# One fact


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"model": "auto"}, True),
        ({"model": "aut"}, False),
        ({"model": "a*o"}, True),
        ({"model": "*"}, True),
        ({"model": "AUTO"}, False),
        ({"model": {"equals": "a*o"}}, False),
        ({"model": {"contains": "ut"}}, True),
        ({"model": {"regex": "^a.t"}}, True),
        ({"model": {"regex": "^u"}}, False),
        ({"model": {"one_of": ["x", "auto"]}}, True),
        ({"model": {"one_of": []}}, False),
        ({"model": None}, False),
        ({"idempotency_key": None}, True),
        ({"idempotency_key": "*"}, False),
        ({"idempotency_key": {"contains": ""}}, False),
        ({"tools": "pay"}, True),
        ({"tools": "p*"}, True),
        ({"tools": "steal"}, False),
        ({"tools": {"equals": ["search", "pay"]}}, True),
        ({"tools": {"one_of": ["pay"]}}, True),
        ({"n": 3}, True),
        ({"n": 3.0}, True),
        ({"n": "3"}, True),
        ({"n": {"equals": "3"}}, False),
        ({"operation": "chat.completions.create"}, True),
        ({"operation": "pareta.chat.*"}, True),
        ({"operation": "chat.*"}, True),
        ({"operation": "completions.create"}, False),
        ({"operation": "paygentic.*"}, False),
        ({"header": {"X-Team": "blue"}}, True),
        ({"header": {"x-team": "red"}}, False),
        ({"header": {"x-absent": None}}, True),
        ({"json": {"messages.0.role": "user"}}, True),
        ({"json": {"messages.1.role": "user"}}, False),
        ({"json": {"messages.0.content": "50% off [today]"}}, True),
        ({"json": {"messages.0.content": "50% off [tod*"}}, True),
        ({"json": {"stream": True}}, True),
        ({"json": {"stream": 1}}, False),
        ({"json": {"seed": 1}}, True),
        ({"json": {"seed": True}}, False),
        ({"json": {"stream": "true"}}, True),
        ({"json": {"messages": {"equals": [{"role": "user", "content": "50% off [today]"}]}}}, True),
    ],
)
def test_a_fact_is_compared_as_it_is_said(spec: dict[str, Any], expected: bool) -> None:
    assert matches(spec) is expected


@given(st.text(alphabet="ab*.[\\+?", max_size=8), st.text(alphabet="ab.[\\+?*", max_size=8))
def test_only_the_asterisk_is_special_in_a_plain_text(wanted: str, got: str) -> None:
    def fits(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return any(fits(pattern[1:], text[n:]) for n in range(len(text) + 1))
        return text[:1] == pattern[0] and fits(pattern[1:], text[1:])

    assert matches({"model": wanted}, Facts({"model": got})) is fits(wanted, got)


def test_an_operation_may_be_named_without_its_vendor() -> None:
    assert is_operation("pareta.evals.runs.create", "evals.*.create")
    assert is_operation("pareta.evals.runs.create", "pareta.*")
    assert not is_operation("pareta.evals.runs.create", "runs.create")


def test_what_takes_a_look_into_the_body_is_found_out_once_and_only_when_asked_for() -> None:
    looks: list[None] = []

    def more() -> dict[str, Any]:
        looks.append(None)
        return {"model": "auto"}

    facts = Facts({"vendor": "pareta"}, more)
    assert not matches({"vendor": "paygentic"}, facts)
    assert looks == []
    assert matches({"vendor": "pareta", "model": "auto"}, facts)
    assert matches({"model": "a*"}, facts)
    assert len(looks) == 1


@pytest.mark.parametrize(
    ("path", "expected"), [("a.b.0", 1), ("a.b.1", None), ("a.b.-1", None), ("a.x", None), ("a.b.0.c", None)]
)
def test_a_path_that_leads_nowhere_finds_nothing(path: str, expected: int | None) -> None:
    assert member({"a": {"b": [1]}}, path) == expected


# Combining

LEAVES = st.sampled_from(
    [criterion("model", "auto"), criterion("model", "other"), criterion("n", 3), criterion("tools", "x"), ANYTHING]
)
PATTERNS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
        inner.map(lambda one: ~one),
    ),
    max_leaves=8,
)


@given(PATTERNS, PATTERNS)
def test_patterns_combine_as_truth_values_do(one: Pattern, other: Pattern) -> None:
    first, second = one.matches(FACTS), other.matches(FACTS)

    assert (one & other).matches(FACTS) is (first and second)
    assert (one | other).matches(FACTS) is (first or second)
    assert (~one).matches(FACTS) is (not first)


@given(PATTERNS)
def test_a_pattern_that_was_written_and_read_again_means_the_same(pattern: Pattern) -> None:
    again = read(json.loads(json.dumps(pattern.spec())), NAMES)

    assert again.matches(FACTS) is pattern.matches(FACTS)
    assert again.spec() == pattern.spec()


@given(PATTERNS)
def test_what_stands_in_the_way_is_named_exactly_where_there_is_no_match(pattern: Pattern) -> None:
    assert bool(list(pattern.differences(FACTS))) is not pattern.matches(FACTS)


def test_matchers_say_what_their_json_says() -> None:
    pattern = (model("auto") & ~tools("pay")) | header("X-Team", contains="bl") | json_at("a.b", 1)

    assert pattern.spec() == {
        "any": [
            {"any": [{"model": "auto", "not": {"tools": "pay"}}, {"header": {"x-team": {"contains": "bl"}}}]},
            {"json": {"a.b": {"equals": 1}}},
        ]
    }
    assert read(pattern.spec(), NAMES).matches(FACTS)


def test_two_criteria_for_members_of_one_fact_are_both_kept() -> None:
    pattern = json_at("seed", 1) & json_at("stream", equals=True)

    assert read(pattern.spec(), NAMES).matches(FACTS)
    assert not read((pattern & json_at("seed", 2)).spec(), NAMES).matches(FACTS)


# What is wrong


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"modle": "x"}, "nothing is known as 'modle'; there are: .*model.*, all, any, not"),
        ({"model": {"contain": "x"}}, "model: compare by .* equals, contains, regex, one_of"),
        ({"model": {}}, "model: compare by"),
        ({"model": {"regex": "("}}, r"model: '\(' is no regular expression"),
        ({"model": {"regex": 1}}, "model: regex takes a text"),
        ({"model": {"one_of": "x"}}, "model: one_of takes a list"),
        ({"any": []}, "'any' takes a list of patterns"),
        ({"all": {"model": "x"}}, "'all' takes a list of patterns"),
        ({"not": "x"}, "a pattern is an object"),
        ({"any": [{"model": "x"}, {"nothing": 1}]}, "nothing is known as 'nothing'"),
        ({"json": {"a": {"contains": 1}}}, "json.a: contains takes a text"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused_with_what_would(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(FaultyPattern, match=message):
        read(spec, NAMES)


@pytest.mark.parametrize(
    ("pattern", "differences"),
    [
        ({"model": "x", "n": 3}, ['model is "auto", wanted "x"']),
        ({"idempotency_key": "k*"}, ['idempotency_key is missing, wanted "k*"']),
        ({"not": {"model": "a*"}}, ['model is "auto", wanted anything but "a*"']),
        ({"any": [{"model": "x", "n": 4}, {"model": "y"}]}, ['model is "auto", wanted "y"']),
        ({"model": {"contains": "z"}}, ['model is "auto", wanted contains "z"']),
    ],
)
def test_differences_are_readable(pattern: dict[str, Any], differences: list[str]) -> None:
    assert [str(each) for each in read(pattern, NAMES).differences(FACTS)] == differences


def test_a_long_fact_is_shown_in_part() -> None:
    (difference,) = read({"model": "x"}, NAMES).differences(Facts({"model": "y" * 500}))

    assert re.fullmatch(r'model is "y{116}\.\.\., wanted "x"', str(difference))
