"""The numbered stream: every reader sees every event once and in order, whatever dies."""

import asyncio
import contextlib
import importlib
import uuid

import pytest
import redis.asyncio as redis_asyncio
from channels.layers import get_channel_layer
from redis import Redis

from aiagents.common.progress import (
    Append,
    AsyncProgressLog,
    Outcome,
    ProgressLog,
    ProgressType,
    announcement,
    follow,
    group_name,
    lost_floor,
)
from aiagents.common.progress import stream as stream_module

#: The package's function of that name hides the module.
follow_module = importlib.import_module("aiagents.common.progress.follow")
DELTA, RESET, DONE = ProgressType.DELTA, ProgressType.RESET, ProgressType.DONE


@pytest.fixture
def log(redis_url):
    with Redis.from_url(redis_url) as client:
        yield ProgressLog(client)


@pytest.fixture
async def async_log(redis_url):
    async with redis_asyncio.Redis.from_url(redis_url) as client:
        yield AsyncProgressLog(client)


@pytest.fixture
def key():
    return uuid.UUID(int=0xA11CE)


@pytest.fixture(autouse=True)
async def _close_channel_layer():
    yield
    await get_channel_layer().flush()


def deltas(key, *texts, attempt=1, **options):
    events = [(DELTA, {"text": text}) for text in texts]
    return Append(key=key, attempt=attempt, events=events, **options)


def done(key, *, attempt=1, **options):
    events = [(DONE, {"status": "succeeded"})]
    return Append(key=key, attempt=attempt, events=events, closes=True, **options)


def text_of(events):
    """What a client shows after these events (CONTRACT §3)."""
    text = ""
    for event in events:
        if event.type is DELTA:
            text += event.data["text"]
        elif event.type is RESET:
            text = event.data["text"]
    return text


async def nothing_yet():
    return None


class TestAppend:
    def test_numbers_start_at_one_and_rise_by_one(self, log, key):
        first = log.append(deltas(key, "a", "b"))
        second = log.append(deltas(key, "c"))
        assert [e.seq for e in (*first.events, *second.events)] == [1, 2, 3]
        assert log.replay(key) == [*first.events, *second.events]

    def test_numbers_go_on_over_attempts(self, log, key):
        log.append(deltas(key, "a"))
        assert log.append(deltas(key, "b", attempt=2)).events[0].seq == 2

    def test_an_earlier_attempt_is_refused(self, log, key):
        log.append(deltas(key, "a", attempt=2))
        late = log.append(deltas(key, "late", attempt=1))
        assert late.fenced
        assert not late.events
        assert text_of(log.replay(key)) == "a"

    def test_nothing_comes_after_the_end(self, log, key):
        log.append(done(key))
        assert log.append(deltas(key, "late", attempt=9)).fenced
        assert log.append(done(key, attempt=9)).fenced
        assert [e.type for e in log.replay(key)] == [DONE]

    def test_a_lost_stream_goes_on_above_every_number_given(self, log, key, redis_url):
        log.append(deltas(key, *"abc"))
        with Redis.from_url(redis_url) as client:
            client.flushall()
        again = log.append(deltas(key, "d", attempt=1, floor=lost_floor(1)))
        assert again.lost
        assert again.events[0].seq == lost_floor(1) + 1

    def test_a_new_stream_is_not_lost(self, log, key):
        assert not log.append(deltas(key, "a")).lost

    def test_streams_do_not_touch_each_other(self, log, key):
        log.append(done(key))
        assert log.append(deltas(uuid.UUID(int=2), "a")).events[0].seq == 1

    def test_a_stream_ends_some_time(self, log, key, redis_url):
        log.append(deltas(key, "a"))
        with Redis.from_url(redis_url) as client:
            limits = {client.ttl(name) for name in client.keys("progress:*")}
        assert limits
        assert all(0 < limit <= stream_module.retention_s() for limit in limits)

    async def test_many_streams_in_one_round_trip(self, async_log, key):
        other = uuid.UUID(int=2)
        await async_log.append_all([done(key)])
        refused, taken = await async_log.append_all(
            [deltas(key, "late"), deltas(other, "a", "b")]
        )
        assert refused.fenced
        assert [event.seq for event in taken.events] == [1, 2]

    async def test_scripts_are_loaded_again_by_a_redis_that_forgot_them(
        self, async_log, key, redis_url
    ):
        await async_log.append_all([deltas(key, "a")])
        async with redis_asyncio.Redis.from_url(redis_url) as client:
            await client.script_flush()
        again, *_ = await async_log.append_all([deltas(key, "b")])
        assert again.events[0].seq == 2

    async def test_only_a_watched_stream_is_announced(self, async_log, key):
        before, *_ = await async_log.append_all([deltas(key, "a")])
        await async_log.watch(key)
        after, *_ = await async_log.append_all([deltas(key, "b")])
        assert (before.watched, after.watched) == (False, True)


class TestReplay:
    def test_from_any_number_the_text_is_whole(self, log, key):
        log.append(deltas(key, *"abc"))
        log.append(
            Append(
                key=key,
                attempt=2,
                events=[(RESET, {"text": ""}), (DELTA, {"text": "xy"})],
            )
        )
        log.append(done(key, attempt=2))
        every = log.replay(key)
        for cut in range(len(every) + 1):
            assert every[:cut] + log.replay(key, after=cut) == every
        assert text_of(every) == "xy"

    def test_of_nothing_is_nothing(self, log, key):
        assert log.replay(key) == []

    async def test_head_tells_where_a_stream_stands(self, async_log, key):
        assert await async_log.head(key) is None
        await async_log.append_all([deltas(key, "a", "b")])
        head = await async_log.head(key)
        assert (head.seq, head.closed) == (2, False)
        await async_log.append_all([done(key)])
        assert (await async_log.head(key)).closed


class TestWaitForEnd:
    def test_answers_the_number_of_the_end(self, log, key):
        log.append(deltas(key, "a"))
        log.append(done(key))
        assert log.wait_for_end(key, after=0, seconds=5) == 2

    def test_gives_up_when_the_time_is_up(self, log, key):
        log.append(deltas(key, "a"))
        assert log.wait_for_end(key, after=0, seconds=0.05) == 1


class TestFollow:
    async def read(self, log, key, *, after=0, find_outcome=nothing_yet):
        stream = follow(log, key, after=after, find_outcome=find_outcome)
        async with contextlib.aclosing(stream), asyncio.timeout(20):
            return [event async for event in stream]

    async def tell(self, log, append):
        """Append and announce, as the executor does."""
        appended, *_ = await log.append_all([append])
        if appended.watched:
            message = announcement(appended.events)
            await get_channel_layer().group_send(group_name(append.key), message)
        return appended

    async def test_replays_then_goes_live_to_the_end(self, async_log, key):
        await self.tell(async_log, deltas(key, "a", "b"))
        reader = asyncio.create_task(self.read(async_log, key))
        for letter in "cdefgh":
            await asyncio.sleep(0)
            await self.tell(async_log, deltas(key, letter))
        await self.tell(async_log, done(key))
        events = await reader
        assert [event.seq for event in events] == list(range(1, 10))
        assert text_of(events) == "abcdefgh"

    async def test_continues_after_the_number_it_was_given(self, async_log, key):
        await self.tell(async_log, deltas(key, "a", "b", "c"))
        await self.tell(async_log, done(key))
        events = await self.read(async_log, key, after=2)
        assert [event.seq for event in events] == [3, 4]

    async def test_finds_what_was_not_announced(self, async_log, key, monkeypatch):
        monkeypatch.setattr(follow_module, "PATIENCE_S", 0.05)
        reader = asyncio.create_task(self.read(async_log, key))
        await async_log.append_all([deltas(key, "a")])
        await async_log.append_all([done(key)])
        assert [event.seq for event in await reader] == [1, 2]

    async def test_a_gap_or_a_double_in_announcements_does_not_show(
        self, async_log, key
    ):
        reader = asyncio.create_task(self.read(async_log, key))
        await self.tell(async_log, deltas(key, "a"))
        await async_log.append_all([deltas(key, "b")])
        last = await self.tell(async_log, deltas(key, "c"))
        message = announcement(last.events)
        await get_channel_layer().group_send(group_name(key), message)
        await self.tell(async_log, done(key))
        events = await reader
        assert [event.seq for event in events] == [1, 2, 3, 4]

    async def test_interest_is_renewed_while_it_is_live(
        self, async_log, key, monkeypatch
    ):
        # The mark lasts one second; patience is longer than the test.
        monkeypatch.setattr(stream_module, "WATCH_S", 1)
        monkeypatch.setattr(follow_module, "WATCH_S", 1)
        monkeypatch.setattr(follow_module, "PATIENCE_S", 60)
        reader = asyncio.create_task(self.read(async_log, key))
        for _ in range(25):
            await asyncio.sleep(0.1)
            await self.tell(async_log, deltas(key, "x"))
        await self.tell(async_log, done(key))
        assert text_of(await reader) == "x" * 25

    async def test_ends_a_stream_whose_writer_died(self, async_log, key, monkeypatch):
        monkeypatch.setattr(follow_module, "PATIENCE_S", 0.05)
        await self.tell(async_log, deltas(key, "half"))

        async def finished():
            return Outcome(status="failed", text="whole", attempt=1)

        readers = [self.read(async_log, key, find_outcome=finished) for _ in range(3)]
        for events in await asyncio.gather(*readers):
            assert [e.type for e in events].count(DONE) == 1
            assert events[-1].data == {"status": "failed"}
            assert text_of(events) == "whole"

    @pytest.mark.parametrize("after", [0, 7])
    async def test_of_a_stream_that_is_gone_gives_the_stored_end(
        self, async_log, key, after
    ):
        async def finished():
            return Outcome(status="succeeded", text="stored", attempt=2)

        events = await self.read(async_log, key, after=after, find_outcome=finished)
        assert [event.type for event in events] == [RESET, DONE]
        assert text_of(events) == "stored"
        assert events[0].seq > after

    async def test_a_reader_who_has_all_of_it_is_let_go(self, async_log, key):
        await self.tell(async_log, done(key))

        async def finished():
            return Outcome(status="succeeded", text="", attempt=1)

        assert await self.read(async_log, key, after=1, find_outcome=finished) == []

    async def test_reads_on_when_redis_was_emptied(
        self, async_log, key, redis_url, monkeypatch
    ):
        monkeypatch.setattr(follow_module, "PATIENCE_S", 0.05)
        await self.tell(async_log, deltas(key, "a", "b"))
        reader = asyncio.create_task(self.read(async_log, key))
        await asyncio.sleep(0.1)
        async with redis_asyncio.Redis.from_url(redis_url) as client:
            await client.flushall()
        floor = lost_floor(1)
        reset = Append(
            key=key, attempt=1, floor=floor, events=[(RESET, {"text": "abc"})]
        )
        await self.tell(async_log, reset)
        await self.tell(async_log, done(key, floor=floor))
        events = await reader
        assert text_of(events) == "abc"
        assert [event.seq for event in events] == sorted(
            {event.seq for event in events}
        )

    @pytest.mark.slow
    async def test_survives_a_redis_that_is_killed_and_comes_back(
        self, spare_redis, key, settings, monkeypatch
    ):
        monkeypatch.setattr(follow_module, "PATIENCE_S", 0.2)
        monkeypatch.setattr(follow_module, "REDIS_AWAY_S", 0.05)
        settings.CHANNEL_LAYERS = _layers(spare_redis.url)
        async with redis_asyncio.Redis.from_url(spare_redis.url) as client:
            log = AsyncProgressLog(client)
            await self.tell(log, deltas(key, "a", "b"))
            reader = asyncio.create_task(self.read(log, key))
            await asyncio.sleep(0.1)
            spare_redis.kill()
            await asyncio.sleep(0.3)
            spare_redis.start()
            await self.tell(log, deltas(key, "c"))
            await self.tell(log, done(key))
            events = await reader
            await get_channel_layer().flush()
        assert [event.seq for event in events] == [1, 2, 3, 4]
        assert text_of(events) == "abc"

    @pytest.mark.slow
    async def test_ends_from_the_database_while_redis_is_away(
        self, spare_redis, key, settings, monkeypatch
    ):
        monkeypatch.setattr(follow_module, "REDIS_AWAY_S", 0.05)
        settings.CHANNEL_LAYERS = _layers(spare_redis.url)
        spare_redis.kill()

        async def finished():
            return Outcome(status="succeeded", text="stored", attempt=1)

        async with redis_asyncio.Redis.from_url(spare_redis.url) as client:
            log = AsyncProgressLog(client)
            events = await self.read(log, key, find_outcome=finished)
        assert text_of(events) == "stored"
        assert events[-1].type is DONE


def _layers(url):
    layer = "channels_redis.pubsub.RedisPubSubChannelLayer"
    return {"default": {"BACKEND": layer, "CONFIG": {"hosts": [url]}}}
