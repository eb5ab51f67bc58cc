"""What a conversation is made of, what its tools are, and what an answer to it is made of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from mockserver.vendors.pareta.domain.attachments import Pdf, Picture
from mockserver.vendors.pareta.domain.catalog import Task

CHARACTERS_PER_TOKEN = 4
READ_CHARACTERS = 131_072 * CHARACTERS_PER_TOKEN
"""How much of a text is read: as much as the largest published context holds, its beginning and its end."""
_MESSAGE_OVERHEAD_TOKENS = 4

Form = Literal["fields", "label", "sql", "code", "summary", "chat"]
"""The shape of an answer: an object with fields, one of some labels, SQL, code, a summary, or any text."""

_to_json = json.JSONEncoder(ensure_ascii=False).encode


class Prompt(NamedTuple):
    """What a chat request asks.

    :param text: all message texts joined, in order; what the chance of an answer hangs on.
    :param last: the last user message.
    :param instructions: the system messages.
    :param earlier: user messages before the last one, newest first.
    :param examples: earlier messages with the assistant's answers to them.
    :param results: what tools returned since the last user message, each with the tool's name.
    :param pictures: those of the last user message.
    :param pdfs: documents, yet to be read.
    :param documents: texts of documents that have been read.
    :param has_instructions: whether there is a system message, be it empty.
    :param max_tokens: where to cut the answer, or `None`.
    """

    text: str
    last: str
    tokens: int
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    instructions: str = ""
    earlier: tuple[str, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    results: tuple[tuple[str, str], ...] = ()
    pictures: tuple[Picture, ...] = ()
    pdfs: tuple[Pdf, ...] = ()
    documents: tuple[str, ...] = ()
    has_instructions: bool = False

    def limited(self, max_tokens: int | None, stop: tuple[str, ...], further_tokens: int) -> Prompt:
        """Return the prompt with limits for its answer, and what else counts as prompt added to its tokens."""
        return self._replace(max_tokens=max_tokens, stop=stop, tokens=self.tokens + further_tokens)

    def within_reach(self) -> Prompt:
        """Return the prompt with what is read of it; tokens still count in full."""
        if len(self.text) <= READ_CHARACTERS:
            return self
        return self._replace(
            last=_ends_of(self.last),
            instructions=_ends_of(self.instructions),
            earlier=tuple(map(_ends_of, self.earlier)),
            results=tuple((name, _ends_of(content)) for name, content in self.results),
        )

    @property
    def subject(self) -> str:
        """The last user message and the documents that came with it."""
        return "\n\n".join((self.last, *self.documents)) if self.documents else self.last


def _ends_of(text: str) -> str:
    half = READ_CHARACTERS // 2
    return text if len(text) <= READ_CHARACTERS else f"{text[:half]}\n{text[-half:]}"


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that may be called.

    :param parameters: JSON Schema of its arguments.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a request says about calling tools.

    :param mode: `required` wants at least one call, `none` none at all.
    :param names: the tools that may be called; empty for all of them.
    :param is_parallel: whether there may be several calls.
    """

    mode: Literal["auto", "none", "required"] = "auto"
    names: tuple[str, ...] = ()
    is_parallel: bool = True


ANY_TOOL = Choice()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model wants called.

    :param arguments: JSON text.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What was written, with its size and why it ended (`stop`, `length` or `tool_calls`).

    :param text: `None` for an answer that is nothing but calls.
    """

    text: str | None
    finish_reason: str
    tokens: int
    calls: tuple[ToolCall, ...] = ()


def count_tokens(text: str) -> int:
    """Return about how many tokens a text is: one for every four characters, rounded up.

    Source: pareta/chat "usage" (that it is counted: documented; the tokenizer is not published: assumed).
    """
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def prompt_tokens(texts: Sequence[str]) -> int:
    """Return the tokens of a conversation: its texts and a little for each message."""
    return sum(count_tokens(text) + _MESSAGE_OVERHEAD_TOKENS for text in texts)


def finished(text: str, prompt: Prompt) -> Answer:
    """Cut a text where the first stop sequence begins, whichever it is, then at `max_tokens`."""
    if prompt.stop:
        text = text[: min((at for stop in prompt.stop if stop and (at := text.find(stop)) >= 0), default=len(text))]
    tokens = count_tokens(text)
    if prompt.max_tokens is not None and tokens > prompt.max_tokens:
        return Answer(text[: prompt.max_tokens * CHARACTERS_PER_TOKEN], "length", prompt.max_tokens)
    return Answer(text, "stop", tokens)


def called(calls: Sequence[ToolCall], prompt: Prompt) -> Answer:
    """Return an answer that calls tools; one that is longer than `max_tokens` ends within its arguments."""
    tokens = sum(count_tokens(call.name) + count_tokens(call.arguments) for call in calls)
    left = prompt.max_tokens
    if left is None or tokens <= left:
        return Answer(None, "tool_calls", tokens, tuple(calls))
    kept: list[ToolCall] = []
    for call in calls:
        room = left - count_tokens(call.name)
        if room < 0:
            break
        kept.append(ToolCall(call.id, call.name, call.arguments[: room * CHARACTERS_PER_TOKEN]))
        left = room - count_tokens(kept[-1].arguments)
    return Answer(None, "length", prompt.max_tokens or 0, tuple(kept))


def pieces(text: str, size: int = 3) -> Iterator[str]:
    """Cut a text into the pieces a stream sends: `size` words each, nothing lost."""
    words = re.findall(r"\s*\S+\s*?(?=\s|$)|\s+$", text)
    for start in range(0, len(words), size):
        yield "".join(words[start : start + size])


# Tasks


@lru_cache(maxsize=256)
def form_of(task: Task) -> Form:
    """Return the shape in which a task wants its answers."""
    if labels_of(task) or task.scoring_strategy == "classification":
        return "label"
    if task.scoring_strategy in ("extraction", "contract"):
        return "fields"
    if task.default_scorer == "execution_accuracy" or task.id.endswith("sql"):
        return "sql"
    if {"code", "function"} & set(task.id.split("-")):
        return "code"
    return "summary" if task.id == "summarization" else "chat"


def gold_fields(task: Task) -> Mapping[str, Any]:
    """Return the fields of a task's answers, where its output schema only sums them up too."""
    gold = task.body.get("gold_schema")
    fields: Mapping[str, Any] = gold["properties"] if gold else task.output_fields
    return fields


def labels_of(task: Task) -> tuple[str, ...]:
    """Return a classifier's labels; none for other tasks."""
    for schema in task.output_fields.values():
        if "enum" in schema:
            return tuple(schema["enum"])
    return ()


def rendered(task: Task, value: Mapping[str, Any]) -> str:
    """Return an answer as the model would write it: a bare label or text, or one JSON object."""
    if len(value) == 1 and task.scoring_strategy not in ("extraction", "contract"):
        return str(next(iter(value.values())))
    return _to_json(value)
