"""What `@pytest.mark.mockserver(...)` and `make_world(...)` take, and how a world is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mockserver.config import parse_clock
from mockserver.kernel.errors import MockError

RULES = ("invariants", "unmatched_requests", "unused_faults", "unused_stubs")
"""What a world is held to when its test ends."""

OPTIONAL_RULES = ("unplayed_interactions",)
"""What it is held to where that is asked for."""

_EVERY_RULE = (*RULES, *OPTIONAL_RULES)

RECORD_MODES = ("none", "once", "new_episodes", "all")
"""When requests go to the real vendors to be recorded, as VCR.py calls it."""

_MAX_SEED = 2**63 - 1
_PARTS = ("method", "path", "query", "body", "host")


class WrongOption(MockError):
    """An option is unknown, or its value cannot be; the message names what can."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a world starts, and what it is held to at the end.

    :param scenario: name of a shipped one, or the path of a file.
    :param balance_usd: prepaid balance.
    :param at: what the clock shows at first; it stands still there unless `clock` says otherwise.
    :param clock: `real`, `frozen`, or how many times as fast, such as `x60`.
    :param faults: each as the keys of `faults.add`.
    :param strict: every rule, none, or the names of those to keep; `all` adds those that hold only if asked for.
    :param allow: names of rules to waive.
    :param switches: behaviours to turn on or off, by name.
    :param env: whether the variables of the vendors' clients are set for the test.
    :param block_network: whether every connection to elsewhere fails.
    :param cassette: recording that answers in the simulation's place: a file or a folder, by its path from the test's
        own folder; `True` for the test's own, `False` for none.
    :param record_mode: one of `RECORD_MODES`, or what the run says.
    :param on_miss: what becomes of a request that was not recorded: `error` or `simulate`.
    :param order: in which order what was recorded is played: `any` or `recorded`.
    :param repeats: what a request gets whose recordings have all been played: `never`, `last` or `cycle`.
    :param match_on: parts of a request that have to be as recorded.
    """

    scenario: str | Path | None = None
    seed: int | None = None
    balance_usd: str | Decimal | int | None = None
    at: str | datetime | None = None
    clock: str | None = None
    faults: Sequence[Mapping[str, Any]] | Mapping[str, Any] = ()
    strict: bool | str | Sequence[str] = True
    allow: str | Sequence[str] = ()
    switches: Mapping[str, bool] | None = None
    env: bool = False
    block_network: bool = False
    cassette: str | Path | bool | None = None
    record_mode: str | None = None
    on_miss: str = "error"
    order: str = "any"
    repeats: str = "never"
    match_on: Sequence[str] = ("method", "path", "query", "body")

    @property
    def rules(self) -> frozenset[str]:
        """The rules that hold."""
        if isinstance(self.strict, bool):
            kept: tuple[str, ...] = RULES if self.strict else ()
        else:
            kept = _EVERY_RULE if self.strict == "all" else _names(self.strict)
        return frozenset(kept) - frozenset(_names(self.allow))

    @property
    def start(self) -> tuple[object, ...]:
        """What worlds have in common that start alike, but for their faults."""
        switches = tuple(sorted((self.switches or {}).items()))
        return (str(self.scenario), self.seed, str(self.balance_usd), str(self.at), self.clock, switches)


def read(said: Iterable[tuple[Sequence[Any], Mapping[str, Any]]], base: Options | None = None) -> Options:
    """Return the options that markers give, the outermost first; a later one overrides what it names.

    :param said: arguments and options of each.
    :raises WrongOption: there is an argument, an unknown option, or a value that cannot be.
    """
    merged: dict[str, Any] = {}
    for arguments, options in said:
        if arguments:
            raise WrongOption(
                f"options have names, such as balance_usd='1.00'; {arguments[0]!r} has none. There are: {_known()}"
            )
        for name, value in options.items():
            _check(name, value)
            merged[name] = value
    found = replace(base or Options(), **merged)
    if found.cassette is None:
        for name in sorted(_ABOUT_CASSETTES & merged.keys()):
            raise WrongOption(
                f"{name}={merged[name]!r} is about a cassette, and there is none: say cassette=True, or where it is"
            )
    return found


_ABOUT_CASSETTES = {"record_mode", "on_miss", "order", "repeats", "match_on"}


def _known() -> str:
    return ", ".join(field.name for field in fields(Options))


def _check(name: str, value: Any) -> None:
    if name not in _CHECKS:
        near = get_close_matches(name, _CHECKS, 1)
        meant = f" (did you mean '{near[0]}'?)" if near else ""
        raise WrongOption(f"there is no option '{name}'{meant}; there are: {_known()}")
    wanted = _CHECKS[name](value)
    if wanted is not None:
        raise WrongOption(f"{name}={value!r}: {wanted}")


# What is wanted in place of a value, or nothing where it will do.


def _scenario(value: Any) -> str | None:
    from mockserver.resources import scenario, scenario_names

    if not isinstance(value, str | Path):
        return f"give a name or a path; there are: {', '.join(scenario_names())}"
    try:
        scenario(str(value))
    except MockError:
        return f"no such file, and no such scenario; there are: {', '.join(scenario_names())}"
    return None


def _seed(value: Any) -> str | None:
    is_fine = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_SEED
    return None if is_fine else "give a whole number"


def _balance(value: Any) -> str | None:
    from mockserver.kernel.money import micro_usd

    wanted = "give exact dollars as text or Decimal, such as '1.00'; 0 for none"
    if isinstance(value, bool) or not isinstance(value, str | Decimal | int):
        return wanted
    try:
        return wanted if micro_usd(str(value)) < 0 else None
    except ValueError:
        return wanted


def _at(value: Any) -> str | None:
    from mockserver.kernel.windows import parse_instant

    if isinstance(value, datetime):
        return None if value.tzinfo is not None else "say in which zone, such as datetime(2026, 5, 1, tzinfo=UTC)"
    wanted = "give ISO 8601 text, such as '2026-05-01T00:00:00Z', or a datetime with its zone"
    if not isinstance(value, str):
        return wanted
    try:
        parse_instant(value)
    except ValueError:
        return wanted
    return None


def _clock(value: Any) -> str | None:
    try:
        parse_clock(value)
    except (ValueError, TypeError):
        return "give 'real', 'frozen', or how many times as fast, such as 'x60'"
    return None


def _faults(value: Any) -> str | None:
    wanted = "give a list of faults, each a dict such as {'operation': 'chat.*', 'status': 503}"
    each = [value] if isinstance(value, Mapping) else value
    if isinstance(each, str) or not isinstance(each, Sequence):
        return wanted
    return (
        None if all(isinstance(fault, Mapping) and all(isinstance(k, str) for k in fault) for fault in each) else wanted
    )


def _strict(value: Any) -> str | None:
    if isinstance(value, bool) or value == "all":
        return None
    return _some(value, _EVERY_RULE, "True, False, 'all', or the names of the rules to keep: ")


def _allow(value: Any) -> str | None:
    return _some(value, _EVERY_RULE, "the names of the rules to waive: ")


def _some(value: Any, known: Sequence[str], before: str) -> str | None:
    wanted = f"give {before}{', '.join(known)}"
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple | set | frozenset):
        return wanted
    return None if all(name in known for name in names) else wanted


def _cassette(value: Any) -> str | None:
    is_fine = isinstance(value, bool) or (isinstance(value, str | Path) and str(value) not in ("", "."))
    return (
        None
        if is_fine
        else "give the path of a file or folder, a shipped name, True for the test's own, or False for none"
    )


def _match_on(value: Any) -> str | None:
    wanted = _some(value, _PARTS, "parts of a request: ")
    return wanted or (None if value else f"give at least one of {', '.join(_PARTS)}")


def _one_of(*known: str) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and value in known else f"give one of {', '.join(known)}"

    return check


def _switches(value: Any) -> str | None:
    wanted = "give a dict of switches by name, such as {'pareta.strict': True}"
    if not isinstance(value, Mapping):
        return wanted
    return None if all(isinstance(k, str) and isinstance(v, bool) for k, v in value.items()) else wanted


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "give True or False"


_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "scenario": _scenario, "seed": _seed, "balance_usd": _balance, "at": _at, "clock": _clock, "faults": _faults,
    "strict": _strict, "allow": _allow, "switches": _switches, "env": _flag, "block_network": _flag,
    "cassette": _cassette, "record_mode": _one_of(*RECORD_MODES), "on_miss": _one_of("error", "simulate"),
    "order": _one_of("any", "recorded"), "repeats": _one_of("never", "last", "cycle"), "match_on": _match_on,
}  # fmt: skip


def _names(value: str | Iterable[str] | bool) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value) if not isinstance(value, bool) else ()
