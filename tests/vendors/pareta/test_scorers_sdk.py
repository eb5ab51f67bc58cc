"""One run for each kind of scorer through the vendor's own clients, the first generation's and the newest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.vendors.pareta.sdk import Client, installed
from tests.vendors.pareta.test_scorers import ROWS, TEXTS

KEY = "pareta_sk_test_acme"

pytestmark = pytest.mark.sdk


@pytest.fixture(params=["0.3.1", "3.0.4"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def client(request: pytest.FixtureRequest, version: str, url: str) -> Iterator[Client]:
    with installed(version) as module:
        yield Client(module, url, KEY, is_async=request.param)


def run(client: Client, version: str, task: str, rows: list[dict[str, Any]], *models: str) -> Any:
    """Run an eval as a user of that client would: one call, rows and words of its generation."""
    is_new = version == "3.0.4"
    documents = {"contract-kie": "document", "general-asr": "audio"}
    items = []
    for row in rows:
        given = row["input"]
        if task in documents:
            items.append({**given, ("expected_output" if is_new else "expected"): row["expected"]})
        elif is_new:
            inside = given if isinstance(given, dict) else {"text": given}
            items.append({"input": inside, "expected_output": row["expected"]})
        else:
            items.append(row)
    words = {"prompt": "do what each row shows"} if is_new else {}
    return client(
        lambda pa: pa.evals.runs.create(
            task=task, items=items, models=list(models), frontier="benchmarked", wait=True, poll_interval=0.01, **words
        )
    )


def printed(result: Any) -> str:
    """What the published snippets print of a result, with their formats."""
    return (
        f"{result.model_id:16} {result.kind:8} q={result.quality_mean:.3f} "
        f"[{result.quality_ci_low:.3f}, {result.quality_ci_high:.3f}]  ~{result.mean_cost_micro_usd} uUSD/item  "
        f"({result.n_succeeded} ok, {result.error_count} err)"
    )


@pytest.mark.parametrize("task", sorted(ROWS))
def test_a_run_of_each_kind_of_scorer(client: Client, version: str, task: str) -> None:
    rows = ROWS[task][:20]

    done = run(client, version, task, rows, "qwen-1")

    assert done.status == "completed"
    open_model, *frontier = done.results
    assert open_model.model_id == "qwen-1"
    assert [(result.model_id, result.kind) for result in frontier] in (
        [("gpt-5.5", "frontier")], [("gemini-3-1-pro", "frontier")],
    )  # fmt: skip
    for result in done.results:
        assert 0 <= result.quality_ci_low <= result.quality_mean <= result.quality_ci_high <= 1
        assert (result.n_succeeded, result.error_count) == (20, 0)
        assert "q=0." in printed(result) or "q=1." in printed(result)
        items = result.to_dict()["per_item"]
        assert [item["idx"] for item in items] == list(range(20))
        assert all(item["prediction"] and item["error"] is None for item in items)
        if version == "3.0.4":
            assert (result.exact_match is not None) == (task == "icd-coding")
            assert [item.score for item in result.per_item] == [item["score"] for item in items]
    assert done.cost_micro_usd > 0


def test_a_run_on_speech_reads_in_every_generation(client: Client, version: str) -> None:
    done = run(client, version, "general-tts", TEXTS, "speech-1")

    result = done.results[0]
    assert result.mean_cost_micro_usd > 0
    assert result.to_dict()["mean_latency_ms"] > 0
    if version == "0.3.1":
        assert "q=0.000 [0.000, 1.000]" in printed(result)
    else:
        assert (result.quality_mean, result.quality_ci_low, result.quality_ci_high) == (None, None, None)


def test_errors_read_as_errors(client: Client, version: str) -> None:
    rows = [*ROWS["contract-kie"][:3], {**ROWS["contract-kie"][3], "input": {"document": None}}]

    done = run(client, version, "contract-kie", rows, "contract-kie-1", "gpt-4o")

    seeing, blind, _ = done.results
    assert (seeing.n_succeeded, seeing.error_count) == (3, 1)
    assert (blind.n_succeeded, blind.error_count, blind.quality_mean, blind.mean_cost_micro_usd) == (0, 4, 0, 0)
    errors = [item["error"] for item in seeing.to_dict()["per_item"]]
    assert errors == [None, None, None, "no document is attached to this row"]
