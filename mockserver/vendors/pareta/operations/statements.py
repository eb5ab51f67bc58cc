"""Running the SQL of an eval's answers: each row has a small database of its own, in memory and walled in."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mockserver.vendors.pareta.domain.exams import Run
from mockserver.vendors.pareta.domain.statements import Database, row_key

MAX_STEPS = 200_000
"""Steps of SQLite's machine that a statement may take: some milliseconds."""
MAX_ROWS = 2_000
MAX_RESULT_CHARACTERS = 1_000_000

_STEPS_A_LOOK = 5_000
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 16_384,  # of any text, and so of what a step may take in memory
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 65_536,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
}
_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_FILLING = _READING | {sqlite3.SQLITE_INSERT}
_FORBIDDEN = frozenset({"load_extension", "random", "randomblob", "fts3_tokenizer"})


class Sandbox:
    """One small database at a time: filled once, then it answers queries and does nothing else.

    Reading is all a statement may do: no writing, no other files, no settings, no extensions. Steps, rows and the
    size of any value are bounded, so that a hostile statement costs some milliseconds and some megabytes.
    """

    def __init__(self) -> None:
        self._conn = sqlite3.connect(":memory:")
        self._looks = 0

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._conn.close()

    def open(self, database: Database) -> Run:
        """Make a database in place of the one before, and return what runs statements on it."""
        self._conn.close()
        self._conn = sqlite3.connect(":memory:", isolation_level=None, cached_statements=0)
        for limit, value in _LIMITS.items():
            self._conn.setlimit(limit, value)
        for table in database.tables:
            self._make(table.name, [(column.name, column.affinity) for column in table.columns], table.rows)
        self._conn.set_progress_handler(self._is_over, _STEPS_A_LOOK)
        if database.inserts:
            self._conn.set_authorizer(_fills)
            for sql in database.inserts:
                self._fetch(sql)
        self._conn.set_authorizer(_reads)
        return self._run

    def _make(self, name: str, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[object]]) -> None:
        declared = ", ".join(f"{_quoted(column)} {affinity}" for column, affinity in columns)
        try:
            self._conn.execute(f"CREATE TABLE {_quoted(name)} ({declared})")
            self._conn.executemany(f"INSERT INTO {_quoted(name)} VALUES ({', '.join('?' * len(columns))})", rows)
        except (sqlite3.Error, OverflowError, UnicodeEncodeError):
            return  # a name or a value SQLite does not take: statements that need it will not run

    def _run(self, sql: str) -> list[str] | None:
        """Return a query's rows as comparable text, `None` when it does not run, must not, or goes beyond a bound."""
        rows = self._fetch(sql)
        if rows is None:
            return None
        keys = [row_key(row) for row in rows]
        return keys if sum(map(len, keys)) <= MAX_RESULT_CHARACTERS else None

    def _fetch(self, sql: str) -> list[tuple[object, ...]] | None:
        self._looks = 0
        try:
            cursor = self._conn.execute(sql)
            rows = cursor.fetchmany(MAX_ROWS + 1)
        except (sqlite3.Error, sqlite3.Warning, ValueError):
            return None
        return rows if cursor.description is not None and len(rows) <= MAX_ROWS else None

    def _is_over(self) -> bool:
        self._looks += 1
        return self._looks * _STEPS_A_LOOK > MAX_STEPS


def _reads(action: int, one: str | None, two: str | None, database: str | None, source: str | None) -> int:
    return _judged(action, two, _READING)


def _fills(action: int, one: str | None, two: str | None, database: str | None, source: str | None) -> int:
    return _judged(action, two, _FILLING)


def _judged(action: int, function: str | None, allowed: frozenset[int]) -> int:
    is_fine = action in allowed and not (action == sqlite3.SQLITE_FUNCTION and function in _FORBIDDEN)
    return sqlite3.SQLITE_OK if is_fine else sqlite3.SQLITE_DENY


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
