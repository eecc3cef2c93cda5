"""Starting, watching, stopping and rating executions."""

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services as account_services
from agents import selectors, services
from agents.api import execution_serializers as shapes
from agents.api.parameters import ListParameters, read_after, read_wait
from agents.api.sse import event_stream
from agents.api.waiting import wait_for_end
from agents.models import Execution
from aiagents.common import clock
from aiagents.common.api.callers import principal_of
from aiagents.common.api.pagination import CreatedCursor
from aiagents.common.principals import Principal

IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Once only.",
)
PREFER = OpenApiParameter(
    "Prefer",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="wait=N, up to 60 s.",
)


def started_body(row: Execution) -> dict[str, Any]:
    """An accepted execution and its addresses."""
    base = f"/api/v1/executions/{row.id}"
    body = {
        "id": str(row.id),
        "status": row.status,
        "agent": row.agent.slug,
        "version": row.version.number,
        "status_url": base,
        "events_url": f"{base}/events",
        "websocket_url": f"/ws/executions/{row.id}",
        "cancel_url": f"{base}/cancel",
    }
    return body | ({"retry_of": str(row.retry_of_id)} if row.retry_of_id else {})


def accepted(row: Execution) -> account_services.Answer:
    """202 with `Location`, in the form that can be stored and repeated."""
    body = started_body(row)
    return account_services.Answer(
        status=202, body=body, headers={"Location": body["status_url"]}
    )


def as_response(answer: account_services.Answer) -> Response:
    """A stored answer over HTTP."""
    headers = dict(answer.headers)
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(answer.body, status=answer.status, headers=headers)


class StartExecution(APIView):
    """`POST /agents/{slug}/executions`."""

    required_scope = "executions:run"

    @extend_schema(
        operation_id="start_execution",
        tags=["executions"],
        request=shapes.StartInput,
        parameters=[IDEMPOTENCY, PREFER],
        responses={200: shapes.ExecutionOutput, 202: shapes.StartedOutput},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Accept a run of an agent; with `Prefer: wait=N` answer with its end."""
        seconds = read_wait(request)
        principal = principal_of(request)
        given = shapes.StartInput(data=request.data)
        given.is_valid(raise_exception=True)
        answer = account_services.run_once(
            principal=principal,
            route=f"start_execution:{slug}",
            key=request.headers.get("Idempotency-Key"),
            body=request.data,
            create=lambda: accepted(start(slug, given.validated_data, principal)),
        )
        if not seconds:
            return as_response(answer)
        return _after_waiting(answer, principal, seconds)


def start(slug: str, data: dict[str, Any], principal: Principal) -> Execution:
    """The accepted execution of a validated request."""
    return services.start_execution(
        slug=slug,
        request=services.Request(
            inputs=data.get("inputs"),
            task=data.get("task_description"),
            context=data.get("context"),
            version_number=data.get("version"),
            lane=data.get("lane", "interactive"),
            metadata=data.get("metadata", {}),
        ),
        by=principal,
        now=clock.now(),
    )


def _after_waiting(
    answer: account_services.Answer, principal: Principal, seconds: float
) -> Response:
    execution = selectors.get_execution(answer.body["id"], by=principal)
    execution = wait_for_end(execution, by=principal, seconds=seconds)
    response = as_response(answer)
    response["Preference-Applied"] = f"wait={seconds:g}"
    if execution.is_over:
        response.status_code = 200
        response.data = shapes.execution_body(execution)
    return response


class ListExecutions(APIView):
    """`GET /executions`."""

    required_scope = "executions:read"
    pagination_class = CreatedCursor

    @extend_schema(
        operation_id="list_executions",
        tags=["executions"],
        parameters=[ListParameters],
        responses=shapes.ExecutionOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        """Own and the team's executions, newest first, in cursor pages."""
        wanted = ListParameters.read(request)
        rows = selectors.lists_filtered(by=principal_of(request), **wanted)
        pages = CreatedCursor()
        page = pages.paginate_queryset(
            rows.select_related("api_key"), request, view=self
        )
        return pages.get_paginated_response(
            [shapes.execution_body(row) for row in page or ()]
        )


class ReadExecution(APIView):
    """`GET /executions/{id}`."""

    required_scope = "executions:read"

    @extend_schema(
        operation_id="get_execution",
        tags=["executions"],
        responses=shapes.ExecutionOutput,
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """One execution; queued ones with their place."""
        row = selectors.get_execution(execution_id, by=principal_of(request))
        body = shapes.execution_body(row)
        if place := selectors.queue_place(row):
            body["queue"] = {"position": place.position, "lane": place.lane}
        return Response(body)


class CancelExecution(APIView):
    """`POST /executions/{id}/cancel`."""

    required_scope = "executions:run"

    @extend_schema(
        operation_id="cancel_execution",
        tags=["executions"],
        request=None,
        responses={202: shapes.ExecutionOutput},
    )
    def post(self, request: Request, execution_id: str) -> Response:
        """It will end as `cancelled` within 15 s; 409 when it was over already."""
        row = services.cancel_execution(
            execution_id=execution_id, by=principal_of(request), now=clock.now()
        )
        return Response(shapes.execution_body(row), status=202)


class RetryExecution(APIView):
    """`POST /executions/{id}/retry`."""

    required_scope = "executions:run"

    @extend_schema(
        operation_id="retry_execution",
        tags=["executions"],
        request=None,
        parameters=[IDEMPOTENCY],
        responses={202: shapes.StartedOutput},
    )
    def post(self, request: Request, execution_id: str) -> Response:
        """The same again, as a new execution with `retry_of`."""
        principal = principal_of(request)
        answer = account_services.run_once(
            principal=principal,
            route=f"retry_execution:{execution_id[:40]}",
            key=request.headers.get("Idempotency-Key"),
            body={},
            create=lambda: accepted(
                services.retry_execution(
                    execution_id=execution_id, by=principal, now=clock.now()
                )
            ),
        )
        return as_response(answer)


class RateExecution(APIView):
    """`POST /executions/{id}/feedback`."""

    required_scope = "executions:run"

    @extend_schema(
        operation_id="rate_execution",
        tags=["executions"],
        request=shapes.FeedbackInput,
        responses={201: shapes.FeedbackOutput},
    )
    def post(self, request: Request, execution_id: str) -> Response:
        """Keep a rating from 1 to 5 and a comment; a later one replaces it."""
        given = shapes.FeedbackInput(data=request.data)
        given.is_valid(raise_exception=True)
        feedback = services.record_feedback(
            execution_id=execution_id,
            by=principal_of(request),
            rating=given.validated_data["rating"],
            comment=given.validated_data.get("comment", ""),
            now=clock.now(),
        )
        body = {"rating": feedback.rating, "comment": feedback.comment}
        return Response(body, status=201)


class EventStreamRenderer(BaseRenderer):
    """Lets a client ask for `text/event-stream`; the view makes the answer itself."""

    media_type = "text/event-stream"
    format = "sse"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """An error answer is JSON all the same."""
        return JSONRenderer().render(data)


class ExecutionEvents(APIView):
    """`GET /executions/{id}/events`."""

    required_scope = "executions:read"
    renderer_classes = (JSONRenderer, EventStreamRenderer)

    @extend_schema(
        operation_id="list_execution_events",
        tags=["executions"],
        parameters=[
            OpenApiParameter("after", OpenApiTypes.INT, description="Sequence number.")
        ],
        responses=shapes.ProgressOutput(many=True),
    )
    def get(self, request: Request, execution_id: str) -> HttpResponseBase:
        """Progress numbered above `after`: a JSON list, or a stream of server-sent events."""
        after = read_after(request)
        key: UUID = selectors.get_execution(execution_id, by=principal_of(request)).id
        if request.accepted_renderer.media_type != EventStreamRenderer.media_type:
            return Response(
                [
                    event.as_dict()
                    for event in selectors.replay_progress(key, after=after)
                ]
            )
        return StreamingHttpResponse(
            event_stream(key, after=after, principal=principal_of(request)),
            content_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
