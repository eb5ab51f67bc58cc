"""A test's world whose answers are a cassette's: what is played, what is refused, and what is recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.testing.conftest import Inner

pytest_plugins = ("pytester",)

HEAD = """
    import asyncio
    import json

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
        passed=7,
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
            "request * nearest * what differs",
            "POST /v1/chat/completions  ask.json, interaction *: POST /v1/chat/completions "
            ' body $.messages[[]0].content is "good morning", recorded "*"',
        ]
    )
    result.stdout.fnmatch_lines(['*is "good evening"*'])
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


def test_workers_play_and_a_world_without_a_cassette_loads_nothing_of_them(shelf: Path) -> None:
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

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-n", "2", "--dist=load"],
        cwd=shelf, env=clean, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert " 6 passed" in f" {done.stdout.splitlines()[-1]}", done.stdout
