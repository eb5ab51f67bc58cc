from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.http.serve import SERVERS, BackgroundServer, ServerName


@pytest.mark.parametrize("server", SERVERS)
def test_the_control_api_answers_over_a_socket(simulator: Simulator, server: ServerName) -> None:
    pytest.importorskip(server)
    with BackgroundServer(simulator, server) as background, httpx.Client(base_url=background.url) as client:
        assert client.get("/_mock/health").json() == {"status": "ok"}
        assert client.put("/_mock/worlds/default/credits", json={"balance_usd": "0.09"}).status_code == 200
        assert client.get("/_mock/worlds/default/invariants").json()["holds"] is True
        assert client.delete("/_mock/worlds/default").content == b""
        assert client.head("/_mock/health").status_code == 200
        assert client.get("/_mock/version", headers={"Host": "evil.example"}).status_code == 403


def test_worlds_are_forked_beside_other_requests(simulator: Simulator) -> None:
    with BackgroundServer(simulator) as background:

        def fork(number: int) -> int:
            answer = httpx.post(f"{background.url}/_mock/worlds/acme/fork", json={"name": f"copy-{number}"})
            return answer.status_code

        def models(number: int) -> int:
            headers = {"Authorization": "Bearer pareta_sk_test_acme"}
            return httpx.get(f"{background.url}/v1/models", headers=headers).status_code

        with ThreadPoolExecutor(8) as pool:
            forks = list(pool.map(fork, range(12)))
            listings = list(pool.map(models, range(12)))
        worlds = httpx.get(f"{background.url}/_mock/worlds").json()["data"]

    assert set(forks) == {201}
    assert set(listings) == {200}
    assert {world["name"] for world in worlds} == {"acme", *(f"copy-{number}" for number in range(12))}
