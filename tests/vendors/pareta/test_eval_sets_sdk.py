"""Eval sets, their documents and proposals through the vendor's own clients, each generation over a socket."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mockserver.kernel.world import World
from tests.vendors.pareta.sdk import Client, installed
from tests.vendors.pareta.test_documents import content

KEY = "pareta_sk_test_acme"
LIMIT = 5 * 1024 * 1024
OLD = [{"input": "Effective as of January 1, 2026.", "expected": {"effective_date": "2026-01-01"}}] * 3
NEW = [{"input": {"contract_text": row["input"]}, "expected_output": row["expected"]} for row in OLD]
SCANS = [{"document": None, "expected_output": {"invoice_number": "INV-1", "total": "12.00"}}] * 5
OLD_SCANS = [{"document": None, "expected": {"invoice_number": "INV-1", "total": "12.00"}}] * 5
DATES = "extract the effective date from each contract"
TOTALS = "extract the invoice number and total from each invoice"

pytestmark = pytest.mark.sdk


class Sdk(Client):
    """A client of one version that spells things as its generation does."""

    version: str

    @property
    def major(self) -> int:
        return int(self.version[0])

    def said(self, prompt: str) -> dict[str, str]:
        return {2: {"intent": prompt}, 3: {"prompt": prompt}}.get(self.major, {})

    def create(self, items: Any, prompt: str, task: str | None, **more: Any) -> Any:
        named = {} if task is None else {"task": task}
        return self(lambda pa: pa.evals.sets.create(items=items, **self.said(prompt), **named, **more))

    def new_scans(self) -> str:
        identity: str = self.create(SCANS if self.major == 3 else OLD_SCANS, TOTALS, "invoice-extraction").id
        return identity

    def upload(self, kept: str, file: Any, idx: int, field_name: str = "document", **more: Any) -> Any:
        return self(lambda pa: pa.evals.sets.upload_document(kept, file, idx=idx, field_name=field_name, **more))


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def is_async(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def client_of(version: str, url: str, is_async: bool) -> Iterator[Sdk]:
    with installed(version) as module:
        client = Sdk(module, url, KEY, is_async=is_async)
        client.version = version
        yield client


@pytest.fixture(params=["0.1.0", "0.3.1", "2.1.0", "3.0.4"])
def client(request: pytest.FixtureRequest, url: str, is_async: bool) -> Iterator[Sdk]:
    yield from client_of(request.param, url, is_async)


@pytest.fixture(params=["2.1.0", "3.0.4"])
def proposer(request: pytest.FixtureRequest, url: str, is_async: bool) -> Iterator[Sdk]:
    """A client that knows proposals."""
    yield from client_of(request.param, url, is_async)


def operations(world: World) -> list[str]:
    return [(entry.operation or "").removeprefix("pareta.evals.") for entry in world.journal.read()]


def test_a_set_is_made_listed_found_and_deleted(client: Sdk) -> None:
    made = client.create(NEW if client.major == 3 else OLD, DATES, "contract-key-fields", name="Q2")

    assert (made.task_id, made.name, made.item_count, made.scoring_strategy) == (
        "contract-key-fields", "Q2", 3, "extraction",
    )  # fmt: skip
    if client.major > 1:
        assert getattr(made, "intent" if client.major == 2 else "prompt") == DATES
    assert client(lambda pa: pa.evals.sets.retrieve(made.id)).to_dict() == made.to_dict()
    assert [found.id for found in client(lambda pa: pa.evals.sets.list())] == ["es_contracts", made.id]
    assert client(lambda pa: pa.evals.sets.delete(made.id)) is None
    with pytest.raises(client.module.NotFoundError):
        client(lambda pa: pa.evals.sets.retrieve(made.id))


def test_an_unnamed_set_and_an_unknown_task(client: Sdk) -> None:
    rows = NEW if client.major == 3 else OLD

    assert client.create(rows, DATES, "contract-key-fields").name == "sdk eval set (3 items)"
    with pytest.raises(client.module.NotFoundError, match="task 'nope' not found"):
        client.create(rows, DATES, "nope")


def test_a_document_goes_the_way_its_size_says(client: Sdk, world: World, tmp_path: Path) -> None:
    kept = client.new_scans()
    path = tmp_path / "scan.pdf"
    path.write_bytes(b"%PDF-1.7 on disk")
    cases = [
        ("upload", b"%PDF-1.7 in memory", "application/octet-stream"),
        (path, path.read_bytes(), "application/pdf"),
        ("upload", b"a" * (LIMIT - 1), "application/octet-stream"),
        ("upload", b"b" * LIMIT, "application/octet-stream"),
        ("upload", b"c" * (LIMIT + 1), "image/png"),
    ]

    answers = [
        client.upload(kept, data if file == "upload" else file, idx, **({"mime": mime} if mime == "image/png" else {}))
        for idx, (file, data, mime) in enumerate(cases)
    ]

    assert answers == [
        {"kind": "blob", "uri": f"gs://mock/{kept}/{idx}/document", "mime": mime}
        for idx, (_, _, mime) in enumerate(cases)
    ]
    for idx, (_, data, _) in enumerate(cases):
        assert content(world, kept, idx) == data
    assert operations(world)[1:] == [
        *["sets.attach_blob"] * 3,
        *["sets.blob_upload_url", "sets.put_blob", "sets.blob_upload_complete"] * 2,
    ]


def test_a_large_file_on_disk_and_one_that_is_open(client: Sdk, world: World, tmp_path: Path) -> None:
    kept = client.new_scans()
    path = tmp_path / "scan.tiff"
    path.write_bytes(bytes(range(256)) * (LIMIT // 256 + 1))

    assert client.upload(kept, str(path), 0)["mime"] == "image/tiff"
    with path.open("rb") as file:
        assert client.upload(kept, file, 1)["mime"] == "image/tiff"
    assert client.upload(kept, io.BytesIO(b"small"), 2)["mime"] == "application/octet-stream"

    for idx in (0, 1):
        assert content(world, kept, idx) == path.read_bytes()


@pytest.mark.parametrize("size", [3, LIMIT])
def test_a_document_for_no_place_is_refused_in_the_clients_own_exception(client: Sdk, size: int) -> None:
    kept = client.new_scans()

    with pytest.raises(client.module.BadRequestError, match="idx must be between 0 and 4"):
        client.upload(kept, bytes(size), 5)
    with pytest.raises(client.module.BadRequestError, match="field_name must be one of: document"):
        client.upload(kept, bytes(size), 0, "scan")
    with pytest.raises(client.module.NotFoundError, match="eval set 'nope' not found"):
        client.upload("nope", bytes(size), 0)


def test_below_the_vendors_mount_large_documents_arrive_too(url: str, world: World, is_async: bool) -> None:
    for client in client_of("3.0.4", f"{url}/pareta", is_async):
        kept = client.new_scans()
        client.upload(kept, b"d" * LIMIT, 0)

        assert content(world, kept, 0) == b"d" * LIMIT


def test_rows_and_words_that_agree_need_no_task(proposer: Sdk, world: World) -> None:
    plan = proposer(lambda pa: pa.evals.propose_contract(items=NEW, **proposer.said(DATES)))
    made = proposer.create(NEW, DATES, None)

    assert (plan.is_clean, plan.bound_task) == (True, "contract-key-fields")
    assert getattr(plan, "intent" if proposer.major == 2 else "prompt") == DATES
    (only,) = plan.proposals
    assert (only.task_id, only.confidence, only.warning) == ("contract-key-fields", "high", None)
    assert (only.evidence["validated_n"], only.evidence["total_n"]) == (3, 3)
    assert made.task_id == "contract-key-fields"
    assert operations(world) == ["propose_contract", "propose_contract", "sets.create"]


def test_documents_need_no_task_either(proposer: Sdk) -> None:
    made = proposer.create(SCANS, TOTALS, None)

    assert made.task_id == "invoice-extraction"
    assert proposer.upload(made.id, b"%PDF", 0)["kind"] == "blob"


@pytest.mark.parametrize(
    ("rows", "prompt", "says"),
    [
        ([{"input": {"text": "a"}, "expected_output": {"label": "x"}}], "summarize each utterance", "'summarization'"),
        ([{"input": {"t": "a"}, "expected_output": {"r": "b"}}], "grade the tone of each reply", "custom-eval"),
        ([*NEW, {"input": {"text": "a"}, "expected_output": {"label": "x"}}], DATES, "3/4 items fit"),
        ([{"input": {"text": "a"}, "expected_output": {"label": "x"}}], "do it", "Candidates: intent-classification, "),
    ],
)
def test_what_does_not_agree_is_explained_by_the_client_and_nothing_is_made(
    proposer: Sdk, world: World, rows: Any, prompt: str, says: str
) -> None:
    with pytest.raises(proposer.module.ParetaError, match=says):
        proposer.create(rows, prompt, None)

    assert operations(world) == ["propose_contract"]
    assert proposer.create(rows[:1], prompt, "custom-eval").task_id == "custom-eval"


def test_a_run_over_documents_without_a_task(proposer: Sdk) -> None:
    rows = [{"input": {"text": f"INVOICE #{n} TOTAL $12.00"}, "expected_output": {"total": "12.00"}} for n in range(3)]

    run = proposer(
        lambda pa: pa.evals.runs.create(
            items=rows, **proposer.said("extract the total from each invoice"), models=["auto"],
            frontier="benchmarked", wait=True, poll_interval=0.01,
        )
    )  # fmt: skip

    assert run.status == "completed"
    assert [(result.n_succeeded, result.error_count) for result in run.results] == [(3, 0)] * len(run.results)
