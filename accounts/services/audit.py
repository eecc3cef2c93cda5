"""Writing the audit: who did what, in the transaction that did it.

The entries of a team form a chain: each holds the hash of the one before. A chain grows under
the lock of its head, which is kept until the transaction commits. So an entry is written last
in its transaction, and an accepted run, which is traced by its own row, writes none.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from accounts.choices import AUDIT_DETAILS, AuditAction
from accounts.models import AuditEntry, AuditHead
from accounts.services.audit_chain import content_hash, head_signature
from aiagents.common import ids
from aiagents.common.principals import Principal

#: The chain of what belongs to no team: publishing, prices, sign-ins that failed.
PLATFORM = uuid.UUID(int=0)
MAX_DETAIL_CHARS = 300
Detail = str | int | bool | None | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that was done, as the audit keeps it: ids, codes and numbers, no text."""

    action: AuditAction
    #: What it was done to, as `kind:id`.
    target: str
    #: Whose chain it joins; None for the platform's own.
    team_id: uuid.UUID | None = None
    user_id: uuid.UUID | None = None
    api_key_id: uuid.UUID | None = None
    #: Only the keys of `AUDIT_DETAILS`; money and moments as text.
    details: Mapping[str, Detail] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ValueError for a detail that the action may not carry: a bug of ours."""
        unknown = set(self.details) - AUDIT_DETAILS.get(self.action, frozenset())
        if unknown:
            raise ValueError(f"{self.action} may not carry {sorted(unknown)}.")


def record_deed(
    *,
    action: AuditAction,
    target: str,
    by: Principal | None,
    now: dt.datetime,
    team_id: uuid.UUID | None = None,
    **details: Detail,
) -> None:
    """Append one entry to the chain of `team_id`, or of the platform; `by` None is the platform.

    Call it last in the transaction of the deed: it locks the chain until the commit.
    """
    deed = Deed(
        action=action,
        target=target,
        team_id=team_id,
        user_id=by.user_id if by else None,
        api_key_id=by.api_key_id if by else None,
        details=details,
    )
    record_deeds([deed], now=now)


@transaction.atomic
def record_deeds(deeds: Sequence[Deed], *, now: dt.datetime) -> None:
    """As `record_deed`, for many at once; chains are locked in one order, against deadlocks."""
    by_chain: dict[uuid.UUID, list[Deed]] = defaultdict(list)
    for deed in deeds:
        by_chain[deed.team_id or PLATFORM].append(deed)
    for chain in sorted(by_chain):
        _extend(chain, by_chain[chain], now=now)


def record_budget_change(
    *,
    budget: str,
    team_id: uuid.UUID,
    period: str,
    limit_usd: str,
    limit_before_usd: str,
    by: Principal | None,
    now: dt.datetime,
) -> None:
    """Tell the audit that a budget was set; `budget` is `kind:id` of whom it limits."""
    record_deed(
        action=AuditAction.BUDGET_CHANGED,
        target=budget,
        team_id=team_id,
        by=by,
        now=now,
        period=period,
        limit_usd=limit_usd,
        limit_before_usd=limit_before_usd,
    )


def record_export(
    *,
    kind: str,
    file_format: str,
    by: Principal,
    now: dt.datetime,
    since: str = "",
    until: str = "",
) -> None:
    """Tell the audit that somebody takes data out: `kind` is `audit`, `events`, `executions`."""
    record_deed(
        action=AuditAction.EXPORTED,
        target=f"data:{kind}",
        team_id=by.team_id,
        by=by,
        now=now,
        kind=kind,
        format=file_format,
        since=since,
        until=until,
    )


def _extend(chain: uuid.UUID, deeds: Sequence[Deed], *, now: dt.datetime) -> None:
    head = _locked_head(chain)
    rows = []
    for deed in deeds:
        row = _entry(deed, head, now=now)
        head.sequence, head.hash = row.sequence, row.hash
        rows.append(row)
    AuditEntry.objects.bulk_create(rows, batch_size=200)
    head.signature = head_signature(head)
    AuditHead.objects.filter(chain=chain).update(
        sequence=head.sequence, hash=head.hash, signature=head.signature
    )


def _locked_head(chain: uuid.UUID) -> AuditHead:
    heads = AuditHead.objects.select_for_update()
    if head := heads.filter(chain=chain).first():
        return head
    # Of two who begin a chain at once the second waits here for the first's commit.
    AuditHead.objects.bulk_create([AuditHead(chain=chain)], ignore_conflicts=True)
    return heads.get(chain=chain)


def _entry(deed: Deed, head: AuditHead, *, now: dt.datetime) -> AuditEntry:
    row = AuditEntry(
        id=ids.new_id(),
        chain=head.chain,
        sequence=head.sequence + 1,
        at=now,
        user_id=deed.user_id,
        api_key_id=deed.api_key_id,
        action=deed.action.value,
        target=deed.target[:120],
        details={key: _plain(value) for key, value in deed.details.items()},
        previous_hash=head.hash,
    )
    row.hash = content_hash(row)
    return row


def _plain(value: Detail) -> Any:
    """As JSON gives it back from every database: a fraction would not come back the same."""
    match value:
        case None | bool() | int():
            return value
        case str():
            return value[:MAX_DETAIL_CHARS]
        case _:
            return [str(item)[:MAX_DETAIL_CHARS] for item in value]
