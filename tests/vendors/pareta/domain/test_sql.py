"""Statements that answer a question about tables, and run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.sql import Column, Table, flawed, statement, tables_in, without_schema
from tests.vendors.pareta.domain.samples import rolls_of

SHOP = """CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city VARCHAR(20), joined DATE);
CREATE TABLE IF NOT EXISTS orders (
  id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), amount DECIMAL(10,2), status TEXT,
  order_date DATE, FOREIGN KEY (customer_id) REFERENCES customers(id), UNIQUE (id)
);
"""


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:")
    database.executescript(SHOP)
    yield database
    database.close()


JOINED = "orders JOIN customers ON orders.customer_id = customers.id"


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many customers are there?", "SELECT COUNT(*) FROM customers;"),
        ("How many customers live in Oslo?", "SELECT COUNT(*) FROM customers WHERE city = 'Oslo';"),
        ("How many customers have the name 'O''Hara'?", "SELECT COUNT(*) FROM customers WHERE name = 'O';"),
        (
            "total amount of orders in 2024",
            "SELECT SUM(amount) FROM orders WHERE order_date >= '2024-01-01' AND order_date < '2025-01-01';",
        ),
        (
            "Average order amount per customer?",
            f"SELECT customers.name, AVG(orders.amount) FROM {JOINED} GROUP BY customers.name;",
        ),
        (
            "Which customer has the highest total amount of orders?",
            f"SELECT customers.name, SUM(orders.amount) FROM {JOINED}"
            " GROUP BY customers.name ORDER BY SUM(orders.amount) DESC LIMIT 1;",
        ),
        (
            "lowest total amount per status",
            "SELECT status, SUM(amount) FROM orders GROUP BY status ORDER BY SUM(amount) ASC LIMIT 1;",
        ),
        ("List the names of customers", "SELECT name FROM customers;"),
        ("Top five orders by amount", "SELECT * FROM orders ORDER BY amount DESC LIMIT 5;"),
        ("the cheapest 3 orders", "SELECT * FROM orders ORDER BY amount ASC LIMIT 3;"),
        ("status and amount of the largest order", "SELECT status, amount FROM orders ORDER BY amount DESC LIMIT 1;"),
        ("Show shipped orders", "SELECT * FROM orders WHERE status = 'shipped';"),
        ("Show the orders", "SELECT * FROM orders;"),
        ("How many orders per status?", "SELECT status, COUNT(*) FROM orders GROUP BY status;"),
        ("orders over 1,000.50", "SELECT * FROM orders WHERE amount > 1000.50;"),
        ("orders of at least 5 and at most 9", "SELECT * FROM orders WHERE amount >= 5 AND amount <= 9;"),
        ("orders under 10", "SELECT * FROM orders WHERE amount < 10;"),
        ("orders after 2024", "SELECT * FROM orders;"),
        ("What is the latest order?", "SELECT * FROM orders ORDER BY order_date DESC LIMIT 1;"),
        ("the oldest customer", "SELECT * FROM customers ORDER BY joined ASC LIMIT 1;"),
        ("orders with status 'paid'", "SELECT * FROM orders WHERE status = 'paid';"),
        ('orders with status "paid"', "SELECT * FROM orders WHERE status = 'paid';"),
        (
            "Which city has the most customers?",
            "SELECT city, COUNT(*) FROM customers GROUP BY city ORDER BY COUNT(*) DESC LIMIT 1;",
        ),
        ("the most customers", "SELECT * FROM customers;"),
        ("List all orders and the customer", f"SELECT orders.*, customers.name FROM {JOINED};"),
        ("List orders with the city of each", f"SELECT orders.*, customers.city FROM {JOINED};"),
        (
            "amount and customer name of orders over 5",
            f"SELECT customers.name, orders.amount FROM {JOINED} WHERE orders.amount > 5;",
        ),
        ("which customers", "SELECT name FROM customers;"),
        ("delete everything", "SELECT * FROM customers;"),
        ("in JSON and SQL: orders", "SELECT * FROM orders;"),
        ("", "SELECT * FROM customers;"),
    ],
)
def test_a_question_becomes_a_statement_that_runs(database: sqlite3.Connection, question: str, expected: str) -> None:
    assert statement(SHOP + question) == expected
    database.execute(expected).fetchall()
    for seed in range(6):
        wrong = flawed(expected, rolls_of(seed))
        assert wrong != expected
        database.execute(wrong).fetchall()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Given employees(id, name, salary, department): average salary by department",
            "SELECT department, AVG(salary) FROM employees GROUP BY department;",
        ),
        (
            "Table users: \nColumns: id, name, age.\nHow many users older than 30?",
            "SELECT COUNT(*) FROM users WHERE age > 30;",
        ),
        ("Table `users` with columns id, name and age\nall users", "SELECT * FROM users;"),
        (
            'CREATE TABLE "order" ("group" TEXT, [limit] INT); total limit by group',
            'SELECT "group", SUM("limit") FROM "order" GROUP BY "group";',
        ),
        ("CREATE TABLE app.users (id INT, name TEXT); all names", 'SELECT name FROM "app"."users";'),
        ("CREATE TABLE t (); how many users?", "SELECT * FROM users;"),
        ("CREATE TABLE t (a INT, b (x, y)", "SELECT * FROM t;"),
        ("select(a, b) from users", "SELECT * FROM users;"),
        ("how many widgets are red?", "SELECT * FROM widgets;"),
        ("count all the boxes", "SELECT * FROM boxes;"),
        ("tell me the orders", "SELECT * FROM orders;"),
        ("?", "SELECT * FROM records;"),
        ("CREATE TABLE facts (n INT, m INT); facts", "SELECT * FROM facts;"),
        (
            "CREATE TABLE fox (id INT, bee_id INT); CREATE TABLE bee (id INT, x INT); the fox of a bee",
            "SELECT fox.* FROM fox JOIN bee ON fox.bee_id = bee.id;",
        ),
        ("CREATE TABLE fox (id INT, bee_id INT); CREATE TABLE bee (x INT); the fox of a bee", "SELECT * FROM fox;"),
        ("CREATE TABLE parties (id INT, name TEXT); the parties of Oslo", "SELECT * FROM parties WHERE name = 'Oslo';"),
        ("CREATE TABLE notes (id INT, body TEXT); notes for Kim", "SELECT * FROM notes WHERE body = 'Kim';"),
    ],
)
def test_tables_are_described_in_many_ways(text: str, expected: str) -> None:
    assert statement(text) == expected


def test_a_question_may_stand_apart_from_the_tables() -> None:
    assert statement(SHOP, "How many orders?") == "SELECT COUNT(*) FROM orders;"


def test_tables_are_read_with_their_types() -> None:
    customers, orders = tables_in(SHOP)

    assert customers == Table(
        "customers",
        (Column("id", "INTEGER"), Column("name", "TEXT"), Column("city", "VARCHAR"), Column("joined", "DATE")),
    )
    assert [column.name for column in orders.columns] == ["id", "customer_id", "amount", "status", "order_date"]
    assert [column.is_key for column in orders.columns] == [True, True, False, False, False]
    assert [column.is_number for column in orders.columns] == [True, True, True, False, False]
    assert [column.is_date for column in orders.columns] == [False, False, False, False, True]
    assert Column("unit_price").is_number
    assert not Column("colour").is_number
    assert Column("created_at").is_date
    assert tables_in("no tables") == ()
    assert tables_in("CREATE TABLE t (?, PRIMARY KEY (a))") == ()


def test_the_question_is_what_remains_without_the_tables() -> None:
    assert without_schema(SHOP + "How many?").replace(";", "").strip() == "How many?"
    assert without_schema("users(id, name): how many?").strip() == ": how many?"


@given(st.text())
def test_any_text_becomes_a_statement(text: str) -> None:
    for asked in (text, SHOP + text, f"CREATE TABLE a ({text}", f"users(id, {text})"):
        assert statement(asked).startswith("SELECT ")


@given(st.text())
def test_any_question_about_known_tables_runs(text: str) -> None:
    database = sqlite3.connect(":memory:")
    database.executescript(SHOP)
    database.execute(statement(SHOP, text.replace("\x00", ""))).fetchall()
    database.close()
