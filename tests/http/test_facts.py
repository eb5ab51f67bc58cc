"""What is known about requests, whichever vendor they go to."""

from __future__ import annotations

import httpx
import pytest

from mockserver.http.facts import facts_of, facts_of_entry
from mockserver.http.gateway import Gateway
from mockserver.kernel.world import World
from tests.http.conftest import Toy, last_entry, toy_api


def test_a_form_has_its_fields_and_its_files_names(client: httpx.Client, gateway: Gateway, acme: World) -> None:
    client.post("/t/files", data={"title": "t"}, files={"file": ("a.txt", b"abc", "text/plain")})
    facts = facts_of_entry(gateway.router, last_entry(acme))

    assert facts.get("json") == {"title": "t", "file": "a.txt"}
    assert facts.get("operation") == "toy.files.create"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"x" * 100])
@pytest.mark.parametrize("path", ["/t/things", "/t/files"])
def test_what_cannot_be_read_says_nothing(
    client: httpx.Client, gateway: Gateway, acme: World, path: str, body: bytes
) -> None:
    client.post(path, content=body, headers={"Idempotency-Key": "k"})
    facts = facts_of_entry(gateway.router, last_entry(acme))

    assert facts.get("json") is None
    assert facts.get("json.name") is None
    assert facts.get("idempotency_key") == "k"


def test_what_goes_to_nobody_has_a_path_and_no_vendor(client: httpx.Client, gateway: Gateway, acme: World) -> None:
    client.get("/elsewhere?x=1", headers={"User-Agent": "probe/1"})
    entry = next(world.journal.read()[-1] for world in (acme, gateway.worlds.nobody) if world.journal.read())
    facts = facts_of_entry(gateway.router, entry)

    assert (facts.get("path"), facts.get("client"), facts.get("vendor")) == ("/elsewhere", "probe/1", None)


@pytest.mark.parametrize(
    ("header", "key"),
    [(b"Bearer toy_test_acme", "toy_test_acme"), (b"bearer  x ", "x"), (b"[redacted]", None), (b"", None)],
)
def test_the_key_is_known_of_a_request_but_not_of_its_entry(header: bytes, key: str | None) -> None:
    api = toy_api(Toy())
    facts = facts_of(api, None, (), method="GET", path="/t/x", headers={b"authorization": header}, body=b"")

    assert facts.get("key") == key
    assert facts.get("operation") is None
