"""The limiter: exact in Redis, careful without it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from accounts import limits
from accounts.limits import Rule
from accounts.limits.local import LocalWindow
from aiagents.common import redis_client
from aiagents.common.errors import Unavailable

MICROS = 1_000_000
T0 = 1_800_000_000 * MICROS


def rule(limit=3, key="k", window_s=60):
    return Rule(key=key, limit=limit, window_s=window_s)


def at(seconds, *rules):
    return limits.check_all(rules or [rule()], at_micros=T0 + int(seconds * MICROS))


@pytest.fixture
def without_redis(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


class TestCheck:
    def test_lets_the_limit_through_and_refuses_the_next(self):
        assert [limits.check("k", 3, 60).allowed for _ in range(4)] == [True] * 3 + [
            False
        ]

    def test_counts_down(self):
        assert [at(0).remaining for _ in range(3)] == [2, 1, 0]

    def test_keys_are_counted_apart(self):
        assert at(0, rule(1, "a")).allowed
        assert at(0, rule(1, "b")).allowed

    def test_says_when_there_is_room_again(self):
        at(0), at(10), at(20)
        refused = at(30)
        assert (refused.allowed, refused.retry_after_s, refused.reset_s) == (
            False,
            30,
            30,
        )

    def test_refused_requests_do_not_count(self):
        at(0), at(0), at(0)
        for second in range(1, 60):
            assert not at(second).allowed
        assert at(60).allowed

    def test_the_window_slides(self):
        """A fixed window would let four through within a second around its border."""
        at(0), at(59), at(59.5)
        assert at(60).allowed
        assert not at(60.5).allowed
        assert at(119).allowed

    def test_never_more_than_the_limit_in_any_window(self):
        passed = [s / 4 for s in range(1000) if at(s / 4, rule(7, window_s=10)).allowed]
        for start in passed:
            assert sum(start <= moment < start + 10 for moment in passed) <= 7

    def test_counts_under_all_rules_or_none(self):
        wide, narrow = rule(10, "wide"), rule(1, "narrow")
        assert at(0, wide, narrow).allowed
        assert not at(0, wide, narrow).allowed
        assert at(0, wide).remaining == 8

    def test_answers_for_the_tightest_rule(self):
        decision = at(0, rule(10, "wide"), rule(4, "narrow"))
        assert (decision.limit, decision.remaining) == (4, 3)

    def test_a_lowered_limit_waits_for_enough_to_leave(self):
        for second in (0, 10, 20):
            at(second, rule(3))
        assert at(30, rule(1)).retry_after_s == 50

    def test_forgets_a_request(self):
        decision = at(0, rule(1))
        limits.forget([rule(1)], entry=decision.entry)
        assert at(0, rule(1)).allowed

    def test_keys_leave_redis_by_themselves(self, redis_url):
        limits.check("k", 3, 60)
        assert 60 <= Redis.from_url(redis_url).ttl("limit:k") <= 62

    def test_is_exact_under_parallel_load(self):
        with ThreadPoolExecutor(32) as pool:
            decisions = list(pool.map(lambda _: limits.check("p", 100, 60), range(300)))
        assert sum(decision.allowed for decision in decisions) == 100
        assert sorted(d.remaining for d in decisions if d.allowed) == list(range(100))


class TestWithoutRedis:
    def test_counts_in_the_process(self, without_redis):
        assert [limits.check("k", 3, 60).allowed for _ in range(4)] == [True] * 3 + [
            False
        ]

    def test_goes_on_from_what_redis_let_through(self, settings):
        limits.check("k", 3, 60)
        limits.check("k", 3, 60)
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        assert limits.check("k", 3, 60).allowed
        assert not limits.check("k", 3, 60).allowed

    def test_is_exact_under_parallel_load(self, without_redis):
        with ThreadPoolExecutor(32) as pool:
            decisions = pool.map(lambda _: limits.check("p", 100, 60), range(300))
            assert sum(decision.allowed for decision in decisions) == 100

    def test_the_strict_check_refuses(self, without_redis):
        with pytest.raises(Unavailable):
            limits.check_strictly([rule()])

    def test_redis_is_left_alone_after_a_failure(
        self, without_redis, settings, redis_url
    ):
        limits.check("k", 3, 60)
        settings.REDIS_URL = redis_url
        limits.check("k", 3, 60)
        assert redis_client.sync_client().zcard("limit:k") == 0
        redis_client.rest.end()
        limits.check("k", 3, 60)
        assert redis_client.sync_client().zcard("limit:k") == 1

    def test_counts_again_in_redis_after_a_restart(self, settings, spare_redis):
        settings.REDIS_URL = spare_redis.url
        assert limits.check("k", 1, 60).allowed
        spare_redis.kill()
        assert not limits.check("k", 1, 60).allowed
        spare_redis.start()
        redis_client.rest.end()
        assert limits.check("other", 1, 60).allowed
        assert redis_client.sync_client().zcard("limit:other") == 1


class TestLocalWindow:
    def test_the_window_slides(self):
        local = LocalWindow()
        times = [0, 59, 59.5, 60, 60.5, 119]
        passed = [local.check_all([rule()], entry="", at_s=s).allowed for s in times]
        assert passed == [True, True, True, True, False, True]

    def test_forgets_the_least_recently_used_key_first(self):
        local = LocalWindow(max_keys=2)
        for key in ("a", "b", "a", "c"):
            local.check_all([rule(1, key)], entry="", at_s=0)
        assert not local.check_all([rule(1, "a")], entry="", at_s=1).allowed
        assert local.check_all([rule(1, "b")], entry="", at_s=1).allowed
