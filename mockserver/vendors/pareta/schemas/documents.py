"""Documents on rows on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mockserver.http.endpoint import WireModel
from mockserver.http.forms import Upload
from mockserver.kernel.call import Call
from mockserver.vendors.pareta.operations import documents
from mockserver.vendors.pareta.schemas.eval_sets import File


class AttachBlobForm(WireModel):
    """A document and the row and field it belongs to; rows count from zero."""

    file: File
    idx: Annotated[int, Field(strict=False)]
    field_name: str
    mime: str | None = None

    def to_domain(self) -> documents.Attachment:
        """Return what is to be attached."""
        return documents.Attachment(self.idx, self.field_name, self.mime or self.file.mime, self.file.data)


class BlobUploadUrlRequest(WireModel):
    """A document that is going to be put at a signed address."""

    idx: int
    field_name: str
    mime: str
    file_size: int

    def to_domain(self) -> documents.Announcement:
        """Return what is to be awaited."""
        return documents.Announcement(self.idx, self.field_name, self.mime, self.file_size)


class BlobUploadCompleteRequest(WireModel):
    """A document that was put at its signed address."""

    idx: int
    field_name: str
    storage_uri: str
    mime: str

    def to_domain(self) -> documents.Completion:
        """Return what is to be attached."""
        return documents.Completion(self.idx, self.field_name, self.mime, self.storage_uri)


def receive(call: Call, token: str, upload: Upload) -> None:
    """Take the bytes that are put at a signed address."""
    documents.receive(call, token, upload.mime, upload.data)


def blob(value: documents.Blob) -> dict[str, Any]:
    """Shape an attached document."""
    return {"kind": "blob", "uri": value.place.uri, "mime": value.mime}


def signed_address(value: documents.SignedAddress) -> dict[str, Any]:
    """Shape where to put a document."""
    return {"upload_url": value.url, "storage_uri": value.announced.place.uri}
