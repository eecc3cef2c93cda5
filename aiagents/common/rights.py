"""Telling what is open for a person that their rights have changed.

Whatever ends a credential says so after its commit, and every open socket and stream of that
person looks again at once. The database decides; the message is a hint. Without Redis it is
lost, and the regular look of each connection finds out instead.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

from aiagents.common import redis_client

#: Channels calls the method `rights_changed` of a consumer for it.
MESSAGE: dict[str, Any] = {"type": "rights.changed"}
log = structlog.get_logger(__name__)


def group_name(user_id: uuid.UUID) -> str:
    """The group of all open connections of one person, their API keys' included."""
    return f"rights.{user_id.hex}"


def announce_on_commit(user_id: uuid.UUID) -> None:
    """Have the person's connections look again once the transaction has committed."""
    transaction.on_commit(partial(announce, user_id), robust=True)


def announce(user_id: uuid.UUID) -> None:
    """Have the person's connections look again now; without Redis it is logged."""
    try:
        # The channel layer knows no time-outs; a Redis that does not answer is met here.
        redis_client.sync_client().ping()
        async_to_sync(get_channel_layer().group_send)(group_name(user_id), MESSAGE)
    except (RedisError, OSError) as error:
        log.warning("rights_not_told", action="rights_not_told", cause=repr(error))


@contextlib.asynccontextmanager
async def listening(user_id: uuid.UUID) -> AsyncGenerator[asyncio.Event, None]:
    """An event that is set whenever the person's rights may have changed.

    For readers that are no consumers. Without Redis it is never set.
    """
    changed = asyncio.Event()
    pump = asyncio.create_task(_hear(group_name(user_id), changed))
    try:
        yield changed
    finally:
        pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pump


async def _hear(group: str, changed: asyncio.Event) -> None:
    layer = get_channel_layer()
    with contextlib.suppress(RedisError, OSError):
        channel = await layer.new_channel()
        try:
            await layer.group_add(group, channel)
            # What ended before the group was joined is found by looking once.
            changed.set()
            while True:
                await layer.receive(channel)
                changed.set()
        finally:
            await layer.group_discard(group, channel)
