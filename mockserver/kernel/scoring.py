"""How well a monitor did: its alerts against the drifts there really were (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mockserver.kernel.drifts import Alert, Drift, Labelled
from mockserver.kernel.matching import glob

State = Literal["hit", "missed", "pending"]


@dataclass(frozen=True, slots=True)
class Detection:
    """One drift, and what was said about it.

    :param state: `pending` before its onset, `missed` as long as nobody has said anything that fits.
    :param alert: the first alert that fits.
    :param repeats: how many fitting alerts came after it.
    """

    labelled: Labelled
    state: State
    alert: Alert | None = None
    repeats: int = 0

    @property
    def delay_us(self) -> int | None:
        """How long after the onset it was noticed, `None` if it was not."""
        return None if self.alert is None else self.alert.at - self.labelled.drift.onset


@dataclass(frozen=True, slots=True)
class Score:
    """How well a monitor did: every drift in order, and the alerts that fit none of them."""

    detections: tuple[Detection, ...]
    false_alarms: tuple[Alert, ...]

    def count(self, state: State, kind: str | None = None) -> int:
        """Return how many drifts are in a state, of a kind or of any."""
        return sum(each.state == state and kind in (None, each.labelled.drift.kind) for each in self.detections)

    def delays_us(self, kind: str | None = None) -> list[int]:
        """Return how long after its onset each drift was noticed that was, shortest first, of a kind or of any."""
        return sorted(
            each.delay_us
            for each in self.detections
            if each.delay_us is not None and kind in (None, each.labelled.drift.kind)
        )


def score(drifts: Iterable[Labelled], alerts: Iterable[Alert], now: int, grace_us: int) -> Score:
    """Score alerts.

    A drift is hit by the first alert that fits: at or after its onset, before its end and the grace after that, of its
    kind and about its subject. An alert that does not say its kind or subject fits any. One alert may hit several
    drifts. Later ones that fit are repeats; those that fit no drift are false alarms.

    :param now: drifts that begin later are pending, not missed.
    :param grace_us: how long after a drift's end an alert may still be about it.
    """
    known = list(drifts)
    raised = sorted(alerts, key=lambda alert: (alert.at, alert.seq))
    detections = []
    fitting: set[int] = set()
    for labelled in known:
        fits = [alert for alert in raised if is_about(alert, labelled.drift, grace_us)]
        fitting.update(alert.seq for alert in fits)
        detections.append(_detection(labelled, fits, now))
    return Score(tuple(detections), tuple(alert for alert in raised if alert.seq not in fitting))


def is_about(alert: Alert, drift: Drift, grace_us: int) -> bool:
    """Whether an alert fits a drift."""
    until = drift.until
    return (
        alert.at >= drift.onset
        and (until is None or alert.at < until + grace_us)
        and alert.kind in (None, drift.kind)
        and (alert.subject in (None, drift.subject) or glob(drift.subject).fullmatch(alert.subject or "") is not None)
    )


def _detection(labelled: Labelled, fits: Sequence[Alert], now: int) -> Detection:
    if fits:
        return Detection(labelled, "hit", fits[0], len(fits) - 1)
    return Detection(labelled, "pending" if labelled.drift.onset > now else "missed")
