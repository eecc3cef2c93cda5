"""What workers do for accounts."""

from typing import Any

from celery import shared_task

from accounts import services
from aiagents.common import clock


@shared_task(name="accounts.purge_expired")  # type: ignore[untyped-decorator] # celery ships no types
def purge_expired(**_: Any) -> None:
    """Delete expired tokens and old answers."""
    services.purge_expired(now=clock.now())
