"""Speech: letters become short tones in a voice, so that texts differ audibly and last as long as they take to say.

Nobody will understand it, but it is a real recording: it plays, its length fits the text, and it knows its text.
"""

from __future__ import annotations

import math
import re
import struct
import unicodedata
import zlib
from dataclasses import dataclass
from functools import lru_cache

from mockserver.vendors.pareta.domain.audio import wav
from mockserver.vendors.pareta.domain.audio.parts import microseconds
from mockserver.vendors.pareta.domain.audio.wav import Wave

SAMPLE_RATE = 24_000
"""Source: pareta/audio "sample_rate" (documented by example)."""

MAX_TEXT = 5000
"""Longest text, in characters.

Source: pareta/audio "max 5000 chars" (documented).
"""

DEFAULT_VOICE = "af_heart"
"""Source: pareta/audio "voice" (that this voice exists: documented; that it is the default: assumed)."""

# A language, a gender, a name, as the only published voice is called.
_VOICE = re.compile(r"[a-z][fm]_[a-z]{2,20}")
_PER_MS = SAMPLE_RATE // 1000
# So long a letter, and so long between words, make two and a half English words a second.
_LETTER_MS, _WORD_GAP_MS, _COMMA_MS, _STOP_MS, _TAIL_MS = 75, 80, 180, 350, 100
_FADE = 5 * _PER_MS
_COMMAS, _STOPS = ",;:\u3001\uff0c", ".!?\u2026\u3002\uff01\uff1f"  # and their Chinese and Japanese kin
_LOUDEST = 9000
_WORDING = "ICMT"
_SPEAKER = "IART"

# How a letter sounds: two resonances in hertz, loudness and breath in percent.
_LETTERS = {
    "a": (750, 1200, 100, 0), "b": (250, 900, 60, 10), "c": (1800, 3000, 50, 80), "d": (300, 1700, 60, 10),
    "e": (550, 1850, 95, 0), "f": (1200, 2500, 35, 95), "g": (280, 1300, 60, 15), "h": (900, 1600, 30, 90),
    "i": (300, 2300, 90, 0), "j": (320, 2100, 60, 30), "k": (1500, 2200, 45, 85), "l": (380, 1100, 80, 0),
    "m": (250, 1000, 70, 0), "n": (280, 1500, 70, 0), "o": (450, 850, 100, 0), "p": (700, 1100, 40, 85),
    "q": (1400, 2000, 45, 80), "r": (420, 1300, 75, 5), "s": (2600, 3400, 45, 100), "t": (2000, 2800, 40, 90),
    "u": (320, 750, 95, 0), "v": (300, 1400, 60, 40), "w": (330, 650, 75, 0), "x": (2300, 3100, 45, 95),
    "y": (290, 2100, 80, 0), "z": (320, 2900, 55, 60),
}  # fmt: skip
_OTHERS = 32


def is_voice(name: str) -> bool:
    """Whether there could be a voice of this name.

    Source: pareta/audio "voice" (no list is published; the form is the published one's: assumed).
    """
    return _VOICE.fullmatch(name) is not None


def spoken(text: str, voice: str) -> bytes:
    """Return the samples of a text said aloud: 16 bits, mono, `SAMPLE_RATE` a second, whole milliseconds."""
    tempo = _tempo_percent(voice)
    pieces: list[bytes] = []
    is_gap = True
    for at, character in enumerate(text):
        is_last_of_word = not text[at + 1 : at + 2].strip()
        if character.isspace():
            if not is_gap:
                pieces.append(_silence(_WORD_GAP_MS * tempo // 100))
            is_gap = True
        elif character.isalnum():
            pieces.append(_sound(*_letter(character), voice))
            is_gap = False
        elif is_last_of_word and character in _COMMAS:
            pieces.append(_silence(_COMMA_MS * tempo // 100))
        elif is_last_of_word and character in _STOPS:
            pieces.append(_silence(_STOP_MS * tempo // 100))
    pieces.append(_silence(_TAIL_MS))
    return b"".join(pieces)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text said aloud, as a WAV file."""

    file: bytes
    duration_us: int


def recorded(text: str, voice: str) -> Spoken:
    """Return a text said aloud, in a file that names its words and its speaker."""
    samples = spoken(text, voice)
    file = wav.written(samples, SAMPLE_RATE, {_WORDING: text, _SPEAKER: voice})
    return Spoken(file, microseconds(len(samples) // 2, SAMPLE_RATE))


def wording(wave: Wave) -> str | None:
    """Return the text of a recording made here, or `None` for any other.

    What the file claims to say is said again: only the very same samples prove it.
    """
    text, voice = wave.info.get(_WORDING), wave.info.get(_SPEAKER)
    if text is None or voice is None or len(text) > MAX_TEXT or not is_voice(voice):
        return None
    return text if spoken(text, voice) == wave.samples else None


def _tempo_percent(voice: str) -> int:
    return 93 + zlib.crc32(voice.encode()) % 15


def _pitch_hz(voice: str) -> int:
    return (195 if voice[1] == "f" else 105) + zlib.crc32(voice[::-1].encode()) % 30


def _letter(character: str) -> tuple[int, int, int, int, int]:
    """Return how a letter sounds, and how many letters it takes to say it.

    Letters without a Latin base sound like one of a few syllables, so that no alphabet costs more than another.
    """
    plain = unicodedata.normalize("NFD", character)[0].lower()
    known = _LETTERS.get(plain)
    if known is not None:
        return *known, 1
    n = ord(plain) % _OTHERS
    return 280 + 37 * n % 500, 900 + 101 * n % 1500, 90, 0, 2


@lru_cache(maxsize=1024)
def _sound(low_hz: int, high_hz: int, loudness: int, breath: int, letters: int, voice: str) -> bytes:
    """Return the samples of one letter: a voiced wave with two resonances, breath, and a soft start and end."""
    count = letters * _LETTER_MS * _tempo_percent(voice) // 100 * _PER_MS
    pitch = _pitch_hz(voice)
    period = SAMPLE_RATE // pitch
    harmonics = [
        (number, sum(math.exp(-(((number * pitch - peak) / 250) ** 2)) for peak in (low_hz, high_hz)) + 0.02)
        for number in range(1, 4000 // pitch)
    ]
    total = sum(strength for _, strength in harmonics)
    turn = 2 * math.pi / period
    tone = [sum(s * math.sin(number * turn * at) for number, s in harmonics) / total for at in range(period)]
    noise = low_hz * high_hz  # the seed of a row of numbers without a pattern one could hear
    level = _LOUDEST * loudness / 100
    values = []
    for at in range(count):
        noise = (noise * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
        sound = tone[at % period] * (100 - breath) + (noise / 0x4000_0000 - 1) * breath
        values.append(round(level * sound / 100 * min(1.0, at / _FADE, (count - at) / _FADE)))
    return struct.pack(f"<{count}h", *values)


@lru_cache(maxsize=1024)
def _silence(milliseconds: int) -> bytes:
    return bytes(2 * _PER_MS * milliseconds)
