"""Listing agents, and finding one for a task."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import selectors as agent_selectors
from aiagents.common.api.pagination import NumberedPages
from marketplace import search
from marketplace.api import serializers as shapes
from marketplace.api.filters import AgentListParameters


class ListAgents(APIView):
    """`GET /agents`."""

    permission_classes = (AllowAny,)
    pagination_class = NumberedPages

    @extend_schema(
        operation_id="list_agents",
        tags=["agents"],
        parameters=[AgentListParameters],
        responses=shapes.AgentRowOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        """The published agents that fit, a page at a time."""
        wanted = AgentListParameters.read(request)
        slugs = search.list_slugs(wanted)
        pages = NumberedPages()
        page: Any = pages.paginate_queryset(slugs, request, view=self)
        rows = agent_selectors.agent_rows(list(page))
        return pages.get_paginated_response(shapes.AgentRowOutput(rows, many=True).data)


class ListLibrary(ListAgents):
    """`GET /agents/library`: the architecture document's name of the list."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """As `GET /agents`."""
        return super().get(request)


class MatchAgents(APIView):
    """`POST /agents/match`."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="match_agents",
        tags=["agents"],
        request=shapes.MatchInput,
        responses=shapes.MatchesOutput,
    )
    def post(self, request: Request) -> Response:
        """The agents that fit a task best, with reasons; none where no word fits."""
        given = shapes.MatchInput(data=request.data)
        given.is_valid(raise_exception=True)
        matches = search.match(**given.validated_data)
        slugs = [match.slug for match in matches]
        rows = {r.slug: r for r in agent_selectors.agent_rows(slugs)}
        results = [
            {"agent": rows[m.slug], "score": m.score, "reasons": m.reasons}
            for m in matches
            if m.slug in rows
        ]
        return Response(shapes.MatchesOutput({"results": results}).data)
