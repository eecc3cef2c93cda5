"""What callers may say in headers and in the query string of executions."""

import datetime as dt
import re
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from agents.choices import ExecutionStatus
from aiagents.common.errors import InvalidInput

MAX_WAIT_S = 60.0
WAIT = re.compile(r"\bwait\s*=\s*\"?(\d{1,6})\"?", re.IGNORECASE)
MAX_SEQ = 2**53
PAGING = frozenset({"cursor", "page_size"})


class FilterParameters(serializers.Serializer[Any]):
    """A query string that has only what it declares, beside the page."""

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """The given filters. Raises ValidationError, InvalidInput for an unknown one."""
        given = request.query_params
        unknown = sorted(set(given) - set(cls().fields) - PAGING)
        if unknown:
            raise InvalidInput(
                f"Unknown parameter: {', '.join(unknown)[:200]}.",
                errors={name: ["Unknown parameter."] for name in unknown},
            )
        parameters = cls(data={k: v for k, v in given.items() if k not in PAGING})
        parameters.is_valid(raise_exception=True)
        return dict(parameters.validated_data)


class ListParameters(FilterParameters):
    """Filters of the list of executions."""

    status = serializers.ChoiceField(choices=ExecutionStatus.choices, required=False)
    agent = serializers.CharField(max_length=64, required=False)
    batch = serializers.UUIDField(required=False)
    since = serializers.DateTimeField(required=False, default_timezone=dt.UTC)
    until = serializers.DateTimeField(required=False, default_timezone=dt.UTC)


def read_after(request: Request) -> int:
    """The last number the caller has. Raises InvalidInput unless it is a whole number."""
    raw = (
        request.headers.get("Last-Event-ID") or request.query_params.get("after") or "0"
    )
    return parse_after(raw)


def parse_after(raw: str) -> int:
    """A sequence number from text. Raises InvalidInput."""
    if raw.isascii() and raw.isdigit() and len(raw) < 17 and int(raw) <= MAX_SEQ:
        return int(raw)
    raise InvalidInput(
        "'after' is not valid.", errors={"after": ["A whole number from 0."]}
    )


def read_wait(request: Request) -> float:
    """The seconds of `Prefer: wait=N` (RFC 7240 §4.3), at most 60; 0 without it."""
    found = WAIT.search(request.headers.get("Prefer", ""))
    return min(float(found.group(1)), MAX_WAIT_S) if found else 0.0
