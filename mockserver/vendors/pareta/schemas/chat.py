"""Chat completions on the wire, whole and as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints
from pydantic_core import to_json

from mockserver.http.endpoint import WireModel
from mockserver.http.messages import Headers, Reply, Stream
from mockserver.kernel.windows import SECOND
from mockserver.vendors.pareta.domain.catalog import AUTO
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.generation import Prompt, pieces, prompt_tokens
from mockserver.vendors.pareta.operations import chat

Text = Annotated[str, StringConstraints(min_length=1)]


class ContentPart(WireModel):
    """One part of a message: text, or an image or PDF by URL."""

    type: str
    text: str | None = None
    image_url: dict[str, Any] | None = None


class ChatMessage(WireModel):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None

    @property
    def text(self) -> str:
        """The message's words."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.text)
        return self.content or ""


class StreamOptions(WireModel):
    """How a stream ends."""

    include_usage: bool = False


class ChatCompletionRequest(WireModel):
    """A conversation to continue; any further OpenAI field is accepted."""

    model: Text
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None
    response_format: dict[str, Any] | None = None
    tool_choice: str | dict[str, Any] | None = None

    def to_domain(self) -> chat.ChatRequest:
        """Return what is asked, free of the wire.

        :raises Refused: it asks for a form of answer that is not made yet; ignoring it would be worse.
        """
        if self.n not in (None, 1):
            raise Refused("n must be 1")
        if self.response_format is not None and self.response_format.get("type") != "text":
            raise Refused('response_format must be {"type": "text"}')
        if self.tool_choice not in (None, "auto", "none"):
            raise Refused("tool_choice must be 'auto' or 'none'")
        texts = [message.text for message in self.messages]
        last = next((m.text for m in reversed(self.messages) if m.role == "user"), texts[-1])
        prompt = Prompt(
            "\n".join(texts),
            last,
            prompt_tokens(texts),
            self.max_tokens or self.max_completion_tokens,
            (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
        )
        wants_usage = self.stream_options is not None and self.stream_options.include_usage
        return chat.ChatRequest(self.model, prompt, bool(self.stream), wants_usage, self.seed)


def completion(value: chat.Completion) -> Reply:
    """Shape a completion as one JSON body or as a stream."""
    if value.request.is_streamed:
        return _streamed(value)
    answer = value.answer
    body = {
        "id": value.id,
        "object": "chat.completion",
        "created": value.created // SECOND,
        "model": value.model,
        "choices": [
            {
                "index": 0,
                "finish_reason": answer.finish_reason,
                "message": {"role": "assistant", "content": answer.text},
            }
        ],
        "usage": _usage(value),
    }
    return Reply.json(body, headers=_receipt(value))


BILLED = b"x-pareta-billed"
_BILLED_COMMENT = b": pareta-billed-micro-usd "


def _receipt(value: chat.Completion) -> Headers:
    return [
        (BILLED, b"%d" % value.price.billed_micro_usd),
        (b"x-pareta-frontier-would-have-cost", b"%d" % value.price.frontier_micro_usd),
    ]


def _usage(value: chat.Completion) -> dict[str, int]:
    given, written = value.prompt_tokens, value.answer.tokens
    return {"prompt_tokens": given, "completion_tokens": written, "total_tokens": given + written}


def _streamed(value: chat.Completion) -> Reply:
    """Send the answer in pieces; the receipt and `[DONE]` go out only after the debit."""
    assert value.settle is not None
    assert value.abandon is not None
    settle = value.settle

    def end() -> bytes:
        settle()
        price = value.price
        return (
            b"%s%d\n\n" % (_BILLED_COMMENT, price.billed_micro_usd)
            + b": pareta-frontier-would-have-cost-micro-usd %d\n\ndata: [DONE]\n\n" % price.frontier_micro_usd
        )

    return Reply(
        200,
        headers=[(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")],
        stream=Stream(_chunks(value), end, value.abandon),
    )


def _chunks(value: chat.Completion) -> Iterator[bytes]:
    """Yield the stream up to its receipt.

    Every chunk carries a choice, so usage travels in the last one unless a chunk of its own was asked for.
    """
    head = {"id": value.id, "object": "chat.completion.chunk", "created": value.created // SECOND, "model": value.model}
    if value.model == AUTO:
        yield b": pareta-progress planning\n\n: pareta-progress executing\n\n: pareta-progress answering\n\n"
    delta: dict[str, str] = {"role": "assistant", "content": ""}
    for text in pieces(value.answer.text):
        yield _event({**head, "choices": [{"index": 0, "delta": {**delta, "content": text}, "finish_reason": None}]})
        delta = {}
    last: dict[str, Any] = {
        **head,
        "choices": [{"index": 0, "delta": delta, "finish_reason": value.answer.finish_reason}],
    }
    if not value.request.wants_usage:
        yield _event({**last, "usage": _usage(value)})
    else:
        yield _event(last)
        yield _event({**head, "choices": [], "usage": _usage(value)})


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + to_json(value) + b"\n\n"


def replayed(reply: Reply) -> Reply:
    """Return a remembered answer as its repetition looks: the same, but billed 0.

    Source: pareta/idempotency "a replay reports X-Pareta-Billed: 0" (documented; in a stream's comment: assumed).
    """
    reply.headers = [(name, b"0" if name == BILLED else value) for name, value in reply.headers]
    start = reply.body.rfind(_BILLED_COMMENT) if reply.body.startswith((b"data:", b":")) else -1
    if start >= 0:
        start += len(_BILLED_COMMENT)
        reply.body = reply.body[:start] + b"0" + reply.body[reply.body.index(b"\n", start) :]
    return reply
