"""`mockserver scenario`: the scripted worlds. As in `cli`, each verb imports inside itself what it needs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockserver.kernel.errors import Unusable
from mockserver.options import closeness, option

if TYPE_CHECKING:
    from mockserver.playing import Played

FINDINGS = 1
UNUSABLE = 2


@click.group()
def scenario() -> None:
    """The scripted worlds."""


@scenario.command("list")
@option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_scenarios(as_json: bool) -> None:
    """Print the shipped scenarios: name, length and purpose."""
    from mockserver import resources
    from mockserver.kernel.windows import format_duration
    from mockserver.simulation.script import load

    found = [
        (script.name, None if script.length is None else format_duration(script.length), script.purpose)
        for script in (load(resources.scenario(name)) for name in resources.scenario_names())
    ]
    if as_json:
        click.echo(
            json.dumps([dict(zip(("name", "length", "purpose"), each, strict=True)) for each in found], indent=2)
        )
        return
    name_width = max((len(name) for name, _, _ in found), default=0)
    length_width = max((len(length or "") for _, length, _ in found), default=0)
    for name, length, purpose in found:
        click.echo(f"{name:{name_width}}  {length or '':>{length_width}}  {purpose}")


@scenario.command()
@click.argument("name", metavar="NAME|PATH")
@option("--json", "as_json", is_flag=True, help="Print JSON.")
@option("--yaml", "as_yaml", is_flag=True, help="Print the file as it is, to start one of your own from.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw a PNG or SVG instead: expected calls, what drifts, what goes wrong.",
)
def show(name: str, as_json: bool, as_yaml: bool, plot: Path | None) -> None:
    """Print what a scenario is good for, and what happens in it when; nothing is played."""
    from mockserver import resources
    from mockserver.control.operations.drifts import all_kinds
    from mockserver.simulation import synopsis
    from mockserver.simulation.planning import plan
    from mockserver.simulation.script import load
    from mockserver.vendors.registry import vendors

    path = resources.scenario(name)
    if as_yaml:
        click.echo(path.read_text(encoding="utf-8"), nl=False)
        return
    found = vendors()
    planned = plan(load(path), found)
    if plot is not None:
        from mockserver.pictures import draw_outlook

        draw_outlook(planned, plot)
    elif as_json:
        click.echo(json.dumps(synopsis.as_data(planned, all_kinds(found)), indent=2))
    else:
        click.echo("\n".join(synopsis.as_lines(planned, all_kinds(found))))


@scenario.command()
@click.argument("paths", nargs=-1, required=True, metavar="NAME|PATH...")
@option(
    "--fixtures",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Your own catalog, prices and other starting data that it will be played with.",
)
@click.pass_context
def validate(context: click.Context, paths: tuple[str, ...], fixtures: Path | None) -> None:
    """Check scenarios: every fault is printed with its file and line.

    What only a world can tell, such as whether an endpoint is there, is tried out in one that is thrown away. The
    status is 0 when all are fine, 1 when there is a fault, and 2 when a file cannot be read.
    """
    from mockserver.simulation.script import FaultyScript
    from mockserver.validation import Validator

    status = 0
    with Validator(fixtures) as validator:
        for path in paths:
            try:
                validator.check(path)
            except FaultyScript as faulty:
                for line in faulty.lines:
                    click.echo(line)
                status = max(status, FINDINGS)
            except Unusable as error:
                click.echo(f"mockserver: {error}", err=True)
                status = UNUSABLE
            else:
                click.echo(f"{path}: fine")
    context.exit(status)


@scenario.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors that complete and check YAML."""
    from mockserver.simulation.schema import document
    from mockserver.vendors.registry import vendors

    click.echo(json.dumps(document(vendors()), indent=2))


@scenario.command("from-cassette", short_help="Make a scenario whose traffic is like what a cassette recorded.")
@click.argument("cassettes", nargs=-1, required=True, metavar="CASSETTE...", type=click.Path(path_type=Path))
@option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write it there; not over a file.")
@option("--name", default="recorded", show_default=True, help="What the scenario is called.")
def from_cassette(cassettes: tuple[Path, ...], output: Path | None, name: str) -> None:
    """Print a scenario whose traffic is like what was recorded: how much of what, when, how long, how slow, how faulty.

    Each number has a comment that says what it was made of. What a recording is too short to tell is assumed.
    """
    from mockserver import resources
    from mockserver.cassettes.deriving import scenario_of
    from mockserver.cassettes.files import Library

    text = scenario_of(Library([resources.cassette(path) for path in cassettes]), name)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Unusable(f"{output} is there already") from None
    except OSError as error:
        raise Unusable(f"cannot write {output}: {error.strerror}") from None


@scenario.command(short_help="Tell how well a monitor's alerts tell what really changed.")
@click.argument("name", metavar="[NAME|PATH]", required=False)
@click.option("--alerts", metavar="FILE", help="Lines of at,kind,subject,note; - is standard input.")
@option("--db", type=click.Path(path_type=Path), help="A database that no server is using: the alerts in it.")
@option("--url", help="A running server: the alerts it was sent.")
@option("--world", default="default", show_default=True, help="World to look at, in the database or server.")
@option("--admin-token", help="Credential for the server's /_mock, where it wants one.")
@click.option("--grace", help="How long after a drift's end an alert may still be about it.  [default: 1d]")
@option("--json", "as_json", is_flag=True, help="Print JSON, as `GET alerts` answers.")
@click.pass_context
def score(
    context: click.Context, name: str | None, alerts: str | None, db: Path | None, url: str | None, world: str,
    admin_token: str | None, grace: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Tell which drifts a monitor noticed, how late, and how often it was wrong.

    With NAME and --alerts the truth comes from the scenario's file, and nothing is played. With --db or --url it is a
    played world's, and so are the alerts. The status is 0 if every drift was noticed and nothing else, otherwise 1.
    """
    from mockserver import resources, scores

    grace_us = _span(grace)
    if name is not None:
        if alerts is None:
            raise Unusable("a scenario has no alerts of its own: give --alerts FILE")
        told = scores.of_scenario(resources.scenario(name), _read(alerts), alerts, grace_us)
    elif alerts is not None:
        raise Unusable("alerts of a file are scored against a scenario: give its name or path")
    elif closeness(context, "db") == closeness(context, "url"):
        raise Unusable("a score is of NAME with --alerts FILE, of --db FILE or of --url URL: give one of them")
    elif closeness(context, "db") > closeness(context, "url"):
        assert db is not None
        told = scores.of_file(db, world, grace_us)
    else:
        assert url is not None
        told = scores.of_server(url, world, grace_us, admin_token)
    click.echo(json.dumps(told, indent=2) if as_json else scores.told(told))
    context.exit(0 if scores.is_perfect(told) else FINDINGS)


def _span(text: str | None) -> int | None:
    from mockserver.kernel.windows import parse_duration

    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise Unusable(str(error)) from None


def _read(path: str) -> str:
    """Return what is in a file, or comes from standard input.

    :raises Unusable: it cannot be read.
    """
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"cannot read {path}: {error}") from None


@scenario.command()
@click.argument("name", metavar="NAME|PATH")
@option("--world", default="default", show_default=True, help="World to play it in.")
@option("--db", type=click.Path(path_type=Path), help="A database that no server is using; made when absent.")
@option("--url", help="A running server.")
@option("--admin-token", help="Credential for the server's /_mock, where it wants one.")
@option("--seed", type=int, help="In place of the scenario's.")
@option("--history", metavar="SPAN", help="How much happens at once, such as 7d, in place of what the scenario says.")
@option("--quiet", is_flag=True, help="Show no progress, and no summary.")
@click.pass_context
def run(
    context: click.Context, name: str, world: str, db: Path | None, url: str | None, admin_token: str | None,
    seed: int | None, history: str | None, quiet: bool,
) -> None:  # fmt: skip
    """Play a scenario's history, into --db FILE or at a running --url.

    Whatever interrupts it, the same command goes on where it stopped, and ends with the same bytes.
    """
    from mockserver import playing

    if closeness(context, "db") == closeness(context, "url"):
        raise Unusable("a scenario is played into --db FILE or at --url URL: give one of them")
    scene = playing.scene(name, seed, history)
    faults = playing.faults(scene)
    if faults:
        for line in faults:
            click.echo(line, err=True)
        context.exit(FINDINGS)
    if closeness(context, "db") > closeness(context, "url"):
        assert db is not None
        place, pieces = f"--db {db}", playing.in_file(db, world, scene)
    else:
        assert url is not None
        place, pieces = f"--url {url}", playing.at_server(url, world, scene, admin_token)
    try:
        played = shown(name, pieces, is_quiet=quiet)
    except KeyboardInterrupt:
        click.echo("mockserver: interrupted; the same command goes on from there", err=True)
        raise click.Abort from None
    if not quiet:
        click.echo("\n".join(_told(played, world, place)))


def shown(label: str, pieces: Iterable[Played], *, is_quiet: bool = False) -> Played:
    """Take what is played, and show on a terminal how far it is; return what was told last."""
    from collections import deque

    from mockserver.playing import share_played

    if is_quiet or not sys.stderr.isatty():
        return deque(pieces, maxlen=1).pop()
    played: Played = {"tallies": {}}
    steps, done = 1000, 0

    def calls(_step: int | None) -> str:
        return f"{played['tallies'].get('calls', 0):,} calls"

    with click.progressbar(length=steps, label=label, file=sys.stderr, item_show_func=calls) as bar:
        for played in pieces:
            share = int(share_played(played) * steps)
            bar.update(share - done)
            done = share
    return played


def _told(played: Played, world: str, place: str) -> list[str]:
    from mockserver.playing import summary

    until = played["position"] or played["played_at"]
    lines = [f"{played['name']}: world '{world}' is at {until}", *(f"  {line}" for line in summary(played))]
    if played["starts_at"] is not None:
        lines.append(f"what really changes in it: mockserver export truth {place} --world {world}")
    if place.startswith("--db"):
        lines.append(f"to go on with it: mockserver serve {place}")
    return lines
