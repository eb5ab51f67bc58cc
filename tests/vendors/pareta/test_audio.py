"""Speech in both directions: what is heard, what is said, what a minute costs, and every way it can fail."""

from __future__ import annotations

import io
import struct
import wave
from base64 import b64decode, b64encode
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from tests.vendors.pareta.org import G3, Org
from tests.vendors.pareta.recordings import TONES, media, tone, wav_of

TRANSCRIPTIONS = "/v1/audio/transcriptions"
SPEECH = "/v1/audio/speech"
PER_MINUTE = 6_000
LONGEST_FILE = 25 * 1024 * 1024


def encoded(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def transcribe(org: Org, data: bytes, **more: Any) -> httpx.Response:
    return org.http.post(TRANSCRIPTIONS, json={"audio_base64": encoded(data), **more})


def say(org: Org, text: str, **more: Any) -> httpx.Response:
    return org.http.post(SPEECH, json={"text": text, **more})


def spoken(org: Org, text: str, **more: Any) -> bytes:
    response = say(org, text, **more)
    assert response.status_code == 200, response.text
    return b64decode(response.json()["audio_base64"], validate=True)


def billed(response: httpx.Response) -> int:
    return int(response.headers["x-pareta-billed"])


# Transcriptions


@pytest.mark.parametrize(("name", "duration_us"), [(name, length) for name, (_, length) in TONES.items()])
def test_every_container_is_measured_and_billed_by_its_length(org: Org, name: str, duration_us: int) -> None:
    before = org.balance

    response = transcribe(org, media(name))

    assert response.status_code == 200, response.text
    body = response.json()
    assert body.keys() == {"text", "language", "duration_s"}
    assert body["duration_s"] == duration_us / 1_000_000
    assert len(body["text"].split()) == int(2.5 * body["duration_s"] + 0.5)
    assert billed(response) == -(-duration_us * PER_MINUTE // 60_000_000) == before - org.balance
    assert (org.debits[-1].operation, org.debits[-1].subject) == ("audio.transcriptions", TRANSCRIPTIONS)


@pytest.mark.parametrize(("seconds", "price"), [(60, 6000), (0.01, 1), (0.0101, 2), (600, 60_000)])
def test_a_started_micro_dollar_counts_whole(org: Org, seconds: float, price: int) -> None:
    response = transcribe(org, wav_of(b"\1\0" * round(seconds * 10_000), 10_000))

    assert billed(response) == price


def test_the_same_recording_says_the_same_and_another_something_else(org: Org) -> None:
    texts = [transcribe(org, tone(20, 8000, hertz)).json()["text"] for hertz in (440, 440, 441, 442)]

    assert texts[0] == texts[1]
    assert len(set(texts)) == 3


@pytest.mark.parametrize("silence", [bytes(32_000), b"\x05\x00" * 16_000])
def test_nothing_is_said_in_silence_but_its_minutes_count(org: Org, silence: bytes) -> None:
    response = transcribe(org, wav_of(silence))

    assert response.json() == {"text": "", "language": "en", "duration_s": 1.0}
    assert billed(response) == 100


@pytest.mark.parametrize(("given", "answered"), [("es", "es"), ("pt-BR", "pt-BR"), ("yue", "yue"), (None, "en")])
def test_the_language_is_the_hint_or_english(org: Org, given: str | None, answered: str) -> None:
    assert transcribe(org, tone(1), language=given).json()["language"] == answered


def test_more_fields_are_ignored(org: Org) -> None:
    assert transcribe(org, tone(0.5), model="whisper-1", temperature=0).status_code == 200


# Speech


def test_speech_is_a_recording_any_player_takes(org: Org) -> None:
    before = org.balance

    response = say(org, "Your order has shipped and is on its way.")

    body = response.json()
    assert body.keys() == {"audio_base64", "sample_rate", "duration_s", "format"}
    assert (body["sample_rate"], body["format"]) == (24_000, "wav")
    with wave.open(io.BytesIO(b64decode(body["audio_base64"], validate=True))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        frames = file.readframes(file.getnframes())
        assert body["duration_s"] == file.getnframes() / 24_000
    assert 2.5 < body["duration_s"] < 5
    assert max(map(abs, struct.unpack(f"<{len(frames) // 2}h", frames))) > 2000
    assert billed(response) == -(-round(body["duration_s"] * 1_000_000) * PER_MINUTE // 60_000_000)
    assert billed(response) == before - org.balance
    assert (org.debits[-1].operation, org.debits[-1].subject) == ("audio.speech", SPEECH)


def test_the_same_words_sound_the_same_in_every_world_and_other_voices_differ(org: Org, simulator: Simulator) -> None:
    other = Org(simulator, "other")

    assert spoken(org, "hello") == spoken(other, "hello") == spoken(org, "hello", voice="af_heart")
    assert len({spoken(org, "hello", voice=voice) for voice in ("af_heart", "am_adam", "bf_emma")}) == 3
    assert len({spoken(org, word) for word in ("pin", "pan", "nip", "bin")}) == 4


TEXTS = [
    "Hello from Pareta.",
    "  Two  spaces,\nand a line!  ",
    "Gr\u00fc\u00dfe, \u4f60\u597d \U0001f642",
    "?",
    "x" * 5000,
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("voice", ["af_heart", "bm_george"])
def test_what_was_spoken_here_is_understood_word_for_word(org: Org, text: str, voice: str) -> None:
    said = say(org, text, voice=voice)
    heard = org.http.post(TRANSCRIPTIONS, json={"audio_base64": said.json()["audio_base64"]})

    assert heard.json()["text"] == text
    assert heard.json()["duration_s"] == said.json()["duration_s"]
    assert billed(heard) == billed(said)


@given(text=st.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip())))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back(org: Org, text: str) -> None:
    assert transcribe(org, spoken(org, text)).json()["text"] == text


def test_words_that_were_put_over_another_recording_are_not_believed(org: Org) -> None:
    real = spoken(org, "I owe you nothing.")
    forged = real.replace(b"I owe you nothing.", b"I owe you a house.")
    retouched = bytearray(real)
    retouched[2000:2002] = b"\7\7"

    texts = [transcribe(org, bytes(data)).json()["text"] for data in (real, forged, retouched)]
    assert texts[0] == "I owe you nothing."
    assert not {"I owe you nothing.", "I owe you a house."} & set(texts[1:])


# Refusals

GOOD = {"audio_base64": encoded(tone(0.1))}
SENTENCES = [
    ("no base64", TRANSCRIPTIONS, {"audio_base64": "!!!!"}, "audio_base64 is not base64: ..."),
    ("broken padding", TRANSCRIPTIONS, {"audio_base64": "AAAAA"}, "audio_base64 is not base64: ..."),
    ("line ends", TRANSCRIPTIONS, {"audio_base64": "AAA\n"}, "audio_base64 is not base64: ..."),
    ("a data URI", TRANSCRIPTIONS, {"audio_base64": "data:audio/wav;base64,AAAA"}, "audio_base64 must be base64 ..."),
    ("nothing", TRANSCRIPTIONS, {"audio_base64": ""}, "audio_base64 is empty"),
    ("garbage", TRANSCRIPTIONS, {"audio_base64": encoded(b"garbage" * 99)}, "the audio is in no known container; ..."),
    ("a picture", TRANSCRIPTIONS, {"audio_base64": encoded(b"\x89PNG\r\n\x1a\n")}, "the audio is in no known..."),
    ("a cut file", TRANSCRIPTIONS, {"audio_base64": encoded(tone(1)[:-9])}, "the WAV file is cut off: ..."),
    ("a cut film", TRANSCRIPTIONS, {"audio_base64": encoded(media("recorder.webm")[:-9])}, "the WebM file is cut..."),
    ("no sound", TRANSCRIPTIONS, {"audio_base64": encoded(tone(0))}, "the wav file has no audio in it"),
    ("a long text", SPEECH, {"text": "x" * 5001}, "text has 5001 characters; at most 5000 are spoken"),
    ("an unknown voice", SPEECH, {"text": "x", "voice": "alloy"}, "unknown voice 'alloy'; ..."),
    ("an empty voice", SPEECH, {"text": "x", "voice": ""}, "unknown voice ''; ..."),
]  # fmt: skip
FIELDS = [
    ("no recording", TRANSCRIPTIONS, {}, "audio_base64"),
    ("a number", TRANSCRIPTIONS, {"audio_base64": 5}, "audio_base64"),
    ("null", TRANSCRIPTIONS, {"audio_base64": None}, "audio_base64"),
    ("a language in words", TRANSCRIPTIONS, {**GOOD, "language": "plain English"}, "language"),
    ("an empty language", TRANSCRIPTIONS, {**GOOD, "language": ""}, "language"),
    ("a language that is a number", TRANSCRIPTIONS, {**GOOD, "language": 1}, "language"),
    ("no text", SPEECH, {}, "text"),
    ("an empty text", SPEECH, {"text": ""}, "text"),
    ("blanks", SPEECH, {"text": " \n\t"}, "text"),
    ("a list", SPEECH, {"text": ["hello"]}, "text"),
    ("a voice that is a number", SPEECH, {"text": "x", "voice": 1}, "voice"),
]


@pytest.mark.parametrize(
    ("path", "sent", "detail"), [case[1:] for case in SENTENCES], ids=[case[0] for case in SENTENCES]
)
def test_what_cannot_be_had_is_refused_with_a_sentence(org: Org, path: str, sent: Any, detail: str) -> None:
    before = org.state()

    found = org.check_refused(before, org.http.post(path, json=sent), 400)

    assert found.startswith(detail.removesuffix("...")) if detail.endswith("...") else found == detail


@pytest.mark.parametrize(("path", "sent", "field"), [case[1:] for case in FIELDS], ids=[case[0] for case in FIELDS])
def test_faulty_fields_are_listed(org: Org, path: str, sent: Any, field: str) -> None:
    before = org.state()

    found = org.check_refused(before, org.http.post(path, json=sent), 422)

    assert [row["loc"] for row in found] == [["body", field]]


@pytest.mark.parametrize(
    ("path", "sent"),
    [(TRANSCRIPTIONS, GOOD), (TRANSCRIPTIONS, {"audio_base64": "!"}), (SPEECH, {"text": "hello"})],
    ids=["a recording", "not even a recording", "a text"],
)
def test_without_credit_nothing_is_even_looked_at(org: Org, path: str, sent: Any) -> None:
    org.set_balance(0)
    before = org.state()

    assert org.check_refused(before, org.http.post(path, json=sent), 402).startswith("organization is out of credit")


def test_a_recording_of_25_megabytes_is_taken_and_one_byte_more_is_not(org: Org) -> None:
    head = len(wav_of(b""))

    taken = transcribe(org, wav_of(b"\1\0" * ((LONGEST_FILE - head) // 2)))
    before = org.state()
    refused = transcribe(org, wav_of(b"\1\0" * ((LONGEST_FILE - head) // 2 + 1)))

    assert taken.json()["duration_s"] == pytest.approx(819.2, abs=0.01)
    assert org.check_refused(before, refused, 400) == f"audio_base64 holds more than {LONGEST_FILE} bytes"


# Idempotency


@pytest.mark.parametrize(("path", "sent"), [(TRANSCRIPTIONS, GOOD), (SPEECH, {"text": "hello"})])
def test_a_repeated_key_gives_the_same_answer_and_bills_once(org: Org, path: str, sent: Any) -> None:
    keyed = {**G3, "Idempotency-Key": "pareta-py-1"}
    first = org.http.post(path, json=sent, headers=keyed)
    balance = org.balance

    again = org.http.post(path, json=sent, headers=keyed)
    other = org.http.post(path, json={**sent, "more": 1}, headers=keyed)

    assert billed(first) > 0
    assert (again.status_code, again.content, billed(again)) == (200, first.content, 0)
    assert (other.status_code, org.balance) == (422, balance)


def test_a_refusal_is_not_remembered(org: Org) -> None:
    keyed = {**G3, "Idempotency-Key": "pareta-py-1"}
    start = org.balance
    org.set_balance(0)
    refused = org.http.post(SPEECH, json={"text": "hello"}, headers=keyed)
    org.set_balance(start)

    assert refused.status_code == 402
    assert billed(org.http.post(SPEECH, json={"text": "hello"}, headers=keyed)) > 0


def test_latency_is_recorded_and_longer_for_longer_recordings(org: Org) -> None:
    for seconds in (1, 1, 1, 1, 1, 900, 900, 900, 900, 900):
        transcribe(org, wav_of(b"\1\0" * 1000 * seconds, 1000))

    durations = [entry.duration_us for entry in org.journal]
    assert min(durations) > 0
    assert sum(durations[5:]) > 2 * sum(durations[:5])
