from __future__ import annotations

import pytest

from mockserver.kernel import journal
from mockserver.kernel.journal import MAX_BODY_BYTES, Entry, redacted, redacted_text
from mockserver.kernel.store import Store
from mockserver.kernel.world import World, Worlds
from tests.kernel.conftest import NOON


@pytest.fixture
def world(worlds: Worlds) -> World:
    with worlds.store.committed():
        return worlds.create("acme")


def write(world: World, **facts: object) -> Entry:
    seq = world.journal.next_seq()
    entry = Entry(seq, NOON, "toy", "toy.things.create", "POST", "/t/things", "", 200, f"req_{seq}")
    for name, value in facts.items():
        setattr(entry, name, value)
    with world.store.committed():
        world.journal.write(entry)
    return entry


def test_an_entry_reads_back_as_it_was_written(world: World) -> None:
    entry = write(
        world, client="probe/1", cost_micro_usd=7, duration_us=5, reason="why", idempotency="first", fault="f",
        stub="s", headers={b"accept": b"*/*"}, request_body=b"in", response_body=b"out",
    )  # fmt: skip

    assert world.journal.read() == [entry]


def test_entries_are_read_page_by_page(world: World) -> None:
    for _ in range(5):
        write(world)

    assert [entry.seq for entry in world.journal.read(after=2, limit=2)] == [3, 4]


def test_arrival_numbers_go_on_after_a_restart(world: World, worlds: Worlds) -> None:
    write(world)
    write(world)

    again = Worlds(worlds.store).get("acme")

    assert again.journal.next_seq() == 3


def test_only_the_newest_entries_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MAX_ENTRIES", 10)
    monkeypatch.setattr(journal, "_TRIM_EVERY", 1)

    for _ in range(25):
        write(world)

    assert [entry.seq for entry in world.journal.read()] == list(range(16, 26))


def test_only_so_many_bytes_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MAX_BYTES", 5_000)
    monkeypatch.setattr(journal, "_TRIM_EVERY", 1)

    for _ in range(20):
        write(world, request_body=b"x" * 744)

    kept = [entry.seq for entry in world.journal.read()]
    assert kept == list(range(21 - len(kept), 21))
    assert 3 <= len(kept) <= 5


def test_long_bodies_are_cut(world: World) -> None:
    write(world, request_body=b"x" * (MAX_BODY_BYTES + 1), response_body="é".encode() * MAX_BODY_BYTES)

    (entry,) = world.journal.read()

    assert len(entry.request_body) == MAX_BODY_BYTES
    assert set(entry.response_body.decode()) == {"é"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (b"key pareta_sk_live_abc.def-1!", b"key pareta_sk_live_[redacted]!"),
        (b'{"k": "sk_test_abc"}', b'{"k": "sk_test_[redacted]"}'),
        (b"pareta_sk_abc", b"pareta_sk_[redacted]"),
        (b"authorization: bearer abc", b"authorization: bearer [redacted]"),
        (b"nothing to hide", b"nothing to hide"),
        (b'{"task_id": "t-1", "risk_score": 1}', b'{"task_id": "t-1", "risk_score": 1}'),
        (b"my_sk_abc, Bearer\nnext: line", b"my_sk_[redacted], Bearer\nnext: line"),
    ],
)
def test_credentials_are_replaced_wherever_they_stand(text: bytes, kept: bytes) -> None:
    assert redacted(text) == kept


def test_no_credential_reaches_the_database(world: World, store: Store) -> None:
    secret = "topsecret"
    write(
        world,
        path=f"/t/sk_test_{secret}",
        query=f"key=pareta_sk_live_{secret}",
        headers={
            b"authorization": f"Bearer {secret}".encode(),
            b"x-api-key": secret.encode(),
            b"cookie": secret.encode(),
            b"x-other": f"Bearer {secret}".encode(),
        },
        request_body=f"sk_live_{secret}".encode(),
        response_body=f'"Bearer {secret}"'.encode(),
    )

    row = store.one("SELECT * FROM journal")
    assert row is not None
    assert not [value for value in row if secret in (value.decode() if isinstance(value, bytes) else str(value))]


def test_text_that_is_not_unicode_survives_redaction() -> None:
    assert redacted_text("sk_test_a\udcff") == "sk_test_[redacted]\ufffd"


def test_entries_are_found_by_operation_and_status(world: World) -> None:
    write(world, operation="toy.things.create", status=200)
    write(world, operation="toy.things.list", status=404)
    write(world, operation=None, status=404)

    def found(**wanted: object) -> list[int]:
        return [entry.seq for entry in world.journal.read(**wanted)]  # type: ignore[arg-type]

    assert found(operation="toy.things.create") == [1]
    assert found(operation="things.list") == [2]
    assert found(operation="things.*") == [1, 2]
    assert found(status=404) == [2, 3]
    assert found(operation="*list", status=200) == []
