"""Pictures: every size, the prompt in ink, edits that keep the reference, the flat price, and every way to fail."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from base64 import b64decode, b64encode
from io import BytesIO
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from mockserver.app import Simulator
from mockserver.kernel.windows import SECOND
from mockserver.vendors.pareta import operations
from tests.vendors.pareta.org import G3, Org

GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"
PRICES = {GENERATIONS: 40_000, EDITS: 80_000}
SIZES = ["1024x1024", "2048x2048", "2304x1728", "1728x2304", "2560x1440", "1440x2560"]
PROMPT = "a lighthouse on a rocky coast at dusk"
LONGEST_FILE = 25 * 1024 * 1024


def encoded(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def file_of(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def reference(width: int = 640, height: int = 480, mode: str = "RGB") -> Image.Image:
    """A picture one would recognise: red on the left, blue on the right, with a green band along the top."""
    picture = Image.new("RGB", (width, height), (200, 30, 30))
    picture.paste((30, 30, 200), (width // 2, 0, width, height))
    picture.paste((30, 160, 30), (0, 0, width, height // 8))
    return picture.convert(mode)


def generate(org: Org, prompt: str = PROMPT, **more: Any) -> httpx.Response:
    return org.http.post(GENERATIONS, json={"prompt": prompt, **more})


def edit(org: Org, image: bytes, prompt: str = "give it a red scarf", **more: Any) -> httpx.Response:
    return org.http.post(EDITS, json={"prompt": prompt, "image": encoded(image), **more})


def png_of(response: httpx.Response) -> bytes:
    assert response.status_code == 200, response.text
    (item,) = response.json()["data"]
    assert item.keys() == {"b64_json"}
    return b64decode(item["b64_json"], validate=True)


def picture_of(response: httpx.Response) -> Image.Image:
    picture = Image.open(BytesIO(png_of(response)))
    assert picture.format == "PNG"
    picture.load()
    return picture


def billed(response: httpx.Response) -> int:
    return int(response.headers["x-pareta-billed"])


def colour_at(picture: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """The mean colour around a point given in shares of the sides."""
    left, top = int(x * picture.width), int(y * picture.height)
    spot = picture.convert("RGB").crop((left - 5, top - 5, left + 5, top + 5))
    return tuple(round(level) for level in ImageStat.Stat(spot).mean)


def is_near(one: tuple[int, ...], other: tuple[int, ...], by: int = 25) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


def ink_share(picture: Image.Image, area: tuple[float, float, float, float]) -> float:
    """How much of an area, given in shares of the sides, is dark on a light sheet."""
    sides = (picture.width, picture.height, picture.width, picture.height)
    cut = picture.convert("L").crop(tuple(int(share * side) for share, side in zip(area, sides, strict=True)))  # type: ignore[arg-type]
    counts = cut.histogram()
    return sum(counts[:110]) / (cut.width * cut.height)


# Generations


@pytest.mark.parametrize("size", [None, *SIZES])
def test_every_size_is_delivered_at_one_price(org: Org, size: str | None) -> None:
    before = org.balance

    response = generate(org, **({} if size is None else {"size": size}))

    body = response.json()
    assert body.keys() == {"created", "model", "data", "size"}
    assert (body["model"], body["size"]) == ("hidream-1", size or "1024x1024")
    assert body["created"] == org.world.clock.now() // SECOND
    picture = picture_of(response)
    assert f"{picture.width}x{picture.height}" == body["size"]
    assert billed(response) == PRICES[GENERATIONS] == before - org.balance
    assert (org.debits[-1].operation, org.debits[-1].subject) == ("images.generate", GENERATIONS)


def test_the_prompt_is_written_in_dark_ink_on_light_paper(org: Org) -> None:
    short, long = (picture_of(generate(org, text, seed=1)) for text in ("a fox", PROMPT))

    assert 0.02 < ink_share(short, (0.1, 0.4, 0.9, 0.6)) < 0.5
    assert 0.02 < ink_share(long, (0.1, 0.3, 0.9, 0.7)) < 0.5
    assert ink_share(picture_of(generate(org, ".", seed=1)), (0.1, 0.4, 0.9, 0.6)) < 0.01
    assert colour_at(short, 0.09, 0.5) > (220, 220, 220)


def test_other_words_leave_other_ink_on_the_same_sheet(org: Org) -> None:
    one, other = (picture_of(generate(org, text, seed=1)).convert("L") for text in ("a red fox", "a red owl"))

    changed = ImageChops.difference(one, other).crop((90, 400, 930, 620))
    assert changed.getbbox() is not None


@pytest.mark.parametrize("prompt", ["word " * 800, "x" * 4000, "\u4f60\u597d\n" * 1000, "W" * 4000, "\n" * 3999 + "a"])
def test_the_longest_prompts_fit_on_the_sheet(org: Org, prompt: str) -> None:
    picture = picture_of(generate(org, prompt, seed=1)).convert("L")

    assert ink_share(picture, (0.1, 0.1, 0.9, 0.9)) > 0.0001
    edges = (picture.crop((x, 500, x + 10, 524)) for x in (86, 928))  # just within the sheet, left and right
    assert all(edge.getextrema()[0] > 200 for edge in edges)  # type: ignore[operator]


def test_a_seed_pins_every_byte_in_every_world(org: Org, simulator: Simulator) -> None:
    other = Org(simulator, "other")
    pinned = png_of(generate(org, seed=7))

    assert png_of(generate(org, seed=7)) == pinned
    assert png_of(generate(other, seed=7)) == pinned
    different = [
        png_of(generate(org, seed=8)), png_of(generate(org, "another", seed=7)),
        png_of(generate(org, seed=7, size="2048x2048")), png_of(generate(org, seed=-7)),
    ]  # fmt: skip
    assert pinned not in different


def test_without_a_seed_the_world_draws_one_and_says_which(org: Org, simulator: Simulator) -> None:
    responses = [generate(org) for _ in range(3)]
    pictures = [picture_of(response) for response in responses]
    seeds = [int(picture.text["Seed"]) for picture in pictures]  # type: ignore[attr-defined]

    assert len({png_of(response) for response in responses}) == 3
    assert png_of(generate(org, seed=seeds[0])) == png_of(responses[0])
    assert png_of(generate(Org(simulator, "other"))) == png_of(responses[0])


@pytest.mark.parametrize("prompt", [PROMPT, "na\u00efve \u4f60\u597d \U0001f642", "two\nlines", "a\x00b"])
def test_a_picture_carries_its_prompt(org: Org, prompt: str) -> None:
    picture = picture_of(generate(org, prompt, seed=3))

    assert picture.text["Description"] == prompt  # type: ignore[attr-defined]
    assert picture.text["Seed"] == "3"  # type: ignore[attr-defined]


def test_pictures_are_small(org: Org) -> None:
    assert len(png_of(generate(org))) < 100_000
    assert len(png_of(generate(org, size="2560x1440"))) < 300_000
    assert len(png_of(edit(org, file_of(reference(1024, 1024))))) < 300_000


# Edits


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (1024, 1024, "2048x2048"),
        (640, 480, "1280x960"),
        (480, 640, "960x1280"),
        (3000, 2000, "2508x1672"),
        (64, 32, "512x256"),
        (1, 1, "512x512"),
        (2000, 2, "4000x4"),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_edit_keeps_the_proportions(org: Org, width: int, height: int, size: str, kind: str) -> None:
    before = org.balance

    response = edit(org, file_of(reference(width, height), kind))

    body = response.json()
    assert body.keys() == {"created", "model", "data", "size"}
    assert (body["model"], body["size"]) == ("hidream-1", size)
    picture = picture_of(response)
    assert f"{picture.width}x{picture.height}" == size
    assert billed(response) == PRICES[EDITS] == before - org.balance
    assert (org.debits[-1].operation, org.debits[-1].subject) == ("images.edit", EDITS)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGB", "PNG"), ("RGB", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "PNG"), ("P", "PNG")],
)
def test_an_edit_shows_the_reference_and_the_instruction(org: Org, mode: str, kind: str) -> None:
    picture = picture_of(edit(org, file_of(reference(mode=mode), kind)))

    assert is_near(colour_at(picture, 0.25, 0.3), (200, 30, 30))
    assert is_near(colour_at(picture, 0.75, 0.3), (30, 30, 200))
    assert is_near(colour_at(picture, 0.5, 0.05), (30, 160, 30))
    assert 0.02 < ink_share(picture, (0.1, 0.7, 0.9, 0.95)) < 0.5


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16"])
def test_grey_references_stay_grey(org: Org, mode: str) -> None:
    grey = Image.new("I;16", (300, 300), 128 * 256) if mode == "I;16" else Image.new("L", (300, 300), 128).convert(mode)

    picture = picture_of(edit(org, file_of(grey)))

    assert is_near(colour_at(picture, 0.5, 0.2), (128, 128, 128), 30)


def test_what_is_clear_in_a_reference_becomes_white(org: Org) -> None:
    clear = Image.new("RGBA", (400, 400), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 200, 400))
    palette = reference().convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    index = palette.getpixel((10, 300))

    picture = picture_of(edit(org, file_of(clear)))
    indexed = picture_of(edit(org, file_of(palette, transparency=index)))

    assert is_near(colour_at(picture, 0.75, 0.3), (255, 255, 255))
    assert is_near(colour_at(picture, 0.25, 0.3), (0, 0, 255))
    assert is_near(colour_at(indexed, 0.25, 0.4), (255, 255, 255))
    assert is_near(colour_at(indexed, 0.75, 0.4), (30, 30, 200))


def test_a_camera_that_lay_on_its_side_is_set_upright(org: Org) -> None:
    lying = Image.Exif()
    lying[0x0112] = 6  # the top is on the right

    response = edit(org, file_of(reference(), "JPEG", exif=lying))

    assert response.json()["size"] == "960x1280"
    picture = picture_of(response)
    assert is_near(colour_at(picture, 0.3, 0.25), (200, 30, 30))
    assert is_near(colour_at(picture, 0.97, 0.3), (30, 160, 30))


def test_an_edit_is_pinned_by_its_seed_and_drawn_without(org: Org) -> None:
    image = file_of(reference())

    assert png_of(edit(org, image, seed=7)) == png_of(edit(org, image, seed=7))
    assert png_of(edit(org, image, seed=7)) != png_of(edit(org, image, seed=8))
    assert png_of(edit(org, image)) != png_of(edit(org, image))


def test_an_edit_can_be_edited_again(org: Org) -> None:
    once = png_of(generate(org))

    assert edit(org, png_of(edit(org, once))).json()["size"] == "2048x2048"


# Refusals


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bomb(width: int, height: int) -> bytes:
    """A few bytes that claim to be a picture of many pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def many_scans() -> bytes:
    """A progressive JPEG whose last scan is there fifty times."""
    data = file_of(reference(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * 50 + data[-2:]


PNG = file_of(reference())
JPEG = file_of(reference(), "JPEG")
LIST = ", ".join(SIZES)
SENTENCES = [
    ("another size", GENERATIONS, {"size": "512x512"}, f"size must be one of {LIST}, not '512x512'"),
    ("no size", GENERATIONS, {"size": ""}, f"size must be one of {LIST}, not ''"),
    ("a long prompt", GENERATIONS, {"prompt": "x" * 4001}, "prompt has 4001 characters; at most 4000 are read"),
    ("a long instruction", EDITS, {"prompt": "x" * 4001}, "prompt has 4001 characters; at most 4000 are read"),
    ("no base64", EDITS, {"image": "!!!!"}, "image is not base64: ..."),
    ("broken padding", EDITS, {"image": encoded(PNG).rstrip("=")[:-1]}, "image is not base64: ..."),
    ("a data URI", EDITS, {"image": f"data:image/png;base64,{encoded(PNG)}"}, "image must be base64 alone..."),
    ("nothing", EDITS, {"image": ""}, "image is empty"),
    ("no picture", EDITS, {"image": encoded(b"hello" * 99)}, "image is neither PNG nor JPEG"),
    ("a GIF", EDITS, {"image": encoded(file_of(reference(mode="P"), "GIF"))}, "image is neither PNG nor JPEG"),
    ("a WebP", EDITS, {"image": encoded(b"RIFF\0\0\0\0WEBPVP8 ")}, "image is neither PNG nor JPEG"),
    ("a BMP", EDITS, {"image": encoded(file_of(reference(), "BMP"))}, "image is neither PNG nor JPEG"),
    ("an SVG", EDITS, {"image": encoded(b"<svg xmlns='http://www.w3.org/2000/svg'/>")}, "image is neither PNG..."),
    ("half a PNG", EDITS, {"image": encoded(PNG[: len(PNG) // 2])}, "image is damaged: ..."),
    ("half a JPEG", EDITS, {"image": encoded(JPEG[: len(JPEG) // 2])}, "image is damaged: ..."),
    ("the head of a PNG", EDITS, {"image": encoded(PNG[:8])}, "image is damaged: ..."),
    ("the head of a JPEG", EDITS, {"image": encoded(JPEG[:3])}, "image is damaged: ..."),
    ("a bomb", EDITS, {"image": encoded(bomb(30_000, 30_000))}, "image is 30000x30000; at most 40 megapixels ..."),
    ("a wide bomb", EDITS, {"image": encoded(bomb(1_000_000, 1))}, "image is 1000000x1; at most ..."),
    ("many scans", EDITS, {"image": encoded(many_scans())}, "image has more than 30 scans"),
]  # fmt: skip
FIELDS = [
    ("no prompt", GENERATIONS, {"prompt": None}, "prompt"),
    ("an empty prompt", GENERATIONS, {"prompt": ""}, "prompt"),
    ("blanks", GENERATIONS, {"prompt": " \n "}, "prompt"),
    ("a prompt that is a list", GENERATIONS, {"prompt": ["x"]}, "prompt"),
    ("a size that is a number", GENERATIONS, {"size": 1024}, "size"),
    ("a seed in words", GENERATIONS, {"seed": "7"}, "seed"),
    ("half a seed", GENERATIONS, {"seed": 0.5}, "seed"),
    ("an endless seed", GENERATIONS, {"seed": 2**63}, "seed"),
    ("no image", EDITS, {"image": None}, "image"),
    ("an image that is an object", EDITS, {"image": {"b64": ""}}, "image"),
    ("an edit of blanks", EDITS, {"prompt": "  "}, "prompt"),
]


def sent_to(path: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"prompt": PROMPT, **({"image": encoded(PNG)} if path == EDITS else {}), **fields}


@pytest.mark.parametrize(
    ("path", "fields", "detail"), [case[1:] for case in SENTENCES], ids=[case[0] for case in SENTENCES]
)
def test_what_cannot_be_had_is_refused_with_a_sentence(
    org: Org, path: str, fields: dict[str, Any], detail: str
) -> None:
    before = org.state()

    found = org.check_refused(before, org.http.post(path, json=sent_to(path, fields)), 400)

    assert found.startswith(detail.removesuffix("...")) if detail.endswith("...") else found == detail


@pytest.mark.parametrize(("path", "fields", "field"), [case[1:] for case in FIELDS], ids=[case[0] for case in FIELDS])
def test_faulty_fields_are_listed(org: Org, path: str, fields: dict[str, Any], field: str) -> None:
    before = org.state()

    found = org.check_refused(before, org.http.post(path, json=sent_to(path, fields)), 422)

    assert [row["loc"] for row in found] == [["body", field]]


@pytest.mark.parametrize("path", [GENERATIONS, EDITS])
def test_without_credit_nothing_is_drawn(org: Org, path: str) -> None:
    org.set_balance(0)
    before = org.state()

    found = org.check_refused(before, org.http.post(path, json=sent_to(path, {})), 402)

    assert found.startswith("organization is out of credit")


def test_an_image_of_25_megabytes_is_looked_at_and_one_byte_more_is_not(org: Org) -> None:
    taken = edit(org, PNG.ljust(LONGEST_FILE, b"\0"))
    before = org.state()
    refused = edit(org, PNG.ljust(LONGEST_FILE + 1, b"\0"))

    assert taken.status_code == 200
    assert org.check_refused(before, refused, 400) == f"image holds more than {LONGEST_FILE} bytes"


@pytest.mark.parametrize("path", [GENERATIONS, EDITS])
def test_without_the_extra_a_picture_is_501_with_what_to_install(
    org: Org, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.delitem(sys.modules, f"{operations.__name__}.canvas", raising=False)
    monkeypatch.delattr(operations, "canvas", raising=False)
    monkeypatch.setitem(sys.modules, "PIL", None)
    before = org.state()

    found = org.check_refused(before, org.http.post(path, json=sent_to(path, {})), 501)

    assert found == "images cannot be served by this installation: pip install 'mockserver[media]'"
    monkeypatch.undo()
    assert org.http.post(path, json=sent_to(path, {})).status_code == 200


def test_drawing_is_loaded_with_the_first_picture_and_not_before() -> None:
    code = "import sys; from mockserver.app import Simulator; Simulator().close(); print('PIL' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "False\n"


@given(
    kind=st.sampled_from(["PNG", "JPEG"]),
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
    length=st.integers(1, 10_000),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("default")  # Pillow warns about damage it can live with
def test_no_damage_is_an_accident(org: Org, kind: str, edits: list[tuple[int, int]], length: int) -> None:
    data = bytearray(PNG if kind == "PNG" else JPEG)
    for at, value in edits:
        data[at % len(data)] = value

    assert edit(org, bytes(data[:length])).status_code in (200, 400)


# Idempotency


@pytest.mark.parametrize("path", [GENERATIONS, EDITS])
def test_a_repeated_key_gives_the_same_picture_and_bills_once(org: Org, path: str) -> None:
    keyed = {**G3, "Idempotency-Key": "pareta-py-1"}
    first = org.http.post(path, json=sent_to(path, {}), headers=keyed)
    balance = org.balance

    again = org.http.post(path, json=sent_to(path, {}), headers=keyed)
    other = org.http.post(path, json=sent_to(path, {"prompt": "another"}), headers=keyed)

    assert billed(first) == PRICES[path]
    assert (again.status_code, again.content, billed(again)) == (200, first.content, 0)
    assert (other.status_code, org.balance) == (422, balance)


def test_drawing_takes_as_long_as_the_vendor_says_in_the_worlds_time_only(org: Org) -> None:
    for _ in range(15):
        generate(org, seed=1)
        edit(org, file_of(reference(64, 48)), seed=1)

    times = sorted(entry.duration_us / 1e6 for entry in org.journal if (entry.operation or "").endswith("generate"))
    edits = sorted(entry.duration_us / 1e6 for entry in org.journal if (entry.operation or "").endswith("edit"))
    assert times[7] == pytest.approx(12, rel=0.5)
    assert edits[7] == pytest.approx(30, rel=0.5)
