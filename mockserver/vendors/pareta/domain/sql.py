"""SQL: one statement that answers a question about the tables a prompt describes, and runs on them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mockserver.vendors.pareta.domain.formats import words_of
from mockserver.vendors.pareta.domain.predictions import Roll

_CREATE = re.compile(r"\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?[\"`\[]?([\w.]{1,64})[\"`\]]?\s*\(", re.I)
_LISTED = re.compile(r"\b([A-Za-z]\w{0,63})\s?\(\s*([A-Za-z][\w ]{0,63}(?:,\s*[A-Za-z][\w ]{0,63}){1,60})\s*\)")
_DESCRIBED = re.compile(
    r"\btable\s*:?\s*[\"`]?(\w{1,64})[\"`]?[^\w\n]{0,4}\n?\s*(?:with\s+)?columns?\s*:?\s*([^\n]{1,2000})", re.I
)
_CONSTRAINT = re.compile(r"^\s*(?:primary|foreign|unique|constraint|check|key|index)\b", re.I)
_COLUMN = re.compile(r"^\s*[\"`\[]?([A-Za-z_]\w{0,63})[\"`\]]?\s*([A-Za-z]\w*)?")
_NUMERIC = re.compile(r"int|real|num|dec|float|double|money|serial", re.I)
_DATED = re.compile(r"date|time", re.I)
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*")
_MAX_SCHEMA_CHARACTERS = 60_000
_RESERVED = frozenset(
    "select from where group order by limit join on and or not table column index values set default check key primary "
    "references user case when then else end union all distinct having in is null like between to as".split()
)

_COUNT = re.compile(r"\bhow many\b|\bnumber of\b|\bcount\b", re.I)
_SUM = re.compile(r"\btotal\b|\bsum\b|\boverall\b|\brevenue\b", re.I)
_MEAN = re.compile(r"\baverage\b|\bmean\b|\bavg\b|\btypical\b", re.I)
_MOST = re.compile(
    r"(?<!\bat )\b(?:highest|most|largest|biggest|maximum|max|latest|newest|longest|top|best|greatest|priciest)\b", re.I
)
_LEAST = re.compile(
    r"(?<!\bat )\b(?:lowest|least|smallest|minimum|min|earliest|oldest|shortest|fewest|cheapest|worst)\b", re.I
)
_TOP = re.compile(
    r"\b(?:top|first|best|last|latest|cheapest|largest|highest)\s+(\d{1,4}|two|three|four|five|ten)\b", re.I
)
_SPELLED = {"two": 2, "three": 3, "four": 4, "five": 5, "ten": 10}
_EACH = re.compile(r"\b(?:per|by|for each|for every|each|every|grouped by)\s+([a-z]\w*)(?:\s([a-z]\w*))?", re.I)
_AMOUNT = r"\s*[$€£]?\s?(\d[\d,]*(?:\.\d+)?)(?!-\d)"
_ABOVE = re.compile(
    rf"(\b(?:more than|over|above|greater than|exceeding|older than|after)\b|at least|>=?){_AMOUNT}", re.I
)
_BELOW = re.compile(rf"(\b(?:less than|under|below|fewer than|younger than|before)\b|at most|<=?){_AMOUNT}", re.I)
_INCLUSIVE = ("at least", "at most", ">=", "<=")
_WHICH = re.compile(r"\b(?:which|what|whose|who)\b", re.I)
_YEAR = re.compile(r"\b(?:in|of|during|since|year)\s+((?:19|20)\d\d)\b", re.I)
_QUOTED = re.compile(r"'([^'\n]{1,80})'|\"([^\"\n]{1,80})\"")
_CAPITAL = re.compile(r"(?<=[a-z,] )([A-Z][\w&-]{0,40}(?: [A-Z][\w&-]{0,40}){0,3})")
_PLACES = ("city", "country", "region", "state", "location", "town")
_STATES = ("status", "state", "stage", "category", "type", "kind")


@dataclass(frozen=True, slots=True)
class Column:
    """One column, with the type it was declared with, if it was."""

    name: str
    type: str = ""

    @property
    def is_number(self) -> bool:
        """Whether it holds quantities; keys are numbers, but nothing to add up."""
        if self.type:
            return _NUMERIC.search(self.type) is not None
        return bool(
            {
                "amount",
                "price",
                "total",
                "salary",
                "cost",
                "quantity",
                "qty",
                "age",
                "count",
                "score",
                "year",
                "revenue",
            }
            & set(words_of(self.name))
        )

    @property
    def is_key(self) -> bool:
        """Whether it names rows."""
        return self.name.lower() == "id" or self.name.lower().endswith("_id")

    @property
    def is_date(self) -> bool:
        """Whether it holds days or instants."""
        return _DATED.search(self.type) is not None or _DATED.search(self.name) is not None or self.name.endswith("_at")


@dataclass(frozen=True, slots=True)
class Table:
    """A table and its columns, in order."""

    name: str
    columns: tuple[Column, ...]

    def column(self, *names: str) -> Column | None:
        """Return the first column that has one of the names."""
        return next((c for name in names for c in self.columns if c.name.lower() == name), None)


@dataclass(slots=True)
class _Query:
    selects: list[str]
    source: str
    wheres: list[str] = field(default_factory=list)
    group: str = ""
    order: str = ""
    limit: int = 0

    def __str__(self) -> str:
        text = f"SELECT {', '.join(self.selects)} FROM {self.source}"
        if self.wheres:
            text += f" WHERE {' AND '.join(self.wheres)}"
        if self.group:
            text += f" GROUP BY {self.group}"
        if self.order:
            text += f" ORDER BY {self.order}"
        if self.limit:
            text += f" LIMIT {self.limit}"
        return f"{text};"


def tables_in(text: str) -> tuple[Table, ...]:
    """Return the tables a text declares, or describes as `name(column, column)` or in a sentence."""
    text = text[:_MAX_SCHEMA_CHARACTERS]
    found: dict[str, Table] = {}
    for match in _CREATE.finditer(text):
        columns = [column for part in _parts(text, match.end()) if (column := _column(part)) is not None]
        if columns:
            found.setdefault(match[1].lower(), Table(match[1], tuple(columns)))
    if not found:
        for pattern in (_LISTED, _DESCRIBED):
            for name, listed in pattern.findall(text):
                columns = [
                    c for part in re.split(r",\s*(?:and\s)?", listed.rstrip(".")) if (c := _column(part)) is not None
                ]
                if columns and name.lower() not in _RESERVED:
                    found.setdefault(name.lower(), Table(name, tuple(columns)))
    return tuple(found.values())


def without_schema(text: str) -> str:
    """Return a text without what declares tables: the question."""
    kept = text
    for match in reversed(list(_CREATE.finditer(text[:_MAX_SCHEMA_CHARACTERS]))):
        end = match.end() + sum(len(part) + 1 for part in _parts(text, match.end()))
        kept = kept[: match.start()] + kept[end:]
    return kept if _CREATE.search(text) else _DESCRIBED.sub(" ", _LISTED.sub(" ", text))


def statement(text: str, question: str = "") -> str:
    """Return a statement that answers a question about the tables of a text.

    It reads one table, or two that a key joins, and runs on any SQL database that has them. Without tables it
    reads the one the question speaks of.

    :param question: what is asked, if it stands apart from the tables.
    """
    tables = tables_in(text)
    asked = (question or without_schema(text))[-4_000:]
    if not tables:
        return f"SELECT * FROM {_spoken_of(asked)};"
    table = max(tables, key=lambda t: _relevance(t, tables, asked))
    query = _Query([], _name(table.name))
    _join(query, table, tables, asked)
    _filter(query, table, asked)
    _shape(query, table, asked)
    return str(query)


def flawed(sql: str, roll: Roll) -> str:
    """Return a statement that still runs, but answers something else: a condition or an order is lost."""
    for clause, after in (
        (" WHERE ", (" GROUP BY ", " ORDER BY ", " LIMIT ")),
        (" ORDER BY ", (" LIMIT ",)),
        (" GROUP BY ", ()),
    ):
        start = sql.find(clause)
        if start >= 0 and (roll(clause) < 0.7 or clause == " GROUP BY "):
            end = min((at for word in after if (at := sql.find(word, start)) >= 0), default=len(sql) - 1)
            return sql[:start] + sql[end:]
    for right, wrong in (("SUM(", "AVG("), ("AVG(", "MAX("), ("COUNT(*)", "COUNT(*) - 1")):
        if right in sql:
            return sql.replace(right, wrong)
    return sql[: sql.index(" LIMIT ")] + ";" if " LIMIT " in sql else sql.replace(";", " LIMIT 1;")


def _parts(text: str, start: int) -> list[str]:
    """Return what stands between a parenthesis that opens before `start` and the one that closes it, by commas."""
    depth, at, parts, begin = 1, start, [], start
    while at < len(text) and depth:
        if text[at] == "(":
            depth += 1
        elif text[at] == ")":
            depth -= 1
        if not depth or (text[at] == "," and depth == 1):
            parts.append(text[begin:at])
            begin = at + 1
        at += 1
    return parts


def _column(part: str) -> Column | None:
    if _CONSTRAINT.match(part):
        return None
    match = _COLUMN.match(part)
    return Column(match[1], match[2] or "") if match else None


def _name(name: str) -> str:
    """Return a name as it may stand in a statement."""
    return (
        name
        if _PLAIN_NAME.fullmatch(name) and name.lower() not in _RESERVED
        else ".".join(f'"{p}"' for p in name.split("."))
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _stem(word: str) -> str:
    word = word.lower()
    return f"{word[:-3]}y" if word.endswith("ies") else word[:-1] if word.endswith("s") and len(word) > 3 else word


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in re.findall(r"[A-Za-z]{2,40}", text)}


def _relevance(table: Table, tables: Sequence[Table], asked: str) -> int:
    """Return how much a question speaks of a table; one that refers to another it speaks of comes before that."""
    stems = _stems(asked)
    named = sum(_stem(part) in stems for part in words_of(table.name))
    refers = sum(_stem(t.name) in stems and _key_to(table, t) is not None for t in tables if t is not table)
    return 3 * named + 2 * refers + sum(_is_asked(column, stems) for column in table.columns)


def _key_to(table: Table, other: Table) -> Column | None:
    return table.column(f"{_stem(other.name)}_id", f"{other.name.lower()}_id")


def _is_asked(column: Column, stems: set[str]) -> bool:
    words = [word for word in words_of(column.name) if word != "id"]
    return bool(words) and not column.is_key and all(_stem(word) in stems for word in words)


def _spoken_of(asked: str) -> str:
    """Return the plural noun a question begins with, as a table's name."""
    for pattern in (r"\b(?:all|the|every|each|of|many|from)\s+(?:the\s+)?(\w{2,40}s)\b", r"\b([a-z]{3,40}s)\b"):
        match = re.search(pattern, asked.lower())
        if match:
            return _name(match[1])
    return "records"


def _join(query: _Query, table: Table, tables: Sequence[Table], asked: str) -> None:
    """Join the table a key refers to, if the question asks for one of its columns."""
    stems = _stems(asked)
    for other in tables:
        key = _key_to(table, other)
        if other is table or key is None or other.column("id") is None:
            continue
        wanted = [c for c in other.columns if _is_asked(c, stems) and table.column(c.name.lower()) is None]
        if wanted or _stem(other.name) in stems:
            query.source += (
                f" JOIN {_name(other.name)} ON {_name(table.name)}.{_name(key.name)} = {_name(other.name)}.id"
            )
            shown = wanted or [c for c in other.columns if c.name.lower() in ("name", "title")]
            query.selects += [f"{_name(other.name)}.{_name(column.name)}" for column in shown]
            return


def _filter(query: _Query, table: Table, asked: str) -> None:
    def full(column: Column) -> str:
        return f"{_name(table.name)}.{_name(column.name)}" if " JOIN " in query.source else _name(column.name)

    stems = _stems(asked)
    numbers = [c for c in table.columns if c.is_number and not c.is_key]
    numeric = next((c for c in numbers if _is_asked(c, stems)), numbers[0] if numbers else None)
    if numeric is not None:
        for pattern, sign in ((_ABOVE, ">"), (_BELOW, "<")):
            for words, amount in pattern.findall(asked)[:2]:
                if not (len(amount) == 4 and amount[:2] in ("19", "20")):
                    equal = "=" if words.lower() in _INCLUSIVE else ""
                    query.wheres.append(f"{full(numeric)} {sign}{equal} {amount.replace(',', '')}")
    date = next((c for c in table.columns if c.is_date), None)
    year = _YEAR.search(asked)
    if date is not None and year is not None:
        query.wheres.append(f"{full(date)} >= '{year[1]}-01-01' AND {full(date)} < '{int(year[1]) + 1}-01-01'")
    texts = [c for c in table.columns if not (c.is_number or c.is_key or c.is_date)]
    if not texts:
        return
    values = ["".join(groups) for groups in _QUOTED.findall(asked)] or _CAPITAL.findall(asked)
    values = [value for value in values if _stem(value) not in {"sql", "json", _stem(table.name)}]
    if values:
        column = next(
            (c for c in texts if re.search(rf"\b{re.escape(c.name)}\b[^.]{{0,12}}{re.escape(values[0])}", asked, re.I)),
            None,
        )
        column = column or table.column(*_PLACES) or table.column("name") or texts[0]
        query.wheres.append(f"{full(column)} = {_text(values[0])}")
    state = table.column(*_STATES)
    if state is not None and not values:
        described = re.search(rf"\b([a-z]{{3,20}})\s+{re.escape(table.name.rstrip('s'))}s?\b", asked, re.I)
        if described and described[1].lower() not in _NO_STATES:
            query.wheres.append(f"{full(state)} = {_text(described[1].lower())}")


_NO_STATES = frozenset(
    "the all many each every our their these those any of from per number count list show total average find which "
    "what most latest top first last highest lowest for and with get give select distinct unique largest cheapest "
    "new two three four five ten".split()
)


def _shape(query: _Query, table: Table, asked: str) -> None:
    def full(column: Column) -> str:
        return f"{_name(table.name)}.{_name(column.name)}" if " JOIN " in query.source else _name(column.name)

    stems = _stems(asked)
    numbers = [c for c in table.columns if c.is_number and not c.is_key]
    measure = next((c for c in numbers if _is_asked(c, stems)), numbers[0] if numbers else None)
    group = _group(table, asked)
    if _COUNT.search(asked):
        aggregate = "COUNT(*)"
    elif measure is not None and _MEAN.search(asked):
        aggregate = f"AVG({full(measure)})"
    elif measure is not None and _SUM.search(asked):
        aggregate = f"SUM({full(measure)})"
    elif measure is None and group is None and (_MOST.search(asked) or _LEAST.search(asked)):
        group = next((c for c in table.columns if _is_asked(c, stems) and not c.is_date), None)
        aggregate = "COUNT(*)" if group is not None else ""
    else:
        aggregate = ""
    top = _TOP.search(asked)
    count = 0 if top is None else _SPELLED.get(top[1].lower()) or int(top[1])
    if aggregate:
        by = full(group) if group is not None else ", ".join(query.selects)
        query.selects = [*([by] if by else []), aggregate]
        query.group = by
        if by and (_MOST.search(asked) or _LEAST.search(asked)):
            query.order, query.limit = f"{aggregate} {'DESC' if _MOST.search(asked) else 'ASC'}", count or 1
        return
    filtered = " AND ".join(query.wheres)
    wanted = [c for c in table.columns if _is_asked(c, stems) and f"{full(c)} = '" not in filtered]
    if _MOST.search(asked) or _LEAST.search(asked):
        dated = next((c for c in table.columns if c.is_date), None)
        if re.search(r"\b(?:latest|newest|earliest|oldest|recent)\b", asked, re.I) and dated is not None:
            measure = dated
        if measure is not None:
            is_least = _LEAST.search(asked) is not None
            query.order, query.limit = f"{full(measure)} {'ASC' if is_least else 'DESC'}", count or 1
            wanted = [*(c for c in wanted if c is not measure), measure] if wanted and wanted != [measure] else []
    name = table.column("name", "title")
    if not wanted and not query.order and name is not None and _WHICH.search(asked):
        wanted = [name]
    query.selects += [full(column) for column in wanted]
    if " JOIN " in query.source and not wanted:
        query.selects.insert(0, f"{_name(table.name)}.*")
    if not query.selects:
        query.selects = ["*"]


def _group(table: Table, asked: str) -> Column | None:
    """Return the column answers are to be given for each value of."""
    for first, second in _EACH.findall(asked):
        for words in ((first, second), (first,)):
            stems = [_stem(word) for word in words if word]
            for column in table.columns:
                if [_stem(word) for word in words_of(column.name)] == stems:
                    return column
    return None
