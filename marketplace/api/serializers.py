"""The shapes of lists and matches of agents."""

from typing import Any

from rest_framework import serializers

from agents.choices import Risk, Tier
from agents.selectors import AgentRow
from aiagents.common.api.serializers import InputSerializer
from marketplace.api.filters import check_category

MAX_TASK_CHARS = 20_000
MAX_MATCHES = 20


class SentText(serializers.CharField):
    """Text that was sent as text: a number is not taken for its digits."""

    def to_internal_value(self, data: Any) -> str:
        """The text. Raises ValidationError otherwise."""
        if not isinstance(data, str):
            raise serializers.ValidationError("Expected text.")
        return str(super().to_internal_value(data))


class SentInteger(serializers.IntegerField):
    """A whole number that was sent as one."""

    def to_internal_value(self, data: Any) -> int:
        """The number. Raises ValidationError otherwise."""
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError("Expected a whole number.")
        return int(super().to_internal_value(data))


class AgentRowOutput(serializers.Serializer[Any]):
    """An agent as lists show it; figures are null where nothing was measured."""

    slug = serializers.CharField()
    name = serializers.CharField()
    category = serializers.CharField()
    topic = serializers.CharField()
    purpose = serializers.CharField()
    deliverable = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    tier = serializers.ChoiceField(choices=Tier.choices)
    risk = serializers.ChoiceField(choices=Risk.choices)
    version = serializers.IntegerField()
    quality = serializers.FloatField(source="figures.quality", allow_null=True)
    median_cost_usd = serializers.DecimalField(
        12, 6, source="figures.median_cost_usd", allow_null=True
    )
    median_seconds = serializers.FloatField(
        source="figures.median_seconds", allow_null=True
    )
    users_7d = serializers.IntegerField(source="figures.users_7d", allow_null=True)
    url = serializers.SerializerMethodField()

    def get_url(self, row: AgentRow) -> str:
        """The page of the agent."""
        return f"/marketplace/{row.slug}"


class MatchInput(InputSerializer):
    """A task in somebody's own words."""

    task = SentText(max_length=MAX_TASK_CHARS, allow_blank=True)
    category = SentText(required=False, allow_blank=True, max_length=40)
    limit = SentInteger(required=False, min_value=1, max_value=MAX_MATCHES)

    def validate_category(self, slug: str) -> str:
        """One of the categories. Raises ValidationError."""
        return check_category(slug)


class MatchOutput(serializers.Serializer[Any]):
    """An agent that fits, and why."""

    agent = AgentRowOutput()
    score = serializers.FloatField()
    reasons = serializers.ListField(child=serializers.CharField())


class MatchesOutput(serializers.Serializer[Any]):
    """The agents that fit a task, best first."""

    results = MatchOutput(many=True)
