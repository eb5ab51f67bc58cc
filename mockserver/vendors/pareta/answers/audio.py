"""Speech."""

from __future__ import annotations

from typing import Literal

from mockserver.http.endpoint import WireModel


class TranscriptionResponse(WireModel):
    """What was said; `duration_s` is what was metered."""

    text: str
    language: str
    duration_s: float


class SpeechResponse(WireModel):
    """A WAV file as base64; `duration_s` is what was metered."""

    audio_base64: str
    sample_rate: int
    duration_s: float
    format: Literal["wav"]
