"""Exams: how candidates answer a row of an eval set, one kind for each scorer.

An exam looks at its row once, whoever sits it. A candidate's answer is the right one, spoilt the way a model of its
quality would spoil it; its score is what the scorer makes of that and nothing else.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from mockserver.vendors.pareta.domain.catalog import Task
from mockserver.vendors.pareta.domain.comparing import (
    bare,
    f1_of,
    field_tally,
    fields_of,
    label_tally,
    normalised,
)
from mockserver.vendors.pareta.domain.generation import labels_of
from mockserver.vendors.pareta.domain.intervals import Tally
from mockserver.vendors.pareta.domain.panel import Verdicts, grade, share_won, verdicts, words_in
from mockserver.vendors.pareta.domain.predictions import Draw, predict, rest_of, reword
from mockserver.vendors.pareta.domain.rankings import gain_of, misorder, numbers_of
from mockserver.vendors.pareta.domain.rows import EvalItem
from mockserver.vendors.pareta.domain.statements import (
    Database,
    canonical,
    database_of,
    is_ordered,
    is_repeatable,
    is_same,
    sql_mistakes,
    sql_of,
    with_sql,
)
from mockserver.vendors.pareta.domain.word_errors import accuracy, mishear, words_of

MAX_PREDICTION_CHARACTERS = 2_000
"""Source: pareta/evals "truncated by the server" (that it is: documented; where: assumed)."""

_to_json = json.JSONEncoder(ensure_ascii=False).encode
# Half of all recitals take longer than this and that for each letter.
_SPEAKING_MS, _SPEAKING_LETTER_MS = 250, 8
_SPREAD = 0.35
_TRIES = 6
"""How many likely mistakes in a statement are tried until one changes the result."""
_ROOM = 1 << 20
"""Numbers set apart for each text of an answer."""

Run = Callable[[str], list[str] | None]
"""Returns a statement's result as comparable rows, `None` when it does not run."""

Open = Callable[[Database], Run]
"""Makes a database to run statements on, in place of the one it made before."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a candidate said on a row.

    :param prediction: its raw output, cut to a length fit for display.
    :param score: in [0, 1], or `None` where nothing tells good from bad.
    :param tally: what it adds to the set's macro F1, where that is the metric.
    :param latency_ms: how long it took, where only that is measured.
    """

    prediction: str
    score: float | None
    tally: Tally = ()
    latency_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Rival:
    """The model whose answers every other is compared with: its quality, and its numbers by a row's index."""

    quality: float
    draws: Callable[[int], Draw]


class Exam(Protocol):
    """One row, ready to be answered by any number of candidates."""

    def answer(self, quality: float, draw: Draw) -> Answer:
        """Return what a candidate of some quality answers, and what that is worth."""

    def missed(self) -> Tally:
        """Return what it adds to the macro F1 when a candidate cannot answer at all."""


class Fields:
    """An object whose fields are right or wrong one by one."""

    __slots__ = ("_expected", "_is_macro", "_right", "_wanted")

    def __init__(self, item: EvalItem, *, is_macro: bool) -> None:
        self._expected = item.expected
        self._is_macro = is_macro
        self._wanted = fields_of(item.expected)
        self._right: Answer | None = None

    def answer(self, quality: float, draw: Draw) -> Answer:
        """Return an answer with some fields wrong or left out."""
        expected, wanted = self._expected, self._wanted
        prediction = predict(expected, quality, draw)
        if prediction is expected:
            if self._right is None:
                self._right = self._scored(prediction, wanted)
            return self._right
        if not isinstance(expected, Mapping):
            return self._scored(prediction, fields_of(prediction))
        given = {
            name: wanted[name] if value is expected[name] else normalised(value)
            for name, value in prediction.items()
            if value is not None
        }
        return self._scored(prediction, given)

    def _scored(self, prediction: Any, given: Mapping[str, str]) -> Answer:
        tally = field_tally(given, self._wanted)
        return Answer(shown(prediction), f1_of(tally), tally if self._is_macro else ())

    def missed(self) -> Tally:
        """Every field expected, none given."""
        return field_tally({}, self._wanted) if self._is_macro else ()


class Label:
    """A label that is given or taken for another."""

    __slots__ = ("_expected", "_is_macro", "_labels", "_right", "_wanted")

    def __init__(self, item: EvalItem, labels: Sequence[str], *, is_macro: bool) -> None:
        self._expected = item.expected
        self._labels = labels
        self._is_macro = is_macro
        self._wanted = normalised(bare(item.expected))
        self._right: Answer | None = None

    def answer(self, quality: float, draw: Draw) -> Answer:
        """Return the right label or one it is confused with."""
        prediction = predict(self._expected, quality, draw, self._labels)
        if prediction is self._expected:
            if self._right is None:
                self._right = self._scored(prediction, self._wanted)
            return self._right
        return self._scored(prediction, normalised(bare(prediction)))

    def _scored(self, prediction: Any, given: str) -> Answer:
        tally = label_tally(given, self._wanted) if self._is_macro else ()
        return Answer(shown(prediction), float(given == self._wanted), tally)

    def missed(self) -> Tally:
        """The label expected, and none given."""
        return ((self._wanted, 0, 1),) if self._is_macro else ()


class _Unaveraged:
    """What rows have in common whose scores are simply averaged."""

    __slots__ = ("_expected",)

    def __init__(self, item: EvalItem) -> None:
        self._expected = item.expected

    def missed(self) -> Tally:
        return ()


class Transcript(_Unaveraged):
    """A text that was heard, word by word."""

    __slots__ = ("_text", "_words")

    def __init__(self, item: EvalItem) -> None:
        super().__init__(item)
        said = bare(item.expected)
        self._text = said if isinstance(said, str) else shown(said)
        self._words = words_of(item.expected)

    def answer(self, quality: float, draw: Draw) -> Answer:
        """Return a transcript with some words misheard."""
        heard = mishear(self._text, quality, draw)
        score = 1.0 if heard is self._text else accuracy(words_of(heard), self._words)
        return Answer(shown(_instead(self._expected, heard)), score)


class Ranking(_Unaveraged):
    """Documents in order of relevance."""

    __slots__ = ("_grades",)

    def __init__(self, item: EvalItem) -> None:
        super().__init__(item)
        self._grades = numbers_of(item.expected)

    def answer(self, quality: float, draw: Draw) -> Answer:
        """Return scores that put some documents in the wrong place."""
        scores = misorder(self._grades, quality, draw)
        return Answer(shown(_instead(self._expected, scores)), gain_of(scores, self._grades))


class Prose(_Unaveraged):
    """A free answer, graded by the judges beside a reference."""

    __slots__ = ("_words",)

    def __init__(self, item: EvalItem) -> None:
        super().__init__(item)
        self._words = words_in(item.expected)

    def answer(self, quality: float, draw: Draw) -> Answer:
        """Return the reference as a model would tell it, with the panel's mean grade."""
        told = retell(self._expected, quality, draw)
        return Answer(shown(told), grade(self._seen(told), draw))

    def _seen(self, told: Any) -> Verdicts:
        return verdicts(self._words if told is self._expected else words_in(told), self._words)


class Duel(Prose):
    """A free answer, compared by the judges with a rival's on the same row."""

    __slots__ = ("_rival",)

    def __init__(self, item: EvalItem, rival: Rival) -> None:
        super().__init__(item)
        self._rival = self._seen(retell(item.expected, rival.quality, rival.draws(item.idx)))

    def answer(self, quality: float, draw: Draw) -> Answer:
        """Return the reference as a model would tell it, with the share of judges that prefer it to the rival's."""
        told = retell(self._expected, quality, draw)
        return Answer(shown(told), share_won(self._seen(told), self._rival, draw))


class Statement(_Unaveraged):
    """SQL, run on the row's own database beside the right statement.

    Where the right statement does not run, or not twice with one result, statements are compared as text.
    """

    __slots__ = ("_database", "_input", "_is_ready", "_open", "_run", "_sql", "_wanted")

    def __init__(self, item: EvalItem, open_database: Open) -> None:
        super().__init__(item)
        self._input = item.input
        self._sql = sql_of(item.expected)
        self._open = open_database
        self._is_ready = False  # right answers need no database
        self._database: Database | None = None
        self._run: Run | None = None
        self._wanted: list[str] | None = None

    def answer(self, quality: float, draw: Draw) -> Answer:
        """Return the right statement, or one with a likely mistake: the first that runs with another result.

        Now and then all mistakes at hand give the right result, as they would for a model.
        """
        number = draw(0)
        if number < quality:
            return Answer(shown(self._expected), 1.0)
        self._prepare()
        broken = lucky = None
        mistakes = sql_mistakes(self._sql, self._database, rest_of(number, quality))
        for sql in islice((sql for sql in mistakes if canonical(sql) != canonical(self._sql)), _TRIES):
            result = self._result(sql)
            if self._wanted is None or (result is not None and not self._is_right(result)):
                return self._written(sql, 0.0)
            broken, lucky = (broken or sql, lucky) if result is None else (broken, sql)
        return self._written(broken, 0.0) if broken is not None else self._written(lucky or self._sql, 1.0)

    def _prepare(self) -> None:
        if self._is_ready:
            return
        self._is_ready = True
        self._database = database_of(self._input, self._sql) if is_repeatable(self._sql) else None
        if self._database is not None:
            self._run = self._open(self._database)
            self._wanted = self._run(self._sql)

    def _result(self, sql: str) -> list[str] | None:
        return self._run(sql) if self._run is not None and is_repeatable(sql) else None

    def _is_right(self, result: list[str]) -> bool:
        assert self._wanted is not None
        return is_same(result, self._wanted, ordered=is_ordered(self._sql))

    def _written(self, sql: str, score: float) -> Answer:
        return Answer(shown(with_sql(self._expected, sql)), score)


class Recital(_Unaveraged):
    """A text said aloud, which nothing can grade: only what it costs and how long it takes is known."""

    __slots__ = ("_median_ms",)

    def __init__(self, item: EvalItem) -> None:
        super().__init__(item)
        self._median_ms = _SPEAKING_MS + _SPEAKING_LETTER_MS * sum(map(len, filter(_is_text, item.input.values())))

    def answer(self, quality: float, draw: Draw) -> Answer:
        """Return the kind of thing that came out, and after how long."""
        normal = math.sqrt(-2 * math.log(1 - draw(0))) * math.cos(2 * math.pi * draw(1))  # Box and Muller's
        return Answer("audio/wav", None, latency_ms=round(self._median_ms * math.exp(_SPREAD * normal)))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def examiner(task: Task, labels: Sequence[str], rival: Rival, open_database: Open) -> Callable[[EvalItem], Exam]:
    """Return what makes a row of a task's eval set an exam.

    :param labels: what a classifier may answer.
    :param rival: whom the judges compare with, where answers are compared.
    :param open_database: makes the databases SQL is run on.
    """
    scorer = task.default_scorer
    makers: dict[str, Callable[[EvalItem], Exam]] = {
        "field_f1": lambda item: Fields(item, is_macro=False),
        "macro_joint_f1": lambda item: Fields(item, is_macro=True),
        "exact_match": lambda item: Label(item, labels, is_macro=False),
        "macro_f1": lambda item: Label(item, labels, is_macro=True),
        "wer": Transcript,
        "ndcg_at_10": Ranking,
        "execution_accuracy": lambda item: Statement(item, open_database),
        "judge_panel": Prose,
        "win_rate": lambda item: Duel(item, rival),
        "none": Recital,
    }
    return makers[scorer]


def labels_among(task: Task, items: Sequence[EvalItem]) -> tuple[str, ...]:
    """Return the labels a classifier may confuse: the task's own, or the set's where it has others that recur."""
    if task.default_scorer not in CLASSIFIERS:
        return ()
    own = labels_of(task)
    found = Counter(value for item in items if isinstance(value := bare(item.expected), str))
    if own and set(found) <= set(own):
        return own
    return tuple(sorted(found)) if 1 < len(found) <= max(2, len(items) // 2) else own


def effort_us(scorer: str, item: EvalItem) -> tuple[int, int]:
    """Return about how long a row takes here: to get ready, and for each candidate; in microseconds of a slow core."""
    size = len(shown(item.expected)) if not isinstance(item.expected, str) else len(item.expected)
    own, shared = _EFFORTS.get(scorer, (0, 0))
    return 10 + own + size // 20, 12 + shared + size // _LETTERS_A_US.get(scorer, 20)


_EFFORTS = {
    "execution_accuracy": (300, 60),
    "win_rate": (30, 20),
    "judge_panel": (20, 20),
    "wer": (10, 20),
    "ndcg_at_10": (10, 20),
}
_LETTERS_A_US = {"wer": 3, "win_rate": 4, "judge_panel": 4, "ndcg_at_10": 2}


def retell(value: Any, quality: float, draw: Draw) -> Any:
    """Return what a model makes of a free answer: texts are reworded, anything else is right or wrong as a whole.

    What comes out flawless is the very object that went in.
    """
    if isinstance(value, str):
        return reword(value, quality, draw)
    if not isinstance(value, Mapping):
        return predict(value, quality, draw)
    told = {
        name: retell(part, quality, lambda n, room=_ROOM * (place + 1): draw(room + n))  # type: ignore[misc]
        for place, (name, part) in enumerate(value.items())
    }
    return value if all(told[name] is part for name, part in value.items()) else told


def shown(prediction: Any) -> str:
    """Return an answer as raw output, cut to a length fit for display."""
    text = prediction if isinstance(prediction, str) else _to_json(prediction)
    return text[:MAX_PREDICTION_CHARACTERS]


def _instead(expected: Any, part: Any) -> Any:
    """Return an answer of the expected one's shape with something else in it."""
    if not isinstance(expected, Mapping):
        return part
    name = next((name for name, value in expected.items() if isinstance(value, type(part))), None)
    return {**expected, name: part} if name is not None else part


CLASSIFIERS = frozenset({"macro_f1", "exact_match"})
