"""Transcripts: how many words of one were heard wrong, and how a model of a given quality mishears."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mockserver.vendors.pareta.domain.comparing import bare, normalised
from mockserver.vendors.pareta.domain.predictions import Draw, errors, pick

MAX_WORDS = 5_000
"""How much of a transcript is compared, about half an hour of speech; what follows is not."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_ALIKE = {
    one: other
    for pair in (
        "their there", "to two", "too to", "for four", "its it's", "your you're", "know no", "here hear", "by buy",
        "right write", "new knew", "one won", "sea see", "would wood", "our hour", "a the", "the a", "in on", "on in",
        "and an", "is was", "was is", "this these", "can can't", "affect effect", "accept except", "than then",
    )
    for one, other in (pair.split(),)
}  # fmt: skip
_FILLERS = ("uh", "um", "so", "well")
_VOWELS = str.maketrans("aeiouAEIOU", "eiouaEIOUA")


def word_accuracy(prediction: Any, expected: Any) -> float:
    """Return 1 - word error rate: edits per expected word, not below 0. Letter case and punctuation do not count.

    Source: pareta/catalog "WER" (metric: documented; reported as 1 - WER and what does not count: assumed).
    """
    return accuracy(words_of(prediction), words_of(expected))


def words_of(value: Any) -> list[str]:
    """Return the words of a transcript as they are compared."""
    return _WORD.findall(normalised(bare(value)))[:MAX_WORDS]


def accuracy(given: Sequence[str], wanted: Sequence[str]) -> float:
    """Return 1 - word error rate of words against words."""
    if given == wanted:
        return 1.0
    return max(0.0, 1 - edits(given, wanted) / max(1, len(wanted)))


def edits(given: Sequence[str], wanted: Sequence[str]) -> int:
    """Return the least number of words to put in, take out or replace that turns one text into the other.

    A column of the usual table is two whole numbers, whose bits say where it steps up and down.

    Source: Myers (1999), "A fast bit-vector algorithm for approximate string matching"; Hyyro (2003) for whole texts.
    """
    end = next((n for n, (g, w) in enumerate(zip(reversed(given), reversed(wanted), strict=False)) if g != w), None)
    shorter = min(len(given), len(wanted))
    if end is None:
        return len(given) + len(wanted) - 2 * shorter
    given, wanted = given[: len(given) - end], wanted[: len(wanted) - end]
    start = next((n for n, (g, w) in enumerate(zip(given, wanted, strict=False)) if g != w), shorter - end)
    given, wanted = given[start:], wanted[start:]
    if not given or not wanted:
        return len(given) + len(wanted)
    places: dict[str, int] = {}
    for n, word in enumerate(wanted):
        places[word] = places.get(word, 0) | 1 << n
    top = 1 << len(wanted) - 1
    every = 2 * top - 1
    up, down = every, 0
    distance = len(wanted)
    for word in given:
        same = places.get(word, 0)
        level = same | down
        same = (((same & up) + up) ^ up) | same
        rises = down | every & ~(same | up)
        falls = up & same
        if rises & top:
            distance += 1
        elif falls & top:
            distance -= 1
        rises = rises << 1 | 1
        up = every & (falls << 1 | ~(level | rises))
        down = rises & level
    return distance


def mishear(text: str, quality: float, draw: Draw) -> str:
    """Return a transcript in which each word is wrong with probability 1 - quality; the text itself if none is.

    Most wrong words are taken for one that sounds alike, others are missed, or something is heard that was not said.
    """
    words = text.split()
    wrong = dict(errors(len(words), quality, draw))
    if not wrong:
        return text
    heard: list[str] = []
    for n, word in enumerate(words):
        if n not in wrong:
            heard.append(word)
        elif wrong[n] < 0.25:
            pass
        elif wrong[n] < 0.4:
            heard += [word, pick(_FILLERS, (wrong[n] - 0.25) / 0.15)[0]]
        else:
            heard.append(_sounding_like(word))
    return " ".join(heard)


def _sounding_like(word: str) -> str:
    alike = _ALIKE.get(word.lower())
    if alike is not None:
        return alike
    changed = word.translate(_VOWELS)
    return changed if changed != word else f"{word}s"
