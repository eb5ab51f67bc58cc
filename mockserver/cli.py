"""The `mockserver` command: each verb reads its options, calls one function and prints.

Exit codes: 0 fine, 1 findings, 2 unusable request (one line on standard error says why). What a verb needs is
imported inside it, so that no verb pays for another.
"""

from __future__ import annotations

import gc
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockserver import __version__
from mockserver.cassette_commands import check, record, replay
from mockserver.kernel.errors import Unusable
from mockserver.kernel.garbage import uncollected
from mockserver.options import (
    ADMIN_TOKEN,
    HOST,
    LOG,
    PORT,
    SERVER,
    F,
    closeness,
    defaults,
    option,
    options_of,
    usual_url,
)
from mockserver.scenario_commands import scenario, shown

if TYPE_CHECKING:
    from types import FrameType

    from mockserver.app import Simulator
    from mockserver.config import Settings
    from mockserver.export import Format
    from mockserver.http.serve import ServerName
    from mockserver.logs import LogForm
    from mockserver.playing import Scene

FINDINGS = 1
UNUSABLE = 2
_POLL_S = 0.02


def main() -> None:
    """Run the command line of this process and exit."""
    sys.exit(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    try:
        status = cli.main(arguments, prog_name="mockserver", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
    except click.ClickException as error:
        _complain(error.format_message())
    except Unusable as error:
        _complain(str(error))
    except click.Abort:
        return 128 + signal.SIGINT
    else:
        return status if isinstance(status, int) else 0
    return UNUSABLE


def _complain(message: str) -> None:
    click.echo(f"mockserver: {' '.join(message.split())}", err=True)


# Options that several verbs share

_WORLDS = (
    option("--db", type=click.Path(path_type=Path), help="SQLite file; in memory when absent."),
    option(
        "--scenario",
        metavar="NAME|PATH",
        help="Scenario whose start state new worlds have; one with traffic is played, its history first.",
    ),
    option(
        "--history",
        metavar="SPAN",
        help="How much of the scenario happens at once, such as 7d; 0s for none.  [default: the scenario's]",
    ),
    option(
        "--fixtures",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Your own catalog, prices and other starting data, laid out like the shipped ones; for new databases.",
    ),
    option("--seed", type=int, help="Seed of new worlds.  [default: 0, or the scenario's]"),
    option("--clock", metavar="real|frozen|x60", help="Clock of new worlds.  [default: real, or the scenario's]"),
    option("--at", metavar="ISO", help="Instant at which the clock of new worlds starts.  [default: now]"),
    option("--strict", is_flag=True, help="Only the newest rules, where the vendors' generations differ."),
    option("--known-worlds-only", is_flag=True, help="Refuse keys that name no existing world."),
    SERVER,
    LOG,
)


def _world_options(verb: F) -> F:
    for add in reversed(_WORLDS):
        verb = add(verb)
    return verb


def _url_option(verb: F) -> F:
    return option("--url", default=usual_url, help="The running server.  [default: where `serve` would listen]")(verb)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="mockserver %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Offline simulator of Pareta and Paygentic, with the money right.

    Options come from the command line, then from MOCKSERVER_* variables, then from [tool.mockserver] in the
    nearest pyproject.toml.
    """
    context.obj = table = _project_options(context)
    context.default_map = defaults(cli, table)


def _project_options(context: click.Context) -> dict[str, Any]:
    """Return what the project's pyproject.toml sets, by parameter name.

    :raises Unusable: a key is no option of any verb.
    """
    from mockserver import project

    table = project.table(Path.cwd())
    known = {each.opts[0].removeprefix("--"): each.name for each in options_of(cli)}
    unknown = sorted(table.keys() - known.keys())
    if unknown:
        raise Unusable(f"[tool.mockserver] has no key '{unknown[0]}'; there are: {', '.join(sorted(known))}")
    return {str(known[key]): value for key, value in table.items()}


# Serving


@cli.command()
@HOST
@PORT
@ADMIN_TOKEN
@_world_options
@uncollected()  # until it is ready: looking for garbage among what stays would cost a fifth of the start
def serve(host: str, port: int, admin_token: str | None, server: ServerName, log: LogForm, **worlds: Any) -> None:
    """Run the server until it is interrupted.

    A --scenario with traffic is played in the world `default`: requests are answered once its history is there, and
    from then on it goes on as the clock moves. On a --db file it takes up where it stopped.
    """
    from mockserver import logs
    from mockserver.http.serve import listen, require, run, url_of

    logs.configure(log)
    require(server)
    settings, scene = _settings(admin_token=admin_token, **worlds)
    with (
        listen(host, port, is_guarded=admin_token is not None) as listener,
        _simulating(settings, scene, "default") as simulator,
    ):
        place = f"{server}, {settings.db or 'memory'}"
        banner = f"mockserver {__version__} listening on {url_of(listener)} ({place})"

        def announce() -> None:
            gc.freeze()
            gc.enable()
            click.echo(banner)

        run(simulator, listener, server=server, on_ready=announce)


@cli.command("exec", context_settings={"allow_interspersed_args": False})
@option("--world", default="default", show_default=True, help="World the keys name.")
@option(
    "--check",
    is_flag=True,
    help="When COMMAND succeeded, fail nevertheless if the world has an unmatched request, an unused fault or stub, or"
    " a violated invariant.",
)
@_world_options
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...", type=click.UNPROCESSED)
def execute(
    command: tuple[str, ...], world: str, check: bool, server: ServerName, log: LogForm, **worlds: Any
) -> None:  # fmt: skip
    """Run COMMAND against a server of its own on a free port, and return its status.

    Besides the variables the vendors' clients read, COMMAND gets MOCKSERVER_URL and MOCKSERVER_WORLD: faults, stubs and
    all else a test may want is below $MOCKSERVER_URL/_mock/worlds/$MOCKSERVER_WORLD. A --scenario with traffic is
    played in that world, its history before COMMAND starts.
    """
    from mockserver import logs
    from mockserver.http.serve import BackgroundServer

    logs.configure(log)
    with (
        _simulating(*_settings(**worlds), world) as simulator,
        BackgroundServer(simulator, server) as background,
    ):
        status = _command_status(command, {**os.environ, **_variables(background.url, world)})
        if check and not status:
            status = _checked(background.url, world)
    click.get_current_context().exit(status)


def _checked(url: str, world: str) -> int:
    """Print what a world is not held to, and return the status for that."""
    from mockserver.testing.aftermath import findings

    found = findings(url, world)
    if found:
        click.echo(
            "\n\n".join(["mockserver: the command succeeded, but not everything is as it must be", *found]), err=True
        )
    return FINDINGS if found else 0


def _variables(url: str, world: str) -> dict[str, str]:
    """Return what points the vendors' own clients, and whoever speaks to us, at a server and a world.

    :raises Unusable: no key can carry the world's name.
    """
    from mockserver.environment import client_variables

    return {**client_variables(url, world), "MOCKSERVER_URL": url.rstrip("/"), "MOCKSERVER_WORLD": world}


def _command_status(command: tuple[str, ...], environment: dict[str, str]) -> int:
    """Run a command to its end; what would interrupt us is left to it.

    :raises Unusable: it cannot be started.
    """
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        raise Unusable(f"cannot run {command[0]}: {error.strerror}") from None

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    # A terminal sends Ctrl-C to the command as well; what only we are sent is passed on.
    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    before[signal.SIGTERM] = signal.signal(signal.SIGTERM, pass_on)
    try:
        status = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status


def _settings(
    *,
    db: Path | None,
    scenario: str | None,
    history: str | None,
    fixtures: Path | None,
    seed: int | None,
    clock: str | None,
    at: str | None,
    strict: bool,
    known_worlds_only: bool,
    admin_token: str | None = None,
) -> tuple[Settings, Scene | None]:
    """Return the settings that the options and, below them, the scenario ask for; and the scenario, if it goes on.

    :raises Unusable: one of them cannot be had.
    """
    from mockserver.config import Settings, parse_clock
    from mockserver.kernel.windows import parse_instant
    from mockserver.kernel.world import Beginning

    beginning = Beginning()
    played: Scene | None = None
    if scenario is not None:
        from mockserver import resources
        from mockserver.playing import scene
        from mockserver.simulation.script import load

        script = load(resources.scenario(scenario))
        beginning = script.beginning
        if script.traffic is not None or script.steps or script.wallet.top_ups:
            played = scene(scenario, seed, history, clock)
            if at is not None:
                raise Unusable(f"--at: scenario {scenario} says itself when its traffic begins")
    if history is not None and played is None:
        raise Unusable("--history is of a --scenario that goes on after its start")
    try:
        if seed is not None:
            beginning = replace(beginning, seed=seed)
        if clock is not None:
            mode, rate = parse_clock(clock)
            beginning = replace(beginning, clock_mode=mode, clock_rate=rate)
        if at is not None:
            beginning = replace(beginning, clock_at=parse_instant(at))
    except ValueError as error:
        raise Unusable(str(error)) from None
    return Settings(db, beginning, strict, known_worlds_only, admin_token, scenario, fixtures), played


@contextmanager
def _simulating(settings: Settings, scene: Scene | None, world: str) -> Iterator[Simulator]:
    """Hold a simulator for the length of a block; its database is one closed file afterwards.

    :param scene: what has been played in a world when the block begins, if anything.
    """
    from mockserver.app import Simulator

    simulator = Simulator(settings)
    try:
        if scene is not None:
            from mockserver.playing import in_simulator

            gc.enable()  # its history is a lot of work, however short a start is
            shown(scene.name, in_simulator(simulator, world, scene))
        yield simulator
    finally:
        simulator.close()


# Talking to a running server


@cli.command(short_help="Print the variables the vendors' clients read.")
@_url_option
@option("--world", default="default", show_default=True, help="World the keys name.")
def env(url: str, world: str) -> None:
    """Print the variables the vendors' clients read, and our own, for `eval "$(mockserver env)"`."""
    if not _answers(url):
        raise Unusable(f"no mockserver answers at {url}")
    for name, value in _variables(url, world).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@cli.command()
@_url_option
@option("--timeout", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Seconds.")
def wait(url: str, timeout: float) -> None:
    """Return once the server answers."""
    from mockserver.kernel.clock import monotonic_s

    deadline = monotonic_s() + timeout
    while not _answers(url):
        if monotonic_s() >= deadline:
            raise Unusable(f"no mockserver answers at {url} within {timeout:g} s")
        time.sleep(_POLL_S)


@cli.command()
@click.argument("what", required=False)
@option("--world", default="default", show_default=True, help="World to read.")
@option("--db", type=click.Path(path_type=Path), help="A database that no server is using.")
@option("--url", help="A running server.")
@option("--admin-token", help="Credential for the server's /_mock, where it wants one.")
@option("--format", "form", type=click.Choice(("csv", "jsonl")), default="csv", show_default=True)
@option("--output", type=click.Path(path_type=Path), help="File to write; standard output when absent.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="PNG or SVG to draw: calls, cost, quality, and what really changed; in place of rows when WHAT is absent.",
)
@click.pass_context
def export(
    context: click.Context, what: str | None, world: str, db: Path | None, url: str | None, admin_token: str | None,
    form: Format, output: Path | None, plot: Path | None,
) -> None:  # fmt: skip
    """Write rows of a world, from --db FILE or from a running --url, or --plot a chart of it.

    WHAT is calls, events, costs (a row for each metric, customer and day), invoices, ledger, requests or truth (the
    drifts there really are). Decimals are exact text, instants are UTC, and equal worlds give equal bytes.
    """
    from mockserver.export import from_file, from_server

    if what is None and plot is None:
        raise Unusable("say WHAT to export, such as ledger, or --plot FILE")

    if closeness(context, "db") == closeness(context, "url"):
        raise Unusable("an export is from --db FILE or from --url URL: give one of them")
    is_file = closeness(context, "db") > closeness(context, "url")

    def rows(what: str, form: Format = "jsonl") -> Iterator[bytes]:
        if is_file:
            assert db is not None
            return from_file(db, world, what, form)
        assert url is not None
        return from_server(url, world, what, form, admin_token)

    if plot is not None:
        from mockserver.pictures import draw_world

        draw_world(world, rows, plot)
    if what is not None:
        _write(rows(what, form), output)


def _write(pieces: Iterator[bytes], output: Path | None) -> None:
    """Write pieces to a file or to standard output; a file is only touched once the first of them is there.

    :raises Unusable: it cannot be written.
    """
    first = next(pieces, b"")
    try:
        with nullcontext(sys.stdout.buffer) if output is None else output.open("wb") as file:
            file.write(first)
            file.writelines(pieces)
            file.flush()
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise Unusable(f"cannot write {output or 'the export'}: {error.strerror}") from None


def _answers(url: str) -> bool:
    """Tell whether a mockserver, and not something else, answers at a URL.

    :raises Unusable: it is not a URL of ours.
    """
    from http.client import HTTPException
    from urllib.request import ProxyHandler, build_opener

    if not url.startswith(("http://", "https://")):
        raise Unusable(f"'{url}' is not an http URL")
    direct = build_opener(ProxyHandler({}))  # a proxy in the environment is for other hosts than this one
    try:
        with direct.open(f"{url.rstrip('/')}/_mock/health", timeout=2) as answer:
            health = json.load(answer)
    except (OSError, HTTPException, ValueError):
        return False
    return isinstance(health, dict) and health.get("status") == "ok"


# Reading what is shipped


@cli.command()
@click.argument("api", type=click.Choice(("pareta", "paygentic", "control")))
def openapi(api: str) -> None:
    """Print an OpenAPI document."""
    from mockserver.control.openapi import control_document
    from mockserver.http.openapi import vendor_document
    from mockserver.vendors.registry import vendors

    document = (
        control_document()
        if api == "control"
        else next(vendor_document(vendor.api) for vendor in vendors() if vendor.name == api)
    )
    click.echo(json.dumps(document, indent=2))


@cli.command()
def fidelity() -> None:
    """Print every behaviour with its grade: documented, sdk, assumed or unproven."""
    from mockserver.vendors.registry import fidelity_pages

    for vendor, page in fidelity_pages().items():
        click.echo(f"{vendor}\n")
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("|"):
                click.echo(line)
        click.echo()


for command in (record, replay, check, scenario):
    cli.add_command(command)
