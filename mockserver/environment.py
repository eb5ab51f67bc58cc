"""The environment variables that point the vendors' own clients at a server."""

from __future__ import annotations

from mockserver.kernel.errors import Unusable
from mockserver.kernel.tenancy import WORLD_NAME

KEY_VARIABLES = {"pareta": "PARETA_API_KEY", "paygentic": "PAYGENTIC_BEARER_AUTH"}
"""In which the vendors' clients look for their keys, by vendor."""


def client_variables(url: str, world: str) -> dict[str, str]:
    """Return what points the vendors' own clients at a server and a world, by name.

    :raises Unusable: no key can carry the world's name.
    """
    if not WORLD_NAME.fullmatch(world):
        raise Unusable(f"'{world}' is not a world's name: 1 to 64 characters of [A-Za-z0-9._-]")
    url = url.rstrip("/")
    return {
        "PARETA_BASE_URL": url,
        "PARETA_API_KEY": f"pareta_sk_test_{world}",
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": f"pareta_sk_test_{world}",
        "PAYGENTIC_SERVER_URL": url,
        "PAYGENTIC_BEARER_AUTH": f"sk_test_{world}",
    }
