"""The shapes of executions in the API: input and output apart."""

from typing import Any

from rest_framework import serializers

from agents.choices import ErrorCode, ExecutionStatus, Lane
from agents.models import Execution
from aiagents.common.api.serializers import InputSerializer


class JSONObject(serializers.JSONField):
    """A JSON object, not a list and not a bare value."""

    def to_internal_value(self, data: Any) -> Any:
        """The object. Raises ValidationError otherwise."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("Expected a JSON object.")
        return super().to_internal_value(data)


class StrictText(serializers.CharField):
    """Text that was sent as text: a number is not understood as its digits."""

    def to_internal_value(self, data: Any) -> str:
        """The text. Raises ValidationError otherwise."""
        if not isinstance(data, str):
            raise serializers.ValidationError("Expected text.")
        return str(super().to_internal_value(data))


class StrictInteger(serializers.IntegerField):
    """A whole number that was sent as one."""

    def to_internal_value(self, data: Any) -> int:
        """The number. Raises ValidationError otherwise."""
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError("Expected a whole number.")
        return int(super().to_internal_value(data))


class StartInput(InputSerializer):
    """`inputs` for the form, or `task_description` in free text with optional `context`."""

    inputs = JSONObject(required=False)
    task_description = StrictText(required=False, max_length=20_000)
    context = JSONObject(required=False)  # type: ignore[assignment] # the contract's name
    version = StrictInteger(required=False, min_value=1, max_value=2**31 - 1)
    lane = serializers.ChoiceField(choices=Lane.choices, required=False)
    metadata = JSONObject(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one of the two ways. Raises ValidationError."""
        if ("inputs" in attrs) == ("task_description" in attrs):
            message = "Give either 'inputs' or 'task_description'."
            raise serializers.ValidationError({"inputs": [message]})
        if "context" in attrs and "inputs" in attrs:
            message = "Goes with 'task_description'; put form values into 'inputs'."
            raise serializers.ValidationError({"context": [message]})
        return attrs


class ExecuteInput(InputSerializer):
    """The architecture document's AgentRequest."""

    task_description = StrictText(max_length=20_000)
    context = JSONObject(required=False)  # type: ignore[assignment] # the contract's name


class FeedbackInput(InputSerializer):
    """What a person thinks of a result."""

    rating = StrictInteger(min_value=1, max_value=5)
    comment = StrictText(required=False, allow_blank=True, max_length=2_000)


class UsageOutput(serializers.Serializer[Any]):
    """Tokens as the model's service counted them."""

    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cache_read_tokens = serializers.IntegerField()
    cache_write_tokens = serializers.IntegerField()


class ErrorOutput(serializers.Serializer[Any]):
    """Why it failed."""

    code = serializers.ChoiceField(choices=ErrorCode.choices)
    cause = serializers.CharField(required=False)
    message = serializers.CharField()
    retryable = serializers.BooleanField()


class LineageOutput(serializers.Serializer[Any]):
    """What the result can be traced to."""

    definition_digest = serializers.CharField()
    prompt_digest = serializers.CharField()
    policy_decision = serializers.UUIDField(allow_null=True)
    policy_digest = serializers.CharField(help_text="SHA-256 of what it was asked.")
    policy_reasons = serializers.ListField(child=serializers.CharField())
    policy_obligations = serializers.ListField(
        child=serializers.CharField(),
        help_text="`human_review`: a person reads the result before it is used.",
    )
    price_id = serializers.UUIDField(allow_null=True)
    api_key = serializers.CharField(required=False)


class QueueOutput(serializers.Serializer[Any]):
    """Where it waits."""

    position = serializers.IntegerField()
    lane = serializers.CharField()


class ExecutionOutput(serializers.Serializer[Any]):
    """One execution."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=ExecutionStatus.choices)
    agent = serializers.CharField()
    version = serializers.IntegerField()
    lane = serializers.CharField()
    inputs = serializers.DictField()
    output = serializers.CharField()
    output_json = serializers.JSONField(allow_null=True)
    stop_reason = serializers.CharField()
    model = serializers.CharField()
    provider = serializers.CharField()
    usage = UsageOutput()
    cost_usd = serializers.CharField()
    attempt = serializers.IntegerField()
    wait_reason = serializers.CharField()
    cancel_requested = serializers.BooleanField()
    error = ErrorOutput(allow_null=True)
    queue = QueueOutput(required=False)
    retry_of = serializers.UUIDField(allow_null=True)
    batch_id = serializers.UUIDField(allow_null=True)
    metadata = serializers.DictField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    first_token_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    deadline_at = serializers.DateTimeField()
    lineage = LineageOutput()


class StartedOutput(serializers.Serializer[Any]):
    """An accepted execution and where to follow it."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=ExecutionStatus.choices)
    agent = serializers.CharField()
    version = serializers.IntegerField()
    status_url = serializers.CharField()
    events_url = serializers.CharField()
    websocket_url = serializers.CharField()
    cancel_url = serializers.CharField()
    retry_of = serializers.UUIDField(required=False)


class ProgressOutput(serializers.Serializer[Any]):
    """One numbered event."""

    seq = serializers.IntegerField()
    type = serializers.ChoiceField(
        choices=["status", "delta", "usage", "tool", "reset", "done"]
    )
    data = serializers.DictField()  # type: ignore[assignment] # the contract's name


class FeedbackOutput(serializers.Serializer[Any]):
    """A stored opinion."""

    rating = serializers.IntegerField()
    comment = serializers.CharField()


class MetadataOutput(serializers.Serializer[Any]):
    """What the architecture document's AgentResponse says of a run."""

    agent_id = serializers.CharField()
    model = serializers.CharField()
    tokens_used = serializers.IntegerField()
    execution_id = serializers.UUIDField()
    cost_usd = serializers.CharField()
    version = serializers.IntegerField()


class ExecuteOutput(serializers.Serializer[Any]):
    """The architecture document's AgentResponse."""

    result = serializers.CharField()
    metadata = MetadataOutput()
    processing_time_ms = serializers.IntegerField()


def execution_body(row: Execution) -> dict[str, Any]:
    """An execution as JSON; the caller has loaded agent, version and api_key."""
    return {
        "id": str(row.id),
        "status": row.status,
        "agent": row.agent.slug,
        "version": row.version.number,
        "lane": row.lane,
        "inputs": row.inputs,
        "output": row.output,
        "output_json": row.output_json,
        "stop_reason": row.stop_reason,
        "model": row.model,
        "provider": row.provider,
        "usage": {
            "input_tokens": row.input_tokens,
            "output_tokens": row.output_tokens,
            "cache_read_tokens": row.cache_read_tokens,
            "cache_write_tokens": row.cache_write_tokens,
        },
        "cost_usd": f"{row.cost_usd:.6f}",
        "attempt": row.attempt,
        "wait_reason": row.wait_reason,
        "cancel_requested": row.cancel_requested_at is not None,
        "error": _error(row),
        "retry_of": str(row.retry_of_id) if row.retry_of_id else None,
        "batch_id": str(row.batch_id) if row.batch_id else None,
        "metadata": row.metadata,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "first_token_at": row.first_token_at,
        "finished_at": row.finished_at,
        "deadline_at": row.deadline_at,
        "lineage": _lineage(row),
    }


def _error(row: Execution) -> dict[str, Any] | None:
    if not row.error_code:
        return None
    error = {
        "code": row.error_code,
        "message": row.error_message,
        "retryable": row.error_code in RETRYABLE,
    }
    return error | ({"cause": row.error_cause} if row.error_cause else {})


#: Codes after which the same run may well succeed.
RETRYABLE = frozenset(
    {
        ErrorCode.ATTEMPTS_EXHAUSTED,
        ErrorCode.BAD_MODEL_OUTPUT,
        ErrorCode.DEADLINE_EXCEEDED,
        ErrorCode.LLM_ERROR,
        ErrorCode.LLM_OVERLOADED,
        ErrorCode.LLM_TIMEOUT,
    }
)


def _lineage(row: Execution) -> dict[str, Any]:
    lineage: dict[str, Any] = {
        "definition_digest": row.version.digest,
        "prompt_digest": row.prompt_digest,
        "policy_decision": str(row.policy_decision) if row.policy_decision else None,
        "policy_digest": row.policy_digest,
        "policy_reasons": row.policy_notes.get("reasons", []),
        "policy_obligations": row.policy_notes.get("obligations", []),
        "price_id": str(row.price_id) if row.price_id else None,
    }
    return lineage | ({"api_key": row.api_key.prefix} if row.api_key else {})
