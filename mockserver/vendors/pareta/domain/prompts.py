"""What an eval set is for, in its owner's words: required of whom, and under which name."""

from __future__ import annotations

from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.generations import AUTO, INTENT, PROMPT

MAX_PROMPT_CHARACTERS = 500
"""Source: pareta/eval-sets "trimmed, max 500 chars" (documented)."""


def rules_of(major: int | None, prompt: str | None, *, is_strict: bool) -> int:
    """Return the generation whose rules an upload is held to.

    :param major: the client's generation, `None` for clients other than SDKs: they get the newest rules.
    :param prompt: a form that has one is of the newest generation, whoever sends it.
    :param is_strict: whether everybody is held to the newest rules.

    Source: pareta/generations "order of evidence" (assumed).
    """
    if is_strict or prompt is not None or major is None:
        return PROMPT
    return min(major, PROMPT)


def stated_prompt(prompt: str | None, intent: str | None, rules: int) -> str | None:
    """Return what a set is for, `None` where a generation need not say; `intent` is the second one's word for it.

    :raises Refused: nothing is said, under the wrong name, or too much.

    Source: pareta/generations "where it matters" (400 without: documented; for clients other than SDKs: assumed).
    """
    text = (intent or "" if prompt is None else prompt).strip()
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise Refused(f"prompt must be at most {MAX_PROMPT_CHARACTERS} characters")
    if prompt is None and intent is not None and rules != INTENT:
        raise Refused("`intent` was renamed: send `prompt` instead")
    if not text and rules > AUTO:
        raise Refused(
            f"{'intent' if rules == INTENT else 'prompt'} is required: say in a sentence what a good answer is"
        )
    return text or None
