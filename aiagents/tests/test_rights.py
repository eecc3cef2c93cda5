"""Telling open connections to look again; without Redis nothing breaks."""

import asyncio

import pytest
from channels.layers import channel_layers, get_channel_layer

from aiagents.common import redis_client, rights
from aiagents.common.connections import in_thread
from aiagents.common.ids import new_id

#: Nothing listens there.
AWAY = "redis://127.0.0.1:1/0"
PATIENCE_S = 10


@pytest.fixture
def away(settings, monkeypatch):
    settings.REDIS_URL = AWAY
    layer = settings.CHANNEL_LAYERS["default"]
    settings.CHANNEL_LAYERS = {"default": layer | {"CONFIG": {"hosts": [AWAY]}}}
    monkeypatch.setattr(channel_layers, "backends", {})
    yield
    redis_client.rest.end()


async def heard(changed):
    async with asyncio.timeout(PATIENCE_S):
        await changed.wait()
    changed.clear()


async def test_who_listens_looks_once_and_whenever_told():
    person = new_id()
    async with rights.listening(person) as changed:
        await heard(changed)
        for _ in range(2):
            await in_thread(rights.announce, person)
            await heard(changed)
    await get_channel_layer().flush()


async def test_nobody_else_is_told():
    person, other = new_id(), new_id()
    async with rights.listening(person) as mine, rights.listening(other) as theirs:
        await heard(mine)
        await heard(theirs)
        await in_thread(rights.announce, other)
        await heard(theirs)
        assert not mine.is_set()
    await get_channel_layer().flush()


def test_without_redis_it_is_logged_and_not_raised(away, caplog):
    rights.announce(new_id())
    assert "rights_not_told" in caplog.text


async def test_without_redis_nobody_is_told_and_nothing_breaks(away):
    async with rights.listening(new_id()) as changed:
        await asyncio.sleep(0)
        assert not changed.is_set()
