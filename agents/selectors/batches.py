"""Named reads of batches; each starts at the principal."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, Sum

from agents.catalogue.definition import Definition
from agents.catalogue.rows import template
from agents.choices import TERMINAL_VALUES, ExecutionStatus, ItemState
from agents.errors import BatchNotFound
from agents.models import Agent, Batch, BatchItem
from agents.querysets import BatchQuerySet
from aiagents.common import ids
from aiagents.common.principals import Principal

S = ExecutionStatus
#: Rows that are read at once for the results.
CHUNK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """How far a batch is, in rows; the figures add up to `total`."""

    total: int
    #: Not started.
    pending: int
    queued: int
    running: int
    #: With the provider, or waiting for something else.
    waiting: int
    succeeded: int
    failed: int
    cancelled: int
    timed_out: int
    #: Of rows that are over.
    cost_usd: Decimal

    @property
    def done(self) -> int:
        """Rows that are over."""
        return self.succeeded + self.failed + self.cancelled + self.timed_out

    @property
    def percent(self) -> int:
        """Rows that are over, rounded down, so that 100 means all."""
        return self.done * 100 // self.total


def list_batches(*, by: Principal, status: str = "", agent: str = "") -> BatchQuerySet:
    """The batches of the principal's teams, newest first, narrowed by what is given."""
    wanted = Q()
    if status:
        wanted &= Q(status=status)
    if agent:
        wanted &= Q(agent__slug=agent)
    rows = Batch.objects.visible_to(by).filter(wanted).newest_first()
    return rows.select_related("agent", "version", "user").defer("skipped")


def get_batch(batch_id: str | uuid.UUID, *, by: Principal) -> Batch:
    """One batch. Raises BatchNotFound for a foreign, missing or malformed id."""
    key = ids.parse_id(batch_id)
    rows = Batch.objects.visible_to(by).select_related(
        "agent__category", "version", "user", "api_key"
    )
    found = rows.filter(id=key).first() if key else None
    if found is None:
        raise BatchNotFound
    return found


def progress_of(batches: Sequence[Batch]) -> Mapping[uuid.UUID, BatchProgress]:
    """How far each of these batches is, in one query however many they are.

    Rows that ended long ago are counted in the batch; only those under way are looked at.
    """
    open_ids = [batch.id for batch in batches if not batch.is_over]
    under_way: dict[uuid.UUID, dict[str, tuple[int, Decimal]]] = {}
    rows = BatchItem.objects.filter(batch_id__in=open_ids, state=ItemState.STARTED)
    grouped = rows.order_by().values_list("batch_id", "execution__status")
    for batch_id, status, count, cost in grouped.annotate(
        Count("id"), Sum("execution__cost_usd")
    ):
        under_way.setdefault(batch_id, {})[status] = (count, cost)
    return {
        batch.id: _progress(batch, under_way.get(batch.id, {})) for batch in batches
    }


def failed_rows(batch: Batch, *, limit: int) -> Sequence[BatchItem]:
    """The first rows without a result, with their runs; the caller may see the batch."""
    rows = BatchItem.objects.filter(
        batch=batch, execution__status__in=[S.FAILED, S.TIMED_OUT]
    )
    return list(rows.select_related("execution").order_by("position")[:limit])


def batch_template(agent: Agent) -> str:
    """A CSV file to fill in: the fields of the live version, and its samples as rows."""
    assert agent.live_version is not None  # noqa: S101 - a listed agent has one
    definition = Definition.from_dict(agent.live_version.definition)
    samples = [sample.input for sample in definition.samples]
    return template(definition.inputs, samples)


def _progress(
    batch: Batch, under_way: Mapping[str, tuple[int, Decimal]]
) -> BatchProgress:
    def more(status: str) -> int:
        return under_way.get(status, (0, Decimal(0)))[0]

    cost = sum(
        (c for s, (_, c) in under_way.items() if s in TERMINAL_VALUES), Decimal(0)
    )
    started = sum(count for count, _ in under_way.values())
    return BatchProgress(
        total=batch.row_count,
        pending=batch.row_count - batch.counted - started,
        queued=more(S.QUEUED),
        running=more(S.RUNNING),
        waiting=more(S.WAITING),
        succeeded=batch.succeeded_count + more(S.SUCCEEDED),
        failed=batch.failed_count + more(S.FAILED),
        cancelled=batch.cancelled_count + more(S.CANCELLED),
        timed_out=batch.timed_out_count + more(S.TIMED_OUT),
        cost_usd=batch.cost_usd + cost,
    )


def iterate_results(batch: Batch) -> Iterator[Sequence[BatchItem]]:
    """Every row in the order of the file, in chunks; the caller may see the batch.

    Each chunk is a query of its own, so that a slow reader holds no connection.
    """
    after = 0
    rows = BatchItem.objects.filter(batch=batch).select_related("execution")
    while True:
        chunk = list(rows.filter(position__gt=after).order_by("position")[:CHUNK])
        if not chunk:
            return
        yield chunk
        after = chunk[-1].position
