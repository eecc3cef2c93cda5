"""The system check of the models."""

import pytest
from anthropic.resources.messages.messages import DEPRECATED_MODELS
from django.core.checks import Tags, run_checks
from django.db import connection

from agents.models import ModelProfile

pytestmark = pytest.mark.django_db


def found():
    messages = run_checks(tags=[Tags.database], databases=["default"])
    return [message for message in messages if message.id == "agents.W001"]


class TestCheckModelProfiles:
    def test_warns_of_a_model_that_ends(self):
        model_id, end = next(iter(DEPRECATED_MODELS.items()))
        ModelProfile.objects.create(tier="standard", model_id=model_id)
        (warning,) = found()
        assert (
            warning.msg
            == f"The model of the tier 'standard', {model_id}, ends on {end}."
        )
        assert warning.hint

    def test_says_nothing_of_todays_models(self):
        ModelProfile.objects.create(tier="standard", model_id="claude-sonnet-5-5")
        assert found() == []

    def test_does_not_ask_without_a_database(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert [m for m in run_checks() if m.id == "agents.W001"] == []

    def test_bears_a_database_without_tables(self):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE agents_modelprofile RENAME TO not_yet_migrated")
        assert found() == []
