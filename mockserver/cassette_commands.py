"""`mockserver record`, `replay` and `check`. As in `cli`, each verb imports inside itself what it needs."""

from __future__ import annotations

import gc
import json
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockserver.kernel.errors import Unusable
from mockserver.kernel.garbage import uncollected
from mockserver.options import ADMIN_TOKEN, HOST, LOG, PORT, SERVER, F, closeness, option

if TYPE_CHECKING:
    from mockserver.app import Simulator
    from mockserver.cassettes.checking import Start
    from mockserver.cassettes.files import Library
    from mockserver.cassettes.finding import Grade
    from mockserver.cassettes.ignoring import Rules
    from mockserver.cassettes.player import Order, Repeats, Timing
    from mockserver.cassettes.verdicts import Verdict
    from mockserver.cassettes.writing import RecordMode
    from mockserver.http.serve import ServerName
    from mockserver.logs import LogForm

_ON_THE_COMMAND_LINE = 2


def _cassettes(_context: click.Context, _parameter: click.Parameter, paths: tuple[Path, ...]) -> tuple[Path, ...]:
    from mockserver import resources

    return tuple(resources.cassette(path) for path in paths)


CASSETTES = click.argument(
    "cassettes",
    nargs=-1,
    required=True,
    metavar="CASSETTE...",
    type=click.Path(path_type=Path),
    callback=_cassettes,
)


def _simulated(verb: F) -> F:
    for add in (
        option("--seed", type=int, help="Seed of the simulated world.  [default: 0, or the scenario's]"),
        option(
            "--fixtures",
            type=click.Path(path_type=Path),
            metavar="FOLDER",
            help="Starting data of the simulated world.",
        ),
        option(
            "--scenario", metavar="NAME|PATH", help="Start state of the simulated world; its traffic is not played."
        ),
    ):
        verb = add(verb)
    return verb


@click.command()
@HOST
@PORT
@option(
    "--upstream",
    "upstreams",
    multiple=True,
    metavar="VENDOR=URL",
    help="Where a vendor's requests go, such as pareta=https://api.pareta.ai; nothing else is spoken to. Repeatable.",
)
@option(
    "--record-mode",
    "mode",
    type=click.Choice(("once", "new_episodes", "all")),
    default="once",
    show_default=True,
    help="As in VCR.py: refuse a cassette that is there, add to it what it does not have, or replace it.",
)
@option(
    "--only",
    multiple=True,
    metavar="'METHOD PATH'",
    help="Keep what matches, such as 'POST /v1/*'; the rest is passed on only. Repeatable.",
)
@option(
    "--redact",
    multiple=True,
    metavar="FIELD",
    help="A field of JSON, forms, multipart or queries whose values are secret, besides those that always are."
    " Repeatable.",
)
@option("--keep-header", multiple=True, metavar="NAME", help="A request header to keep. Repeatable.")
@option(
    "--upstream-timeout",
    "timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    help="Seconds an upstream may be silent.",
)
@SERVER
@LOG
@click.argument("cassette")
@click.pass_context
def record(
    context: click.Context,
    cassette: str,
    host: str,
    port: int,
    upstreams: tuple[str, ...],
    mode: RecordMode,
    only: tuple[str, ...],
    redact: tuple[str, ...],
    keep_header: tuple[str, ...],
    timeout: float,
    server: ServerName,
    log: LogForm,
) -> None:
    """Stand between clients and the real vendors, and write down what passes, until interrupted.

    Point clients at it with their own keys; keys, cookies and e-mail addresses never reach CASSETTE, which VCR.py can
    play as well. It is a file that ends in .yaml or .json, or a folder that gets a file for each vendor. The status is
    1 when something that was to be written is lost.
    """
    from mockserver import __version__, logs
    from mockserver.cassettes.recorder import Recorder
    from mockserver.http.serve import listen, require, run, url_of

    logs.configure(log)
    require(server)
    if cassette.strip() in ("", "-"):
        raise Unusable(f"'{cassette}' is no place to record into: name a file that ends in .yaml or .json, or a folder")
    recorder = Recorder(
        _upstreams(upstreams),
        Path(cassette),
        mode=mode,
        fields=redact,
        keep_headers=keep_header,
        only=only,
        timeout_s=timeout,
    )
    try:
        # Whoever reaches it can only ask the upstreams, with a key of their own.
        with listen(host, port, is_guarded=True) as listener:
            banner = f"mockserver {__version__} recording into {cassette} on {url_of(listener)} ({server})"
            run(recorder, listener, server=server, on_ready=lambda: click.echo(banner))
    finally:
        recorder.close()
    click.echo(recorder.summary())
    context.exit(1 if recorder.lost else 0)


def _upstreams(said: tuple[str, ...]) -> dict[str, str]:
    """Return the URL of each vendor that has one; a bare URL is of the only vendor whose name its host has.

    :raises Unusable: there is none, or it is not clear whose it is.
    """
    from urllib.parse import urlsplit

    from mockserver.vendors.registry import vendors

    names = [vendor.name for vendor in vendors()]
    wanted = " ".join(f"--upstream {name}=https://..." for name in names)
    if not said:
        raise Unusable(f"say where requests are to go: {wanted}, one or more of them")
    found: dict[str, str] = {}
    for text in said:
        name, _, url = text.partition("=")
        if "://" in name:
            url = text
            try:
                host = urlsplit(url).hostname or ""
            except ValueError:
                host = ""
            name = next((n for n in names if n in host.split(".")), "")
        if name not in names:
            raise Unusable(f"--upstream: it is not clear which vendor '{text}' is: {wanted}")
        if name in found:
            raise Unusable(f"--upstream: there are two for {name}")
        found[name] = url
    return found


@click.command()
@HOST
@PORT
@ADMIN_TOKEN
@option(
    "--on-miss",
    type=click.Choice(("error", "simulate")),
    default="error",
    show_default=True,
    help="What becomes of a request that was not recorded: it is answered 421, or by a simulation in which everything"
    " that was played has happened too.",
)
@option(
    "--order",
    type=click.Choice(("any", "recorded")),
    default="any",
    show_default=True,
    help="The first recording of a request that was not played yet, or only the next one of a file.",
)
@option(
    "--repeats",
    type=click.Choice(("never", "last", "cycle")),
    default="never",
    show_default=True,
    help="What becomes of a request once all its recordings were played: as one that was not recorded, the last"
    " answer again, or the first again.",
)
@option(
    "--match-on",
    metavar="PART,...",
    default="method,path,query,body",
    show_default=True,
    help="What of a request counts; also: host.",
)
@option(
    "--timing",
    type=click.Choice(("none", "recorded")),
    default="none",
    show_default=True,
    help="Whether answers, and the pieces of streams, wait as they did when they were recorded.",
)
@option(
    "--stale-after",
    metavar="SPAN",
    default="180d",
    show_default=True,
    help="Warn of cassettes that were recorded longer ago; 0 for never.",
)
@_simulated
@SERVER
@LOG
@CASSETTES
@click.pass_context
@uncollected()  # until it is ready: what a start makes is there to stay
def replay(
    context: click.Context,
    cassettes: tuple[Path, ...],
    host: str,
    port: int,
    admin_token: str | None,
    on_miss: str,
    order: Order,
    repeats: Repeats,
    match_on: str,
    timing: Timing,
    stale_after: str,
    scenario: str | None,
    fixtures: Path | None,
    seed: int | None,
    server: ServerName,
    log: LogForm,
) -> None:
    """Serve recorded answers to any client, until interrupted; then say what was played.

    A CASSETTE is a file that VCR.py or `mockserver record` wrote, or a folder of such files. Which host a request was
    recorded from does not count, nor do its headers. GET /_mock/replay tells what was played and what was missed.
    """
    from mockserver import __version__, logs
    from mockserver.cassettes.files import Library
    from mockserver.cassettes.player import Player
    from mockserver.cassettes.replaying import ReplayApp, stale, summary
    from mockserver.http.serve import listen, require, run, url_of

    logs.configure(log)
    require(server)
    parts, stale_after_us = _parts(match_on), _span("--stale-after", stale_after)
    told = [name for name in ("scenario", "fixtures", "seed") if closeness(context, name) == _ON_THE_COMMAND_LINE]
    if on_miss == "error" and told:
        raise Unusable(f"--{told[0]} is of the world that --on-miss simulate has")
    with listen(host, port, is_guarded=admin_token is not None) as listener, ExitStack() as stack:
        library = Library(cassettes)
        player = Player(library, order=order, repeats=repeats, match_on=parts, timing=timing)
        simulator: Simulator | None = None
        if on_miss == "simulate":
            simulator = _along(scenario, fixtures, seed, admin_token)
            stack.callback(simulator.close)
        if stale_after_us:
            for line in stale(library, stale_after_us):
                click.echo(f"mockserver: {line}", err=True)
        app = ReplayApp(player, simulator, admin_token)
        files = "1 file" if len(library.files) == 1 else f"{len(library.files)} files"
        played = f"{'1 interaction' if len(library) == 1 else f'{len(library)} interactions'} of {files}"
        banner = f"mockserver {__version__} replaying {played} on {url_of(listener)} ({server})"

        def announce() -> None:
            gc.freeze()
            gc.enable()
            click.echo(banner)

        run(app, listener, server=server, on_ready=announce)
        click.echo(summary(player, app.simulated))


def _parts(text: str) -> frozenset[str]:
    """Return the parts of a request that are to count.

    :raises Unusable: there is no such part.
    """
    from mockserver.cassettes.matching import PARTS

    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = next((part for part in parts if part not in PARTS), None)
    if wrong is not None or not parts:
        raise Unusable(f"--match-on: '{wrong or text}' is no part of a request; there are: {', '.join(PARTS)}")
    return frozenset(parts)


def _span(name: str, text: str) -> int:
    """Return a length of time in microseconds.

    :raises Unusable: it is none.
    """
    from mockserver.kernel.windows import parse_duration

    try:
        return 0 if text.strip() == "0" else parse_duration(text)
    except ValueError as error:
        raise Unusable(f"{name}: {error}") from None


def _along(scenario: str | None, fixtures: Path | None, seed: int | None, admin_token: str | None) -> Simulator:
    """Return the simulator that goes along with a recording, in memory.

    :raises Unusable: the scenario or the fixtures cannot be used.
    """
    from mockserver.app import Simulator
    from mockserver.config import Settings
    from mockserver.kernel.world import Beginning

    beginning = Beginning()
    if scenario is not None:
        from mockserver import resources
        from mockserver.simulation.script import load

        beginning = load(resources.scenario(scenario)).beginning
    if seed is not None:
        beginning = replace(beginning, seed=seed)
    return Simulator(Settings(None, beginning, admin_token=admin_token, scenario=scenario, fixtures=fixtures))


@click.command()
@option("--ignore", type=click.Path(path_type=Path), metavar="FILE", help="Rules about differences that are all right.")
@option(
    "--grade",
    type=click.Choice(("breaking", "additive", "value")),
    default="value",
    show_default=True,
    help="The least grave difference that makes the status 1; all are reported.",
)
@option(
    "--report",
    "form",
    type=click.Choice(("text", "json", "junit")),
    default="text",
    show_default=True,
    help="Form of the report.",
)
@option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Where the report goes.  [default: stdout]")
@option("--coverage", is_flag=True, help="Report too which documented operations no cassette has.")
@_simulated
@CASSETTES
@click.pass_context
def check(
    context: click.Context,
    cassettes: tuple[Path, ...],
    ignore: Path | None,
    grade: Grade,
    form: str,
    output: Path | None,
    coverage: bool,
    scenario: str | None,
    fixtures: Path | None,
    seed: int | None,
) -> None:
    """Send every recorded request to the simulator, and report where its answers differ.

    A CASSETTE is a file that VCR.py or `mockserver record` wrote, or a folder of such files: the files of one folder
    are one recording. The status is 0 when nothing differs, 1 when something does, and 2 when a cassette is no good
    or all are empty.
    """
    from mockserver.cassettes.checking import Start
    from mockserver.cassettes.files import Library

    rules = _rules(ignore)
    if output is not None and not output.parent.is_dir():
        raise Unusable(f"cannot write {output}: {output.parent} is no folder")
    library = Library(cassettes)
    if not len(library):
        where = ", ".join(str(file.path) for file in library.files[:3]) + (", ..." if len(library.files) > 3 else "")
        raise Unusable(f"there is nothing to check: no interaction is recorded in {where}")
    verdict = _verdict(library, Start(scenario, seed, fixtures), rules, is_covering=coverage)
    content = _report(verdict, form)
    if output is None:
        click.echo(content, nl=False)
    else:
        try:
            output.write_bytes(content)
        except OSError as error:
            raise Unusable(f"cannot write {output}: {error.strerror}") from None
    counted = {"breaking": 1, "additive": 2, "value": 3}[grade]
    found = [verdict.sums[each] for each in ("breaking", "additive", "value")]
    context.exit(1 if any(found[:counted]) else 0)


def _report(verdict: Verdict, form: str) -> bytes:
    if form == "junit":
        return verdict.junit()
    text = verdict.text() if form == "text" else json.dumps(verdict.json(), indent=2) + "\n"
    return text.encode()


def _rules(path: Path | None) -> Rules:
    """Return the rules of a file, or none.

    :raises Unusable: it is no file of rules.
    """
    from mockserver.cassettes.ignoring import Rules, load
    from mockserver.kernel.clock import machine_now
    from mockserver.kernel.windows import DAY

    if path is None:
        return Rules()
    return load(path, date(1970, 1, 1) + timedelta(days=machine_now() // DAY))


def _verdict(library: Library, start: Start, rules: Rules, *, is_covering: bool) -> Verdict:
    """Check every interaction of some cassettes; what the simulator logs of odd requests is not of interest."""
    import logging

    from mockserver.cassettes.checking import check
    from mockserver.cassettes.coverage import Coverage
    from mockserver.cassettes.verdicts import Verdict
    from mockserver.vendors.registry import vendors

    verdict = Verdict(rules)
    seen = Coverage([vendor.api for vendor in vendors()])
    log = logging.getLogger("mockserver")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        for judged in check(library, start):
            verdict.add(judged)
            seen.add(judged)
    finally:
        log.setLevel(level)
    if is_covering:
        verdict.coverage = seen.operations()
    return verdict
