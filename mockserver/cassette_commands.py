"""`mockserver record`, `replay` and `check`. As in `cli`, each verb imports inside itself what it needs."""

from __future__ import annotations

from pathlib import Path

import click

CASSETTES = click.argument("cassettes", nargs=-1, required=True, metavar="CASSETTE...", type=click.Path(path_type=Path))


@click.command()
@click.argument("cassette", type=click.Path(path_type=Path))
def record(cassette: Path) -> None:
    """Stand between clients and the real vendors, and write down what passes."""
    raise NotImplementedError


@click.command()
@CASSETTES
def replay(cassettes: tuple[Path, ...]) -> None:
    """Serve recorded answers to any client."""
    raise NotImplementedError


@click.command()
@CASSETTES
def check(cassettes: tuple[Path, ...]) -> None:
    """Send every recorded request to the simulator, and report where its answers differ."""
    raise NotImplementedError
