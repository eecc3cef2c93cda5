"""Errors sorted by who must act; one handler maps them to answers."""

from collections.abc import Mapping, Sequence


class DomainError(Exception):
    """Something that a caller can mend."""

    code = "error"

    def __init__(self, message: str = "", *, code: str = "") -> None:
        """Keep a sentence for a person and a stable code for a program."""
        self.message = message or (type(self).__doc__ or "").strip()
        self.code = code or type(self).code
        super().__init__(self.message)


class InvalidInput(DomainError):
    """The input is not valid."""

    code = "invalid_input"

    def __init__(
        self,
        message: str = "",
        *,
        errors: Mapping[str, Sequence[str]] | None = None,
        code: str = "",
    ) -> None:
        """`errors` maps the name of a field to its sentences."""
        super().__init__(message, code=code)
        self.errors = {key: list(value) for key, value in (errors or {}).items()}


class Unauthenticated(DomainError):
    """Sign in first: the credentials are missing, wrong or no longer valid."""

    code = "not_authenticated"


class NotAllowed(DomainError):
    """You may not do this."""

    code = "permission_denied"

    def __init__(self, message: str = "", *, reason: str = "", code: str = "") -> None:
        """`reason` is the policy's own sentence."""
        super().__init__(message, code=code)
        self.reason = reason or self.message


class NotFound(DomainError):
    """There is nothing at this address."""

    code = "not_found"


class Conflict(DomainError):
    """The state of the thing does not permit this."""

    code = "conflict"


class StaleTransition(Conflict):
    """Somebody else changed it first."""

    code = "stale_transition"


class IdempotencyMismatch(DomainError):
    """This Idempotency-Key was used with another request body."""

    code = "idempotency_key_reused"


class NotAffordable(DomainError):
    """There is not enough money for this."""

    code = "budget_exceeded"


class RateLimited(DomainError):
    """Too many requests."""

    code = "rate_limited"

    def __init__(self, message: str = "", *, retry_after_s: int = 1) -> None:
        """`retry_after_s` is when the next request will be let through."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(DomainError):
    """A part of the platform is away; try again shortly."""

    code = "unavailable"

    def __init__(self, message: str = "", *, retry_after_s: int = 2) -> None:
        """`retry_after_s` is a hint for the caller."""
        super().__init__(message)
        self.retry_after_s = retry_after_s
