"""`mockserver scenario`: the scripted worlds. As in `cli`, each verb imports inside itself what it needs."""

from __future__ import annotations

import click

FINDINGS = 1


@click.group()
def scenario() -> None:
    """The scripted worlds."""


@scenario.command("list")
def list_scenarios() -> None:
    """Print the shipped scenarios with their purpose."""
    from mockserver import resources
    from mockserver.simulation.script import load

    names = resources.scenario_names()
    width = max(map(len, names), default=0)
    for name in names:
        click.echo(f"{name:{width}}  {load(resources.scenario(name)).purpose}")


@scenario.command()
@click.argument("name")
def show(name: str) -> None:
    """Print a scenario's file, by shipped name or by path."""
    from mockserver import resources

    click.echo(resources.scenario(name).read_text(encoding="utf-8"), nl=False)


@scenario.command()
@click.argument("name", metavar="PATH")
def validate(name: str) -> None:
    """Check a scenario's file; every fault is printed with its line."""
    from mockserver import resources
    from mockserver.simulation.script import FaultyScript, load

    path = resources.scenario(name)
    try:
        load(path)
    except FaultyScript as faulty:
        for line in faulty.lines:
            click.echo(line)
        click.get_current_context().exit(FINDINGS)
    click.echo(f"{path}: fine")
