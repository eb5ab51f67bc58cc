"""Options of the command line: each is also a MOCKSERVER_* variable and a [tool.mockserver] key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import click
from click.core import ParameterSource

F = TypeVar("F", bound=Callable[..., None])


def option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """Add an option to a verb, by its long name first."""
    variable = f"MOCKSERVER_{names[0].removeprefix('--').replace('-', '_').upper()}"
    return click.option(*names, envvar=variable, show_envvar=True, **attributes)


HOST = option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
PORT = option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0 picks a free one.")
ADMIN_TOKEN = option("--admin-token", help="Credential for /_mock; needed to listen on anything but loopback.")
SERVER = option(
    "--server",
    type=click.Choice(("hypercorn", "uvicorn", "granian")),
    default="hypercorn",
    show_default=True,
    help="HTTP server; uvicorn and granian come with the extra 'fast'.",
)
LOG = option("--log", type=click.Choice(("text", "json")), default="text", show_default=True, help="Form of the log.")


def closeness(context: click.Context, name: str) -> int:
    """Return how close to the user an option was said.

    On the command line is 2, in the environment 1, in a file 0, and -1 nowhere.
    """
    source = context.get_parameter_source(name)
    order = (ParameterSource.DEFAULT_MAP, ParameterSource.ENVIRONMENT, ParameterSource.COMMANDLINE)
    return order.index(source) if source in order else -1


def usual_url() -> str:
    """Return where `serve` would listen, told what this command is told."""
    table = click.get_current_context().find_root().obj or {}
    port = os.environ.get("MOCKSERVER_PORT") or table.get("port", 8787)
    return f"http://127.0.0.1:{port}"


def options_of(group: click.Group) -> Iterator[click.Option]:
    """Yield the options of every verb of a group, and of the groups in it."""
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from options_of(command)
        yield from (parameter for parameter in command.params if isinstance(parameter, click.Option))


def defaults(group: click.Group, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return what click takes as the defaults of every verb of a group, if all of them read one table."""
    return {
        name: defaults(command, table) if isinstance(command, click.Group) else table
        for name, command in group.commands.items()
    }
