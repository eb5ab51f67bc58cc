from __future__ import annotations

import re
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver import resources
from mockserver.kernel.errors import Unusable
from mockserver.kernel.windows import parse_instant
from mockserver.kernel.world import Beginning
from mockserver.simulation.planning import read
from mockserver.simulation.script import FaultyScript, load
from mockserver.vendors.registry import vendors


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.yaml"


def test_a_script_says_how_worlds_begin(path: Path) -> None:
    path.write_text("name: x\npurpose: y\nseed: 3\nclock: {mode: x60, at: 2026-05-01T00:00:00Z}\n")

    assert load(path).beginning == Beginning(3, "scaled", 60.0, parse_instant("2026-05-01T00:00:00Z"))


def test_what_is_left_out_is_as_without_a_script(path: Path) -> None:
    path.write_text("name: x\npurpose: y\n")

    script = load(path)

    assert script.beginning == Beginning()
    assert script.start.balance_usd is None


@pytest.mark.parametrize("written", ["0.09", '"0.09"', "'0.09'"])
def test_an_amount_is_taken_as_it_is_written(path: Path, written: str) -> None:
    path.write_text(f"name: x\npurpose: y\nstart: {{balance_usd: {written}}}\n")

    assert load(path).start.balance_usd == "0.09"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["1: must be an object"]),
        ("- a\n", ["1: must be an object"]),
        ("name: x\n", ["1: purpose: must be said"]),
        ("name: x\npurpose: y\ntypo: 1\n", ["3: typo: no such key; there are: name, purpose, "]),
        ("name: x\npurpose: y\nclock:\n  at: today\n", ["4: clock.at: 'today' is not an ISO 8601"]),
        ("name: x\npurpose: y\nclock:\n  mode: x9999999\n", ["4: clock.mode: 'x9999999' is not a clock"]),
        ("name: x\npurpose: y\nstart:\n  balance_usd: -1\n", ["4: start.balance_usd: a balance is not below zero"]),
        ("name: x\npurpose: y\nstart:\n  balance_usd: 0.0000001\n", ["4: start.balance_usd: '0.0000001' is finer"]),
        ("name: x\npurpose: y\nclock: [1]\n", ["3: clock: must be an object"]),
        ("name: x\n  purpose: y\n", ["2: mapping values are not allowed"]),
        ("name: !!python/name:os.system x\npurpose: y\n", ["1: could not determine a constructor"]),
        ("name: \x00\n", ["1: "]),
        ("name: x\npurpose: y\nseed: z\nmore: 1\n", ["3: seed: must be a whole number", "4: more: no such key"]),
    ],
)
def test_every_fault_is_named_with_its_file_and_line(path: Path, text: str, faults: list[str]) -> None:
    path.write_text(text)

    with pytest.raises(FaultyScript) as caught:
        load(path)

    assert len(caught.value.lines) == len(faults)
    for line, fault in zip(caught.value.lines, faults, strict=True):
        assert line.startswith(f"{path}:{fault}")


@pytest.mark.parametrize(
    ("part", "faults"),
    [
        ("sed: 1\n", ["3: sed: no such key; did you mean seed?"]),
        ("traffic:\n  uses:\n    - endpoin: auto\n", [
            "3: traffic.calls_per_day: must be said",
            "5: traffic.uses.0.endpoint: must be said",
            "5: traffic.uses.0.endpoin: no such key; did you mean endpoint?",
        ]),
        ("integrator:\n  delay: {median: 1s, p9: 2s}\n", [
            "4: integrator.delay.p99: must be said",
            "4: integrator.delay.p9: no such key; did you mean p99?",
        ]),
        ("clock: {at: 2026-02-30T00:00:00Z}\n", ["3: clock.at: '2026-02-30T00:00:00Z' is not an ISO"]),
        ("seed: 9223372036854775808\n", ["3: seed: must be at most 9223372036854775807"]),
        ("length: 40\n", ["3: length: must say how long with a unit, such as 90s"]),
        ("length: 40 days\n", ["3: length: '40 days' is not a duration such as 90s"]),
        ("customers: {count: 10000}\n", ["3: customers.count: 10000 customers are too many"]),
        ("customers:\n  utc_offsets: {+01:00: 0}\n", ["4: customers.utc_offsets: at least one of them"]),
        ("customers:\n  utc_offsets:\n    +25:00: 1\n", ["5: customers.utc_offsets.+25:00: must look like ^[+-]"]),
        ("integrator: {forgets: 0.6, doubles: 0.5}\n", ["3: integrator: forgets, doubles and overstates are shares"]),
        ("wallet:\n  auto:\n    below_usd: 1\n    usd: 0\n", ["6: wallet.auto.usd: must be above 0"]),
        ("name: z\n", ["3: name: said twice; first in line 1"]),
        ("steps:\n  - {request: FETCH /x, at: +1d}\n", ["4: steps.0.request: must look like ^(GET"]),
        ("steps:\n  - {request: GET /x, body: {a: 0.1234567890123456789}}\n", ["4: steps.0.body: 0.12345678"]),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_what_would_be_right(path: Path, part: str, faults: list[str]) -> None:
    path.write_text(f"name: x\npurpose: y\n{part}")

    with pytest.raises(FaultyScript) as caught:
        load(path)

    assert len(caught.value.lines) == len(faults)
    for line, fault in zip(caught.value.lines, faults, strict=True):
        assert line.startswith(f"{path}:{fault}")


@pytest.mark.parametrize(
    ("traffic", "fault"),
    [
        ("calls_per_day: -5, uses: [{endpoint: auto}]", "traffic.calls_per_day: must be above 0"),
        ("calls_per_day: .inf, uses: [{endpoint: auto}]", "traffic.calls_per_day: must be a number"),
        ("calls_per_day: 5, uses: []", "traffic.uses: must have at least 1 of them, and has 0"),
        ("calls_per_day: 5, uses: [{endpoint: auto, share: -1}]", "traffic.uses.0.share: must be 0 or more"),
        (
            "calls_per_day: 5, uses: [{endpoint: auto, share: 0}]",
            "traffic.uses: at least one of them must have a share",
        ),
        (
            "calls_per_day: 5, uses: [{endpoint: auto}], hours: [1, 2]",
            "traffic.hours: must have at least 24 of them, and",
        ),
        (
            "calls_per_day: 5, uses: [{endpoint: auto}], weekdays: [0, 0, 0, 0, 0, 0, 0]",
            "traffic.weekdays: at least one of them must be above 0",
        ),
        (
            "calls_per_day: 5, uses: [{endpoint: auto, prompt_tokens: {median: 5, p99: 5}}]",
            "traffic.uses.0.prompt_tokens: p99 must be above the median",
        ),
        (
            "calls_per_day: 5, uses: [{endpoint: auto}], conversation: {think_time: {median: 9s, p99: 2s}}",
            "traffic.conversation.think_time: p99 must be above the median",
        ),
        (
            "calls_per_day: 5, uses: [{endpoint: auto}], holidays: [{date: 2026-02-30}]",
            "traffic.holidays.0.date: '2026-02-30' is no day",
        ),
    ],
)
def test_traffic_that_cannot_be_is_one_line(path: Path, traffic: str, fault: str) -> None:
    path.write_text(f"name: x\npurpose: y\ntraffic: {{{traffic}}}\n")

    with pytest.raises(FaultyScript) as caught:
        load(path)

    (line,) = caught.value.lines
    assert line.startswith(f"{path}:3: {fault}")


def test_what_only_looks_like_a_number_or_a_time_stays_text(path: Path) -> None:
    path.write_text(
        "name: no\npurpose: 10:30\nexpect: 2026-05-01\n"
        "customers: {utc_offsets: {+10:00: 1, -05:00: 0.5}}\n"
        "events: [{type: 1.0, data: {version: '1.0', rate: 1.0, on: yes, n: 010}}]\n"
    )

    script = load(path)

    assert (script.name, script.purpose, script.expect) == ("no", "10:30", "2026-05-01")
    assert script.customers.utc_offsets == {"+10:00": 1.0, "-05:00": 0.5}
    assert script.events[0].type == "1.0"
    data = script.events[0].data
    assert data == {"version": "1.0", "rate": Decimal("1.0"), "on": "yes", "n": Decimal("010")}
    assert isinstance(data["rate"], Decimal)


def test_numbers_of_a_request_are_numbers(path: Path) -> None:
    path.write_text(
        "name: x\npurpose: y\nstart: {requests: [{request: POST /x, body: {a: [0.25, 1, '0.25', 1e-3]}}]}\n"
    )

    assert load(path).start.requests[0].body == {"a": [0.25, 1, "0.25", 0.001]}


def test_what_was_merged_in_is_blamed_where_it_is_written(path: Path) -> None:
    path.write_text(
        "name: x\npurpose: y\ntraffic:\n  calls_per_day: 5\n  uses:\n"
        "    - &use\n      endpoint: auto\n    - <<: *use\n      shar: 2\n"
    )

    with pytest.raises(FaultyScript) as caught:
        load(path)

    assert caught.value.lines == [f"{path}:9: traffic.uses.1.shar: no such key; did you mean share?"]


HOSTILE = {
    "tags": ("name: !!python/object/apply:os.system ['true']\npurpose: y\n", "1: could not determine a constructor"),
    "own tags": ("name: !secret x\npurpose: y\n", "1: could not determine a constructor"),
    "a bomb of aliases": (
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)),
        "5: too large: more than 100000 values, with all that aliases stand for",
    ),
    "an alias of itself": ("name: x\npurpose: &p [*p]\n", "2: an alias stands for something it is part of"),
    "nesting": (f"name: x\npurpose: {'[' * 5000}\n", "2: nested deeper than 40 levels"),
    "nesting by lines": ("".join(f"{' ' * n}a:\n" for n in range(200)), "40: nested deeper than 40 levels"),
    "a number without an end": (f"name: x\npurpose: y\nseed: {'9' * 5000}\n", "1: Exceeds the limit"),
    "size": ("#" * 300_000, "1: too large for a scenario: 262144 bytes are the most"),
    "two documents": ("name: x\n---\nname: y\n", "2: but found another document"),
    "half a letter": ('name: x\npurpose: "\\ud800"\n', "2: a text with half a surrogate pair"),
    "control characters": ("name: \x1b[31m\n", "1: unacceptable character"),
    "a key that is a list": ("? [a, b]\n: c\n", "1: "),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_one_clear_line(path: Path, kind: str) -> None:
    text, fault = HOSTILE[kind]
    path.write_text(text)

    with pytest.raises(FaultyScript) as caught:
        load(path)

    assert len(caught.value.lines) == 1
    assert caught.value.lines[0].startswith(f"{path}:{fault}")
    assert "\n" not in caught.value.lines[0]
    assert len(caught.value.lines[0]) < 400


_WRITTEN = st.sampled_from([
    "-1", "0", "1e400", ".5", "null", "[]", "{}", "'x'", "true", "+5d", "+0s", "2026-02-30", "9999-12-31T00:00:00Z",
    "&a x", "*a", "!!int 3", "9" * 30, '"\\ud800"', "[[[]]]", "{a: {b: c}}", "- x", "? y", ": z", "+99999999d", "-5m",
    "P1D", "+P",
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(resources.scenario_names()), data=st.data())
def test_a_damaged_file_is_read_or_refused_line_by_line(name: str, data: st.DataObject) -> None:
    lines = resources.scenario(name).read_text("utf-8").splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(lines) - 1))
        how = data.draw(st.sampled_from(["value", "whole", "twice"]))
        if how == "value":
            lines[place] = f"{lines[place].partition(':')[0]}: {data.draw(_WRITTEN)}"
        else:
            lines[place : place + 1] = [] if how == "whole" and len(lines) > 1 else [lines[place]] * 2

    faults = _faults("\n".join(lines))

    assert faults is None or faults
    assert all(re.fullmatch(r"s\.yaml:\d+: .+", line) for line in faults or ())


def _faults(text: str) -> list[str] | None:
    """Return what is wrong with a scenario, `None` for nothing."""
    try:
        read(text, "s.yaml", vendors())
    except FaultyScript as faulty:
        return faulty.lines
    return None


def test_a_huge_file_is_not_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    tracemalloc.start()
    try:
        with pytest.raises(FaultyScript, match="too large for a scenario"):
            load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 4 * 1024 * 1024


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xfa"])
def test_a_file_that_cannot_be_read_is_unusable(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(Unusable, match="cannot read"):
        load(path)


@pytest.mark.parametrize("name", resources.scenario_names())
def test_shipped_scenarios_are_named_as_their_files(name: str) -> None:
    script = load(resources.scenario(name))

    assert script.name == name
    assert script.purpose
