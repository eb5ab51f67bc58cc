"""SQL statements: the database a row of text-to-sql describes, when two results are the same, and likely mistakes.

Nothing here runs a statement; whoever does hands in the results.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from mockserver.vendors.pareta.domain.predictions import misread, pick

Affinity = Literal["INTEGER", "REAL", "TEXT"]
Cell = str | int | float | bytes | None

MAX_CHARACTERS = 20_000
"""Longer statements are not run but compared as text."""

ROWS = 20
"""How many rows a table gets when a row of the eval set brings none."""

_MAX_TABLES = 40
_MAX_COLUMNS = 100

# Rows are anybody's, so each pattern reads a text once from left to right: what is left open is taken to be open to
# the end, and nothing is given back (`*+`, `++`).
_TEXT = r"'[^']*+(?:''[^']*+)*+(?:'|$)"
_QUOTED = r""""[^"]*+(?:"|$)|`[^`]*+(?:`|$)|\[[^\]]*+(?:\]|$)"""
_TOKEN = re.compile(
    rf"(?P<text>{_TEXT})|(?P<quoted>{_QUOTED})|(?P<note>--[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/|$))"
    r"|(?P<number>\d+(?:\.\d+)?\b)|(?P<word>\w++)|(?P<sign><=|>=|<>|!=|==|[=<>(),.;*])"
)
_TABLE = re.compile(
    rf"\bCREATE\s++(?:TEMP(?:ORARY)?\s++)?TABLE\s++(?:IF\s++NOT\s++EXISTS\s++)?"
    rf"((?:[\w$]++|{_QUOTED})(?:\.(?:[\w$]++|{_QUOTED}))?)\s*+\(",
    re.I,
)
_BRIEF = re.compile(r"^[ \t]*+(?:[-*][ \t]*+)?(?:table[ \t]++)?[\"'`]?(\w++)[\"'`]?[ \t]*+[(:][ \t]*+", re.I | re.M)
_NO_COLUMN = frozenset("primary foreign unique check constraint key index exclude".split())
_NAME = re.compile(r"[^\W\d]|[\"`\[]")
_REFERENCE = re.compile(r"\breferences\b", re.I)
_COMPARED = re.compile(
    r"""(?<![\w$])([\w$]++)["`\]]?\s*+"""
    r"""(?:==?|<>|!=|<=?|>=?|(?:NOT\s++)?(?:I?LIKE\b|IN\s*+\(|BETWEEN\b))\s*+"""
    rf"((?:(?:{_TEXT}|-?\d++(?:\.\d++)?)(?:\s*+,\s*+|\s++AND\s++(?=[-'\d]))?)++)",
    re.I,
)
_LITERAL = re.compile(r"'([^']*+(?:''[^']*+)*+)(?:'|$)|(-?\d++(?:\.\d++)?)")
_UNREPEATABLE = re.compile(r"\bnow\b|\bcurrent_(?:date|time|timestamp)\b|\brandom(?:blob)?\s*\(", re.I)
_NAMES = ("sql", "query", "statement")
_SCHEMAS = ("schema", "ddl", "tables", "context", "create_table", "database")
_ROWS = ("rows", "data", "records")

_WORDS = ("north", "amber", "delta", "river", "stone", "cedar", "violet")
_DATES = ("2024-03-15", "2025-01-01", "2025-06-30", "2025-12-31", "2026-02-10", "2023-07-04", "2026-01-05")
_NUMBERS = (3, 40, 7, 125, 12, 60, 1, 250)
_STEPS = (7, 11, 13, 17)
"""How far columns step through their values from row to row: so that all occur, and no two columns go together."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `is_key` says that it numbers its rows, `refers` that it holds another table's numbers."""

    name: str
    affinity: Affinity
    is_key: bool = False
    refers: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its rows."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Database:
    """What a statement of a row is run on.

    :param inserts: statements of the row's own that fill some of the tables.
    """

    tables: tuple[Table, ...]
    inserts: tuple[str, ...] = ()


# Reading


def sql_of(value: Any) -> str:
    """Return the statement in an answer: the text itself, or the field of an object that holds it."""
    if isinstance(value, Mapping):
        value = value.get(_field_of(value), "")
    return value.strip().rstrip(";").rstrip() if isinstance(value, str) else ""


def with_sql(value: Any, sql: str) -> Any:
    """Return an answer with another statement in it."""
    return {**value, _field_of(value): sql} if isinstance(value, Mapping) else sql


def _field_of(value: Mapping[str, Any]) -> str:
    texts = [name for name, part in value.items() if isinstance(part, str)]
    return next((name for name in (*_NAMES, *texts) if name in texts), _NAMES[0])


def canonical(sql: str) -> str:
    """Return a statement as comparable text: spaces, notes and the case of names do not matter."""
    if len(sql) > MAX_CHARACTERS:
        return " ".join(sql.split())
    return " ".join(
        match[0] if match["text"] else match[0].casefold() for match in _TOKEN.finditer(sql) if not match["note"]
    ).rstrip("; ")


def is_ordered(sql: str) -> bool:
    """Whether a statement's rows come in an order it asks for, not just those of a statement inside it."""
    depth = 0
    before = ""
    for match in _TOKEN.finditer(sql):
        word = match[0].casefold()
        depth += (word == "(") - (word == ")")
        if not depth and before == "order" and word == "by":
            return True
        before = word
    return False


def is_repeatable(sql: str) -> bool:
    """Whether a statement can be run twice with one result: it asks neither for the present nor for chance."""
    return len(sql) <= MAX_CHARACTERS and _UNREPEATABLE.search(sql) is None


# The database


def database_of(given: Mapping[str, Any], sql: str) -> Database | None:
    """Return the database a row describes, `None` when it describes none.

    Tables come from CREATE TABLE statements, from `name(column, ...)` lines or from an object; rows from INSERT
    statements or an object of lists. A table without rows gets made-up ones, always the same, in which the values
    that the right statement compares with occur beside others, so that statements that differ give different results.

    :param sql: the right statement.
    """
    source = next((given[name] for name in _SCHEMAS if given.get(name)), None)
    if source is None:
        source = next((part for part in given.values() if isinstance(part, str) and _TABLE.search(part)), "")
    tables = _described(source) if isinstance(source, Mapping) else _declared(source) if isinstance(source, str) else ()
    if not tables:
        return None
    inserts = _inserts(source) if isinstance(source, str) else ()
    filled = {match[1].casefold() for text in inserts if (match := _INSERT.match(text))}
    own: Mapping[str, Any] = next((given[name] for name in _ROWS if isinstance(given.get(name), Mapping)), {})
    values = _compared(sql)
    return Database(
        tuple(
            _with_rows(table, own[table.name]) if isinstance(own.get(table.name), list)
            else table if table.name.casefold() in filled
            else _made_up(table, n, values)
            for n, table in enumerate(tables)
        ),
        inserts,
    )  # fmt: skip


_INSERT = re.compile(r"""INSERT\s++(?:OR\s++\w++\s++)?INTO\s++["`\[]?(\w++)""", re.I)


def _inserts(source: str) -> tuple[str, ...]:
    statements = []
    start = 0
    for match in _TOKEN.finditer(f"{source};"):
        if match[0] == ";":
            statements.append(source[start : match.start()].strip())
            start = match.end()
    return tuple(text for text in statements if _INSERT.match(text))


@lru_cache(maxsize=64)
def _declared(source: str) -> tuple[Table, ...]:
    """Read CREATE TABLE statements or, where there are none, lines such as `orders(id, customer_id, total REAL)`."""
    found = [(match[1], match.end()) for match in _TABLE.finditer(source)]
    if not found:
        found = [(match[1], match.end()) for match in _BRIEF.finditer(source)]
    tables: list[Table] = []
    after = 0
    for name, start in found:
        if start < after or len(tables) == _MAX_TABLES:
            continue  # it stands inside the one before, or there are too many
        parts, after = _parts(source, start)
        columns = [column for part in parts if (column := _column(part)) is not None]
        if columns:
            tables.append(Table(_unquoted(name), tuple(_distinct(columns))))
    return tuple(tables)


def _parts(source: str, start: int) -> tuple[list[str], int]:
    """Return what stands between commas up to the bracket that closes, or the line's end without one, and where."""
    has_bracket = source[start - 1 : start] == "(" or source[:start].rstrip().endswith("(")
    parts: list[str] = []
    depth = 0
    begin = end = start
    for match in _TOKEN.finditer(source, start):
        sign = match[0]
        if not has_bracket and "\n" in source[end : match.start()]:
            break
        end = match.end()
        if sign == "(":
            depth += 1
        elif sign == ")" and depth:
            depth -= 1
        elif sign == ")":
            return [*parts, source[begin : match.start()]], match.end()
        elif sign == "," and not depth:
            parts.append(source[begin : match.start()])
            begin = match.end()
    return [*parts, source[begin:end]], end


def _column(text: str) -> Column | None:
    tokens = [match[0] for match in _TOKEN.finditer(text) if not match["note"]]
    if not tokens or tokens[0].casefold() in _NO_COLUMN or not _NAME.match(tokens[0]):
        return None
    name = _unquoted(tokens[0])
    kind = " ".join(tokens[1:]).casefold()
    is_key = "primary" in kind or name.casefold() == "id"
    refers = not is_key and (_REFERENCE.search(kind) is not None or name.casefold().endswith("_id"))
    return Column(name, _affinity(name, kind.partition(" ")[0]), is_key, refers)


def _affinity(name: str, kind: str) -> Affinity:
    if "int" in kind or kind in ("serial", "bigserial", "bool", "boolean", "bit"):
        return "INTEGER"
    if any(part in kind for part in ("real", "floa", "doub", "dec", "num", "money")):
        return "REAL"
    if kind and kind not in ("primary", "references", "not", "null", "unique", "default"):
        return "TEXT"
    plain = name.casefold()
    if plain == "id" or plain.endswith("_id"):
        return "INTEGER"
    amounts = ("price", "total", "amount", "count", "age", "year", "quantity", "salary", "score", "cost", "number")
    return "REAL" if any(part in plain for part in amounts) else "TEXT"


def _unquoted(name: str) -> str:
    return name.rpartition(".")[2].strip("\"`[]'")


def _distinct(columns: Sequence[Column]) -> list[Column]:
    found: dict[str, Column] = {}
    for column in columns[:_MAX_COLUMNS]:
        found.setdefault(column.name.casefold(), column)
    return list(found.values())


def _described(source: Mapping[str, Any]) -> tuple[Table, ...]:
    """Read an object of tables: lists of column names or declarations, or objects of names and types."""
    tables = []
    for name, parts in list(source.items())[:_MAX_TABLES]:
        if isinstance(parts, Mapping):
            texts = [f'"{column}" {kind if isinstance(kind, str) else ""}' for column, kind in parts.items()]
        elif isinstance(parts, list):
            texts = [part for part in parts if isinstance(part, str)]
        else:
            continue
        columns = [column for text in texts if (column := _column(text)) is not None]
        if columns:
            tables.append(Table(name, tuple(_distinct(columns))))
    return tuple(tables)


def _with_rows(table: Table, rows: Sequence[Any]) -> Table:
    """Return a table with a row's own rows: lists in the columns' order, or objects by the columns' names."""
    names = [column.name for column in table.columns]
    read = [
        tuple(_cell(row.get(name)) for name in names) if isinstance(row, Mapping)
        else tuple(_cell(part) for part in [*row, *[None] * len(names)][: len(names)])
        for row in rows
        if isinstance(row, Mapping | list)
    ]  # fmt: skip
    return Table(table.name, table.columns, tuple(read))


def _cell(value: Any) -> Cell:
    if isinstance(value, int) and abs(value) >= 2**63:
        return float(value) if abs(value) < 1e300 else str(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _compared(sql: str) -> dict[str, list[str | float]]:
    """Return, by column, the values a statement compares it with; patterns without their wildcards."""
    values: dict[str, list[str | float]] = {}
    for match in _COMPARED.finditer(sql):
        for text, number in _LITERAL.findall(match[2]):
            value = float(number) if number else text.replace("''", "'").strip("%")
            values.setdefault(match[1].casefold(), []).append(value)
    return values


def _made_up(table: Table, place: int, values: Mapping[str, Sequence[str | float]]) -> Table:
    pools = [_pool(column, values.get(column.name.casefold(), ())) for column in table.columns]
    rows = []
    for n in range(ROWS):
        row: list[Cell] = []
        for k, (column, pool) in enumerate(zip(table.columns, pools, strict=True)):
            if column.is_key:
                row.append(n + 1)
            elif n == ROWS - 1 - k % 3:
                row.append(None)
            elif column.refers:
                row.append((n * n + 2 * place) % (ROWS - 3) + 1)
            else:
                row.append(pool[(n * _step(len(pool), k + place) + k) % len(pool)])
        rows.append(tuple(row))
    return Table(table.name, table.columns, tuple(rows))


def _step(count: int, n: int) -> int:
    return next((step for step in (*_STEPS[n % len(_STEPS) :], *_STEPS) if count % step), 1)


def _pool(column: Column, compared: Sequence[str | float]) -> list[Cell]:
    """Return the values a column takes: those it is compared with, their neighbours, and others."""
    numbers = [value for value in compared if isinstance(value, float)]
    texts = [value for value in compared if isinstance(value, str)]
    if column.affinity == "TEXT" and not numbers:
        plain = column.name.casefold()
        others = _DATES if any(part in plain for part in ("date", "day", "time", "_at", "_on")) else _WORDS
        return [*texts * max(1, len(others) // (2 * len(texts) or 1)), *others]
    if texts:
        return [*texts, *texts, *_WORDS]
    near: list[Cell] = []
    for value in numbers:
        near += [_whole(value), _whole(value - 1), _whole(value + 1), _whole(value * 2 + 3), _whole(value + 17)]
    return [*near, *_NUMBERS] if column.affinity != "REAL" else [*near, *(n + 0.5 for n in _NUMBERS[:4]), *_NUMBERS]


def _whole(value: float) -> Cell:
    return int(value) if value.is_integer() and abs(value) < 2**62 else value


# Results


def row_key(row: Sequence[Any]) -> str:
    """Return a row of a result as comparable text: 1 and 1.0 are the same number."""
    return repr([f"{cell:.12g}" if isinstance(cell, int | float) else (cell,) for cell in row])


def is_same(given: Sequence[str], wanted: Sequence[str], *, ordered: bool) -> bool:
    """Whether two results hold the same rows as often, and in the same order where order matters."""
    return list(given) == list(wanted) if ordered else sorted(given) == sorted(wanted)


# Mistakes

_SWAPS = {
    "=": ("<>",), "==": ("<>",), "<>": ("=",), "!=": ("=",), ">": (">=", "<"), "<": ("<=", ">"), ">=": (">",),
    "<=": ("<",), "max": ("MIN",), "min": ("MAX",), "avg": ("SUM", "MAX"), "sum": ("AVG", "COUNT"), "asc": ("DESC",),
    "desc": ("ASC",), "and": ("OR",), "or": ("AND",), "distinct": ("",), "union": ("UNION ALL",), "left": ("INNER",),
}  # fmt: skip
_NOT_DISTINCT = frozenset(("*", ")", "distinct"))
_ENDS_WHERE = frozenset("group order limit having union intersect except window".split())


def sql_mistakes(sql: str, database: Database | None, number: float) -> Iterator[str]:
    """Yield statements that a model could have written in place of the right one, most of them valid, none equal.

    :param number: decides which come first, uniform in [0, 1).
    """
    edits = _edits(sql, database) if len(sql) <= MAX_CHARACTERS else []
    while edits:
        place, number = pick(range(len(edits)), number)
        start, end, text = edits.pop(place)
        if text:
            yield f"{sql[:start]}{text}{sql[end:]}"
        else:
            left, right = sql[:start].rstrip(), sql[end:].lstrip()
            yield f"{left}{right}" if not right or right[0] == ")" or left[-1:] == "(" else f"{left} {right}"
    yield sql[: len(sql) // 2].rstrip() or "SELECT"


def _edits(sql: str, database: Database | None) -> list[tuple[int, int, str]]:
    """Return the single changes that make a statement wrong: where, and what comes there instead."""
    columns = _neighbours(database)
    tokens = [match for match in _TOKEN.finditer(sql) if not match["note"]]
    edits: list[tuple[int, int, str]] = []
    depth = 0
    where: tuple[int, int] | None = None
    for n, match in enumerate(tokens):
        word = match[0].casefold()
        after = tokens[n + 1][0].casefold() if n + 1 < len(tokens) else ""
        is_between = word == "and" and any(token[0].casefold() == "between" for token in tokens[max(0, n - 2) : n])
        edits += [(match.start(), match.end(), text) for text in _SWAPS.get(word, ()) if not is_between]
        depth += (word == "(") - (word == ")")
        if word == "where" and where is None:
            where = (match.start(), depth)
        elif where is not None and (depth < where[1] or (depth == where[1] and word in _ENDS_WHERE)):
            edits.append((where[0], match.start(), ""))
            where = None
        if word == "join" and (not n or tokens[n - 1][0].casefold() not in ("left", "outer", "cross")):
            edits.append((match.start(), match.end(), "LEFT JOIN"))
        if (
            word == "count"
            and after == "("
            and len(tokens) > n + 2
            and tokens[n + 2][0].casefold() not in _NOT_DISTINCT
        ):
            edits.append((tokens[n + 1].end(), tokens[n + 1].end(), "DISTINCT "))
        if word == "by" and n and tokens[n - 1][0].casefold() == "order":
            edits.append((tokens[n - 1].start(), len(sql), ""))
        if match["number"]:
            edits.append((match.start(), match.end(), _off(match[0])))
        elif match["text"] and len(match[0]) > 3:
            inside = match[0][1:-1]
            wrong = misread(inside, 0.4)
            edits.append((match.start(), match.end(), f"'{wrong if wrong != inside else inside[:-1].rstrip(chr(39))}'"))
        elif word in columns and after != "(":
            edits += [(match.start(), match.end(), other) for other in columns[word]]
    if where is not None:
        edits.append((where[0], len(sql), ""))
    return edits


def _neighbours(database: Database | None) -> dict[str, list[str]]:
    """Return, by column, up to two others of its table that it may be taken for."""
    found: dict[str, list[str]] = {}
    for table in database.tables if database else ():
        names = [column.name for column in table.columns if column.name.isidentifier()]
        for n, name in enumerate(names):
            others = [names[(n + step) % len(names)] for step in (1, 2) if step < len(names)]
            found.setdefault(name.casefold(), others)
    return found


def _off(number: str) -> str:
    if len(number) > 15:  # so many digits that one more is the likelier slip
        return f"{number}0"
    return str(int(number) + 1) if number.isdecimal() else f"{float(number) + 1:g}"
