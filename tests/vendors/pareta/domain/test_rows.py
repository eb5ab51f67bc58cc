from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain import rows
from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.rows import EvalItem, Row, items_of, parse_rows, read_rows
from tests.vendors.pareta.domain.samples import json_values, task, valid

TEXTUAL = task()
VISUAL = Task(
    "kie", "field_f1", "extraction", True,
    {"input_schema": {"properties": {"document": {"type": "string", "format": "binary"}}}},
)  # fmt: skip


def lines(*values: Any) -> bytes:
    return "\n".join(json.dumps(value) for value in values).encode()


@pytest.mark.parametrize(
    ("row", "given", "expected"),
    [
        ({"input": "a", "expected": {"x": 1}}, {"contract_text": "a"}, {"x": 1}),
        ({"input": "a", "expected": "b"}, {"contract_text": "a"}, "b"),
        ({"input": {"k": "a"}, "expected": "b"}, {"k": "a"}, "b"),
        ({"text": "a", "target": {"x": 1}}, {"contract_text": "a"}, {"x": 1}),
        ({"prompt": "a", "reference": "b"}, {"contract_text": "a"}, "b"),
        ({"input": {"k": 1}, "expected_output": {"x": 1}}, {"k": 1}, {"x": 1}),
        ({"input": None, "text": "a", "expected": "b"}, {"contract_text": "a"}, "b"),
        ({"question": "a", "expected": "b"}, {"question": "a"}, "b"),
        ({"input": 7, "expected": 0}, {"contract_text": 7}, 0),
        ({"input": "a", "expected": False}, {"contract_text": "a"}, False),
        ({"input": "a", "expected": []}, {"contract_text": "a"}, []),
    ],
)
def test_older_generations_spell_rows_in_many_ways(row: Any, given: Any, expected: Any) -> None:
    assert parse_rows(lines(row), TEXTUAL, is_strict=False) == [EvalItem(0, given, expected)]


@pytest.mark.parametrize(
    ("row", "given"),
    [
        ({"expected": {"x": 1}}, {}),
        ({"target": {"x": 1}}, {}),
        ({"document": None, "expected": {"x": 1}}, {"document": None}),
        ({"input": None, "expected": {"x": 1}}, {}),
        ({"expected_output": {"x": 1}}, {}),
    ],
)
def test_rows_on_documents_may_lack_the_input(row: Any, given: Any) -> None:
    assert parse_rows(lines(row), VISUAL, is_strict=False) == [EvalItem(0, given, {"x": 1})]


@pytest.mark.parametrize(
    ("row", "given"),
    [
        ({"input": "INVOICE", "expected": {"x": 1}}, {"document": "INVOICE"}),
        ({"input": {"text": "INVOICE"}, "expected": {"x": 1}}, {"text": "INVOICE"}),
        ({"document": "gs://x/y", "expected": {"x": 1}}, {"document": "gs://x/y"}),
    ],
)
def test_rows_may_bring_their_document_themselves(row: Any, given: Any) -> None:
    assert parse_rows(lines(row), VISUAL, is_strict=False) == [EvalItem(0, given, {"x": 1}, has_document=True)]


def test_the_newest_spelling_counts_where_a_side_is_spelled_twice() -> None:
    row = {"prompt": "old", "text": "newer", "input": "newest", "reference": 1, "target": 2, "expected": 3}

    assert parse_rows(lines(row), TEXTUAL, is_strict=False) == [EvalItem(0, {"contract_text": "newest"}, 3)]
    assert parse_rows(lines({**row, "expected_output": 4}), TEXTUAL, is_strict=False)[0].expected == 4


def test_rows_can_be_read_before_their_task_is_known() -> None:
    read = read_rows(lines({"input": "a", "expected": "b"}, {"document": None, "expected": {}}), is_strict=False)

    assert read == [Row(1, "a", True, "b"), Row(2, {"document": None}, False, {})]
    assert items_of(read[:1], TEXTUAL) == [EvalItem(0, {"contract_text": "a"}, "b")]


def test_strictly_only_input_names_an_input() -> None:
    row = {"text": "a", "expected_output": {}}

    assert parse_rows(lines(row), VISUAL, is_strict=True) == [EvalItem(0, {"text": "a"}, {}, has_document=True)]
    with pytest.raises(Refused, match="line 1: `input` must be"):
        parse_rows(lines(row), TEXTUAL, is_strict=True)


@pytest.mark.parametrize(
    "row",
    [
        {"expected_output": {"x": 1}},
        {"document": None, "expected_output": {"x": 1}},
        {"input": {}, "expected_output": {"x": 1}},
    ],
)
def test_the_newest_generation_lets_documents_lack_the_input_too(row: Any) -> None:
    assert parse_rows(lines(row), VISUAL, is_strict=True)[0].expected == {"x": 1}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"input": "a", "expected_output": {}}, "`input` must be a JSON object"),
        ({"expected_output": {}}, "`input` must be a JSON object"),
        ({"input": {}, "expected_output": "b"}, "`expected_output` must be a JSON object"),
        ({"input": {}, "expected": {}}, "`expected_output` must be a JSON object"),
        ({"input": {}, "expected_output": None}, "`expected_output` must be a JSON object"),
    ],
)
def test_the_newest_generation_wants_two_objects(row: Any, message: str) -> None:
    good: dict[str, Any] = {"input": {}, "expected_output": {}}

    with pytest.raises(Refused) as refused:
        parse_rows(lines(good, row), TEXTUAL, is_strict=True)

    assert str(refused.value) == f"items: line 2: {message}"


def test_documents_with_an_input_need_an_object_there() -> None:
    with pytest.raises(Refused, match="line 1: `input` must be"):
        parse_rows(lines({"input": "a", "expected_output": {}}), VISUAL, is_strict=True)


DEEP = b"[" * 100 + b"]" * 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "the file has no rows"),
        (b"\n \n", "the file has no rows"),
        (b"{", "line 1 is not JSON"),
        (b'\n\n{"input": "a"', "line 3 is not JSON"),
        (b"[]", "line 1 must be a JSON object"),
        (b'"x"', "line 1 must be a JSON object"),
        (b'{"input": "a"}', "line 1 has no expected output"),
        (b'{"input": "a", "expected": null}', "line 1 has no expected output"),
        (b'{"expected": "b"}', "line 1 has no input"),
        (b'{"input": null, "text": null, "expected": "b", "prompt": "a"}\n{"expected": "b"}', "line 2 has no input"),
        (b'{"input": "a", "expected": NaN}', "line 1 is not JSON: NaN"),
        (b'{"input": "a", "expected": -Infinity}', "line 1 is not JSON: -Infinity"),
        (b'{"input": "a", "expected": 1e400}', "line 1 is not JSON"),
        (b'{"input": "a", "expected": -1e400}', "line 1 is not JSON"),
        (b'{"input": "a", "expected": 1' + b"0" * 400 + b"}", "line 1 is not JSON"),
        (b'{"input": "a", "expected": 1' + b"0" * 5000 + b"}", "line 1 is not JSON"),
        (b'{"input": "a", "expected": "\\ud800"}', "line 1 is not JSON"),
        (b'{"input": {"\\uDC00": 1}, "expected": "b"}', "line 1 is not JSON"),
        (b'{"input": "a", "expected": ' + DEEP + b"}", "line 1 is not JSON"),
        (b'{"input": "a", "expected": ' + DEEP * 100 + b"}", "line 1 is not JSON"),
        (b'{"input": "a", "expected": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "line 1 is not JSON"),
        (b'{"input": "a", "expected": "\xff"}', "not UTF-8 at byte 28"),
        (b'\xef\xbb\xbf{"input": "a", "expected": "\xff"}', "not UTF-8 at byte 31"),
        ('{"input": "a", "expected": "b"}'.encode("utf-16"), "not UTF-8 at byte 0"),
        (b'{"input": "a", "expected": "b"}{"input": "a", "expected": "b"}', "line 1 is not JSON"),
        (b'{"input": "a", "expected": "b", "input": "c"}', 'line 1 is not JSON: the name "input" stands twice'),
        (b'{"input": {"k": 1, "k": 1}, "expected": "b"}', 'line 1 is not JSON: the name "k" stands twice'),
        (b'{"input": null, "expected": "b"}', "line 1 has no input"),
    ],
)
def test_faulty_files_are_refused_with_the_line_at_fault(text: bytes, message: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_rows(text, TEXTUAL, is_strict=False)

    assert str(refused.value).startswith(f"items: {message}")


def test_blank_lines_and_carriage_returns_do_not_count_as_rows() -> None:
    text = b'\n{"input": "a", "expected": "b"}\r\n\r\n  \n{"input": "c", "expected": "d"}\r\n'

    assert parse_rows(text, TEXTUAL, is_strict=False) == [
        EvalItem(0, {"contract_text": "a"}, "b"),
        EvalItem(1, {"contract_text": "c"}, "d"),
    ]


def test_a_byte_order_mark_is_passed_over() -> None:
    text = b"\xef\xbb\xbf" + lines({"input": "a", "expected": "b"})

    assert parse_rows(text, TEXTUAL, is_strict=False) == [EvalItem(0, {"contract_text": "a"}, "b")]
    with pytest.raises(Refused, match="has no rows"):
        parse_rows(b"\xef\xbb\xbf", TEXTUAL, is_strict=False)


def test_an_escaped_pair_of_surrogates_is_one_character() -> None:
    text = b'{"input": "a", "expected": "\\ud83d\\ude00"}'

    assert parse_rows(text, TEXTUAL, is_strict=False)[0].expected == "\U0001f600"


@given(st.text(valid, min_size=1))
def test_no_character_inside_a_string_ends_its_line(value: str) -> None:
    text = json.dumps({"input": value, "expected": value}, ensure_ascii=False).encode()

    assert parse_rows(text + b"\n" + text, TEXTUAL, is_strict=False) == [
        EvalItem(n, {"contract_text": value}, value) for n in range(2)
    ]


def test_as_many_rows_as_allowed_but_not_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_ROWS", 3)
    row = {"input": "a", "expected": "b"}

    assert len(parse_rows(lines(row, row, row) + b"\n\n", TEXTUAL, is_strict=False)) == 3
    with pytest.raises(Refused, match="more than 3 rows"):
        parse_rows(lines(row, row, row, row), TEXTUAL, is_strict=False)


def test_as_long_a_row_and_file_as_allowed_but_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    line = lines({"input": "a", "expected": "b"})
    monkeypatch.setattr(rows, "MAX_ROW_CHARACTERS", len(line))
    monkeypatch.setattr(rows, "MAX_FILE_BYTES", 2 * len(line) + 2)

    assert len(parse_rows(line + b"\n" + line + b"\n", TEXTUAL, is_strict=False)) == 2
    with pytest.raises(Refused, match=f"line 2 is longer than {len(line)} characters"):
        parse_rows(line + b"\n" + line + b" ", TEXTUAL, is_strict=False)
    with pytest.raises(Refused, match=f"the file is larger than {2 * len(line) + 2} bytes"):
        parse_rows(line + b"\n" + line + b"\n\n", TEXTUAL, is_strict=False)


# Any file, against what it was written from

INPUTS = st.sampled_from(["input", "text", "prompt"])
OUTPUTS = st.sampled_from(["expected_output", "expected", "target", "reference"])
SOMETHING = json_values.filter(lambda value: value is not None)
WRITTEN = st.tuples(INPUTS, SOMETHING, OUTPUTS, SOMETHING, st.booleans())
SPACES = st.sampled_from(["", "\n", "\r\n", " \t\n", "\n\n"])


def written(row: tuple[str, Any, str, Any, bool]) -> str:
    name, given, expected_name, expected, is_escaped = row
    return json.dumps({name: given, expected_name: expected}, ensure_ascii=is_escaped)


@given(st.lists(st.tuples(WRITTEN, SPACES), min_size=1, max_size=6), st.booleans())
def test_what_was_written_is_what_is_read(content: list[tuple[Any, str]], has_mark: bool) -> None:
    text = "\n".join(space + written(row) for row, space in content)

    items = parse_rows(b"\xef\xbb\xbf" * has_mark + text.encode(), TEXTUAL, is_strict=False)

    assert items == [
        EvalItem(idx, value if isinstance(value, dict) else {"contract_text": value}, expected)
        for idx, ((_, value, _, expected, _), _) in enumerate(content)
    ]


@given(
    st.lists(WRITTEN, max_size=4),
    st.lists(WRITTEN, max_size=2),
    st.sampled_from(
        ['{"input": 1', "7", '{"input": 1}', '{"expected": 1}', '{"a": 1, "a": 1}', "nil", '{"input": .5}']
    ),
)
def test_one_wrong_row_is_named_by_its_line(before: list[Any], after: list[Any], wrong: str) -> None:
    text = "\n".join([*map(written, before), wrong, *map(written, after)])

    with pytest.raises(Refused) as refused:
        parse_rows(text.encode(), TEXTUAL, is_strict=False)

    assert str(refused.value).startswith(f"items: line {len(before) + 1} ")


@given(st.binary(max_size=60))
def test_whatever_is_sent_is_read_or_refused(data: bytes) -> None:
    try:
        read = parse_rows(data, TEXTUAL, is_strict=False)
    except Refused:
        read = []

    assert [item.idx for item in read] == list(range(len(read)))
