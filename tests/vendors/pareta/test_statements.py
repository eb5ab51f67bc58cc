"""Where eval answers in SQL are run: what they may do, what they may take, and that wrong ones are told from right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mockserver.vendors.pareta.domain.statements import Column, Database, Table, database_of, is_ordered, is_same
from mockserver.vendors.pareta.operations.statements import MAX_ROWS, Sandbox

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country VARCHAR(20));
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, total DECIMAL(10, 2), placed_on DATE);
"""
T = Table("t", (Column("a", "INTEGER"), Column("b", "TEXT")), ((1, "x"), (2, None), (2, "y")))

Run = Callable[[str], list[str] | None]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def run(sandbox: Sandbox) -> Run:
    return sandbox.open(Database((T,)))


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT a FROM t ORDER BY a, b", 3),
        ("SELECT a, count(*) FROM t GROUP BY a", 2),
        ("WITH n AS (SELECT a FROM t) SELECT sum(a) FROM n;", 1),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT i FROM n", 50),
        ("SELECT a FROM t WHERE b LIKE '%x%' AND instr(b, 'x')", 1),
    ],
)
def test_queries_run(run: Run, sql: str, rows: int) -> None:
    found = run(sql)

    assert found is not None
    assert len(found) == rows


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT",
        "SELECT nope FROM t",
        "SELECT 1; SELECT 2",
        "SELECT a FROM t WHERE \0",
        "INSERT INTO t VALUES (3, 'z')",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "DROP TABLE t",
        "CREATE TABLE u (a)",
        "CREATE TEMP TABLE u (a)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE VIRTUAL TABLE v USING fts5(a)",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "PRAGMA user_version",
        "PRAGMA hard_heap_limit = 1",
        "SELECT * FROM pragma_table_info('t')",
        "VACUUM",
        "VACUUM INTO 'stolen.db'",
        "BEGIN",
        "SAVEPOINT s",
        "REINDEX",
        "ANALYZE",
        "SELECT load_extension('x')",
        "SELECT random()",
        "SELECT hex(randomblob(4))",
    ],
)
def test_whatever_is_no_query_does_not_run_and_leaves_no_trace(
    run: Run, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = run("SELECT * FROM t")

    assert run(sql) is None
    assert run("SELECT * FROM t") == before
    assert list(tmp_path.iterdir()) == []


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"


@pytest.mark.parametrize(
    "sql",
    [
        ENDLESS.format("count(*)"),
        ENDLESS.format("i"),
        ENDLESS.format("group_concat(i)"),
        ENDLESS.format("zeroblob(16000)") + " ORDER BY i DESC",
        "SELECT count(*) FROM t a, t b, t c, t d, t e, t f, t g, t h, t i, t j, t k, t l, t m",
        "SELECT zeroblob(1000000000)",
        "SELECT replace(hex(zeroblob(8000)), '0', hex(zeroblob(8000)))",
        f"SELECT a FROM t WHERE b LIKE '{'%a' * 200}'",
        f"SELECT {'(' * 3000}1{')' * 3000}",
        f"SELECT {' + '.join(['1'] * 5000)}",
        f"SELECT {', '.join(['a'] * 500)} FROM t",
        " UNION ALL ".join(["SELECT 1"] * 100),
        f"SELECT '{'x' * 100_000}'",
    ],
)
def test_what_would_take_too_much_does_not_run(run: Run, sql: str) -> None:
    assert run(sql) is None
    assert run("SELECT count(*) FROM t") is not None


def test_a_result_is_bounded_in_rows_and_in_size(run: Run) -> None:
    counted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT {} FROM n"

    assert run(counted.format(MAX_ROWS, "i")) is not None
    assert run(counted.format(MAX_ROWS + 1, "i")) is None
    assert run(counted.format(MAX_ROWS, "hex(zeroblob(600))")) is None


def test_a_databases_own_inserts_run_and_nothing_else_of_its_own_does(sandbox: Sandbox) -> None:
    run = sandbox.open(
        Database(
            (Table("t", T.columns),),
            (
                "INSERT INTO t VALUES (1, 'a')",
                "INSERT INTO t SELECT a + 1, b FROM t",
                "INSERT INTO nowhere VALUES (1)",
                "INSERT INTO t VALUES (random(), 'x')",
                "DELETE FROM t",
            ),
        )
    )

    assert run("SELECT a, b FROM t ORDER BY a") == ["['1', ('a',)]", "['2', ('a',)]"]


def test_tables_sqlite_does_not_take_are_left_out(sandbox: Sandbox) -> None:
    tables = (
        Table("sqlite_x", T.columns),
        Table("", ()),
        Table("\ud800", T.columns),
        Table('odd "name"', T.columns),
        T,
    )

    run = sandbox.open(Database(tables))

    assert run("SELECT count(*) FROM t") == ["['3']"]
    assert run('SELECT count(*) FROM "odd ""name"""') == ["['0']"]


def test_the_next_database_takes_the_place_of_the_one_before(sandbox: Sandbox) -> None:
    first = sandbox.open(Database((T,)))
    second = sandbox.open(Database((Table("u", T.columns, ((5, "z"),)),)))

    assert second("SELECT a FROM u") == ["['5']"]
    assert second("SELECT a FROM t") is None
    assert first("SELECT a FROM u") == ["['5']"], "there is one at a time"


def test_the_worst_that_is_allowed_takes_little_memory_and_time(run: Run) -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(3):
        run(ENDLESS.format("i, replace(hex(zeroblob(3900)), '0', 'ab') AS x") + " ORDER BY x, i DESC")
    after = resource.getrusage(resource.RUSAGE_SELF)

    assert (after.ru_maxrss - before.ru_maxrss) / 1024 < 400, "megabytes"
    assert after.ru_utime - before.ru_utime < 3, "seconds"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("SELECT name FROM customers WHERE country = 'France'", "SELECT name FROM customers WHERE country <> 'France'"),
        ("SELECT name FROM customers WHERE country = 'France'", "SELECT name FROM customers"),
        ("SELECT count(*) FROM orders WHERE total > 100", "SELECT count(*) FROM orders WHERE total >= 100"),
        ("SELECT count(*) FROM orders", "SELECT count(total) FROM orders"),
        ("SELECT count(total) FROM orders", "SELECT count(DISTINCT total) FROM orders"),
        ("SELECT avg(total) FROM orders", "SELECT sum(total) FROM orders"),
        ("SELECT max(total) FROM orders", "SELECT min(total) FROM orders"),
        ("SELECT name FROM customers ORDER BY name", "SELECT name FROM customers ORDER BY name DESC"),
        ("SELECT name FROM customers ORDER BY name LIMIT 3", "SELECT name FROM customers ORDER BY name LIMIT 4"),
        ("SELECT country, count(*) FROM customers GROUP BY country", "SELECT country, count(*) FROM customers"),
        (
            "SELECT c.name FROM customers c JOIN orders o ON o.customer_id = c.id",
            "SELECT c.name FROM customers c LEFT JOIN orders o ON o.customer_id = c.id",
        ),
        (
            "SELECT c.name FROM customers c JOIN orders o ON o.customer_id = c.id",
            "SELECT DISTINCT c.name FROM customers c JOIN orders o ON o.customer_id = c.id",
        ),
        (
            "SELECT count(*) FROM orders WHERE placed_on BETWEEN '2025-01-01' AND '2025-12-31'",
            "SELECT count(*) FROM orders WHERE placed_on > '2025-01-01'",
        ),
        (
            "SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE total < 50)",
            "SELECT name FROM customers WHERE id NOT IN (SELECT customer_id FROM orders WHERE total < 50)",
        ),
    ],
)
def test_made_up_rows_tell_wrong_statements_from_right_ones(sandbox: Sandbox, right: str, wrong: str) -> None:
    database = database_of({"schema": SHOP}, right)
    assert database is not None
    run = sandbox.open(database)

    wanted, given = run(right), run(wrong)

    assert wanted
    assert given is not None
    assert not is_same(given, wanted, ordered=is_ordered(right))
