"""Each agent as the architecture document's microservice, at `/agents/{slug}`."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services as account_services
from agents import selectors
from agents.api import execution_serializers as shapes
from agents.api.executions import start, started_body
from agents.api.waiting import wait_for_end
from agents.choices import ErrorCause, ErrorCode, ExecutionStatus
from agents.models import Execution
from aiagents.common import clock
from aiagents.common.api import problems
from aiagents.common.api.callers import http_of, principal_of

WAIT_S = 60.0
#: What a failed run answers; anything else is a bad gateway.
STATUS_BY_CODE: dict[str, int] = {
    ErrorCode.INVALID_INPUT: 400,
    ErrorCode.POLICY_DENIED: 403,
    ErrorCode.AGENT_SUSPENDED: 403,
    ErrorCode.LLM_TIMEOUT: 504,
    ErrorCode.DEADLINE_EXCEEDED: 504,
}
TIMED_OUT_CAUSES = frozenset({ErrorCause.LLM_TIMEOUT})


class Execute(APIView):
    """`POST /agents/{slug}/api/v1/execute`."""

    required_scope = "executions:run"

    @extend_schema(
        operation_id="execute_agent",
        tags=["agent service"],
        request=shapes.ExecuteInput,
        responses={200: shapes.ExecuteOutput, 202: shapes.StartedOutput},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Run the agent on a task and wait for its answer; 202 after 60 s."""
        given = shapes.ExecuteInput(data=request.data)
        given.is_valid(raise_exception=True)
        principal, began = principal_of(request), clock.monotonic()
        with account_services.recording_denials():
            execution = start(slug, given.validated_data, principal)
        execution = wait_for_end(execution, by=principal, seconds=WAIT_S)
        took_ms = round((clock.monotonic() - began) * 1000)
        if not execution.is_over:
            return Response(started_body(execution), status=202)
        if execution.status != ExecutionStatus.SUCCEEDED:
            return _failure(request, execution)
        return Response(_result(execution, took_ms))


def _result(execution: Execution, took_ms: int) -> dict[str, Any]:
    return {
        "result": execution.output,
        "metadata": {
            "agent_id": execution.agent.slug,
            "model": execution.model,
            "tokens_used": execution.input_tokens + execution.output_tokens,
            "execution_id": str(execution.id),
            "cost_usd": f"{execution.cost_usd:.6f}",
            "version": execution.version.number,
        },
        "processing_time_ms": took_ms,
    }


def _failure(request: Request, execution: Execution) -> Response:
    is_late = (
        execution.status == ExecutionStatus.TIMED_OUT
        or execution.error_cause in TIMED_OUT_CAUSES
    )
    status = 504 if is_late else STATUS_BY_CODE.get(execution.error_code, 502)
    code = {502: "llm_error", 504: "llm_timeout"}.get(status, execution.error_code)
    body = problems.body(
        request=http_of(request),
        status=status,
        detail=execution.error_message or "The run was cancelled.",
        code=code,
        execution_id=str(execution.id),
        error_code=execution.error_code,
    )
    return Response(body, status=status, content_type=problems.CONTENT_TYPE)


class Describe(APIView):
    """`GET /agents/{slug}/`."""

    permission_classes = (AllowAny,)

    @extend_schema(exclude=True)
    def get(self, request: Request, slug: str) -> Response:
        """Who this agent is."""
        agent = selectors.get_listed_agent(slug)
        return Response(
            {
                "agent_id": agent.slug,
                "name": agent.name,
                "version": agent.live_number,
                "category": agent.category.slug,
                "status": "suspended" if agent.is_suspended else "active",
            }
        )


class Health(APIView):
    """`GET /agents/{slug}/health`."""

    permission_classes = (AllowAny,)
    throttle_classes = ()

    @extend_schema(exclude=True)
    def get(self, request: Request, slug: str) -> Response:
        """Whether this agent takes work."""
        agent = selectors.get_listed_agent(slug)
        return Response(
            {
                "status": "suspended" if agent.is_suspended else "healthy",
                "agent_id": agent.slug,
                "version": agent.live_number,
                "timestamp": clock.now().isoformat(),
            }
        )
