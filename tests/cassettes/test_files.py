from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from time import process_time
from typing import Any

import pytest
import vcr.serializers.yamlserializer as vcr_yaml
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.cassettes import files, index
from mockserver.cassettes.files import Library
from mockserver.cassettes.format import interaction_of
from mockserver.cassettes.index import _ITEM
from mockserver.cassettes.interaction import BadCassette, Interaction
from mockserver.cassettes.loading import from_yaml
from mockserver.http.messages import Request
from tests.cassettes.cassettes import (
    JSON_LAYOUTS,
    LAYOUTS,
    asked_for,
    described,
    interactions,
    read_all,
    written,
)


def chat(number: int = 1, path: str = "/v1/chat/completions", words: str = "Hello") -> dict[str, Any]:
    answer = {"id": f"chatcmpl-{number}", "choices": [{"message": {"role": "assistant", "content": words}}]}
    return {
        "request": {
            "method": "POST",
            "uri": f"https://api.pareta.ai{path}?n={number}",
            "body": json.dumps({"model": "qwen3-8b", "messages": [{"role": "user", "content": words}]}),
            "headers": {"Accept": ["*/*"], "Content-Type": ["application/json"], "Host": ["api.pareta.ai"]},
        },
        "response": {
            "status": {"code": 200, "message": "OK"},
            "headers": {"Content-Type": ["application/json"], "Date": ["Fri, 01 May 2026 12:00:00 GMT"]},
            "body": {"string": json.dumps(answer)},
        },
    }


def cassette(*items: dict[str, Any], **beside: Any) -> str:
    text: str = vcr_yaml.serialize({"version": 1, "interactions": list(items), **beside})
    return text


@pytest.mark.parametrize("layout", [*LAYOUTS, *JSON_LAYOUTS])
def test_every_layout_of_a_file_gives_what_a_real_parse_gives(layout: str, tmp_path: Path) -> None:
    @settings(max_examples=12, suppress_health_check=list(HealthCheck))
    @given(st.lists(interactions(), max_size=4))
    def holds(items: list[dict[str, Any]]) -> None:
        if layout in JSON_LAYOUTS:
            items = [*map(without_bytes, items)]
        data = {"version": 1, "interactions": items, "metadata": {"by": "hand"}}
        text = (LAYOUTS | JSON_LAYOUTS)[layout](data)
        expected = described(text)["interactions"]

        library = Library([written(tmp_path, text)])

        requests = [library.request(number) for number in range(len(library))]
        assert [*map(counting, requests)] == [counting(interaction_of(item).request) for item in expected]
        assert [library.method_and_path(number) for number in range(len(library))] == [*map(asked_for, expected)]
        assert read_all(library) == [*map(interaction_of, expected)]
        assert library.files[0].metadata == {"by": "hand"}

    holds()


@settings(max_examples=60)
@given(st.lists(interactions(), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_a_file_with_anything_changed_is_read_as_a_real_parse_reads_it_or_refused(
    items: list[dict[str, Any]], chance: random.Random
) -> None:
    data = bytearray(LAYOUTS["VCR.py"]({"version": 1, "interactions": items}).encode())
    for _ in range(chance.randint(1, 4)):
        mutate(data, chance)
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), bytes(data))

        library, refusal = opened(path)

        if library is None:
            assert str(path) in refusal
            assert "\n" not in refusal
            return
        expected = described(data.decode("utf-8-sig"))["interactions"] or []
        assert [library.method_and_path(number) for number in range(len(library))] == [*map(asked_for, expected)]
        for number, item in enumerate(expected):
            with suppress(BadCassette):
                assert counting(library.request(number)) == counting(interaction_of(item).request)
            interaction, refusal = read(library, number)
            if interaction is None:
                assert f"{path}, line " in refusal
                assert f"(interaction {number + 1})" in refusal
            else:
                assert interaction == interaction_of(item)


def counting(request: Request) -> tuple[object, ...]:
    """Return what of a request tells whether another one is the same."""
    headers = [request.headers.get(name) for name in (b"content-type", b"content-encoding")]
    return request.method, request.path, request.query, request.origin, request.body, *headers


def opened(path: Path) -> tuple[Library | None, str]:
    """Return a library, or why there is none."""
    try:
        return Library([path]), ""
    except BadCassette as error:
        return None, str(error)


def read(library: Library, number: int) -> tuple[Interaction | None, str]:
    """Return an interaction, or why there is none."""
    try:
        return library.read(number), ""
    except BadCassette as error:
        return None, str(error)


def without_bytes(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item that JSON can hold."""
    item = copy.deepcopy(item)
    for body in (item["request"], item["response"]["body"]):
        key = "string" if "string" in body else "body"
        body[key] = body[key].decode("ascii", "ignore") if isinstance(body[key], bytes) else body[key]
    if "timing" in item:
        item["timing"]["pieces"] = [[0.5, len(item["response"]["body"]["string"].encode())]]
    return item


def mutate(data: bytearray, chance: random.Random) -> None:
    """Change something: a byte, a line, a stretch, or the end."""
    at = chance.randrange(len(data) + 1)
    kind = chance.randrange(6)
    lines = bytes(data).split(b"\n")
    if kind == 0:
        data[at:at] = chance.choice(
            [b"'", b'"', b"\n", b"- ", b"\n- ", b": ", b" ", b"#", b"|", b"\\", b"*", b"&a", b"x"]
        )
    elif kind == 1:
        del data[at : at + chance.choice([1, 1, 2, 30])]
    elif kind == 2:
        lines[at % len(lines)] = lines[chance.randrange(len(lines))]
        data[:] = b"\n".join(lines)
    elif kind == 3:
        lines.insert(at % len(lines), lines[chance.randrange(len(lines))])
        data[:] = b"\n".join(lines)
    elif kind == 4:
        lines[at % len(lines)] = lines[at % len(lines)][chance.choice([1, 2, 4]) :]
        data[:] = b"\n".join(lines)
    else:
        del data[max(1, at) :]


def test_what_vcr_writes_is_recognised_at_once_and_not_parsed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    items = [chat(number, words="It's what it is: yes, 100% \\ - # \t" * 9) for number in range(3)]
    items[1]["request"]["body"] = b"\xff\xfe" * 80
    items[2]["recorded_at"], items[2]["timing"] = "2026-05-01T12:00:00Z", {"first_byte_ms": 1.5}
    path = written(tmp_path, cassette(*items))
    parsed: list[bytes] = []

    def noted(text: bytes) -> Any:
        parsed.append(text)
        return from_yaml(text)

    monkeypatch.setattr(index, "from_yaml", noted)

    library = Library([path])

    assert len(library) == 3
    assert parsed == [b"interactions:\n", b"version: 1\n"]


BODIES = (
    '{"model":"m","content":"It\'s a long one, with many words in it, so that its lines are folded more than once"}',
    '{"content":"caf\u00e9 \U0001f600 \\"quoted\\"","more":"so that its lines are folded    among spaces"}',
    "one\n\n  two\n\tthree \n" * 5,
    "a=b&c=d",
    b"\xff\x00" * 50,
    None,
)


def test_requests_are_looked_through_without_reading_the_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    items = [chat(number) for number in range(len(BODIES))]
    for item, body in zip(items, BODIES, strict=True):
        item["request"]["body"] = body
    library = Library([written(tmp_path, cassette(*items))])
    expected = [counting(each.request) for each in read_all(Library([library.files[0].path]))]
    monkeypatch.setattr(Library, "read", lambda *_: pytest.fail("an interaction was read"))

    assert [counting(library.request(number)) for number in range(len(items))] == expected


def test_of_a_compressed_request_all_headers_are_told(tmp_path: Path) -> None:
    item = chat()
    item["request"]["headers"]["Content-Encoding"] = ["gzip"]
    library = Library([written(tmp_path, cassette(item))])
    assert library.request(0).headers[b"content-encoding"] == b"gzip"


def test_a_file_that_changed_since_is_no_longer_looked_through(tmp_path: Path) -> None:
    path = written(tmp_path, cassette(chat(1), chat(2)))
    library = Library([path])
    path.write_text(path.read_text().replace("POST", "GET"))
    with pytest.raises(BadCassette, match="has changed since"):
        library.request(1)


def test_numbers_run_through_files_in_order_and_find_knows_them(tmp_path: Path) -> None:
    a = written(tmp_path, cassette(chat(1), chat(2, "/v1/a%20b")), "a.yaml")
    empty = written(tmp_path, cassette(), "b.yaml")
    c = written(tmp_path, json.dumps({"version": 1, "interactions": [chat(3), chat(4)]}), "c.json")

    library = Library([a, empty, c])

    assert len(library) == 4
    assert [(file.path.name, file.first, file.count) for file in library.files] == [
        ("a.yaml", 0, 2),
        ("b.yaml", 2, 0),
        ("c.json", 2, 2),
    ]
    assert [library.place(number) for number in range(4)] == [
        "a.yaml, interaction 1",
        "a.yaml, interaction 2",
        "c.json, interaction 1",
        "c.json, interaction 2",
    ]
    assert library.file_of(2).path == c
    assert library.method_and_path(1) == ("POST", "/v1/a b")
    assert list(library.find("POST", "/v1/chat/completions")) == [0, 2, 3]
    assert list(library.find("POST", "/v1/a b")) == [1]
    assert list(library.find("GET", "/v1/a b")) == []
    assert library.read(3).request.query == b"n=4"
    with pytest.raises(IndexError):
        library.read(4)


def test_what_is_asked_for_again_after_many_other_things_is_found_with_the_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(index, "_MOST_PATHS_KEPT", 2)
    paths_ = [f"/v1/{number % 5}" for number in range(20)]
    library = Library([written(tmp_path, cassette(*(chat(number, path) for number, path in enumerate(paths_))))])

    for path in set(paths_):
        assert list(library.find("POST", path)) == [n for n, other in enumerate(paths_) if other == path]
    assert [library.method_and_path(number)[1] for number in range(20)] == paths_


def test_a_folder_is_searched_by_name_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    for name in ("b/two.yml", "a.json", "b/one.yaml", ".git/x.yaml", "b/.hidden.yaml", "notes.txt", "c.YAML"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        written(tmp_path, cassette(chat()), name)

    library = Library([tmp_path])

    assert [library.place(number) for number in range(len(library))] == [
        "a.json, interaction 1",
        "c.YAML, interaction 1",
        "b/one.yaml, interaction 1",
        "b/two.yml, interaction 1",
    ]


def test_a_file_named_twice_is_read_once_and_same_names_are_told_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, cassette(chat()))

    library = Library([tmp_path / "one", tmp_path / "two", tmp_path / "one" / "chat.yaml"])

    assert len(library) == 2
    assert library.place(1) == f"{tmp_path}/two/chat.yaml, interaction 1"


@pytest.mark.parametrize("change", ["grown", "rewritten", "rewritten unseen", "gone"])
def test_a_file_that_changed_since_is_an_error_and_never_other_data(change: str, tmp_path: Path) -> None:
    path = written(tmp_path, cassette(chat(1), chat(2)))
    library = Library([path])
    before = path.stat()
    if change == "grown":
        path.write_text(cassette(chat(1), chat(2), chat(3)))
    elif change == "gone":
        path.unlink()
    else:
        with path.open("r+b") as file:
            file.write(cassette(chat(1), chat(2)).replace("assistant", "assistent").encode())
        if change == "rewritten unseen":
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(BadCassette, match=r"chat\.yaml(: there is no such file| has changed since it was opened)"):
        library.read(0)


def test_aliases_across_interactions_are_read_with_the_whole_file(tmp_path: Path) -> None:
    shared = {"Accept": ["*/*"]}
    one, two = chat(1), chat(2)
    one["request"]["headers"] = two["request"]["headers"] = shared
    text = yaml.dump({"version": 1, "interactions": [one, two]})
    assert "*id001" in text

    library = Library([written(tmp_path, text)])

    assert library.read(1) == interaction_of(two)
    assert library.method_and_path(0) == ("POST", "/v1/chat/completions")


def test_a_body_larger_than_a_step_of_reading_is_found_whole(tmp_path: Path) -> None:
    large = chat(2, words="word " * 700_000)
    binary = chat(3)
    binary["response"]["body"]["string"] = bytes(range(256)) * 9000

    for text in (
        cassette(chat(1), large, binary, chat(4)),
        LAYOUTS["list indented"]({"version": 1, "interactions": [chat(1), large, binary, chat(4)]}),
        json.dumps({"version": 1, "interactions": [chat(1), large, chat(3), chat(4)]}),
    ):
        library = Library([written(tmp_path, text)])

        assert len(library) == 4
        assert library.read(1) == interaction_of(large)
        assert library.read(3) == interaction_of(chat(4))
        if not text.startswith("{"):
            assert library.read(2) == interaction_of(binary)


def test_a_marker_cut_in_two_by_the_end_of_a_step_is_found(tmp_path: Path) -> None:
    filler = len(cassette(chat(1)))
    for shift in range(4):
        words = "x" * (1024 * 1024 - filler - shift + 60)
        text = cassette(chat(1, words=words[: len(words) // 2]), chat(2), chat(3))
        for pad in range(3):
            library = Library([written(tmp_path, "#" * pad + "\n" + text)])
            assert len(library) == 3


def test_what_was_read_last_is_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "KEPT_BYTES", 60_000)
    library = Library([written(tmp_path, cassette(*(chat(number) for number in range(30))))])
    first = library.read(0)

    assert library.read(0) is first
    for number in range(1, 30):
        library.read(number)
    assert library.read(29) is library.read(29)
    assert library.read(0) is not first
    assert library.read(0) == first


def test_threads_may_read_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "KEPT_BYTES", 30_000)
    library = Library([written(tmp_path, cassette(*(chat(number) for number in range(20))))])
    wrong: list[int] = []

    def read(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(100):
            number = chance.randrange(20)
            if library.read(number).request.query != b"n=%d" % number:
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_ten_thousand_interactions_are_indexed_without_waiting(tmp_path: Path) -> None:
    one = cassette(*(chat(number, words="Hello there " * 20) for number in range(100)))
    items = one.removeprefix("interactions:\n").removesuffix("version: 1\n")
    path = written(tmp_path, "interactions:\n" + items * 100 + "version: 1\n")
    assert path.stat().st_size > 10_000_000
    taken: list[float] = []

    for _ in range(3):
        start = process_time()
        assert len(Library([path])) == 10_000
        taken.append(process_time() - start)

    # It is 0.1 s on a machine that has nothing else to do.
    assert min(taken) < 0.5


_PEAK = r"""
import re, sys
from pathlib import Path
from mockserver.cassettes.files import Library

library = Library([Path(sys.argv[1])])
for number in range(0, len(library), max(1, len(library) // 300)):
    library.read(number)
# Not `ru_maxrss`: that is never less than what the process that started this one took.
print(len(library), re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says it there")
@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_memory_does_not_grow_with_what_lies_on_disk(kind: str, tmp_path: Path) -> None:
    items = [chat(number, words="Hello there " * 100) for number in range(400)]
    text = cassette(*items) if kind == "yaml" else json.dumps({"version": 1, "interactions": items}, indent=4)
    peaks: dict[int, tuple[int, int]] = {}

    for megabytes in (8, 64):
        folder = tmp_path / str(megabytes)
        folder.mkdir()
        for number in range(max(1, megabytes * 1024 * 1024 // len(text))):
            written(folder, text, f"{number}.{kind}")
        said = subprocess.run([sys.executable, "-c", _PEAK, str(folder)], capture_output=True, text=True, check=True)
        count, peak = map(int, said.stdout.split())
        peaks[megabytes] = count, peak // 1024

    assert peaks[64][0] > 7 * peaks[8][0]
    assert peaks[64][1] < peaks[8][1] + 12, f"megabytes at most: {peaks}"


def test_the_expression_takes_no_layout_that_says_something_else() -> None:
    good = cassette(chat()).removeprefix("interactions:\n").removesuffix("version: 1\n").encode()
    assert _ITEM.fullmatch(good)

    for before, after in (
        (b"body: '", b"body: ' '"),
        (b"method: POST", b"method: NO"),
        (b"method: POST", b"method: POST\n    method: GET"),
        (b"    uri: ", b"    - uri: "),
        (b"      - '*/*'", b"      - *a"),
        (b"      - '*/*'", b"      - [a"),
        (b"      - '*/*'", b"      - a: b"),
        (b"      - '*/*'", b"      - a #b"),
        (b"      - '*/*'", b"     - '*/*'"),
        (b"code: 200", b"code: 20"),
        (b"code: 200", b"code: '200'"),
        (b"message: OK", b"message: No"),
        (b"message: OK", b"message: !x OK"),
        (b"  response:", b"   response:"),
        (b"  response:", b"- response:"),
        (b"string: '", b"string: '\n- "),
    ):
        assert before in good
        assert not _ITEM.fullmatch(good.replace(before, after, 1)), after
