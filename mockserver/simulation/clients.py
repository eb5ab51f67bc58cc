"""What customers' programs do when a call fails (pure)."""

from __future__ import annotations

from mockserver.simulation.parts import ClientPart

NO_CREDIT = 402


def retry_at(client: ClientPart, attempt: int, failed_at: int, status: int | None) -> int | None:
    """Return when a call that failed is made again, `None` for never.

    :param attempt: how many attempts went before the one that failed.
    :param failed_at: when its client knew, in microseconds.
    :param status: what it was answered, `None` when the connection was lost.
    """
    may_retry = client.on_no_credit == "retry" if status == NO_CREDIT else status is None or status >= 500
    if not may_retry or attempt >= client.retries:
        return None
    return failed_at + (client.backoff << attempt)


def stops_until(client: ClientPart, status: int | None, at: int) -> int | None:
    """Return until when a customer's program makes no call at all after an answer, `None` when it goes on.

    What it would have called meanwhile is never called; its first call after that is the probe.
    """
    return at + client.probe_after if status == NO_CREDIT and client.on_no_credit == "stop" else None


def idempotency_key(client: ClientPart, key: int, turn: int, attempt: int) -> str:
    """Return what an attempt bears.

    :param key: number of the conversation, `turn` of the call in it.
    """
    name = f"call-{key}-{turn}"
    return name if client.reuses_key or not attempt else f"{name}-{attempt}"
