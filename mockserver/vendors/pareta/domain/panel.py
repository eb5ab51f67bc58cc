"""A panel of judges: how near an answer comes to a reference, and which of two comes nearer, with doubt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mockserver.vendors.pareta.domain.comparing import normalised
from mockserver.vendors.pareta.domain.predictions import Draw

RIVAL = "gpt-5.5"
"""Source: pareta/eval-sets "win rate vs gpt-5.5" (documented)."""

LEVELS = 10
"""A judge's grades go from 0 to this."""

_NOISE = 0.15
"""How far a judge may be off where an answer is neither right nor wrong."""
_TIE = 0.02
"""Answers nearer to one another than this are a tie to a judge."""
_FIRST_NOISE = 1 << 40
"""Judges' numbers come after any that writing an answer takes."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Judge:
    """What a judge's rubric weighs; the weights add up to 1.

    :param correct: that what is said is in the reference.
    :param complete: that what is in the reference is said.
    :param concise: that it is said at the reference's length.
    """

    correct: float
    complete: float
    concise: float


PANEL = (Judge(0.6, 0.3, 0.1), Judge(0.4, 0.5, 0.1), Judge(0.45, 0.35, 0.2))
"""Source: pareta/catalog "judge panel" (that there is one: documented; its rubric and size: assumed)."""

Verdicts = tuple[float, ...]
"""How each judge would grade an answer without doubt, in [0, 1]."""


def words_in(value: Any) -> Counter[str]:
    """Return the words of a text, or of all texts and numbers inside an object or list, whatever their names."""
    words: Counter[str] = Counter()
    inside = [value]
    while inside:
        part = inside.pop()
        if isinstance(part, Mapping):
            inside.extend(part.values())
        elif isinstance(part, Sequence) and not isinstance(part, str):
            inside.extend(part)
        else:
            words.update(_WORD.findall(normalised(part)))
    return words


def verdicts(answer: Counter[str], reference: Counter[str]) -> Verdicts:
    """Return how the panel sees an answer beside a reference, by the words they share."""
    if answer == reference:
        return (1.0,) * len(PANEL)
    shared, given, wanted = (answer & reference).total(), answer.total(), reference.total()
    if not shared:
        return (0.0,) * len(PANEL)
    correct, complete, concise = shared / given, shared / wanted, min(given, wanted) / max(given, wanted)
    return tuple(judge.correct * correct + judge.complete * complete + judge.concise * concise for judge in PANEL)


def grade(seen: Verdicts, draw: Draw) -> float:
    """Return the mean of the judges' grades, each on the rubric's levels and with a doubt of its own.

    Nobody doubts an answer that is the reference, or has nothing of it.
    """
    return sum(_graded(verdict, n, draw) for n, verdict in enumerate(seen)) / len(seen)


def _graded(verdict: float, judge: int, draw: Draw) -> float:
    doubt = _NOISE * min(1.0, 4 * verdict * (1 - verdict))
    if not doubt:
        return verdict
    return round(LEVELS * min(1.0, max(0.0, verdict + doubt * (2 * draw(_FIRST_NOISE + judge) - 1)))) / LEVELS


def share_won(seen: Verdicts, rival: Verdicts, draw: Draw) -> float:
    """Return the share of judges that prefer an answer to a rival's; a tie counts half.

    Source: pareta/eval-sets "win rate vs gpt-5.5" (documented; ties: assumed).
    """
    return sum(_preferred(a, b, n, draw) for n, (a, b) in enumerate(zip(seen, rival, strict=True))) / len(seen)


def _preferred(one: float, other: float, judge: int, draw: Draw) -> float:
    if one == other:
        return 0.5
    lead = one - other + _NOISE * (2 * draw(_FIRST_NOISE + judge) - 1)
    return 0.5 if abs(lead) <= _TIE else float(lead > 0)
