"""What third parties tell us: Django's own forms and commands around accounts."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_save
from django.http import HttpRequest

from accounts import selectors, services
from accounts.models import BrowserSession, User
from aiagents.common import clock
from aiagents.common.addresses import client_address
from aiagents.common.ids import parse_id

#: Set by `set_password` and cleared after the save; a mere upgrade of the hash leaves it out.
PLAIN = "_password"


def record_sign_in(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    """A browser is signed in, after all steps; who has no team yet gets one."""
    address = client_address(request.META)
    services.record_sign_in(user=user, address=address, now=clock.now())


def begin_session(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    """Whoever signed this browser in, by password, second factor or another site."""
    now, session = clock.now(), request.session
    row = services.begin_session(
        user=user,
        session_key=session.session_key or "",
        address=client_address(request.META),
        agent=request.META.get("HTTP_USER_AGENT", ""),
        now=now,
    )
    session[BrowserSession.ID_FIELD] = str(row.id)
    session[BrowserSession.SEEN_FIELD] = int(now.timestamp())


def forget_session(
    sender: Any, request: HttpRequest, user: User | None, **_: Any
) -> None:
    """A browser signs out; its open sockets end with it."""
    session_id = parse_id(request.session.get(BrowserSession.ID_FIELD))
    if user is not None and session_id is not None:
        services.forget_session(session_id=session_id, user_id=user.pk)


def end_credentials(
    sender: Any, instance: User, *, created: bool, raw: bool, **_: Any
) -> None:
    """`changepassword` and the admin's form save a new password past our service."""
    if raw or created or getattr(instance, PLAIN, None) is None:
        return
    services.note_new_password(user=instance, now=clock.now())
    instance.refresh_from_db(fields=["token_version"])


def note_sign_out(sender: Any, user: User | None, **_: Any) -> None:
    """The end of a session, on a page or in the admin; the token's is told by its service."""
    now = clock.now()
    principal = selectors.load_principal(user.pk, now=now) if user else None
    if principal is not None:
        services.record_sign_out(principal=principal, kind="session", now=now)


def connect() -> None:
    """Called once, when the app is ready."""
    user_logged_out.connect(note_sign_out, dispatch_uid="accounts.note_sign_out")
    user_logged_in.connect(record_sign_in, dispatch_uid="accounts.record_sign_in")
    user_logged_in.connect(begin_session, dispatch_uid="accounts.begin_session")
    user_logged_out.connect(forget_session, dispatch_uid="accounts.forget_session")
    post_save.connect(
        end_credentials, sender=User, dispatch_uid="accounts.end_credentials"
    )
