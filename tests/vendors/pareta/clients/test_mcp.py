"""The client's own MCP server, every tool of it, through the protocol's own client against a served world."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent

from mockserver.app import Simulator
from tests.vendors.pareta.clients.samples import PDF, png, recording, size_of
from tests.vendors.pareta.org import ENDPOINT, FRONTIER, PRICE, SEED, Org
from tests.vendors.pareta.sdk import folder_of, major

pytestmark = pytest.mark.sdk

VERSIONS = ["0.3.1", "3.0.4"]
TASK = "contract-key-fields"
PROMPT = "extract the key dates of each contract"


@dataclass
class Failed(Exception):
    """A tool that raised instead of answering."""

    text: str


@dataclass
class Tools:
    """A running MCP server of one version and the organisation it speaks for."""

    version: str
    org: Org
    portal: BlockingPortal
    session: ClientSession
    names: set[str]
    used: set[str] = field(default_factory=set)

    def __call__(self, name: str, /, **arguments: Any) -> Any:
        """Return what a tool answers.

        :raises Failed: it raised.
        """

        async def called() -> Any:
            return await self.session.call_tool(name, arguments)

        answer = self.portal.call(called)
        (content,) = answer.content
        assert isinstance(content, TextContent)
        if answer.isError:
            raise Failed(content.text)
        body = json.loads(content.text)
        assert answer.structuredContent in (None, body)
        if "error" not in body:
            self.used.add(name)
        return body

    @contextmanager
    def costs(self, *micro_usd: int) -> Iterator[None]:
        """Hold a block to debits of these amounts."""
        before = len(self.org.ledger)
        yield
        assert [-entry.amount_micro_usd for entry in self.org.ledger[before:]] == list(micro_usd)

    @contextmanager
    def one_debit(self) -> Iterator[list[int]]:
        """Hold a block to one debit, and say how much it was."""
        before = len(self.org.ledger)
        taken: list[int] = []
        yield taken
        taken += [-entry.amount_micro_usd for entry in self.org.ledger[before:]]
        assert len(taken) == 1

    def rows(self) -> list[dict[str, Any]]:
        days = [f"2026-01-{day:02d}" for day in range(1, 5)]
        if major(self.version) == 0:
            return [{"input": f"Effective as of {day}.", "expected": {"effective_date": day}} for day in days]
        return [
            {"input": {"contract_text": f"Effective as of {day}."}, "expected_output": {"effective_date": day}}
            for day in days
        ]


@contextmanager
def running(version: str, simulator: Simulator, url: str, **variables: str) -> Iterator[Tools]:
    """Run the server as its script does, and speak to it over its standard input and output."""
    place = folder_of(version)
    org = Org(simulator, f"mcp.{version}")
    env = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(place), "PARETA_BASE_URL": url,
        "PARETA_API_KEY": f"pareta_sk_test_{org.name}", **variables,
    }  # fmt: skip
    parameters = StdioServerParameters(command=sys.executable, args=[str(place / "bin" / "pareta-mcp")], env=env)
    with ExitStack() as stack, open(os.devnull, "w") as silence:
        portal = stack.enter_context(start_blocking_portal())
        streams = stack.enter_context(portal.wrap_async_context_manager(stdio_client(parameters, silence)))
        session = stack.enter_context(portal.wrap_async_context_manager(ClientSession(*streams)))
        assert portal.call(session.initialize).serverInfo.name == "pareta"
        listed = portal.call(session.list_tools)
        yield Tools(version, org, portal, session, {tool.name for tool in listed.tools})
    org.check()


@pytest.fixture(scope="module")
def tools(request: pytest.FixtureRequest, served: tuple[Simulator, str]) -> Iterator[Tools]:
    with running(request.param, *served) as tools:
        yield tools


def of(*versions: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("tools", versions or VERSIONS, indirect=True, scope="module")


@of()
def test_tasks_are_matched_listed_and_shown(tools: Tools) -> None:
    with tools.costs():
        assert tools("match_task", query="the effective date of a contract", top_k=2)["chosen"]["task_id"] == TASK
        assert TASK in {task["id"] for task in tools("list_tasks")["tasks"]}
        assert tools("get_task", task_id=TASK)["default_scorer"] == "field_f1"
        missing = tools("get_task", task_id="no-such-task")
    assert missing["type"] == "NotFoundError"
    assert "not found" in missing["error"]


@of()
def test_models_are_listed(tools: Tools) -> None:
    expected = ENDPOINT if major(tools.version) == 0 else "auto"
    assert expected in {model["id"] for model in tools("list_models")["data"]}


@of("0.3.1")
def test_the_board_and_its_pick_are_shown(tools: Tools) -> None:
    assert tools("get_leaderboard", task_id=TASK)["recommended"] == "qwen-2"
    assert tools("recommended_model", task_id=TASK) == {"task_id": TASK, "recommended": "qwen-2"}


@of("0.3.1")
def test_an_endpoint_lives_from_its_deploy_to_its_end(tools: Tools) -> None:
    with tools.costs():
        assert tools("deploy_endpoint", task=TASK, model="llama-1", name="mcp-one")["status"] == "live"
        assert "mcp-one" in {endpoint["id"] for endpoint in tools("list_endpoints")["endpoints"]}
        assert tools("stop_endpoint", endpoint_id="mcp-one")["result"]["status"] == "stopped"
        assert tools("chat", prompt="x", model="mcp-one")["type"] == "EndpointNotReadyError"
        assert tools("start_endpoint", endpoint_id="mcp-one")["result"]["ok"] is True
        assert tools("get_endpoint", endpoint_id="mcp-one")["status"] == "live"
    with tools.costs(63):
        tools("chat", prompt="Effective as of 2026-01-01.", model="mcp-one")
    assert tools("endpoint_cost", endpoint_id="mcp-one")["cost"]["total_micro_usd"] == 63
    assert tools("endpoint_metrics", endpoint_id="mcp-one")["performance"]["p50"] > 0
    assert tools("delete_endpoint", endpoint_id="mcp-one") == {"deleted": "mcp-one"}
    assert tools("get_endpoint", endpoint_id="mcp-one")["type"] == "NotFoundError"
    assert tools("stop_endpoint", endpoint_id=SEED)["type"] == "ConflictError"


@of()
def test_an_eval_runs_on_rows_or_on_a_set(tools: Tools) -> None:
    said = {} if major(tools.version) == 0 else {"prompt": PROMPT}
    with tools.one_debit() as taken:
        run = tools("run_eval", models=["auto", "llama-1"], task=TASK, items=tools.rows(), frontier=["gpt-5.5"], **said)
    assert run["run"]["status"] == "completed"
    assert [run["run"]["total_cost_micro_usd"]] == taken
    assert [row["model_id"] for row in run["results"]] == ["auto", "llama-1", "gpt-5.5"]
    with tools.costs(87 * FRONTIER):
        queued = tools("run_eval", models=["gpt-5.5"], eval_set="es_contracts", wait=False)
        assert tools("get_eval_run", run_id=queued["run"]["id"])["run"]["status"] == "completed"


@of("3.0.4")
def test_a_proposal_names_the_task_it_would_bind(tools: Tools) -> None:
    with tools.costs():
        proposal = tools("propose_contract", items=tools.rows(), prompt=PROMPT)
    assert (proposal["bound_task"], proposal["is_clean"]) == (TASK, True)
    run = tools("run_eval", models=["auto"], items=tools.rows(), prompt=PROMPT)
    assert run["run"]["status"] == "completed"


@of()
def test_chat_answers_with_its_receipt(tools: Tools, tmp_path: Path) -> None:
    with tools.one_debit() as taken:
        answer = tools("chat", prompt="Explain prepaid balances.")
    assert answer["model"] == "auto"
    assert answer["text"]
    assert answer["usage"]["total_tokens"] > 0
    if major(tools.version) >= 2:
        assert [answer["billed_micro_usd"]] == taken
        assert answer["savings_vs_frontier_x"] > 1
        (tmp_path / "page.png").write_bytes(png(8, 8))
        (tmp_path / "invoice.pdf").write_bytes(PDF)
        with tools.one_debit():
            assert tools("chat", prompt="What is this?", image_paths=[str(tmp_path / "page.png")])["text"]
        assert tools("chat", prompt="x", image_paths=[str(tmp_path / "none.png")])["type"] == "ParetaError"
    with tools.costs(PRICE):
        assert tools("chat", prompt="Effective as of 2026-01-01.", model=ENDPOINT)["model"] == ENDPOINT


@of()
def test_the_rollup_and_a_comparison(tools: Tools) -> None:
    before = tools("auto_metrics")["requests_30d"]
    tools("chat", prompt="Explain prepaid balances.")
    assert tools("auto_metrics")["requests_30d"] == before + 1
    with tools.one_debit() as taken:
        answer = tools("compare_frontier", prompt="Explain ledgers.", model="claude-sonnet-4-6")
    assert (answer["model"], [answer["cost_micro_usd"]]) == ("claude-sonnet-4-6", taken)


@of()
def test_speech_is_saved_and_heard(tools: Tools, tmp_path: Path) -> None:
    with tools.one_debit():
        told = tools("speak", text="Prepaid credit pays for every call.", out_path=str(tmp_path / "said.wav"))
    assert told["saved_to"] == str(tmp_path / "said.wav")
    assert told["duration_s"] > 0
    with tools.one_debit():
        heard = tools("transcribe", path=str(tmp_path / "said.wav"))
    assert heard["text"] == "Prepaid credit pays for every call."
    (tmp_path / "clip.wav").write_bytes(recording())
    with tools.costs(200):
        assert tools("transcribe", path=str(tmp_path / "clip.wav"), language="de")["language"] == "de"


@of("3.0.4")
def test_documents_are_ranked_and_texts_embedded(tools: Tools) -> None:
    with tools.costs(4):
        ranked = tools("rerank", query="which laws govern", documents=["the kitchen", "the laws of Delaware"], top_n=1)
    assert [row["index"] for row in ranked["results"]] == [1]
    with tools.costs(1):
        found = tools("embed", texts=["one", "two"], input_type="query")
    assert [len(vector) for vector in found["vectors"]] == [1024, 1024]
    assert found["prompt_tokens"] > 0


@of("3.0.4")
def test_images_are_made_and_edited(tools: Tools, tmp_path: Path) -> None:
    fox, edited = tmp_path / "fox.png", tmp_path / "edited.png"
    with tools.costs(40_000):
        told = tools("generate_image", prompt="a fox", path=str(fox), size="2304x1728")
    assert told == {"path": str(fox), "size": "2304x1728", "model": "hidream-1"}
    assert size_of(fox.read_bytes()) == (2304, 1728)
    with tools.costs(80_000):
        told = tools("edit_image", image_path=str(fox), prompt="a red scarf", output_path=str(edited))
    assert told["size"] == "x".join(map(str, size_of(edited.read_bytes())))
    with pytest.raises(Failed, match="no such image file"):
        tools("edit_image", image_path=str(tmp_path / "none.png"), prompt="x", output_path=str(edited))


@of()
def test_an_empty_balance_is_told_and_not_raised(tools: Tools) -> None:
    balance = tools.org.balance
    tools.org.set_balance(0)
    with tools.costs():
        refused = [
            tools("chat", prompt="x"),
            tools("run_eval", models=["auto"], eval_set="es_contracts"),
            tools("speak", text="x"),
            tools("compare_frontier", prompt="x"),
        ]
    tools.org.set_balance(balance)
    assert {answer["type"] for answer in refused} == {"InsufficientCreditsError"}
    assert all("out of credit" in answer["error"] for answer in refused)


@of()
def test_every_tool_was_used(tools: Tools, request: pytest.FixtureRequest) -> None:
    mine = [item for item in request.session.items if item.path == request.node.path and tools.version in item.name]
    defined = [
        name
        for name, test in globals().items()
        for mark in getattr(test, "pytestmark", [])
        if name.startswith("test_") and tools.version in mark.args[1]
    ]
    if len(mine) < len(defined):
        pytest.skip("only all of these tests together show what was left out")
    assert len(tools.names) == {"0.3.1": 21, "3.0.4": 16}[tools.version]
    assert sorted(tools.names - tools.used) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_without_a_key_starts_and_says_so_at_the_first_call(
    version: str, served: tuple[Simulator, str]
) -> None:
    with running(version, *served, PARETA_API_KEY="") as tools:
        answer = tools("list_models")
    assert answer["type"] == "ParetaError"
    assert "missing API key" in answer["error"]
