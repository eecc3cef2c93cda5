"""A repeated request happens once: the same answer, also when both come at once."""

import threading

import pytest
from django.db import connection

from accounts import services
from accounts.errors import StillRunning
from accounts.models import IdempotencyRecord, Team
from accounts.services import Answer
from accounts.tests.factories import TeamFactory, UserFactory, principal_for
from aiagents.common.errors import (
    Conflict,
    IdempotencyMismatch,
    InvalidInput,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna():
    return principal_for(UserFactory())


def make_team():
    team = TeamFactory(name="Made")
    return Answer(
        status=201, body={"id": str(team.id)}, headers={"Location": f"/t/{team.id}"}
    )


def run(principal, *, key="key-1", body=None, route="teams", create=make_team):
    return services.run_once(
        principal=principal, route=route, key=key, body=body or {"a": 1}, create=create
    )


def made():
    return Team.objects.filter(name="Made").count()


class TestRunOnce:
    def test_answers_again_without_doing_it_again(self, anna):
        first, second = run(anna), run(anna)
        assert made() == 1
        assert (second.status, second.body) == (first.status, first.body)
        assert (first.replayed, second.replayed) == (False, True)
        assert second.headers == first.headers | {"Idempotent-Replayed": "true"}
        assert "Idempotent-Replayed" not in first.headers

    def test_without_a_key_each_is_its_own(self, anna):
        run(anna, key=None)
        run(anna, key=None)
        assert made() == 2
        assert not IdempotencyRecord.objects.exists()

    def test_the_order_of_fields_is_no_other_body(self, anna):
        run(anna, body={"a": 1, "b": 2})
        assert run(anna, body={"b": 2, "a": 1}).replayed

    def test_another_body_is_refused(self, anna):
        run(anna)
        with pytest.raises(IdempotencyMismatch):
            run(anna, body={"a": 2})
        assert made() == 1

    def test_keys_belong_to_route_and_person(self, anna):
        run(anna)
        run(anna, route="others")
        run(principal_for(UserFactory()))
        assert made() == 3

    @pytest.mark.parametrize(
        "key", ["", " ", "a b", "a" * 256, "a\x00", "\U0001f600", "ä", "a\n"]
    )
    def test_refuses_keys(self, anna, key):
        with pytest.raises(InvalidInput):
            run(anna, key=key)
        assert made() == 0

    @pytest.mark.parametrize("key", ["!", "~" * 255])
    def test_takes_keys(self, anna, key):
        assert run(anna, key=key).status == 201

    def test_errors_are_not_stored_and_undo_everything(self, anna):
        def fail():
            make_team()
            raise Conflict

        with pytest.raises(Conflict):
            run(anna, key="key-1", create=fail)
        assert made() == 0
        assert not run(anna, key="key-1").replayed
        assert made() == 1


@pytest.mark.django_db(transaction=True)
class TestRace:
    def race(self, count, one):
        results, barrier = [], threading.Barrier(count)

        def runner(index):
            barrier.wait()
            try:
                results.append(one(index))
            except (Conflict, IdempotencyMismatch) as error:
                results.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=runner, args=[i]) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == count
        return results

    def test_equal_requests_at_once_make_one_row(self, anna):
        results = self.race(12, lambda _: run(anna))
        assert made() == 1
        assert len({result.body["id"] for result in results}) == 1
        assert sum(not result.replayed for result in results) == 1

    def test_different_bodies_at_once(self, anna):
        results = self.race(6, lambda index: run(anna, body={"a": index}))
        assert made() == 1
        assert sum(isinstance(result, IdempotencyMismatch) for result in results) == 5

    def test_when_the_first_fails_the_next_one_does_it(self, anna):
        lock, failed = threading.Lock(), list[bool]()

        def first_fails():
            answer = make_team()
            with lock:
                if not failed:
                    failed.append(True)
                    raise Conflict
            return answer

        results = self.race(6, lambda _: run(anna, create=first_fails))
        assert made() == 1
        assert sum(isinstance(result, Conflict) for result in results) == 1

    @pytest.mark.skipif(
        connection.vendor != "postgresql", reason="needs PostgreSQL's lock_timeout"
    )
    def test_the_first_may_not_be_waited_for_for_ever(self, anna):
        is_open, may_end = threading.Event(), threading.Event()

        def slow():
            is_open.set()
            may_end.wait(10)
            return make_team()

        def first():
            run(anna, create=slow)
            connection.close()

        thread = threading.Thread(target=first)
        thread.start()
        is_open.wait(10)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        with pytest.raises(StillRunning) as refused:
            run(anna)
        assert refused.value.retry_after_s > 0
        may_end.set()
        thread.join()
        assert run(anna).replayed
        connection.close()
