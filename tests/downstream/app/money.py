"""What a call costs, and how much we let all of them cost together."""

from __future__ import annotations

from app.tickets import OverBudget


def list_price(prompt_tokens: int, completion_tokens: int) -> int:
    """Return the contract's price of a call in micro-USD, for when its receipt does not say.

    An answer that is given a second time, because the first one was lost, comes with a receipt of nothing.
    """
    return max(1, (5 * prompt_tokens + 20 * completion_tokens) // 18)


class Budget:
    """Stops before the next call once so much was spent."""

    def __init__(self, limit_micro_usd: int) -> None:
        self.limit_micro_usd = limit_micro_usd
        self.spent_micro_usd = 0

    def check(self) -> None:
        """Raise unless there is something left.

        :raises OverBudget: there is not.
        """
        if self.spent_micro_usd >= self.limit_micro_usd:
            raise OverBudget(f"{self.spent_micro_usd} of {self.limit_micro_usd} micro-USD are spent")

    def spend(self, cost_micro_usd: int) -> None:
        """Count what a call cost."""
        self.spent_micro_usd += cost_micro_usd


class PriceWatch:
    """Tells when calls have become dearer than they were.

    The first calls say what is usual; from then on the last ones are held against them.

    :param window: how many calls make a mean.
    :param factor: how much dearer is worth telling.
    """

    def __init__(self, window: int = 5, factor: float = 1.5) -> None:
        self._window = window
        self._factor = factor
        self._seen: list[float] = []

    def see(self, cost_micro_usd: int, tokens: int) -> str | None:
        """Return what to tell about one more call, nothing while all is well."""
        self._seen.append(cost_micro_usd / tokens)
        if len(self._seen) < 2 * self._window:
            return None
        usual = sum(self._seen[: self._window]) / self._window
        now = sum(self._seen[-self._window :]) / self._window
        return f"a token costs {now / usual:.1f} times as much as it used to" if now > usual * self._factor else None
