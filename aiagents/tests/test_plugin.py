"""The test plugin keeps its promises."""

import asyncio
import socket

import pytest
import redis
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection

from aiagents.common import clock as common_clock
from aiagents.testing import network
from aiagents.testing.network import NetworkBlockedError
from aiagents.testing.query_counts import QueryCounts


class TestNetworkGuard:
    def test_refuses_a_foreign_address(self):
        with socket.socket() as sock, pytest.raises(NetworkBlockedError):
            sock.connect(("192.0.2.1", 80))

    def test_refuses_a_foreign_name(self):
        with pytest.raises(NetworkBlockedError):
            socket.create_connection(("api.anthropic.com", 443))

    async def test_refuses_from_an_event_loop(self):
        with pytest.raises(NetworkBlockedError):
            await asyncio.open_connection("192.0.2.1", 80)

    def test_refuses_datagrams(self):
        with (
            socket.socket(type=socket.SOCK_DGRAM) as sock,
            pytest.raises(NetworkBlockedError),
        ):
            sock.sendto(b"x", ("192.0.2.1", 53))

    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "::1", "localhost", b"localhost", None]
    )
    def test_lets_this_machine_pass(self, host):
        assert network.is_local(host)


class TestRedis:
    @pytest.mark.parametrize("_round", [1, 2])
    def test_is_real_and_empty_in_each_test(self, redis_url, _round):
        with redis.Redis.from_url(redis_url) as client:
            assert client.incr("counter") == 1

    def test_is_the_one_of_the_settings(self, redis_url):
        assert redis_url == settings.REDIS_URL

    def test_a_spare_one_comes_back_with_its_data(self, spare_redis):
        with spare_redis.client() as client:
            client.set("kept", "yes")
            spare_redis.kill()
            spare_redis.start()
            assert client.get("kept") == b"yes"


class TestClock:
    def test_stands_still_until_it_is_moved(self, clock):
        before = common_clock.now()
        assert common_clock.now() == before
        clock.advance(minutes=5)
        assert (common_clock.now() - before).total_seconds() == 300


@pytest.mark.django_db
class TestQueryCounts:
    def test_a_missing_key_fails(self, tmp_path):
        with pytest.raises(AssertionError, match="UPDATE_QUERY_COUNTS=1 writes 1"):
            _count(QueryCounts(tmp_path / "counts.json"), queries=1)

    def test_a_changed_number_fails_and_names_the_queries(self, tmp_path, monkeypatch):
        path = tmp_path / "counts.json"
        monkeypatch.setenv("UPDATE_QUERY_COUNTS", "1")
        _count(QueryCounts(path), queries=1)
        monkeypatch.delenv("UPDATE_QUERY_COUNTS")
        _count(QueryCounts(path), queries=1)
        with pytest.raises(AssertionError, match="1 queries expected, 2 made"):
            _count(QueryCounts(path), queries=2)

    def test_two_measures_of_one_key_must_agree_even_when_updating(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("UPDATE_QUERY_COUNTS", "1")
        counts = QueryCounts(tmp_path / "counts.json")
        _count(counts, queries=1)
        with pytest.raises(AssertionError, match="1 queries before, 10 now"):
            _count(counts, queries=10)


def _count(counts, *, queries):
    with counts("page:example"):
        for _ in range(queries):
            get_user_model().objects.first()


@pytest.mark.django_db
def test_the_database_is_a_file_or_a_server_of_this_process():
    assert ":memory:" not in str(connection.settings_dict["NAME"])
    assert "memorydb" not in str(connection.settings_dict["NAME"])
