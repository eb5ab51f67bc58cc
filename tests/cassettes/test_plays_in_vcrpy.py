"""What our proxy records, VCR.py plays alone, to clients that were pointed at the real address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import vcr

from mockserver.app import Simulator
from mockserver.cassettes.files import Library
from mockserver.cassettes.recorder import Recorder
from mockserver.http.serve import BackgroundServer

KEY = "pareta_sk_test_vcr.zebra-7"
CHAT = {
    "model": "auto",
    "messages": [{"role": "user", "content": "Grüße, 😀 \x85 \u2028 'quoted' \"twice\"\r\n  and: - odd # text"}],
}
OF_THE_SERVER = {"date", "connection", "transfer-encoding", "server", "keep-alive"}

Heard = tuple[int, dict[str, str], bytes]


@pytest.fixture
def upstream(simulator: Simulator) -> Iterator[str]:
    with BackgroundServer(simulator) as server:
        yield server.url


def headers_of(answer: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items() if name.lower() not in OF_THE_SERVER}


def through_httpx(url: str) -> list[Heard]:
    """Walk through what a client may do, and return all it was told."""
    heard: list[Heard] = []
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {KEY}"}, trust_env=False) as client:

        def hear(answer: httpx.Response) -> httpx.Response:
            heard.append((answer.status_code, headers_of(answer), answer.content))
            return answer

        hear(client.get("/v1/models"))
        hear(client.post("/v1/chat/completions", json=CHAT))
        with client.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}) as stream:
            heard.append((stream.status_code, headers_of(stream), b"".join(stream.iter_bytes())))
        made = hear(
            client.post(
                "/v1/eval-sets",
                data={"name": "é set", "task_id": "contract-key-fields", "scorer": "field_f1"},
                files={"file": ("zeilen.jsonl", b'{"input": {"a": "\xc3\xbc"}, "expected_output": {"b": 1}}\n')},
            )
        )
        hear(client.get(f"/v1/eval-sets/{made.json().get('id', 'none')}"))
        hear(client.get("/v1/tasks", params={"q": "a b&c=é"}))
        hear(client.get("/v1/tasks/no such/é"))
        hear(client.delete(f"/v1/eval-sets/{made.json().get('id', 'none')}"))
    return heard


def through_requests(url: str) -> list[Heard]:
    heard: list[Heard] = []
    with requests.Session() as session:
        session.trust_env = False
        session.headers["authorization"] = f"Bearer {KEY}"

        def hear(answer: requests.Response) -> None:
            heard.append((answer.status_code, headers_of(answer), answer.content))

        hear(session.get(f"{url}/v1/models"))
        hear(session.post(f"{url}/v1/chat/completions", json=CHAT))
        hear(session.post(f"{url}/v1/chat/completions", json={**CHAT, "stream": True}, stream=True))
        hear(session.post(f"{url}/v1/eval-sets", data={"name": "x"}, files={"file": ("a.jsonl", b'{"input": {}}\n')}))
        hear(session.get(f"{url}/v1/endpoints/none"))
    return heard


def is_said_alike(one: Any, other: Any) -> bool:
    """Whether two bodies are one, but for the boundary of multipart; no body is `None` or empty, by client."""
    bodies = [bytes(each.body or b"") for each in (one, other)]
    if all(body.startswith(b"--") for body in bodies):
        bodies = [body.replace(body[2:].partition(b"\r\n")[0], b"boundary") for body in bodies]
    return bodies[0] == bodies[1]


@pytest.mark.parametrize("ending", [".yaml", ".json"])
@pytest.mark.parametrize("walk", [through_httpx, through_requests])
def test_what_the_proxy_recorded_vcrpy_plays_alone(upstream: str, tmp_path: Path, ending: str, walk: Any) -> None:
    cassette = tmp_path / f"walk{ending}"
    recorder = Recorder({"pareta": upstream}, cassette)
    with BackgroundServer(recorder) as proxy:
        recorded = walk(proxy.url)
    recorder.close()
    assert len(Library([cassette])) == len(recorded) == recorder.written[cassette]
    assert KEY not in cassette.read_text()

    player = vcr.VCR(
        serializer=ending[1:],
        record_mode="none",
        match_on=("method", "scheme", "host", "port", "path", "query", "said"),
    )
    player.register_matcher("said", is_said_alike)
    with player.use_cassette(str(cassette)) as played:
        assert walk(upstream) == recorded
        assert played.all_played
    assert {status for status, _, _ in recorded} >= {200, 404}
