"""Older rows of a list that is newest first, by `(created_at, id)`."""

import datetime as dt
import uuid
from typing import Protocol, TypeVar

from django.db.models import Model, Q, QuerySet

from aiagents.common import ids

M = TypeVar("M", bound=Model)


class Dated(Protocol):
    """A row of such a list."""

    id: uuid.UUID
    created_at: dt.datetime


def cursor_of(row: Dated) -> str:
    """The place after a row in the order of the list."""
    return f"{row.created_at.isoformat()}_{row.id}"


def older(rows: QuerySet[M], cursor: str) -> QuerySet[M]:
    """The rows behind a cursor; all of them when it cannot be read."""
    place = _place(cursor)
    if place is None:
        return rows
    at, last_id = place
    return rows.filter(Q(created_at__lt=at) | Q(created_at=at, id__lt=last_id))


def _place(cursor: str) -> tuple[dt.datetime, uuid.UUID] | None:
    written, _, text = cursor.partition("_")
    last_id = ids.parse_id(text)
    try:
        at = dt.datetime.fromisoformat(written)
    except ValueError:
        return None
    return (at, last_id) if last_id and at.tzinfo else None
