"""One agent: what it does, its form, its versions, and how programs call it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts import permissions as account_permissions
from accounts.choices import Role
from accounts.errors import PolicyUnavailable
from agents import selectors as agent_selectors
from agents.choices import Lane
from agents.models import Agent, AgentVersion
from aiagents.common import clock, ids
from aiagents.common.errors import InvalidInput, NotAffordable, NotAllowed, NotFound
from aiagents.common.principals import Principal
from marketplace import forms, selectors, services
from marketplace.pages import code_samples
from marketplace.pages.access import find_principal, own_address, page, principal_of

IDEMPOTENCY_FIELD = "idempotency-key"
#: Who may read the text that the model is given.
PROMPT_READERS = frozenset({Role.ADMIN.value, Role.CURATOR.value})
TABS = {"run": "Run", "examples": "Examples", "versions": "Versions", "api": "API"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """A part of the page with an address of its own."""

    key: str
    label: str
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A form that was sent and refused, to be shown again as it was typed."""

    typed: forms.Typed
    errors: Mapping[str, Sequence[str]]
    #: Why the run was refused for another reason than its inputs.
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunForm:
    """The form as it is drawn."""

    fields: Sequence[forms.FormField]
    #: Makes a form that is sent twice one run.
    key: str
    loose_errors: Sequence[str] = ()
    has_errors: bool = False
    #: The number of the example that fills it.
    sample: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An example input of the agent."""

    number: int
    title: str
    input: Mapping[str, Any]
    rows: Sequence[tuple[str, Any]]


@require_http_methods(["GET", "HEAD", "POST"])
@page
def agent_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """The page of one agent; a POST of its form starts a run."""
    if request.method == "POST":
        return _run(request, slug)
    agent = agent_selectors.get_listed_agent(slug)
    return render(request, "agent_detail.html", _context(request, agent))


@require_POST
@page
def favourite(request: HttpRequest, slug: str) -> HttpResponse:
    """Keep an agent at hand, or let it go."""
    by = principal_of(request)
    agent = agent_selectors.get_listed_agent(slug)
    is_kept = services.toggle_favourite(agent=agent, by=by, now=clock.now())
    if not request.headers.get("HX-Request"):
        return redirect(own_address(request))
    context = {
        "agent": agent,
        "is_favourite": is_kept,
        "corner": request.POST.get("corner", ""),
        "here": own_address(request),
    }
    return render(request, "_favourite.html", context)


def _run(request: HttpRequest, slug: str) -> HttpResponse:
    by = principal_of(request)
    agent = agent_selectors.get_listed_agent(slug)
    typed = dict(request.POST.lists())
    try:
        execution = _start(request, agent, typed, by)
    except InvalidInput as error:
        submission = Submission(typed=typed, errors=error.errors)
        return _refused(request, agent, submission, status=400)
    except NotAllowed as error:
        submission = Submission(typed=typed, errors={}, refusal=error.reason)
        return _refused(request, agent, submission, status=403)
    except NotAffordable as error:
        submission = Submission(typed=typed, errors={}, refusal=error.message)
        return _refused(request, agent, submission, status=402)
    target = reverse("marketplace:execution_detail", args=[execution])
    return HttpResponseRedirect(target, status=303)


def _start(
    request: HttpRequest, agent: Agent, typed: forms.Typed, by: Principal
) -> str:
    """The id of the run; the same form sent twice is one run."""
    values = forms.run_values(_definition(agent)["inputs"], typed)
    return services.start_run_once(
        slug=agent.slug,
        inputs=values,
        form=ids.parse_id(request.POST.get(IDEMPOTENCY_FIELD)),
        by=by,
        now=clock.now(),
    )


def _refused(
    request: HttpRequest, agent: Agent, submission: Submission, *, status: int
) -> HttpResponse:
    context = _context(request, agent, submission)
    return render(request, "agent_detail.html", context, status=status)


def _context(
    request: HttpRequest, agent: Agent, submission: Submission | None = None
) -> dict[str, Any]:
    by = find_principal(request)
    definition = _definition(agent)
    tab = request.GET.get("tab", "run")
    samples = _samples(definition)
    versions = list(selectors.list_public_versions(agent))
    root = request.build_absolute_uri("/").rstrip("/")
    return {
        "agent": agent,
        "definition": definition,
        "tab": tab if tab in TABS else "run",
        "tabs": _tabs(samples, versions),
        "samples": samples,
        "versions": versions,
        "figures": agent_selectors.figures_of([agent.id])[agent.id],
        "evals": agent_selectors.latest_evals(_live_id(agent)),
        "code_samples": code_samples.code_samples(
            root=root, slug=agent.slug, inputs=samples[0].input if samples else {}
        ),
        "service_url": f"{root}/agents/{agent.slug}",
        "form": _form(request, definition, samples, submission),
        "refusal": submission.refusal if submission else _refusal(agent, by),
        "is_favourite": selectors.is_favourite(agent, by=by),
        "shows_prompt": by is not None and not by.roles.isdisjoint(PROMPT_READERS),
    }


def _live_id(agent: Agent) -> uuid.UUID:
    assert agent.live_version_id is not None  # noqa: S101 - a listed agent has one
    return agent.live_version_id


def _definition(agent: Agent) -> Mapping[str, Any]:
    assert agent.live_version is not None  # noqa: S101 - a listed agent has one
    definition: Mapping[str, Any] = agent.live_version.definition
    return definition


def _tabs(samples: Sequence[Sample], versions: Sequence[AgentVersion]) -> list[Tab]:
    counts = {"examples": len(samples), "versions": len(versions)}
    return [
        Tab(key=key, label=label, count=counts.get(key)) for key, label in TABS.items()
    ]


def _refusal(agent: Agent, by: Principal | None) -> str:
    """Why a signed-in person may not run this agent, before they fill in its form."""
    if by is None:
        return ""
    try:
        decision = account_permissions.decide_run(
            principal=by,
            agent_slug=agent.slug,
            category=agent.category.slug,
            risk=agent.risk,
            lane=Lane.INTERACTIVE,
            is_suspended=agent.is_suspended,
        )
    except PolicyUnavailable as error:
        return error.message
    return "" if decision.allowed else " ".join(decision.reasons)


def _form(
    request: HttpRequest,
    definition: Mapping[str, Any],
    samples: Sequence[Sample],
    submission: Submission | None,
) -> RunForm:
    inputs = definition["inputs"]
    if submission:
        fields = forms.run_fields(inputs, submission.typed)
        return RunForm(
            fields=forms.with_errors(fields, submission.errors),
            loose_errors=forms.loose_errors(fields, submission.errors),
            has_errors=bool(submission.errors),
            key=submission.typed.get(IDEMPOTENCY_FIELD, [""])[0] or str(ids.new_id()),
        )
    chosen = request.GET.get("sample", "")
    sample = next((one for one in samples if str(one.number) == chosen), None)
    typed = forms.typed_values(inputs, sample.input if sample else _earlier(request))
    return RunForm(
        fields=forms.run_fields(inputs, typed),
        key=str(ids.new_id()),
        sample=sample.number if sample else None,
    )


def _earlier(request: HttpRequest) -> Mapping[str, Any]:
    """The inputs of the run that `from` names, to run it again with changes."""
    by = find_principal(request)
    if by is None:
        return {}
    try:
        earlier = agent_selectors.get_execution(request.GET.get("from", ""), by=by)
    except NotFound:
        return {}
    inputs: Mapping[str, Any] = earlier.inputs
    return inputs


def _samples(definition: Mapping[str, Any]) -> list[Sample]:
    """The example inputs that the form accepts."""
    labels = {one["key"]: one["label"] for one in definition["inputs"]}
    required = {one["key"] for one in definition["inputs"] if one["required"]}
    return [
        Sample(
            number=number,
            title=sample["title"],
            input=sample["input"],
            rows=[
                (labels.get(key, key), value) for key, value in sample["input"].items()
            ],
        )
        for number, sample in enumerate(definition["samples"])
        if required <= sample["input"].keys()
    ]
