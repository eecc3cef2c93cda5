"""Sorting what the Messages API answers into what must happen next (RELIABILITY §10)."""

import re
from collections.abc import Mapping

import anthropic

from agents.choices import ErrorCode
from agents.runtime import errors
from agents.runtime.errors import ProviderError

SPEND_LIMIT = re.compile(r"spend|credit|billing|usage limit", re.IGNORECASE)
TOO_LONG = re.compile(
    r"too long|context|exceed_context_size|maximum.*tokens", re.IGNORECASE
)
KEY_REFUSED = frozenset({401, 402, 403})
OVERLOADED = frozenset({503, 529})
PASSING = frozenset({408, 409, 500, 502, 504})
DEFAULT_WAIT_S = 5.0
MAX_WAIT_S = 600.0


class KeyRefused(ProviderError):
    """The service does not accept this key: another may serve."""

    def __init__(self, message: str) -> None:
        """Another key may serve; with none left this is final."""
        super().__init__(message, code=ErrorCode.LLM_ERROR, retryable=False)


def from_status(error: anthropic.APIStatusError) -> ProviderError:
    """The failure behind an HTTP error answer."""
    return _sorted(
        status=error.status_code,
        text=_message(error),
        headers=error.response.headers,
        request_id=error.request_id or "",
    )


def from_event(payload: Mapping[str, object]) -> ProviderError:
    """The failure behind an `error` event inside a stream that began well."""
    detail = payload.get("error")
    kind = str(detail.get("type", "")) if isinstance(detail, Mapping) else ""
    if kind == "overloaded_error":
        return errors.overloaded("The model's service is overloaded.")
    return errors.failed(f"The model's service ended the stream: {kind or 'error'}.")


#: The status that the API gives each type of error (errors page).
STATUS_BY_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def from_type(kind: str, *, text: str, request_id: str = "") -> ProviderError:
    """The failure of one request of a batch, which has no HTTP answer of its own."""
    status = STATUS_BY_TYPE.get(kind, 500)
    return _sorted(status=status, text=text, headers={}, request_id=request_id)


def _message(error: anthropic.APIStatusError) -> str:
    body = error.body
    detail = body.get("error") if isinstance(body, dict) else None
    return str(detail.get("message", "")) if isinstance(detail, dict) else ""


def _sorted(
    *, status: int, text: str, headers: Mapping[str, str], request_id: str
) -> ProviderError:
    where = f" (request {request_id})" if request_id else ""
    if status in KEY_REFUSED:
        kind = "account limit" if status == 402 else "credentials"
        return KeyRefused(f"The model's service refuses the key: {kind}{where}.")
    if status in {400, 429} and SPEND_LIMIT.search(text):
        return KeyRefused(f"The model's service reports an account limit{where}.")
    if status == 429:
        wait = retry_after_s(headers)
        return errors.asked_to_wait("The rate limit is reached.", retry_after_s=wait)
    if status in OVERLOADED:
        return errors.overloaded(f"The model's service is overloaded{where}.")
    if status in PASSING or status > 499:
        return errors.failed(f"The model's service answered {status}{where}.")
    return _permanent(status=status, text=text, where=where)


def _permanent(*, status: int, text: str, where: str) -> ProviderError:
    if status == 404:
        return errors.refused_for_good(f"The model is unavailable{where}.")
    if status == 413 or TOO_LONG.search(text):
        return errors.refused_for_good(
            "The input is longer than the model accepts; shorten the longest field.",
            code=ErrorCode.INVALID_INPUT,
        )
    return errors.refused_for_good(f"The model's service refused the request{where}.")


def retry_after_s(headers: Mapping[str, str]) -> float:
    """The seconds that `retry-after` asks for (RFC 9110 §10.2.3), within bounds."""
    raw = headers.get("retry-after", "")
    try:
        return min(max(float(raw), 0.0), MAX_WAIT_S)
    except ValueError:
        return DEFAULT_WAIT_S
