"""Reading a text: what it says about a named value, whatever kind of document or request it is.

Every expression here takes time in proportion to the text, because texts may be long and come from anybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

from mockserver.vendors.pareta.domain.formats import holds, words_of
from mockserver.vendors.pareta.domain.structured import Field

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
         "november", "december"), 1,
    )
}  # fmt: skip
_MONTHS |= {name[:3]: number for name, number in _MONTHS.items()} | {"sept": 9}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE = re.compile(
    rf"\b(?:(\d{{4}})-(\d\d)-(\d\d)|({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})"
    rf"|(\d{{1,2}})(?:st|nd|rd|th)?\s+({_MONTH})\.?,?\s+(\d{{4}}))\b",
    re.I,
)
_CLOCK = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?\s?([ap]m)?\b|\b(1[0-2]|[1-9])\s?([ap]m)\b", re.I)
_RELATIVE_DAY = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|(?:next|this) (?:week|month|year)"
    r"|(?:(?:next|this) )?(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b",
    re.I,
)
_AMOUNT = re.compile(r"(?:[$€£]\s?|\b(?:USD|EUR|GBP)\s)?(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)\b")
_SUM_OF_MONEY = r"\d{1,3}(?:\.\d{3})+,\d\d|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.]\d+|,\d\d(?!\d))?"
_MONEY = re.compile(
    rf"(?:[$€£]\s?|\b(?:USD|EUR|GBP|CHF)\s?)({_SUM_OF_MONEY})|({_SUM_OF_MONEY})\s?(?:[€£$]|(?:USD|EUR|GBP|CHF|dollars|euros)\b)"
)
_NUMBER = re.compile(r"(?<![\w.,-])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w-]|[.,]\d)")
_SPELLED = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}  # fmt: skip
_SPELLED_NUMBER = re.compile(rf"\b(?:{'|'.join(_SPELLED)})\b", re.I)
_CURRENCY = {"$": "USD", "€": "EUR", "£": "GBP", "USD": "USD", "EUR": "EUR", "GBP": "GBP"}
_CODE = re.compile(r"\b(?:USD|EUR|GBP|JPY|CHF|CAD|AUD|CNY|INR|SEK|NOK|DKK|PLN|BRL|MXN)\b")

_NAME = r"[A-Z][\w&.'-]{0,60}(?:\s+(?:[A-Z][\w&.'-]{0,60}|of|and|&)){0,8}"
_PARTIES = re.compile(
    rf"\b[Bb]etween\s+({_NAME}?)(?:\s*\([^)]{{0,80}}\))?,?\s+and\s+({_NAME}?)(?=\s*(?:\(|,|\.|;|\bis\b|\bare\b|\band\s+[a-z]|$))"
)
_LAW = re.compile(rf"\blaws? of (?:the State of )?({_NAME})")
_NUMBERED = re.compile(r"(?:\bno\b\.?|\bnumber\b|#)\s*:?\s*((?=[A-Z-]*\d)[A-Z0-9][A-Z0-9-]*)", re.I)
_REFERENCE = re.compile(
    r"(?<![\w-])(?=[A-Z-]{0,12}\d)[A-Z0-9]+(?:-[A-Z0-9]+)+(?![\w-])|\b[A-Z]{1,4}\d{2,12}\b|#\d{1,12}\b"
)
_FIRM = re.compile(
    r"\b[A-Z][\w&'-]{0,60}(?:\s+(?:[A-Z][\w&'-]{0,60}|&|and|of)){0,5},?\s+"
    r"(?:Inc|LLC|Ltd|Limited|GmbH|Corp|Corporation|Company|Co|AG|PLC|SA|BV|LP|LLP)\b"
)
_PROPER = re.compile(r"\b[A-Z][\w'-]{0,60}(?:[ \t]+(?:of[ \t]+)?[A-Z][\w'-]{0,60}){0,3}(?:, [A-Z]{2}\b)?")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}", re.ASCII)
_URL = re.compile(r"\bhttps?://[^\s<>\"'`)\]]+")
_PHONE = re.compile(r"(?<![\w-])\+?\d[\d ()-]{6,16}\d(?![\w-])")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.I)
_IP = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
_PATH = re.compile(
    r"(?<![\w:/])(?:~?/|\./|\.\./)?(?:[\w.-]{1,64}/){0,12}[\w-]{1,64}\.[A-Za-z]\w{0,5}\b|(?<![\w:/])~?/[\w./-]{1,200}"
)
_SHOUTED_FILE = re.compile(r"\b(?:README|LICENSE|CHANGELOG|CONTRIBUTING|Makefile|Dockerfile)\b")
_QUOTED = re.compile(r"\"([^\"\n]{1,400})\"|“([^”\n]{1,400})”|(?<!\w)'([^'\n]{1,400})'(?!\w)")
_TICKED = re.compile(r"`([^`\n]{1,400})`")
_FENCED = re.compile(r"```[\w+-]*\n(.*?)```", re.S)
_SUM = re.compile(r"(?<![\w.])[-(]{0,4}\d[\d.]*\)?(?:\s*(?:\*\*|[-+*/^%x])\s*[-(]{0,4}\d[\d.]*\)?){1,20}")
_LINE_AMOUNT = re.compile(r"^[ \t]*(\S[^\n$€£]{0,80}?)[ \t:.]{1,20}[$€£]?\s?(\d[\d,]{0,12}\.\d\d)[ \t]*$", re.M)
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d{1,3}[.)])[ \t]+(\S[^\n]*)$", re.M)
_PLACE = re.compile(rf"\b(?:in|at|for|near|of|to|from|visit|around)\s+({_PROPER.pattern[2:]})")
_CALLED = re.compile(
    r"\b(?:named|called|name is|name's|I am|I'm|by|for|to|with|from|author|contact|tell|ask|invite|email|call)\s*:?\s+"
    rf"({_PROPER.pattern[2:]})"
)
_POLITE = re.compile(
    r"^(?:(?:please|hi|hello|hey|ok|okay|now|can you|could you|would you|will you|i want to|i need to|i'd like to"
    r"|help me)\b[ ,]*){0,4}",
    re.I,
)
# Where a sentence goes on with something else.
_AND_SO_ON = re.compile(r"\s(?:and|but)\s(?=(?:I|my|it|its|the|we|our|you|she|he|they)\b)")
_SEARCH = re.compile(
    r"^(?:search|look up|find|google|query|look for|research)(?: the (?:web|internet|docs))?(?: (?:for|about|on))?\s+",
    re.I,
)
_YES = re.compile(r"\b(?:yes|true|on|enabled)\b", re.I)
_NO = re.compile(r"\b(?:no|false|off|disabled|none)\b", re.I)
_NOT_NAMES = frozenset(
    "I The A An This That These Those It We You He She They My Your Our What When Where Which Who Why How Is Are Was "
    "Were Do Does Did Can Could Would Will Should Please Hi Hello Hey Thanks If And But Or So In On At For To From Of "
    "Find Get Show Tell Give List Book Send Create Add Delete Update Search Check Look Set Make Write Read Open Run "
    "Call Use Extract Return Respond Answer Explain Describe Summarize Classify Translate Convert Calculate Compute "
    "Invoice Total Date Effective Agreement Contract Monday Tuesday Wednesday Thursday Friday Saturday Sunday January "
    "February March April May June July August September October November December JSON SQL PDF Dear Note "
    "Name Schedule Draft Remind Order Cancel Compare Play Turn Start Stop Let Sure Subject".split()
)
_LANGUAGES = re.compile(
    r"\b(?:English|French|German|Spanish|Italian|Portuguese|Dutch|Swedish|Norwegian|Danish|Polish|Czech|Russian|"
    r"Ukrainian|Turkish|Greek|Arabic|Hebrew|Hindi|Chinese|Japanese|Korean|Python|JavaScript|TypeScript|Java|Go|Rust)\b"
)

KINDS: dict[str, frozenset[str]] = {
    kind: frozenset(words.split())
    for kind, words in {
        "place": "city town location place destination origin country state region airport address venue area",
        "person": "name person customer user username recipient contact client employee who owner sender author "
        "assignee attendee patient guest",
        "firm": "company organization organisation vendor supplier seller merchant employer firm brand manufacturer",
        "query": "query q search question keyword keywords term terms topic prompt text message content input body "
        "task instruction instructions request utterance sentence document passage",
        "sum": "expression formula equation calculation",
        "path": "path file filename filepath directory dir folder",
        "command": "command cmd shell script",
        "code": "code source snippet",
        "email": "email mail",
        "url": "url link website uri href",
        "phone": "phone tel telephone mobile",
        "date": "date day deadline due when birthday dob",
        "time": "time hour clock",
        "money": "total amount price cost fee sum balance subtotal budget salary payment paid charge due",
        "language": "language lang",
        "currency": "currency",
        "id": "id number no code reference ref order ticket sku account",
    }.items()
}
_FIRST, _SECOND = (
    frozenset("a x first left num1 base start".split()),
    frozenset("b y second right num2 exponent".split()),
)
_CASUAL_COMMANDS = (
    (re.compile(r"\blist\b.{0,40}\b(?:files|folder|directory|repo|repository)\b", re.I | re.S), "ls -la"),
    (re.compile(r"\b(?:current|working) directory\b", re.I), "pwd"),
    (re.compile(r"\btests?\b", re.I), "make test"),
    (re.compile(r"\bgit status\b|\bwhat (?:has )?changed\b", re.I), "git status"),
)

# Longer rows of digits are no quantities.
_ENDLESS = 10**18

MAX_QUOTED_CHARACTERS = 500
"""Longest piece of a text that is taken for a value as it stands."""


class Reader:
    """Finds values in texts.

    :param texts: what to read, the most telling first.
    """

    def __init__(self, *texts: str) -> None:
        self._pages = [_Page(text) for text in texts if text]
        self._known: dict[tuple[str, tuple[str, ...], str, str, bool], _Kept] = {}
        self._guessed: set[tuple[str, Any]] = set()

    def find(self, field: Field) -> Iterator[Any]:
        """Yield what the texts say about a field, most likely first.

        What is only likely to be meant is yielded last, each value for one field only, and never for optional ones.
        """
        yield from self._kept(field, is_guess=False)
        if field.is_wanted:
            for value in self._kept(field, is_guess=True):
                key = (type(value).__name__, value)
                if key not in self._guessed:
                    self._guessed.add(key)
                    yield value

    def _kept(self, field: Field, *, is_guess: bool) -> _Kept:
        key = (field.name, field.types, field.format, repr(field.options), is_guess)
        if key not in self._known:
            found = ((page.guessed if is_guess else page.said)(field) for page in self._pages)
            self._known[key] = _Kept(value for values in found for value in values)
        return self._known[key]

    def first(self, field: Field) -> Any:
        """Return the likeliest value of a field, `None` if the texts say nothing of it."""
        return next(self.find(field), None)


class _Kept:
    """Values that are looked for once, when they are first asked for, and then remembered."""

    def __init__(self, source: Iterator[Any]) -> None:
        self._source = islice(source, _MANY)
        self._found: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        n = 0
        while n < len(self._found) or self._has_more():
            yield self._found[n]
            n += 1

    def _has_more(self) -> bool:
        before = len(self._found)
        self._found.extend(islice(self._source, 1))
        return len(self._found) > before


_MANY = 50


class _Page:
    """One text, with what is known about it."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def dates(self) -> list[tuple[int, str]]:
        """Where each date stands, in ISO form; days no month has are left out."""
        found = [(match.start(), _iso(match)) for match in _DATE.finditer(self.text)]
        return [(at, day) for at, day in found if holds("date", day)]

    @cached_property
    def numbers(self) -> list[tuple[int, int | float]]:
        """Where each number stands that is not part of a date or a word."""
        taken = [(match.start(), match.end()) for match in _DATE.finditer(self.text)]
        found: list[tuple[int, int | float]] = []
        for match in _NUMBER.finditer(self.text):
            while taken and taken[0][1] <= match.start():
                taken.pop(0)
            if not (taken and taken[0][0] <= match.start()):
                found.append((match.start(), _value(match[0])))
        found += [(match.start(), _SPELLED[match[0].lower()]) for match in _SPELLED_NUMBER.finditer(self.text)]
        return sorted(found)

    @cached_property
    def names(self) -> list[str]:
        """Proper names, in order, without the words sentences and requests begin with."""
        found = []
        for match in _PROPER.finditer(self.text):
            words = match[0].split()
            while words and words[0].rstrip(",'s") in _NOT_NAMES:
                del words[0]
            if words:
                found.append(" ".join(words).rstrip(","))
        return list(dict.fromkeys(found))

    def said(self, field: Field) -> Iterator[Any]:
        """Yield what the text says outright."""
        if field.options:
            yield from self._options(field.options)
            return
        words = words_of(field.name)
        for kind in field.types:
            if kind == "string":
                yield from self._texts(field, words)
            elif kind in ("integer", "number"):
                yield from _as(kind, self._numbers(words))
            elif kind == "boolean":
                yield from self._claims(words)
            elif kind == "array":
                yield from self._lists(words)

    def guessed(self, field: Field) -> Iterator[Any]:
        """Yield what may be meant."""
        words = set(words_of(field.name))
        if field.options:
            labels = [option for option in field.options if isinstance(option, str)]
            best = likeliest(self.text, labels) if labels else None
            yield from () if best is None else (best,)
            return
        for kind in field.types:
            if kind in ("integer", "number"):
                yield from _as(kind, (value for _, value in self.numbers))
            elif kind == "string" and not field.format:
                if words & (KINDS["place"] | KINDS["person"] | KINDS["firm"]):
                    yield from self.names
                if words & KINDS["date"]:
                    yield from (day for _, day in self.dates)
                yield from _whole(self.text, words)
            elif kind == "string" and field.format == "date":
                yield from (day for _, day in self.dates)

    # Kinds of values

    def _options(self, options: Sequence[Any]) -> Iterator[Any]:
        """Yield the enumerated values that are mentioned, in the order in which they are."""
        lowered = self.text.lower()
        found: list[tuple[int, Any]] = []
        for option in options:
            if isinstance(option, str) and option:
                at = _mention(lowered, option.lower())
                if at < 0:
                    at = _mention(lowered, re.sub(r"[_-]+", " ", option).lower())
                if at >= 0:
                    found.append((at, option))
            elif isinstance(option, int | float) and not isinstance(option, bool):
                found += [(at, option) for at, value in self.numbers if value == option][:1]
        yield from (option for _, option in sorted(found, key=lambda pair: pair[0]))

    def _texts(self, field: Field, words: Sequence[str]) -> Iterator[str]:
        known = _BY_FORMAT.get(field.format)
        if known is not None:
            yield from known(self, words)
            return
        if field.format:
            yield from (text for text in self._labelled(words) if holds(field.format, text))
            return
        special = _BY_NAME.get("_".join(words))
        if special is not None:
            yield from special(self, words)
        kinds = {kind for kind, members in KINDS.items() if members & set(words)}
        if "date" in kinds and "time" not in kinds:
            near = self.date_near(words)
            yield from () if near is None else (near,)
            yield from (match[0] for match in _RELATIVE_DAY.finditer(self.text))
        yield from self._labelled(words)
        for kind, read in _BY_KIND.items():
            if kind in kinds:
                yield from read(self, words)

    def _labelled(self, words: Sequence[str]) -> Iterator[str]:
        """Yield what follows the name as a label: `Due date: Friday`, `the due date is Friday`."""
        for pattern in _labels(tuple(words)):
            for match in pattern.finditer(self.text):
                value = _AND_SO_ON.split(match[1], 1)[0].strip().strip("\"'`").rstrip(" .,;")
                if value:
                    yield value

    def _numbers(self, words: Sequence[str]) -> Iterator[int | float]:
        for text in self._labelled(words):
            money = _MONEY.search(text)
            amount = _AMOUNT.search(text)
            if money:
                yield _value(money[1] or money[2])
            elif amount:
                yield _value(amount[1])
        kinds = set(words)
        if kinds & KINDS["money"]:
            yield from reversed([_value(before or behind) for before, behind in _MONEY.findall(self.text)])
            numbers = [value for _, value in reversed(self.numbers)]
            yield from sorted(numbers, key=lambda value: isinstance(value, int))  # cents make a sum of money likely
        elif kinds & {"year"}:
            yield from (int(year) for year in re.findall(r"\b(?:19|20)\d\d\b", self.text))
        elif kinds & {"age"}:
            yield from (
                int(age)
                for age in re.findall(r"\b(\d{1,3})[ -]years?[ -]old\b|\baged? (\d{1,3})\b", self.text)
                for age in age
                if age
            )
        for word in words:
            stem = re.escape(word.rstrip("s"))
            if len(stem) > 2:
                for match in re.finditer(
                    rf"\b(\d{{1,9}}(?:\.\d{{1,4}})?|{_SPELLED_NUMBER.pattern[2:-2]})\s+(?:\w{{1,12}}\s)?{stem}",
                    self.text,
                    re.I,
                ):
                    yield _value(match[1])
        if kinds & _FIRST or kinds & _SECOND:
            numbers = [value for _, value in self.numbers]
            if len(numbers) > 1:
                yield numbers[1 if kinds & _SECOND else 0]

    def _claims(self, words: Sequence[str]) -> Iterator[bool]:
        """Yield whether the text says a thing is so."""
        telling = [word for word in words if word not in ("is", "has", "should", "can", "needs", "with", "include")]
        for text in (*self._labelled(words), *self._labelled(telling)):
            if _NO.match(text):
                yield False
            elif _YES.match(text):
                yield True
        lowered = self.text.lower()
        for word in telling:
            at = _mention(lowered, word)
            if at >= 0:
                before = lowered[max(0, at - 24) : at]
                yield not re.search(r"\b(?:not|no|without|never|don't|do not|isn't|is not)\b[^.]*$", before)

    def _lists(self, words: Sequence[str]) -> Iterator[list[Any]]:
        kinds = set(words)
        if "parties" in kinds or "party" in kinds:
            match = _PARTIES.search(self.text)
            if match:
                yield [match[1].strip(" ."), match[2].strip(" .")]
        if "items" in kinds or "lines" in kinds:
            rows = [(name.strip(), _value(amount)) for name, amount in _LINE_AMOUNT.findall(self.text)]
            plain = [row for row in rows if not re.match(r"(?:sub)?total|tax|vat|balance|amount", row[0], re.I)]
            if plain:
                yield [{"description": name, "amount": amount} for name, amount in plain]
        for text in self._labelled(words):
            parts = [part.strip() for part in re.split(r",\s*(?:and\s+)?|\s+and\s+|;\s*", text) if part.strip()]
            if len(parts) > 1:
                yield parts
        bullets = [match.strip() for match in _BULLET.findall(self.text)]
        if bullets:
            yield bullets[:50]
        if kinds & {"emails", "email", "recipients", "attendees"}:
            yield from _some(_EMAIL.findall(self.text))
        if kinds & {"names", "people", "cities", "places", "countries", "entities", "companies", "attendees"}:
            yield from _some(self.names)
        if kinds & {"numbers", "values"}:
            yield from _some([value for _, value in self.numbers])
        if kinds & {"keywords", "tags", "topics", "keys"}:
            yield from _some(keywords(self.text)[:4])
        if kinds & {"dates"}:
            yield from _some([day for _, day in self.dates])

    def date_near(self, words: Sequence[str]) -> str | None:
        """Return the date that stands nearest behind a word of a name; for a plain date the first there is."""
        telling = [word for word in words if word not in ("date", "day", "on", "at", "the", "of")]
        if not telling or telling[0] == "issue":
            return self.dates[0][1] if self.dates else None
        stem = telling[0][:6]
        clues = [match.start() for match in re.finditer(re.escape(stem), self.text, re.I)] if self.dates else []
        near = _nearest_behind(clues, self.dates)
        return near


def _nearest_behind(clues: Sequence[int], dates: Sequence[tuple[int, str]]) -> str | None:
    """Return the date with the smallest distance behind a clue, both in order of place."""
    best: tuple[int, str] | None = None
    n = 0
    for at, day in dates:
        while n < len(clues) and clues[n] <= at:
            n += 1
        if n and at - clues[n - 1] < 80:
            best = min(best or (81, ""), (at - clues[n - 1], day))
    return best[1] if best else None


Read = Callable[[_Page, Sequence[str]], Iterable[Any]]


def _all(pattern: re.Pattern[str], group: int = 0) -> Read:
    return lambda page, words: (match[group].rstrip(".,;") for match in pattern.finditer(page.text))


def _dates(page: _Page, words: Sequence[str]) -> Iterable[str]:
    near = page.date_near(words)
    return () if near is None else (near,)


def _instants(page: _Page, words: Sequence[str]) -> Iterable[str]:
    times = list(_times(page, words))
    return (f"{day}T{times[0] if times else '00:00:00'}Z" for day in _dates(page, words))


def _times(page: _Page, words: Sequence[str]) -> Iterator[str]:
    for match in _CLOCK.finditer(page.text):
        hour, minute, second, half, bare, bare_half = match.groups()
        number = int(hour or bare) % (12 if half or bare_half else 24)
        number += 12 if (half or bare_half or "").lower() == "pm" else 0
        yield f"{number:02d}:{minute or '00'}:{second or '00'}"


def _places(page: _Page, words: Sequence[str]) -> Iterator[str]:
    before = {"destination": "to", "to": "to", "origin": "from", "from": "from"}
    preposition = next((before[word] for word in words if word in before), None)
    for match in _PLACE.finditer(page.text):
        name = match[1].rstrip(",")
        if name.split()[0] in _NOT_NAMES:
            continue
        if preposition is None or match[0].lower().startswith(preposition):
            yield name


def _people(page: _Page, words: Sequence[str]) -> Iterator[str]:
    for match in _CALLED.finditer(page.text):
        if match[1].split()[0] not in _NOT_NAMES:
            yield match[1].rstrip(",")


def _firms(page: _Page, words: Sequence[str]) -> Iterator[str]:
    for label in ("from", "vendor", "seller", "bill from", "issued by"):
        yield from page._labelled(label.split())
    yield from (match[0] for match in _FIRM.finditer(page.text))


def _quoted(page: _Page) -> Iterator[str]:
    for match in _QUOTED.finditer(page.text):
        yield next(group for group in match.groups() if group)


def _queries(page: _Page, words: Sequence[str]) -> Iterator[str]:
    yield from _quoted(page)
    request = _POLITE.sub("", page.text.strip(), count=1)
    searched = _SEARCH.sub("", request, count=1)
    if searched != request:
        yield searched.split("\n")[0].rstrip(" .?!")[:MAX_QUOTED_CHARACTERS]


def _commands(page: _Page, words: Sequence[str]) -> Iterator[str]:
    yield from (match[1] for match in _TICKED.finditer(page.text))
    yield from (command for asked, command in _CASUAL_COMMANDS if asked.search(page.text))
    yield from (f"cat {name}" for name in _paths(page, words))


def _paths(page: _Page, words: Sequence[str]) -> Iterator[str]:
    ticked = [match[1] for match in _TICKED.finditer(page.text)]
    yield from (name for name in ticked if _PATH.fullmatch(name))
    yield from (match[0] for match in _PATH.finditer(page.text) if not _URL.search(match[0]))
    yield from (match[0] for match in _SHOUTED_FILE.finditer(page.text))


def _currencies(page: _Page, words: Sequence[str]) -> Iterator[str]:
    codes = _CODE.findall(page.text)
    if {"to", "target"} & set(words) and len(codes) > 1:
        codes = codes[1:]
    yield from codes
    yield from (code for sign, code in _CURRENCY.items() if sign in page.text)


def _party(number: int) -> Read:
    def read(page: _Page, words: Sequence[str]) -> Iterable[str]:
        match = _PARTIES.search(page.text)
        return (match[number].strip(" ."),) if match else ()

    return read


def _law(page: _Page, words: Sequence[str]) -> Iterable[str]:
    match = _LAW.search(page.text)
    return (match[1].strip(" ."),) if match else ()


def _titles(page: _Page, words: Sequence[str]) -> Iterator[str]:
    yield from _quoted(page)
    first = page.text.strip().split("\n")[0].strip()
    if "\n" in page.text.strip() and 2 < len(first) <= 120:
        yield first


def _authors(page: _Page, words: Sequence[str]) -> Iterator[str]:
    for match in re.finditer(rf"\b[Bb]y:?\s+({_PROPER.pattern[2:]})", page.text):
        yield match[1]


def _references(page: _Page, words: Sequence[str]) -> Iterator[str]:
    yield from (match[1] for match in _NUMBERED.finditer(page.text))
    yield from (match[0].lstrip("#") for match in _REFERENCE.finditer(page.text))


def _sentiments(page: _Page, words: Sequence[str]) -> Iterable[str]:
    return (likeliest(page.text, ("positive", "negative", "neutral")) or "neutral",)


_BY_FORMAT: dict[str, Read] = {
    "date": _dates,
    "date-time": _instants,
    "time": lambda page, words: (f"{time}Z" for time in _times(page, words)),
    "email": _all(_EMAIL),
    "uri": _all(_URL),
    "uuid": _all(_UUID),
    "ipv4": _all(_IP),
}
_BY_NAME: dict[str, Read] = {
    "party_a": _party(1),
    "party_b": _party(2),
    "governing_law": _law,
    "title": _titles,
    "author": _authors,
    "sentiment": _sentiments,
}
_BY_KIND: dict[str, Read] = {
    "email": _all(_EMAIL),
    "url": _all(_URL),
    "phone": _all(_PHONE),
    "place": _places,
    "firm": _firms,
    "person": _people,
    "language": _all(_LANGUAGES),
    "currency": _currencies,
    "time": _times,
    "sum": _all(_SUM),
    "path": _paths,
    "command": _commands,
    "code": _all(_FENCED, 1),
    "id": _references,
    "query": _queries,
}
"""What to look for when a name says what kind of thing a text is, the most special first."""


@lru_cache(maxsize=512)
def _labels(words: tuple[str, ...]) -> list[re.Pattern[str]]:
    """Return expressions for a name used as a label: with a colon at the start of a line, or in a sentence."""
    if not words or len(words) > 6:
        return []
    name = r"[\s_-]{1,3}".join(re.escape(word) for word in words)
    return [
        re.compile(
            rf"^[^\S\n]*(?:[-*•]\s)?{name}\b[^\n:=]{{0,24}}[:=][^\S\n]*(\S[^\n]{{0,{MAX_QUOTED_CHARACTERS - 1}}})",
            re.I | re.M,
        ),
        re.compile(rf"\b{name}\s*(?:is|was|are|of|:|=)\s+((?:[^\n.;!?,]|[.,](?=\d)){{1,120}})", re.I),
    ]


def _mention(lowered: str, words: str) -> int:
    """Return where a text has words that stand alone, -1 if nowhere."""
    at = lowered.find(words)
    while at >= 0:
        before, after = lowered[at - 1 : at], lowered[at + len(words) : at + len(words) + 1]
        if not (before.isalnum() or after.isalnum()):
            return at
        at = lowered.find(words, at + 1)
    return -1


def _as(kind: str, numbers: Iterable[int | float]) -> Iterator[int | float]:
    """Yield numbers that have a JSON type; a whole number is written as one."""
    for number in numbers:
        if abs(number) >= _ENDLESS:
            continue
        if float(number).is_integer():
            yield int(number)
        elif kind == "number":
            yield number


def _some(found: Sequence[Any]) -> Iterator[list[Any]]:
    if found:
        yield list(dict.fromkeys(found))[:20]


def _whole(text: str, words: set[str]) -> Iterator[str]:
    """Yield the text itself, for values that are whatever was asked."""
    if words & (KINDS["query"] | KINDS["code"] | KINDS["command"] | KINDS["sum"]):
        request = _POLITE.sub("", text.strip(), count=1).strip()
        yield request[:MAX_QUOTED_CHARACTERS].rstrip(" .?!") or request


def _iso(match: re.Match[str]) -> str:
    year, month, day, name1, day1, year1, day2, name2, year2 = match.groups()
    if year:
        return f"{year}-{month}-{day}"
    if name1:
        return f"{year1}-{_MONTHS[name1.lower()]:02d}-{int(day1):02d}"
    return f"{year2}-{_MONTHS[name2.lower()]:02d}-{int(day2):02d}"


_CENTS_BY_COMMA = re.compile(r",\d\d$")


def _value(text: str) -> int | float:
    """Return the number a text writes, be its cents set off by a point or by a comma."""
    if _CENTS_BY_COMMA.search(text):
        text = text.replace(".", "").replace(",", ".")
    plain = text.replace(",", "").lower()
    if plain in _SPELLED:
        return _SPELLED[plain]
    return float(plain) if "." in plain else int(plain[:4000])


# Words

_WORD = re.compile(r"[A-Za-z][A-Za-z'-]{2,}")
DULL = frozenset(
    "the and for are was were with this that from have has had you your not but can could would should what when "
    "where which who why how into about there their them then than will shall its his her she him they one please "
    "tell give write explain describe name list make let does did say said answer end our any all some may might "
    "been being more most other such only own same too very just also because while after before over under again "
    "json return respond reply output only extract text following".split()
)

_FEELINGS = {
    "positive": "good great love loved excellent happy amazing perfect fantastic wonderful best enjoy enjoyed pleased "
    "delightful recommend awesome brilliant fast helpful satisfied thank thanks superb",
    "negative": "bad terrible hate hated awful poor worst broken disappointed disappointing slow useless never angry "
    "refund waste horrible rude fail failed failing late unacceptable annoying crash crashes problem",
}
_FEELING = {word: label for label, words in _FEELINGS.items() for word in words.split()}
_CATCH_ALLS = ("other", "none", "neither", "neutral", "unknown", "general", "unclear", "mixed")


def keywords(text: str) -> list[str]:
    """Return the distinct words of a text that carry meaning, in order."""
    return list(dict.fromkeys(word.lower() for word in _WORD.findall(text) if word.lower() not in DULL))


def likeliest(text: str, labels: Sequence[str]) -> str | None:
    """Return the label whose words a text comes nearest to, `None` when none fits at all."""
    words = {word.lower() for word in _WORD.findall(text)}
    feelings = [_FEELING[word] for word in words if word in _FEELING]
    not_good = re.search(
        r"\b(?:not|n't|never)\s(?:\w{1,12}\s)?(?:good|great|happy|recommend|satisfied|helpful)", text, re.I
    )

    def fit(label: str) -> int:
        parts = [part for part in words_of(label) if len(part) > 1]
        score = sum(any(word.startswith(part[:5]) for word in words) for part in parts)
        feeling = next((kind for kind in _FEELINGS if label.lower().startswith(kind[:3])), None)
        if feeling:
            score += feelings.count(feeling) + (feeling == "negative" and not_good is not None) * 2
        return score

    best = max(labels, key=fit)
    return best if fit(best) else None


def best_label(text: str, labels: Sequence[str]) -> str:
    """Return the label whose words a text comes nearest to; the catch-all, or else the last one, when none fits."""
    found = likeliest(text, labels)
    if found is not None:
        return found
    return next((label for label in labels if label.lower() in _CATCH_ALLS), labels[-1])
