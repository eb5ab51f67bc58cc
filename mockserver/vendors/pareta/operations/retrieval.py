"""Embeddings and reranking: check the credit, compute, take the money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mockserver.kernel.call import Call
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain import embedding, reranking
from mockserver.vendors.pareta.domain.embedding import embed
from mockserver.vendors.pareta.domain.generation import count_tokens
from mockserver.vendors.pareta.domain.pricing import embeddings_price
from mockserver.vendors.pareta.domain.reranking import Relevance, rank
from mockserver.vendors.pareta.domain.words import cut
from mockserver.vendors.pareta.operations.metering import authorised, charge

if TYPE_CHECKING:
    from mockserver.vendors.pareta.domain.stubs import StubbedRanking, StubbedVectors

EMBEDDINGS = "/v1/embeddings"
RERANK = "/v1/rerank"

# Half of all calls take longer than this, plus the time for each text.
_EMBEDDINGS_US, _PER_INPUT_US = 45_000, 1_500
_RERANK_US, _PER_DOCUMENT_US = 60_000, 2_500


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    """What is to be embedded, and how it is to be sent.

    :param is_packed: as base64 of little-endian 32-bit floats, not as numbers.
    """

    texts: Sequence[str]
    is_query: bool
    is_packed: bool


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors in order of the texts, with their receipt."""

    vectors: list[list[float]]
    tokens: int
    billed_micro_usd: int
    is_packed: bool


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """What is looked for, and in which documents.

    :param top_n: how many results to return at most; all if `None`.
    """

    query: str
    documents: Sequence[str]
    top_n: int | None


@dataclass(frozen=True, slots=True)
class Reranked:
    """The best documents, with the receipt for all of them."""

    results: list[Relevance]
    pairs: int
    billed_micro_usd: int


def embeddings(call: Call, request: EmbeddingsRequest) -> Embedded:
    """Embed texts, billed by the tokens that count.

    :raises InsufficientCredits: the balance is empty.
    """
    authorised(call.world)
    tokens = sum(count_tokens(cut(text)) for text in request.texts)
    price = embeddings_price(tables.catalog.price_sheet(call.world), tokens)
    stub: StubbedVectors | None = call.answer
    if stub is None:
        vectors = [embed(text, is_query=request.is_query) for text in request.texts]
    else:
        vectors = stub.of(len(request.texts), embedding.DIMENSIONS)
    median_us = _EMBEDDINGS_US + _PER_INPUT_US * len(vectors)
    charge(call, "embeddings", EMBEDDINGS, embedding.MODEL, price, median_us, tokens=tokens)
    return Embedded(vectors, tokens, price, request.is_packed)


def rerank(call: Call, request: RerankRequest) -> Reranked:
    """Rank documents by relevance, billed for each of them, however few are returned.

    :raises InsufficientCredits: the balance is empty.
    """
    authorised(call.world)
    pairs = len(request.documents)
    price = tables.catalog.price_sheet(call.world).rerank_per_document * pairs
    stub: StubbedRanking | None = call.answer
    if stub is None:
        results = rank(request.query, request.documents, request.top_n)
    else:
        results = stub.of(rank(request.query, request.documents), request.top_n)
    charge(call, "rerank", RERANK, reranking.MODEL, price, _RERANK_US + _PER_DOCUMENT_US * pairs)
    return Reranked(results, pairs, price)
