"""A verdict written down: for people, for programs, and as JUnit XML.

The report for programs is one JSON object. Members may be added to it; one that goes or changes makes another `format`.

- `format`: 1.
- `clean`: whether no difference was found that counts.
- `interactions`: how many were `checked`, and how many of these had each outcome: `same`, `differs`, `ignored`,
  `not_comparable`, `not_simulated`.
- `differences`: how many that count there are, by grade: `breaking`, `additive`, `value`.
- `found`: each of them, worst first: `operation`, `kind`, `grade`, `where`, `recorded`, `simulated`, `note`,
  `interactions` and `times` (how many have it, and how often in all), `first` (where it was met first).
- `ignored`: likewise those that do not count, each with the `line` and `reason` of its rule.
- `not_compared`: `outcome`, `operation`, `reason`, `interactions`, `first`.
- `cassettes`: `path`, and how many interactions of it had each outcome; the last is `(others)` of very many.
- `details`: interactions that were not the same: `place`, `method`, `path`, `operation`, `status`, `outcome`, `reason`,
  `differences` (`kind`, `grade`, `where`).
- `coverage`: `operations` there are, how many are `covered`, and the `uncovered`: `operation`, `method`, `path`.
- `rules`: the `file`, and those `unused` and `expired`: `line`, `reason`, `about`.
- `left_out`: how many of what is kept within bounds are not there: `found`, `details`, `not_compared`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.etree import ElementTree

from mockserver.cassettes.finding import Grade, cut
from mockserver.cassettes.ignoring import Rule
from mockserver.cassettes.verdicts import FORMAT, GRADES, OUTCOMES, Case, Found, Json, Outcome, Passed, Verdict

MAX_LINES = 100
"""Differences of one grade that the report for people lists."""

_MEANING: Mapping[Grade, str] = {
    "breaking": "a client that was tested on the simulator fails in reality",
    "additive": "reality has it and the simulator does not",
    "value": "of one form, with another value",
}
_WIDEST = 56
"""Characters of a column; what is longer shifts the rest of its line."""


def text(verdict: Verdict) -> str:
    """Return the report for people."""
    parts = [_summary(verdict)]
    for grade in GRADES:
        found = [each for each in verdict.found() if each.example.grade == grade]
        if found:
            count = len(found) + verdict.left_out[grade]
            parts.append(f"{grade} ({_counted(count, 'difference')}): {_MEANING[grade]}\n{_table(found)}")
    ignored = verdict.found(is_ignored=True)
    if ignored:
        rules = dict.fromkeys(each.rule for each in ignored if each.rule is not None)
        lines = [f"  {_named(verdict, rule)}: {verdict.uses(rule)}x, {cut(rule.reason, 120)}" for rule in rules]
        parts.append(f"ignored ({_counted(len(ignored), 'difference')}):\n" + "\n".join(lines))
    for outcome in OUTCOMES:
        passed = verdict.passed(outcome)
        if passed:
            parts.append(_not_compared(outcome, passed))
    if verdict.coverage:
        parts.append(_coverage(verdict))
    notes = [f"  {_named(verdict, rule)} met nothing: it can go ({rule})" for rule in verdict.unused]
    notes += [f"  {_named(verdict, rule)} ended on {rule.until}: it no longer counts" for rule in verdict.rules.expired]
    if notes:
        parts.append("rules:\n" + "\n".join(notes))
    parts.append(_next(verdict))
    return "\n\n".join(parts) + "\n"


def _summary(verdict: Verdict) -> str:
    named: Mapping[Outcome, str] = {"differs": "differ"}
    counts = [f"{verdict.outcomes[each]} {named.get(each, each)}" for each in OUTCOMES if verdict.outcomes[each]]
    cassettes = _counted(len(verdict.cassettes), "cassette")
    return f"checked {_counted(verdict.checked, 'interaction')} of {cassettes}: {', '.join(counts) or 'nothing'}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _table(found: Sequence[Found]) -> str:
    shown = found[:MAX_LINES]
    rows = [
        (f"{each.interactions}x", each.example.kind.replace("_", " "), each.example.where, _said(each))
        for each in shown
    ]
    widths = [min(max(len(row[n]) for row in rows), _WIDEST) for n in range(3)]
    lines, operations = [], dict.fromkeys(each.operation for each in shown)
    for operation in operations:
        lines.append(f"  {operation or '(no operation)'}")
        for each, row in zip(shown, rows, strict=True):
            if each.operation == operation:
                left = f"{row[0]:>{widths[0]}}  {row[1]:{widths[1]}}  {row[2]:{widths[2]}}"
                lines.append(f"    {left}  {_before(row[3])}first: {each.first}")
    if len(found) > len(shown):
        lines.append(f"  … and {len(found) - len(shown)} more, which the JSON report lists")
    return "\n".join(lines)


def _said(found: Found) -> str:
    example = found.example
    parts = [f"recorded {example.recorded}"] if example.recorded else []
    parts += [f"simulated {example.simulated}"] if example.simulated else []
    said = ", ".join(parts)
    return f"{said} ({example.note})" if said and example.note else said or example.note


def _before(said: str) -> str:
    return f"{said}; " if said else ""


def _named(verdict: Verdict, rule: Rule) -> str:
    return f"{verdict.rules.path}:{rule.line}"


def _not_compared(outcome: str, passed: Sequence[Passed]) -> str:
    width = max(len(each.operation) for each in passed[:MAX_LINES])
    count = sum(each.interactions for each in passed)
    lines = [
        f"  {each.interactions}x  {each.operation:{width}}  {_before(each.reason)}first: {each.first}"
        for each in passed[:MAX_LINES]
    ]
    if len(passed) > MAX_LINES:
        lines.append(f"  … and {len(passed) - MAX_LINES} more reasons")
    return f"{outcome} ({_counted(count, 'interaction')}), which does not count:\n" + "\n".join(lines)


def _coverage(verdict: Verdict) -> str:
    vendors: dict[str, list[tuple[str, int]]] = {}
    for each in verdict.coverage:
        vendor, _, name = each.operation.partition(".")
        vendors.setdefault(vendor, []).append((name, each.interactions))
    lines = []
    for vendor, operations in vendors.items():
        missing = [name for name, interactions in operations if not interactions]
        covered = len(operations) - len(missing)
        lines.append(f"  {vendor}: {covered} of {_counted(len(operations), 'documented operation')}")
        if missing:
            lines += _wrapped("    not: ", missing)
    return "coverage:\n" + "\n".join(lines)


def _wrapped(start: str, names: Iterable[str]) -> Iterator[str]:
    line = start
    for n, name in enumerate(names):
        piece = name if n == 0 else f", {name}"
        if len(line) + len(piece) > 118:
            yield f"{line},"
            line, piece = " " * len(start), name
        line += piece
    yield line


def _next(verdict: Verdict) -> str:
    if not verdict.checked:
        return "next: there was nothing to check; does the cassette hold interactions with the vendors?"
    if verdict.is_clean:
        if not verdict.outcomes["same"] and not verdict.outcomes["ignored"]:
            return "next: nothing could be compared; record from the beginning, so that what is asked for is made first"
        return "no difference that counts"
    found = verdict.found()
    if not found:
        return "next: there are more differences than are told apart; check fewer cassettes at a time"
    worst = found[0]
    rule = ["- reason: why it is all right", f"  operation: {_quoted(worst.operation)}"] if worst.operation else []
    rule = [*(rule or ["- reason: why it is all right"]), f"  where: {_quoted(worst.example.where)}"]
    rule.append(f"  kind: {worst.example.kind}")
    return (
        "next: where the recording is right, the simulator is to change (a copy of the interaction shows it);\n"
        "      what you can live with goes into a file of rules, such as\n"
        + "\n".join(f"        {each}" for each in rule)
    )


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def json_report(verdict: Verdict) -> Json:
    """Return the report for programs."""
    left_out = Counter(verdict.left_out)
    bounded = {
        "found": sum(left_out[grade] for grade in GRADES),
        "details": left_out["details"],
        "not_compared": left_out["not_compared"],
    }
    return {
        "format": FORMAT,
        "clean": verdict.is_clean,
        "interactions": {"checked": verdict.checked, **_outcomes(verdict.outcomes)},
        "differences": dict(verdict.sums),
        "found": [_found(each) for each in verdict.found()],
        "ignored": [
            {**_found(each), "line": each.rule.line, "reason": each.rule.reason}
            for each in verdict.found(is_ignored=True)
            if each.rule is not None
        ],
        "not_compared": [
            {
                "outcome": _key(each.outcome),
                "operation": each.operation,
                "reason": each.reason,
                "interactions": each.interactions,
                "first": each.first,
            }
            for outcome in OUTCOMES
            for each in verdict.passed(outcome)
        ],
        "cassettes": [{"path": path, **_outcomes(outcomes)} for path, outcomes in verdict.cassettes.items()],
        "details": [{**each, "outcome": _key(each["outcome"])} for each in verdict.details],
        "coverage": {
            "operations": len(verdict.coverage),
            "covered": len(verdict.coverage) - len(verdict.uncovered),
            "uncovered": [
                {"operation": each.operation, "method": each.method, "path": each.path} for each in verdict.uncovered
            ],
        },
        "rules": {
            "file": verdict.rules.path or None,
            "unused": [_rule(rule) for rule in verdict.unused],
            "expired": [_rule(rule) for rule in verdict.rules.expired],
        },
        "left_out": bounded,
    }


def _outcomes(counts: Counter[Outcome]) -> Json:
    return {_key(outcome): counts[outcome] for outcome in OUTCOMES}


def _key(outcome: str) -> str:
    return outcome.replace(" ", "_")


def _found(found: Found) -> Json:
    example = found.example
    return {
        "operation": found.operation,
        "kind": example.kind,
        "grade": example.grade,
        "where": example.where,
        "recorded": example.recorded,
        "simulated": example.simulated,
        "note": example.note,
        "interactions": found.interactions,
        "times": found.times,
        "first": found.first,
    }


def _rule(rule: Rule) -> Json:
    return {"line": rule.line, "reason": rule.reason, "about": f"{rule}"}


# JUnit

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(verdict: Verdict) -> bytes:
    """Return the report as JUnit XML: a suite for each cassette, a test for each operation in it.

    A test fails if any of its interactions differs, and is skipped if none of them could be compared.
    """
    root = ElementTree.Element("testsuites", {"name": "mockserver check"})
    suites: dict[str, list[Case]] = {}
    for case in verdict.cases:
        suites.setdefault(case.cassette, []).append(case)
    totals: Counter[str] = Counter()
    for cassette, cases in suites.items():
        suite = ElementTree.SubElement(root, "testsuite", {"name": _xml(cassette)})
        counts: Counter[str] = Counter()
        for case in cases:
            counts["tests"] += 1
            counts[_add_case(suite, case)] += 1
        for name in ("tests", "failures", "errors", "skipped"):
            suite.set(name, f"{counts[name]}")
        suite.set("time", "0")
        totals += counts
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, f"{totals[name]}")
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add_case(suite: ElementTree.Element, case: Case) -> str:
    name = case.operation or "(no operation)"
    element = ElementTree.SubElement(
        suite, "testcase", {"classname": _xml(case.cassette), "name": _xml(name), "time": "0"}
    )
    if case.outcomes["differs"]:
        grades = [grade for grade in GRADES if any(each.example.grade == grade for each in case.found)]
        sums = Counter(each.example.grade for each in case.found)
        message = ", ".join(f"{sums[grade]} {grade}" for grade in grades) or "more differences than are told apart"
        failure = ElementTree.SubElement(element, "failure", {"message": message, "type": grades[0] if grades else ""})
        lines = [
            f"{each.example.grade}: {each.example.kind.replace('_', ' ')} at {each.example.where}: {_said(each)}; "
            f"in {_counted(each.interactions, 'interaction')} in all, first: {each.first}"
            for each in sorted(case.found, key=lambda each: GRADES.index(each.example.grade))[:MAX_LINES]
        ]
        failure.text = _xml("\n".join(lines))
        return "failures"
    if not case.outcomes["same"] and not case.outcomes["ignored"]:
        ElementTree.SubElement(element, "skipped", {"message": _xml(cut(case.reason, 200))})
        return "skipped"
    return "passes"


def _xml(value: str) -> str:
    return _NOT_XML.sub("�", value)
