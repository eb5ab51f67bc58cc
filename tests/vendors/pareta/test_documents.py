"""Documents on rows: attached with the request or put at a signed address, and what is refused on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.http.inprocess import InProcessTransport
from mockserver.kernel import journal
from mockserver.kernel.windows import HOUR, SECOND
from mockserver.kernel.world import World
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.documents import INLINE_BYTES, MAX_BYTES
from mockserver.vendors.pareta.routes import MAX_BODY_BYTES
from tests.vendors.pareta.org import G0, Org

PDF = "application/pdf"
SCAN = b"%PDF-1.7\n\x00\xff\r\n--b\r\n"
ROWS = [{"expected": {"total": 5}}, {"document": None, "expected": {"total": 6}}, {"target": {"total": 7}}]


@pytest.fixture
def kept(org: Org) -> str:
    """An eval set of three rows that wait for their documents."""
    return org.new_set(ROWS, "invoice-extraction")


@pytest.fixture
def keyless(simulator: Simulator) -> Iterator[httpx.Client]:
    """A client that knows no key, as the one that puts bytes at a signed address."""
    with httpx.Client(transport=InProcessTransport(simulator.gateway)) as client:
        yield client


def attach(org: Org, kept: str, data: bytes = SCAN, *, headers: Any = G0, **fields: Any) -> httpx.Response:
    form = {"idx": "0", "field_name": "document", "mime": PDF, **fields}
    return org.http.post(
        f"/v1/eval-sets/{kept}/attach-blob",
        data={name: value for name, value in form.items() if value is not None},
        files={"file": ("scan.pdf", data, "application/x-scan")},
        headers=headers,
    )


def announce(org: Org, kept: str, size: int = len(SCAN), *, headers: Any = G0, **fields: Any) -> httpx.Response:
    body = {"idx": 0, "field_name": "document", "mime": PDF, "file_size": size, **fields}
    return org.http.post(f"/v1/eval-sets/{kept}/blob-upload-url", json=body, headers=headers)


def address(org: Org, kept: str, size: int = len(SCAN), **fields: Any) -> str:
    response = announce(org, kept, size, **fields)
    assert response.status_code == 200, response.text
    url: str = response.json()["upload_url"]
    return url


def put(keyless: httpx.Client, url: str, data: bytes = SCAN, mime: str = PDF) -> httpx.Response:
    return keyless.put(url, content=data, headers={"Content-Type": mime})


def complete(org: Org, kept: str, *, headers: Any = G0, **fields: Any) -> httpx.Response:
    uri = f"gs://mock/{kept}/{fields.get('idx', 0)}/document"
    body = {"idx": 0, "field_name": "document", "storage_uri": uri, "mime": PDF, **fields}
    return org.http.post(f"/v1/eval-sets/{kept}/blob-upload-complete", json=body, headers=headers)


def content(world: World, kept: str, idx: int = 0) -> bytes | None:
    """The bytes that are kept; the vendor gives them to nobody."""
    row = world.store.one(
        "SELECT data FROM pareta_documents WHERE world = ? AND eval_set = ? AND idx = ?", (world.id, kept, idx)
    )
    return row[0] if row else None


def documented(org: Org, kept: str) -> set[int]:
    return tables.eval_sets.documented_rows(org.world, kept)


# With the request


def test_a_small_document_is_attached_with_the_request(org: Org, kept: str) -> None:
    response = attach(org, kept, idx="1")

    assert response.status_code == 200
    assert response.json() == {"kind": "blob", "uri": f"gs://mock/{kept}/1/document", "mime": PDF}
    assert content(org.world, kept, 1) == SCAN
    assert documented(org, kept) == {1}


def test_without_a_mime_field_the_files_own_counts(org: Org, kept: str) -> None:
    assert attach(org, kept, mime=None).json()["mime"] == "application/x-scan"


def test_attaching_again_replaces(org: Org, kept: str) -> None:
    attach(org, kept)

    attach(org, kept, b"other", mime="image/png")

    assert content(org.world, kept) == b"other"
    assert documented(org, kept) == {0}


def test_an_invoice_goes_by_both_names_of_the_guides(org: Org, kept: str) -> None:
    one, other = (attach(org, kept, field_name=name).json()["uri"] for name in ("document", "invoice"))

    assert (one, other) == (f"gs://mock/{kept}/0/document", f"gs://mock/{kept}/0/invoice")
    assert documented(org, kept) == {0}


def test_a_row_has_room_for_each_of_its_tasks_documents(org: Org) -> None:
    kept = org.new_set([{"expected": {"text": "hello"}}], "general-asr")

    assert attach(org, kept, b"RIFF", field_name="audio", mime="audio/wav").json() == {
        "kind": "blob", "uri": f"gs://mock/{kept}/0/audio", "mime": "audio/wav",
    }  # fmt: skip
    assert attach(org, kept).json() == {"detail": "field_name must be one of: audio"}


def test_one_byte_below_the_limit_comes_with_the_request_and_the_limit_does_not(org: Org, kept: str) -> None:
    below = attach(org, kept, bytes(INLINE_BYTES - 1))
    before = org.state()
    at = attach(org, kept, bytes(INLINE_BYTES))

    assert below.status_code == 200
    assert at.status_code == 400
    assert "5242880 bytes and more go to the address that blob-upload-url returns" in at.json()["detail"]
    assert org.state() == before


# At a signed address


def test_a_large_document_is_put_at_a_signed_address(org: Org, kept: str, keyless: httpx.Client) -> None:
    data = bytes(range(256)) * (INLINE_BYTES // 256) + b"!"

    announced = announce(org, kept, len(data), idx=2)

    assert announced.status_code == 200
    assert set(announced.json()) == {"upload_url", "storage_uri"}
    assert announced.json()["storage_uri"] == f"gs://mock/{kept}/2/document"
    assert announced.json()["upload_url"].startswith("http://mock/_storage/")
    sent = put(keyless, announced.json()["upload_url"], data)
    assert (sent.status_code, sent.content) == (200, b"")
    assert documented(org, kept) == set(), "not before it is said to be complete"
    done = complete(org, kept, idx=2)
    assert (done.status_code, done.json()) == (
        200, {"kind": "blob", "uri": f"gs://mock/{kept}/2/document", "mime": PDF},
    )  # fmt: skip
    assert content(org.world, kept, 2) == data
    assert documented(org, kept) == {2}


def test_the_address_is_on_the_host_that_was_asked_and_works_below_the_vendors_mount(
    org: Org, kept: str, keyless: httpx.Client
) -> None:
    body = {"idx": 0, "field_name": "document", "mime": PDF, "file_size": len(SCAN)}

    url = org.http.post(f"https://elsewhere:8443/pareta/v1/eval-sets/{kept}/blob-upload-url", json=body).json()[
        "upload_url"
    ]

    assert url.startswith("https://elsewhere:8443/_storage/")
    assert put(keyless, url.replace("/_storage/", "/pareta/_storage/")).status_code == 200
    assert put(keyless, url).status_code == 200


def test_bytes_may_be_put_again_until_they_are_complete(org: Org, kept: str, keyless: httpx.Client) -> None:
    url = address(org, kept)
    put(keyless, url, SCAN[::-1])

    assert put(keyless, url).status_code == 200

    assert complete(org, kept).status_code == 200
    assert content(org.world, kept) == SCAN
    assert put(keyless, url).status_code == 404


def test_to_say_complete_twice_changes_nothing(org: Org, kept: str, keyless: httpx.Client) -> None:
    put(keyless, address(org, kept))
    first = complete(org, kept)
    before = org.state()

    again = complete(org, kept)

    assert (again.status_code, again.json()) == (200, first.json())
    assert org.state() == before


def test_a_new_announcement_voids_the_one_before(org: Org, kept: str, keyless: httpx.Client) -> None:
    old = address(org, kept)
    put(keyless, old)
    new = address(org, kept, 5)

    assert put(keyless, old).status_code == 404
    assert complete(org, kept).json() == {"detail": "the file has not arrived: PUT it at the signed address first"}
    assert put(keyless, new, b"12345").status_code == 200
    assert complete(org, kept).status_code == 200
    assert content(org.world, kept) == b"12345"


def test_a_complete_upload_replaces_what_was_attached(org: Org, kept: str, keyless: httpx.Client) -> None:
    attach(org, kept, b"small")
    put(keyless, address(org, kept))
    assert content(org.world, kept) == b"small"

    complete(org, kept)

    assert content(org.world, kept) == SCAN


def test_an_address_expires_after_an_hour_of_the_worlds_time(org: Org, kept: str, keyless: httpx.Client) -> None:
    early, late = address(org, kept), address(org, kept, idx=1)
    org.advance(HOUR - SECOND)
    assert put(keyless, early).status_code == 200

    org.advance(SECOND)
    before = org.state()
    response = put(keyless, late)

    assert (response.status_code, response.json()) == (403, {"detail": "the signed address has expired"})
    assert org.state() == before
    assert complete(org, kept).status_code == 200, "what has arrived may be completed later"


@pytest.mark.parametrize(
    ("data", "mime", "detail"),
    [
        (SCAN[:-1], PDF, f"the file has {len(SCAN) - 1} bytes, but {len(SCAN)} were announced"),
        (SCAN + b"x", PDF, f"the file has {len(SCAN) + 1} bytes, but {len(SCAN)} were announced"),
        (b"", PDF, f"the file has 0 bytes, but {len(SCAN)} were announced"),
        (SCAN, "image/png", "Content-Type is 'image/png', but 'application/pdf' was announced"),
    ],
)
def test_an_address_takes_only_what_was_announced(
    org: Org, kept: str, keyless: httpx.Client, data: bytes, mime: str, detail: str
) -> None:
    url = address(org, kept)
    before = org.state()

    response = put(keyless, url, data, mime)

    assert (response.status_code, response.json()) == (400, {"detail": detail})
    assert org.state() == before


def test_addresses_nobody_was_given(org: Org, kept: str, keyless: httpx.Client, simulator: Simulator) -> None:
    url = address(org, kept)
    path, _, world = url.rpartition(".")
    Org(simulator, "other")
    before = org.state()

    for wrong, status in (
        (f"{path}x.{world}", 404),
        (f"{path}.other", 404),
        (f"{path}.nobody", 401),
        (path, 401),
        (f"{path}.~", 404),
    ):
        response = put(keyless, wrong)
        assert response.status_code == status, wrong
        assert set(response.json()) == {"detail"}
    assert keyless.get(url).status_code == 405
    assert org.state() == before
    assert "nobody" not in simulator.worlds.names()


def test_no_key_is_asked_for_nor_minded_at_a_signed_address(org: Org, kept: str, keyless: httpx.Client) -> None:
    url = address(org, kept)

    response = keyless.put(url, content=SCAN, headers={"Content-Type": PDF, "Authorization": "Bearer nonsense"})

    assert response.status_code == 200
    assert org.journal[-1].operation == "pareta.evals.sets.put_blob"


# Refusals


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"idx": 3}, "idx must be between 0 and 2"),
        ({"idx": -1}, "idx must be between 0 and 2"),
        ({"idx": 10**40}, "idx must be between 0 and 2"),
        ({"field_name": "scan"}, "field_name must be one of: document, invoice"),
        ({"field_name": ""}, "field_name must be one of: document, invoice"),
        ({"mime": "pdf"}, "mime must be a media type such as application/pdf"),
        ({"mime": "a/b\r\nX-Evil: 1"}, "mime must be a media type such as application/pdf"),
    ],
)
def test_there_is_no_such_place_or_kind_by_either_way(org: Org, kept: str, fields: dict[str, Any], detail: str) -> None:
    before = org.state()

    form: dict[str, Any] = {name: str(value) for name, value in fields.items()}
    small = attach(org, kept, **form)
    large = announce(org, kept, **fields)

    for response in (small, large):
        assert response.status_code == 400
        assert response.json()["detail"].startswith(detail)
    assert org.state() == before


@pytest.mark.parametrize("size", [0, -1, MAX_BYTES + 1, 10**40])
def test_announced_sizes_are_bounded(org: Org, kept: str, size: int) -> None:
    before = org.state()

    response = announce(org, kept, size)

    assert (response.status_code, response.json()) == (
        400, {"detail": f"file_size must be between 1 and {MAX_BYTES}"},
    )  # fmt: skip
    assert org.state() == before


def test_whatever_may_be_announced_may_be_put() -> None:
    assert MAX_BYTES <= MAX_BODY_BYTES


def test_an_empty_document_is_none(org: Org, kept: str) -> None:
    assert attach(org, kept, b"").json() == {"detail": "the file is empty"}


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({}, "no upload was announced here: call blob-upload-url first"),
        ({"idx": 1}, "the file has not arrived: PUT it at the signed address first"),
        ({"idx": 2, "mime": "image/png"}, "mime is 'image/png', but 'application/pdf' was announced"),
        ({"idx": 2, "storage_uri": "gs://mock/es_x/2/document"}, "storage_uri must be 'gs://mock/"),
        ({"idx": 2, "storage_uri": ""}, "storage_uri must be 'gs://mock/"),
        ({"idx": 3}, "idx must be between 0 and 2"),
        ({"idx": 2, "field_name": "scan"}, "field_name must be one of: document, invoice"),
    ],
)
def test_what_cannot_be_completed(
    org: Org, kept: str, keyless: httpx.Client, fields: dict[str, Any], detail: str
) -> None:
    attach(org, kept)
    address(org, kept, idx=1)
    put(keyless, address(org, kept, idx=2))
    before = org.state()

    response = complete(org, kept, **fields)

    assert response.status_code == 400
    assert response.json()["detail"].startswith(detail)
    assert org.state() == before


def test_a_set_of_text_takes_none_unless_its_task_has_a_place_beside_the_text(org: Org) -> None:
    labels = org.new_set([{"input": "a", "expected": {"label": "b"}}], "intent-classification")
    contracts = org.new_set([{"input": "a", "expected": {"governing_law": "b"}}])

    for response in (attach(org, labels), announce(org, labels), complete(org, labels)):
        assert (response.status_code, response.json()) == (
            400, {"detail": "task 'intent-classification' takes no documents"},
        )  # fmt: skip
    assert attach(org, contracts).json()["uri"] == f"gs://mock/{contracts}/0/document"


def test_a_set_of_nobody_or_of_others_takes_none(org: Org, kept: str, simulator: Simulator) -> None:
    other = Org(simulator, "other")

    for found in (attach(org, "nope"), announce(org, "nope"), complete(org, "nope")):
        assert (found.status_code, found.json()) == (404, {"detail": "eval set 'nope' not found"})
    for found in (attach(other, kept), announce(other, kept), complete(other, kept)):
        assert found.status_code == 404


def test_faulty_fields_are_listed(org: Org, kept: str) -> None:
    path = f"/v1/eval-sets/{kept}"
    before = org.state()

    def where(response: httpx.Response) -> list[Any]:
        assert response.status_code == 422, response.text
        return [problem["loc"][1] for problem in response.json()["detail"]]

    assert where(attach(org, kept, idx="one", field_name=None)) == ["idx", "field_name"]
    assert where(org.http.post(f"{path}/attach-blob", data={"file": "x"}, files={"other": b""})) == [
        "file", "idx", "field_name",
    ]  # fmt: skip
    assert where(announce(org, kept, idx="0", mime=None)) == ["idx", "mime"]
    assert where(org.http.post(f"{path}/blob-upload-url", json={})) == ["idx", "field_name", "mime", "file_size"]
    assert where(complete(org, kept, idx=True, storage_uri=None)) == ["idx", "storage_uri"]
    assert org.state() == before


# Money, keys, worlds, journal


def test_documents_are_free_even_without_credit(org: Org, kept: str, keyless: httpx.Client) -> None:
    org.set_balance(0)

    assert attach(org, kept).status_code == 200
    put(keyless, address(org, kept))
    assert complete(org, kept).status_code == 200

    assert org.debits == []


def test_replayed_requests_are_done_once(org: Org, kept: str, keyless: httpx.Client) -> None:
    headers = {"Idempotency-Key": "pareta-py-1"}

    first, again = (announce(org, kept, headers=headers) for _ in range(2))
    put(keyless, first.json()["upload_url"])
    done, done_again = (complete(org, kept, headers=headers) for _ in range(2))
    attached, other = (attach(org, kept, data, headers=headers) for data in (b"one", b"two"))

    assert again.json() == first.json()
    assert done_again.json() == done.json()
    assert (attached.status_code, other.status_code) == (200, 422)
    assert content(org.world, kept) == b"one"


def test_addresses_are_as_hard_to_guess_as_keys_and_the_same_for_the_same_seed(
    org: Org, kept: str, simulator: Simulator
) -> None:
    twin = Org(simulator, "twin")
    same = twin.new_set(ROWS, "invoice-extraction")

    ours, theirs = address(org, kept), address(twin, same)

    assert ours.removesuffix(".acme") == theirs.removesuffix(".twin")
    assert len(ours.rpartition("/")[2].removesuffix(".acme")) >= 32
    assert address(org, kept) != ours


def test_a_deleted_sets_documents_go_with_it(org: Org, kept: str, keyless: httpx.Client) -> None:
    stays = org.new_set(ROWS, "invoice-extraction")
    attach(org, stays)
    attach(org, kept)
    url = address(org, kept, idx=1)

    org.http.delete(f"/v1/eval-sets/{kept}")

    assert content(org.world, kept) is None
    assert put(keyless, url).status_code == 404
    assert content(org.world, stays) == SCAN
    assert attach(org, kept).status_code == 404


def test_a_run_under_way_still_finds_the_documents_of_a_deleted_set(org: Org, kept: str) -> None:
    attach(org, kept)
    org.flip(timed_runs=True)
    run = org.new_run(kept, "gpt-5.5")

    org.http.delete(f"/v1/eval-sets/{kept}")

    assert documented(org, kept) == {0}
    assert org.finished_run(run)["run"]["status"] == "completed"
    last = org.new_set(ROWS, "invoice-extraction")
    org.http.delete(f"/v1/eval-sets/{last}")
    assert content(org.world, kept) is None, "once nobody needs them they are swept out with the next"


def test_rows_that_bring_their_document_need_none(org: Org) -> None:
    kept = org.new_set(
        [*ROWS, {"input": {"text": "INVOICE"}, "expected": {}}, {"document": "https://x/y.pdf", "expected": {}}],
        "invoice-extraction",
    )

    assert documented(org, kept) == {3, 4}
    attach(org, kept)
    assert documented(org, kept) == {0, 3, 4}


def test_a_forked_world_has_documents_of_its_own(
    org: Org, kept: str, keyless: httpx.Client, simulator: Simulator
) -> None:
    attach(org, kept)
    url = address(org, kept, idx=1)
    with org.house():
        simulator.worlds.fork(org.world, "branch")
    branch = Org(simulator, "branch")

    assert content(branch.world, kept) == SCAN
    attach(branch, kept, b"changed")
    assert content(org.world, kept) == SCAN
    assert put(keyless, url).status_code == 200
    assert complete(branch, kept, idx=1).status_code == 400, "the address was the first world's"
    assert complete(org, kept, idx=1).status_code == 200

    with org.house():
        simulator.worlds.reset(branch.world)
        simulator.worlds.delete(org.world)
    left = simulator.store.all("SELECT world FROM pareta_documents UNION ALL SELECT world FROM pareta_uploads")
    assert left == []
    assert put(keyless, url).status_code == 401


def test_the_journal_keeps_the_beginning_of_a_document_only(org: Org, kept: str, keyless: httpx.Client) -> None:
    data = b"\xff\xfe\x80" * (INLINE_BYTES // 3 + 1)
    url = address(org, kept, len(data))

    put(keyless, url, data)
    attach(org, kept, data[: INLINE_BYTES - 1])

    for entry in org.journal[-2:]:
        assert 0 < len(entry.request_body) <= journal.MAX_BODY_BYTES
    (size,) = org.world.store.one("SELECT max(size) FROM journal WHERE world = ?", (org.world.id,)) or (0,)
    assert size < 2 * journal.MAX_BODY_BYTES
