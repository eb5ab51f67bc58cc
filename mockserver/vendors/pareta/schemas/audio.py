"""Speech on the wire."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated

from pydantic import StringConstraints

from mockserver.http.endpoint import WireModel
from mockserver.http.messages import Reply
from mockserver.vendors.pareta.domain.errors import Refused
from mockserver.vendors.pareta.domain.speech import DEFAULT_VOICE, MAX_TEXT, is_voice
from mockserver.vendors.pareta.operations import audio
from mockserver.vendors.pareta.schemas.chat import BILLED

_SECOND_US = 1_000_000

Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
"""An ISO code, perhaps with a region."""


class TranscriptionRequest(WireModel):
    """A recording as base64: wav, mp3, m4a, webm or ogg."""

    audio_base64: str
    language: Language | None = None

    def to_domain(self) -> audio.TranscriptionRequest:
        """Return what is asked."""
        return audio.TranscriptionRequest(self.audio_base64, self.language)


def transcription(value: audio.Transcription) -> Reply:
    """Shape a transcript."""
    body = {"text": value.text, "language": value.language, "duration_s": value.duration_us / _SECOND_US}
    return Reply.json(body, headers=[(BILLED, b"%d" % value.billed_micro_usd)])


class SpeechRequest(WireModel):
    """A text to be said, and by which voice."""

    text: Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
    voice: str | None = None

    def to_domain(self) -> audio.SpeechRequest:
        """Return what is asked.

        :raises Refused: the text is too long, or there is no such voice.
        """
        if len(self.text) > MAX_TEXT:
            raise Refused(f"text has {len(self.text)} characters; at most {MAX_TEXT} are spoken")
        voice = DEFAULT_VOICE if self.voice is None else self.voice
        if not is_voice(voice):
            raise Refused(f"unknown voice '{voice[:40]}'; voices are called like '{DEFAULT_VOICE}'")
        return audio.SpeechRequest(self.text, voice)


def speech(value: audio.Speech) -> Reply:
    """Shape a recording."""
    body = {
        "audio_base64": b64encode(value.audio).decode("ascii"),
        "sample_rate": value.sample_rate,
        "duration_s": value.duration_us / _SECOND_US,
        "format": "wav",
    }
    return Reply.json(body, headers=[(BILLED, b"%d" % value.billed_micro_usd)])
