"""Embeddings and reranking on the wire."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from mockserver.http.endpoint import WireModel
from mockserver.http.messages import Reply
from mockserver.vendors.pareta.domain import embedding, reranking
from mockserver.vendors.pareta.operations import retrieval
from mockserver.vendors.pareta.schemas.chat import BILLED

MAX_INPUTS = 512
"""Source: pareta/embeddings "Up to 512 per call" (documented)."""

MAX_DOCUMENTS = 1_000
"""Source: pareta/rerank "up to 1,000 per call" (documented)."""

_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_INPUTS}

Inputs = Annotated[
    list[str],
    Field(min_length=1, max_length=MAX_INPUTS),
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [{"type": "string"}, _TEXTS], "title": "Input"}),
]
"""Texts, or one text by itself as OpenAI's clients may send it; never token ids."""


class EmbeddingsRequest(WireModel):
    """Texts to embed; any further OpenAI field is accepted and means nothing here."""

    input: Inputs
    input_type: Literal["query", "document"] | None = None
    encoding_format: Literal["float", "base64"] | None = None

    def to_domain(self) -> retrieval.EmbeddingsRequest:
        """Return what is asked."""
        return retrieval.EmbeddingsRequest(self.input, self.input_type == "query", self.encoding_format == "base64")


def embeddings(value: retrieval.Embedded) -> Reply:
    """Shape vectors in order of the texts."""
    body = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if value.is_packed else vector}
            for index, vector in enumerate(value.vectors)
        ],
        "model": embedding.MODEL,
        "usage": {"prompt_tokens": value.tokens, "total_tokens": value.tokens},
    }
    return _receipted(body, value.billed_micro_usd)


def _packed(vector: list[float]) -> str:
    return b64encode(embedding.packed(vector)).decode("ascii")


class RerankRequest(WireModel):
    """A query and the documents that may answer it."""

    query: Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
    documents: Annotated[list[str], Field(min_length=1, max_length=MAX_DOCUMENTS)]
    top_n: Annotated[int, Field(ge=1)] | None = None

    def to_domain(self) -> retrieval.RerankRequest:
        """Return what is asked."""
        return retrieval.RerankRequest(self.query, self.documents, self.top_n)


def reranked(value: retrieval.Reranked) -> Reply:
    """Shape a ranking, best first."""
    body = {
        "results": [{"index": each.index, "relevance_score": each.score} for each in value.results],
        "model": reranking.MODEL,
        "pairs": value.pairs,
    }
    return _receipted(body, value.billed_micro_usd)


def _receipted(body: dict[str, Any], billed_micro_usd: int) -> Reply:
    return Reply.json(body, headers=[(BILLED, b"%d" % billed_micro_usd)])
