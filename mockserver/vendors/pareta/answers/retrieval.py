"""Vectors and rankings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mockserver.http.endpoint import WireModel


class EmbeddingRow(WireModel):
    """One text's vector: 1024 numbers of unit length, or their 32-bit little-endian floats in base64."""

    object: Literal["embedding"]
    index: int
    embedding: Annotated[list[float], Field(min_length=1024, max_length=1024)] | str


class EmbeddingsUsage(WireModel):
    """The tokens that were embedded, twice."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(WireModel):
    """Vectors in order of the texts; what they cost is in the header."""

    object: Literal["list"]
    data: list[EmbeddingRow]
    model: str
    usage: EmbeddingsUsage


class RerankRow(WireModel):
    """A document by its place in the request, and how probably it answers the query."""

    index: Annotated[int, Field(ge=0)]
    relevance_score: Annotated[float, Field(gt=0, lt=1)]


class RerankResponse(WireModel):
    """A ranking, best first; `pairs` counts all documents that were scored and billed."""

    results: list[RerankRow]
    model: str
    pairs: int
