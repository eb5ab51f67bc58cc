"""Speech in both directions: check the credit, listen or speak, take the money for the minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mockserver.kernel.call import Call
from mockserver.kernel.ids import fingerprint
from mockserver.vendors.pareta import tables
from mockserver.vendors.pareta.domain import speech
from mockserver.vendors.pareta.domain.audio import Recording, recognised
from mockserver.vendors.pareta.domain.encoded import decoded
from mockserver.vendors.pareta.domain.pricing import audio_price
from mockserver.vendors.pareta.domain.transcripts import DEFAULT_LANGUAGE, transcript
from mockserver.vendors.pareta.operations.metering import authorised, charge

if TYPE_CHECKING:
    from mockserver.vendors.pareta.domain.stubs import StubbedFile, StubbedText

TRANSCRIPTIONS = "/v1/audio/transcriptions"
SPEECH = "/v1/audio/speech"

# Half of all calls take longer than this, plus a share of how long the recording plays.
_LISTENING_US, _LISTENING_SHARE = 350_000, 20
_SPEAKING_US, _SPEAKING_SHARE = 250_000, 10


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """A recording to be written down.

    :param audio_base64: the file, still encoded.
    :param language: what the client says it is in.
    """

    audio_base64: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was said, with the receipt for how long it took."""

    text: str
    language: str
    duration_us: int
    billed_micro_usd: int


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A text to be said aloud."""

    text: str
    voice: str


@dataclass(frozen=True, slots=True)
class Speech:
    """A recording, a whole WAV file, with the receipt for how long it plays."""

    audio: bytes
    duration_us: int
    billed_micro_usd: int
    sample_rate: int = speech.SAMPLE_RATE


def transcriptions(call: Call, request: TranscriptionRequest) -> Transcription:
    """Write down a recording, billed by the time it plays.

    :raises Refused: it is no recording, or a damaged one.
    :raises InsufficientCredits: the balance is empty.
    """
    authorised(call.world)
    data = decoded(request.audio_base64, "audio_base64")
    recording = recognised(data)
    stub: StubbedText | None = call.answer
    text = _heard(call, data, recording) if stub is None else stub.text
    language = (stub and stub.language) or request.language or DEFAULT_LANGUAGE
    duration_us = (stub and stub.duration_us) or recording.duration_us
    price = audio_price(tables.catalog.price_sheet(call.world), duration_us)
    median_us = _LISTENING_US + duration_us // _LISTENING_SHARE
    charge(call, "audio.transcriptions", TRANSCRIPTIONS, None, price, median_us)
    return Transcription(text, language, duration_us, price)


def _heard(call: Call, data: bytes, recording: Recording) -> str:
    """Return what is said in a recording: its own words if it was spoken here, nothing in silence, or else a guess."""
    if recording.wave is not None:
        own = speech.wording(recording.wave)
        if own is not None:
            return own
        if recording.wave.is_silent:
            return ""
    subject = fingerprint(data)
    return transcript(recording.duration_us, lambda what: call.world.draws.uniform(f"transcript:{what}", subject))


def speak(call: Call, request: SpeechRequest) -> Speech:
    """Say a text aloud, billed by the time it plays.

    :raises InsufficientCredits: the balance is empty.
    """
    authorised(call.world)
    stub: StubbedFile | None = call.answer
    if stub is None:
        recording = speech.recorded(request.text, request.voice)
        file, duration_us, rate = recording.file, recording.duration_us, speech.SAMPLE_RATE
    else:
        file, duration_us, rate = stub.data, stub.duration_us, stub.sample_rate
    price = audio_price(tables.catalog.price_sheet(call.world), duration_us)
    charge(call, "audio.speech", SPEECH, None, price, _SPEAKING_US + duration_us // _SPEAKING_SHARE)
    return Speech(file, duration_us, price, rate)
