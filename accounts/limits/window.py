"""Counting in Redis, in one script, so that parallel requests cannot pass together.

`GET` then `SET`, or `ZCARD` then `ZADD`, let a crowd through that counts at the same moment.
The script drops what has left the window, counts, decides over all keys and adds to all of
them or to none. It reads Redis's own clock, which every process shares.
"""

import secrets
from collections.abc import Sequence

import structlog
from redis.exceptions import RedisError

from accounts.limits.local import LocalWindow
from accounts.limits.values import Count, Decision, Rule, decide
from aiagents.common import clock, redis_client
from aiagents.common.errors import Unavailable
from aiagents.common.redis_client import rest

PREFIX = "limit:"
MICROS = 1_000_000

SCRIPT = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local answer, full = {}, false
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
  local count = redis.call('ZCARD', key)
  local oldest, freed = now, now
  if count > 0 then
    local index = math.max(0, count - limit)
    oldest = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
    freed = tonumber(redis.call('ZRANGE', key, index, index, 'WITHSCORES')[2])
  end
  if count >= limit then full = true end
  answer[#answer + 1] = count
  answer[#answer + 1] = oldest + window - now
  answer[#answer + 1] = freed + window - now
end
if not full then
  for i, key in ipairs(KEYS) do
    redis.call('ZADD', key, now, ARGV[2])
    redis.call('PEXPIRE', key, math.ceil(tonumber(ARGV[2 + 2 * i]) / 1000) + 1000)
  end
end
return answer
"""

log = structlog.get_logger(__name__)
local_window = LocalWindow()


def check(key: str, limit: int, window_s: int) -> Decision:
    """Count one request under `key`; without Redis, in this process."""
    return check_all([Rule(key=key, limit=limit, window_s=window_s)])


def check_all(rules: Sequence[Rule], *, at_micros: int | None = None) -> Decision:
    """Count one request under every rule or, when one refuses, under none.

    Without Redis each process counts for itself. `at_micros` replaces Redis's clock.
    """
    entry = secrets.token_hex(8)
    decision = _in_redis(rules, entry=entry, at_micros=at_micros)
    if decision is None:
        return local_window.check_all(rules, entry=entry, at_s=clock.monotonic())
    if decision.allowed:
        local_window.note(rules, at_s=clock.monotonic())
    return decision


def check_strictly(rules: Sequence[Rule], *, at_micros: int | None = None) -> Decision:
    """As `check_all`, for what must not be guessed. Raises Unavailable without Redis."""
    decision = _in_redis(rules, entry=secrets.token_hex(8), at_micros=at_micros)
    if decision is None:
        raise Unavailable("Sign-in is closed for a moment; try again shortly.")
    return decision


def forget(rules: Sequence[Rule], *, entry: str) -> None:
    """Take one counted request back, because it turned out to be harmless."""
    if not entry:
        return
    try:
        pipeline = redis_client.sync_client().pipeline(transaction=False)
        for rule in rules:
            pipeline.zrem(PREFIX + rule.key, entry)
        pipeline.execute()
    except (RedisError, OSError) as error:
        _failed(error)


def _in_redis(
    rules: Sequence[Rule], *, entry: str, at_micros: int | None
) -> Decision | None:
    if rest.is_on():
        return None
    try:
        counts = _run(rules, entry=entry, at_micros=at_micros)
    except (RedisError, OSError) as error:
        _failed(error)
        return None
    return decide(rules, counts, entry=entry)


def _run(rules: Sequence[Rule], *, entry: str, at_micros: int | None) -> list[Count]:
    arguments: list[str | int] = ["" if at_micros is None else at_micros, entry]
    for rule in rules:
        arguments += [rule.limit, rule.window_s * MICROS]
    script = redis_client.sync_client().register_script(SCRIPT)
    flat = script(keys=[PREFIX + rule.key for rule in rules], args=arguments)
    return [
        Count(count=count, oldest_leaves_s=oldest / MICROS, room_in_s=freed / MICROS)
        for count, oldest, freed in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    ]


def _failed(error: Exception) -> None:
    rest.start()
    log.warning(
        "limiter_without_redis", action="limiter_without_redis", cause=repr(error)
    )
