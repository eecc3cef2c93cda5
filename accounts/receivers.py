"""What third parties tell us: Django's own forms and commands around accounts."""

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_save

from accounts import services
from accounts.models import User
from aiagents.common import clock

#: Set by `set_password` and cleared after the save; a mere upgrade of the hash leaves it out.
PLAIN = "_password"


def give_team(sender: Any, user: User, **_: Any) -> None:
    """Somebody whom `createsuperuser` made has no team before the first sign-in."""
    services.ensure_personal_team(user=user, now=clock.now())


def end_credentials(
    sender: Any, instance: User, *, created: bool, raw: bool, **_: Any
) -> None:
    """`changepassword` and the admin's form save a new password past our service."""
    if raw or created or getattr(instance, PLAIN, None) is None:
        return
    services.end_credentials(user_id=instance.pk, now=clock.now())
    instance.refresh_from_db(fields=["token_version"])


def connect() -> None:
    """Called once, when the app is ready."""
    user_logged_in.connect(give_team, dispatch_uid="accounts.give_team")
    post_save.connect(
        end_credentials, sender=User, dispatch_uid="accounts.end_credentials"
    )
