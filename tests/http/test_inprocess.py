"""An answer that never saw a socket looks, to whoever reads it, like one that did."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.serve import BackgroundServer

KEY = {"Authorization": "Bearer pareta_sk_test_acme"}
QUESTION = {"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]}
CHAT = "/v1/chat/completions"


@pytest.fixture
def transport(simulator: Simulator) -> InProcessTransport:
    return InProcessTransport(simulator.gateway)


def client_of(transport: InProcessTransport) -> httpx.Client:
    return httpx.Client(transport=transport, base_url="http://mock", headers=KEY)


def shown(answer: httpx.Response) -> dict[str, object]:
    """What a client may look at, but for what is another with every request."""
    varying = {"id", "x-request-id", "date", "server"}
    return {
        "status": answer.status_code,
        "headers": sorted(name for name in answer.headers if name not in varying),
        "body": {name: value for name, value in answer.json().items() if name not in varying},
        "is_closed": answer.is_closed,
        "is_stream_consumed": answer.is_stream_consumed,
        "is_all_downloaded": answer.num_bytes_downloaded == len(answer.content),
        "has_taken_time": answer.elapsed > timedelta(0),
        "encoding": answer.encoding,
    }


def test_a_whole_answer_is_what_it_is_over_a_socket(simulator: Simulator, transport: InProcessTransport) -> None:
    with BackgroundServer(simulator) as server, httpx.Client(base_url=server.url, headers=KEY) as client:
        over_a_socket = client.post(CHAT, json=QUESTION)
    with client_of(transport) as client:
        in_process = client.post(CHAT, json=QUESTION)

    assert shown(in_process) == shown(over_a_socket)


def test_an_async_client_sees_the_same(transport: InProcessTransport) -> None:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://mock", headers=KEY) as client:
            return await client.post(CHAT, json=QUESTION)

    with client_of(transport) as client:
        assert shown(asyncio.run(ask())) == shown(client.post(CHAT, json=QUESTION))


def test_an_answer_may_be_read_piece_by_piece(transport: InProcessTransport) -> None:
    with client_of(transport) as client, client.stream("POST", CHAT, json=QUESTION) as answer:
        pieces = list(answer.iter_raw(chunk_size=64))

    assert len(pieces) > 1
    assert b"".join(pieces).startswith(b'{"id":')


def test_an_answer_that_was_closed_unread_cannot_be_read(transport: InProcessTransport) -> None:
    with client_of(transport) as client, client.stream("POST", CHAT, json=QUESTION) as answer:
        answer.close()
        with pytest.raises(httpx.StreamClosed):
            answer.read()


def test_an_answer_that_was_streamed_away_cannot_be_read_again(transport: InProcessTransport) -> None:
    with client_of(transport) as client, client.stream("POST", CHAT, json=QUESTION) as answer:
        for _ in answer.iter_raw():
            pass
        with pytest.raises(httpx.StreamConsumed):
            answer.read()
