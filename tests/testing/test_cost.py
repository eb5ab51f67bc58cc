"""What the plugin costs those who do not use it, and how it behaves beside other plugins and without autoload."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testing.conftest import Inner

pytest_plugins = ("pytester",)

OWN = {"mockserver", "mockserver.pytest_plugin"}
HEAVY = ["schemathesis", "hypothesispytest", "respx", "pytest_httpx", "pytest_httpserver", "faker"]
"""Plugins beside ours that take a second to load, and that these runs do not need; the others load by themselves."""
PRINT = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, without what the surrounding test run has put into its environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False,
        env={**clean, **environment},
    )  # fmt: skip


def without(*plugins: str) -> list[str]:
    """Return the options of a pytest that does not load these plugins."""
    return [option for name in plugins for option in ("-p", f"no:{name}")]


def test_importing_the_plugin_imports_nothing_but_itself(tmp_path: Path) -> None:
    before = run(tmp_path, "-c", f"import pytest; {PRINT}")
    after = run(tmp_path, "-c", f"import pytest, mockserver.pytest_plugin; {PRINT}")

    assert set(json.loads(after.stdout)) - set(json.loads(before.stdout)) == OWN


@pytest.mark.parametrize("arguments", [(), ("-v", "--fixtures")])
def test_a_run_without_a_world_loads_nothing_of_the_simulator(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "test_plain.py").write_text("def test_it(): pass\n")
    (tmp_path / "conftest.py").write_text(
        "import sys\n"
        "def pytest_unconfigure():\n"
        "    loaded = sorted(name for name in sys.modules if name.partition('.')[0] == 'mockserver')\n"
        "    print('LOADED', ' '.join(loaded))\n"
    )

    done = run(tmp_path, "-m", "pytest", "-p", "no:cacheprovider", *without(*HEAVY), *arguments)

    (line,) = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    assert set(line.split()[1:]) == OWN


def test_pytest_imports_the_simulator_as_it_is(inner: Inner) -> None:
    inner(
        """
        import sys

        def test_it(mockserver, pytestconfig):
            hook = pytestconfig.pluginmanager.rewrite_hook
            assert "mockserver" not in hook._must_rewrite
            assert type(sys.modules["mockserver.kernel.world"].__spec__.loader) is not type(hook)
        """,
        passed=1,
    )


def test_it_works_without_autoload(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text(
        "import pytest\n"
        "@pytest.mark.mockserver(balance_usd='2')\n"
        "def test_it(mockserver, request):\n"
        "    assert mockserver.credits.balance_usd == 2\n"
        "    assert not request.config.pluginmanager.hasplugin('xdist')\n"
    )
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers", "-W", "error"]

    with_it = run(tmp_path, *command, "-p", "mockserver.pytest_plugin", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    alone = run(tmp_path, *command, *without("mockserver", *HEAVY))

    assert with_it.returncode == 0, with_it.stdout
    assert "'mockserver' not found in `markers`" in alone.stdout


def test_it_says_little_about_itself(inner: Inner) -> None:
    quiet = inner("def test_it(): pass", passed=1)
    quiet.stdout.no_fnmatch_line("mockserver:*")

    from mockserver import __version__

    talkative = inner("def test_it(): pass", "-v", passed=1)
    talkative.stdout.fnmatch_lines([f"mockserver: {__version__}, in this process"])


def test_options_and_marker_are_explained(pytester: pytest.Pytester) -> None:
    shown = pytester.runpytest_inprocess("--help")
    shown.stdout.fnmatch_lines_random(
        [
            "*--mockserver-url=URL*",
            "*--mockserver-admin-token=TOKEN*",
            "*--mockserver-report=PATH*",
            "*--mockserver-block-network*",
        ]
    )

    markers = pytester.runpytest_inprocess("--markers")
    markers.stdout.fnmatch_lines(["@pytest.mark.mockserver(scenario=, seed=, balance_usd=, *"])


def test_every_fixture_is_explained(pytester: pytest.Pytester) -> None:
    shown = pytester.runpytest_inprocess("--fixtures")

    names = [line.split()[0] for line in shown.outlines if "mockserver/pytest_plugin.py" in line]
    assert sorted(names) == [
        "async_pareta_client", "block_network", "make_world", "mockserver", "mockserver_env", "mockserver_server",
        "openai_client", "pareta_client", "paygentic_client",
    ]  # fmt: skip
    shown.stdout.no_fnmatch_line("*no docstring available*pytest_plugin*")


def test_the_variables_are_set_for_a_test_and_gone_after_it(inner: Inner) -> None:
    inner(
        """
        import os

        def test_with(mockserver, mockserver_env):
            assert mockserver_env == mockserver.env
            assert mockserver_env.items() <= os.environ.items()

        def test_without(mockserver):
            assert "PARETA_API_KEY" not in os.environ
        """,
        passed=2,
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_report_has_every_test_with_a_world(tmp_path: Path, workers: int) -> None:
    (tmp_path / "test_some.py").write_text(
        "import httpx\n"
        "def test_one(pareta_client): pareta_client.models.list()\n"
        "def test_two(mockserver): assert False\n"
        "def test_three(mockserver): mockserver.stubs.add('Never.')\n"
        "def test_four(): pass\n"
    )
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *without(*HEAVY), "--mockserver-report", "out/run.html"]

    done = run(tmp_path, *command, *(["-n", str(workers)] if workers else []))

    assert "mockserver report: out/run.html" in done.stdout
    page = (tmp_path / "out" / "run.html").read_text()
    assert all(f"test_some.py::test_{name}" in page for name in ("one", "two", "three"))
    assert "test_four" not in page
    assert "pareta.models.list" in page
    assert "one stub not used up" in page


def test_a_report_that_cannot_be_written_is_said_so(inner: Inner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "run.html"

    result = inner("def test_it(mockserver): pass", f"--mockserver-report={path}", passed=1)

    result.stdout.fnmatch_lines([f"mockserver report: cannot write {path}: *"])
