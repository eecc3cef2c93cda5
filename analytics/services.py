"""Writing the event log, and how far its readers are."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence

from django.db.models import Max, UUIDField

from aiagents.common import clock
from aiagents.common.events import Event as DomainEvent
from aiagents.common.prepared import Prepared
from aiagents.common.rows import insert_all
from analytics.models import Event, Watermark

BEGINNING = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

_last_sequence = Prepared(
    lambda aggregate_id: (
        Event.objects.filter(aggregate_id=aggregate_id)
        .order_by("-sequence")
        .values_list("sequence")[:1]
    ),
    aggregate_id=UUIDField(),
)


def record_event(event: DomainEvent, *, opens: bool = False) -> None:
    """Append one event inside the caller's transaction.

    The caller has changed, and so locked, the aggregate's row in the same transaction: two
    events of one aggregate are never numbered at once, and commit order is their order. With
    `opens` the aggregate was created in this transaction, so nothing is looked up.
    """
    rows = [] if opens else _last_sequence(aggregate_id=event.aggregate_id)
    last = rows[0][0] if rows else 0
    insert_all([_build_row(event, sequence=last + 1)])


def record_events(events: Sequence[DomainEvent]) -> None:
    """Append many events in the order given, in two statements; otherwise as `record_event`."""
    sequences = _last_sequences({event.aggregate_id for event in events})
    rows = []
    for event in events:
        sequences[event.aggregate_id] += 1
        rows.append(_build_row(event, sequence=sequences[event.aggregate_id]))
    insert_all(rows)


def locked_watermark(name: str) -> Watermark:
    """How far the projection of that name has read, for this transaction alone.

    The caller saves it with the new `until`; other copies of the projection wait until then.
    """
    Watermark.objects.get_or_create(name=name, defaults={"until": BEGINNING})
    return Watermark.objects.select_for_update().get(name=name)


def _last_sequences(aggregates: Iterable[uuid.UUID]) -> "Counter[uuid.UUID]":
    rows = Event.objects.filter(aggregate_id__in=aggregates).values_list("aggregate_id")
    return Counter(dict(rows.annotate(last=Max("sequence"))))


def _build_row(event: DomainEvent, *, sequence: int) -> Event:
    return Event(
        aggregate=event.aggregate,
        aggregate_id=event.aggregate_id,
        sequence=sequence,
        type=event.name,
        version=event.version,
        time=clock.now(),
        team_id=event.team_id,
        user_id=event.user_id,
        data=event.data(),
    )
