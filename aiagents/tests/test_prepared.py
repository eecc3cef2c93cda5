"""Querysets whose SQL is written once."""

import threading

import pytest
from django.db import models

from accounts.models import Membership
from accounts.tests.factories import UserFactory
from aiagents.common.connections import in_own_connection
from aiagents.common.prepared import Prepared

members = Prepared(
    lambda user_id, kind: Membership.objects.filter(
        user_id=user_id, team__kind=kind
    ).values_list("user_id", "user__is_active", "user__username"),
    user_id=models.UUIDField(),
    kind=models.CharField(),
)


@pytest.mark.django_db
class TestPrepared:
    def test_binds_the_values_of_each_call(self):
        anna, ben = UserFactory(), UserFactory()
        assert members(user_id=anna.id, kind="personal") == [
            (anna.id, True, anna.username)
        ]
        assert members(user_id=ben.id, kind="personal") == [
            (ben.id, True, ben.username)
        ]
        assert members(user_id=anna.id, kind="shared") == []

    def test_takes_values_as_data(self):
        anna = UserFactory()
        assert members(user_id=anna.id, kind="' OR 1=1 --") == []

    def test_wants_every_value(self):
        with pytest.raises(KeyError):
            members(user_id=UserFactory().id)

    def test_is_one_query_that_is_not_written_again(self, django_assert_num_queries):
        anna = UserFactory()
        calls = []

        def build(user_id):
            calls.append(user_id)
            return Membership.objects.filter(user_id=user_id).values_list("id")

        counted = Prepared(build, user_id=models.UUIDField())
        with django_assert_num_queries(2):
            assert counted(user_id=anna.id) == counted(user_id=anna.id)
        assert len(calls) == 1


@pytest.mark.django_db(transaction=True)
def test_every_thread_uses_its_own_connection():
    anna, found = UserFactory(), []

    def ask():
        found.extend(in_own_connection(members, user_id=anna.id, kind="personal"))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(anna.id, True, anna.username)] * 3
