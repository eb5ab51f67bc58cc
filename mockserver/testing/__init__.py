"""What a test holds: worlds it can set up, look into and be held to. Loaded by the pytest plugin when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockserver.testing.network import NetworkBlocked as NetworkBlocked
    from mockserver.testing.wire import Refused as Refused
    from mockserver.testing.world import World as World

__all__ = ["NetworkBlocked", "Refused", "World"]

_HOMES = {"NetworkBlocked": "network", "Refused": "wire", "World": "world"}


def __getattr__(name: str) -> Any:
    """Import a public name with the module it lives in: who only needs one does not pay for the others."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
