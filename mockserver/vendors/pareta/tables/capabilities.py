"""The general lanes, and what is not done: a world may have its own."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from mockserver.kernel.world import World
from mockserver.vendors.pareta.domain.matching import Lane, Release, Unsupported
from mockserver.vendors.pareta.tables.catalog import put_setting, setting_text

_SETTING = "capabilities"

Capabilities = tuple[tuple[Lane, ...], tuple[Unsupported, ...]]


def put_capabilities(world: World, body: dict[str, Any]) -> None:
    """Keep the lanes, and what is not done."""
    put_setting(world, _SETTING, {name: body[name] for name in ("lanes", "unsupported")})


def capabilities(world: World) -> Capabilities:
    """Return the lanes, and what is not done."""
    return _capabilities(setting_text(world, _SETTING))


@lru_cache(maxsize=64)
def _capabilities(text: str) -> Capabilities:
    """Read them from their stored text; a pure function of it, so that a rollback cannot make it stale."""
    body = json.loads(text)
    lanes = (
        Lane(
            lane["id"], lane["label"], lane["category"], lane["category_id"], lane["desc"], lane["task"],
            _release(lane["since"]), tuple(lane["keywords"]),
        )
        for lane in body["lanes"]
    )  # fmt: skip
    areas = (
        Unsupported(area["what"], _release(area["until"]) if area["until"] else None, tuple(area["keywords"]))
        for area in body["unsupported"]
    )
    return tuple(lanes), tuple(areas)


def _release(text: str) -> Release:
    major, minor = text.split(".")
    return int(major), int(minor)
