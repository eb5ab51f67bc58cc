"""Every operation of the OpenAPI document, called with what it promises to take and with what it does not.

Nothing may fail on our side, every answer must be one that the document describes, what keeps to a schema is never
called malformed, and what breaks it is never taken.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection

from mockserver.http.openapi import vendor_document
from mockserver.vendors.pareta.routes import api
from tests.fuzzing import CHECKS, breaks_its_schema, keeps_its_schema, one_for_each_operation, put_what_exists, whole
from tests.vendors.pareta.clients.samples import PDF, png, recording
from tests.vendors.pareta.org import ENDPOINT, SEED, STOPPED, Org

schema = schemathesis.openapi.from_dict(vendor_document(api))
statuses: dict[str, list[int]] = defaultdict(list)
"""By operation: what it answered."""

ROWS = "\n".join(
    json.dumps({"input": {"contract_text": f"Effective as of {day}."}, "expected_output": {"effective_date": day}})
    for day in ("2026-01-01", "2026-01-02")
).encode()

KNOWN: dict[str, list[Any]] = {
    "endpoint_id": [ENDPOINT, STOPPED, SEED],
    "eval_set_id": ["es_contracts"],
    "run_id": ["run_contracts"],
    "task_id": ["contract-key-fields"],
    "task": ["contract-key-fields"],
    "model": ["auto", ENDPOINT, STOPPED],
    "response_format": [{"type": "text"}, {"type": "json_object"}],
    "candidate_model_ids": [["auto"], ["llama-1", "gpt-5.5"]],
    "items": [ROWS],
    "prompt": ["extract the dates"],
    "image": [base64.b64encode(png(8, 8)).decode()],
    "audio_base64": [base64.b64encode(recording(0.1)).decode()],
    "size": ["1024x1024"],
    "tool_choice": ["auto", "none"],
    "image_url": [{"url": "https://example.com/scan.png"}],
}
"""What exists in every world, by the name of the field that may say so; chance alone would never find it."""


def use_what_exists(case: schemathesis.Case[Any], org: Org) -> None:
    """Put things that exist into three of four requests that keep to their schema."""
    known = KNOWN | blobs(org) if "{token}" in case.path or "blob" in case.path else KNOWN
    if "playground" in case.path:
        known = known | {"model": ["gpt-5.5"]}
    put_what_exists(case, known, statuses[case.operation.label])
    if "token" in case.path_parameters:
        case.body = PDF


def blobs(org: Org) -> dict[str, list[Any]]:
    """Return a set whose rows want documents, with an address for one and what it will be known by."""
    identity = org.new_set([{"document": None, "expected": {"total": "1"}}], "invoice-extraction")
    mime = "application/octet-stream"
    place = {"idx": 0, "field_name": "document", "mime": mime}
    address = org.http.post(f"/v1/eval-sets/{identity}/blob-upload-url", json={**place, "file_size": len(PDF)}).json()
    org.http.put(address["upload_url"], content=PDF, headers={"content-type": mime})
    return {
        "eval_set_id": [identity], "idx": [0], "field_name": ["document"], "mime": [mime],
        "file_size": [len(PDF)], "storage_uri": [address["storage_uri"]], "file": [PDF],
        "token": [address["upload_url"].rpartition("/")[2]],
    }  # fmt: skip


def told(case: schemathesis.Case[Any], response: Any) -> str:
    """Say what was sent and answered; only for a failure, since it takes as long as the request."""
    return f"{response.status_code} {response.text[:400]}\n{case.as_curl_command()[:2000]}"


@one_for_each_operation(
    schema,
    settings(max_examples=30, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)),
    globals(),
)
def test_whatever_is_sent_is_answered_as_documented(case: schemathesis.Case[Any], url: str, org: Org) -> None:
    is_meant_to_be_taken = keeps_its_schema(case)
    if is_meant_to_be_taken:
        use_what_exists(case, org)
        case.body = whole(case.body)

    response = case.call(base_url=url, headers={"Authorization": "Bearer pareta_sk_test_acme"})

    statuses[case.operation.label].append(response.status_code)
    case.validate_response(response, checks=CHECKS)
    if breaks_its_schema(case):
        case.validate_response(response, checks=[negative_data_rejection])
    assert response.status_code < 500 or "is stopped" in response.text, told(case, response)
    if is_meant_to_be_taken and "idempotency key" not in response.text:
        assert response.status_code != 422, told(case, response)


def test_every_operation_took_something() -> None:
    if len(statuses) < len(api.endpoints):
        pytest.skip("only all operations together show which of them took nothing")
    took = {label for label, seen in statuses.items() if min(seen) < 300}
    assert took == {f"{e.method} {e.path}" for e in api.endpoints if "/task-requests" not in e.path}
