"""What can stand in a request's way at this vendor, beside the kernel's own family."""

from __future__ import annotations

from mockserver.kernel.errors import MockError


class InsufficientCredits(MockError):
    """The organisation's balance does not cover the request."""

    def __init__(self, balance_micro_usd: int, needed_micro_usd: int = 0) -> None:
        self.balance_micro_usd = balance_micro_usd
        self.needed_micro_usd = needed_micro_usd
        super().__init__(f"balance is {balance_micro_usd} micro-USD, the request needs more than {needed_micro_usd}")


class EndpointNotReady(MockError):
    """The endpoint exists but does not serve.

    :param status: `stopped` or `starting`.
    """

    def __init__(self, endpoint_id: str, status: str) -> None:
        self.endpoint_id = endpoint_id
        self.status = status
        super().__init__(f"endpoint '{endpoint_id}' is {status}.")


class VendorFailed(MockError):
    """A frontier vendor did not answer what was put to it."""

    def __init__(self, model: str) -> None:
        self.model = model
        super().__init__(f"frontier model '{model}' failed")


class ServingFailed(MockError):
    """What serves the request fails, for no fault of the request.

    :param who: what that is.
    :param status: with which HTTP status.
    """

    def __init__(self, who: str, status: int) -> None:
        self.who = who
        self.status = status
        super().__init__(f"'{who}' failed: a drift of its error rate")


class TurnFailed(MockError):
    """An agent's turn could not be completed."""

    def __init__(self) -> None:
        super().__init__("the turn could not be completed")


class NotEnabled(MockError):
    """What the request is for is switched off in this world; the message says what that is."""


class NotAllowed(MockError):
    """The key is good, but what it asks for is not for keys; the message says for whom it is."""


class Refused(MockError):
    """The request is well-formed but asks for something that cannot be had; the message says what."""


class ExtraMissing(MockError):
    """The request needs a package that only comes with one of this project's optional extras.

    :param what: what cannot be served without it.
    :param extra: the name of the extra.
    """

    def __init__(self, what: str, extra: str) -> None:
        self.what = what
        self.extra = extra
        super().__init__(f"{what} cannot be served by this installation: pip install 'mockserver[{extra}]'")


class Expired(MockError):
    """What the request relies on was valid only until a moment that has passed."""
