"""What a check's report says, to people and to programs."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Sequence
from datetime import date
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.cassettes import verdicts
from mockserver.cassettes.finding import Difference
from mockserver.cassettes.ignoring import parse
from mockserver.cassettes.verdicts import Covered, Judged, Verdict

CHAT = "pareta.chat.completions.create"
TOKENS = Difference("number", "value", "$.usage.total_tokens", "3", "4")
REASON = Difference(
    "enum", "breaking", "$.choices[].finish_reason", "tired", "stop", "not among the documented values", 2
)
LIMIT = Difference("header", "additive", "x-ratelimit-limit", "60")


def judged(number: int = 1, *differences: Difference, operation: str = CHAT, **more: Any) -> Judged:
    cassette = more.pop("cassette", "tapes/chat.yaml")
    place = f"{cassette.rpartition('/')[2]}, interaction {number}"
    return Judged(cassette, place, "POST", "/v1/chat/completions", operation, 200, differences, **more)


def verdict(*interactions: Judged, rules: str = "", coverage: Sequence[Covered] = ()) -> Verdict:
    made = Verdict(parse(rules, "rules.yaml", date(2026, 5, 1)) if rules else None)
    for each in interactions:
        made.add(each)
    made.coverage = coverage
    return made


@pytest.mark.parametrize(
    ("interaction", "rules", "expected"),
    [
        (judged(), "", "same"),
        (judged(1, TOKENS), "", "differs"),
        (judged(1, TOKENS), "- {reason: r, kind: number}", "ignored"),
        (judged(1, TOKENS, REASON), "- {reason: r, kind: number}", "differs"),
        (judged(1, TOKENS), "- {reason: r, kind: number, until: 2026-04-30}", "differs"),
        (judged(1, TOKENS, reason="made before the recording"), "", "not comparable"),
        (judged(1, reason="no such operation", is_simulated=False, operation=""), "", "not simulated"),
    ],
)
def test_an_interaction_counts_as_one_thing(interaction: Judged, rules: str, expected: str) -> None:
    made = verdict(rules=rules)

    assert made.add(interaction) == expected
    assert made.outcomes == {expected: 1}
    assert made.is_clean is (expected != "differs")


def test_one_difference_in_many_interactions_is_one_with_its_count_and_first_place() -> None:
    made = verdict(judged(1), *(judged(n, REASON, TOKENS) for n in range(2, 402)), judged(402, LIMIT))

    found = [(each.example.kind, each.interactions, each.times, each.first) for each in made.found()]

    assert found == [
        ("enum", 400, 800, "chat.yaml, interaction 2"),
        ("header", 1, 1, "chat.yaml, interaction 402"),
        ("number", 400, 400, "chat.yaml, interaction 2"),
    ]
    assert made.sums == {"breaking": 1, "additive": 1, "value": 1}


def test_another_value_of_a_list_of_values_is_another_difference_and_another_number_is_not() -> None:
    dead = Difference("enum", "breaking", REASON.where, "dead", "stop")
    more = Difference("number", "value", TOKENS.where, "30", "40")

    made = verdict(
        judged(1, REASON, TOKENS), judged(2, dead, more), judged(3, REASON, TOKENS, operation="pareta.other")
    )

    assert [each.example.recorded for each in made.found()] == ["tired", "dead", "tired", "3", "3"]


def test_the_report_for_people_says_what_differs_and_what_to_do() -> None:
    made = verdict(
        judged(1),
        *(judged(n, REASON, TOKENS) for n in range(2, 5)),
        judged(1, LIMIT, operation="paygentic.costs.get_cost", cassette="tapes/costs.yaml"),
        judged(2, operation="paygentic.costs.get_cost", reason="asks for a thing from before the recording"),
        judged(3, operation="", reason="no operation at POST /v9", is_simulated=False),
        rules="- {reason: another tokenizer, where: $.usage.*}\n- {reason: b, kind: type}\n"
        "- {reason: c, kind: type, until: 2026-01-01}\n",
        coverage=[Covered(CHAT, "POST", "/v1/chat/completions", 4), Covered("pareta.rerank", "POST", "/v1/rerank", 0)],
    )

    assert (
        made.text()
        == """\
checked 7 interactions of 2 cassettes: 1 same, 4 differ, 1 not comparable, 1 not simulated

breaking (1 difference): a client that was tested on the simulator fails in reality
  pareta.chat.completions.create
    3x  enum  $.choices[].finish_reason  recorded tired, simulated stop (not among the documented values); \
first: chat.yaml, interaction 2

additive (1 difference): reality has it and the simulator does not
  paygentic.costs.get_cost
    1x  header  x-ratelimit-limit  recorded 60; first: costs.yaml, interaction 1

ignored (1 difference):
  rules.yaml:1: 3x, another tokenizer

not comparable (1 interaction), which does not count:
  1x  paygentic.costs.get_cost  asks for a thing from before the recording; first: chat.yaml, interaction 2

not simulated (1 interaction), which does not count:
  1x  POST  no operation at POST /v9; first: chat.yaml, interaction 3

coverage:
  pareta: 1 of 2 documented operations
    not: rerank

rules:
  rules.yaml:2 met nothing: it can go (kind type)
  rules.yaml:3 ended on 2026-01-01: it no longer counts

next: where the recording is right, the simulator is to change (a copy of the interaction shows it);
      what you can live with goes into a file of rules, such as
        - reason: why it is all right
          operation: 'pareta.chat.completions.create'
          where: '$.choices[].finish_reason'
          kind: enum
"""
    )


@pytest.mark.parametrize("difference", [REASON, Difference("missing_event", "breaking", "events[: it's]"), LIMIT])
@pytest.mark.parametrize("operation", [CHAT, ""])
def test_the_rule_that_is_suggested_does_what_it_is_suggested_for(difference: Difference, operation: str) -> None:
    made = verdict(judged(1, difference, operation=operation))
    suggested = made.text().rpartition("such as\n")[2]

    again = verdict(judged(1, difference, operation=operation), rules=suggested)

    assert again.is_clean
    assert again.outcomes == {"ignored": 1}


@pytest.mark.parametrize(
    ("interactions", "expected"),
    [
        ([], "there was nothing to check"),
        ([judged()], "no difference that counts"),
        ([judged(reason="unknown")], "nothing could be compared"),
    ],
)
def test_a_report_without_differences_says_why(interactions: list[Judged], expected: str) -> None:
    assert expected in verdict(*interactions).text().splitlines()[-1]


TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}


def strict(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def every(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


OUTCOMES: dict[str, Any] = dict.fromkeys(("same", "differs", "ignored", "not_comparable", "not_simulated"), COUNT)
OUTCOME: dict[str, Any] = {"enum": list(OUTCOMES)}
MAYBE = {"type": ["string", "null"]}
PLACED: dict[str, Any] = {"kind": TEXT, "grade": {"enum": ["breaking", "additive", "value"]}, "where": TEXT}
FOUND: dict[str, Any] = {
    "operation": TEXT, **PLACED, "recorded": TEXT, "simulated": TEXT, "note": TEXT, "first": TEXT,
    "interactions": COUNT, "times": COUNT,
}  # fmt: skip
RULE: dict[str, Any] = strict(line=COUNT, reason=TEXT, about=TEXT)
REPORT = strict(
    format={"const": 1},
    clean={"type": "boolean"},
    interactions=strict(checked=COUNT, **OUTCOMES),
    differences=strict(breaking=COUNT, additive=COUNT, value=COUNT),
    found=every(strict(**FOUND)),
    ignored=every(strict(**FOUND, line=COUNT, reason=TEXT)),
    not_compared=every(strict(outcome=OUTCOME, operation=TEXT, reason=TEXT, interactions=COUNT, first=TEXT)),
    cassettes=every(strict(path=TEXT, **OUTCOMES)),
    details=every(
        strict(
            place=TEXT, method=TEXT, path=TEXT, operation=MAYBE, status=COUNT, outcome=OUTCOME, reason=MAYBE,
            differences=every(strict(**PLACED)),
        )
    ),
    coverage=strict(operations=COUNT, covered=COUNT, uncovered=every(strict(operation=TEXT, method=TEXT, path=TEXT))),
    rules=strict(file=MAYBE, unused=every(RULE), expired=every(RULE)),
    left_out=strict(found=COUNT, details=COUNT, not_compared=COUNT),
)  # fmt: skip


VALID = jsonschema.Draft202012Validator(REPORT)

ANY_TEXT = st.text(max_size=20)
DIFFERENCES = st.builds(
    Difference, st.sampled_from(["enum", "number", "header"]), st.sampled_from(["breaking", "additive", "value"]),
    ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT,
)  # fmt: skip
INTERACTIONS = st.builds(
    Judged, ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT, st.integers(100, 599), st.lists(DIFFERENCES, max_size=3),
    ANY_TEXT, st.booleans(),
)  # fmt: skip


@given(st.lists(INTERACTIONS, max_size=6))
@settings(max_examples=60, deadline=None)
def test_every_report_is_well_formed_and_they_agree(interactions: list[Judged]) -> None:
    made = verdict(*interactions, rules="- {reason: r, kind: header}")

    report, tree = json.loads(json.dumps(made.json())), ElementTree.fromstring(made.junit())

    VALID.validate(report)
    check_junit(tree)
    assert report["interactions"]["checked"] == len(interactions)
    assert report["clean"] is made.is_clean is (tree.get("failures") == "0") is not report["found"]
    assert sum(each[name] for each in report["cassettes"] for name in OUTCOMES) == len(interactions)
    assert made.text().encode()


def check_junit(root: ElementTree.Element) -> None:
    """Hold a report to what readers of JUnit XML agree on."""
    assert root.tag == "testsuites"
    for suite in root:
        assert suite.tag == "testsuite"
        assert suite.attrib.keys() == {"name", "tests", "failures", "errors", "skipped", "time"}
        cases = list(suite)
        assert int(suite.attrib["tests"]) == len(cases) > 0
        for outcome, tag in (("failures", "failure"), ("skipped", "skipped"), ("errors", "error")):
            assert int(suite.attrib[outcome]) == len(suite.findall(f"testcase/{tag}"))
        for case in cases:
            assert case.tag == "testcase"
            assert case.attrib.keys() == {"classname", "name", "time"}
            assert len(case) <= 1
    for total in ("tests", "failures", "errors", "skipped"):
        assert int(root.attrib[total]) == sum(int(suite.attrib[total]) for suite in root)


def test_junit_has_a_test_for_each_operation_of_a_cassette() -> None:
    made = verdict(
        judged(1, REASON, TOKENS),
        judged(2),
        judged(1, TOKENS, cassette="tapes/other.yaml"),
        judged(3, operation="pareta.rerank"),
        judged(4, operation="pareta.embeddings", reason="unknown <&>\x00\x1b things"),
        judged(5, LIMIT, operation="pareta.tasks.list"),
        rules="- {reason: r, kind: header}",
    )

    tree = ElementTree.fromstring(made.junit())

    check_junit(tree)
    cases = {(case.get("classname"), case.get("name")): [each.tag for each in case] for case in tree.iter("testcase")}
    assert cases == {
        ("tapes/chat.yaml", CHAT): ["failure"],
        ("tapes/chat.yaml", "pareta.rerank"): [],
        ("tapes/chat.yaml", "pareta.embeddings"): ["skipped"],
        ("tapes/chat.yaml", "pareta.tasks.list"): [],
        ("tapes/other.yaml", CHAT): ["failure"],
    }
    failure, other = tree.iter("failure")
    assert failure.attrib == {"message": "1 breaking, 1 value", "type": "breaking"}
    assert failure.text is not None
    assert failure.text.splitlines()[0] == (
        "breaking: enum at $.choices[].finish_reason: recorded tired, simulated stop (not among the documented values)"
        "; in 1 interaction in all, first: chat.yaml, interaction 1"
    )
    assert other.attrib["message"] == "1 value"
    skipped = next(tree.iter("skipped"))
    assert skipped.get("message") == "unknown <&>\ufffd\ufffd things"


def test_a_hundred_thousand_interactions_need_no_more_memory_than_their_differences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for bound in ("MAX_FOUND", "MAX_DETAILS", "MAX_CASES", "MAX_CASSETTES", "MAX_REASONS"):
        monkeypatch.setattr(verdicts, bound, 50)

    def fill(made: Verdict, first: int, count: int) -> None:
        for n in range(first, first + count):
            difference = Difference("number", "breaking", f"$.x{n}", f"{n}", "0")
            made.add(judged(n, difference, cassette=f"{n}.yaml", operation=f"pareta.o{n}"))
            made.add(judged(n, cassette=f"{n}.yaml", reason=f"unknown {n}"))

    made = verdict()
    fill(made, 0, 500)
    tracemalloc.start()
    try:
        fill(made, 500, 3_000)
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    report = made.json()

    assert grown < 20_000
    VALID.validate(report)
    assert report["differences"]["breaking"] == 3_500
    assert (len(report["found"]), report["left_out"]["found"]) == (50, 3_450)
    assert (len(report["details"]), report["left_out"]["details"]) == (50, 6_950)
    assert report["left_out"]["not_compared"] == 3_450
    assert report["cassettes"][-1]["path"] == "(others)"
    assert len(report["cassettes"]) == 51
    check_junit(ElementTree.fromstring(made.junit()))
    assert "breaking (3500 differences)" in made.text()


def test_a_long_report_for_people_is_cut_and_says_where_the_rest_is() -> None:
    made = verdict(*(judged(n, Difference("number", "value", f"$.x{n}", "1", "2")) for n in range(150)))

    assert "… and 50 more, which the JSON report lists" in made.text()
    assert len(made.text().splitlines()) < 120


def test_nothing_in_a_report_moves_the_terminal() -> None:
    made = verdict(
        judged(1, reason="un\x1b[2Jknown\nthing"),
        judged(2, TOKENS, operation="x\x07"),
        judged(3, LIMIT, cassette="\x1b[2J.yaml"),
    )

    assert not [each for each in made.text() if not each.isprintable() and each != "\n"]
