"""Recordings, told by their content: in which container they are, how long they last, what is known of their sound.

Nothing is decoded. Each reader walks a container's parts, so a file that ends too soon, or has something else where a
part should begin, is found out.
"""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.vendors.pareta.domain.audio import mp3, mp4, ogg, wav, webm
from mockserver.vendors.pareta.domain.errors import Refused

MAX_DURATION_US = 24 * 3600 * 1_000_000
"""Longest recording; more is a file that is wrong about itself.

Source: pareta/audio "metered per minute" (that there is a limit: assumed).
"""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording.

    :param container: `wav`, `mp3`, `m4a`, `webm` or `ogg`.
    :param wave: its samples, where they can be read.
    """

    container: str
    duration_us: int
    wave: wav.Wave | None = None


def recognised(data: bytes) -> Recording:
    """Return what a file is.

    :raises Refused: it is in no known container, damaged, or has no audio in it.

    Source: pareta/audio "wav/mp3/m4a/webm" (documented; ogg: in an example); durations and refusals: assumed.
    """
    recording = _read(data)
    if recording.duration_us <= 0:
        raise Refused(f"the {recording.container} file has no audio in it")
    if recording.duration_us > MAX_DURATION_US:
        raise Refused(
            f"the {recording.container} file claims to last more than {MAX_DURATION_US // 3_600_000_000} hours"
        )
    return recording


def _read(data: bytes) -> Recording:
    if data.startswith(b"RIFF") and data[8:12] == b"WAVE":
        wave = wav.read(data)
        return Recording("wav", wave.duration_us, wave)
    if data.startswith(b"OggS"):
        return Recording("ogg", ogg.duration_us(data))
    if data.startswith(b"\x1aE\xdf\xa3"):
        return Recording("webm", webm.duration_us(data))
    if data[4:8] == b"ftyp":
        return Recording("m4a", mp4.duration_us(data))
    if data.startswith(b"ID3") or mp3.frame(int.from_bytes(data[:4], "big")) is not None:
        return Recording("mp3", mp3.duration_us(data))
    raise Refused("the audio is in no known container; send wav, mp3, m4a, webm or ogg")
