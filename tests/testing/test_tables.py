from __future__ import annotations

from mockserver.testing.tables import MAX_CELL, table


def test_columns_are_aligned_and_numbers_stand_to_the_right() -> None:
    shown = table(["seq", "operation", "status"], [[7, "a.b", 200], [12, "c", None]])

    assert shown.splitlines() == [
        "seq  operation  status",
        "  7  a.b           200",
        " 12  c               -",
    ]


def test_columns_in_which_nobody_says_anything_are_left_out() -> None:
    assert table(["seq", "key", "note"], [[1, None, ""], [2, None, ""]]).splitlines() == ["seq", "  1", "  2"]


def test_rows_that_are_left_out_are_counted() -> None:
    assert table(["seq"], [[1]], more=3).splitlines()[-1] == "... and 3 more"


def test_a_long_cell_is_cut_and_stays_on_one_line() -> None:
    _, line = table(["why"], [["two\nlines " + "x" * MAX_CELL]]).splitlines()

    assert line.startswith("two lines xxx")
    assert line.endswith("...")
    assert len(line) == MAX_CELL
