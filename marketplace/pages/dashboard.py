"""The first page of a signed-in person: what runs, what ran, what to run next."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from agents import selectors as agent_selectors
from marketplace import selectors
from marketplace.pages.access import page, principal_of

LAST_RUNS = 8
RUNNING = 8
FAVOURITES = 6
SUGGESTIONS = 3


@require_safe
@page
def dashboard(request: HttpRequest) -> HttpResponse:
    """What a person has going on; a new person gets three agents to begin with."""
    by = principal_of(request)
    mine = agent_selectors.list_executions(by=by).filter(user_id=by.user_id)
    last = list(mine.exclude(finished_at=None)[:LAST_RUNS])
    running = list(mine.unfinished()[:RUNNING])
    is_new = not (last or running)
    suggestions = selectors.list_suggestions(by=by, limit=SUGGESTIONS) if is_new else ()
    context = {
        "running": running,
        "last_runs": last,
        "favourites": selectors.list_favourites(by=by, limit=FAVOURITES),
        "suggestions": suggestions,
    }
    return render(request, "dashboard.html", context)
