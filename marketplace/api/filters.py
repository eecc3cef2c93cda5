"""What may stand in the query string of the list of agents."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from agents.choices import Risk, Tier
from agents.models import Category, Topic
from agents.selectors import ORDERINGS
from aiagents.common.api.serializers import InputSerializer
from marketplace.search import RELEVANCE, Wanted

TAG = r"^[a-z0-9][a-z0-9-]{0,29}\Z"
MAX_WORDS_CHARS = 500


class AgentListParameters(InputSerializer):
    """Filters and order; every unknown parameter or value is refused by name."""

    q = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_WORDS_CHARS,
        help_text="Words to search for.",
    )
    category = serializers.CharField(required=False, max_length=40)
    topic = serializers.CharField(required=False, max_length=60)
    tag = serializers.RegexField(TAG, required=False)
    tier = serializers.ChoiceField(choices=Tier.choices, required=False)
    risk = serializers.ChoiceField(choices=Risk.choices, required=False)
    ordering = serializers.ChoiceField(
        choices=[RELEVANCE, *ORDERINGS],
        required=False,
        help_text="By relevance where words are given, else by name.",
    )
    #: These two are checked by the pages.
    page = serializers.CharField(required=False)
    page_size = serializers.CharField(required=False)

    def validate_category(self, slug: str) -> str:
        """One of the categories. Raises ValidationError."""
        return check_category(slug)

    def validate_topic(self, slug: str) -> str:
        """One of the topics. Raises ValidationError."""
        if not Topic.objects.filter(slug=slug).exists():
            raise serializers.ValidationError("There is no such topic.")
        return slug

    @classmethod
    def read(cls, request: Request) -> Wanted:
        """What the query string asks for. Raises ValidationError that names what is bad."""
        given = cls(data=request.query_params.dict())
        given.is_valid(raise_exception=True)
        values: dict[str, Any] = dict(given.validated_data)
        for paging in ("page", "page_size"):
            values.pop(paging, None)
        return Wanted(words=values.pop("q", ""), **values)


def check_category(slug: str) -> str:
    """The slug of a category. Raises ValidationError for any other."""
    if slug and not Category.objects.filter(slug=slug).exists():
        raise serializers.ValidationError("There is no such category.")
    return slug
