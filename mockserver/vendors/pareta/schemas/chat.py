"""Chat completions on the wire, whole and as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints
from pydantic_core import to_json

from mockserver.http.endpoint import WireModel
from mockserver.http.messages import Headers, Reply, Stream
from mockserver.kernel.windows import SECOND
from mockserver.vendors.pareta.domain.attachments import IMAGE_TOKENS, Attachment, Pdf, Picture, attachment
from mockserver.vendors.pareta.domain.catalog import AUTO
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.generation import (
    ANY_TOOL,
    Answer,
    Choice,
    Prompt,
    Tool,
    count_tokens,
    pieces,
    prompt_tokens,
)
from mockserver.vendors.pareta.operations import chat

Text = Annotated[str, StringConstraints(min_length=1)]

MAX_TOOLS = 512
"""Source: pareta/chat "tools" (the limit: assumed)."""


class ImageUrl(WireModel):
    """A picture or a PDF: a web address, or a data URI that holds it."""

    url: Annotated[str, Field(json_schema_extra={"pattern": "^(https?://|data:)"})]
    detail: str | None = None


class ContentPart(WireModel):
    """One part of a message: text, or an image or PDF by URL."""

    type: str
    text: str | None = None
    image_url: ImageUrl | None = None


class CalledFunction(WireModel):
    """What the model wanted called in an earlier turn."""

    name: str
    arguments: str = ""


class EarlierToolCall(WireModel):
    """A tool call of an earlier turn."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(WireModel):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    name: str | None = None
    tool_calls: list[EarlierToolCall] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The message's words."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.text)
        return self.content or ""

    def attachments(self, where: str) -> list[Attachment]:
        """Return the message's pictures and documents.

        :raises Refused: something else is in the place of one.
        """
        found: list[Attachment] = []
        for n, part in enumerate(self.content if isinstance(self.content, list) else ()):
            if part.image_url is not None:
                found.append(attachment(part.image_url.url, f"{where}.content[{n}].image_url.url"))
            elif part.type == "image_url":
                raise Refused(f"{where}.content[{n}].image_url is missing")
        return found


def conversation(messages: Sequence[ChatMessage]) -> Prompt:
    """Return what a conversation asks; the tokens of its tools are not yet counted.

    :raises Refused: a picture or document is none.
    """
    texts: list[str] = []
    instructions: list[str] = []
    asked: list[str] = []
    is_plain = True
    for message in messages:
        text = message.text
        texts.append(text)
        role = message.role
        if role == "user":
            asked.append(text)
        elif role in ("system", "developer"):
            instructions.append(text)
        else:
            is_plain = False
        if not isinstance(message.content, str):
            is_plain = False
    prompt = Prompt(
        "\n".join(texts),
        asked[-1] if asked else texts[-1],
        prompt_tokens(texts),
        None,
        (),
        "\n".join(instructions),
        tuple(asked[-2::-1]),
        has_instructions=bool(instructions),
    )
    return prompt if is_plain else _with_the_rest(prompt, messages, texts)


def _with_the_rest(prompt: Prompt, messages: Sequence[ChatMessage], texts: Sequence[str]) -> Prompt:
    """Return a prompt with what only some conversations have: answers, tools, pictures, documents."""
    last = max((n for n, message in enumerate(messages) if message.role == "user"), default=len(messages) - 1)
    calls = [call for message in messages for call in message.tool_calls or ()]
    names = {call.id: call.function.name for call in calls}
    attached = [message.attachments(f"messages[{n}]") for n, message in enumerate(messages)]
    found = [each for some in attached for each in some]
    tokens = sum(count_tokens(call.function.name) + count_tokens(call.function.arguments) for call in calls)
    tokens += IMAGE_TOKENS * sum(isinstance(each, Picture) for each in found)
    return prompt._replace(
        tokens=prompt.tokens + tokens,
        examples=tuple(
            (texts[n], texts[n + 1])
            for n in range(last - 1)
            if messages[n].role == "user" and messages[n + 1].role == "assistant"
        ),
        results=tuple(
            (names.get(m.tool_call_id or "", m.name or ""), text)
            for text, m in zip(texts[last + 1 :], messages[last + 1 :], strict=True)
            if m.role in ("tool", "function")
        ),
        pictures=tuple(each for each in attached[last] if isinstance(each, Picture)),
        pdfs=tuple(each for each in found if isinstance(each, Pdf)),
    )


class StreamOptions(WireModel):
    """How a stream ends."""

    include_usage: bool = False


class ToolFunction(WireModel):
    """A function the model may call; `parameters` is the JSON Schema of its arguments."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    description: str | None = None
    parameters: dict[str, Any] | None = None

    def to_domain(self) -> Tool:
        """Return the tool; one without parameters takes none."""
        return Tool(self.name, self.description or "", self.parameters or {"type": "object"})


class ToolDefinition(WireModel):
    """A tool the model may use."""

    type: Literal["function"]
    function: ToolFunction


class JsonSchemaFormat(WireModel):
    """The JSON Schema an answer must satisfy."""

    name: str | None = None
    definition: Annotated[dict[str, Any] | bool | None, Field(alias="schema")] = None
    strict: bool | None = None


class ResponseFormat(WireModel):
    """The form of an answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None


Tools = Annotated[list[ToolDefinition], Field(max_length=MAX_TOOLS)]
Limit = Annotated[int, Field(ge=1)]


class ShapedRequest(WireModel):
    """A conversation to continue, and what its answers are to look like."""

    model: str | None = None
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    response_format: ResponseFormat | None = None
    tools: Tools | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None

    def prompt(self) -> Prompt:
        """Return the conversation, with the limits of its answer.

        :raises Refused: a picture or document is none.
        """
        prompt = conversation(self.messages)
        limits = [limit for limit in (self.max_tokens, self.max_completion_tokens) if limit is not None]
        limit = min(limits) if limits else None
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        offered = self.tools and self.tool_choice != "none"
        tokens = count_tokens(to_json(self.tools).decode()) if offered else 0
        return prompt.limited(limit, stop, tokens) if limit or stop or tokens else prompt

    def form(self) -> chat.Form:
        """Return the shape the answers are wanted in.

        :raises Refused: there is no such shape.
        """
        if self.tools is None and self.response_format is None and self.tool_choice is None:
            return chat.PLAIN
        tools = tuple(tool.function.to_domain() for tool in self.tools or ())
        schema, wants_json = _wanted(self.response_format)
        choice = _choice(self.tool_choice, tools, is_parallel=self.parallel_tool_calls is not False)
        return chat.Form(tools, choice, schema, wants_json)


class ChatCompletionRequest(ShapedRequest):
    """A conversation to continue; any further OpenAI field is accepted."""

    model: Text
    # Documented, but judged by the operation: a count nobody gives is 400.
    n: Annotated[int | None, Field(json_schema_extra={"minimum": 1, "maximum": chat.MAX_CHOICES})] = None

    def to_domain(self) -> chat.ChatRequest:
        """Return what is asked, free of the wire.

        :raises Refused: it asks for something that cannot be had.
        """
        if self.n is not None and not 1 <= self.n <= chat.MAX_CHOICES:
            raise Refused(f"n must be between 1 and {chat.MAX_CHOICES}")
        wants_usage = self.stream_options is not None and self.stream_options.include_usage
        return chat.ChatRequest(
            self.model, self.prompt(), bool(self.stream), wants_usage, self.seed, self.n or 1, self.form()
        )


def _wanted(form: ResponseFormat | None) -> tuple[Any, bool]:
    """Return the schema of the answer, if there is one, and whether JSON is wanted without one."""
    if form is None or form.type == "text":
        return None, False
    if form.type == "json_object":
        return None, True
    if form.json_schema is None or form.json_schema.definition is None:
        raise Refused("response_format: json_schema.schema is missing")
    return form.json_schema.definition, False


def _choice(said: str | dict[str, Any] | None, tools: Sequence[Tool], *, is_parallel: bool) -> Choice:
    """Return what a request says about calling its tools.

    :raises Refused: it is nothing that can be said, or names a tool that is not there.
    """
    mode: Any = said
    named: list[Any] = []
    if isinstance(said, dict):
        kind = said.get("type")
        if kind == "function":
            mode, named = "required", [said]
        elif kind == "allowed_tools" and isinstance(said.get("allowed_tools"), dict):
            allowed = said["allowed_tools"]
            mode, named = allowed.get("mode", "auto"), allowed.get("tools")
    if mode not in (None, "auto", "none", "required") or not isinstance(named, list):
        raise Refused("tool_choice must be 'auto', 'none', 'required' or name a function")
    names = [_named(each) for each in named]
    unknown = [name for name in names if name not in {tool.name for tool in tools}]
    if unknown:
        raise Refused(f"tool_choice names '{unknown[0]}', which is not among the tools")
    if mode == "required" and not tools:
        raise Refused("tool_choice wants a tool called, but there are no tools")
    if mode in (None, "auto") and not names and is_parallel:
        return ANY_TOOL
    return Choice(mode or "auto", tuple(names), is_parallel)


def _named(tool: Any) -> str:
    """Return the name of a function within a choice; both of OpenAI's spellings count.

    :raises Refused: it has none.
    """
    if isinstance(tool, dict):
        function = tool.get("function")
        name = function.get("name") if isinstance(function, dict) else tool.get("name")
        if isinstance(name, str):
            return name
    raise Refused("tool_choice must be 'auto', 'none', 'required' or name a function")


# Answers


def completion(value: chat.Completion) -> Reply:
    """Shape a completion as one JSON body or as a stream, with its receipt."""
    if value.request.is_streamed:
        return streamed(value, _chunks(value), _receipt_comments(value))
    return Reply.json(whole(value), headers=_receipt(value))


def whole(value: chat.Completion) -> dict[str, Any]:
    """Return a completion as one body."""
    body = {
        "id": value.id,
        "object": "chat.completion",
        "created": value.created // SECOND,
        "model": value.model,
        "choices": [
            {"index": n, "finish_reason": answer.finish_reason, "message": _message(answer)}
            for n, answer in enumerate(value.answers)
        ],
        "usage": usage(value),
    }
    if value.system_fingerprint is not None:
        body["system_fingerprint"] = value.system_fingerprint
    return body


def _message(answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if answer.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.calls
        ]
    return message


BILLED = b"x-pareta-billed"
_BILLED_COMMENT = b": pareta-billed-micro-usd "
_DONE = b"data: [DONE]\n\n"


def _receipt(value: chat.Completion) -> Headers:
    return [
        (BILLED, b"%d" % value.price.billed_micro_usd),
        (b"x-pareta-frontier-would-have-cost", b"%d" % value.price.frontier_micro_usd),
    ]


def _receipt_comments(value: chat.Completion) -> bytes:
    price = value.price
    return (
        b"%s%d\n\n" % (_BILLED_COMMENT, price.billed_micro_usd)
        + b": pareta-frontier-would-have-cost-micro-usd %d\n\n" % price.frontier_micro_usd
    )


def usage(value: chat.Completion) -> dict[str, int]:
    """Return the token counts; those of several answers are added up."""
    given, written = value.prompt_tokens, value.completion_tokens
    return {"prompt_tokens": given, "completion_tokens": written, "total_tokens": given + written}


def streamed(value: chat.Completion, chunks: Iterator[bytes], receipt: bytes = b"") -> Reply:
    """Send the answer in pieces; the receipt and `[DONE]` go out only after the debit."""
    assert value.settle is not None
    assert value.abandon is not None
    settle = value.settle

    def end() -> bytes:
        settle()
        return receipt + _DONE

    return Reply(
        200,
        headers=[(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")],
        stream=Stream(chunks, end, value.abandon),
    )


def _chunks(value: chat.Completion) -> Iterator[bytes]:
    """Yield a chat's stream up to its receipt."""
    if value.model == AUTO:
        yield b": pareta-progress planning\n\n: pareta-progress executing\n\n: pareta-progress answering\n\n"
    yield from chunks(value, has_usage_chunk=value.request.wants_usage)


def chunks(value: chat.Completion, *, has_usage_chunk: bool) -> Iterator[bytes]:
    """Yield the chunks of a stream, those of several answers in turn.

    :param has_usage_chunk: whether usage goes into a chunk of its own; else it travels in the last one, so that
        every chunk carries a choice.
    """
    head = {"id": value.id, "object": "chat.completion.chunk", "created": value.created // SECOND, "model": value.model}
    if value.system_fingerprint is not None:
        head["system_fingerprint"] = value.system_fingerprint
    waiting: dict[str, Any] | None = None
    for choice in _in_turn(value.answers):
        if waiting is not None:
            yield _event({**head, "choices": [waiting]})
        waiting = choice
    assert waiting is not None
    if has_usage_chunk:
        yield _event({**head, "choices": [waiting]})
        yield _event({**head, "choices": [], "usage": usage(value)})
    else:
        yield _event({**head, "choices": [waiting], "usage": usage(value)})


def _in_turn(answers: Sequence[Answer]) -> Iterator[dict[str, Any]]:
    """Yield the pieces of all answers, one of each at a time."""
    if len(answers) == 1:
        yield from _spoken(0, answers[0])
        return
    for pieces_of_all in zip_longest(*(_spoken(n, answer) for n, answer in enumerate(answers))):
        yield from (piece for piece in pieces_of_all if piece is not None)


def _spoken(index: int, answer: Answer) -> Iterator[dict[str, Any]]:
    """Yield one answer piece by piece: its role with the first, why it ended with a last one that says nothing."""
    first: dict[str, Any] = {"role": "assistant", "content": "" if answer.text is not None else None}
    for delta in _deltas(answer):
        yield {"index": index, "delta": {**first, **delta}, "finish_reason": None}
        first = {}
    yield {"index": index, "delta": first, "finish_reason": answer.finish_reason}


def _deltas(answer: Answer) -> Iterator[dict[str, Any]]:
    for text in pieces(answer.text or ""):
        yield {"content": text}
    for n, call in enumerate(answer.calls):
        function = {"name": call.name, "arguments": ""}
        yield {"tool_calls": [{"index": n, "id": call.id, "type": "function", "function": function}]}
        for part in pieces(call.arguments, 2):
            yield {"tool_calls": [{"index": n, "function": {"arguments": part}}]}


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + to_json(value) + b"\n\n"


def replayed(reply: Reply) -> Reply:
    """Return a remembered answer as its repetition looks: the same, but billed 0.

    Source: pareta/idempotency "a replay reports X-Pareta-Billed: 0" (documented; in a stream's comment: assumed).
    """
    reply.headers = [(name, b"0" if name == BILLED else value) for name, value in reply.headers]
    # At the start of a line only: what was said may speak of it too, but its line breaks are escaped.
    start = reply.body.rfind(b"\n" + _BILLED_COMMENT) if reply.body.startswith((b"data:", b":")) else -1
    if start >= 0:
        start += len(_BILLED_COMMENT) + 1
        reply.body = reply.body[:start] + b"0" + reply.body[reply.body.index(b"\n", start) :]
    return reply
