"""Pictures."""

from __future__ import annotations

from typing import Literal

from mockserver.http.endpoint import WireModel


class ImageData(WireModel):
    """One PNG as base64."""

    b64_json: str


class ImageResponse(WireModel):
    """One picture, and how large it came out: `<width>x<height>`."""

    created: int
    model: Literal["hidream-1"]
    data: list[ImageData]
    size: str
