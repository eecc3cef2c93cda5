"""Writing the event log."""

from collections.abc import Sequence

from django.db.models import IntegerField, Subquery, Value
from django.db.models.functions import Coalesce

from aiagents.common import clock
from aiagents.common.events import Event as DomainEvent
from analytics.models import Event


def record_event(event: DomainEvent) -> None:
    """Append one event inside the caller's transaction.

    The caller has changed, and so locked, the aggregate's row in the same transaction: two
    events of one aggregate are never numbered at once, and commit order is their order.
    """
    _build_row(event).save(force_insert=True)


def record_events(events: Sequence[DomainEvent]) -> None:
    """Append events of different aggregates in one statement; otherwise as `record_event`."""
    Event.objects.bulk_create([_build_row(event) for event in events])


def _build_row(event: DomainEvent) -> Event:
    earlier = Event.objects.filter(aggregate_id=event.aggregate_id)
    last = Subquery(earlier.order_by("-sequence").values("sequence")[:1])
    return Event(
        aggregate=event.aggregate,
        aggregate_id=event.aggregate_id,
        sequence=Coalesce(last, Value(0), output_field=IntegerField()) + 1,
        type=event.name,
        version=event.version,
        time=clock.now(),
        team_id=event.team_id,
        user_id=event.user_id,
        data=event.data(),
    )
