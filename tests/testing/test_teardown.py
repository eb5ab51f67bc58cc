"""What a world is held to when its test ends, and what is said when it does not keep to it."""

from __future__ import annotations

import pytest

from tests.testing.conftest import Inner

pytest_plugins = ("pytester",)

HEAD = """
import httpx, pytest

def client(world, key=None):
    headers = {"Authorization": f"Bearer {key or world.pareta_key}"}
    return httpx.Client(transport=world.transport, base_url="http://mock", headers=headers)

def chat(world, text="hello"):
    with client(world) as http:
        body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
        return http.post("/v1/chat/completions", json=body)
"""

UNMATCHED = """
def test_it(mockserver):
    with client(mockserver) as http:
        http.get("/v1/modelz")
"""
FAULT = """
def test_it(mockserver):
    mockserver.faults.add(operation="chat.completions.create", model="auto-large", status=503)
    chat(mockserver)
"""
STUB = """
def test_it(mockserver):
    mockserver.stubs.add("One.", "Two.")
    chat(mockserver)
"""
BROKEN = """
def test_it(mockserver):
    chat(mockserver)
    world = mockserver.server.simulator.worlds.get(mockserver.name)
    with world.store.committed():
        world.store.execute("DELETE FROM pareta_ledger WHERE world = ? AND amount_micro_usd < 0", (world.id,))
"""
RULES = {"unmatched_requests": UNMATCHED, "unused_faults": FAULT, "unused_stubs": STUB, "invariants": BROKEN}
MESSAGES = {
    "unmatched_requests": [
        "one request was for no operation there is",
        "seq  at*request*status*nearest*what differs",
        "  1  *  GET /v1/modelz     404  GET /v1/models  segment 2 is 'modelz', the route has 'models'",
    ],
    "unused_faults": [
        "one fault not used up",
        "id *what*why*nearest*what differs",
        'fault-1  *matched no request  #1 pareta.chat.completions.create  model is "auto", wanted "auto-large"',
    ],
    "unused_stubs": [
        "one stub not used up",
        "stub-1  pareta.chat.completions.create  gave 1 of 2 answers  *",
    ],
    "invariants": ["* invariants do not hold: debits = priced successful calls;*", "invariant *row"],
}


@pytest.mark.parametrize("rule", RULES)
def test_a_test_that_passed_fails_at_its_end(inner: Inner, rule: str) -> None:
    result = inner(HEAD + RULES[rule], passed=1, errors=1)

    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "mockserver: the test passed, but not everything is as it must be",
            *MESSAGES[rule],
            "A rule is waived by @pytest.mark.mockserver(allow=*): invariants, unmatched_requests, unused_faults,*",
        ]
    )
    result.stdout.no_fnmatch_line("*mockserver/testing/*")


def marked(rules: dict[str, str], *markers: str) -> str:
    """Return a test file with a test for each rule and marker, in which `{rule}` and `{others}` are filled in."""
    tests = [
        f"@pytest.mark.mockserver({marker.format(rule=rule, others=[name for name in RULES if name != rule])})"
        + source.replace("test_it", f"test_{rule}_{number}")
        for number, marker in enumerate(markers)
        for rule, source in rules.items()
    ]
    return "\n".join([HEAD, *tests])


def test_each_rule_can_be_waived(inner: Inner) -> None:
    source = marked(RULES, "allow='{rule}'", "allow=['{rule}']", "strict=False", "strict={others}")

    inner(source, passed=16)


def test_waiving_the_other_rules_leaves_each(inner: Inner) -> None:
    inner(marked(RULES, "allow={others}", "strict='{rule}'", "strict=['{rule}']"), passed=12, errors=12)


def test_a_single_fault_or_stub_may_remain_unused(inner: Inner) -> None:
    inner(
        HEAD
        + """
def test_it(mockserver):
    mockserver.faults.add(operation="chat.*", model="other", status=503, optional=True)
    mockserver.stubs.add("One.", "Two.", optional=True)
    chat(mockserver)
""",
        passed=1,
    )


def test_everything_that_is_wrong_is_in_one_message(inner: Inner) -> None:
    result = inner(
        HEAD
        + """
def test_it(mockserver, make_world):
    mockserver.faults.add(operation="chat.*", status=503)
    mockserver.stubs.add("One.")
    other = make_world("other")
    with client(other) as http:
        http.get("/v1/modelz")
    with httpx.Client(transport=mockserver.transport, base_url="http://mock") as http:
        http.get("/nothing")
""",
        passed=1,
        errors=1,
    )

    assert sum(line.startswith("mockserver: ") for line in result.outlines) == 1
    result.stdout.fnmatch_lines(
        [
            "world test_it-????????: one fault and one stub not used up",
            "world test_it-other-????????: one request was for no operation there is",
            "with a key that names no world, one request was for no operation there is",
            "* GET /nothing *",
        ]
    )


def test_a_test_that_failed_already_is_told_beside_its_own_failure(inner: Inner) -> None:
    result = inner(HEAD + STUB + "    assert False, 'of its own'\n", failed=1)

    result.stdout.fnmatch_lines(["*of its own*", "*Captured mockserver teardown*", "one stub not used up", "*"])


def test_a_test_that_was_skipped_or_expected_to_fail_is_not_failed(inner: Inner) -> None:
    inner(
        HEAD
        + """
def test_skipped(mockserver):
    mockserver.stubs.add("One.")
    pytest.skip("later")

@pytest.mark.xfail
def test_expected(mockserver):
    mockserver.stubs.add("One.")
    assert False
""",
        skipped=1,
        xfailed=1,
    )


def test_a_request_whose_key_names_no_world_is_told_once(inner: Inner) -> None:
    result = inner(
        HEAD
        + """
def test_astray(mockserver):
    with httpx.Client(transport=mockserver.transport, base_url="http://mock") as http:
        http.get("/nothing")

def test_after_it(mockserver):
    pass

def test_without_a_key(mockserver):
    with httpx.Client(transport=mockserver.transport, base_url="http://mock") as http:
        assert http.get("/v1/models").status_code == 401
""",
        passed=3,
        errors=1,
    )

    result.stdout.fnmatch_lines(["*ERROR at teardown of test_astray*"])


def test_a_world_nobody_touched_is_not_looked_through(inner: Inner) -> None:
    inner(
        """
        import pytest

        @pytest.fixture
        def asked(mockserver_server, monkeypatch):
            asked = []
            call = mockserver_server.wire.call

            def noted(name, *rest, **more):
                asked.append(name)
                return call(name, *rest, **more)

            monkeypatch.setattr(mockserver_server.wire, "call", noted)
            yield asked
            assert "worlds.delete" in asked
            assert ("requests.verify" in asked) == is_touched

        is_touched = None

        @pytest.mark.parametrize("touching", [False, True])
        def test_it(asked, mockserver, touching):
            global is_touched
            is_touched = touching
            if touching:
                mockserver.credits.set("1")
        """,
        passed=2,
    )


def test_worlds_are_gone_when_their_test_is_over(inner: Inner) -> None:
    inner(
        HEAD
        + """
@pytest.mark.mockserver(at="2026-05-01T00:00:00Z")
@pytest.mark.parametrize("n", range(3))
def test_it(mockserver, make_world, n):
    chat(mockserver)
    mockserver.fork("other")
    make_world()

def test_after_them(mockserver_server):
    names = [world["name"] for world in mockserver_server.wire.call("worlds.list")["data"]]
    assert [name.rpartition("-")[0].partition("-")[0] for name in names] == ["prepared"]
""",
        passed=4,
    )


def test_a_world_the_test_removed_itself_is_no_fault(inner: Inner) -> None:
    inner(
        """
        def test_it(mockserver):
            mockserver.call("worlds.delete")
        """,
        passed=1,
    )


def test_the_same_test_has_a_fresh_world_each_time(inner: Inner) -> None:
    source = (
        HEAD
        + """
def test_it(mockserver):
    assert len(mockserver.requests) == 0
    chat(mockserver)
"""
    )
    inner(source, passed=1)
    inner(source, passed=1)


def test_what_a_fork_came_with_is_told_once_and_used_in_either(inner: Inner) -> None:
    result = inner(
        HEAD
        + """
@pytest.mark.parametrize("where", ["here", "there", "nowhere"])
def test_it(mockserver, where):
    mockserver.faults.add(operation="chat.*", status=503)
    with client(mockserver) as http:
        http.get("/v1/modelz")
    fork = mockserver.fork("fork")
    if where != "nowhere":
        chat(fork if where == "there" else mockserver)

def test_of_its_own(mockserver):
    fork = mockserver.fork("fork")
    fork.stubs.add("Never.")
    with client(fork) as http:
        http.get("/v1/modelz")
""",
        passed=4,
        errors=4,
    )

    told = [line.partition(": ")[2] for line in result.outlines if line.startswith("world test_")]
    unmatched = "one request was for no operation there is"
    assert told == [unmatched, unmatched, unmatched, "one fault not used up", unmatched, "one stub not used up"]
    assert sum("-fork-" in line for line in result.outlines if line.startswith("world test_")) == 2


def test_who_is_refused_something_is_shown_their_own_line(inner: Inner) -> None:
    result = inner(
        """
import socket

def test_a_typo(mockserver):
    mockserver.faults.add(operation="chat.completion.create", status=503)

def test_a_float(mockserver):
    mockserver.assert_spend(max_usd=0.1)

def test_a_time(mockserver):
    mockserver.clock.advance("a while")

def test_elsewhere(block_network):
    socket.create_connection(("example.com", 80))

def test_a_claim(mockserver):
    mockserver.assert_called("chat.completions.create")
""",
        failed=5,
    )

    said = result.stdout.str()
    assert '>       mockserver.faults.add(operation="chat.completion.create", status=503)' in said
    assert "nearest: pareta.chat.completions.create" in said
    assert "mockserver/testing/" not in said
