"""The refusals of the Messages API: status, type, message, Retry-After."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """One refusal, as HTTP answer, as `error` event or inside a batch result."""

    status: int
    type: str
    message: str
    #: Seconds, sent as the header `retry-after`.
    retry_after: float | None = None
    #: `error.details.error_code`; the SDK chooses its exception class by it.
    code: str | None = None

    def body(self, request_id: str) -> dict[str, Any]:
        error: dict[str, Any] = {"type": self.type, "message": self.message}
        if self.code:
            error["details"] = {"error_code": self.code}
        return {"type": "error", "error": error, "request_id": request_id}

    def headers(self) -> dict[str, str]:
        if self.retry_after is None:
            return {}
        return {"retry-after": f"{self.retry_after:g}"}


class RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, answer: ErrorAnswer) -> None:
        super().__init__(answer.message)
        self.answer = answer


def _named(
    status: int, kind: str, message: str, *, code: str | None = None
) -> ErrorAnswer:
    return ErrorAnswer(status=status, type=kind, message=message, code=code)


_CREDIT = "Your credit balance is too low to access the Anthropic API."
_SPEND = "Your organization has reached its monthly spend limit."

#: By the name used in `[[fault:error=NAME]]`. Types and codes: the API's errors page
#: and the error classes of anthropic 2.12. A limit that waiting does not lift comes
#: without `retry-after` (as 429 or as 400).
ERRORS: Mapping[str, ErrorAnswer] = MappingProxyType(
    {
        "400": _named(400, "invalid_request_error", "The request is not valid."),
        "400_prompt_too_long": _named(
            400,
            "invalid_request_error",
            "prompt is too long: 1000001 tokens > 1000000 maximum",
        ),
        "400_spend_limit": _named(400, "invalid_request_error", _CREDIT),
        "401": _named(401, "authentication_error", "invalid x-api-key"),
        "402": _named(402, "billing_error", "There is an issue with your billing."),
        "403": _named(403, "permission_error", "Your API key has no permission."),
        "404": _named(404, "not_found_error", "model: no such model"),
        "413": _named(413, "request_too_large", "Request exceeds the maximum size"),
        "429": replace(
            _named(429, "rate_limit_error", "Your account has hit a rate limit."),
            retry_after=1,
        ),
        "spend_limit": _named(
            429, "rate_limit_error", _SPEND, code="enforced_spend_limit_reached"
        ),
        "500": _named(500, "api_error", "Internal server error"),
        "503": _named(503, "api_error", "Service unavailable"),
        "504": _named(504, "timeout_error", "The request timed out."),
        "529": _named(529, "overloaded_error", "Overloaded"),
    }
)


def invalid_request(message: str) -> RefusedError:
    return RefusedError(replace(ERRORS["400"], message=message))


def not_found(message: str) -> RefusedError:
    return RefusedError(replace(ERRORS["404"], message=message))
