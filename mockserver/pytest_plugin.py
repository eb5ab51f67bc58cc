"""The pytest plugin: fixtures, a marker and options. Whatever they need is imported when the first of them is used.

Loaded at the start of every test run wherever mockserver is installed, so that it must cost next to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from mockserver.testing.cassette import Stand
    from mockserver.testing.keeper import Keeper
    from mockserver.testing.server import Server
    from mockserver.testing.world import World

MARKER = (
    "mockserver(scenario=, seed=, balance_usd=, at=, clock=, faults=, strict=, allow=, switches=, env=,"
    " block_network=, cassette=, record_mode=, on_miss=, order=, repeats=, match_on=): how the test's world of"
    " mockserver starts, what answers in its place, and what it is held to at the end"
)

# Each is an option, a variable and a line of the ini file; the first that is there counts.
_SETTINGS = {
    "url": ("--mockserver-url", "URL", "Use the mockserver that runs there instead of one in this process."),
    "admin_token": ("--mockserver-admin-token", "TOKEN", "Credential for its /_mock, where it wants one."),
    "report": ("--mockserver-report", "PATH", "Write a page about every test's calls, spend, faults and retries."),
}
_MODES = ("none", "once", "new_episodes", "all")
_RECORD_MODE = ("--mockserver-record-mode", "MODE", "Record cassettes: none (as usual), once, new_episodes or all.")
# Each may be said several times.
_LISTS = {
    "upstream": (
        "--mockserver-upstream",
        "VENDOR=URL",
        "Where cassettes are recorded from, such as pareta=https://...; once for each vendor. Or: simulator.",
    ),
    "redact": (
        "--mockserver-redact",
        "FIELD",
        "A field of JSON, forms, multipart or queries whose values are secret and not recorded, besides those that"
        " always are; once for each.",
    ),
}
_BLOCK = ("--mockserver-block-network", "Let no test connect to anything but this machine.")

_HAS_PASSED = pytest.StashKey[bool]()
_SEEN = pytest.StashKey[dict[str, Any]]()


# Options


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the options, and the lines of the ini file that do the same."""
    _spare_rewriting(pluginmanager)
    group = parser.getgroup("mockserver", "mockserver, the offline simulator of metered vendor APIs")
    for name, (flag, metavar, text) in _SETTINGS.items():
        group.addoption(flag, metavar=metavar, help=f"{text} [env: {_variable(name)}]")
        parser.addini(f"mockserver_{name}", f"{text} See {flag}.", default="")
    flag, metavar, text = _RECORD_MODE
    group.addoption(flag, metavar=metavar, choices=_MODES, help=f"{text} [env: {_variable('record_mode')}]")
    parser.addini("mockserver_record_mode", f"{text} Counts where no marker says one. See {flag}.", default="")
    for name, (flag, metavar, text) in _LISTS.items():
        group.addoption(flag, metavar=metavar, action="append", help=f"{text} [env: {_variable(name)}]")
        parser.addini(f"mockserver_{name}", f"{text} See {flag}.", type="args", default=[])
    flag, text = _BLOCK
    group.addoption(flag, action="store_true", default=None, help=text)
    parser.addini("mockserver_block_network", f"{text} See {flag}.", type="bool", default=False)


def _spare_rewriting(pluginmanager: pytest.PytestPluginManager) -> None:
    """Let pytest import the rest of us as it is.

    It rewrites the assert statements of every module a plugin is shipped with, to explain them: two seconds, for a
    simulator that explains itself.
    """
    marked = getattr(getattr(pluginmanager, "rewrite_hook", None), "_must_rewrite", None)
    if isinstance(marked, set):
        marked.discard(__name__.partition(".")[0])


def _variable(name: str) -> str:
    return f"MOCKSERVER_{name.upper()}"


def _setting(config: pytest.Config, name: str) -> str | None:
    said = (
        config.getoption(f"mockserver_{name}") or os.environ.get(_variable(name)) or config.getini(f"mockserver_{name}")
    )
    return str(said) if said else None


def _settings(config: pytest.Config, name: str) -> tuple[str, ...]:
    return tuple(
        config.getoption(f"mockserver_{name}")
        or os.environ.get(_variable(name), "").split()
        or config.getini(f"mockserver_{name}")
    )


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")  # set by pytest-xdist


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and whoever writes the report where one is wanted."""
    config.addinivalue_line("markers", MARKER)
    path = _setting(config, "report")
    if path is not None and not _is_worker(config):
        config.pluginmanager.register(_Reporter(path), "mockserver-reporter")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Make sure, before any test runs, that the server that was named is one of ours."""
    url = _setting(session.config, "url")
    if url is not None and not _is_worker(session.config):
        from mockserver.testing.remote import check
        from mockserver.testing.server import NoServer

        try:
            check(url, _setting(session.config, "admin_token"))
        except NoServer as error:
            raise pytest.UsageError(f"--mockserver-url: {error}") from None


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say which server is used, where that was chosen or much is asked for."""
    url = _setting(config, "url")
    if url is not None:
        return f"mockserver: {url}"
    if config.get_verbosity() > 0:
        from mockserver import __version__

        return f"mockserver: {__version__}, in this process"
    return None


# The network


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Keep the tests on this machine, where that was asked for."""
    if not _is_blocked(session.config):
        return (yield)
    with _blocked(session.config):
        return (yield)


def _is_blocked(config: pytest.Config) -> bool:
    return bool(config.getoption("mockserver_block_network") or config.getini("mockserver_block_network"))


def _blocked(config: pytest.Config) -> AbstractContextManager[None]:
    from urllib.parse import urlsplit

    from mockserver.testing.network import blocked

    url = _setting(config, "url")
    host = urlsplit(url).hostname if url else None
    return blocked(*([host] if host else []))


@pytest.fixture
def block_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every connection to anything but this machine fails, and says where it was to go."""
    with _blocked(request.config):
        yield


# Worlds


@pytest.fixture(scope="session")
def mockserver_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The session's server; a simulator in this process, whose socket opens when its `url` is asked for."""
    from mockserver.kernel.garbage import uncollected

    with uncollected():  # what a start makes is there to stay
        server = _server(request.config)
    yield server
    server.close()


def _server(config: pytest.Config) -> Server:
    from mockserver.testing.server import LocalServer, NoServer

    url = _setting(config, "url")
    if url is None:
        return LocalServer()
    from mockserver.testing.remote import RemoteServer

    try:
        return RemoteServer(url, _setting(config, "admin_token"))
    except NoServer as error:
        _fail(f"--mockserver-url: {error}")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a test whose marker is about the test itself its world, although it asks for no fixture."""
    names: list[str] | None = getattr(item, "fixturenames", None)
    if names is None or "mockserver" in names:
        return
    said: dict[str, Any] = {}
    for mark in item.iter_markers("mockserver"):
        said = {**mark.kwargs, **said}
    if said.get("env") or said.get("block_network"):
        names.insert(0, "mockserver")  # before fixtures that read the environment


@pytest.fixture
def _mockserver_keeper(request: pytest.FixtureRequest, mockserver_server: Server) -> Iterator[Keeper]:
    from mockserver.environment import KEY_VARIABLES
    from mockserver.testing.keeper import Keeper
    from mockserver.testing.marker import WrongOption, read

    # Before any world's own key stands there.
    keys = {vendor: os.environ[name] for vendor, name in KEY_VARIABLES.items() if os.environ.get(name)}
    marks = reversed(list(request.node.iter_markers("mockserver")))
    try:
        options = read((mark.args, mark.kwargs) for mark in marks)
    except WrongOption as error:
        _fail(f"@pytest.mark.mockserver: {error}")
    keeper = Keeper(mockserver_server, request.node.nodeid, options, lambda: _stand(request, keys))
    with ExitStack() as guard:
        if options.block_network:
            guard.enter_context(_blocked(request.config))
        yield keeper
    try:
        keeper.write_cassettes()
        violations = keeper.violations()
        if _setting(request.config, "report") is not None:
            from mockserver.testing.report import collect

            seen = [collect(world) for world in keeper.worlds]
            request.node.stash[_SEEN] = {"worlds": seen, "violations": violations}
    finally:
        keeper.remove()
    if violations:
        if request.node.stash.get(_HAS_PASSED, False):
            _fail(f"the test passed, but not everything is as it must be\n\n{violations}\n\n{_WAIVING}")
        request.node.add_report_section("teardown", "mockserver", violations)


_WAIVING = (
    'A rule is waived by @pytest.mark.mockserver(allow=["..."]): invariants, unmatched_requests, unused_faults,'
    " unused_stubs; a single fault or stub by optional=True."
)


def _stand(request: pytest.FixtureRequest, keys: dict[str, str]) -> Stand:
    """Return where a test stands whose world has a cassette, and what the run says about recording."""
    from mockserver.testing.cassette import Stand

    config = request.config
    return Stand(
        node=request.node.nodeid,
        file=request.node.path,
        mode=config.getoption("mockserver_record_mode") or os.environ.get(_variable("record_mode")) or None,
        usual_mode=config.getini("mockserver_record_mode") or None,
        upstreams=_settings(config, "upstream"),
        redacted=_settings(config, "redact"),
        keys=keys,
        is_blocked=_is_blocked(config) or "block_network" in request.fixturenames,
    )


@pytest.fixture
def mockserver(request: pytest.FixtureRequest, _mockserver_keeper: Keeper) -> World:
    """A fresh world, as the test's markers describe it."""
    from mockserver.testing.marker import WrongOption

    try:
        world = _mockserver_keeper.main()
    except WrongOption as error:
        _fail(f"@pytest.mark.mockserver: {error}")
    if _mockserver_keeper.options.env:
        world.setenv(request.getfixturevalue("monkeypatch"))
    return world


@pytest.fixture
def make_world(_mockserver_keeper: Keeper) -> Callable[..., World]:
    """Makes more worlds: `make_world(name=None, **options)`, with the marker's options where none are given."""
    from mockserver.testing.marker import WrongOption

    def make(name: str | None = None, **options: Any) -> World:
        __tracebackhide__ = True
        try:
            return _mockserver_keeper.make(name, **options)
        except WrongOption as error:
            _fail(f"make_world: {error}")

    return make


@pytest.fixture
def mockserver_env(mockserver: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables that point the vendors' clients at the test's world; set until the test ends."""
    mockserver.setenv(monkeypatch)
    return mockserver.env


def _fail(message: str) -> NoReturn:
    __tracebackhide__ = True
    raise pytest.fail.Exception(f"mockserver: {message}", pytrace=False) from None


# Clients


@pytest.fixture
def pareta_client(mockserver: World) -> Iterator[Any]:
    """A `pareta.Pareta` of the test's world; skips where it is not installed."""
    from mockserver.testing import clients

    yield from _opened(clients.pareta, mockserver)


@pytest.fixture
def async_pareta_client(mockserver: World) -> Iterator[Any]:
    """A `pareta.AsyncPareta` of the test's world; skips where it is not installed."""
    from mockserver.testing import clients

    yield from _opened(clients.async_pareta, mockserver)


@pytest.fixture
def paygentic_client(mockserver: World) -> Iterator[Any]:
    """A `paygentic_sdk.Paygentic` of the test's world, for sync and async calls; skips where it is not installed."""
    from mockserver.testing import clients

    yield from _opened(clients.paygentic, mockserver)


@pytest.fixture
def openai_client(mockserver: World) -> Iterator[Any]:
    """An `openai.OpenAI` that speaks to Pareta in the test's world; skips where it is not installed."""
    from mockserver.testing import clients

    yield from _opened(clients.openai, mockserver)


def _opened(open_client: Callable[[World], AbstractContextManager[Any]], world: World) -> Iterator[Any]:
    from mockserver.testing.clients import Missing

    with ExitStack() as stack:
        try:
            client = stack.enter_context(open_client(world))
        except Missing as missing:
            pytest.skip(str(missing))
        yield client


# What became of a test


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether the test itself passed, and hand over what its worlds have seen."""
    report = yield
    if report.when == "call":
        item.stash[_HAS_PASSED] = report.passed
    elif report.when == "teardown" and _SEEN in item.stash:
        # Travels to pytest-xdist's controller with the report.
        report.mockserver = item.stash[_SEEN]  # type: ignore[attr-defined]
    return report


class _Reporter:
    """Gathers what the tests' worlds have seen, and writes the page."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._tests: dict[str, dict[str, Any]] = {}
        self._outcomes: dict[str, str] = {}
        self._is_spread = False
        self._told = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in one phase of a test."""
        self._is_spread |= hasattr(report, "node")  # by pytest-xdist: tests end in any order
        outcome = "error" if report.failed and report.when != "call" else report.outcome
        if outcome != "passed" or report.when == "call":
            self._outcomes[report.nodeid] = outcome
        seen = getattr(report, "mockserver", None)
        if seen is not None:
            self._tests[report.nodeid] = seen

    def pytest_sessionfinish(self) -> None:
        """Write the page."""
        from mockserver.testing.report import write

        names = sorted(self._tests) if self._is_spread else list(self._tests)
        tests = [{"nodeid": name, "outcome": self._outcomes.get(name, "passed"), **self._tests[name]} for name in names]
        try:
            write(self._path, tests)
        except OSError as error:
            self._told = f"mockserver report: cannot write {self._path}: {error.strerror}"
        else:
            self._told = f"mockserver report: {self._path}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the page is."""
        terminalreporter.write_line(self._told)
