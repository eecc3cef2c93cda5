"""Lists: numbered pages with a count, or cursors where counting would cost too much."""

from typing import Any

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination, PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

MAX_PAGE_SIZE = 100


def _size(request: Request, default: int) -> int:
    raw = request.query_params.get("page_size")
    if raw is None:
        return default
    if not raw.isascii() or not raw.isdigit() or not 1 <= int(raw[:9]) <= MAX_PAGE_SIZE:
        raise ValidationError(
            {"page_size": [f"A whole number from 1 to {MAX_PAGE_SIZE}."]}
        )
    return int(raw)


class NumberedPages(PageNumberPagination):
    """`page` and `page_size`; answers count, next, previous and results."""

    page_size = 24
    page_size_query_param = "page_size"

    def get_page_size(self, request: Request) -> int:
        """The asked size. Raises ValidationError outside 1 to 100."""
        return _size(request, 24)

    def get_page_number(self, request: Request, paginator: Any) -> str | int:
        """The asked page; words such as `last` are not understood."""
        number: str | int = request.query_params.get(self.page_query_param) or 1
        if not str(number).isdigit() or len(str(number)) > 9:
            raise NotFound
        return number


class CreatedCursor(CursorPagination):
    """Newest first, by `(created_at, id)`; no count."""

    ordering = ("-created_at", "-id")
    page_size = 24
    page_size_query_param = "page_size"

    def get_page_size(self, request: Request) -> int:
        """The asked size. Raises ValidationError outside 1 to 100."""
        return _size(request, 24)

    def get_paginated_response(self, data: Any) -> Response:
        """Without a count: counting a long history costs more than the page."""
        links = {"next": self.get_next_link(), "previous": self.get_previous_link()}
        return Response(links | {"results": data})
