"""The pages of runs: the list, one run, and what can be done with it."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts import services as account_services
from agents import selectors as agent_selectors
from agents.choices import ExecutionStatus
from agents.models import Execution, ExecutionFeedback
from agents.querysets import ExecutionQuerySet
from agents.services import executions as execution_services
from aiagents.common import clock, ids
from aiagents.common.errors import Conflict, InvalidInput, NotAllowed
from aiagents.common.principals import Principal
from marketplace.pages import run_facts
from marketplace.pages.access import page, principal_of
from marketplace.pages.cursors import cursor_of, older

PAGE_SIZE = 25
RATINGS = range(1, 6)
MAX_COMMENT_CHARS = 2_000


# --- One run ------------------------------------------------------------------------------
@require_safe
@page
def execution_detail(request: HttpRequest, execution_id: str) -> HttpResponse:
    """One run as it stands; its script goes on from there."""
    by = principal_of(request)
    execution = agent_selectors.get_execution(execution_id, by=by)
    return render(request, "run_detail.html", _context(execution, by=by))


@require_safe
@page
def execution_output(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The part of the page that changes when the run is over."""
    by = principal_of(request)
    execution = agent_selectors.get_execution(execution_id, by=by)
    if not request.headers.get("HX-Request"):
        return _to_run(execution.id)
    return render(request, "run_detail.html#body", _context(execution, by=by))


def _context(execution: Execution, *, by: Principal) -> dict[str, Any]:
    progress = run_facts.find_progress(execution)
    return {
        "run": execution,
        "progress": progress,
        "used": run_facts.used(execution, progress),
        "output": run_facts.shown_output(execution) if execution.is_over else None,
        "error": run_facts.find_error(execution),
        "inputs": run_facts.shown_inputs(execution),
        "waited": run_facts.waited(execution),
        "took": run_facts.took(execution),
        "waits_for": run_facts.waits_for(execution),
        "spent": run_facts.spent(execution),
        "provider": run_facts.provider(execution),
        "price_note": run_facts.price_note(execution),
        "announcement": run_facts.announcement(execution),
        "place": agent_selectors.queue_place(execution),
        "statuses": ExecutionStatus.values,
        "ratings": RATINGS,
        "feedback": _feedback(execution, by=by),
        "retries": execution.retries.order_by("id") if execution.is_over else (),
    }


def _feedback(execution: Execution, *, by: Principal) -> ExecutionFeedback | None:
    if not execution.is_over:
        return None
    return execution.feedback.filter(user_id=by.user_id).first()


# --- What can be done with it -------------------------------------------------------------
@require_POST
@page
def execution_cancel(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Ask it to stop."""
    return _act(request, execution_id, execution_services.cancel_execution)


@require_POST
@page
def execution_retry(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Run the same again, as a run of its own."""
    return _act(request, execution_id, execution_services.retry_execution)


def _act(
    request: HttpRequest, execution_id: str, action: Callable[..., Execution]
) -> HttpResponse:
    """Do it and show the run; a refusal is told on the run's own page."""
    by = principal_of(request)
    try:
        with account_services.recording_denials():
            execution = action(execution_id=execution_id, by=by, now=clock.now())
    except (Conflict, NotAllowed) as error:
        messages.warning(request, error.message)
        return _to_run(execution_id)
    return _to_run(execution.id)


@require_POST
@page
def execution_feedback(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Keep what the reader thinks of the result."""
    by = principal_of(request)
    # Before the form is judged: a foreign run is missing whatever is sent.
    agent_selectors.get_execution(execution_id, by=by)
    try:
        rating, comment = _opinion(request)
        execution_services.record_feedback(
            execution_id=execution_id,
            by=by,
            rating=rating,
            comment=comment,
            now=clock.now(),
        )
    except (InvalidInput, Conflict) as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, "Thank you, your feedback is kept.")
    return _to_run(execution_id)


def _opinion(request: HttpRequest) -> tuple[int, str]:
    rating, comment = (
        request.POST.get("rating", ""),
        request.POST.get("comment", "").strip(),
    )
    if rating not in {str(one) for one in RATINGS}:
        raise InvalidInput("Choose a rating from 1 to 5.")
    if len(comment) > MAX_COMMENT_CHARS or "\x00" in comment:
        raise InvalidInput(
            f"A comment is text of at most {MAX_COMMENT_CHARS} characters."
        )
    return int(rating), comment


def _to_run(execution_id: object) -> HttpResponse:
    response = redirect("marketplace:execution_detail", execution_id=str(execution_id))
    response.status_code = HTTPStatus.SEE_OTHER
    return response


# --- Taking it away -----------------------------------------------------------------------
@require_safe
@page
def execution_download(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The stored text as it is, or the whole run as JSON; always a file, never a page."""
    execution = agent_selectors.get_execution(execution_id, by=principal_of(request))
    if request.GET.get("format") == "json":
        content, kind, ending = _as_json(execution), "application/json", "json"
    else:
        content, kind, ending = (
            execution.output.encode(),
            "text/markdown; charset=utf-8",
            "md",
        )
    response = HttpResponse(content, content_type=kind)
    name = f"{execution.agent.slug}-{execution.id.hex[-12:]}.{ending}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _as_json(execution: Execution) -> bytes:
    names = (
        "id", "status", "inputs", "output", "output_json", "stop_reason", "error_code",
        "provider", "model", "attempt", "created_at", "started_at", "finished_at",
        "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
    )  # fmt: skip
    run: dict[str, Any] = {
        "agent": execution.agent.slug,
        "version": execution.version.number,
        "definition_digest": execution.version.digest,
        "cost_usd": str(execution.cost_usd),
    }
    run |= {name: getattr(execution, name) for name in names}
    return orjson.dumps(run, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


# --- All runs -----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What a list of runs is narrowed to; a value that cannot be read is ignored."""

    status: str = ""
    agent: str = ""
    batch: uuid.UUID | None = None
    since: dt.date | None = None

    @classmethod
    def read(cls, params: Mapping[str, str]) -> "RunFilter":
        """The filter of an address."""
        status = params.get("status", "")
        return cls(
            status=status if status in ExecutionStatus.values else "",
            agent=params.get("agent", "").strip()[:64],
            batch=ids.parse_id(params.get("batch", "")),
            since=_date(params.get("since", "")),
        )

    @property
    def is_active(self) -> bool:
        """Whether anything is left out."""
        return bool(self.status or self.agent or self.batch or self.since)

    def apply(self, *, by: Principal) -> ExecutionQuerySet:
        """The runs that pass."""
        since = (
            dt.datetime.combine(self.since, dt.time(), dt.UTC) if self.since else None
        )
        return agent_selectors.lists_filtered(
            by=by,
            status=self.status,
            agent=self.agent,
            batch=self.batch,
            since=since,
        )


@require_safe
@page
def run_list(request: HttpRequest) -> HttpResponse:
    """The runs of the reader's teams, newest first."""
    wanted = RunFilter.read(request.GET)
    rows = older(wanted.apply(by=principal_of(request)), request.GET.get("before", ""))
    found = list(rows[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    context = {
        "filter": wanted,
        "runs": [(run, run_facts.waited(run), run_facts.took(run)) for run in shown],
        "next": cursor_of(shown[-1]) if len(found) > PAGE_SIZE else "",
        "is_first": "before" not in request.GET,
        "statuses": ExecutionStatus.choices,
    }
    template = (
        "run_list.html#rows" if request.headers.get("HX-Request") else "run_list.html"
    )
    return render(request, template, context)


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
