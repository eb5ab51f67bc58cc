"""A test's world whose answers are a cassette's: what is played, what is refused, and what is recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from vcr.serialize import deserialize
from vcr.serializers import yamlserializer

from mockserver.testing.cassette import Stand
from mockserver.testing.keeper import Keeper
from mockserver.testing.marker import Options
from mockserver.testing.server import LocalServer
from tests.testing.conftest import Inner, client_of

pytest_plugins = ("pytester",)

HEAD = """
    import asyncio
    import json
    from pathlib import Path

    import httpx
    import pytest


    def ask(world, text="hello", path="/v1/chat/completions"):
        key = {"Authorization": f"Bearer {world.pareta_key}"}
        body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
        with httpx.Client(transport=world.transport, base_url="http://mock", headers=key) as client:
            return client.post(path, json=body)


    def said(answer):
        return answer.json()["choices"][0]["message"]["content"]
"""


def chat(asked: str, answered: str, **more: Any) -> dict[str, Any]:
    """Return an interaction as VCR.py has it in a file."""
    body = {"model": "auto", "messages": [{"role": "user", "content": asked}]}
    answer = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "auto",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answered}, "finish_reason": "stop"}],
    }  # fmt: skip
    return {
        "request": {
            "method": "POST",
            "uri": "https://api.pareta.ai/v1/chat/completions",
            "headers": {"Content-Type": ["application/json"]},
            "body": json.dumps(body),
        },
        "response": {
            "status": {"code": 200, "message": "OK"},
            "headers": {"Content-Type": ["application/json"]},
            "body": {"string": json.dumps(answer)},
        },
    } | more


def shelve(path: Path, *interactions: dict[str, Any]) -> None:
    """Write a cassette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 1, "interactions": interactions}), "utf-8")


@pytest.fixture
def shelf(pytester: pytest.Pytester) -> Path:
    """The folder of the inner test file, with one cassette in it."""
    shelve(pytester.path / "cassettes" / "ask.json", chat("hello", "Recorded."), chat("bye", "Recorded too."))
    return pytester.path


# Playing


def test_recorded_answers_stand_in_the_place_of_the_worlds(inner: Inner, shelf: Path) -> None:
    inner(
        HEAD
        + """
    @pytest.mark.mockserver(cassette="cassettes/ask.json")
    def test_in_process(mockserver):
        assert said(ask(mockserver)) == "Recorded."
        cassette = mockserver.cassette
        assert (cassette.play_count, cassette.all_played, len(cassette)) == (1, False, 2)
        assert [json.loads(r.body)["messages"][0]["content"] for r in cassette.unplayed] == ["bye"]
        assert cassette.requests[0].uri == "https://api.pareta.ai/v1/chat/completions"
        assert said(ask(mockserver, "bye")) == "Recorded too."
        assert cassette.all_played
        mockserver.assert_called("chat.completions.create", times=2)
        assert mockserver.requests[0].reason == "played ask.json, interaction 1"

    @pytest.mark.mockserver(cassette="cassettes")
    def test_over_the_socket(openai_client):
        question = [{"role": "user", "content": "hello"}]
        answer = openai_client.chat.completions.create(model="auto", messages=question)
        assert answer.choices[0].message.content == "Recorded."

    @pytest.mark.mockserver(cassette="cassettes/ask.json", env=True)
    def test_without_a_fixture():
        from openai import OpenAI
        with OpenAI() as client:
            answer = client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "bye"}])
        assert answer.choices[0].message.content == "Recorded too."

    @pytest.mark.mockserver(cassette="cassettes/ask.json")
    def test_asynchronously(mockserver):
        async def main():
            key = {"Authorization": f"Bearer {mockserver.pareta_key}"}
            body = {"messages": [{"content": "hello", "role": "user"}], "model": "auto"}
            async with httpx.AsyncClient(transport=mockserver.async_transport, headers=key) as client:
                return await client.post("http://mock/v1/chat/completions", json=body)
        assert said(asyncio.run(main())) == "Recorded."

    @pytest.mark.mockserver(cassette="pareta-walkthrough")
    def test_shipped(mockserver):
        assert len(mockserver.cassette) > 5

    def test_made(make_world):
        played, simulated = make_world(cassette="cassettes/ask.json"), make_world()
        again = make_world(cassette="cassettes/ask.json")
        assert [said(ask(world)) == "Recorded." for world in (played, simulated, again)] == [True, False, True]

    @pytest.mark.mockserver(cassette="cassettes/ask.json")
    class TestOff:
        @pytest.mark.mockserver(cassette=False)
        def test_off(self, mockserver):
            assert said(ask(mockserver)) != "Recorded."
            assert not mockserver.has_cassette

    @pytest.mark.mockserver(cassette="cassettes/ask.json", faults={"operation": "chat.*", "first": 1, "status": 503})
    def test_a_fault_strikes_what_is_played(mockserver):
        assert ask(mockserver).status_code == 503
        assert said(ask(mockserver, "bye")) == "Recorded too."
        """,
        passed=8,
    )


def test_options_say_how_it_is_played(inner: Inner, shelf: Path) -> None:
    inner(
        HEAD
        + """
    pytestmark = pytest.mark.mockserver(cassette="cassettes/ask.json", allow="unmatched_requests")

    def outcomes(world, *texts):
        return [answer.status_code if answer.status_code != 200 else said(answer)
                for answer in (ask(world, text) for text in texts)]

    def test_as_usual(mockserver):
        assert outcomes(mockserver, "bye", "hello", "hello") == ["Recorded too.", "Recorded.", 421]

    @pytest.mark.mockserver(repeats="last")
    def test_repeats(mockserver):
        assert outcomes(mockserver, "hello", "hello", "hello") == ["Recorded."] * 3

    @pytest.mark.mockserver(order="recorded")
    def test_order(mockserver):
        assert outcomes(mockserver, "bye", "hello", "bye") == [421, "Recorded.", "Recorded too."]

    @pytest.mark.mockserver(match_on=["method", "path"])
    def test_match_on(mockserver):
        assert outcomes(mockserver, "anything", "else", "more") == ["Recorded.", "Recorded too.", 421]

    def test_reset_begins_anew(mockserver):
        assert outcomes(mockserver, "hello", "hello") == ["Recorded.", 421]
        mockserver.reset()
        assert outcomes(mockserver, "hello") == ["Recorded."]
        mockserver.cassette.rewind()
        assert outcomes(mockserver, "hello") == ["Recorded."]
        """,
        passed=5,
    )


def test_a_request_that_was_not_recorded_fails_the_test_although_nobody_looked(inner: Inner, shelf: Path) -> None:
    result = inner(
        HEAD
        + """
    @pytest.mark.mockserver(cassette="cassettes/ask.json")
    def test_swallowed(mockserver):
        assert ask(mockserver, "good morning").status_code == 421

    @pytest.mark.mockserver(cassette="cassettes/ask.json")
    def test_rewound(mockserver):
        ask(mockserver, "good evening")
        mockserver.reset()

    @pytest.mark.mockserver(cassette="cassettes/ask.json", allow="unmatched_requests")
    def test_waived(mockserver):
        ask(mockserver, "good night")
        """,
        passed=3,
        errors=2,
    )

    result.stdout.fnmatch_lines(
        [
            "one request was not recorded in cassettes/ask.json, and answered 421",
            "request * nearest * what differs * recorded * sent",
            'POST /v1/chat/completions  ask.json, interaction *  body $.messages[[]0].content * "*good morning"',
        ]
    )
    result.stdout.fnmatch_lines(['POST * "good evening"'])
    result.stdout.no_fnmatch_line("*good night*")


def test_what_was_not_played_is_told_where_that_is_asked_for(inner: Inner, shelf: Path) -> None:
    result = inner(
        HEAD
        + """
    @pytest.mark.mockserver(cassette="cassettes/ask.json", strict="all")
    def test_half(mockserver):
        ask(mockserver)

    @pytest.mark.mockserver(cassette="cassettes/ask.json", strict="unplayed_interactions")
    def test_none(mockserver):
        pass

    @pytest.mark.mockserver(cassette="cassettes/ask.json", strict="all", allow="unplayed_interactions")
    def test_waived(mockserver):
        pass

    @pytest.mark.mockserver(cassette="cassettes/ask.json")
    def test_not_asked_for(mockserver):
        pass
        """,
        passed=4,
        errors=2,
    )

    result.stdout.fnmatch_lines(
        [
            "1 of 2 recorded answers of cassettes/ask.json not played",
            "  POST https://api.pareta.ai/v1/chat/completions (ask.json, interaction 2)",
        ]
    )
    result.stdout.fnmatch_lines(["2 of 2 recorded answers of cassettes/ask.json not played"])


def test_each_test_has_a_folder_of_its_own(inner: Inner, pytester: pytest.Pytester) -> None:
    own = pytester.path / "cassettes" / "test_inner"
    shelve(own / "test_plain" / "pareta.json", chat("hello", "Plain."))
    shelve(own / "test_plain.second" / "pareta.json", chat("hello", "Second."))
    shelve(own / "TestIn.test_plain" / "pareta.json", chat("hello", "Inside."))
    shelve(own / "test_each[one]" / "pareta.json", chat("hello", "One."))

    result = inner(
        HEAD
        + """
    pytestmark = pytest.mark.mockserver(cassette=True)

    def test_plain(mockserver, make_world):
        assert said(ask(mockserver)) == "Plain."
        assert said(ask(make_world("second"))) == "Second."

    class TestIn:
        def test_plain(self, mockserver):
            assert said(ask(mockserver)) == "Inside."

    @pytest.mark.parametrize("n", ["one", "a/b"])
    def test_each(mockserver, n):
        assert said(ask(mockserver)) == "One."
        """,
        passed=3,
        errors=1,
    )

    result.stdout.fnmatch_lines(
        [
            "mockserver: @pytest.mark.mockserver: cassette=True: nothing is recorded at"
            " cassettes/test_inner/test_each[[]a-b[]]-*; record it once: pytest 'test_inner.py::test_each[[]a/b[]]'"
            " --mockserver-record-mode=once --mockserver-upstream=pareta=https://..."
        ]
    )


def test_what_a_recording_cannot_do_is_refused(inner: Inner, shelf: Path) -> None:
    (shelf / "cassettes" / "broken.yaml").write_text("interactions: [", "utf-8")
    result = inner(
        HEAD
        + """
    with_it = pytest.mark.mockserver(cassette="cassettes/ask.json")

    @with_it
    @pytest.mark.parametrize("claim", [
        lambda world: world.assert_spend(max_usd=1),
        lambda world: world.assert_reconciles(),
        lambda world: world.assert_invariants(),
        lambda world: world.assert_detected(),
    ])
    def test_claims_about_money(mockserver, claim):
        claim(mockserver)

    @with_it
    def test_fork(mockserver):
        mockserver.fork("other")

    @with_it
    def test_snapshot(mockserver):
        mockserver.snapshot()

    def test_without_a_cassette(mockserver):
        mockserver.cassette

    @pytest.mark.mockserver(cassette="cassettes/broken.yaml")
    def test_broken(mockserver):
        pass
        """,
        failed=7,
        errors=1,
    )

    result.stdout.fnmatch_lines_random(
        [
            "E *assert_spend is about what the simulation did, and in this world recorded answers stand in its place*",
            "E *assert_reconciles is about *",
            "E *assert_invariants is about *",
            "E *assert_detected is about *",
            "E *a world with a cassette cannot be forked: what was recorded goes one way only; .reset() begins anew",
            "E *a world with a cassette cannot be snapshotted: *",
            "E *this world has no cassette: @pytest.mark.mockserver(cassette=...) gives it one",
            "mockserver: @pytest.mark.mockserver: cassette='cassettes/broken.yaml': *broken.yaml*",
        ]
    )


def test_a_server_elsewhere_plays_no_cassette(inner: Inner, shelf: Path) -> None:
    from mockserver.app import Simulator
    from mockserver.http.serve import BackgroundServer

    simulator = Simulator()
    with BackgroundServer(simulator) as server:
        result = inner(
            """
            import pytest

            @pytest.mark.mockserver(cassette="cassettes/ask.json")
            def test_it(mockserver):
                pass
            """,
            f"--mockserver-url={server.url}",
            errors=1,
        )
    simulator.close()

    result.stdout.fnmatch_lines(["mockserver: *cassette*--mockserver-url names another*`mockserver replay`"])


def test_a_worker_plays_and_a_world_without_a_cassette_loads_nothing_of_them(shelf: Path) -> None:
    (shelf / "test_played.py").write_text(
        "import pytest, sys\n"
        "@pytest.mark.parametrize('n', range(2))\n"
        "def test_plain(mockserver, n):\n"
        "    assert len(mockserver.requests) == 0\n"
        "    assert not [name for name in sys.modules if name.startswith('mockserver.cassettes')]\n"
        "@pytest.mark.parametrize('n', range(4))\n"
        "@pytest.mark.mockserver(cassette='cassettes/ask.json')\n"
        "def test_it(openai_client, n):\n"
        "    question = [{'role': 'user', 'content': 'hello'}]\n"
        "    answer = openai_client.chat.completions.create(model='auto', messages=question)\n"
        "    assert answer.choices[0].message.content == 'Recorded.'\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}

    plugins = ["-p", "xdist", "-p", "mockserver.pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "-n", "1"],
        cwd=shelf, env={**clean, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert " 6 passed" in f" {done.stdout.splitlines()[-1]}", done.stdout


def test_what_was_not_recorded_can_be_simulated(inner: Inner, shelf: Path) -> None:
    inner(
        HEAD
        + """
    @pytest.mark.mockserver(cassette="cassettes/ask.json", on_miss="simulate", balance_usd="1")
    def test_both(mockserver):
        assert said(ask(mockserver)) == "Recorded."
        after_one = mockserver.credits.balance_usd
        assert said(ask(mockserver, "Say else")) == "else"
        assert mockserver.credits.balance_usd < after_one < 1
        mockserver.assert_spend(min_usd="0.000001")
        mockserver.assert_invariants()
        mockserver.reset()
        assert mockserver.credits.balance_usd == 1
        assert said(ask(mockserver)) == "Recorded."
        """,
        passed=1,
    )


# Recording

RECORDS = (
    HEAD
    + """
    @pytest.mark.mockserver(cassette="cassettes/new.yaml")
    def test_it(mockserver):
        for text in Path("texts").read_text().split(","):
            assert ask(mockserver, f"Say {text}").status_code == 200
    """
)


def cassette(path: Path) -> list[tuple[str, str]]:
    """Return what was asked and answered, as VCR.py alone reads it."""
    asked, answered, *_ = deserialize(path.read_text("utf-8"), yamlserializer)
    return [
        (
            json.loads(one.body)["messages"][0]["content"],
            json.loads(two["body"]["string"])["choices"][0]["message"]["content"],
        )
        for one, two in zip(asked, answered, strict=True)
    ]


def test_each_record_mode_records_what_vcrpy_would(inner: Inner, pytester: pytest.Pytester) -> None:
    path = pytester.path / "cassettes" / "new.yaml"

    def run(mode: str, texts: str, **outcomes: int) -> list[str]:
        (pytester.path / "texts").write_text(texts)
        inner(RECORDS, f"--mockserver-record-mode={mode}", "--mockserver-upstream=simulator", **outcomes)
        return [asked.removeprefix("Say ") for asked, _ in cassette(path)] if path.exists() else []

    assert run("none", "one", errors=1) == []
    assert run("once", "one,two", passed=1) == ["one", "two"]
    assert run("none", "two,one", passed=1) == ["one", "two"]
    assert run("once", "three", failed=1) == ["one", "two"]
    assert run("new_episodes", "two,three", passed=1) == ["one", "two", "three"]
    path.write_text(path.read_text("utf-8").replace('"two"', '"old"'), "utf-8")
    assert ("Say two", "old") in cassette(path)
    assert run("all", "two,four", passed=1) == ["one", "three", "two", "four"]
    assert ("Say two", "two") in cassette(path)


def test_what_was_recorded_is_kept_although_the_test_fails(inner: Inner, pytester: pytest.Pytester) -> None:
    inner(
        HEAD
        + """
    @pytest.mark.mockserver(cassette="cassettes/new.yaml", record_mode="once")
    def test_it(mockserver):
        ask(mockserver, "Say it")
        assert False
        """,
        "--mockserver-upstream=simulator",
        failed=1,
    )

    assert cassette(pytester.path / "cassettes" / "new.yaml") == [("Say it", "it")]


def test_nothing_recorded_is_no_file(inner: Inner, pytester: pytest.Pytester) -> None:
    inner(
        """
        import pytest

        @pytest.mark.mockserver(cassette=True, record_mode="all")
        def test_it(mockserver):
            pass
        """,
        "--mockserver-upstream=simulator",
        passed=1,
    )

    assert not (pytester.path / "cassettes").exists()


def test_real_vendors_are_asked_with_the_real_key_which_is_nowhere_written(
    inner: Inner, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mockserver.app import Simulator
    from mockserver.http.serve import BackgroundServer

    monkeypatch.setenv("PARETA_API_KEY", "pareta_sk_live_really.mine")
    monkeypatch.setenv("PAYGENTIC_BEARER_AUTH", "sk_live_really.mine")
    source = """
        import pytest

        @pytest.mark.mockserver(cassette=True, env=True)
        def test_it(openai_client, paygentic_client, mockserver):
            question = {
                "model": "auto", "messages": [{"role": "user", "content": "Say hello"}],
                "extra_body": {"user": "Jane Doe"},
            }
            answer = openai_client.chat.completions.create(**question)
            assert answer.choices[0].message.content == "hello"
            stream = openai_client.chat.completions.create(**question, stream=True)
            assert "".join(piece.choices[0].delta.content or "" for piece in stream if piece.choices) == "hello"
            assert paygentic_client.customers.get(id="cus_abc123").id == "cus_abc123"
        """
    with BackgroundServer(Simulator()) as vendor:
        inner(
            source,
            "--mockserver-record-mode=once",
            f"--mockserver-upstream=pareta={vendor.url}",
            f"--mockserver-upstream=paygentic={vendor.url}",
            "--mockserver-redact=user",
            "--mockserver-block-network",
            passed=1,
        )
    monkeypatch.delenv("PARETA_API_KEY")
    inner(source, passed=1)

    folder = pytester.path / "cassettes" / "test_inner" / "test_it"
    assert sorted(path.name for path in folder.iterdir()) == ["pareta.yaml", "paygentic.yaml"]
    written = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"/v1/chat/completions" in written
    assert b"/v0/customers/cus_abc123" in written
    assert b"really.mine" not in written
    assert b"Jane" not in written
    assert b"test_it" not in written  # nor the world's own


def test_where_nothing_can_be_recorded_from_is_told_before_anything_is_asked(
    inner: Inner, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PARETA_API_KEY", raising=False)
    source = (
        HEAD
        + """
    @pytest.mark.mockserver(cassette=True, record_mode="once")
    def test_it(mockserver):
        print(ask(mockserver).text)
        """
    )
    cases = [
        ((), "*record mode 'once' records, and nothing says from where: --mockserver-upstream=pareta=https://..., *"),
        (("simulator", "pareta=http://127.0.0.1:9"), "*--mockserver-upstream: simulator stands alone, *"),
        (
            ("openai=https://api.openai.com",),
            "*'openai=https://api.openai.com' is none of pareta=URL, paygentic=URL, *",
        ),
        (("pareta=http://127.0.0.1:9", "pareta=http://127.0.0.1:8"), "*there are two for pareta"),
        (("pareta=ftp://host",), "*--mockserver-upstream: *ftp://host*"),
    ]
    for upstreams, wanted in cases:
        result = inner(source, *(f"--mockserver-upstream={each}" for each in upstreams), errors=1)
        result.stdout.fnmatch_lines([f"mockserver: @pytest.mark.mockserver: {wanted}"])

    blocked = inner(
        source, "--mockserver-upstream=pareta=https://api.pareta.ai", "--mockserver-block-network", errors=1
    )
    blocked.stdout.fnmatch_lines(["*recording from https://api.pareta.ai is a connection to another machine, *"])

    keyless = inner(source, "--mockserver-upstream=pareta=http://127.0.0.1:9", passed=1, errors=1)
    wanted = "POST /v1/chat/completions was not recorded: it takes a key of your own: set PARETA_API_KEY for the run"
    keyless.stdout.fnmatch_lines([wanted])
    monkeypatch.setenv("PARETA_API_KEY", "pareta_sk_live_mine")
    down = inner(source, "--mockserver-upstream=pareta=http://127.0.0.1:9", passed=1, errors=1)
    down.stdout.fnmatch_lines(["POST /v1/chat/completions was not recorded: *127.0.0.1:9*"])
    wrong = pytester.runpytest_inprocess("--mockserver-record-mode=never")
    wrong.stderr.fnmatch_lines(["*invalid choice: 'never'*"])
    assert not (pytester.path / "cassettes").exists()


def test_the_run_can_be_told_by_the_environment_and_the_ini_file(
    inner: Inner, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        HEAD
        + """
    @pytest.mark.mockserver(cassette="cassettes/new.yaml")
    def test_it(mockserver):
        ask(mockserver, "Say it")

    @pytest.mark.mockserver(cassette="cassettes/none.yaml", record_mode="none")
    def test_none(mockserver):
        pass
        """
    )
    ini = "mockserver_upstream = simulator\nmockserver_record_mode = once"

    told = inner(source, ini=ini, passed=1, errors=1)
    told.stdout.fnmatch_lines(["*nothing is recorded at cassettes/none.yaml; *"])
    assert (pytester.path / "cassettes" / "new.yaml").is_file()

    monkeypatch.setenv("MOCKSERVER_RECORD_MODE", "often")
    faulty = inner(source, ini=ini, errors=2)
    faulty.stdout.fnmatch_lines(["*--mockserver-record-mode: 'often' is none of none, once, new_episodes, all"])


def test_a_recorded_path_of_no_vendor_is_played_like_any_other(inner: Inner, pytester: pytest.Pytester) -> None:
    asked = {"method": "PUT", "uri": "https://blobs.example.com/uploads/one", "headers": {}, "body": "data"}
    shelve(pytester.path / "odd.json", chat("hello", "Recorded.", request=asked))

    inner(
        HEAD
        + """
    @pytest.mark.parametrize("on_miss", ["error", "simulate"])
    def test_it(make_world, on_miss):
        world = make_world(cassette="odd.json", on_miss=on_miss)
        key = {"Authorization": f"Bearer {world.pareta_key}"}
        with httpx.Client(transport=world.transport, base_url="http://mock", headers=key) as client:
            assert client.put("/uploads/one", content=b"data").status_code == 200
        """,
        passed=2,
    )


def test_where_two_worlds_would_be_recorded_in_one_place_the_second_is_refused(
    inner: Inner, pytester: pytest.Pytester
) -> None:
    result = inner(
        HEAD
        + """
    @pytest.mark.mockserver(cassette="new.yaml", record_mode="new_episodes")
    def test_it(mockserver, make_world):
        ask(mockserver, "Say it")
        make_world()

    @pytest.mark.mockserver(cassette="test_inner.py/new.yaml", record_mode="once")
    def test_nowhere(mockserver):
        ask(mockserver, "Say it")
        """,
        "--mockserver-upstream=simulator",
        failed=1,
        passed=1,
        errors=1,
    )

    result.stdout.fnmatch_lines_random(
        [
            "mockserver: make_world: cassette='new.yaml': another world of this test is recorded there already",
            "*was not recorded: *test_inner.py/new.yaml*",
        ]
    )
    assert cassette(pytester.path / "new.yaml") == [("Say it", "it")]


def test_the_runs_own_simulator_is_no_vendor(tmp_path: Path) -> None:
    server = LocalServer()
    node, file = "test_it.py::test_it", tmp_path / "test_it.py"
    stand = Stand(node, file, upstreams=(f"pareta={server.url}",), keys={"pareta": "pareta_sk_live_mine"})
    keeper = Keeper(server, node, Options(cassette=True, record_mode="once"), lambda: stand)

    with client_of(keeper.main()) as client:
        answer = client.get("/v1/models")
    keeper.write_cassettes()
    told = keeper.violations()
    keeper.remove()
    server.close()

    assert answer.status_code == 502
    assert "is this run's own simulator, and --mockserver-upstream=simulator records that" in answer.json()["detail"]
    assert told == f"GET /v1/models was not recorded: {answer.json()['detail']}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("node", "folder"),
    [
        ("a/test_it.py::test_it", "test_it"),
        ("a/test_it.py::TestIt::test_it[one-two]", "TestIt.test_it[one-two]"),
        ("a/test_it.py::test_it[a/b::c]", "test_it[a-b--c]-"),
        ("a/test_it.py::test_it[../../up]", "test_it[..-..-up]-"),
        (f"a/test_it.py::test_it[{'x' * 400}]", f"test_it[{'x' * 100}"),
        ("a/test_it.py::test_it[\u00e4]", "test_it[-]-"),
    ],
)
def test_a_tests_own_folder_has_a_name_that_any_file_system_takes(node: str, folder: str) -> None:
    path = Stand(node, Path("a/test_it.py")).own_path

    assert path.parent == Path("a/cassettes/test_it")
    assert path.name.startswith(folder)
    assert len(path.name) < 140
    assert path == Stand(node, Path("a/test_it.py")).own_path
