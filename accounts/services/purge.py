"""Deleting what has no use any more."""

import datetime as dt

from accounts.models import IdempotencyRecord, RefreshToken, RevokedToken
from accounts.services.sessions import purge_sessions

#: A repeated request gets the first answer for this long (RELIABILITY §6).
ANSWERS_KEPT = dt.timedelta(hours=48)


def purge_expired(*, now: dt.datetime) -> int:
    """Delete old answers and tokens that have expired anyway; returns how many rows."""
    gone = (
        IdempotencyRecord.objects.older_than(now - ANSWERS_KEPT),
        RevokedToken.objects.filter(expires_at__lt=now),
        RefreshToken.objects.filter(expires_at__lt=now),
    )
    return sum(rows.delete()[0] for rows in gone) + purge_sessions(now=now)
