"""Pictures on the wire."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated

from pydantic import Field, StringConstraints

from mockserver.http.endpoint import WireModel
from mockserver.http.messages import Reply
from mockserver.kernel.windows import SECOND
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.pictures import DEFAULT_SIZE, MAX_PROMPT, MODEL, size_named
from mockserver.vendors.pareta.operations import images
from mockserver.vendors.pareta.schemas.chat import BILLED

PromptText = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]


def _fitting(prompt: str) -> str:
    if len(prompt) > MAX_PROMPT:
        raise Refused(f"prompt has {len(prompt)} characters; at most {MAX_PROMPT} are read")
    return prompt


class GenerateImageRequest(WireModel):
    """What is to be shown, how large, and from which seed."""

    prompt: PromptText
    size: str | None = None
    seed: Seed | None = None

    def to_domain(self) -> images.GenerationRequest:
        """Return what is asked.

        :raises Refused: the prompt is too long, or there is no such size.
        """
        size = size_named(DEFAULT_SIZE if self.size is None else self.size)
        return images.GenerationRequest(_fitting(self.prompt), size, self.seed)


class EditImageRequest(WireModel):
    """What is to be done with a picture, a PNG or JPEG as base64."""

    prompt: PromptText
    image: str
    seed: Seed | None = None

    def to_domain(self) -> images.EditRequest:
        """Return what is asked.

        :raises Refused: the prompt is too long.
        """
        return images.EditRequest(_fitting(self.prompt), self.image, self.seed)


def picture(value: images.Picture) -> Reply:
    """Shape a picture."""
    body = {
        "created": value.created // SECOND,
        "model": MODEL,
        "data": [{"b64_json": b64encode(value.png).decode("ascii")}],
        "size": str(value.size),
    }
    return Reply.json(body, headers=[(BILLED, b"%d" % value.billed_micro_usd)])
