"""A creating request that is repeated happens once and is answered alike.

The row of the key is inserted first, in the transaction that creates. A second request with
the same key waits at the unique index; when the first has committed it fails there and answers
what the first answered, and when the first has rolled back it goes on and creates. Errors are
raised and roll the row back, so they are not stored.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import IntegrityError, OperationalError, transaction

from accounts.errors import StillRunning
from accounts.models import IdempotencyRecord
from accounts.services.denials import recording_denials
from aiagents.common import clock, ids
from aiagents.common import json as strict_json
from aiagents.common.errors import IdempotencyMismatch, InvalidInput
from aiagents.common.principals import Principal

KEY = re.compile(r"[\x21-\x7e]{1,255}")
REPLAYED_HEADER = "Idempotent-Replayed"
#: SQLSTATE of PostgreSQL when `lock_timeout` is over: 55P03 lock_not_available.
LOCK_NOT_AVAILABLE = "55P03"
#: Stored while the creating transaction is open; nobody else ever sees it.
OPEN = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a creating request is answered; all of it plain JSON."""

    status: int
    #: Not None, which a JSON column would take for SQL's NULL.
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    #: An earlier request was answered this; nothing was done now.
    replayed: bool = False


def run_once(
    *,
    principal: Principal,
    route: str,
    key: str | None,
    body: Any,
    create: Callable[[], Answer],
) -> Answer:
    """Run `create`, which is atomic by itself; with a `key`, only if it has not run before.

    `route` names what is created, with the ids of its address; `body` is the parsed request.
    A replayed answer has the header `Idempotent-Replayed: true`. Raises InvalidInput for a
    malformed key, IdempotencyMismatch for another body, StillRunning, and what `create` raises;
    a refusal of the policy is recorded.
    """
    with recording_denials():
        if key is None:
            return create()
        return _run_with_key(principal, route=route, key=key, body=body, create=create)


def _run_with_key(
    principal: Principal,
    *,
    route: str,
    key: str,
    body: Any,
    create: Callable[[], Answer],
) -> Answer:
    if not KEY.fullmatch(key):
        raise InvalidInput(
            "The Idempotency-Key must be 1 to 255 visible ASCII characters."
        )
    record = _record(principal=principal, route=route, key=key, body=body)
    if replay := _find_replay(record):
        return replay
    try:
        return _create(record, create)
    except _KeyTaken as error:
        if replay := _find_replay(record):
            return replay
        raise StillRunning from error


class _KeyTaken(Exception):
    """Another request has inserted the key."""


def _record(
    *, principal: Principal, route: str, key: str, body: Any
) -> IdempotencyRecord:
    asked = {"principal": principal.key, "route": route, "body": body}
    return IdempotencyRecord(
        id=ids.new_id(),
        team_id=principal.team_id,
        principal=principal.key,
        route=route,
        key=key,
        body_digest=strict_json.digest(asked),
        status=OPEN,
        body={},
        created_at=clock.now(),
    )


@transaction.atomic
def _create(record: IdempotencyRecord, create: Callable[[], Answer]) -> Answer:
    _claim(record)
    answer = create()
    IdempotencyRecord.objects.filter(id=record.id).update(
        status=answer.status, body=answer.body, headers=answer.headers
    )
    return answer


def _claim(record: IdempotencyRecord) -> None:
    try:
        with transaction.atomic():
            record.save(force_insert=True)
    except IntegrityError as error:
        raise _KeyTaken from error
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == LOCK_NOT_AVAILABLE:
            raise StillRunning from error
        raise


def _find_replay(record: IdempotencyRecord) -> Answer | None:
    """The stored answer to the same request. Raises IdempotencyMismatch for another one."""
    earlier = IdempotencyRecord.objects.filter(
        team_id=record.team_id,
        principal=record.principal,
        route=record.route,
        key=record.key,
    ).first()
    if earlier is None:
        return None
    if earlier.body_digest != record.body_digest:
        raise IdempotencyMismatch
    answer = Answer(status=earlier.status, body=earlier.body, headers=earlier.headers)
    marked = answer.headers | {REPLAYED_HEADER: "true"}
    return replace(answer, headers=marked, replayed=True)
