"""Starting, watching, throttling and stopping batches; their results as files."""

import hashlib
from typing import Any, cast

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services as account_services
from agents import selectors, services
from agents.api import batch_serializers as shapes
from agents.api.executions import IDEMPOTENCY, as_response
from agents.api.parameters import FilterParameters
from agents.choices import BatchMode, BatchStatus
from agents.models import Batch
from aiagents.common import clock
from aiagents.common import json as strict_json
from aiagents.common.api.callers import http_of, principal_of
from aiagents.common.api.pagination import CreatedCursor
from aiagents.common.api.parsers import StrictJSONParser
from aiagents.common.principals import Principal
from aiagents.common.streaming import stream_file


class BatchFilters(FilterParameters):
    """Filters of the list."""

    status = serializers.ChoiceField(choices=BatchStatus.choices, required=False)
    agent = serializers.CharField(max_length=64, required=False)


class Batches(APIView):
    """`GET, POST /batches`."""

    pagination_class = CreatedCursor
    required_scope = {"GET": "executions:read", "POST": "executions:run"}
    parser_classes = (StrictJSONParser, MultiPartParser)

    @extend_schema(
        operation_id="list_batches",
        tags=["batches"],
        parameters=[BatchFilters],
        responses=shapes.BatchOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        """Own and the team's batches, newest first, in cursor pages."""
        wanted = BatchFilters.read(request)
        rows = selectors.list_batches(by=principal_of(request), **wanted)
        pages = CreatedCursor()
        page = pages.paginate_queryset(rows, request, view=self) or []
        progress = selectors.progress_of(page)
        return pages.get_paginated_response(
            [shapes.batch_body(row, progress[row.id]) for row in page]
        )

    @extend_schema(
        operation_id="create_batch",
        tags=["batches"],
        request={
            "application/json": shapes.BatchInput,
            "multipart/form-data": shapes.BatchUploadInput,
        },
        parameters=[IDEMPOTENCY],
        responses={202: shapes.BatchCreatedOutput},
    )
    def post(self, request: Request) -> Response:
        """Accept up to 10,000 inputs for one agent; nothing starts if a row is bad, unless asked."""
        principal = principal_of(request)
        wanted, body = _read(request)
        answer = account_services.run_once(
            principal=principal,
            route="create_batch",
            key=request.headers.get("Idempotency-Key"),
            body=body,
            create=lambda: _create(wanted, principal),
        )
        return as_response(answer)


def _create(
    wanted: services.BatchRequest, principal: Principal
) -> account_services.Answer:
    batch = services.create_batch(request=wanted, by=principal, now=clock.now())
    body = shapes.created_body(batch)
    headers = {"Location": body["status_url"]}
    return account_services.Answer(status=202, body=body, headers=headers)


def _read(request: Request) -> tuple[services.BatchRequest, Any]:
    """What is asked, and the same as plain JSON for the comparison of repeated requests."""
    if (request.content_type or "").startswith("multipart/"):
        return _read_upload(request)
    given = shapes.BatchInput(data=request.data)
    given.is_valid(raise_exception=True)
    data = given.validated_data
    return _wanted(data, data["rows"]), request.data


def _read_upload(request: Request) -> tuple[services.BatchRequest, Any]:
    # What a multipart parser makes is a QueryDict, files among the rest.
    fields = cast("QueryDict", request.data).dict()
    strict_json.check_text({k: v for k, v in fields.items() if isinstance(v, str)})
    given = shapes.BatchUploadInput(data=fields)
    given.is_valid(raise_exception=True)
    data = given.validated_data
    upload = _upload(data["file"], data.get("format", ""))
    digest = hashlib.sha256(upload.data).hexdigest()
    plain = {k: v for k, v in data.items() if k != "file"}
    return _wanted(data, upload), {**plain, "kind": upload.kind, "file": digest}


def _upload(file: "UploadedFile[bytes]", kind: str) -> services.Upload:
    if kind not in shapes.KINDS:
        is_csv = (file.name or "").lower().endswith((".csv", ".tsv", ".txt"))
        kind = "csv" if is_csv else "jsonl"
    return services.Upload(data=file.read(), kind="csv" if kind == "csv" else "jsonl")


def _wanted(data: dict[str, Any], source: Any) -> services.BatchRequest:
    return services.BatchRequest(
        slug=data["agent"],
        source=source,
        version_number=data.get("version"),
        mode=data.get("mode", BatchMode.EXECUTIONS),
        max_in_flight=data.get("max_in_flight"),
        skip_bad_rows=data.get("skip_bad_rows", False),
        name=data.get("name", ""),
    )


class OneBatch(APIView):
    """`GET, PATCH /batches/{id}`."""

    required_scope = {"GET": "executions:read", "PATCH": "executions:run"}

    @extend_schema(
        operation_id="get_batch", tags=["batches"], responses=shapes.BatchDetailOutput
    )
    def get(self, request: Request, batch_id: str) -> Response:
        """One batch: how far it is, what it cost."""
        return _answer(selectors.get_batch(batch_id, by=principal_of(request)))

    @extend_schema(
        operation_id="change_batch",
        tags=["batches"],
        request=shapes.ChangeBatchInput,
        responses=shapes.BatchDetailOutput,
    )
    def patch(self, request: Request, batch_id: str) -> Response:
        """Change how many rows may be under way at once."""
        given = shapes.ChangeBatchInput(data=request.data)
        given.is_valid(raise_exception=True)
        batch = services.change_batch(
            batch_id=batch_id, by=principal_of(request), **given.validated_data
        )
        return _answer(batch)


class PauseBatch(APIView):
    """`POST /batches/{id}/pause`."""

    required_scope = "executions:run"

    @extend_schema(
        operation_id="pause_batch",
        tags=["batches"],
        request=None,
        responses=shapes.BatchDetailOutput,
    )
    def post(self, request: Request, batch_id: str) -> Response:
        """Start no more rows; those under way go on. 409 when it is not running."""
        by = principal_of(request)
        return _answer(services.pause_batch(batch_id=batch_id, by=by))


class ResumeBatch(APIView):
    """`POST /batches/{id}/resume`."""

    required_scope = "executions:run"

    @extend_schema(
        operation_id="resume_batch",
        tags=["batches"],
        request=None,
        responses=shapes.BatchDetailOutput,
    )
    def post(self, request: Request, batch_id: str) -> Response:
        """Start rows again. 409 when it is not paused."""
        by = principal_of(request)
        return _answer(services.resume_batch(batch_id=batch_id, by=by))


class CancelBatch(APIView):
    """`POST /batches/{id}/cancel`."""

    required_scope = "executions:run"

    @extend_schema(
        operation_id="cancel_batch",
        tags=["batches"],
        request=None,
        responses={202: shapes.BatchDetailOutput},
    )
    def post(self, request: Request, batch_id: str) -> Response:
        """It will end as `cancelled`; rows that have ended stay. 409 when it was over already."""
        by = principal_of(request)
        return _answer(services.cancel_batch(batch_id=batch_id, by=by), status=202)


def _answer(batch: Batch, *, status: int = 200) -> Response:
    progress = selectors.progress_of([batch])[batch.id]
    return Response(shapes.detail_body(batch, progress), status=status)


class _FileRenderer(BaseRenderer):
    """Lets a client ask for a file by `Accept`; the view makes the answer itself."""

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """An error answer is JSON all the same."""
        return JSONRenderer().render(data)


class JsonLinesRenderer(_FileRenderer):
    """`Accept: application/x-ndjson`."""

    media_type = "application/x-ndjson"
    format = "jsonl"


class CsvRenderer(_FileRenderer):
    """`Accept: text/csv`."""

    media_type = "text/csv"
    format = "csv"


class ResultParameters(FilterParameters):
    """The form of the file."""

    format = serializers.ChoiceField(choices=sorted(selectors.FORMATS), required=False)


class BatchResults(APIView):
    """`GET /batches/{id}/results`."""

    required_scope = "executions:read"
    renderer_classes = (JSONRenderer, JsonLinesRenderer, CsvRenderer)

    @extend_schema(
        operation_id="get_batch_results",
        tags=["batches"],
        parameters=[ResultParameters],
        responses={
            (200, "application/x-ndjson"): OpenApiTypes.STR,
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request, batch_id: str) -> HttpResponseBase:
        """Every row with its result as JSON lines or CSV, streamed, over or not."""
        wanted = ResultParameters.read(request)
        batch = selectors.get_batch(batch_id, by=principal_of(request))
        accepted = request.accepted_renderer.format
        default = accepted if accepted in selectors.FORMATS else "jsonl"
        file_format = wanted.get("format", default)
        return stream_file(
            http_of(request),
            selectors.results_file(batch, file_format),
            content_type=selectors.FORMATS[file_format][0],
            name=selectors.results_name(batch, file_format),
        )
