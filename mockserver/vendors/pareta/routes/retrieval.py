"""Embeddings and reranking."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import retrieval
from mockserver.vendors.pareta.schemas import retrieval as wire

ENDPOINTS = (
    Endpoint(
        "POST", retrieval.RERANK, "rerank", retrieval.rerank, stub="RankingStub",
        body=wire.RerankRequest, present=wire.reranked, response="retrieval.RerankResponse",
        errors=(400, 401, 402, 422), replayable=True, is_delayable=True,
        source="pareta/rerank",
    ),
    Endpoint(
        "POST", retrieval.EMBEDDINGS, "embeddings", retrieval.embeddings, stub="VectorsStub",
        body=wire.EmbeddingsRequest, present=wire.embeddings, response="retrieval.EmbeddingsResponse",
        errors=(400, 401, 402, 422), replayable=True, is_delayable=True,
        source="pareta/embeddings",
    ),
)  # fmt: skip
