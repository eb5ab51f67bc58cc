"""How well a monitor did: told from a scenario and a file of alerts, from a database file, or by a running server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mockserver.kernel.errors import Unusable
from mockserver.kernel.windows import DAY, LATEST, SECOND, format_duration

Score = Mapping[str, Any]
"""As `GET alerts` answers."""


def of_scenario(scenario: Path, alerts: str, path: str, grace_us: int | None) -> Score:
    """Return how well alerts tell what a scenario lets drift. Nothing is played: the truth is in its file.

    :param alerts: lines of comma-separated values, from a file called `path`.
    :raises Unusable: one of the two is faulty.
    """
    from mockserver.control.alerts import read_alerts
    from mockserver.control.drifts import GRACE_US, present_score
    from mockserver.control.operations.drifts import all_kinds
    from mockserver.kernel.drifts import Labelled
    from mockserver.kernel.scoring import score
    from mockserver.simulation.planning import plan
    from mockserver.simulation.script import load
    from mockserver.vendors.registry import vendors

    known = vendors()
    drifts = [Labelled(n + 1, drift) for n, drift in enumerate(plan(load(scenario), known).drifts)]
    raised = read_alerts(alerts, path, sorted(all_kinds(known)))
    return present_score(score(drifts, raised, LATEST, GRACE_US if grace_us is None else grace_us))


def of_file(db: Path, world: str, grace_us: int | None) -> Score:
    """Return how well a world's alerts tell its drifts.

    :raises Unusable: the file is missing, in use or not ours, or it has no such world.
    """
    from mockserver.control.drifts import ScoreQuery
    from mockserver.control.operations.drifts import score_alerts
    from mockserver.export import held

    with held(db) as control:
        with control.existing(world):
            pass  # a world that nobody knows is not to be made
        return score_alerts(control, world, ScoreQuery.model_construct(grace=grace_us))


def of_server(url: str, world: str, grace_us: int | None, admin_token: str | None) -> Score:
    """Return how well the alerts of a world in a running server tell its drifts.

    :raises Unusable: nobody of ours answers there, or there is no such world.
    """
    from mockserver.export import answered

    query = "" if grace_us is None else f"?grace={format_duration(grace_us)}"
    path = f"worlds/{quote(world, safe='')}/alerts{query}"
    try:
        found: Score = json.loads(b"".join(answered(url, path, "score", admin_token)))
    except ValueError:
        raise Unusable(f"{url}: no mockserver answers there") from None
    return found


def is_perfect(score: Score) -> bool:
    """Whether every drift there has been was noticed, and nothing else."""
    return not score["misses"] and not score["false_alarms"]


def told(score: Score) -> str:
    """Return a score for people to read."""
    from mockserver.testing.tables import table

    drifts = [
        (each["drift"], each["kind"], each["subject"], each["onset"], each["end"], each["state"],
         None if each["delay_s"] is None else span(each["delay_s"]), each["repeats"])
        for each in score["data"]
    ]  # fmt: skip
    kinds = [
        (kind, each["hits"], each["misses"], each["pending"], each["false_alarms"],
         None if each["median_delay_s"] is None else span(each["median_delay_s"]))
        for kind, each in score["by_kind"].items()
    ]  # fmt: skip
    alarms = [(each["at"], each["kind"], each["subject"], each["note"]) for each in score["false_alarms"]]
    parts = [
        table(("drift", "kind", "subject", "onset", "end", "state", "delay", "repeats"), drifts) if drifts else "",
        table(("kind", "hits", "misses", "pending", "false alarms", "median delay"), kinds) if kinds else "",
        "false alarms\n" + table(("at", "kind", "subject", "note"), alarms) if alarms else "",
        _in_one_line(score),
    ]
    return "\n\n".join(part for part in parts if part)


def _in_one_line(score: Score) -> str:
    count = score["hits"] + score["misses"]
    alarms = len(score["false_alarms"])
    said = [
        f"{score['hits']} of {count} drift{'s' * (count != 1)} noticed",
        f"{alarms or 'no'} false alarm{'s' * (alarms != 1)}",
    ]
    if score["pending"]:
        said.append(f"{score['pending']} yet to come")
    return ", ".join(said)


def span(seconds: float) -> str:
    """Return a delay with its two largest units: `2d 3h`, `15m`."""
    minutes = round(seconds * SECOND) // (60 * SECOND)
    days, hours, minutes = minutes // (DAY // SECOND // 60), minutes // 60 % 24, minutes % 60
    parts = [f"{amount}{unit}" for amount, unit in ((days, "d"), (hours, "h"), (minutes, "m")) if amount]
    return " ".join(parts[:2]) or "0m"
