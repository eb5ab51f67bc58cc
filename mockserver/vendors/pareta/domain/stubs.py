"""Answers that a test gives in place of generated ones, and what is made of them: nothing that money hangs on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mockserver.vendors.pareta.domain.generation import Answer, Prompt, ToolCall, called, finished
from mockserver.vendors.pareta.domain.reranking import DECIMALS, Relevance


class StubbedCall(NamedTuple):
    """A tool to call; its id is made up if it is `None`."""

    name: str
    arguments: str
    id: str | None = None


class StubbedAnswer(NamedTuple):
    """What is said: a text, or calls of tools.

    :param finish_reason: why it ends, unless `max_tokens` ends it before.
    """

    text: str | None = None
    calls: tuple[StubbedCall, ...] = ()
    finish_reason: str | None = None

    def answer(self, prompt: Prompt, new_id: Callable[[int], str]) -> Answer:
        """Return the answer, cut where the prompt wants answers cut.

        :param new_id: makes up the id of the n-th call.
        """
        if self.text is None:
            calls = [ToolCall(each.id or new_id(n), each.name, each.arguments) for n, each in enumerate(self.calls)]
            answer = called(calls, prompt)
        else:
            answer = finished(self.text, prompt)
        if self.finish_reason is None or answer.finish_reason == "length":
            return answer
        return Answer(answer.text, self.finish_reason, answer.tokens, answer.calls)


def given_fields(text: str, right: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a text as the fields a judge compares: those of its JSON, or the one there is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {next(iter(right), ""): text}


class StubbedText(NamedTuple):
    """What a recording says, or a frontier model.

    :param language: of a recording, and `duration_us` how long it plays, if they are not to be those of the request.
    """

    text: str
    language: str | None = None
    duration_us: int | None = None


class StubbedVectors(NamedTuple):
    """Where texts lie, one vector for each in turn."""

    vectors: tuple[tuple[float, ...], ...]

    def of(self, count: int, dimensions: int) -> list[list[float]]:
        """Return a vector for each of so many texts: the first again after the last, zeros for what is not said."""
        padded = [[*vector, *[0.0] * (dimensions - len(vector))] for vector in self.vectors]
        return [padded[n % len(padded)] for n in range(count)]


class StubbedRanking(NamedTuple):
    """How documents are ranked, by their place in the request: a score for each in turn, or the best in order."""

    scores: tuple[float, ...] = ()
    order: tuple[int, ...] = ()

    def of(self, ranked: Sequence[Relevance], top_n: int | None) -> list[Relevance]:
        """Return the ranking of all documents, of which some say where they belong.

        With `scores`, the others keep theirs; with `order`, they come after, and every score follows from the place.
        """
        if self.scores:
            scored = [
                Relevance(each.index, self.scores[each.index]) if each.index < len(self.scores) else each
                for each in ranked
            ]
            return sorted(scored, key=lambda each: (-each.score, each.index))[:top_n]
        known = {each.index for each in ranked}
        first = [index for index in dict.fromkeys(self.order) if index in known]
        places = [*first, *(each.index for each in ranked if each.index not in first)]
        return [
            Relevance(index, round(1 - (place + 1) / (len(places) + 1), DECIMALS)) for place, index in enumerate(places)
        ][:top_n]


class StubbedFile(NamedTuple):
    """A recording or a picture.

    :param duration_us: how long it plays, and `sample_rate` how many samples of it a second.
    """

    data: bytes
    duration_us: int = 0
    sample_rate: int = 0


class StubbedProposal(NamedTuple):
    """A task that could score rows."""

    task_id: str
    confidence: str
    reason: str | None


class StubbedPlan(NamedTuple):
    """How rows could be scored, best first."""

    proposals: tuple[StubbedProposal, ...]
    message: str | None
