"""What tests may have answered in place of something generated: one model for each kind of answer."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from mockserver.http.endpoint import WireModel
from mockserver.vendors.pareta.domain import embedding
from mockserver.vendors.pareta.domain.audio import MAX_DURATION_US, recognised
from mockserver.vendors.pareta.domain.encoded import decoded
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.speech import SAMPLE_RATE
from mockserver.vendors.pareta.domain.stubs import (
    StubbedAnswer,
    StubbedCall,
    StubbedFile,
    StubbedPlan,
    StubbedProposal,
    StubbedRanking,
    StubbedText,
    StubbedVectors,
)
from mockserver.vendors.pareta.schemas.audio import Language
from mockserver.vendors.pareta.schemas.retrieval import MAX_DOCUMENTS, MAX_INPUTS

_SECOND_US = 1_000_000
_FORMAT_CHUNK, _RATE_AT = b"fmt ", 12

_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode

Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=MAX_DURATION_US / _SECOND_US)]


def _finite(value: Any) -> Any:
    try:
        _to_json(value)
    except ValueError:
        raise ValueError("must be JSON; NaN and infinities are not") from None
    return value


Json = Annotated[Any, BeforeValidator(_finite)]


class _Stub(WireModel):
    model_config = ConfigDict(extra="forbid")


class CallStub(_Stub):
    """A tool to call; `arguments` is an object, or text that is sent as it is, be it JSON or not."""

    name: Name
    arguments: Annotated[dict[str, Any] | str, BeforeValidator(_finite)] = Field(default_factory=dict)
    id: Name | None = None

    def to_domain(self) -> StubbedCall:
        """Return the call."""
        text = self.arguments if isinstance(self.arguments, str) else _to_json(self.arguments)
        return StubbedCall(self.name, text, self.id)


class ChatStub(_Stub):
    """What is said: a text, a JSON value, or calls of tools; each choice of one request says the same."""

    text: str | None = None
    value: Json = Field(None, alias="json")
    tool_calls: Annotated[list[CallStub], Field(min_length=1, max_length=128)] | None = None
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        is_said = (self.text is not None, "value" in self.model_fields_set, self.tool_calls is not None)
        if sum(is_said) != 1:
            raise ValueError("give exactly one of text, json and tool_calls")
        return self

    def to_domain(self) -> StubbedAnswer:
        """Return what is said."""
        if self.tool_calls is not None:
            return StubbedAnswer(None, tuple([call.to_domain() for call in self.tool_calls]), self.finish_reason)
        return StubbedAnswer(_to_json(self.value) if self.text is None else self.text, (), self.finish_reason)


class TextStub(_Stub):
    """What is said."""

    text: str

    def to_domain(self) -> StubbedText:
        """Return what is said."""
        return StubbedText(self.text)


class TranscriptionStub(TextStub):
    """What a recording says; `duration_s`, if given, is billed in place of how long the recording plays."""

    language: Language | None = None
    duration_s: Seconds | None = None

    def to_domain(self) -> StubbedText:
        """Return what is said."""
        duration_us = None if self.duration_s is None else round(self.duration_s * _SECOND_US)
        return StubbedText(self.text, self.language, duration_us)


class VectorsStub(_Stub):
    """A vector for each text in turn, the first again after the last; zeros follow where a vector is short."""

    vectors: Annotated[
        list[Annotated[list[Number], Field(min_length=1, max_length=embedding.DIMENSIONS)]],
        Field(min_length=1, max_length=MAX_INPUTS),
    ]

    def to_domain(self) -> StubbedVectors:
        """Return the vectors."""
        return StubbedVectors(tuple([tuple(vector) for vector in self.vectors]))


class RankingStub(_Stub):
    """A score for each document in turn, or the documents' places in the request, best first.

    Documents about which nothing is said keep their own score, or come after, in their own order.
    """

    scores: (
        Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1, max_length=MAX_DOCUMENTS)] | None
    ) = None
    order: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=MAX_DOCUMENTS)] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.scores is None) == (self.order is None):
            raise ValueError("give exactly one of scores and order")
        return self

    def to_domain(self) -> StubbedRanking:
        """Return the ranking."""
        return StubbedRanking(tuple(self.scores or ()), tuple(self.order or ()))


class ImageStub(_Stub):
    """A picture, sent as it is; any bytes will do."""

    base64: str

    @model_validator(mode="after")
    def _is_a_file(self) -> Self:
        _file(self.base64)
        return self

    def to_domain(self) -> StubbedFile:
        """Return the picture."""
        return StubbedFile(_file(self.base64))


class SpeechStub(_Stub):
    """A recording, sent as it is; how long it plays is billed. Only a WAV file says so itself."""

    base64: str
    duration_s: Seconds | None = None

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        self.to_domain()
        return self

    def to_domain(self) -> StubbedFile:
        """Return the recording."""
        data = _file(self.base64)
        duration_us = 0 if self.duration_s is None else round(self.duration_s * _SECOND_US)
        rate = SAMPLE_RATE
        if data.startswith(b"RIFF"):
            try:
                duration_us = duration_us or recognised(data).duration_us
            except Refused as error:
                raise ValueError(f"base64: {error}") from None
            at = data.index(_FORMAT_CHUNK) + _RATE_AT
            rate = int.from_bytes(data[at : at + 4], "little")
        if not duration_us:
            raise ValueError("base64 is no WAV file; say in duration_s how long it plays")
        return StubbedFile(data, duration_us, rate)


class ProposalStub(_Stub):
    """A task that could score the rows."""

    task_id: Name
    confidence: Literal["high", "medium", "low"] = "high"
    reason: str | None = None

    def to_domain(self) -> StubbedProposal:
        """Return the proposal."""
        return StubbedProposal(self.task_id, self.confidence, self.reason)


class PlanStub(_Stub):
    """How rows could be scored, best first."""

    proposals: Annotated[list[ProposalStub], Field(min_length=1, max_length=100)]
    message: str | None = None

    def to_domain(self) -> StubbedPlan:
        """Return the plan."""
        return StubbedPlan(tuple([each.to_domain() for each in self.proposals]), self.message)


def _file(base64: str) -> bytes:
    try:
        return decoded(base64, "base64")
    except Refused as error:
        raise ValueError(str(error)) from None
