"""The curators' and administrators' view of the catalogue, the models and the runs.

Definitions, versions and runs are read here and never changed: texts come from files, and a
run's row is the executor's. What people typed and what came of it is not shown at all.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin import EmptyFieldListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin  # type: ignore[import-untyped] # it ships no types
from unfold.decorators import action  # type: ignore[import-untyped] # it ships no types

from accounts import selectors as account_selectors
from accounts.permissions import check_can_manage_accounts
from agents import selectors, services
from agents.catalogue.canonical import canonical_text
from agents.forms import DryRunForm, SuspensionForm
from agents.models import (
    Agent,
    AgentVersion,
    Batch,
    Category,
    EvalResult,
    EvalRun,
    Execution,
    ModelPrice,
    ModelProfile,
    Shipment,
    Topic,
)
from aiagents.common import clock
from aiagents.common.errors import DomainError, InvalidInput, NotAllowed
from aiagents.common.principals import Principal

#: A page answers in time; `manage.py policy_dry_run` asks them all.
MOST_TRIED = 5_000
#: How a check's verdict is shown.
VERDICTS = {True: "passed", False: "FAILED", None: "not judged"}


def _principal(request: HttpRequest) -> Principal:
    principal = getattr(request, "principal", None)
    if principal is None:
        raise NotAllowed("Sign in again.")
    return cast("Principal", principal)


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc] # unfold ships no types
    """Rows to look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows are made elsewhere."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are changed elsewhere."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Other rows refer to them."""
        return False


@admin.register(Category)
class CategoryAdmin(ReadOnlyAdmin):
    """The categories, from the taxonomy's file."""

    list_display = ("name", "slug", "target", "position")
    search_fields = ("name", "slug", "purpose")
    ordering = ("position", "slug")


@admin.register(Topic)
class TopicAdmin(ReadOnlyAdmin):
    """The topics, from the taxonomy's file."""

    list_display = ("name", "slug", "category", "quota", "min_risk")
    list_filter = ("min_risk", "category")
    list_select_related = ("category",)
    search_fields = ("name", "slug", "scope")
    ordering = ("category__position", "position", "slug")


@admin.register(Agent)
class AgentAdmin(ReadOnlyAdmin):
    """The agents; curators switch them off and on."""

    list_display = (
        "name",
        "slug",
        "category",
        "risk",
        "tier",
        "live_version",
        "published_at",
        "suspended_at",
    )
    list_filter = (
        "risk",
        "tier",
        ("suspended_at", EmptyFieldListFilter),
        ("live_version", EmptyFieldListFilter),
        "category",
    )
    list_select_related = ("category", "live_version")
    search_fields = ("name", "slug", "purpose", "deliverable")
    ordering = ("name", "id")
    date_hierarchy = None
    actions = ("suspend", "resume")

    @admin.action(description="Suspend: refuse new runs, with a reason")
    def suspend(
        self, request: HttpRequest, queryset: models.QuerySet[Agent]
    ) -> HttpResponse | None:
        """Ask for the reason, then switch the selected agents off."""
        is_confirmed = "confirmed" in request.POST
        form = SuspensionForm(request.POST if is_confirmed else None)
        if not is_confirmed or not form.is_valid():
            return self._confirmation(request, queryset, form)
        reason = form.cleaned_data["reason"]
        for agent in queryset:
            self._tell(
                request,
                agent,
                lambda slug: services.suspend_agent(
                    slug=slug, reason=reason, by=_principal(request), now=clock.now()
                ),
            )
        return None

    @admin.action(description="Resume: accept new runs again")
    def resume(self, request: HttpRequest, queryset: models.QuerySet[Agent]) -> None:
        """Switch the selected agents on."""
        for agent in queryset:
            self._tell(
                request,
                agent,
                lambda slug: services.resume_agent(
                    slug=slug, by=_principal(request), now=clock.now()
                ),
            )

    def _confirmation(
        self,
        request: HttpRequest,
        queryset: models.QuerySet[Agent],
        form: SuspensionForm,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "agents": queryset,
            "form": form,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "back_url": request.get_full_path(),
        }
        return render(request, "admin/agents/agent/confirm_suspend.html", context)

    def _tell(
        self, request: HttpRequest, agent: Agent, change: Callable[[str], object]
    ) -> None:
        try:
            change(agent.slug)
        except DomainError as error:
            self.message_user(request, f"{agent}: {error.message}", messages.ERROR)
        else:
            self.message_user(request, f"{agent}: done.", messages.SUCCESS)


@admin.register(AgentVersion)
class AgentVersionAdmin(ReadOnlyAdmin):
    """The texts of agents; they never change."""

    list_display = ("agent", "number", "status", "published_at", "author", "approver")
    list_filter = ("status", "agent__category")
    list_select_related = ("agent", "author", "approver")
    search_fields = ("agent__slug", "agent__name", "digest")
    ordering = ("agent__slug", "-number")
    fields = (
        "agent",
        "number",
        "status",
        "text",
        "digest",
        "note",
        "author",
        "approver",
        "created_at",
        "published_at",
    )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[AgentVersion]:
        """A list does not read the texts."""
        rows: models.QuerySet[AgentVersion] = super().get_queryset(request)
        return rows.defer("definition")

    @admin.display(description="definition")
    def text(self, version: AgentVersion) -> SafeString:
        """The definition as its file has it, escaped."""
        return format_html("<pre>{}</pre>", canonical_text(version.definition))


@admin.register(ModelProfile)
class ModelProfileAdmin(ModelAdmin):  # type: ignore[misc] # unfold ships no types
    """Which model each tier is; tiers are neither added nor removed."""

    list_display = ("tier", "model_id", "effort", "max_tokens", "retires_on")
    ordering = ("tier",)
    readonly_fields = ("tier",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There are three tiers."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """There are three tiers."""
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: ModelProfile,
        form: ModelForm[ModelProfile],
        change: bool,  # noqa: FBT001 - Django's
    ) -> None:
        """Change the model behind a tier."""
        services.change_profile(profile=obj, by=_principal(request), now=clock.now())


@admin.register(ModelPrice)
class ModelPriceAdmin(ModelAdmin):  # type: ignore[misc] # unfold ships no types
    """What models cost from when on; a new price is a new row, for runs refer to the old one."""

    list_display = (
        "model_id",
        "valid_from",
        "above_prompt_tokens",
        "input_usd",
        "output_usd",
        "source",
    )
    list_filter = ("model_id",)
    search_fields = ("model_id", "source")
    ordering = ("model_id", "-valid_from", "above_prompt_tokens")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Runs refer to prices."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Runs refer to prices."""
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: ModelPrice,
        form: ModelForm[ModelPrice],
        change: bool,  # noqa: FBT001 - Django's
    ) -> None:
        """Add a price."""
        services.add_price(price=obj, by=_principal(request), now=clock.now())


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    """What runs did and cost, without what was typed and what came of it."""

    list_display = (
        "id",
        "agent",
        "status",
        "user",
        "lane",
        "attempt",
        "provider",
        "cost_usd",
        "error_code",
        "created_at",
    )
    list_filter = ("status", "lane", "provider", "error_code", "created_at")
    list_select_related = ("agent", "user")
    search_fields = ("id__exact", "agent__slug", "user__username", "model")
    ordering = ("-created_at", "-id")
    show_full_result_count = False
    exclude = ("inputs", "output", "output_json", "metadata")
    actions_list = ("policy_dry_run",)

    @action(  # type: ignore[untyped-decorator] # unfold ships no types
        description="Try other policy rules", url_path="policy-dry-run"
    )
    def policy_dry_run(self, request: HttpRequest) -> HttpResponse:
        """Ask other rules what was asked in the last days; changes nothing."""
        check_can_manage_accounts(_principal(request))
        found: selectors.DryRun | None = None
        form = DryRunForm(request.POST or None, initial=selectors.rules_in_force())
        if request.method == "POST" and form.is_valid():
            found = self._try(form)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "found": found,
            "lines": _named_changes(found) if found else (),
            "most": MOST_TRIED,
        }
        return render(request, "admin/agents/execution/policy_dry_run.html", context)

    def _try(self, form: DryRunForm) -> selectors.DryRun | None:
        values = form.cleaned_data
        try:
            return selectors.try_policy(
                bundle=selectors.read_rules(values["rules"], values["roles"]),
                since=clock.now() - dt.timedelta(days=values["days"]),
                limit=MOST_TRIED,
            )
        except InvalidInput as error:
            for name, sentences in error.errors.items():
                form.add_error(name, sentences)
            return None


def _named_changes(
    found: selectors.DryRun,
) -> list[tuple[selectors.Change, int, str]]:
    """Each change with how often it would be made, and who is met by it."""
    names = account_selectors.names_of(change.user_id for change, _ in found.changes)
    return [
        (change, count, names.get(change.user_id, "") if change.user_id else "")
        for change, count in found.changes
    ]


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    """How far batches are and what they cost, without their rows."""

    list_display = (
        "id",
        "agent",
        "status",
        "pause_reason",
        "mode",
        "user",
        "row_count",
        "succeeded_count",
        "failed_count",
        "cost_usd",
        "created_at",
    )
    list_filter = ("status", "mode", "pause_reason", "created_at")
    list_select_related = ("agent", "user")
    search_fields = ("id__exact", "agent__slug", "user__username")
    ordering = ("-created_at", "-id")
    exclude = ("name", "skipped")


@admin.register(Shipment)
class ShipmentAdmin(ReadOnlyAdmin):
    """What is with the provider's batch service, under its own ids."""

    list_display = (
        "id",
        "batch",
        "status",
        "provider_id",
        "row_count",
        "failures",
        "due_at",
        "sent_at",
        "closed_at",
    )
    list_filter = ("status", "created_at")
    list_select_related = ("batch",)
    search_fields = ("id__exact", "batch__id__exact", "provider_id")
    ordering = ("-created_at", "-id")


@admin.register(EvalRun)
class EvalRunAdmin(ReadOnlyAdmin):
    """When samples were tried, on what, and what it cost."""

    list_display = (
        "started_at",
        "provider",
        "agent_slug",
        "category_slug",
        "planned_count",
        "cost_usd",
        "stop_reason",
        "finished_at",
    )
    list_filter = ("provider", "stop_reason", "started_at")
    search_fields = ("id__exact", "agent_slug", "category_slug")
    ordering = ("-started_at", "-id")


@admin.register(EvalResult)
class EvalResultAdmin(ReadOnlyAdmin):
    """What each sample's checks said, failures first."""

    list_display = (
        "version_name",
        "sample_title",
        "model",
        "passed_count",
        "failed_count",
        "unjudged_count",
        "error_code",
        "cost_usd",
        "created_at",
    )
    list_filter = ("provider", "model", "error_code", "created_at")
    list_select_related = ("version__agent", "run")
    search_fields = ("id__exact", "run__id__exact", "version__agent__slug", "model")
    ordering = ("-created_at", "-id")
    exclude = ("checks",)
    readonly_fields = ("verdicts",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[EvalResult]:
        """Without the texts of the versions."""
        rows: models.QuerySet[EvalResult] = super().get_queryset(request)
        return rows.select_related("version__agent").defer("version__definition")

    @admin.display(description="version", ordering="version__agent__slug")
    def version_name(self, result: EvalResult) -> str:
        """The agent and the number of its version."""
        return f"{result.version.agent.slug}, version {result.version.number}"

    @admin.display(description="checks")
    def verdicts(self, result: EvalResult) -> SafeString:
        """Each check with its verdict and reason, failed ones first."""
        order = {False: 0, None: 1, True: 2}
        checks = sorted(result.checks, key=lambda check: order[check["passed"]])
        return format_html_join(
            "",
            "<p><strong>{}</strong> {} {}: {}</p>",
            (
                (VERDICTS[one["passed"]], one["kind"], one["rule"], one["reason"])
                for one in checks
            ),
        )
