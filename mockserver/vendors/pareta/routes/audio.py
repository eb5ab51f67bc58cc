"""Speech."""

from __future__ import annotations

from mockserver.http.endpoint import Endpoint
from mockserver.vendors.pareta.operations import audio
from mockserver.vendors.pareta.schemas import audio as wire

ENDPOINTS = (
    Endpoint(
        "POST", audio.TRANSCRIPTIONS, "audio.transcriptions", audio.transcriptions, stub="TranscriptionStub",
        body=wire.TranscriptionRequest, present=wire.transcription, response="audio.TranscriptionResponse",
        errors=(400, 401, 402, 422), replayable=True, is_delayable=True,
        source="pareta/audio",
    ),
    Endpoint(
        "POST", audio.SPEECH, "audio.speech", audio.speak, stub="SpeechStub",
        body=wire.SpeechRequest, present=wire.speech, response="audio.SpeechResponse",
        errors=(400, 401, 402, 422), replayable=True, is_delayable=True,
        source="pareta/audio",
    ),
)  # fmt: skip
