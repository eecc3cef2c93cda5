"""The clients: one per process and per loop, and quick to say that Redis is away."""

import asyncio
import socket
import time

import pytest
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from aiagents.common import redis_client


def test_one_client_per_process():
    assert redis_client.sync_client() is redis_client.sync_client()
    redis_client.sync_client().set("k", "v")
    assert redis_client.sync_client().get("k") == b"v"


async def test_one_client_per_loop():
    client = redis_client.async_client()
    assert client is redis_client.async_client()
    await client.set("k", "v")
    assert await client.get("k") == b"v"
    await client.aclose()


def test_each_loop_has_its_own():
    async def use():
        client = redis_client.async_client()
        await client.ping()
        await client.aclose()
        return client

    first, second = asyncio.run(use()), asyncio.run(use())
    assert first is not second


def test_nobody_there_is_known_at_once(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    started = time.monotonic()
    with pytest.raises(RedisError):
        redis_client.sync_client().ping()
    assert time.monotonic() - started < 0.5


def test_a_silent_server_is_left(settings, monkeypatch):
    """It takes the connection and answers nothing, as a half-open socket does."""
    monkeypatch.setitem(redis_client.TIMEOUTS, "socket_timeout", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        client = redis_client.sync_client()
        with pytest.raises(RedisTimeoutError):
            client.ping()
        client.close()


def test_survives_a_restart(settings, spare_redis):
    settings.REDIS_URL = spare_redis.url
    redis_client.sync_client().set("k", "v")
    spare_redis.kill()
    with pytest.raises(RedisError):
        redis_client.sync_client().get("k")
    spare_redis.start()
    assert redis_client.sync_client().get("k") == b"v"
