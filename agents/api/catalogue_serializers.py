"""The shapes of the catalogue in the API."""

from typing import Any

from rest_framework import serializers

from agents.choices import Risk, Tier, VersionStatus
from agents.selectors import AgentDetail
from aiagents.common.api.serializers import InputSerializer


class NoParameters(InputSerializer):
    """A query string that must be empty."""


class PageParameters(InputSerializer):
    """A query string with nothing but the page, which the pages check themselves."""

    page = serializers.CharField(required=False)
    page_size = serializers.CharField(required=False)


class TopicOutput(serializers.Serializer[Any]):
    """A topic of a category."""

    slug = serializers.CharField()
    name = serializers.CharField()
    agent_count = serializers.IntegerField()


class CategoryOutput(serializers.Serializer[Any]):
    """A category with its topics."""

    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    agent_count = serializers.IntegerField()
    topics = TopicOutput(many=True)


class SampleOutput(serializers.Serializer[Any]):
    """An example that fills the form."""

    title = serializers.CharField()
    input = serializers.DictField()


class LimitsOutput(serializers.Serializer[Any]):
    """What the agent never does, and who takes over."""

    never = serializers.ListField(child=serializers.CharField())
    handoff = serializers.CharField(allow_blank=True)


class VersionOutput(serializers.Serializer[Any]):
    """A version that may be run by its number."""

    number = serializers.IntegerField()
    status = serializers.ChoiceField(choices=VersionStatus.choices)
    published_at = serializers.DateTimeField()
    digest = serializers.CharField()


class AgentDetailOutput(serializers.Serializer[AgentDetail]):
    """One agent in full."""

    slug = serializers.CharField(source="row.slug")
    name = serializers.CharField(source="row.name")
    category = serializers.CharField(source="row.category")
    topic = serializers.CharField(source="row.topic")
    purpose = serializers.CharField(source="row.purpose")
    deliverable = serializers.CharField(source="row.deliverable")
    tags = serializers.ListField(child=serializers.CharField(), source="row.tags")
    tier = serializers.ChoiceField(choices=Tier.choices, source="row.tier")
    risk = serializers.ChoiceField(choices=Risk.choices, source="row.risk")
    version = serializers.IntegerField(source="row.version")
    quality = serializers.FloatField(source="row.figures.quality", allow_null=True)
    median_cost_usd = serializers.DecimalField(
        12, 6, source="row.figures.median_cost_usd", allow_null=True
    )
    median_seconds = serializers.FloatField(
        source="row.figures.median_seconds", allow_null=True
    )
    users_7d = serializers.IntegerField(source="row.figures.users_7d", allow_null=True)
    url = serializers.SerializerMethodField()
    description = serializers.CharField(source="definition.description")
    inputs = serializers.ListField(child=serializers.DictField(), source="data.inputs")
    input_schema = serializers.DictField()
    output = serializers.DictField(source="data.output")
    samples = SampleOutput(many=True, source="definition.samples")
    standards = serializers.ListField(
        child=serializers.CharField(), source="definition.standards"
    )
    limits = LimitsOutput(source="definition")
    versions = VersionOutput(many=True)
    system_prompt = serializers.CharField(
        required=False, help_text="The whole prompt; only for curators."
    )

    def get_url(self, detail: AgentDetail) -> str:
        """The page of the agent."""
        return f"/marketplace/{detail.row.slug}"

    def to_representation(self, instance: AgentDetail) -> dict[str, Any]:
        """Without the prompt where it was not read."""
        body = super().to_representation(instance)
        if instance.system_prompt is None:
            del body["system_prompt"]
        return dict(body)
