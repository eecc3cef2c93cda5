"""Tickets for sockets: a browser cannot send headers, and a token has no place in an address.

A ticket opens one socket within half a minute. Only its digest is kept, and whoever redeems it
is looked up again, so a ticket outlives neither a sign-out nor a revoked key.
"""

import datetime as dt
import json
import uuid
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from accounts import tokens
from accounts.selectors import find_current
from aiagents.common import redis_client
from aiagents.common.errors import Unauthenticated, Unavailable
from aiagents.common.principals import Principal

TICKET_S = 30
PREFIX = "ticket"
MAX_CHARS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Opens one socket."""

    text: str
    #: Seconds until it is worthless.
    expires_in_s: int


def issue_socket_ticket(principal: Principal) -> Ticket:
    """A ticket for `principal`. Raises Unavailable without Redis."""
    text = tokens.new_opaque(PREFIX)
    try:
        redis_client.sync_client().set(_key(text), _packed(principal), ex=TICKET_S)
    except (RedisError, OSError) as error:
        raise Unavailable("Tickets cannot be made for a moment; try again.") from error
    return Ticket(text=text, expires_in_s=TICKET_S)


def redeem_socket_ticket(text: str, *, now: dt.datetime) -> Principal:
    """Who holds this ticket, once. Raises Unauthenticated; Unavailable without Redis."""
    if len(text) > MAX_CHARS:
        raise Unauthenticated("The ticket is not valid.")
    try:
        packed = redis_client.sync_client().getdel(_key(text))
    except (RedisError, OSError) as error:
        raise Unavailable("Tickets cannot be read for a moment; try again.") from error
    principal = find_current(_unpacked(packed), now=now) if packed else None
    if principal is None:
        raise Unauthenticated("The ticket is not valid.")
    return principal


def _key(text: str) -> str:
    return f"{PREFIX}:{tokens.digest(text)}"


def _packed(principal: Principal) -> str:
    return json.dumps(
        {
            "user_id": str(principal.user_id),
            "api_key_id": str(principal.api_key_id) if principal.api_key_id else None,
            "token_id": principal.token_id,
            "session_id": str(principal.session_id) if principal.session_id else None,
            "token_version": principal.token_version,
            "expires_at": principal.expires_at and principal.expires_at.isoformat(),
        }
    )


def _unpacked(packed: Any) -> Principal:
    """What `find_current` needs; the rest it reads again."""
    data = json.loads(packed)
    user_id, ends = uuid.UUID(data["user_id"]), data["expires_at"]
    return Principal(
        user_id=user_id,
        username="",
        team_id=user_id,
        team_ids=(),
        roles=frozenset(),
        api_key_id=_id(data["api_key_id"]),
        token_id=data["token_id"],
        session_id=_id(data["session_id"]),
        token_version=data["token_version"],
        expires_at=dt.datetime.fromisoformat(ends) if ends else None,
    )


def _id(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None
