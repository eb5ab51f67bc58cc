"""Documents on rows."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import documents
from mockserver.vendors.pareta.schemas import documents as wire

ENDPOINTS = (
    Endpoint(
        "POST", "/v1/eval-sets/{eval_set_id}/attach-blob", "evals.sets.attach_blob", documents.attach,
        body=wire.AttachBlobForm, form=True, present=wire.blob, response="documents.BlobResponse",
        errors=(400, 401, 404, 422), replayable=True,
        summary="Attach a document below 5 MiB to a row",
        source="pareta/eval-sets",
    ),
    Endpoint(
        "POST", "/v1/eval-sets/{eval_set_id}/blob-upload-url", "evals.sets.blob_upload_url", documents.announce,
        body=wire.BlobUploadUrlRequest, present=wire.signed_address, response="documents.BlobUploadUrlResponse",
        errors=(400, 401, 404, 422), replayable=True,
        summary="Say where to put a larger document",
        source="pareta/eval-sets",
    ),
    Endpoint(
        "PUT", "/_storage/{token}", "evals.sets.put_blob", wire.receive,
        raw=True, key=documents.world_of, errors=(400, 401, 403, 404),
        summary="Take a document at its signed address",
        source="pareta/eval-sets",
    ),
    Endpoint(
        "POST", "/v1/eval-sets/{eval_set_id}/blob-upload-complete", "evals.sets.blob_upload_complete",
        documents.complete,
        body=wire.BlobUploadCompleteRequest, present=wire.blob, response="documents.BlobResponse",
        errors=(400, 401, 404, 422), replayable=True,
        summary="Attach a document that was put at its signed address",
        source="pareta/eval-sets",
    ),
)  # fmt: skip
