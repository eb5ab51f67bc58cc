"""What two worlds call one thing is learnt from their answers to one request, and never two things from one."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mockserver.app import Simulator
from mockserver.cassettes.identities import Identities, is_drawn, is_id_key
from mockserver.cassettes.interaction import Answer, Interaction
from mockserver.http.messages import Request
from tests.cassettes import walks

JSON = [(b"content-type", b"application/json")]
SSE = [(b"content-type", b"text/event-stream")]
THEIRS, OURS = "cst_9fK2mQ7xT1bZp4Lw", "cst_Ab3dE5gH7jK9mN1p"


def answer(content: Any, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(200, "OK", [*JSON, *headers], json.dumps(content).encode())


def stream(*events: Any) -> Answer:
    return Answer(200, "OK", SSE, b"".join(b"data: %s\n\n" % json.dumps(each).encode() for each in events))


def request(path: str = "/", query: bytes = b"", *, body: Any = None, **headers: Any) -> Request:
    content = json.dumps(body).encode() if body is not None and not isinstance(body, bytes) else body or b""
    return Request("POST", path, query, {k.replace("_", "-").encode(): v.encode() for k, v in headers.items()}, content)


def learnt(recorded: Any, simulated: Any) -> dict[str, str]:
    identities = Identities()
    identities.learn(*(each if isinstance(each, Answer) else answer(each) for each in (recorded, simulated)))
    return {theirs: ours for theirs, ours in identities.pairs.items() if theirs != ours}


@pytest.mark.parametrize(
    "text",
    [
        THEIRS, "8d3c9a52-7c43-4a0e-9f57-0d7f5b2f9c11", "8d3c9a527c434a0e9f570d7f5b2f9c11", "chatcmpl-8sKd92jdKEo2",
        "redacted-value-3", "up_x8Kd92jdKEo2LQmz71.acme", "call_4f9aD8sk2Lq0",
    ],
)  # fmt: skip
def test_what_a_machine_drew_is_told_by_its_letters(text: str) -> None:
    assert is_drawn(text)


@pytest.mark.parametrize(
    "text",
    [
        "tool_calls", "chat.completion.chunk", "gpt-4o-mini-2024-07-18", "qwen2.5-72b", "ep-contract-key-fields",
        "2026-05-01T12:00:00Z", "20260501", "claude-3-5-sonnet-20241022", "0.000125", "in_progress", "", "Acme GmbH",
        "the id is cst_9fK2mQ7xT1bZp4Lw", "application/json", "USD", "example-customer",
    ],
)  # fmt: skip
def test_names_words_instants_and_prose_are_not_drawn(text: str) -> None:
    assert not is_drawn(text)


def test_members_that_hold_ids_are_told_by_their_names() -> None:
    assert all(map(is_id_key, ("id", "customerId", "eval_set_id", "candidate_model_ids", "uploadToken")))
    assert not any(map(is_id_key, ("paid", "valid", "idle", "grid", "identity", "width", "Idea")))


def test_ids_at_the_same_place_are_one_thing() -> None:
    assert learnt(
        {"id": THEIRS, "kind": "cost", "list": {"productId": "prod_1a2B3c4D5e"}},
        {"id": OURS, "kind": "cost", "list": {"productId": "prod_YOUR_PRODUCT_ID"}},
    ) == {THEIRS: OURS, "prod_1a2B3c4D5e": "prod_YOUR_PRODUCT_ID"}


@pytest.mark.parametrize(
    ("recorded", "simulated"),
    [
        ({"model": "llama-1"}, {"model": "qwen-2"}),
        ({"id": "llama-1"}, {"id": "qwen-2"}),
        ({"createdAt": "2026-05-01T12:00:00Z"}, {"createdAt": "2026-05-01T12:00:01Z"}),
        ({"content": "Delaware1x2Y3z4W5"}, {"content": "9Q8w7E6r5T4y"}),
        ({"status": "running"}, {"status": "completed"}),
        ({"id": THEIRS}, {"identifier": OURS}),
        ({"id": THEIRS}, {"id": 5}),
        ([THEIRS, "cst_9fK2mQ7xT1bZp4Lx"], [OURS]),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_what_is_no_id_on_both_sides_is_left_alone(recorded: Any, simulated: Any) -> None:
    assert learnt(recorded, simulated) == {}


def test_an_id_that_stands_for_two_things_is_left_alone() -> None:
    assert learnt({"id": THEIRS, "parentId": THEIRS}, {"id": OURS, "parentId": "cst_Zz3dE5gH7jK9mN1p"}) == {}
    assert learnt({"id": THEIRS, "parentId": "cst_Zz3dE5gH7jK9mN1p"}, {"id": OURS, "parentId": OURS}) == {}


def test_what_is_known_stays_where_another_answer_contradicts_it() -> None:
    identities = Identities()
    identities.learn(answer({"id": THEIRS}), answer({"id": OURS}))
    identities.learn(answer({"id": THEIRS}), answer({"id": "cst_Zz3dE5gH7jK9mN1p"}))
    identities.learn(answer({"id": "cst_Yy3dE5gH7jK9mN1p"}), answer({"id": OURS}))

    assert dict(identities.pairs) == {THEIRS: OURS}
    assert dict(identities.recorded) == {OURS: THEIRS}


def test_what_a_thing_says_of_itself_outweighs_what_a_list_suggests() -> None:
    identities = Identities()
    identities.learn(answer([{"id": THEIRS, "name": "a"}]), answer([{"id": "cst_Zz3dE5gH7jK9mN1p", "name": "a"}]))
    identities.learn(answer({"id": THEIRS}), answer({"id": OURS}))

    assert dict(identities.pairs) == {THEIRS: OURS}


def test_items_of_lists_are_paired_by_what_else_they_say_in_any_order() -> None:
    ids = [f"cus_{n}fK2mQ7xT1bZp4L{n}" for n in range(6)]
    recorded = [{"id": ids[n], "name": name, "at": f"2026-01-0{n + 1}"} for n, name in enumerate("abc")]
    simulated = [{"id": ids[3 + n], "name": name, "at": "2027-01-01"} for n, name in enumerate("cab")]

    assert learnt({"data": recorded}, {"data": simulated}) == {ids[0]: ids[4], ids[1]: ids[5], ids[2]: ids[3]}
    assert learnt({"data": recorded}, {"data": simulated[:2]}) == {ids[0]: ids[4], ids[2]: ids[3]}


def test_items_of_a_list_that_are_alike_are_left_alone() -> None:
    recorded = [{"id": f"cus_{n}fK2mQ7xT1bZp4L{n}", "name": "a"} for n in range(2)]
    simulated = [{"id": f"cus_{n}fK2mQ7xT1bZp4L{n}", "name": "a"} for n in range(5, 7)]

    assert learnt(recorded, simulated) == {}


def test_items_whose_ids_are_known_are_paired_by_them_whatever_else_they_say() -> None:
    identities = Identities()
    identities.learn(answer({"id": THEIRS}), answer({"id": OURS}))
    identities.learn(
        answer(
            [{"id": "cst_Zz3dE5gH7jK9mN1p", "name": "b"}, {"id": THEIRS, "name": "old", "ownerId": "org_1a2B3c4D5e"}]
        ),
        answer([{"id": OURS, "name": "new", "ownerId": "org_5e4D3c2B1a"}]),
    )

    assert identities.pairs["org_1a2B3c4D5e"] == "org_5e4D3c2B1a"
    assert not identities.is_known("cst_Zz3dE5gH7jK9mN1p")


def test_ids_in_addresses_headers_and_names_of_members_are_learnt() -> None:
    recorded = answer(
        {"upload_url": f"https://api.pareta.ai/_storage/{THEIRS}?part=redacted-value-1", "by": {"cus_1a2B3c4D5e": 1}},
        (b"Location", b"/v0/costs/run_1a2B3c4D5e"),
    )
    simulated = answer(
        {"upload_url": f"http://mock/_storage/{OURS}?part=sig_5e4D3c2B1a", "by": {"cus_5e4D3c2B1a": 1}},
        (b"location", b"/v0/costs/run_5e4D3c2B1a"),
    )

    assert learnt(recorded, simulated) == {
        THEIRS: OURS,
        "redacted-value-1": "sig_5e4D3c2B1a",
        "cus_1a2B3c4D5e": "cus_5e4D3c2B1a",
        "run_1a2B3c4D5e": "run_5e4D3c2B1a",
    }


def chunk(identity: str, **delta: Any) -> dict[str, Any]:
    return {"id": identity, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}


def test_ids_in_streams_are_learnt_whatever_the_number_of_events() -> None:
    def call(index: int, identity: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, "id": identity, "function": {"name": "f"}}]}

    one, other = "chatcmpl-8sKd92jdKEo2", "chatcmpl-1L0o4TnBz3Xx"
    recorded = stream(
        *(chunk(one, content=text) for text in "abcdef"),
        chunk(one, **call(0, "call_1a2B3c4D5e")),
        chunk(one, **call(1, "call_2b3C4d5E6f")),
    )
    simulated = stream(chunk(other, **call(0, "call_5e4D3c2B1a")), chunk(other, **call(1, "call_6f5E4d3C2b")))

    assert learnt(recorded, simulated) == {
        one: other, "call_1a2B3c4D5e": "call_5e4D3c2B1a", "call_2b3C4d5E6f": "call_6f5E4d3C2b",
    }  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"{", b'"x"', b"\xff", b"[" * 100_000, b"null"])
def test_answers_that_are_no_json_teach_nothing(body: bytes) -> None:
    for headers in (JSON, SSE, [*JSON, (b"content-encoding", b"gzip")], []):
        odd = Answer(200, "", headers, body)
        assert learnt(odd, answer({"id": OURS})) == learnt(answer({"id": THEIRS}), odd) == {}


@pytest.fixture
def known() -> Identities:
    identities = Identities()
    identities.learn(answer({"id": THEIRS}), answer({"id": OURS}))
    return identities


def test_a_request_is_translated_wherever_an_id_stands_alone(known: Identities) -> None:
    form: dict[str, Any] = {"content_type": "multipart/form-data; boundary=b"}
    fields = b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\n%s\r\n--b--\r\n'
    cases = [
        (request(f"/v0/costs/{THEIRS}/summary"), request(f"/v0/costs/{OURS}/summary")),
        (request("/", b"a=1&costId%5B%5D=" + THEIRS.encode()), request("/", b"a=1&costId%5B%5D=" + OURS.encode())),
        (request("/", f"ids={THEIRS}%2Cx".encode()), request("/", f"ids={OURS}%2Cx".encode())),
        (request(body={"a": [{"id": THEIRS}]}), request(body={"a": [{"id": OURS}]})),
        (request(body={THEIRS: f"https://x/y/{THEIRS}/z?q={THEIRS}"}), request(body={OURS: f"https://x/y/{OURS}/z?q={OURS}"})),
        (request(body=fields % THEIRS.encode(), **form), request(body=fields % OURS.encode(), **form)),
        (
            request(body=f"a=b+c&id={THEIRS}".encode(), content_type="application/x-www-form-urlencoded"),
            request(body=f"a=b+c&id={OURS}".encode(), content_type="application/x-www-form-urlencoded"),
        ),
    ]  # fmt: skip
    for recorded, mine in cases:
        assert known.ours(recorded) == mine


@pytest.mark.parametrize(
    "same",
    [
        request(body={"text": f"please look at {THEIRS} for me"}),
        request(f"/v0/costs/{THEIRS}x"),
        request("/", b"q=%FF%20+&&=&a"),
        request(body=b'{"amount": 0.10, "big": 12345678901234567890.5, "a": 1.0}'),
        request(body=b'{"broken": '),
        request(body=b"\x00\xff" * 50),
    ],
    ids=["prose", "longer", "query", "numbers", "broken", "bytes"],
)
def test_all_else_of_a_request_stays_as_it_is_to_the_byte(known: Identities, same: Request) -> None:
    assert known.ours(same) == same


def test_a_translated_request_still_says_how_long_it_is(known: Identities) -> None:
    identities = Identities()
    identities.learn(answer({"id": THEIRS}), answer({"id": OURS + "9"}))
    body = json.dumps({"id": THEIRS}).encode()

    translated = identities.ours(request(body=body, content_length=str(len(body))))

    assert translated.headers[b"content-length"] == b"%d" % len(translated.body)
    assert len(translated.body) == len(body) + 1


def test_an_answer_is_given_in_recorded_ids(known: Identities) -> None:
    simulated = answer({"id": OURS, "url": f"/x/{OURS}", "n": 1.50}, (b"location", f"/x/{OURS}".encode()))
    simulated.headers.append((b"content-length", b"%d" % len(simulated.body)))

    told = known.theirs(simulated)

    assert json.loads(told.body) == {"id": THEIRS, "url": f"/x/{THEIRS}", "n": 1.50}
    assert dict(told.headers)[b"location"] == f"/x/{THEIRS}".encode()
    assert dict(told.headers)[b"content-length"] == b"%d" % len(told.body)
    assert known.theirs(stream({"id": OURS})) == stream({"id": THEIRS})


# A bijection of ids, applied to real traffic by other means than ours, is learnt back


@cache
def traffic() -> list[Interaction]:
    simulator = Simulator()
    try:
        return [*walks.successes(walks.pareta(simulator)), *walks.successes(walks.paygentic(simulator))]
    finally:
        simulator.close()


MADE = re.compile(
    rb"\bup_[A-Za-z0-9]{32}[.]recorded\b|\b(?:run|es|cst|cus|bm|prod|tc|evt|call|org)_[A-Za-z0-9]{16,32}\b|chatcmpl-[A-Za-z0-9]{8,}"
)
"""What the simulator makes up looks like this; no other text of the walks does."""


@settings(max_examples=5, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.integers(0, 10**9))
def test_any_other_names_for_the_same_things_are_learnt_from_real_traffic(seed: int) -> None:
    chance = random.Random(seed)
    other: dict[bytes, bytes] = {}

    def renamed(found: re.Match[bytes]) -> bytes:
        name = found[0]
        if name not in other:
            prefix = re.match(rb"[a-z]+[_-]", name)
            assert prefix is not None
            letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
            other[name] = prefix[0] + "".join(chance.choices(letters, k=16)).encode() + b"a1B2"
        return other[name]

    identities = Identities()
    asked = 0
    for interaction in traffic():
        sent, got = interaction.request, interaction.answer
        recorded = replace(
            sent,
            path=MADE.sub(renamed, sent.path.encode()).decode(),
            query=MADE.sub(renamed, sent.query),
            body=MADE.sub(renamed, sent.body),
        )
        assert identities.ours(recorded) == sent
        asked += recorded != sent
        body = MADE.sub(renamed, got.body)
        identities.learn(replace(got, body=body), got)
        told = identities.theirs(got)
        assert told.body == body

    assert asked >= 40
    assert identities.pairs.items() >= {theirs.decode(): mine.decode() for mine, theirs in other.items()}.items()
