"""Where a person is signed in: browsers by session, programs by a chain of refresh tokens."""

import datetime as dt
import uuid

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet

from accounts import dispatch
from accounts.models import BrowserSession, RefreshToken, User
from accounts.permissions import check_is_person
from aiagents.common.errors import NotFound
from aiagents.common.ids import parse_id
from aiagents.common.principals import Principal

MAX_AGENT_CHARS = 200
#: A use is written down at most this often.
NOTE_EVERY = dt.timedelta(minutes=10)


def begin_session(
    *, user: User, session_key: str, address: str, agent: str, now: dt.datetime
) -> BrowserSession:
    """Remember that a browser signed in; `agent` is what it calls itself."""
    row, _ = BrowserSession.objects.update_or_create(
        session_key=session_key,
        defaults={
            "user": user,
            "created_at": now,
            "seen_at": now,
            "address": address,
            "agent": agent.replace("\x00", "")[:MAX_AGENT_CHARS],
        },
    )
    return row


def note_session_use(*, session_id: uuid.UUID, now: dt.datetime) -> None:
    """Remember that a browser was used."""
    BrowserSession.objects.filter(id=session_id).update(seen_at=now)


@transaction.atomic
def forget_session(*, session_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """A browser signed out."""
    _end(BrowserSession.objects.filter(id=session_id, user_id=user_id))
    dispatch.announce_ended_credentials(user_id=user_id)


@transaction.atomic
def end_session(*, session_id: object, by: Principal, now: dt.datetime) -> None:
    """Sign one of `by`'s browsers or programs out at once. Raises NotAllowed, NotFound.

    `session_id` is a browser's session or a program's chain of refresh tokens.
    """
    check_is_person(by)
    if (key := parse_id(session_id)) is None:
        raise NotFound
    browsers = BrowserSession.objects.filter(id=key, user_id=by.user_id)
    chain = RefreshToken.objects.filter(user_id=by.user_id, family=key, revoked_at=None)
    if not _end(browsers) and not _end_chains(chain, user_id=by.user_id, now=now):
        raise NotFound
    dispatch.announce_ended_credentials(user_id=by.user_id)


@transaction.atomic
def end_other_sessions(*, by: Principal, now: dt.datetime) -> None:
    """Sign `by` out everywhere but here; API keys stay. Raises NotAllowed."""
    check_is_person(by)
    browsers = BrowserSession.objects.filter(user_id=by.user_id)
    _end(browsers.exclude(id=by.session_id) if by.session_id else browsers)
    chains = RefreshToken.objects.filter(user_id=by.user_id, revoked_at=None)
    _end_chains(chains, user_id=by.user_id, now=now)
    dispatch.announce_ended_credentials(user_id=by.user_id)


def end_all_sessions(*, user_id: uuid.UUID) -> None:
    """Sign all browsers of a person out; joins the caller's transaction."""
    _end(BrowserSession.objects.filter(user_id=user_id))


def purge_sessions(*, now: dt.datetime) -> int:
    """Delete sessions that have expired by themselves; returns how many rows."""
    oldest = now - dt.timedelta(seconds=settings.SESSION_COOKIE_AGE)
    gone = (
        BrowserSession.objects.filter(created_at__lt=oldest, seen_at__lt=oldest),
        Session.objects.filter(expire_date__lt=now),
    )
    return sum(rows.delete()[0] for rows in gone)


def _end(browsers: QuerySet[BrowserSession]) -> int:
    """Django's own row goes as well: no request is served from it any more."""
    keys = list(browsers.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    return browsers.delete()[0]


def _end_chains(
    chains: QuerySet[RefreshToken], *, user_id: uuid.UUID, now: dt.datetime
) -> int:
    # The lock orders this against an exchange: neither can miss what the other wrote.
    User.objects.select_for_update().get(id=user_id)
    return chains.update(revoked_at=now)
