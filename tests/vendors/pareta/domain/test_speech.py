from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.vendors.pareta.domain.audio import wav
from mockserver.vendors.pareta.domain.speech import (
    DEFAULT_VOICE,
    MAX_TEXT,
    SAMPLE_RATE,
    is_voice,
    recorded,
    spoken,
    wording,
)

SENTENCE = "Your order has shipped, and it will be with you on Monday. Thank you."


def seconds(text: str, voice: str = DEFAULT_VOICE) -> float:
    return len(spoken(text, voice)) / 2 / SAMPLE_RATE


@pytest.mark.parametrize(
    ("name", "expected"),
    [("af_heart", True), ("bm_george", True), ("zf_xiaobei", True), ("alloy", False), ("af_", False), ("", False),
     ("ax_heart", False), ("af_Heart", False), ("af_heart\n", False), ("af_" + "a" * 21, False)],
)  # fmt: skip
def test_a_voice_has_a_language_a_gender_and_a_name(name: str, expected: bool) -> None:
    assert is_voice(name) is expected


def test_two_and_a_half_english_words_take_a_second() -> None:
    text = "The quick brown fox jumps over the lazy dog and then rests for a while under a tree " * 20

    assert len(text.split()) / seconds(text) == pytest.approx(2.5, rel=0.15)


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [
        ("a b", "ab c"),
        ("ab", "a b"),
        ("a b", "a, b"),
        ("a, b", "a. b"),
        ("a b", "a\u3002 b"),
        ("a", "a!"),
        ("a", "9"),
        ("a", "\u4f60"),
        ("\U0001f642", "a"),
    ],
)
def test_punctuation_and_letters_take_their_time(shorter: str, longer: str) -> None:
    assert seconds(shorter) < seconds(longer)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a b", "a  \n b"), ("ab", " ab"), ("caf\u00e9", "cafe"), ("HELLO", "hello"), ("3.5", "35"), ("a-b", "ab")],
)
def test_what_is_said_alike_sounds_alike(one: str, other: str) -> None:
    assert spoken(one, DEFAULT_VOICE) == spoken(other, DEFAULT_VOICE)


def test_words_and_voices_differ_audibly() -> None:
    words = ("pin", "bin", "tin", "pan", "nip", "p\u00efn is", "\u4f60\u597d", "\u597d\u4f60")
    sounds = {spoken(word, voice) for word in words for voice in ("af_heart", "am_adam", "bf_emma")}

    assert len(sounds) == 3 * len(words)
    lengths = {seconds(SENTENCE, voice) for voice in ("af_heart", "am_adam", "bf_emma", "jf_alpha")}
    assert len(lengths) > 2
    assert max(lengths) < 1.25 * min(lengths)


def test_a_recording_has_whole_milliseconds_and_no_clipping() -> None:
    recording = recorded(SENTENCE, DEFAULT_VOICE)

    samples = wav.read(recording.file).samples
    values = struct.unpack(f"<{len(samples) // 2}h", samples)
    assert recording.duration_us * SAMPLE_RATE == len(values) * 1_000_000
    assert recording.duration_us % 1000 == 0
    assert 2000 < max(values) < 20_000
    assert -20_000 < min(values) < -2000
    assert values[-1] == 0


@given(text=st.text(min_size=1, max_size=60), voice=st.sampled_from(["af_heart", "am_adam"]))
@settings(max_examples=40)
def test_a_recording_knows_its_words(text: str, voice: str) -> None:
    assert wording(wav.read(recorded(text, voice).file)) == text


def remade(samples: bytes, **info: str) -> wav.Wave:
    return wav.read(wav.written(samples, SAMPLE_RATE, info))


def test_only_the_very_samples_prove_the_words() -> None:
    samples = spoken("hello", DEFAULT_VOICE)
    other = samples[:-2] + b"\1\0"

    assert wording(remade(samples, ICMT="hello", IART=DEFAULT_VOICE)) == "hello"
    assert wording(remade(other, ICMT="hello", IART=DEFAULT_VOICE)) is None
    assert wording(remade(samples, ICMT="other", IART=DEFAULT_VOICE)) is None
    assert wording(remade(samples, ICMT="hello", IART="am_adam")) is None
    assert wording(remade(samples, ICMT="hello", IART="somebody else")) is None
    assert wording(remade(samples, ICMT="hello")) is None
    assert wording(remade(samples, IART=DEFAULT_VOICE)) is None


def test_a_claim_longer_than_any_speech_is_not_looked_into() -> None:
    text = "a" * (MAX_TEXT + 1)

    assert wording(remade(spoken(text, DEFAULT_VOICE), ICMT=text, IART=DEFAULT_VOICE)) is None
