"""The pages of batches: the form of an agent, the list, one batch and what can be done with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from agents import selectors as agent_selectors
from agents import services as agent_services
from agents.choices import BatchMode
from agents.errors import BadRows
from agents.models import Agent, Batch
from agents.services import BatchRequest, Upload
from aiagents.common import clock, ids
from aiagents.common import json as strict_json
from aiagents.common.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    RateLimited,
)
from aiagents.common.principals import Principal
from aiagents.common.streaming import stream_file
from marketplace import services
from marketplace.forms import Typed
from marketplace.pages import batch_facts
from marketplace.pages.access import page, principal_of
from marketplace.pages.cursors import cursor_of, older

IDEMPOTENCY_FIELD = "idempotency-key"
PAGE_SIZE = 25
SHOWN_BAD_ROWS = 50
SHOWN_FAILED_ROWS = 10
FIELDS = ("file", "name", "max_in_flight", "skip_bad_rows", "mode")
CSV_ENDINGS = (".csv", ".tsv", ".txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a form was not accepted."""

    errors: Mapping[str, Sequence[str]]
    #: Rows of the file that are bad, the first of them.
    bad_rows: Sequence[Mapping[str, Any]] = ()
    bad_count: int = 0
    row_count: int = 0
    #: Another reason than the form.
    sentence: str = ""


# --- The form -----------------------------------------------------------------------------
@require_http_methods(["GET", "HEAD", "POST"])
@page
def batch_form(request: HttpRequest, slug: str) -> HttpResponse:
    """A file of inputs for one agent; a POST accepts it."""
    by = principal_of(request)
    agent = agent_selectors.get_listed_agent(slug)
    if request.method != "POST":
        return _form_page(request, agent, typed={}, refusal=None, status=200)
    typed = dict(request.POST.lists())
    try:
        batch_id = _create(request, agent, by)
    except BadRows as error:
        return _form_page(request, agent, typed, _bad_rows(error), status=400)
    except InvalidInput as error:
        refusal = Refusal(errors=_placed(error))
        return _form_page(request, agent, typed, refusal, status=400)
    except NotAllowed as error:
        refusal = Refusal(errors={}, sentence=error.reason)
        return _form_page(request, agent, typed, refusal, status=403)
    except RateLimited as error:
        refusal = Refusal(errors={}, sentence=error.message)
        return _form_page(request, agent, typed, refusal, status=429)
    return _to_batch(batch_id)


@require_safe
@page
def batch_template(request: HttpRequest, slug: str) -> HttpResponse:
    """A CSV file to fill in: the agent's fields, and its examples as rows."""
    agent = agent_selectors.get_listed_agent(slug)
    text = agent_selectors.batch_template(agent)
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    name = f"{agent.slug}-inputs.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _create(request: HttpRequest, agent: Agent, by: Principal) -> str:
    """The id of the batch; the same form sent twice is one batch."""
    strict_json.check_text({"name": request.POST.get("name", "")})
    wanted = BatchRequest(
        slug=agent.slug,
        source=_upload(request.FILES.get("file")),
        mode=_mode(request.POST.get("mode", "")),
        max_in_flight=_count(request.POST.get("max_in_flight", "")),
        skip_bad_rows=bool(request.POST.get("skip_bad_rows")),
        name=request.POST.get("name", ""),
    )
    form = ids.parse_id(request.POST.get(IDEMPOTENCY_FIELD))
    return services.create_batch_once(wanted=wanted, form=form, by=by, now=clock.now())


def _upload(file: "UploadedFile[bytes] | None") -> Upload:
    if file is None:
        raise InvalidInput("Choose a file.", errors={"file": ["Choose a file."]})
    is_csv = (file.name or "").lower().endswith(CSV_ENDINGS)
    return Upload(data=file.read(), kind="csv" if is_csv else "jsonl")


def _mode(text: str) -> str:
    return text if text in BatchMode.values else BatchMode.EXECUTIONS.value


def _count(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        sentence = "A whole number is expected."
        raise InvalidInput(sentence, errors={"max_in_flight": [sentence]})
    return int(text)


def _bad_rows(error: BadRows) -> Refusal:
    return Refusal(
        errors={"file": ["Some of its rows cannot be run."]},
        bad_rows=error.extra["bad_rows"][:SHOWN_BAD_ROWS],
        bad_count=error.extra["bad_row_count"],
        row_count=error.extra["row_count"],
    )


def _placed(error: InvalidInput) -> Mapping[str, Sequence[str]]:
    """Sentences by field of the form; what is said of columns belongs to the file."""
    own = {name: error.errors[name] for name in FIELDS if name in error.errors}
    of_file = [
        f"{name}: {sentence}"
        for name, sentences in error.errors.items()
        for sentence in sentences
        if name not in FIELDS
    ]
    if own and not of_file:
        return own
    return own | {"file": [*own.get("file", ()), error.message, *of_file]}


def _form_page(
    request: HttpRequest,
    agent: Agent,
    typed: Typed,
    refusal: Refusal | None,
    *,
    status: int,
) -> HttpResponse:
    context = {
        "agent": agent,
        "form": batch_facts.upload_form(typed, refusal.errors if refusal else {}),
        "refusal": refusal,
        "key": str(ids.new_id()),
        "fields": agent.live_version.definition["inputs"] if agent.live_version else [],
    }
    return render(request, "batch_form.html", context, status=status)


# --- The list -----------------------------------------------------------------------------
@require_safe
@page
def batch_list(request: HttpRequest) -> HttpResponse:
    """The batches of the reader's teams, newest first."""
    rows = agent_selectors.list_batches(by=principal_of(request))
    found = list(older(rows, request.GET.get("before", ""))[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    progress = agent_selectors.progress_of(shown)
    context = {
        "batches": [(row, batch_facts.shown(progress[row.id])) for row in shown],
        "next": cursor_of(shown[-1]) if len(found) > PAGE_SIZE else "",
        "is_first": "before" not in request.GET,
    }
    return render(request, "batch_list.html", context)


# --- One batch ----------------------------------------------------------------------------
@require_safe
@page
def batch_detail(request: HttpRequest, batch_id: str) -> HttpResponse:
    """One batch as it stands; its script asks for the part that changes."""
    batch = agent_selectors.get_batch(batch_id, by=principal_of(request))
    progress = batch_facts.shown(agent_selectors.progress_of([batch])[batch.id])
    context = {
        "batch": batch,
        "progress": progress,
        "failed": agent_selectors.failed_rows(batch, limit=SHOWN_FAILED_ROWS),
        "took": batch_facts.took(batch),
        "announcement": batch_facts.announcement(batch, progress),
        "skipped": batch.skipped[:SHOWN_BAD_ROWS],
    }
    is_part = request.headers.get("HX-Request")
    template = "batch_detail.html#state" if is_part else "batch_detail.html"
    return render(request, template, context)


@require_POST
@page
def batch_pause(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Start no more rows."""
    return _act(request, batch_id, agent_services.pause_batch)


@require_POST
@page
def batch_resume(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Start rows again."""
    return _act(request, batch_id, agent_services.resume_batch)


@require_POST
@page
def batch_cancel(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Stop it for good."""
    return _act(request, batch_id, agent_services.cancel_batch)


def _act(
    request: HttpRequest, batch_id: str, action: Callable[..., Batch]
) -> HttpResponse:
    """Do it and show the batch; a refusal is told on the batch's own page."""
    try:
        action(batch_id=batch_id, by=principal_of(request))
    except (Conflict, NotAllowed) as error:
        messages.warning(request, error.message)
    return _to_batch(batch_id)


@require_safe
@page
def batch_download(request: HttpRequest, batch_id: str) -> Any:
    """Every row with its result, as CSV for a spreadsheet or as JSON lines."""
    batch = agent_selectors.get_batch(batch_id, by=principal_of(request))
    wanted = request.GET.get("format", "")
    file_format = wanted if wanted in agent_selectors.FORMATS else "csv"
    return stream_file(
        request,
        agent_selectors.results_file(batch, file_format, marked=True),
        content_type=agent_selectors.FORMATS[file_format][0],
        name=agent_selectors.results_name(batch, file_format),
    )


def _to_batch(batch_id: object) -> HttpResponse:
    response = redirect("marketplace:batch_detail", batch_id=str(batch_id))
    response.status_code = HTTPStatus.SEE_OTHER
    return response
