"""One look of the sweeper's process: runs, batches, the provider's batches."""

import pytest
from django.core.management import call_command
from django.db import OperationalError

from accounts.models import Membership
from agents import services
from agents.choices import BatchMode, PauseReason
from agents.management.commands import sweep
from agents.models import Execution
from agents.tests.factories import BatchFactory

# A round gives its connection back, which a test in a transaction would miss.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def batch(owner):
    team = Membership.objects.get(user=owner.user, team__kind="personal").team
    return BatchFactory(team=team, user=owner.user)


def test_starts_the_rows_of_batches(batch):
    call_command("sweep", "--once")
    assert Execution.objects.filter(batch=batch).count() == 3


def test_takes_the_providers_batches_one_step_on(batch, settings):
    settings.DEMO_MODEL_URL = "http://127.0.0.1:1"
    batch.mode = BatchMode.PROVIDER_BATCH
    batch.save()
    call_command("sweep", "--once")
    batch.refresh_from_db()
    assert batch.pause_reason == PauseReason.PROVIDER_REFUSED


@pytest.mark.parametrize("error", [OperationalError("away"), ValueError("broken")])
def test_a_failed_round_is_followed_by_the_next(error):
    def fail():
        raise error

    sweep.guarded(fail)


def test_a_broken_batch_does_not_keep_others_waiting(batch, monkeypatch):
    broken = BatchFactory()
    feed = services.feed_batch

    def feed_one(key, *, now):
        assert key != broken.id, "broken"
        return feed(key, now=now)

    monkeypatch.setattr(services, "feed_batch", feed_one)
    call_command("sweep", "--once")
    assert Execution.objects.filter(batch=batch).count() == 3
    assert not Execution.objects.filter(batch=broken).exists()
