"""What can go wrong with a model, sorted by what must happen next."""

from agents.choices import ErrorCause, ErrorCode


class ProviderError(Exception):
    """A model's service did not give a usable answer."""

    def __init__(
        self,
        message: str,
        *,
        code: ErrorCode,
        retryable: bool,
        cause: ErrorCause | None = None,
        retry_after_s: float | None = None,
        counts: bool = True,
    ) -> None:
        """Describe the failure.

        `cause` is what `attempts_exhausted` names when the retries are used up;
        `retry_after_s` is the service's own wish; `counts` says whether the attempt counts
        against the limit, which a mere wait for a rate limit does not.
        """
        super().__init__(message)
        self.message = message
        self.code = code
        self.retryable = retryable
        self.cause = cause or _cause_of(code)
        self.retry_after_s = retry_after_s
        self.counts = counts


def _cause_of(code: ErrorCode) -> ErrorCause:
    known = {cause.value: cause for cause in ErrorCause}
    return known.get(code.value, ErrorCause.LLM_ERROR)


def failed(message: str) -> ProviderError:
    """A passing fault of the service: try again."""
    return ProviderError(message, code=ErrorCode.LLM_ERROR, retryable=True)


def overloaded(message: str) -> ProviderError:
    """The service has too much to do: try again later."""
    return ProviderError(message, code=ErrorCode.LLM_OVERLOADED, retryable=True)


def timed_out(message: str) -> ProviderError:
    """The service went silent: try again while the deadline allows."""
    return ProviderError(message, code=ErrorCode.LLM_TIMEOUT, retryable=True)


def asked_to_wait(message: str, *, retry_after_s: float) -> ProviderError:
    """A rate limit: wait as long as asked; it does not count as a failure."""
    return ProviderError(
        message,
        code=ErrorCode.LLM_OVERLOADED,
        retryable=True,
        retry_after_s=retry_after_s,
        counts=False,
    )


def refused_for_good(
    message: str, *, code: ErrorCode = ErrorCode.LLM_ERROR
) -> ProviderError:
    """Nothing that a repetition would mend."""
    return ProviderError(message, code=code, retryable=False)
