from __future__ import annotations

import pytest

from mockserver.vendors.pareta.domain.generations import AUTO, ENDPOINTS, INTENT, PROMPT, generation


@pytest.mark.parametrize(
    ("client", "key", "expected"),
    [
        ("pareta-python/0.1.0", None, ENDPOINTS),
        ("pareta-typescript/0.2.0", None, ENDPOINTS),
        ("pareta-python/1.1.1", None, AUTO),
        ("pareta-python/2.1.0", "pareta-py-00", INTENT),
        ("pareta-python/3.0.4", None, PROMPT),
        ("pareta-python/12.0.0", None, 12),
        ("", "pareta-py-00", AUTO),
        ("curl/8", "pareta-js-00", AUTO),
        ("curl/8", "mine", None),
        ("curl/8", "", None),
        ("curl/8", None, None),
        ("pareta-ruby/3.0", None, None),
        ("pareta-python/3", None, None),
        ("my pareta-python/3.0.4", None, None),
        (f"pareta-python/{'9' * 5000}.0", None, None),
    ],
)
def test_generation_is_told_by_user_agent_then_by_key(client: str, key: str | None, expected: int | None) -> None:
    assert generation(client, key) == expected
