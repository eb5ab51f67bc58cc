from __future__ import annotations

import pytest

from mockserver.vendors.pareta.domain.generations import AUTO, ENDPOINTS, INTENT, PROMPT, generation, release


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


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("pareta-python/0.1.0", (0, 1)),
        ("pareta-python/0.3.1", (0, 3)),
        ("pareta-python/1.2.0", (1, 2)),
        ("pareta-python/1.", (1, 0)),
        ("pareta-typescript/0.1.0", (0, 1)),
        ("pareta-typescript/0.2.1", (0, 3)),
        ("pareta-typescript/1.1.0", (1, 1)),
        ("pareta-typescript/1.2.0", (1, 1)),
        ("pareta-typescript/1.3.0", (1, 2)),
        ("pareta-typescript/1.4.0", (1, 3)),
        ("pareta-typescript/2.1.0", (2, 1)),
        ("curl/8.5.0", None),
        ("", None),
    ],
)
def test_a_release_is_told_in_pythons_numbers(client: str, expected: tuple[int, int] | None) -> None:
    assert release(client) == expected
