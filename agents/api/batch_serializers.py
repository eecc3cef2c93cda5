"""The shapes of batches in the API: input and output apart."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.api.execution_serializers import StrictInteger, StrictText
from agents.choices import BatchMode, BatchStatus
from agents.models import Batch
from agents.selectors import BatchProgress
from aiagents.common.api.serializers import InputSerializer

MAX_NUMBER = 2**31 - 1
KINDS = ("csv", "jsonl")


@extend_schema_field({"type": "array", "items": {"type": "object"}})
class Rows(serializers.Field[Any, Any, Any, Any]):
    """A list; what is wrong with a row is said row by row."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """The list. Raises ValidationError otherwise."""
        if not isinstance(data, list):
            raise serializers.ValidationError("Expected a list of objects.")
        return data


class BatchInput(InputSerializer):
    """Many inputs in one JSON body."""

    agent = StrictText(max_length=64)
    rows = Rows()
    version = StrictInteger(required=False, min_value=1, max_value=MAX_NUMBER)
    mode = serializers.ChoiceField(choices=BatchMode.choices, required=False)
    max_in_flight = StrictInteger(required=False, min_value=1, max_value=MAX_NUMBER)
    skip_bad_rows = serializers.BooleanField(required=False)
    name = StrictText(required=False, allow_blank=True, max_length=100)


class BatchUploadInput(InputSerializer):
    """Many inputs in a file; the other fields as text."""

    agent = serializers.CharField(max_length=64)
    file = serializers.FileField(help_text="JSON lines, or CSV with a header; UTF-8.")
    format = serializers.ChoiceField(
        choices=KINDS, required=False, help_text="By default as the file's name ends."
    )
    version = serializers.IntegerField(
        required=False, min_value=1, max_value=MAX_NUMBER
    )
    mode = serializers.ChoiceField(choices=BatchMode.choices, required=False)
    max_in_flight = serializers.IntegerField(
        required=False, min_value=1, max_value=MAX_NUMBER
    )
    skip_bad_rows = serializers.BooleanField(required=False)
    name = serializers.CharField(required=False, allow_blank=True, max_length=100)


class ChangeBatchInput(InputSerializer):
    """What may be changed while a batch runs."""

    max_in_flight = StrictInteger(min_value=1, max_value=MAX_NUMBER)


class BatchProgressOutput(serializers.Serializer[Any]):
    """Rows by where they stand; they add up to `row_count`."""

    pending = serializers.IntegerField()
    queued = serializers.IntegerField()
    running = serializers.IntegerField()
    waiting = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    timed_out = serializers.IntegerField()
    done = serializers.IntegerField()
    percent = serializers.IntegerField()


class PauseOutput(serializers.Serializer[Any]):
    """Why no rows are started."""

    reason = serializers.CharField()
    message = serializers.CharField()


class BadRowOutput(serializers.Serializer[Any]):
    """What was wrong with a row that was left out."""

    line = serializers.IntegerField()
    field = serializers.CharField(allow_blank=True)
    reason = serializers.CharField()


class BatchOutput(serializers.Serializer[Any]):
    """One batch."""

    id = serializers.UUIDField()
    name = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=BatchStatus.choices)
    pause = PauseOutput(allow_null=True)
    agent = serializers.CharField()
    version = serializers.IntegerField()
    mode = serializers.ChoiceField(choices=BatchMode.choices)
    max_in_flight = serializers.IntegerField()
    row_count = serializers.IntegerField()
    skipped_count = serializers.IntegerField()
    progress = BatchProgressOutput()
    cost_usd = serializers.CharField()
    started_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    status_url = serializers.CharField()
    results_url = serializers.CharField()


class BatchDetailOutput(BatchOutput):
    """One batch with the rows that were left out of it."""

    skipped_rows = BadRowOutput(many=True)


class BatchCreatedOutput(serializers.Serializer[Any]):
    """An accepted batch and where to follow it."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=BatchStatus.choices)
    agent = serializers.CharField()
    version = serializers.IntegerField()
    mode = serializers.ChoiceField(choices=BatchMode.choices)
    row_count = serializers.IntegerField()
    skipped_count = serializers.IntegerField()
    skipped_rows = BadRowOutput(many=True)
    status_url = serializers.CharField()
    results_url = serializers.CharField()
    cancel_url = serializers.CharField()


def _addresses(row: Batch) -> dict[str, str]:
    base = f"/api/v1/batches/{row.id}"
    return {"status_url": base, "results_url": f"{base}/results"}


def created_body(row: Batch) -> dict[str, Any]:
    """An accepted batch as JSON."""
    addresses = _addresses(row)
    return {
        "id": str(row.id),
        "status": row.status,
        "agent": row.agent.slug,
        "version": row.version.number,
        "mode": row.mode,
        "row_count": row.row_count,
        "skipped_count": row.skipped_count,
        "skipped_rows": row.skipped,
        **addresses,
        "cancel_url": f"{addresses['status_url']}/cancel",
    }


def batch_body(row: Batch, progress: BatchProgress) -> dict[str, Any]:
    """A batch as JSON; the caller has loaded agent, version and user."""
    return {
        "id": str(row.id),
        "name": row.name,
        "status": row.status,
        "pause": _pause(row),
        "agent": row.agent.slug,
        "version": row.version.number,
        "mode": row.mode,
        "max_in_flight": row.max_in_flight,
        "row_count": row.row_count,
        "skipped_count": row.skipped_count,
        "progress": dict(BatchProgressOutput(progress).data),
        "cost_usd": f"{progress.cost_usd:.6f}",
        "started_by": row.user.username,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
        **_addresses(row),
    }


def detail_body(row: Batch, progress: BatchProgress) -> dict[str, Any]:
    """As `batch_body`, with what was wrong with the rows that were left out."""
    return batch_body(row, progress) | {"skipped_rows": row.skipped}


def _pause(row: Batch) -> dict[str, str] | None:
    if not row.pause_reason:
        return None
    message = row.pause_detail or row.get_pause_reason_display()
    return {"reason": row.pause_reason, "message": message}
