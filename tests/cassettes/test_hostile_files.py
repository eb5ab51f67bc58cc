"""Files that nobody should be given: every one is one line that names the file and the place, and nothing is run."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import pytest

from mockserver.cassettes.files import Library
from mockserver.cassettes.interaction import BadCassette
from mockserver.kernel.errors import Unusable
from tests.cassettes.cassettes import read_all, written

ITEM = """\
- request:
    body: null
    headers:
      Accept:
      - '*/*'
    method: GET
    uri: https://api.pareta.ai/v1/models
  response:
    body:
      string: '{"data": []}'
    headers:
      Content-Type:
      - application/json
    status:
      code: 200
      message: OK
"""
GOOD = f"interactions:\n{ITEM}{ITEM}version: 1\n"


def refusal(path: Path) -> str:
    """Return the one line that says why a file is refused, when it is opened or when it is read."""
    with pytest.raises(BadCassette) as raised:
        read_all(Library([path]))
    said = str(raised.value)
    assert isinstance(raised.value, Unusable)
    assert "\n" not in said
    assert len(said) < 600
    return said


def second(before: str, after: str) -> str:
    """Return a good file whose second interaction has something else in it."""
    assert before in ITEM
    return GOOD[: -len(ITEM) - len("version: 1\n")] + ITEM.replace(before, after, 1) + "version: 1\n"


def test_the_good_one_is_good(tmp_path: Path) -> None:
    assert len(read_all(Library([written(tmp_path, GOOD)]))) == 2


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param("    method: GET\n", "", "request.method is missing", id="no method"),
        pytest.param("method: GET", "method: NO", "request.method is False", id="method is a truth"),
        pytest.param("method: GET", "method: 'G T'", "request.method is the text 'G T'", id="method of two words"),
        pytest.param("uri: https:", "uri: ftp:", "not a URI that begins with http", id="other scheme"),
        pytest.param("uri: https://api.pareta.ai/v1/models", "uri: /v1", "not a URI that begins", id="no host"),
        pytest.param(
            "uri: https://api.pareta.ai/", "uri: http://[::1/", "and what stands for its host", id="half an address"
        ),
        pytest.param("uri: https://api.pareta.ai/v1/models", "uri: http://[::1", "for its host", id="only half of one"),
        pytest.param(
            "uri: https://api.pareta.ai/", "uri: http://a:b/", "and what stands for its host", id="a port of letters"
        ),
        pytest.param("body: null", "body: !!binary '@@@@'", "binary data (!!binary) is not Base64", id="binary of @"),
        pytest.param("body: null", "body: !!binary 'YWI'", "is not Base64", id="binary cut short"),
        pytest.param("body: null", "body: !!binary |\n      YQ==\n      YWJj", "is not Base64", id="binary in two"),
        pytest.param("uri: https://api.pareta.ai/v1/models", 'uri: "http://a/\\nb"', "line break", id="uri of lines"),
        pytest.param("uri: https://api.pareta.ai/v1/models", "uri: [1]", "request.uri is a list", id="uri is a list"),
        pytest.param("body: null", "body: 12", "request.body is 12", id="body is a number"),
        pytest.param("body: null", "body: 2026-01-01", "request.body is a date", id="body is a date"),
        pytest.param("body: null", "body: {a: 2026-01-01}", "is no JSON", id="body of dates"),
        pytest.param(
            "string: '{\"data\": []}'", "string: [1]", "response.body.string is a list", id="answer is a list"
        ),
        pytest.param(
            "      string: '{\"data\": []}'", "      base64: aa", "response.body has no string", id="no string"
        ),
        pytest.param("      - '*/*'", "      - {}", "request.headers: Accept is a mapping", id="header is a mapping"),
        pytest.param("      - '*/*'", "      - true", "request.headers: Accept is True", id="header is a truth"),
        pytest.param("      Accept:", "      Ac cept:", "'Ac cept' is no header name", id="header name of two words"),
        pytest.param("      Accept:", "      yes:", "True is no header name", id="header name is a truth"),
        pytest.param("- application/json", '- "a\\r\\nSet-Cookie: x"', "line break", id="an answer split in two"),
        pytest.param("- application/json", '- "a\\0b"', "control character", id="a header with a zero byte"),
        pytest.param("code: 200", "code: 0", "response.status.code is 0, not a number from 200 to 599", id="status 0"),
        pytest.param("code: 200", "code: 100", "code is 100, not", id="status 100"),
        pytest.param("code: 200", "code: 1000", "code is 1000, not", id="status 1000"),
        pytest.param("code: 200", "code: '200'", "code is the text '200', not", id="status is text"),
        pytest.param("code: 200", "code: 2e2", "code is the text '2e2', not", id="status of floats"),
        pytest.param("code: 200", "code: true", "code is True, not", id="status is a truth"),
        pytest.param("code: 200", "code: -200", "code is -200, not", id="status below nothing"),
        pytest.param("message: OK", 'message: "O\\nK"', "not one line of text", id="reason of two lines"),
        pytest.param("message: OK", "message: 7", "message is 7, not one line of text", id="reason is a number"),
        pytest.param("  response:\n", "  answer:\n", "the interaction has no response", id="no response"),
        pytest.param("    headers:\n      Accept:\n      - '*/*'\n", "    headers: 3\n", "headers is 3", id="headers"),
        pytest.param("      message: OK\n", "", "response.status has no message", id="no reason"),
        pytest.param("    status:\n", "    state:\n", "response.status is missing", id="no status"),
        pytest.param(
            "      message: OK\n", "      message: OK\n  recorded_at: soon\n", "recorded_at is the text", id="at"
        ),
        pytest.param(
            "      message: OK\n", "      message: OK\n  timing: 3\n", "timing is 3, not a mapping", id="timing"
        ),
        pytest.param(
            "      message: OK\n",
            "      message: OK\n  timing: {first_byte_ms: -1}\n",
            "first_byte_ms is -1",
            id="before",
        ),
        pytest.param(
            "      message: OK\n",
            "      message: OK\n  timing: {first_byte_ms: .inf}\n",
            "first_byte_ms is inf",
            id="inf",
        ),
        pytest.param(
            "      message: OK\n",
            "      message: OK\n  timing:\n    pieces:\n    - - 0.0\n      - 5\n",
            "timing.pieces add up to 5 bytes, and the body has 12",
            id="pieces that do not add up",
        ),
        pytest.param(
            "      message: OK\n",
            "      message: OK\n  timing: {pieces: [[0, 13], [0, -1]]}\n",
            "piece 2 of timing.pieces has -1 for its bytes",
            id="a negative piece",
        ),
        pytest.param(
            "      message: OK\n",
            "      message: OK\n  timing: {pieces: [[0]]}\n",
            "piece 1 of timing.pieces is a list, not [milliseconds, bytes]",
            id="half a piece",
        ),
        pytest.param("    method: GET\n", "    method: GET\n    method: GET\n", "'method' comes twice", id="twice"),
        pytest.param(
            "      Accept:\n", "      Accept:\n      - a\n      Accept:\n", "'Accept' comes twice", id="a header twice"
        ),
    ],
)
def test_what_is_wrong_in_an_interaction_is_named_with_its_place(
    before: str, after: str, said: str, tmp_path: Path
) -> None:
    path = written(tmp_path, second(before, after))

    message = refusal(path)

    assert said in message
    assert message.startswith(f"{path}, line ")
    assert "(interaction 2): " in message
    # In its interaction, which begins at line 18.
    assert 18 <= int(message.split(", line ")[1].split(" ")[0]) <= 38


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param(" \n\n", "is empty", id="blank"),
        pytest.param("# nothing\n", "it says nothing", id="only a comment"),
        pytest.param("hello", "is no mapping with version and interactions", id="a word"),
        pytest.param("[]", "it is a list", id="an empty list"),
        pytest.param(ITEM, "it is older than VCR.py 1.0; migrate it", id="before VCR.py 1.0"),
        pytest.param(json.dumps([{"request": {}}]), "it is older than VCR.py 1.0; migrate it", id="and in JSON"),
        pytest.param("http_interactions: []\nrecorded_with: VCR 6.0.0\n", "a cassette of Ruby's VCR", id="Ruby's"),
        pytest.param("version: 1\n", "it has no interactions", id="no interactions"),
        pytest.param("version: 1\ninteractions: 3\n", "its interactions are no list", id="interactions are a number"),
        pytest.param(
            "version: 1\ninteractions: {a: 1}\n", "its interactions are no list", id="interactions are a mapping"
        ),
        pytest.param("version: 1\ninteractions:\n- 3\n", "is 3, not a mapping", id="an interaction is a number"),
        pytest.param("version: 1\ninteractions: [a]\n", "not a mapping", id="an interaction is a word"),
        pytest.param(f"interactions:\n{ITEM}", "it has no version", id="no version"),
        pytest.param(f"version: 2\ninteractions:\n{ITEM}", "its version is 2; only 1", id="version 2"),
        pytest.param(f"version: '1'\ninteractions:\n{ITEM}", "its version is '1'; only 1", id="version is text"),
        pytest.param(f"version: true\ninteractions:\n{ITEM}", "its version is True; only 1", id="version is a truth"),
        pytest.param(f"version: 1.0\ninteractions:\n{ITEM}", "its version is 1.0; only 1", id="version of decimals"),
        pytest.param(f"version: 1\n{GOOD}", "'version' comes twice", id="version twice"),
        pytest.param(f"{GOOD}interactions: []\n", "'interactions' comes twice", id="interactions twice"),
        pytest.param(f"metadata: 3\n{GOOD}", "its metadata is no mapping", id="metadata is a number"),
        pytest.param(
            f"metadata: {{mockserver: 3}}\n{GOOD}", "metadata.mockserver has no format", id="ours is a number"
        ),
        pytest.param(
            f"metadata: {{mockserver: {{format: 2}}}}\n{GOOD}",
            "format is 2, from a newer mockserver; this one reads up to 1: update it",
            id="newer",
        ),
        pytest.param(f"{GOOD}---\n{GOOD}", "YAML", id="two documents"),
        pytest.param(f"{GOOD}...\nversion: 1\n", "YAML", id="something after the end"),
        pytest.param(GOOD.replace("- '*/*'", "- '\0*'", 1), "it is no YAML", id="a zero byte"),
        pytest.param(b"\xff\xfe" + GOOD.encode("utf-16-le"), "it is UTF-16; save it as UTF-8", id="UTF-16"),
        pytest.param(GOOD.encode().replace(b"OK", b"\xe9", 1), "it is no", id="Latin-1"),
        pytest.param(json.dumps({"version": 1, "interactions": 3}), "its interactions are no list", id="JSON number"),
        pytest.param('{"version": 1, "interactions": [{"request": ', "it is no JSON", id="JSON cut short"),
        pytest.param('{"version": 1, "version": 1, "interactions": []}', "'version' comes twice", id="JSON twice"),
        pytest.param('{"version": 1, "interactions": []} x', "something follows", id="JSON and more"),
        pytest.param('{"version": 1, "interactions": [3]}', "the interaction is 3, not a mapping", id="JSON: 3"),
        pytest.param('{"version": 1, "interactions": [{}]}', "the interaction has no request", id="JSON: nothing"),
        pytest.param('{"version": 1, "interactions": [' + "[" * 100_000, "nested too deeply", id="JSON of brackets"),
        pytest.param('{"version": ' + "1" * 5000 + "}", "number that cannot be read", id="JSON of digits"),
        pytest.param(
            '{"version": 1, "interactions": [], "a": "\xe9"}'.encode("latin-1"), "it is not UTF-8", id="JSON é"
        ),
        pytest.param("interactions:\n- request:" + " [" * 10_000, "more than 200 levels", id="brackets"),
        pytest.param("interactions:\n" + "- " * 10_000, "more than 200 levels", id="dashes"),
        pytest.param("interactions:\n" + "- " * 3_000_000, "more than 200 levels", id="dashes without end"),
        pytest.param("? " * 10_000, "a key of the cassette is no text", id="question marks"),
        pytest.param("{a: " * 10_000, "levels", id="braces"),
        pytest.param(
            "interactions:\n- request:\n" + "\n".join(" " * depth + "a:" for depth in range(4, 1000)),
            "more than 200 levels",
            id="steps",
        ),
        pytest.param(second("body: null", f"body: {'1' * 5000}"), "a number of 5000 characters", id="digits"),
        pytest.param(second("body: null", f"body: 1{':1' * 50_000}"), "a number of 100001 characters", id="sixties"),
        pytest.param(second("body: null", "body: 2026-13-45"), "a value is not what its YAML tag says", id="month 13"),
        pytest.param(second("body: null", "body: !!bool maybe"), "a value is not what its YAML tag says", id="maybe"),
        pytest.param(second("body: null", "body: !!binary 'é'"), "Base64", id="binary that is none"),
        pytest.param(second("body: null", "body: *unknown"), "undefined alias", id="an alias of nothing"),
        pytest.param(second("body: null", "body: &a [*a]"), "an alias stands for what it is in itself", id="itself"),
    ],
)
def test_a_file_that_is_no_cassette_is_refused_in_one_line(text: str | bytes, said: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    started = perf_counter()

    message = refusal(path)

    assert said in message
    assert message.startswith(str(path))
    assert perf_counter() - started < 5


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01" + " " * 200_000 + "x",
        "1" * 200_000 + "x",
        "1:" * 100_000 + "x",
        "0x" + "a_" * 100_000 + "x",
        "a" + " a" * 100_000 + " #",
        "'" + "''" * 100_000,
        '"' + "\\u00e9" * 40_000,
        "'" + "\n      a" * 30_000,
        "word\n       " * 20_000 + "- #",
    ],
    ids=[*map(str, range(9))],
)
def test_no_text_makes_a_file_take_long(value: str, tmp_path: Path) -> None:
    path = written(tmp_path, second("message: OK", f"message: {value}"))
    started = process_time()

    with suppress(BadCassette):
        read_all(Library([path]))

    assert process_time() - started < 3


LAUGHS = "".join(f"{x}: &{x} [{', '.join([f'*{w}'] * 9)}]\n" for w, x in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize("inside", [True, False])
def test_a_billion_laughs_are_not_written_out(inside: bool, tmp_path: Path) -> None:
    body = "a: &a [ha, ha, ha, ha]\n" + LAUGHS
    if inside:
        text = second("body: null", "body:\n" + "".join(f"      {line}\n" for line in body.splitlines()))
    else:
        text = body + second("body: null", "body: *i")

    assert "aliases stand for more than 200000 values" in refusal(written(tmp_path, text))


def test_merged_keys_do_not_grow_either(tmp_path: Path) -> None:
    merged = "".join(
        f"{x}: &{x} {{<<: [{', '.join([f'*{w}'] * 9)}]}}\n" for w, x in zip("abcdefgh", "bcdefghi", strict=True)
    )

    assert "aliases stand for" in refusal(written(tmp_path, "a: &a {x: y}\n" + merged + "metadata: {<<: *i}\n" + GOOD))


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch ran']",
        "!!python/object/apply:builtins.eval [\"open('ran', 'w')\"]",
        "!!python/object/new:os.system ['touch ran']",
        "!!python/name:os.system ''",
        "!!python/module:os ''",
        "!!python/object:mockserver.app.Simulator {}",
        "!!python/object/new:type {args: [x, [], {}]}",
        "!ours 3",
    ],
)
@pytest.mark.parametrize("place", ["in an interaction", "in the head", "in a list indented"])
def test_no_tag_is_run(tag: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if place == "in the head":
        text = f"metadata: {tag}\n{GOOD}"
    else:
        text = second("body: null", f"body: {tag}")
        if place == "in a list indented":
            text = text.replace("\n- ", "\n -  ").replace("\n  ", "\n    ")
    path = written(tmp_path, text)

    message = refusal(path)

    name = tag.split(" ")[0]
    assert f"the YAML tag '{name}' is not one that VCR.py writes; nothing of it was run: remove it" in message
    assert f"{path}, line {1 if place == 'in the head' else 19}" in message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("at", ["'", "code:", "  response:", "    method", "status:", "      message"])
def test_a_half_written_last_interaction_is_named_with_its_line(at: str, tmp_path: Path) -> None:
    head = f"version: 1\ninteractions:\n{ITEM}{ITEM}"
    cut = head[: head.rindex(at) + 1 if at == "'" else head.rindex(at)]
    cut = cut[:-2] if at == "'" else cut

    message = refusal(written(tmp_path, cut))

    assert "(interaction 2)" in message
    assert ", line " in message


def test_every_cut_of_a_file_is_the_whole_interactions_before_it_or_an_error(tmp_path: Path) -> None:
    text = f"version: 1\ninteractions:\n{ITEM}{ITEM}"
    whole = read_all(Library([written(tmp_path, text)]))

    for end in range(len(text)):
        path = written(tmp_path, text[:end])
        try:
            found = read_all(Library([path]))
        except BadCassette:
            continue
        # Only the reason, which is last, can lose letters without anybody's noticing.
        answers = [replace(one.answer, reason="OK") for one in found]
        assert [replace(one, answer=answer) for one, answer in zip(found, answers, strict=True)] == whole[: len(found)]


def test_an_interaction_of_more_than_can_be_held_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from mockserver.cassettes import index

    monkeypatch.setattr(index, "LARGEST_INTERACTION", 2 * 1024 * 1024)
    large = second("'{\"data\": []}'", f"'{'x' * 5_000_000}'")
    as_json = json.dumps({"version": 1, "interactions": [{"request": "x" * 5_000_000}]})

    for text in (large, large.replace("\n- ", "\n -  ").replace("\n  ", "\n    "), as_json):
        assert "an interaction takes more than 2 MB" in refusal(written(tmp_path, text))


def test_anchors_across_interactions_are_refused_in_a_large_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mockserver.cassettes import index

    monkeypatch.setattr(index, "LARGEST_WHOLE", 500)
    text = GOOD.replace("method: GET", "method: &m GET", 1).replace("method: GET", "method: *m")

    assert "its interactions use YAML anchors of one another" in refusal(written(tmp_path, text))


def pipe(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path)


def folder_of_nothing(path: Path) -> None:
    path.mkdir()


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def nothing(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (pipe, "is not a file, but a pipe, a device or the like"),
        (device, "is not a file, but a pipe, a device or the like"),
        (loop, "cannot be opened: "),
        (folder_of_nothing, "no file in this folder ends in .yaml, .yml, .json"),
        (nothing, "there is no such file"),
    ],
)
def test_what_is_no_file_is_not_waited_for(made: Callable[[Path], Any], said: str, tmp_path: Path) -> None:
    path = tmp_path / "odd\nname.yaml"
    made(path)

    message = refusal(path)

    assert said in message
    assert repr(str(path)) in message


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")

    assert "is not a file, but a pipe" in refusal(tmp_path)


def test_links_in_a_folder_lead_nowhere_but_into_it(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    (inside / "deep").mkdir(parents=True)
    written(inside, GOOD, "a.yaml")
    (inside / "deep" / "loop").symlink_to(inside)
    (inside / "b.yaml").symlink_to("a.yaml")

    library = Library([inside])
    assert [file.path.name for file in library.files] == ["a.yaml", "b.yaml"]

    written(tmp_path, GOOD, "outside.yaml")
    (inside / "c.yaml").symlink_to("../outside.yaml")
    assert "c.yaml is a link that leads out of the folder; name the file itself" in refusal(inside)


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, GOOD)
    really = os.open

    def forbidding(name: Any, *arguments: Any, **options: Any) -> int:
        if Path(name) == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(name))
        return really(name, *arguments, **options)

    monkeypatch.setattr(os, "open", forbidding)  # whoever runs this may be allowed to read everything

    assert "cannot be opened: Permission denied" in refusal(path)


def test_reading_a_file_brings_in_no_client_and_no_vcr(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    program = (
        "import sys; from pathlib import Path; from mockserver.cassettes.files import Library;"
        f"Library([Path({str(path)!r})]).read(0);"
        "print(sorted({'vcr', 'httpx', 'requests', 'pydantic'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
