"""Pictures: check the credit, draw, take the flat price."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from mockserver.kernel.call import Call
from mockserver.kernel.ids import Draws, fingerprint
from mockserver.kernel.windows import Instant
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain.encoded import decoded
from mockserver.vendors.pareta.domain.errors import ExtraMissing
from mockserver.vendors.pareta.domain.pictures import DEFAULT_SIZE, MODEL, Scene, Size, png_size, scene, size_named
from mockserver.vendors.pareta.operations.metering import authorised, charge

if TYPE_CHECKING:
    from mockserver.vendors.pareta.domain.stubs import StubbedFile

GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"

_GENERATION_US = 12_000_000
_EDIT_US = 30_000_000
"""Source: pareta/images "~12s", "~30s" (documented)."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What is to be shown.

    :param seed: pins the background; drawn if `None`.
    """

    prompt: str
    size: Size
    seed: int | None


@dataclass(frozen=True, slots=True)
class EditRequest:
    """What is to be done with a picture.

    :param image: PNG or JPEG, still encoded.
    """

    prompt: str
    image: str
    seed: int | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG with its receipt."""

    png: bytes
    size: Size
    created: Instant
    billed_micro_usd: int


def generate(call: Call, request: GenerationRequest) -> Picture:
    """Paint a prompt, at the same price in every size.

    :raises InsufficientCredits: the balance is empty.
    :raises ExtraMissing: this installation cannot draw.
    """
    authorised(call.world)
    stub: StubbedFile | None = call.answer
    png = _painted(call, request) if stub is None else stub.data
    price = tables.catalog.price_sheet(call.world).image
    charge(call, "images.generate", GENERATIONS, MODEL, price, _GENERATION_US)
    return Picture(png, request.size, call.now, price)


def _painted(call: Call, request: GenerationRequest) -> bytes:
    seed = _seed(call, GENERATIONS, request.seed)
    background = _scene(seed, request.prompt, str(request.size))
    png: bytes = _canvas().generated(request.prompt, request.size, background, _notes(request.prompt, seed))
    return png


def edit(call: Call, request: EditRequest) -> Picture:
    """Write an instruction on a picture.

    :raises Refused: it is no picture that can be edited.
    :raises InsufficientCredits: the balance is empty.
    :raises ExtraMissing: this installation cannot draw.
    """
    authorised(call.world)
    reference = decoded(request.image, "image")
    stub: StubbedFile | None = call.answer
    if stub is None:
        seed = _seed(call, EDITS, request.seed)
        colours = _scene(seed, request.prompt)
        png, size = _canvas().edited(reference, request.prompt, colours, _notes(request.prompt, seed))
    else:
        png, size = stub.data, png_size(stub.data) or size_named(DEFAULT_SIZE)
    price = tables.catalog.price_sheet(call.world).image_edit
    charge(call, "images.edit", EDITS, MODEL, price, _EDIT_US)
    return Picture(png, size, call.now, price)


def _canvas() -> ModuleType:
    """Return what draws; the package it needs is optional and slow to load."""
    try:
        from mockserver.vendors.pareta.operations import canvas
    except ImportError as missing:
        raise ExtraMissing("images", "media") from missing
    return canvas


def _seed(call: Call, lane: str, given: int | None) -> int:
    """Return the client's own seed, or the world's next one."""
    if given is not None:
        return given
    return call.world.draws.bits("picture", lane, tables.endpoints.next_call(call.world, lane)) >> 32


def _scene(seed: int, *asked: str) -> Scene:
    """Return what is behind the words: the same in every world for the same seed and request."""
    draws, subject = Draws(seed), fingerprint(*asked)
    return scene(lambda what: draws.uniform(what, subject))


def _notes(prompt: str, seed: int) -> dict[str, str]:
    """Return what a picture says about itself, so that it can be made again."""
    return {"Description": prompt, "Software": f"mockserver {MODEL}", "Seed": str(seed)}
