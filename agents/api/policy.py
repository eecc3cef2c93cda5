"""May I run this agent, and why not?"""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.choices import DataClass
from accounts.permissions import Decision
from agents import selectors
from agents.choices import Lane
from aiagents.common.api.callers import principal_of
from aiagents.common.api.serializers import InputSerializer


class ExplainParameters(InputSerializer):
    """What is asked."""

    agent = serializers.CharField(max_length=64, help_text="Its slug.")
    lane = serializers.ChoiceField(choices=Lane.choices, default=Lane.INTERACTIVE)
    data_class = serializers.ChoiceField(
        choices=DataClass.choices,
        default=DataClass.INTERNAL,
        help_text="As in `metadata.data_class` of a run.",
    )
    username = serializers.CharField(
        max_length=50, required=False, help_text="For administrators: somebody else."
    )


class DecisionOutput(serializers.Serializer[Any]):
    """What the policy says, and what it was asked."""

    allowed = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())
    obligations = serializers.ListField(child=serializers.CharField())
    decision = serializers.UUIDField()
    input_digest = serializers.CharField()
    revision = serializers.CharField(help_text="Of the rules; `opa` for a server's.")
    input = serializers.DictField()


class ExplainPolicy(APIView):
    """`GET /policy/explain`."""

    #: Every key: it may be the key that lacks a scope.
    required_scope = ""

    @extend_schema(
        operation_id="explain_policy",
        tags=["policy"],
        parameters=[ExplainParameters],
        responses=DecisionOutput,
    )
    def get(self, request: Request) -> Response:
        """Whether the caller may run an agent, and why or why not; starts nothing."""
        asked = ExplainParameters(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        decision = selectors.explain_run(
            slug=values["agent"],
            lane=values["lane"],
            data_class=values["data_class"],
            username=values.get("username", ""),
            by=principal_of(request),
        )
        return Response(_body(decision))


def _body(decision: Decision) -> dict[str, Any]:
    return {
        "allowed": decision.allowed,
        "reasons": list(decision.reasons),
        "obligations": list(decision.obligations),
        "decision": str(decision.id),
        "input_digest": decision.input_digest,
        "revision": decision.revision,
        "input": decision.question.as_dict(),
    }
