"""The client's own command line against a served world: every command of it as a process, and again without one."""

from __future__ import annotations

import functools
import importlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from mockserver.app import Simulator
from tests.vendors.pareta.clients.samples import png, recording, size_of
from tests.vendors.pareta.org import ENDPOINT, PRICE, SEED, STOPPED, TEXT, Org
from tests.vendors.pareta.sdk import folder_of, installed, major

pytestmark = pytest.mark.sdk

TASK = "contract-key-fields"
PROMPT = "extract the key dates of each contract"
SINCE_0, SINCE_3 = ["0.3.1", "3.0.4"], ["3.0.4"]
UNTIL_0 = ["0.3.1"]

Used = dict[str, set[tuple[str, bool]]]


@pytest.fixture(scope="module")
def used() -> Used:
    """By version: the commands that did what they are for, and whether they printed JSON."""
    return {version: set() for version in SINCE_0}


@pytest.fixture(scope="module")
def ran() -> set[tuple[str, str]]:
    """The commands that were processes already, by version and path."""
    return set()


@dataclass
class Done:
    """What became of a command."""

    code: int
    stdout: str
    stderr: str


@dataclass
class CommandLine:
    """The script that one version installs, in an empty folder, with an organisation of its own."""

    version: str
    org: Org
    url: str
    folder: Path
    used: Used
    ran: set[tuple[str, str]]

    def variables(self, more: dict[str, str]) -> dict[str, str]:
        key = f"pareta_sk_test_{self.org.name}"
        return {"PARETA_API_KEY": key, "PARETA_BASE_URL": self.url, "COLUMNS": "240", "NO_COLOR": "1", **more}

    def run(self, *words: str, stdin: str = "", **more: str) -> Done:
        """Run the script as a process."""
        place = folder_of(self.version)
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(place), **self.variables(more)}
        done = subprocess.run(
            [place / "bin" / "pareta", *words], input=stdin, env=env, cwd=self.folder, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def call(self, *words: str, stdin: str = "", **more: str) -> Done:
        """Run the same application in this process, which is quicker."""
        with installed(self.version), ExitStack() as opened:
            cli: Any = importlib.import_module("pareta.cli")
            make = cli._client
            cli._client = lambda: opened.enter_context(make())  # a process that ends need not close its clients
            opened.callback(setattr, cli, "_client", make)
            done = CliRunner().invoke(cli.app, words, input=stdin, env=self.variables(more))
        return Done(done.exit_code, done.stdout, done.stderr)

    def __call__(self, *words: str, stdin: str = "") -> str:
        """Return what a command prints, which must succeed and complain of nothing; the first time as a process."""
        command = (self.version, self.named(*words))
        do = self.call if command in self.ran and not stdin else self.run
        self.ran.add(command)
        return self.succeeded(do(*words, stdin=stdin), words)

    def json(self, *words: str) -> Any:
        """Return the JSON that a command prints for programs to read."""
        words = ("--json", *words)
        return json.loads(self.succeeded(self.call(*words), words))

    def succeeded(self, done: Done, words: tuple[str, ...]) -> str:
        assert (done.code, done.stderr) == (0, ""), done
        self.note(*words)
        return done.stdout

    def note(self, *words: str) -> None:
        self.used[self.version].add((self.named(*words), "--json" in words))

    def named(self, *words: str) -> str:
        """Return the path of the command that was meant."""
        said = [word for word in words if word != "--json"]
        return max((path for path in commands(self.version) if said[: len(path.split())] == path.split()), key=len)

    def fails(self, code: int, says: str, *words: str, is_process: bool = False, **more: str) -> None:
        """Hold a command to one complaint on standard error, an exit code and no cost."""
        before = len(self.org.ledger)
        done = (self.run if is_process else self.call)(*words, **more)
        assert done.code == code, done
        assert says in done.stderr
        assert "Traceback" not in done.stderr
        assert len(self.org.ledger) == before

    def spent(self) -> list[int]:
        return [-entry.amount_micro_usd for entry in self.org.debits]

    def rows(self, name: str = "rows.jsonl") -> str:
        days = [f"2026-01-{day:02d}" for day in range(1, 5)]
        if major(self.version) == 0:
            rows: list[Any] = [
                {"input": f"Effective as of {day}.", "expected": {"effective_date": day}} for day in days
            ]
        else:
            rows = [
                {"input": {"contract_text": f"Effective as of {day}."}, "expected_output": {"effective_date": day}}
                for day in days
            ]
        (self.folder / name).write_text("\n".join(map(json.dumps, rows)) + "\n\n")
        return name

    def purpose(self) -> list[str]:
        return [] if major(self.version) == 0 else ["--prompt", PROMPT]


@functools.cache
def commands(version: str) -> dict[str, Any]:
    """Return every command of a version by its path, found in the application itself."""

    def leaves(group: Any, path: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from leaves(command, f"{path}{name} ")
            else:
                yield path + name, command

    with installed(version):
        return dict(leaves(get_command(importlib.import_module("pareta.cli").app), ""))


@pytest.fixture
def pareta(
    version: str,
    served: tuple[Simulator, str],
    used: Used,
    ran: set[tuple[str, str]],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[CommandLine]:
    simulator, url = served
    org = Org(simulator, f"{request.node.originalname.removeprefix('test_')[:50]}.{version}")
    monkeypatch.chdir(tmp_path)
    yield CommandLine(version, org, url, tmp_path, used, ran)
    org.check()


def of(versions: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("version", versions)


# Looking


@of(SINCE_0)
def test_tasks_are_listed_shown_and_matched(pareta: CommandLine) -> None:
    table = pareta("tasks", "list")
    listed = pareta.json("tasks", "list")
    assert all(task["id"] in table for task in listed)
    assert json.loads(pareta("tasks", "show", TASK)) == pareta.json("tasks", "show", TASK)
    assert pareta.json("tasks", "show", TASK)["default_scorer"] == "field_f1"
    words = pareta("tasks", "match", "the effective date of a contract", "--top-k", "2")
    assert "type:       task" in words
    assert f"task:       {TASK}  (score " in words
    assert pareta.json("tasks", "match", "the effective date of a contract")["chosen"]["task_id"] == TASK
    assert "type:       unsupported" in pareta("tasks", "match", "compose a song")
    pareta.fails(1, "not found", "tasks", "show", "no-such-task")
    assert pareta.spent() == []


@of(UNTIL_0)
def test_leaderboards_and_recommendations_are_shown(pareta: CommandLine) -> None:
    table = pareta("tasks", "leaderboard", TASK)
    assert "recommended: qwen-2" in table
    assert f"Leaderboard — {TASK}  (metric quality)" in table
    assert pareta.json("tasks", "leaderboard", TASK)["recommended"] == "qwen-2"
    assert pareta("tasks", "recommended", TASK) == "qwen-2\n"
    assert pareta.json("tasks", "recommended", TASK) == {"task_id": TASK, "recommended": "qwen-2"}


@of(SINCE_0)
def test_models_are_listed(pareta: CommandLine) -> None:
    expected = ENDPOINT if major(pareta.version) == 0 else "auto"
    assert expected in pareta("models", "list")
    assert expected in {model["id"] for model in pareta.json("models", "list")["data"]}


# Endpoints


@of(UNTIL_0)
def test_endpoints_are_deployed_operated_and_deleted(pareta: CommandLine) -> None:
    assert pareta("endpoints", "deploy", "--task", TASK, "--wait", "--name", "one") == "live  id=one  status=live\n"
    told = pareta("endpoints", "deploy", "--task", TASK, "--model", "llama-1", "--name", "two").splitlines()
    assert told[0].startswith("progress")
    assert told[-1].startswith("complete")
    assert pareta.json("endpoints", "deploy", "--task", TASK, "--wait")["status"] == "live"
    assert {"one", "two", ENDPOINT} <= {endpoint["id"] for endpoint in pareta.json("endpoints", "list")}
    assert "two" in pareta("endpoints", "list")
    assert json.loads(pareta("endpoints", "show", "two")) == pareta.json("endpoints", "show", "two")
    assert pareta("endpoints", "stop", "one") == "stopped one\n"
    assert pareta.json("endpoints", "stop", "one")["status"] == "stopped"
    assert pareta("endpoints", "start", "one") == "started one\n"
    assert pareta.json("endpoints", "start", "one")["ok"] is True
    assert pareta("endpoints", "delete", "one", "--yes") == "deleted one\n"
    assert pareta("endpoints", "delete", "two", stdin="y\n").endswith("deleted two\n")
    assert pareta.run("endpoints", "delete", ENDPOINT, stdin="n\n").code == 1
    assert pareta.json("endpoints", "show", ENDPOINT)["status"] == "live"
    pareta.fails(1, "endpoint 'one' not found", "endpoints", "show", "one")
    pareta.fails(1, "seed endpoint", "endpoints", "stop", SEED)
    assert pareta.spent() == []


@of(UNTIL_0)
def test_an_endpoints_figures_are_shown(pareta: CommandLine) -> None:
    pareta("chat", "--model", ENDPOINT, TEXT)
    assert "p50" in pareta("endpoints", "metrics", ENDPOINT)
    assert pareta.json("endpoints", "metrics", ENDPOINT)["requests"] == 1
    assert "total_micro_usd" in pareta("endpoints", "cost", ENDPOINT)
    assert pareta.json("endpoints", "cost", ENDPOINT)["total_micro_usd"] == PRICE
    assert pareta.spent() == [PRICE]


# Evals


@of(SINCE_0)
def test_sets_are_made_from_a_file_and_managed(pareta: CommandLine) -> None:
    rows = pareta.rows()
    made = pareta("evals", "sets", "create", "--file", rows, "--task", TASK, "--name", "n", *pareta.purpose())
    assert made.startswith("created eval set ")
    assert made.endswith("(4 items)\n")
    listed = pareta.json("evals", "sets", "list")
    assert [found["name"] for found in listed][-1] == "n"
    assert listed[-1]["id"] in pareta("evals", "sets", "list")
    identity = pareta.json("evals", "sets", "create", "--file", rows, "--task", TASK, *pareta.purpose())["id"]
    shown = pareta.json("evals", "sets", "show", identity)
    assert shown["item_count"] == 4
    assert json.loads(pareta("evals", "sets", "show", identity)) == shown
    assert pareta("evals", "sets", "delete", identity, "-y") == f"deleted {identity}\n"
    pareta.fails(1, "not found", "evals", "sets", "show", identity)
    (pareta.folder / "broken.jsonl").write_text('{"input": ')
    pareta.fails(
        2, "invalid JSON", "evals", "sets", "create", "--file", "broken.jsonl", "--task", TASK, *pareta.purpose()
    )
    assert pareta.spent() == []


@of(SINCE_0)
def test_a_run_prints_its_results_and_what_it_cost(pareta: CommandLine) -> None:
    rows = pareta.rows()
    run = pareta.json(
        "evals", "run", "--file", rows, "--task", TASK, *pareta.purpose(), "--models", "auto", "--models", "llama-1",
        "--frontier", "--wait",
    )  # fmt: skip
    assert [row["model_id"] for row in run["results"]] == ["auto", "llama-1", "gpt-5.5"]
    assert pareta.spent() == [run["run"]["total_cost_micro_usd"]]
    printed = pareta("evals", "run", "--eval-set", "es_contracts", "--models", "gpt-5.5", "--wait")
    assert "status:  completed" in printed
    assert "cost:    $0.06" in printed
    assert "gpt-5.5" in printed
    assert pareta.spent()[1:] == [87 * 700]
    queued = pareta.json("evals", "run", "--eval-set", "es_contracts", "--models", "auto")
    assert queued["run"]["status"] == "queued"
    pareta.fails(2, "--models is required", "evals", "run", "--eval-set", "es_contracts")
    pareta.fails(2, "pass --eval-set <id>", "evals", "run", "--models", "auto")
    pareta.fails(1, "not found", "evals", "run", "--eval-set", "es_nowhere", "--models", "auto")


@of(SINCE_3)
def test_a_proposal_is_previewed_and_used(pareta: CommandLine) -> None:
    rows = pareta.rows()
    assert f"task:    {TASK} (" in pareta("evals", "propose", "--file", rows, *pareta.purpose())
    proposal = pareta.json("evals", "propose", "--file", rows, *pareta.purpose())
    assert [row["task_id"] for row in proposal["proposals"]] == [TASK]
    made = pareta.json("evals", "sets", "create", "--file", rows, *pareta.purpose())
    assert made["task_id"] == TASK
    assert pareta.spent() == []


# Calls that cost


@of(SINCE_0)
def test_chat_prints_its_answer_whole_or_in_pieces(pareta: CommandLine) -> None:
    whole = pareta.json("chat", "Explain prepaid balances.")
    words = whole["choices"][0]["message"]["content"]
    assert pareta("chat", "Explain prepaid balances.").split() == words.split()
    assert pareta.run("chat", "--stream", "Explain prepaid balances.").stdout == words + "\n"
    assert pareta("chat", stdin="Explain prepaid balances.").split() == words.split()
    assert len(pareta.spent()) == 4
    assert len(set(pareta.spent())) == 1
    pareta.fails(2, "no prompt provided", "chat", stdin="  ")
    pareta.fails(1, f"endpoint '{STOPPED}' is stopped.", "chat", "--model", STOPPED, "x")


@of(SINCE_3)
def test_the_rollup_and_a_comparison_are_printed(pareta: CommandLine) -> None:
    assert "requests (30d):     0" in pareta("auto", "metrics")
    side_by_side = pareta("auto", "compare", "Explain ledgers.", "-f", "gemini-3-5-flash")
    assert "Pareta (auto)" in side_by_side
    assert "gemini-3-5-flash  ($0." in side_by_side
    both = pareta.json("auto", "compare", "Explain ledgers.")
    assert both["frontier"]["model"] == "gpt-5.5"
    assert both["auto"]["content"]
    auto, _, again, compared = pareta.spent()
    assert (auto, compared) == (again, both["frontier"]["cost_micro_usd"])
    printed = pareta("auto", "metrics")
    assert "requests (30d):     2" in printed
    assert "success rate:       100.0%" in printed
    assert "cheaper, projected)" in printed
    assert pareta.json("auto", "metrics")["billed_micro_usd_30d"] == auto + again
    pareta.fails(1, "gpt-5.5", "auto", "compare", "x", "-f", "no-such-model", PARETA_API_KEY=f"pareta_sk_{SPARE}")


SPARE = "command-line-spare"
"""A world whose ledger is nobody's business: the first half of a comparison is paid for before the second fails."""


@of(UNTIL_0)
def test_0_3_1_loses_the_rollup_and_comparisons_it_was_given(pareta: CommandLine) -> None:
    """The commands of that release fail after a good and paid answer, because they use a name that does not exist."""
    for words, costs in (
        (("metrics",), 0),
        (("compare", "Explain ledgers."), 2),
        (("compare", "x", "-f", "gpt-5.5"), 2),
    ):
        before = len(pareta.spent())
        done = pareta.run("auto", *words)
        assert done.code == 1
        assert "json_output" in done.stderr
        assert len(pareta.spent()) == before + costs
        pareta.note("auto", *words)
        pareta.note("--json", "auto", *words)


@of(SINCE_0)
def test_speech_is_written_and_heard(pareta: CommandLine) -> None:
    (pareta.folder / "clip.wav").write_bytes(recording())
    assert pareta("audio", "speak", "Prepaid credit pays for every call.").startswith("wrote speech.wav  (")
    told = pareta.json("audio", "speak", "hello", "--voice", "af_heart", "--out", "hello.wav")
    assert (told["file"], told["format"], type(told["sample_rate"])) == ("hello.wav", "wav", int)
    assert (pareta.folder / "hello.wav").read_bytes().startswith(b"RIFF")
    assert pareta("audio", "transcribe", "speech.wav") == "Prepaid credit pays for every call.\n"
    heard = pareta.json("audio", "transcribe", "clip.wav", "--language", "de")
    assert (heard["language"], heard["duration_s"]) == ("de", 2.0)
    assert pareta.spent()[-1] == 200
    assert len(pareta.spent()) == 4
    pareta.fails(1, "", "audio", "transcribe", "no-such-file.wav")


@of(SINCE_3)
def test_documents_are_ranked_and_texts_embedded(pareta: CommandLine) -> None:
    (pareta.folder / "docs.txt").write_text("The kitchen closes at ten.\n\nGoverned by the laws of Delaware.\n")
    table = pareta("rerank", "which laws govern", "--file", "docs.txt", "--top-n", "1")
    assert "Governed by the laws" in table
    assert "2 documents scored" in table
    ranked = pareta.json("rerank", "which laws govern", "the kitchen", "the laws of Delaware")
    assert ranked["results"][0]["index"] == 1
    assert "1024" in pareta("embed", "--file", "docs.txt", "--type", "query")
    found = pareta.json("embed", "one", "two")
    done = pareta.run("embed", "one", "two", "--out", "vectors.jsonl")
    assert done.code == 0
    written = [json.loads(line) for line in (pareta.folder / "vectors.jsonl").read_text().splitlines()]
    assert [row["vector"] for row in written] == [row["embedding"] for row in found["data"]]
    assert pareta.spent()[:2] == [4, 4]
    assert len(pareta.spent()) == 5
    pareta.fails(2, "not both", "rerank", "q", "d", "--file", "docs.txt")


@of(SINCE_3)
def test_images_are_written(pareta: CommandLine) -> None:
    assert pareta("image", "a fox", "--seed", "1") == "wrote image.png  (1024x1024, hidream-1)\n"
    told = pareta.json("image", "a fox", "--size", "2560x1440", "--out", "wide.png")
    assert told == {"file": "wide.png", "size": "2560x1440", "model": "hidream-1"}
    assert size_of((pareta.folder / "wide.png").read_bytes()) == (2560, 1440)
    (pareta.folder / "small.png").write_bytes(png(64, 64))
    assert pareta("image-edit", "small.png", "a red scarf").startswith("wrote edited.png  (")
    assert pareta.json("image-edit", "small.png", "a hat", "--out", "hat.png")["file"] == "hat.png"
    assert pareta.spent() == [40_000, 40_000, 80_000, 80_000]
    pareta.fails(1, "1024x1024", "image", "a fox", "--size", "1x1")
    pareta.fails(2, "no such image file", "image-edit", "none.png", "x")


# Exit codes


@of(SINCE_0)
def test_what_a_user_can_mend_is_2_and_what_the_server_refuses_is_1(pareta: CommandLine) -> None:
    refused = functools.partial(pareta.fails, is_process=True)
    refused(2, "missing API key", "models", "list", PARETA_API_KEY="")
    pareta.fails(2, "invalid API key", "models", "list", PARETA_API_KEY="sk_live_wrong")
    refused(2, "Usage", "no-such-command")
    pareta.fails(1, "endpoint 'ep-nowhere' not found", "chat", "--model", "ep-nowhere", "x")
    refused(1, "refused", "models", "list", PARETA_BASE_URL="http://127.0.0.1:9")
    pareta.org.set_balance(0)
    refused(1, "organization is out of credit", "chat", "x")
    pareta.fails(
        1, "organization is out of credit", "--json", "evals", "run", "--eval-set", "es_contracts", "--models", "a-1"
    )
    assert pareta.run("--version").stdout == pareta.version + "\n"


@of(SINCE_0)
def test_every_command_was_run_for_people_and_for_programs(version: str, used: Used, request: Any) -> None:
    mine: Callable[[Any], bool] = lambda item: item.path == request.node.path and version in item.name  # noqa: E731
    ran = sum(map(mine, request.session.items))
    defined = sum(
        version in mark.args[1]
        for name, test in globals().items()
        if name.startswith("test_")
        for mark in getattr(test, "pytestmark", [])
        if mark.name == "parametrize"
    )
    if ran < defined:
        pytest.skip("only all of these tests together show what was left out")
    silent = {"evals sets delete", "endpoints delete"}  # these print the same for both
    wanted = {
        (path, as_json) for path in commands(version) for as_json in (False, True) if not as_json or path not in silent
    }
    assert len(wanted) > 35
    assert sorted(wanted - used[version]) == []
