from __future__ import annotations

from collections import Counter
from itertools import islice
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.statements import (
    ROWS,
    Column,
    Table,
    canonical,
    database_of,
    is_ordered,
    is_repeatable,
    is_same,
    row_key,
    sql_mistakes,
    sql_of,
    with_sql,
)

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country VARCHAR(20));
create table if not exists "orders" (
    id SERIAL, -- numbered
    customer_id INTEGER REFERENCES customers(id),
    total DECIMAL(10, 2) DEFAULT 0.0,
    placed_on DATE,
    PRIMARY KEY (id),
    FOREIGN KEY (customer_id) REFERENCES customers (id)
);
"""
CUSTOMERS = (Column("id", "INTEGER", is_key=True), Column("name", "TEXT"), Column("country", "TEXT"))
ORDERS = (
    Column("id", "INTEGER", is_key=True),
    Column("customer_id", "INTEGER", refers=True),
    Column("total", "REAL"),
    Column("placed_on", "TEXT"),
)


def tables(schema: Any, sql: str = "SELECT 1", **given: Any) -> dict[str, Table]:
    database = database_of({"question": "?", "schema": schema, **given}, sql)
    return {table.name: table for table in database.tables} if database else {}


# Answers


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        ("SELECT 1;", "SELECT 1"),
        ({"sql": " SELECT 1 ; "}, "SELECT 1"),
        ({"query": "SELECT 2"}, "SELECT 2"),
        ({"note": "by hand", "sql": "SELECT 3"}, "SELECT 3"),
        ({"answer": "SELECT 4"}, "SELECT 4"),
        ({"sql": 5}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_the_statement_in_an_answer(value: Any, sql: str) -> None:
    assert sql_of(value) == sql


def test_another_statement_takes_the_place_of_the_first() -> None:
    assert with_sql("SELECT 1", "SELECT 2") == "SELECT 2"
    assert with_sql({"note": "x", "query": "SELECT 1"}, "SELECT 2") == {"note": "x", "query": "SELECT 2"}
    assert with_sql({"n": 1}, "SELECT 2") == {"n": 1, "sql": "SELECT 2"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("select  A from t;", "SELECT a\nFROM T", True),
        ("SELECT a FROM t -- why\n", "SELECT a FROM t", True),
        ("SELECT 'A'", "SELECT 'a'", False),
        ("SELECT a FROM t", "SELECT b FROM t", False),
        ("SELECT a<b", "SELECT a < b", True),
    ],
)
def test_statements_are_compared_without_their_form(one: str, other: str, same: bool) -> None:
    assert (canonical(one) == canonical(other)) is same


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("SELECT a FROM t order\nby a", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a)", False),
        ("SELECT max(a) OVER (ORDER BY b) FROM t", False),
        ("SELECT 'order by' FROM t", False),
        ("SELECT a FROM t", False),
    ],
)
def test_order_matters_only_where_the_statement_asks_for_it(sql: str, ordered: bool) -> None:
    assert is_ordered(sql) is ordered


@pytest.mark.parametrize(
    ("sql", "repeatable"),
    [
        ("SELECT date('now')", False),
        ("SELECT NOW()", False),
        ("SELECT * FROM t WHERE day < CURRENT_DATE", False),
        ("SELECT random()", False),
        ("SELECT random FROM t", True),
        ("SELECT knowledge FROM t", True),
    ],
)
def test_what_asks_for_the_present_or_for_chance_is_not_repeatable(sql: str, repeatable: bool) -> None:
    assert is_repeatable(sql) is repeatable


# The database


def test_tables_are_read_from_create_table_statements_of_any_dialect() -> None:
    found = tables(SHOP)

    assert found["customers"].columns == CUSTOMERS
    assert found["orders"].columns == ORDERS


@pytest.mark.parametrize(
    ("schema", "columns"),
    [
        ("orders(id, customer_id, total REAL, placed_on DATE)", ORDERS),
        ("- table orders: id, customer_id, total, placed_on date\n- others: a", ORDERS),
        ({"orders": ["id", "customer_id", "total", "placed_on date"]}, ORDERS),
        ({"orders": {"id": "int", "customer_id": "int", "total": "numeric", "placed_on": None}}, ORDERS),
        ('CREATE TABLE `shop`.`orders` (`id` int, [customer_id] int, "total" real, placed_on text)', ORDERS),
        ("CREATE TABLE orders (id int, customer_id int, total real, placed_on text, total text)", ORDERS),
    ],
)
def test_tables_are_read_from_briefer_forms_too(schema: Any, columns: tuple[Column, ...]) -> None:
    assert tables(schema)["orders"].columns == columns


@pytest.mark.parametrize(
    ("column", "affinity"),
    [
        ("a BIGINT", "INTEGER"),
        ("a BOOLEAN", "INTEGER"),
        ("a DOUBLE PRECISION", "REAL"),
        ("a money", "REAL"),
        ("a varchar(5)", "TEXT"),
        ("a timestamp", "TEXT"),
        ("a", "TEXT"),
        ("unit_price", "REAL"),
        ("owner_id", "INTEGER"),
        ("a NOT NULL", "TEXT"),
    ],
)
def test_what_a_column_holds_follows_from_its_type_or_its_name(column: str, affinity: str) -> None:
    assert tables(f"CREATE TABLE t ({column})")["t"].columns[0].affinity == affinity


@pytest.mark.parametrize(
    "schema", ["", "no tables here", None, 5, [], {}, {"t": 5}, {"t": []}, "CREATE TABLE t ()", "CREATE TABLE t (5, 6)"]
)
def test_a_row_without_tables_has_no_database(schema: Any) -> None:
    assert tables(schema) == {}


def test_the_schema_may_stand_in_any_text_of_the_input() -> None:
    database = database_of({"prompt": f"Given {SHOP} who ordered?"}, "SELECT 1")

    assert database is not None
    assert [table.name for table in database.tables] == ["customers", "orders"]


def test_made_up_rows_are_always_the_same_and_none_repeats_its_number() -> None:
    one, other = tables(SHOP), tables(SHOP)

    assert one == other
    for table in one.values():
        assert len(table.rows) == ROWS
        assert [row[0] for row in table.rows] == list(range(1, ROWS + 1))
        for n, column in enumerate(table.columns[1:], 1):
            values = [row[n] for row in table.rows]
            assert None in values
            assert len(set(values)) > 3
            assert max(Counter(values).values()) > 1, column


def test_what_the_right_statement_compares_with_is_among_the_rows_with_its_neighbours() -> None:
    sql = (
        "SELECT * FROM customers JOIN orders ON orders.customer_id = customers.id WHERE country = 'Cote d''Ivoire'"
        " AND name LIKE '%ann%' AND total > 10.5 AND placed_on BETWEEN '2024-01-01' AND '2024-12-31'"
        " AND name NOT IN ('Bo', 'Cy')"
    )
    found = tables(SHOP, sql)
    customers = list(zip(*found["customers"].rows, strict=True))
    orders = list(zip(*found["orders"].rows, strict=True))

    assert customers[2].count("Cote d'Ivoire") >= 3
    assert {"ann", "Bo", "Cy"} <= set(customers[1])
    assert {10.5, 9.5, 11.5} <= set(orders[2])
    assert {"2024-01-01", "2024-12-31"} <= set(orders[3])
    assert len(set(customers[2])) > 3


def test_a_column_that_is_compared_with_another_kind_holds_that_kind() -> None:
    found = tables("CREATE TABLE t (code TEXT, level INTEGER)", "SELECT 1 FROM t WHERE code = 5 AND level = 'high'")

    rows = list(zip(*found["t"].rows, strict=True))
    assert 5 in rows[0]
    assert "high" in rows[1]


def test_a_rows_own_rows_are_taken() -> None:
    found = tables(
        {"t": ["a", "b int"], "u": ["c"]},
        rows={"t": [{"a": "x", "b": 1}, ["y"], ["z", 2, 3], 5], "u": "none"},
    )

    assert found["t"].rows == (("x", 1), ("y", None), ("z", 2))
    assert len(found["u"].rows) == ROWS


@pytest.mark.parametrize(
    ("value", "cell"), [(True, True), (2**70, float(2**70)), (10**301, str(10**301)), ([1], "[1]")]
)
def test_values_that_no_database_takes_are_changed_into_some_it_does(value: Any, cell: Any) -> None:
    assert tables({"t": ["a"]}, rows={"t": [[value]]})["t"].rows == ((cell,),)


def test_insert_statements_of_the_schema_fill_their_tables() -> None:
    schema = f"{SHOP} INSERT INTO customers VALUES (1, 'a;b', 'c'); insert or ignore into \"other\" values (2)"
    database = database_of({"schema": schema}, "SELECT 1")

    assert database is not None
    assert database.inserts == (
        "INSERT INTO customers VALUES (1, 'a;b', 'c')",
        'insert or ignore into "other" values (2)',
    )
    assert {table.name: len(table.rows) for table in database.tables} == {"customers": 0, "orders": ROWS}


# Results


def test_rows_are_compared_by_value() -> None:
    assert row_key((1, "a", None)) == row_key((1.0, "a", None))
    assert row_key((0.1 + 0.2,)) == row_key((0.3,))
    assert row_key(("1",)) != row_key((1,))
    assert row_key((None,)) != row_key(("None",))
    assert row_key((b"a",)) != row_key(("a",))


def test_results_hold_the_same_rows_as_often_and_in_order_where_it_matters() -> None:
    assert is_same(["a", "b", "a"], ["b", "a", "a"], ordered=False)
    assert not is_same(["a", "b"], ["a", "b", "b"], ordered=False)
    assert not is_same(["a", "b"], ["b", "a"], ordered=True)
    assert is_same(["a", "b"], ["a", "b"], ordered=True)


# Mistakes


def mistakes(sql: str, schema: str = SHOP) -> set[str]:
    return set(sql_mistakes(sql, database_of({"schema": schema}, sql), 0.3))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM t WHERE b > 5", {"SELECT a FROM t WHERE b >= 5", "SELECT a FROM t WHERE b < 5",
                                         "SELECT a FROM t WHERE b > 6", "SELECT a FROM t"}),
        ("SELECT a FROM t WHERE b = 'x12' GROUP BY a", {"SELECT a FROM t WHERE b <> 'x12' GROUP BY a",
                                                       "SELECT a FROM t GROUP BY a"}),
        ("SELECT DISTINCT max(a) FROM t", {"SELECT max(a) FROM t", "SELECT DISTINCT MIN(a) FROM t"}),
        ("SELECT count(a) FROM t LIMIT 2.5", {"SELECT count(DISTINCT a) FROM t LIMIT 2.5",
                                              "SELECT count(a) FROM t LIMIT 3.5"}),
        ("SELECT count(DISTINCT a) FROM t", {"SELECT count(a) FROM t"}),
        ("SELECT a FROM t ORDER BY a DESC", {"SELECT a FROM t ORDER BY a ASC", "SELECT a FROM t"}),
        ("SELECT a FROM t JOIN u ON a = b", {"SELECT a FROM t LEFT JOIN u ON a = b"}),
        ("SELECT a FROM t LEFT JOIN u ON a = b", {"SELECT a FROM t INNER JOIN u ON a = b"}),
        ("SELECT a FROM (SELECT b FROM u WHERE c = 1) WHERE d = 2",
         {"SELECT a FROM (SELECT b FROM u) WHERE d = 2", "SELECT a FROM (SELECT b FROM u WHERE c = 1)"}),
        ("SELECT a FROM t WHERE b = 'abcd'", {"SELECT a FROM t WHERE b = 'abc'"}),
        ("SELECT total FROM orders", {"SELECT placed_on FROM orders", "SELECT id FROM orders"}),
    ],
)  # fmt: skip
def test_mistakes_are_single_changes_a_model_could_make(sql: str, expected: set[str]) -> None:
    assert expected <= mistakes(sql)


def test_what_must_stay_together_stays_together() -> None:
    found = mistakes("SELECT a FROM t WHERE b BETWEEN 1 AND 2 AND count(*) > 1")

    assert not any("BETWEEN 1 OR" in sql for sql in found)
    assert any("2 OR count" in sql for sql in found)
    assert not any("DISTINCT" in sql for sql in found)
    assert not any("LEFT LEFT" in sql or "LEFT LEFT JOIN" in sql for sql in mistakes("SELECT a FROM t LEFT JOIN u"))


@given(st.text(max_size=40) | st.sampled_from(["SELECT 1", "x", ""]), st.floats(0, 1, exclude_max=True))
def test_there_is_always_some_mistake_and_an_end_to_them(sql: str, number: float) -> None:
    found = list(islice(sql_mistakes(sql, None, number), 2000))

    assert 1 <= len(found) < 2000
    assert found == list(islice(sql_mistakes(sql, None, number), 2000))


def test_the_number_decides_which_mistake_comes_first() -> None:
    sql = "SELECT name FROM customers WHERE country = 'France' ORDER BY name"
    firsts = {next(iter(sql_mistakes(sql, database_of({"schema": SHOP}, sql), n / 50))) for n in range(50)}

    assert len(firsts) > 5


@pytest.mark.parametrize(
    "part",
    [
        "x", "[", "'", '"', "`", "/*", "--", " ", "\n", "(", ",", "''", "a=", "a='", "a = 1 AND ", "1", "1.",
        "CREATE TABLE ", 'CREATE TABLE "', "create table t (", "table t: ", "t(", "INSERT INTO ", "a IN (1, ",
        "a between 1 and ", "random(",
    ],
)  # fmt: skip
def test_hostile_texts_are_read_in_no_time(part: str) -> None:
    text = part * (200_000 // len(part))
    begun = process_time()

    for sql in (text, text[:20_000]):
        database = database_of({"schema": text}, sql)
        list(islice(sql_mistakes(sql, database, 0.5), 6))
        canonical(sql)
        is_ordered(sql)
        is_repeatable(sql)

    assert process_time() - begun < 5, "a text read again from each of its letters would take minutes"
