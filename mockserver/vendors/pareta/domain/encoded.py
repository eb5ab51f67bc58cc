"""Files that travel inside JSON, as base64."""

from __future__ import annotations

import binascii

from mockserver.vendors.pareta.domain.errors import Refused

MAX_FILE_BYTES = 25 * 1024 * 1024
"""Longest file a request may carry.

Source: pareta/images "25MB decoded" (documented for pictures; that recordings may be as long, and that a megabyte is
1024 * 1024 bytes: assumed).
"""


def decoded(text: str, field: str, limit_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the file a base64 text holds.

    The text is taken strictly: the standard alphabet, padded, nothing around it. What passes here passes anywhere.

    :param field: what the text is called on the wire, for the message.
    :raises Refused: it is not base64, holds nothing, or holds more than `limit_bytes`.

    Source: pareta/audio "audio_base64" (base64: documented; how strictly: assumed).
    """
    if text.startswith("data:"):
        raise Refused(f"{field} must be base64 alone, without a 'data:' prefix")
    if len(text) > 4 * -(-limit_bytes // 3):
        raise _too_long(field, limit_bytes)
    if len(text) % 4:
        raise Refused(f"{field} is not base64: its length, {len(text)}, is no multiple of four")
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # binascii's own, or that of text that is not ASCII
        raise Refused(f"{field} is not base64: it has a character that does not belong there") from None
    if not data:
        raise Refused(f"{field} is empty")
    if len(data) > limit_bytes:
        raise _too_long(field, limit_bytes)
    return data


def _too_long(field: str, limit_bytes: int) -> Refused:
    return Refused(f"{field} holds more than {limit_bytes} bytes")
