"""Rules about differences that do not count."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mockserver.cassettes.finding import Difference
from mockserver.cassettes.ignoring import FaultyRules, Rule, Rules, load, parse
from mockserver.kernel.errors import Unusable

TODAY = date(2026, 5, 1)
TOKENS = Difference("number", "value", "$.choices[].usage.total_tokens", "3", "4")


def rules(text: str) -> Rules:
    return parse(text, "rules.yaml", TODAY)


def faults(text: str) -> list[str]:
    with pytest.raises(FaultyRules) as caught:
        rules(text)
    return caught.value.lines


@pytest.mark.parametrize(
    ("said", "is_about"),
    [
        ({"operation": "pareta.chat.*"}, True),
        ({"operation": "chat.completions.create"}, True),
        ({"operation": "pareta.chat"}, False),
        ({"operation": "*.create"}, True),
        ({"where": "$.choices[].usage.*"}, True),
        ({"where": "$.choices*"}, True),
        ({"where": "$.choices?.usage.*"}, False),
        ({"where": "$.choices.usage.total_tokens"}, False),
        ({"kind": "number"}, True),
        ({"kind": "type"}, False),
        ({"grade": "value"}, True),
        ({"grade": "breaking"}, False),
        ({"cassette": "chat.yaml"}, True),
        ({"cassette": "*.yaml"}, True),
        ({"cassette": "cassettes/chat.*"}, True),
        ({"cassette": "tests/*"}, True),
        ({"cassette": "assettes/*"}, False),
        ({"cassette": "costs.yaml"}, False),
        ({"status": 200}, True),
        ({"status": 201}, False),
        ({"kind": "number", "where": "$.usage"}, False),
    ],
)
def test_a_rule_is_about_the_differences_of_which_all_it_says_is_true(said: dict[str, Any], is_about: bool) -> None:
    rule = replace(Rule("known"), **said)
    read = rules(
        "- reason: known\n"
        + "".join(
            f"  {name}: '{value}'\n" if name != "status" else f"  status: {value}\n" for name, value in said.items()
        )
    )

    asked = (TOKENS, "pareta.chat.completions.create", "tests/cassettes/chat.yaml", 200)
    assert rule.matches(*asked) is is_about
    assert (read.match(*asked) is not None) is is_about
    assert read.rules == (replace(rule, line=1),)


def test_the_first_rule_that_is_about_a_difference_is_the_one() -> None:
    read = rules("- {reason: one, kind: type}\n- {reason: two, grade: value}\n- {reason: three, kind: number}\n")

    found = read.match(TOKENS, "", "a.yaml", 200)

    assert found is not None
    assert (found.reason, found.line, str(found)) == ("two", 2, "grade value")


def test_a_rule_counts_until_the_end_of_its_last_day() -> None:
    read = rules("- {reason: a, kind: number, until: 2026-05-01}\n- {reason: b, kind: number, until: 2026-04-30}\n")

    assert [rule.reason for rule in read.rules] == ["a"]
    assert [(rule.reason, rule.until) for rule in read.expired] == [("b", date(2026, 4, 30))]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[]\n"])
def test_a_file_may_have_no_rules_yet(text: str) -> None:
    assert rules(text).rules == ()


def test_every_fault_is_said_at_once_with_its_line_and_what_may_be_there() -> None:
    text = """\
- reason: fine
  kind: numbr
- reason: ''
  grade: value
  wher: $.x
- operation: pareta.*
  status: 99
- reason: too much
- reason: a
  until: 2026-02-30
  cassette: [a.yaml]
- just a text
- reason: twice
  kind: type
  kind: enum
"""

    lines = faults(text)

    assert [line.split(": ")[0] for line in lines] == [f"rules.yaml:{n}" for n in (2, 3, 5, 6, 7, 8, 10, 11, 12, 15)]
    assert "0.kind: must be one of status, header, body, missing_field" in lines[0]
    assert lines[1].endswith("1.reason: must not be empty")
    assert lines[2].endswith("1.wher: no such key; did you mean where?")
    assert lines[3].endswith("2.reason: must be said")
    assert lines[4].endswith("2.status: must be 100 or more")
    assert "would ignore everything" in lines[5]
    assert lines[6].endswith("4.until: '2026-02-30' is no day: day is out of range for month")
    assert lines[7].endswith("4.cassette: must be a text")
    assert lines[8].endswith("5: must be an object of keys and values")
    assert "said twice" in lines[9]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rules: []\n", "rules.yaml:1: must be a list of rules, each beginning with `- reason: ...`"),
        ("- reason: a\n  operation: *x\n", "rules.yaml:2: found undefined alias 'x'"),
        ("- !!python/object/apply:os.system [id]\n", "could not determine a constructor"),
        ("- " * 100, "nested deeper than"),
        (
            "- {reason: a, zzz: 1, kind: type}\n",
            "there are: reason, operation, where, kind, grade, cassette, status, until",
        ),
        (
            "- &a {reason: x, kind: type}\n- *a\n- <<: *a\n  status: '200'\n",
            "rules.yaml:4: 2.status: must be a whole number",
        ),
        ("- {reason: a, kind: type, status: yes}\n", "status: must be a whole number"),
    ],
)
def test_what_is_no_file_of_rules_is_refused_in_one_line(text: str, expected: str) -> None:
    lines = faults(text)

    assert len(lines) == 1
    assert expected in lines[0]
    assert "\n" not in lines[0]


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"- reason: \xff\xfe\n")
    (tmp_path / "large.yaml").write_bytes(b"#" * 300_000)
    (tmp_path / "good.yaml").write_bytes("\ufeff- {reason: é, kind: type}\n".encode())

    assert [rule.reason for rule in load(tmp_path / "good.yaml", TODAY).rules] == ["é"]
    for name, expected in (("none.yaml", "No such file"), ("bytes.yaml", "not UTF-8"), ("large.yaml", "too large")):
        with pytest.raises(Unusable, match=expected):
            load(tmp_path / name, TODAY)
    with pytest.raises(Unusable, match="cannot read"):
        load(tmp_path, TODAY)


def test_a_pattern_of_many_stars_does_not_take_forever() -> None:
    rule = Rule("x", where="*a" * 12 + "b" + "*" * 5_000)
    long = replace(TOKENS, where="$." + "a" * 200)

    assert not rule.matches(long, "", "a.yaml", 200)
