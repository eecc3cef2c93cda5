"""Who opens a socket? A socket has no DRF view in front of it, but the same credentials."""

import datetime as dt
import uuid

from accounts import selectors
from accounts.services.keys import note_key_use
from accounts.services.tickets import redeem_socket_ticket
from aiagents.common.errors import Unauthenticated
from aiagents.common.principals import Principal


def identify(
    *,
    ticket: str,
    api_key: str,
    authorization: str,
    session_user_id: uuid.UUID | None,
    session_id: uuid.UUID | None = None,
    now: dt.datetime,
) -> Principal:
    """The principal behind the first credential that is given, in the order of arguments.

    `session_id` is the browser's, of which the session itself holds the id.
    Raises Unauthenticated for a bad one or none, Unavailable for a ticket without Redis.
    """
    if ticket:
        return redeem_socket_ticket(ticket, now=now)
    if api_key:
        return _key_principal(api_key, now=now)
    if authorization:
        return selectors.get_token_principal(_bearer(authorization), now=now)
    if session_user_id is None:
        raise Unauthenticated
    principal = selectors.load_principal(
        session_user_id, session_id=session_id, now=now
    )
    if principal is None:
        raise Unauthenticated
    return principal


def _key_principal(text: str, *, now: dt.datetime) -> Principal:
    holder = selectors.get_key_holder(text, now=now)
    principal = holder.principal
    if principal.api_key_id is not None:
        note_key_use(
            key_id=principal.api_key_id, last_used_at=holder.last_used_at, now=now
        )
    return principal


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or " " in token:
        raise Unauthenticated("Use 'Authorization: Bearer <token>'.")
    return token
