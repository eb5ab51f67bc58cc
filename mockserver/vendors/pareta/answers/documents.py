"""Documents on rows."""

from __future__ import annotations

from typing import Literal

from mockserver.http.endpoint import WireModel


class BlobResponse(WireModel):
    """A document that is attached."""

    kind: Literal["blob"]
    uri: str
    mime: str


class BlobUploadUrlResponse(WireModel):
    """Where to put a document, and the address storage will know it by."""

    upload_url: str
    storage_uri: str
