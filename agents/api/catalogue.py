"""Reading the catalogue: categories and one agent. Lists and search are in marketplace."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import selectors
from agents.api import catalogue_serializers as shapes
from aiagents.common.api.callers import find_principal
from aiagents.common.api.pagination import MAX_PAGE_SIZE, NumberedPages


class CategoryPages(NumberedPages):
    """All categories fit on one page."""

    def get_page_size(self, request: Request) -> int:
        """The asked size, else the largest."""
        asked = "page_size" in request.query_params
        return super().get_page_size(request) if asked else MAX_PAGE_SIZE


class ListCategories(APIView):
    """`GET /categories`."""

    permission_classes = (AllowAny,)
    pagination_class = CategoryPages

    @extend_schema(
        operation_id="list_categories",
        tags=["agents"],
        parameters=[shapes.PageParameters],
        responses=shapes.CategoryOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        """Every category with its topics and how many agents they list."""
        given = shapes.PageParameters(data=request.query_params.dict())
        given.is_valid(raise_exception=True)
        pages = CategoryPages()
        rows = pages.paginate_queryset(selectors.list_categories(), request, view=self)
        return pages.get_paginated_response(shapes.CategoryOutput(rows, many=True).data)


class ReadAgent(APIView):
    """`GET /agents/{slug}`."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="get_agent", tags=["agents"], responses=shapes.AgentDetailOutput
    )
    def get(self, request: Request, slug: str) -> Response:
        """One agent: its form, what it delivers, its limits; the prompt only for curators."""
        shapes.NoParameters(data=request.query_params.dict()).is_valid(
            raise_exception=True
        )
        by = find_principal(request)
        detail = selectors.get_agent_detail(slug, by=by)
        return Response(shapes.AgentDetailOutput(detail).data)
