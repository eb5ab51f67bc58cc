"""The check that every test ends with does notice what a vendor's document does not say."""

from __future__ import annotations

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.http.gateway import Gateway
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.messages import Reply
from mockserver.http.serve import BackgroundServer

FAULTS = {
    "a status": (Reply.json({"message": "short and stout"}, 418), "does not say that it answers 418"),
    "a media type": (Reply(200, b"<p>", [(b"content-type", b"text/html")]), "which 200 does not list"),
    "a missing member": (Reply.json({"object": "list", "data": []}), '"pagination" is a required property'),
    "a further member": (Reply.json({"message": "no", "hint": "x"}, 401), "'hint' was unexpected"),
    "a null": (Reply.json({"message": "no", "code": None}, 401), "null is not of type"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_anundocumented_answer_is_noticed_in_process_and_over_a_socket(
    fault: str, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, undocumented: list[str]
) -> None:
    reply, complaint = FAULTS[fault]
    monkeypatch.setattr(Gateway, "_handle", lambda gateway, *request: reply)

    with httpx.Client(transport=InProcessTransport(simulator.gateway), base_url="http://mock") as http:
        http.get("/v0/products")
    with BackgroundServer(simulator) as server:
        httpx.get(f"{server.url}/paygentic/v0/products")

    noticed = [*undocumented]
    undocumented.clear()
    assert [note.partition(":")[0] for note in noticed] == ["GET /v0/products", "GET /paygentic/v0/products"]
    assert all(complaint in note for note in noticed)


def test_what_is_routed_nowhere_is_in_no_document(simulator: Simulator, undocumented: list[str]) -> None:
    with httpx.Client(transport=InProcessTransport(simulator.gateway), base_url="http://mock") as http:
        assert http.get("/v0/nothing").status_code == 404
        assert http.put("/v0/products").status_code == 405

    assert undocumented == []
