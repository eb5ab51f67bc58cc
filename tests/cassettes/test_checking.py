"""A check says nothing of our own recordings, and of copies exactly what was planted in them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import httpx
import pytest

from mockserver.app import Simulator
from mockserver.cassettes.checking import COUNTED_BEFORE, Start, check, in_order, sessions
from mockserver.cassettes.files import Library
from mockserver.cassettes.identities import is_drawn, is_id_key
from mockserver.cassettes.interaction import Answer, Interaction
from mockserver.cassettes.verdicts import Judged
from mockserver.config import Settings
from mockserver.http.inprocess import InProcessTransport
from mockserver.http.messages import Request
from mockserver.kernel.world import Beginning
from tests.cassettes import walks
from tests.cassettes.walks import Shelf, changed
from tests.vendors.pareta.org import G0, STOPPED, Org
from tests.vendors.paygentic.conftest import COST as METERED
from tests.vendors.paygentic.conftest import EVENT, MERCHANT, PRODUCT

SEEDS = (0, 7)
"""Of worlds that were recorded: the one a check has as well, and another."""


@cache
def recorded(seed: int) -> tuple[list[Interaction], list[Interaction]]:
    """Record both walks, with the machine's clock."""
    simulator = Simulator(Settings(beginning=Beginning(seed=seed)))
    try:
        return walks.pareta(simulator), walks.paygentic(simulator)
    finally:
        simulator.close()


def checked(start: Start | None = None, /, **files: Sequence[Interaction]) -> list[Judged]:
    return list(check(Shelf(**files), start))  # type: ignore[arg-type]


def odd(judged: Sequence[Judged]) -> list[tuple[str, str, Any]]:
    return [
        (
            each.place,
            f"{each.method} {each.path}",
            each.reason or [(d.kind, d.grade, d.where) for d in each.differences],
        )
        for each in judged
        if each.reason or each.differences
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_our_own_recordings_differ_in_nothing(seed: int) -> None:
    pareta, paygentic = recorded(seed)

    judged = checked(walk__pareta=pareta, walk__paygentic=paygentic)

    assert odd(judged) == []
    assert len(judged) == len(pareta) + len(paygentic)


def test_the_walks_go_through_every_operation_that_can_succeed() -> None:
    simulator = Simulator()
    operations = {f"{vendor.name}.{each.operation}" for vendor in simulator.vendors for each in vendor.api.endpoints}
    seen = set()
    for interaction in walks.successes([*recorded(0)[0], *recorded(0)[1]]):
        match = simulator.gateway.router.find(interaction.request.method, interaction.request.path)
        assert match.api is not None
        assert match.endpoint is not None
        seen.add(f"{match.api.name}.{match.endpoint.operation}")
    simulator.close()

    assert operations - seen == {"pareta.task_requests.create"}


# Planting

Plant = tuple[Answer, tuple[str, str, str]]
"""An answer in which something was planted, and what is to be found: kind, grade and place."""

Step = str | int
OPEN = ("metadata", "groupBy", "input", "dimensions", "taxRates", "examples")
"""Members whose own members may be called anything."""

STEADY = ("limit", "offset", "total", "prompt_tokens", "unitCost", "totalQuantity", "eventCount", "customerCount")
"""Numbers that no chance decides."""

ENUMS = ("object", "role", "aggregation", "currency_type")


def places(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Yield every value of a body whose form is fixed, and where it is."""
    yield path, value
    if isinstance(value, dict):
        for name, each in value.items():
            if name not in OPEN and not name.endswith("_schema") and not (name == "data" and isinstance(each, dict)):
                yield from places(each, (*path, name))
    elif isinstance(value, list):
        for n, each in enumerate(value):
            yield from places(each, (*path, n))


def where(path: Sequence[Step]) -> str:
    return "$" + "".join("[]" if isinstance(step, int) else f".{step}" for step in path)


def put(body: Any, path: Sequence[Step], edit: Callable[[Any, Step], None]) -> Any:
    """Return a copy of a body in which the holder of a place was edited."""
    copy = holder = json.loads(json.dumps(body))
    for step in path[:-1]:
        holder = holder[step]
    edit(holder, path[-1])
    return copy


def is_ours_to_break(path: tuple[Step, ...], value: Any) -> bool:
    """Whether later requests do not depend on it."""
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    parts = [part for _, each in places(value) if isinstance(each, str) for part in each.split("/")]
    return not is_id_key(name) and not any(map(is_drawn, parts))


def planted(interaction: Interaction, kind: str, chance: random.Random) -> Plant | None:
    """Return an answer with one difference of a kind planted at random, `None` where there is no place for it."""
    answer = interaction.answer
    if kind == "status":
        if answer.status in (401, 402, 405, 503) or any(
            text in answer.body for text in (b'"Not Found"', b"no operation")
        ):
            return None  # where no operation is, nothing is compared; and what an account cannot pay for is not done
        return replace(answer, status=chance.choice((203, 418) if answer.status < 300 else (418, 451))), (
            "status",
            "breaking",
            "status",
        )
    if kind == "header":
        return planted_header(answer, chance)
    if answer.header(b"content-type") != b"application/json":
        return None
    if interaction.request.path.endswith(("/costs", "/customers", "/eval-sets")):
        return None  # what was made within a second stands in the order of its ids, which is chance
    body = json.loads(answer.body)
    at = PLANTS[kind]
    found = [(path, value) for path, value in places(body) if path and at(path, value)]
    if not found:
        return None
    path, value = chance.choice(found)
    edit, expected = EDITS[kind](value)
    named = where(path) if kind != "new_field" else f"{where(path)}.planted"
    content = put(body, path, edit)
    return replace(answer, body=json.dumps(content).encode()), (*expected, named)


def planted_header(answer: Answer, chance: random.Random) -> Plant | None:
    names = [name for name, _ in answer.headers if name in (b"retry-after", b"content-type") and answer.body]
    choice = chance.choice([b"x-planted", *names])
    if choice == b"x-planted":
        return replace(answer, headers=[*answer.headers, (choice, b"5")]), ("header", "additive", "x-planted")
    if choice == b"content-type" and chance.random() < 0.5:
        others = [(name, b"text/html" if name == choice else value) for name, value in answer.headers]
        return replace(answer, headers=others), ("header", "breaking", "content-type")
    others = [(name, value) for name, value in answer.headers if name != choice]
    return replace(answer, headers=others), ("header", "breaking", choice.decode())


PLANTS: dict[str, Callable[[tuple[Step, ...], Any], bool]] = {
    "missing_field": lambda path, value: isinstance(path[-1], str) and is_ours_to_break(path, value),
    "new_field": lambda path, value: isinstance(value, dict) and bool(value),
    "type": lambda path, value: value is not None and isinstance(path[-1], str) and is_ours_to_break(path, value),
    "enum": lambda path, value: path[-1] in ENUMS and isinstance(value, str),
    "number": lambda path, value: path[-1] in STEADY and isinstance(value, int | str),
    "order": lambda path, value: path[-1] == "data" and isinstance(value, list) and len(value) > 1,
}


def removed(_: Any) -> tuple[Callable[[Any, Step], None], tuple[str, str]]:
    return lambda holder, name: holder.pop(name), ("missing_field", "breaking")


def added(_: Any) -> tuple[Callable[[Any, Step], None], tuple[str, str]]:
    return lambda holder, name: holder[name].update(planted=5), ("new_field", "additive")


def retyped(value: Any) -> tuple[Callable[[Any, Step], None], tuple[str, str]]:
    other = 5 if isinstance(value, str | list | dict | bool) else "planted"
    return lambda holder, name: holder.__setitem__(name, other), ("type", "breaking")


def renamed(_: Any) -> tuple[Callable[[Any, Step], None], tuple[str, str]]:
    return lambda holder, name: holder.__setitem__(name, "planted"), ("enum", "breaking")


def counted(value: Any) -> tuple[Callable[[Any, Step], None], tuple[str, str]]:
    other = value + 3 if isinstance(value, int) else f"{float(value) + 3}"
    return lambda holder, name: holder.__setitem__(name, other), ("number", "value")


def turned(_: Any) -> tuple[Callable[[Any, Step], None], tuple[str, str]]:
    return lambda holder, name: holder[name].reverse(), ("order", "value")


EDITS: dict[str, Callable[[Any], tuple[Callable[[Any, Step], None], tuple[str, str]]]] = {
    "missing_field": removed, "new_field": added, "type": retyped, "enum": renamed, "number": counted, "order": turned,
}  # fmt: skip


def test_exactly_what_was_planted_is_found_in_its_grade() -> None:
    """Each run plants hundreds of other differences; hypothesis would begin each with the same ones."""
    seed = random.randrange(10**9)
    world = SEEDS[seed % len(SEEDS)]
    chance = random.Random(seed)
    expected = []
    copies: dict[str, list[Interaction]] = {}
    for name, walk in zip(("pareta", "paygentic"), recorded(world), strict=True):
        copies[name] = []
        for interaction in walk:
            kind = chance.choice((*PLANTS, "status", "header", "", "", ""))
            plant = planted(interaction, kind, chance) if kind else None
            if plant is not None:
                interaction = replace(interaction, answer=plant[0])
                place = f"{name}.yaml, interaction {len(copies[name])}"
                expected.append((place, f"{interaction.request.method} {interaction.request.path}", [plant[1]]))
            copies[name].append(interaction)

    judged = checked(walk__pareta=copies["pareta"], walk__paygentic=copies["paygentic"])

    assert sorted(odd(judged)) == sorted(expected), f"planted by {seed}"
    assert len(expected) > 50


# What a recording cannot tell

NOON = "2026-02-10T12:00:00Z"
COST = "/v0/costs"


class Walk:
    """A short recording, made by hand in a world of its own."""

    def __init__(self, **settings: Any) -> None:
        self.simulator = Simulator(Settings(beginning=Beginning(seed=5), **settings))
        self.pareta = Org(self.simulator, "recorded")
        self.tape = walks.Recording(InProcessTransport(self.simulator.gateway))
        self.pareta.http = httpx.Client(
            transport=self.tape, base_url="http://mock", headers=dict(self.pareta.http.headers)
        )
        self.paygentic = httpx.Client(
            transport=self.tape, base_url="http://mock", headers={"Authorization": "Bearer sk_test_recorded"}
        )

    def judged(self, skip: int = 0, start: Start | None = None) -> list[Judged]:
        """Check what was recorded, but for the first interactions."""
        return checked(start, walk=self.tape.interactions[skip:])

    def reasons(self, skip: int = 0) -> list[str]:
        judged = self.judged(skip)
        assert [each.differences for each in judged] == [()] * len(judged)
        return [each.reason for each in judged]


@pytest.fixture
def walk() -> Iterator[Walk]:
    walk = Walk()
    yield walk
    walk.simulator.close()


def test_what_names_things_from_before_the_recording_is_told_apart_and_so_is_what_follows(walk: Walk) -> None:
    http = walk.paygentic
    product = walks.made(http, "/products", {"name": "Reader", "description": "", "merchantId": MERCHANT})
    cost = walks.made(http, "/costs", {**METERED, "productId": product})
    http.get(f"{COST}/{cost}")
    http.post("/v0/events", json=EVENT)
    http.get(f"/v0/products/{PRODUCT}")

    whole, begun_late = walk.reasons(), walk.reasons(skip=1)

    assert whole == [""] * 5
    assert "names something (productId) that no earlier answer" in begun_late[0]
    assert "names something (in its path)" in begun_late[1]
    assert "names something (type)" in begun_late[2]
    assert begun_late[3] == ""


def test_numbers_are_not_held_against_the_simulator_where_the_account_had_older_things(walk: Walk) -> None:
    http = walk.paygentic
    around = walks.window()
    for _ in range(2):
        cost = walks.made(http, "/costs", METERED)
    http.post("/v0/events", json=EVENT)
    http.get(COST, params={"merchantId": MERCHANT})
    http.get("/v0/costs/report", params={**around, "groupBy": "cost"})
    http.get(f"{COST}/{cost}")

    begun_late = [each.reason for each in walk.judged(skip=2)]

    assert "names something (type)" in begun_late[0]
    assert begun_late[1:3] == [COUNTED_BEFORE] * 2
    assert "names something" in begun_late[3]


def test_that_an_account_had_no_money_or_more_of_it_is_no_difference(walk: Walk) -> None:
    org = walk.pareta
    org.set_balance(0)
    org.chat()
    org.set_balance(10**12)
    for _ in range(3):
        assert org.http.post("/v1/eval-runs", json={
            "eval_set_id": "es_contracts", "candidate_model_ids": ["gpt-5.5"]}).status_code == 202  # fmt: skip

    assert [each.answer.status for each in walk.tape.interactions] == [402, 202, 202, 202]
    assert walk.reasons() == [""] * 4


def test_a_world_without_credit_pays_for_what_the_recorded_account_paid(walk: Walk, tmp_path: Any) -> None:
    walk.pareta.chat()
    scenario = tmp_path / "poor.yaml"
    scenario.write_text("name: poor\npurpose: no credit\nexpect: 402\nstart: {balance_usd: 0}\n")

    assert odd(walk.judged(start=Start(scenario=str(scenario)))) == []


def test_an_outage_is_compared_in_its_form_and_nothing_was_done_in_it(walk: Walk) -> None:
    for _ in range(2):
        walk.pareta.post_set([{"input": "x", "expected": {"effective_date": "2026-01-01"}}])
    walk.pareta.get("/v1/eval-sets", headers=G0)
    lost, kept, listed = walk.tape.interactions
    made, content = json.loads(lost.answer.body)["eval_set"]["id"], json.loads(listed.answer.body)
    content["eval_sets"] = [each for each in content["eval_sets"] if each["id"] != made]
    lost = replace(lost, answer=replace(lost.answer, status=503, body=b'{"detail":"try again"}'))
    odd_form = replace(lost, answer=replace(lost.answer, body=b'{"error":"try again"}'))

    assert len(content["eval_sets"]) == 2
    assert odd(checked(walk=[lost, kept, changed(listed, content)])) == []
    (only,) = odd(checked(walk=[odd_form]))
    assert only[2] == [("missing_field", "breaking", "$.detail"), ("new_field", "additive", "$.error")]


def test_a_refused_key_is_refused_again(walk: Walk) -> None:
    for http, path in ((walk.pareta.http, "/v1/models"), (walk.paygentic, "/v0/products")):
        http.get(path, headers={"Authorization": "Bearer nothing"})
        http.get(path)

    assert [each.answer.status for each in walk.tape.interactions] == [401, 200, 401, 200]
    assert walk.reasons() == [""] * 4


def test_what_was_redacted_may_be_what_is_refused(walk: Walk) -> None:
    walk.paygentic.post("/v0/events", json={**EVENT, "source": "x"})
    (interaction,) = walk.tape.interactions
    body = interaction.request.body.replace(b'"data":{"amount":1}', b'"data":"redacted-value-1"')
    redacted = replace(interaction, request=replace(interaction.request, body=body))

    (judged,) = checked(walk=[redacted])

    assert body != interaction.request.body
    assert "redacted" in judged.reason


def test_what_was_counted_in_a_redacted_text_is_not_counted_again(walk: Walk) -> None:
    walk.pareta.chat(text="Write to someone@example.com, and to nobody-else-at-all@example.com.", model="auto")
    (interaction,) = walk.tape.interactions
    content = json.loads(interaction.answer.body)
    content["usage"]["planted"] = "new"
    body = re.sub(rb"[\w-]+@example.com", b"redacted-1@example.com", interaction.request.body)
    redacted = replace(changed(interaction, content), request=replace(interaction.request, body=body))

    assert body.count(b"redacted-1@") == 2
    assert odd(checked(walk=[interaction])) == []
    assert [found for _, _, found in odd(checked(walk=[redacted]))] == [[("new_field", "additive", "$.usage.planted")]]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/files/file_9fK2mQ7xT1bZp4Lw"), ("POST", "/v2/orders"), ("GET", "/_mock/worlds")]
)
def test_operations_that_are_not_simulated_are_told_by_their_path(method: str, path: str) -> None:
    answer = Answer(200, "OK", [(b"content-type", b"application/json")], b"{}")

    (judged,) = checked(walk=[Interaction(Request(method, path, b"", {}, b""), answer)])

    assert not judged.is_simulated
    assert judged.operation == ""
    assert (
        judged.reason == f"the simulator has no operation at {method} {path.replace('file_9fK2mQ7xT1bZp4Lw', '{id}')}"
    )


def test_a_status_that_nothing_explains_is_breaking(walk: Walk) -> None:
    walks.made(walk.paygentic, "/costs", METERED)
    (interaction,) = walk.tape.interactions
    refused = replace(interaction, answer=replace(interaction.answer, status=400, body=b'{"message":"no"}'))
    (judged,) = checked(walk=[refused])

    assert [(each.kind, each.grade, each.where) for each in judged.differences] == [("status", "breaking", "status")]
    assert (judged.operation, judged.status, judged.reason) == ("paygentic.costs.create_cost", 400, "")


# Time


def test_what_falls_due_between_two_requests_has_happened_when_the_second_is_sent(walk: Walk) -> None:
    walk.pareta.http.post(f"/v1/endpoints/{STOPPED}/start")
    walk.pareta.advance(3_600_000_000)
    assert walk.pareta.chat(STOPPED).status_code == 200
    started, used = walk.tape.interactions

    early = walks.at(started, NOON)
    in_time = checked(walk=[early, walks.at(used, "2026-02-10T13:00:00Z")])
    too_early = checked(walk=[early, walks.at(used, NOON)])
    # The text of the answer says when it was made.
    assert {each.kind for each in in_time[1].differences} == {"instant"}
    assert [(each.kind, each.simulated) for each in too_early[1].differences] == [("status", "503")]


def test_interactions_without_a_time_are_checked_in_their_order(walk: Walk) -> None:
    cost = walks.made(walk.paygentic, "/costs", METERED)
    walk.paygentic.get(f"{COST}/{cost}")

    timeless = [replace(each, recorded_at=None) for each in walk.tape.interactions]

    assert odd(checked(walk=timeless)) == []


# Which files are one recording


def test_files_of_one_folder_are_one_recording_by_time_and_folders_are_recordings_of_their_own(walk: Walk) -> None:
    cost = walks.made(walk.paygentic, "/costs", METERED)
    walk.paygentic.get(f"{COST}/{cost}")
    walk.paygentic.delete(f"{COST}/{cost}")
    made, read, deleted = walk.tape.interactions

    together = checked(one__b=[made, deleted], one__a=[read])
    apart = checked(one__a=[made, deleted], two__a=[read])

    assert odd(together) == []
    assert [each.method for each in together] == ["POST", "GET", "DELETE"]
    assert [bool(each.reason) for each in apart] == [False, False, True]


def test_within_a_file_order_counts_more_than_time() -> None:
    def at(instant: str | None) -> Interaction:
        interaction = Interaction(Request("GET", "/", b"", {}, b""), Answer(200, "", [], b""))
        return walks.at(interaction, instant) if instant else interaction

    shelf = Shelf(
        a__x=[at("2026-01-02T00:00:00Z"), at("2026-01-01T00:00:00Z"), at(None), at("2026-01-05T00:00:00Z")],
        a__y=[at(None), at("2026-01-03T00:00:00Z"), at("2026-01-06T00:00:00Z")],
        b__z=[at(None)],
    )
    library: Library = shelf  # type: ignore[assignment]

    assert [[str(file.path) for file in files] for files in sessions(shelf.files)] == [
        ["a/x.yaml", "a/y.yaml"], ["b/z.yaml"],
    ]  # fmt: skip
    assert [list(in_order(library, files)) for files in sessions(shelf.files)] == [[4, 0, 1, 2, 5, 3, 6], [7]]


# Seeds


def test_a_recording_of_another_seed_differs_in_nothing_and_one_of_the_same_in_no_number_at_all(walk: Walk) -> None:
    for n in range(4):
        walk.pareta.chat(text=f"Tell me about copper, {n}.", model="auto")
    first, *rest = walk.tape.interactions
    content = json.loads(first.answer.body)
    content["usage"]["prompt_tokens"] += 1
    planted = [changed(first, content), *rest]

    assert odd(checked(Start(seed=5), walk=[first, *rest])) == []
    for seed in (0, 5, 6):
        (only,) = odd(checked(Start(seed=seed), walk=planted))
        assert only[2] == [("number", "value", "$.usage.prompt_tokens")]


# Streams


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (b'"index":0,', b"", ("missing_field", "breaking")),
        (
            b'"object":"chat.completion.chunk"',
            b'"object":"chat.completion.chunk","planted":1',
            ("new_field", "additive"),
        ),
        (b"data: [DONE]\n\n", b"", ("missing_event", "breaking")),
    ],
)
def test_what_was_planted_in_a_stream_is_found(old: bytes, new: bytes, found: tuple[str, str], walk: Walk) -> None:
    walk.pareta.chat("auto", stream=True)
    (interaction,) = walk.tape.interactions
    body = interaction.answer.body
    assert old in body

    judged = checked(
        walk=[interaction, replace(interaction, answer=replace(interaction.answer, body=body.replace(old, new)))]
    )

    assert judged[0].differences == ()
    assert {(each.kind, each.grade) for each in judged[1].differences} == {found}
