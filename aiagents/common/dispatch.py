"""Waking workers: a task by name, after the commit, at best effort.

The database row is the truth. A message that cannot be sent is only a late start, because
the sweeper and the workers' own polling find the row; so an unreachable broker is logged
and never fails the caller.
"""

from functools import partial
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from aiagents.common.redis_client import Rest, rest

broker_rest = Rest()
log = structlog.get_logger(__name__)


def enqueue_on_commit(task: str, *, queue: str, **kwargs: Any) -> None:
    """Send `task` to `queue` once the surrounding transaction has committed."""
    transaction.on_commit(partial(enqueue, task, queue=queue, **kwargs), robust=True)


def enqueue(task: str, *, queue: str, **kwargs: Any) -> None:
    """Send `task` to `queue` now; an unreachable broker is logged, not raised."""
    if _broker_rests():
        return
    try:
        current_app.send_task(task, kwargs=kwargs, queue=queue, ignore_result=True)
    except (OperationalError, OSError) as error:
        broker_rest.start()
        log.warning(
            "wake_up_not_sent", action="wake_up_not_sent", task=task, cause=repr(error)
        )


def _broker_rests() -> bool:
    """Whether the broker has just failed here, which may be the Redis that others asked."""
    is_same = settings.BROKER_URL == settings.REDIS_URL
    return broker_rest.is_on() or (is_same and rest.is_on())
