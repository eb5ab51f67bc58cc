"""Transcripts of recordings nobody can hear: plain English about a working day, as long as the recording."""

from __future__ import annotations

from collections.abc import Sequence

from mockserver.vendors.pareta.domain.predictions import Roll

DEFAULT_LANGUAGE = "en"
"""What is detected where no language is named.

Source: pareta/audio "language" (that it is detected or echoed: documented; this value: assumed).
"""

_WHO = ("We", "They", "The team", "The customer", "Our supplier", "Finance", "Support", "The new office")
_DID = (
    "moved the delivery date", "checked the open invoices", "asked for a second quote", "agreed on the new price",
    "finished the quarterly report", "sent the signed contract", "answered the last two questions",
    "found a mistake in the order", "planned the next visit", "closed the old account", "ordered more paper",
    "changed the address on file", "tested the new line", "returned the damaged parts",
)  # fmt: skip
_WHEN = (
    "this morning", "last week", "before lunch", "after the call", "on Monday", "two days ago",
    "at the end of the month", "without any delay",
)  # fmt: skip
_JOINED = ("and then", "so", "but", "because")
# One for each number of words that is too short for a sentence about anything.
_CLOSINGS = (
    "Thanks.", "Thank you.", "That is all.", "That is all, thanks.", "That is all for today.",
    "Let us talk again next week.", "Please call me back about it tomorrow.",
    "I will send you the notes this evening.",
)  # fmt: skip
_SHORTEST = len(_CLOSINGS) + 1


def word_count(duration_us: int) -> int:
    """Return how many words are said in a time: two and a half a second, halves up; none in less than a fifth."""
    return (duration_us * 5 + 1_000_000) // 2_000_000


def transcript(duration_us: int, roll: Roll) -> str:
    """Return what is said in a recording of a length: exactly as many words as fit, in whole sentences.

    The same length and the same rolls give the same text.

    Source: pareta/audio "text" (that there is one: documented; the words: assumed).
    """
    left = word_count(duration_us)
    sentences: list[str] = []
    while left >= _SHORTEST:
        sentence = _sentence(left, lambda what: roll(f"{len(sentences)}:{what}"))
        sentences.append(sentence)
        left -= _words(sentence)
    if left:
        sentences.append(_CLOSINGS[left - 1])
    return " ".join(sentences)


def _sentence(longest: int, roll: Roll) -> str:
    """Return a sentence of at most `longest` words; one clause always fits."""
    text = f"{_pick(_WHO, roll('who'))} {_pick(_DID, roll('did'))}"
    when = _pick(_WHEN, roll("when"))
    if roll("dated") < 0.6 and _words(text) + _words(when) <= longest:
        text = f"{text} {when}"
    other = _pick(_WHO, roll("who else"))
    second = f"{_pick(_JOINED, roll('joined'))} {other[0].lower()}{other[1:]} {_pick(_DID, roll('did too'))}"
    if roll("double") < 0.4 and _words(text) + _words(second) <= longest:
        text = f"{text}, {second}"
    return f"{text}."


def _words(text: str) -> int:
    return text.count(" ") + 1


def _pick(options: Sequence[str], number: float) -> str:
    return options[int(number * len(options))]
