"""The one way a status changes: a compare-and-set that is refused when somebody was first."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import models

from aiagents.common.errors import StaleTransition

M = TypeVar("M", bound=models.Model)
Transitions = Mapping[str, frozenset[str]]


def sources(transitions: Transitions, to: str) -> list[str]:
    """The statuses from which `to` may be reached."""
    return [status for status, targets in transitions.items() if to in targets]


def try_move(
    rows: "models.QuerySet[M]", *, transitions: Transitions, to: str, **changes: Any
) -> int:
    """Move every row of `rows` that may go to `to`; returns how many did.

    The guard stands in the UPDATE itself, so concurrent callers cannot both win.
    """
    allowed = rows.filter(status__in=sources(transitions, to))
    return allowed.update(status=to, **changes)


def move(
    rows: "models.QuerySet[M]", *, transitions: Transitions, to: str, **changes: Any
) -> None:
    """Move exactly one row. Raises StaleTransition when it cannot go to `to`."""
    if try_move(rows, transitions=transitions, to=to, **changes) != 1:
        raise StaleTransition
