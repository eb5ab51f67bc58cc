"""Recordings and pictures through the vendor's clients, sync and async, over a socket."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterator

import pytest
from PIL import Image

from mockserver.app import Simulator
from mockserver.kernel.money import MicroUsd
from mockserver.kernel.world import World
from tests.vendors.pareta.recordings import MEDIA, TONES, media
from tests.vendors.pareta.sdk import Client, installed

KEY = "pareta_sk_test_acme"
VERSIONS = ["0.2.1", "0.3.1", "1.3.0", "2.1.0", "3.0.4"]
PAINTERS = VERSIONS[2:]  # the versions that know pictures

pytestmark = pytest.mark.sdk


def kinds(names: list[str]) -> list[tuple[str, bool]]:
    return [(version, is_async) for version in names for is_async in (False, True)]


@pytest.fixture(params=kinds(VERSIONS), ids=str)
def client(request: pytest.FixtureRequest, url: str) -> Iterator[Client]:
    version, is_async = request.param
    with installed(version) as module:
        yield Client(module, url, KEY, is_async=is_async)


def test_files_of_every_container_are_transcribed(client: Client) -> None:
    for name, (_, duration_us) in TONES.items():
        heard = client(lambda pa, name=name: pa.audio.transcriptions(MEDIA / name, language="en"))  # type: ignore[misc]
        assert heard.duration_s == duration_us / 1_000_000, name
        assert str(heard) == heard.text != ""


def test_paths_bytes_and_base64_are_the_same_recording(client: Client) -> None:
    data = media("tone.mp3")

    forms = (str(MEDIA / "tone.mp3"), data, b64encode(data).decode())
    heard = [client(lambda pa, form=form: pa.audio.transcriptions(form)).to_dict() for form in forms]  # type: ignore[misc]

    assert heard[0] == heard[1] == heard[2]


def test_what_is_spoken_is_heard(client: Client) -> None:
    said = client(lambda pa: pa.audio.speech("Your order has shipped.", voice="am_adam"))
    heard = client(lambda pa: pa.audio.transcriptions(said.audio))

    assert (said.sample_rate, said.format) == (24_000, "wav")
    assert (heard.text, heard.duration_s) == ("Your order has shipped.", said.duration_s)


def test_a_refused_recording_is_the_clients_own_exception(client: Client) -> None:
    with pytest.raises(client.module.BadRequestError, match="the WebM file is cut off"):
        client(lambda pa: pa.audio.transcriptions(media("tone.webm")[:-1]))
    with pytest.raises(client.module.BadRequestError, match="unknown voice 'alloy'"):
        client(lambda pa: pa.audio.speech("hello", voice="alloy"))


@pytest.mark.parametrize("client", kinds(PAINTERS), ids=str, indirect=True)
def test_a_picture_is_drawn_and_edited(client: Client) -> None:
    made = client(lambda pa: pa.images.generate("a fox", size="2304x1728", seed=1))

    assert (made.size, made.model) == ("2304x1728", "hidream-1")
    assert Image.open(io.BytesIO(made.image)).size == (2304, 1728)
    with pytest.raises(client.module.BadRequestError, match="size must be one of 1024x1024, 2048x2048"):
        client(lambda pa: pa.images.generate("a fox", size="8x8"))
    edited = client(lambda pa: pa.images.edit(made.image, "a red scarf"))
    assert Image.open(io.BytesIO(edited.image)).size == tuple(map(int, edited.size.split("x"))) == (2365, 1774)
    with pytest.raises(client.module.BadRequestError, match="image is damaged"):
        client(lambda pa: pa.images.edit(made.image[:2000], "a red scarf"))


def test_an_empty_balance_stops_them_all(client: Client, simulator: Simulator, world: World) -> None:
    account = next(vendor.account for vendor in simulator.vendors if vendor.account)
    with simulator.store.committed():
        account.grant(world, MicroUsd(-account.balance(world)), "test")

    for work in (lambda pa: pa.audio.speech("hello"), lambda pa: pa.audio.transcriptions(media("tone.mp3"))):
        with pytest.raises(client.module.InsufficientCreditsError, match="out of credit"):
            client(work)
