"""Pictures."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import images
from mockserver.vendors.pareta.schemas import images as wire

ENDPOINTS = (
    Endpoint(
        "POST", images.GENERATIONS, "images.generate", images.generate, stub="ImageStub",
        body=wire.GenerateImageRequest, present=wire.picture, response="images.ImageResponse",
        errors=(400, 401, 402, 422, 501), replayable=True, is_delayable=True,
        source="pareta/images",
    ),
    Endpoint(
        "POST", images.EDITS, "images.edit", images.edit, stub="ImageStub",
        body=wire.EditImageRequest, present=wire.picture, response="images.ImageResponse",
        errors=(400, 401, 402, 422, 501), replayable=True, is_delayable=True,
        source="pareta/images",
    ),
)  # fmt: skip
