"""Embeddings and reranking through HTTP and through the clients people use for them."""

from __future__ import annotations

import asyncio
import struct
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from mockserver.vendors.pareta.domain.embedding import embed
from tests.vendors.pareta.org import Org
from tests.vendors.pareta.sdk import Client, installed

EMBEDDINGS = "/v1/embeddings"
RERANK = "/v1/rerank"
CLAUSES = [
    "This Agreement shall be governed by the laws of the State of Delaware.",
    "Either party may terminate upon thirty (30) days written notice.",
    "All notices shall be delivered to the addresses set forth above.",
]
QUESTION = "Which state's law governs this contract?"


def post(org: Org, path: str, **body: Any) -> Any:
    response = org.http.post(path, json=body)
    assert response.status_code == 200, response.text
    assert int(response.headers["x-pareta-billed"]) == -org.debits[-1].amount_micro_usd
    return response.json()


def vectors(body: Any) -> list[list[float]]:
    assert [row["index"] for row in body["data"]] == list(range(len(body["data"])))
    return [row["embedding"] for row in body["data"]]


# Embeddings


def test_vectors_come_in_the_order_of_the_texts(org: Org) -> None:
    body = post(org, EMBEDDINGS, input=CLAUSES, model="anything", dimensions=12, user="somebody")

    assert body["object"] == "list"
    assert body["model"] == "qwen-embed-1"
    assert {row["object"] for row in body["data"]} == {"embedding"}
    assert vectors(body) == [embed(text) for text in CLAUSES]
    tokens = sum(-(-len(text) // 4) for text in CLAUSES)
    assert body["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


def test_one_text_may_stand_by_itself(org: Org) -> None:
    assert vectors(post(org, EMBEDDINGS, input=QUESTION)) == vectors(post(org, EMBEDDINGS, input=[QUESTION]))


def test_queries_embed_unlike_documents_and_find_what_answers_them(org: Org) -> None:
    index = vectors(post(org, EMBEDDINGS, input=CLAUSES, input_type="document"))
    (query,) = vectors(post(org, EMBEDDINGS, input=QUESTION, input_type="query"))

    assert index == vectors(post(org, EMBEDDINGS, input=CLAUSES))
    assert query not in vectors(post(org, EMBEDDINGS, input=QUESTION))
    nearness = [sum(a * b for a, b in zip(query, vector, strict=True)) for vector in index]
    assert nearness[0] == max(nearness) > 2 * sorted(nearness)[1]


def test_base64_holds_the_same_floats(org: Org) -> None:
    plain = vectors(post(org, EMBEDDINGS, input=CLAUSES, encoding_format="float"))
    packed = post(org, EMBEDDINGS, input=CLAUSES, encoding_format="base64")

    for row, vector in zip(packed["data"], plain, strict=True):
        assert struct.unpack("<1024f", b64decode(row["embedding"], validate=True)) == pytest.approx(vector, rel=6e-8)


def test_a_text_is_cut_at_512_tokens_and_only_those_are_billed(org: Org) -> None:
    body = post(org, EMBEDDINGS, input=["a" * 2_048, "a" * 9_000, "a" * 2_047, "", "abcde"])

    assert body["usage"]["prompt_tokens"] == 512 + 512 + 512 + 0 + 2
    assert org.debits[-1].amount_micro_usd == -7  # 1,538 tokens at 4 per thousand, rounded up
    assert vectors(body)[0] == vectors(body)[1]
    assert sum(number * number for number in vectors(body)[3]) == pytest.approx(1, abs=1e-6)


def test_the_same_text_embeds_alike_in_every_world(org: Org) -> None:
    other = Org(org.simulator, "other")

    assert vectors(post(org, EMBEDDINGS, input=CLAUSES)) == vectors(post(other, EMBEDDINGS, input=CLAUSES))


def test_512_texts_are_as_many_as_go(org: Org) -> None:
    body = post(org, EMBEDDINGS, input=[f"text {n}" for n in range(512)])

    assert len({tuple(vector) for vector in vectors(body)}) == 512


# Reranking


def test_documents_are_ranked_by_probability(org: Org) -> None:
    body = post(org, RERANK, query=QUESTION, documents=CLAUSES[::-1])

    assert (body["model"], body["pairs"]) == ("pareta-rerank-1", 3)
    assert [row["index"] for row in body["results"]] == [2, 0, 1]
    scores = [row["relevance_score"] for row in body["results"]]
    assert scores[0] > 0.9
    assert max(scores[1:]) < 0.1
    assert min(scores) > 0


@pytest.mark.parametrize(("top_n", "shown"), [(1, 1), (2, 2), (3, 3), (50, 3), (None, 3)])
def test_all_documents_are_scored_and_billed_however_few_are_shown(org: Org, top_n: int | None, shown: int) -> None:
    whole = post(org, RERANK, query=QUESTION, documents=CLAUSES)
    body = post(org, RERANK, query=QUESTION, documents=CLAUSES, top_n=top_n)

    assert body["results"] == whole["results"][:shown]
    assert body["pairs"] == 3
    assert [entry.amount_micro_usd for entry in org.debits] == [-6, -6]


def test_a_score_does_not_depend_on_the_other_documents(org: Org) -> None:
    whole = post(org, RERANK, query=QUESTION, documents=CLAUSES)["results"]
    alone = [post(org, RERANK, query=QUESTION, documents=[text])["results"][0] for text in CLAUSES]

    for row in whole:
        assert row["relevance_score"] == alone[row["index"]]["relevance_score"]


def test_a_thousand_documents_are_as_many_as_go(org: Org) -> None:
    body = post(org, RERANK, query="law", documents=["alike"] * 999 + ["law"], top_n=3)

    assert [row["index"] for row in body["results"]] == [999, 0, 1]
    assert org.debits[-1].amount_micro_usd == -2_000


# Refusals and money


FAULTY: list[tuple[str, dict[str, Any], list[str | int]]] = [
    (EMBEDDINGS, {}, ["input"]),
    (EMBEDDINGS, {"input": None}, ["input"]),
    (EMBEDDINGS, {"input": []}, ["input"]),
    (EMBEDDINGS, {"input": ["x"] * 513}, ["input"]),
    (EMBEDDINGS, {"input": ["x", 1]}, ["input", 1]),
    (EMBEDDINGS, {"input": [9906, 1917]}, ["input", 0]),
    (EMBEDDINGS, {"input": [[9906, 1917]]}, ["input", 0]),
    (EMBEDDINGS, {"input": "x", "input_type": "passage"}, ["input_type"]),
    (EMBEDDINGS, {"input": "x", "encoding_format": "hex"}, ["encoding_format"]),
    (RERANK, {"documents": ["x"]}, ["query"]),
    (RERANK, {"query": "", "documents": ["x"]}, ["query"]),
    (RERANK, {"query": " \n", "documents": ["x"]}, ["query"]),
    (RERANK, {"query": "x"}, ["documents"]),
    (RERANK, {"query": "x", "documents": []}, ["documents"]),
    (RERANK, {"query": "x", "documents": "x"}, ["documents"]),
    (RERANK, {"query": "x", "documents": ["x"] * 1_001}, ["documents"]),
    (RERANK, {"query": "x", "documents": ["x", {"text": "x"}]}, ["documents", 1]),
    (RERANK, {"query": "x", "documents": ["x"], "top_n": 0}, ["top_n"]),
    (RERANK, {"query": "x", "documents": ["x"], "top_n": -1}, ["top_n"]),
    (RERANK, {"query": "x", "documents": ["x"], "top_n": 1.5}, ["top_n"]),
    (RERANK, {"query": "x", "documents": ["x"], "top_n": True}, ["top_n"]),
]


@pytest.mark.parametrize(("path", "body", "where"), FAULTY)
def test_a_faulty_field_is_named_and_costs_nothing(
    org: Org, path: str, body: dict[str, Any], where: list[str | int]
) -> None:
    before = org.state()

    response = org.http.post(path, json=body)

    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", *where]
    assert "x-pareta-billed" not in response.headers
    assert org.state() == before


REQUESTS: list[tuple[str, dict[str, Any], str, int]] = [
    (EMBEDDINGS, {"input": ["a" * 400, "b"]}, "embeddings", 1),
    (RERANK, {"query": "law", "documents": CLAUSES}, "rerank", 6),
]


@pytest.mark.parametrize(("path", "body", "operation", "price"), REQUESTS)
def test_an_empty_balance_stops_it_and_the_last_credit_starts_it(
    org: Org, path: str, body: dict[str, Any], operation: str, price: int
) -> None:
    org.set_balance(1)
    assert org.http.post(path, json=body).status_code == 200
    assert org.balance == 1 - price <= 0
    before = org.state()

    refused = org.http.post(path, json=body)

    assert refused.status_code == 402
    assert refused.json()["detail"].startswith("organization is out of credit")
    assert org.state() == before


@pytest.mark.parametrize(("path", "body", "operation", "price"), REQUESTS)
def test_a_call_is_one_debit_and_its_repetition_none(
    org: Org, path: str, body: dict[str, Any], operation: str, price: int
) -> None:
    key = {"Idempotency-Key": "pareta-py-0"}

    first = org.http.post(path, json=body, headers=key)
    again = org.http.post(path, json=body, headers=key)
    other = org.http.post(path, json={**body, "extra": 1}, headers=key)

    assert (first.headers["x-pareta-billed"], again.headers["x-pareta-billed"]) == (str(price), "0")
    assert again.content == first.content
    assert other.status_code == 422
    (debit,) = org.debits
    assert (debit.amount_micro_usd, debit.operation, debit.subject) == (-price, operation, path)
    entry = org.journal[0]
    assert (entry.operation, entry.cost_micro_usd) == (f"pareta.{operation}", price)
    assert entry.duration_us > 0


# Clients, over a socket


@pytest.mark.sdk
@pytest.mark.parametrize("encoding_format", [None, "float"])
def test_a_stock_openai_client_embeds(url: str, org: Org, encoding_format: Any) -> None:
    more = {} if encoding_format is None else {"encoding_format": encoding_format}  # its default is base64
    with openai.OpenAI(api_key="pareta_sk_test_acme", base_url=f"{url}/v1", max_retries=0) as client:
        found = client.embeddings.create(model="text-embedding-3-small", input=CLAUSES, dimensions=256, **more)
        single = client.embeddings.create(model="text-embedding-3-small", input=CLAUSES[0], **more)
        with pytest.raises(openai.UnprocessableEntityError):
            client.embeddings.create(model="text-embedding-3-small", input=[9906, 1917])

    for row, text in zip(found.data, CLAUSES, strict=True):
        assert row.embedding == pytest.approx(embed(text), rel=6e-8)
    assert single.data[0].embedding == found.data[0].embedding
    assert found.usage.prompt_tokens == found.usage.total_tokens > 0
    assert len(org.debits) == 2


@pytest.mark.sdk
def test_a_stock_async_openai_client_embeds(url: str, org: Org) -> None:
    async def main() -> list[float]:
        async with openai.AsyncOpenAI(api_key="pareta_sk_test_acme", base_url=f"{url}/v1", max_retries=0) as client:
            return (await client.embeddings.create(model="any", input="law")).data[0].embedding

    assert asyncio.run(main()) == pytest.approx(embed("law"), rel=6e-8)


@pytest.fixture(params=[(version, way) for version in ("1.3.0", "2.1.0", "3.0.4") for way in ("sync", "async")],
                ids=lambda each: "-".join(each))  # fmt: skip
def client(request: pytest.FixtureRequest, url: str) -> Iterator[Client]:
    version, way = request.param
    with installed(version) as module:
        yield Client(module, url, "pareta_sk_test_acme", is_async=way == "async")


@pytest.mark.sdk
def test_the_vendors_client_searches_in_two_stages(client: Client, org: Org) -> None:
    index = client(lambda pa: pa.embeddings(CLAUSES))
    query = client(lambda pa: pa.embeddings(QUESTION, input_type="query")).vectors[0]
    nearness = [sum(a * b for a, b in zip(query, vector, strict=True)) for vector in index.vectors]
    pool = [CLAUSES[place] for place in sorted(range(3), key=lambda place: -nearness[place])[:2]]
    ranked = client(lambda pa: pa.rerank(QUESTION, pool, top_n=1))

    assert (index.model, len(index), index.prompt_tokens) == ("qwen-embed-1", 3, 18 + 16 + 16)
    assert index.vectors == [embed(text) for text in CLAUSES]
    assert ranked.top_documents(pool) == [CLAUSES[0]]
    assert (ranked.model, ranked.pairs, len(ranked.results)) == ("pareta-rerank-1", 2, 1)
    assert 0.9 < ranked.results[0].relevance_score < 1
    assert [entry.amount_micro_usd for entry in org.debits] == [-1, -1, -4]


@pytest.mark.sdk
def test_the_vendors_client_raises_its_own_exceptions(client: Client, org: Org) -> None:
    with pytest.raises(client.module.BadRequestError):
        client(lambda pa: pa.embeddings(["text"] * 513))
    with pytest.raises(client.module.BadRequestError):
        client(lambda pa: pa.rerank("law", ["text"] * 1_001))
    org.set_balance(0)
    with pytest.raises(client.module.InsufficientCreditsError, match="out of credit"):
        client(lambda pa: pa.embeddings("law"))
    with pytest.raises(client.module.InsufficientCreditsError, match="out of credit"):
        client(lambda pa: pa.rerank("law", ["text"]))
    assert org.debits == []
