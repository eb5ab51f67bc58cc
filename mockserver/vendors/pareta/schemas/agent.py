"""The agent surface on the wire. Whatever is wrong with a body is 400 here, in words; 422 is not among its answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator

from mockserver.http.endpoint import WireModel, problems_of
from mockserver.http.messages import Reply
from mockserver.kernel.windows import SECOND
from mockserver.vendors.pareta.domain.agent import CONTEXT_TOKENS, MAX_SESSION_CHARACTERS
from mockserver.vendors.pareta.domain.catalog import AUTO
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.operations import chat
from mockserver.vendors.pareta.schemas.chat import BILLED, ShapedRequest, chunks, streamed, whole


class AgentTurnRequest(ShapedRequest):
    """A conversation to take one turn further; whatever else is sent is ignored."""

    model: Literal["auto"] | None = None
    n: Literal[1] | None = None

    @model_validator(mode="wrap")
    @classmethod
    def in_words(cls, data: Any, handler: ModelWrapValidatorHandler[AgentTurnRequest]) -> AgentTurnRequest:
        """Refuse a faulty body in words.

        Source: pareta/agent "Errors" (documented: 400 is the only status for faulty requests).
        """
        try:
            return handler(data)
        except ValidationError as error:
            faults = (f"{p.field}: {p.message}" for p in problems_of(error, "body", cls))
            raise Refused("; ".join(faults)) from None

    def to_domain(self) -> chat.ChatRequest:
        """Return what is asked, free of the wire."""
        return chat.ChatRequest(
            AUTO, self.prompt(), bool(self.stream), wants_usage=True, seed=self.seed, form=self.form()
        )  # fmt: skip


class AgentHeaders(WireModel):
    """Which conversation a turn belongs to."""

    session: Annotated[str | None, Field(alias="x-pareta-session")] = None

    def to_domain(self) -> str | None:
        """Return the conversation's id, if one is given.

        :raises Refused: it is endless.
        """
        if self.session and len(self.session) > MAX_SESSION_CHARACTERS:
            raise Refused(f"X-Pareta-Session has at most {MAX_SESSION_CHARACTERS} characters")
        return self.session or None


def models(created: int) -> dict[str, Any]:
    """Shape the list of the one model."""
    row = {
        "id": AUTO, "object": "model", "owned_by": "pareta", "created": created // SECOND,
        "max_model_len": CONTEXT_TOKENS, "context_window": CONTEXT_TOKENS,
    }  # fmt: skip
    return {"object": "list", "data": [row]}


def turn(value: chat.Completion) -> Reply:
    """Shape a turn as one body with its price, or as a stream that ends with its usage."""
    if value.request.is_streamed:
        return streamed(value, chunks(value, has_usage_chunk=True))
    return Reply.json(whole(value), headers=[(BILLED, b"%d" % value.price.billed_micro_usd)])
