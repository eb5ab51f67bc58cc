"""The error family: facts without status codes; each vendor turns them into its own wire shape.

MockError
├── Unauthenticated        no key, or one that names no world
├── UnknownRoute           no operation at that path
├── MethodNotAllowed       the path exists, the method does not
├── MalformedBody          the body is not what its content type says
├── BodyTooLarge           longer than the vendor takes
├── InvalidRequest         well-formed, but fields are wrong (all of them are listed)
├── NotFound               a named thing does not exist in this world
├── Conflict               a named thing is in a state that forbids the request
├── IdempotencyMismatch    one key, two different bodies
├── RateLimited            a key asks more often than it may
├── UnknownWorld           a control request names a world that does not exist
└── Unusable               what was asked for at start-up cannot be had (exit code 2)
"""

from __future__ import annotations

from dataclasses import dataclass


class MockError(Exception):
    """Root of everything this package raises on purpose."""


class Unauthenticated(MockError):
    """The request carries no key that names a world."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class UnknownRoute(MockError):
    """No operation answers at this path; `nearest` lists the closest ones that would."""

    def __init__(self, method: str, path: str, nearest: tuple[str, ...] = ()) -> None:
        self.method = method
        self.path = path
        self.nearest = nearest
        hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
        super().__init__(f"no operation at {method} {path}{hint}")


class MethodNotAllowed(MockError):
    """The path exists, but not with this method."""

    def __init__(self, method: str, path: str, allowed: tuple[str, ...]) -> None:
        self.method = method
        self.path = path
        self.allowed = allowed
        super().__init__(f"{method} is not allowed on {path}; allowed: {', '.join(allowed)}")


class MalformedBody(MockError):
    """The body cannot be read at all (broken JSON, broken multipart, wrong encoding)."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class BodyTooLarge(MockError):
    """The body is longer than the vendor accepts."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"request body is larger than {limit_bytes} bytes")


@dataclass(frozen=True, slots=True)
class Problem:
    """One faulty field.

    :param where: path to the field, outermost first; the first part is `body`, `query`, `path` or `form`.
    :param message: what is wrong, for a person.
    :param code: machine word (`required`, `invalid_type`, `invalid_format`, `invalid_enum`,
        `out_of_range`, `too_long`, `unknown_key`).
    """

    where: tuple[str | int, ...]
    message: str
    code: str

    @property
    def field(self) -> str:
        """The field's dotted path without the part that says where it travelled."""
        return ".".join(str(part) for part in self.where[1:]) or str(self.where[0])


class InvalidRequest(MockError):
    """Fields are missing or wrong; every faulty one is listed."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p.field}: {p.message}" for p in problems))


class NotFound(MockError):
    """`kind` `identifier` does not exist in this world."""

    def __init__(self, kind: str, identifier: str) -> None:
        self.kind = kind
        self.identifier = identifier
        super().__init__(f"{kind} '{identifier}' not found")


class Conflict(MockError):
    """The thing exists, but its state forbids the request.

    :param retry_after_s: seconds after which a retry may help, or `None`.
    """

    def __init__(self, message: str, *, retry_after_s: int | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class IdempotencyMismatch(MockError):
    """An idempotency key came back with another body."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"idempotency key '{key}' was already used with a different request body")


class RateLimited(MockError):
    """A key asks more often than it may.

    :param retry_after_s: seconds of the world's time after which it may ask again, at least one.
    """

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class UnknownWorld(MockError):
    """A control request names a world that does not exist."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"world '{name}' does not exist")


class Unusable(MockError):
    """What was asked for at start-up cannot be had; the message is the one line a user sees."""
