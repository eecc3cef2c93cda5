"""One agent's work for one request, and everything needed to trace it."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from agents.choices import (
    TERMINAL_VALUES,
    ErrorCause,
    ErrorCode,
    ExecutionStatus,
    Lane,
)
from agents.models.catalogue import Agent, AgentVersion
from agents.models.profiles import ModelPrice
from agents.querysets import ExecutionQuerySet
from aiagents.common.models import UUIDModel


class Execution(UUIDModel):
    """The row is the truth; a Celery message only wakes somebody who reads it."""

    # --- whose it is ---
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.PROTECT, related_name="+"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    api_key = models.ForeignKey(
        "accounts.ApiKey", on_delete=models.SET_NULL, null=True, related_name="+"
    )

    # --- what is asked ---
    agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, related_name="executions"
    )
    version = models.ForeignKey(
        AgentVersion, on_delete=models.PROTECT, related_name="+"
    )
    #: Form values by key, or free text under `task_description` with known values beside it.
    inputs: Any = models.JSONField()
    is_free_text = models.BooleanField(default=False)
    lane = models.CharField(max_length=12, choices=Lane, default=Lane.INTERACTIVE)
    metadata: Any = models.JSONField(default=dict)
    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="retries"
    )
    #: The batch that it is a row of; its retry is not.
    batch = models.ForeignKey(
        "agents.Batch",
        on_delete=models.PROTECT,
        null=True,
        related_name="executions",
        db_index=False,
    )

    # --- where it stands ---
    status = models.CharField(
        max_length=10, choices=ExecutionStatus, default=ExecutionStatus.QUEUED
    )
    #: Grows with every claim and never falls: the fencing token of all writes.
    attempt = models.PositiveIntegerField(default=0)
    #: Attempts that failed; drains and rate-limit waits are free.
    failures = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    available_at = models.DateTimeField()
    deadline_at = models.DateTimeField()
    woken_at = models.DateTimeField()
    cancel_requested_at = models.DateTimeField(null=True)
    #: Why it waits, in `waiting`, or what it is being retried for, in `queued`.
    wait_reason = models.CharField(max_length=20, blank=True)

    # --- what came of it ---
    output = models.TextField(blank=True)
    output_json: Any = models.JSONField(null=True)
    stop_reason = models.CharField(max_length=40, blank=True)
    error_code = models.CharField(max_length=24, choices=ErrorCode, blank=True)
    error_cause = models.CharField(max_length=24, choices=ErrorCause, blank=True)
    error_message = models.CharField(max_length=500, blank=True)

    # --- what it used ---
    provider = models.CharField(max_length=20, blank=True)
    model = models.CharField(max_length=80, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cache_read_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, default=Decimal(0))

    #: What was set aside before the call, and in which periods of which budgets; settled at
    #: the end.
    reserved_usd = models.DecimalField(
        max_digits=12, decimal_places=6, default=Decimal(0)
    )
    budget_usages: Any = models.JSONField(default=list)

    # --- how it came about ---
    price = models.ForeignKey(
        ModelPrice, on_delete=models.PROTECT, null=True, related_name="+"
    )
    prompt_digest = models.CharField(max_length=64, blank=True)
    policy_decision = models.UUIDField(null=True)
    #: SHA-256 of what the policy was asked.
    policy_digest = models.CharField(max_length=64, blank=True)
    #: Why it allowed the run: reasons, obligations, revision, and roles and scopes at the time.
    policy_notes: Any = models.JSONField(default=dict)

    # --- when ---
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    first_token_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=(
                    Q(status__in=TERMINAL_VALUES, finished_at__isnull=False)
                    | (~Q(status__in=TERMINAL_VALUES) & Q(finished_at=None))
                ),
                name="execution_terminal_iff_finished",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status="running", lease_until__isnull=False)
                    | (~Q(status="running") & Q(lease_until=None))
                ),
                name="execution_running_iff_leased",
            ),
        )
        indexes = (
            models.Index(
                fields=["team", "-created_at", "-id"], name="execution_of_team"
            ),
            models.Index(
                fields=["agent", "-created_at", "-id"], name="execution_of_agent"
            ),
            models.Index(
                fields=["lane", "available_at", "id"],
                name="execution_queued",
                condition=Q(status="queued"),
            ),
            models.Index(
                fields=["finished_at"],
                name="execution_finished",
                condition=Q(finished_at__isnull=False),
            ),
            models.Index(
                fields=["batch", "-created_at", "-id"],
                name="execution_of_batch",
                condition=Q(batch__isnull=False),
            ),
            models.Index(
                fields=["status", "lease_until"],
                name="execution_unfinished",
                condition=Q(finished_at=None),
            ),
        )

    def __str__(self) -> str:
        return f"{self.id} ({self.status})"

    @property
    def is_over(self) -> bool:
        """Whether the status is final."""
        return self.status in TERMINAL_VALUES


class ExecutionFeedback(UUIDModel):
    """What a person thought of a result."""

    execution = models.ForeignKey(
        Execution, on_delete=models.CASCADE, related_name="feedback"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    rating = models.PositiveSmallIntegerField()
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["execution", "user"], name="feedback_once"),
            models.CheckConstraint(
                condition=Q(rating__gte=1, rating__lte=5), name="feedback_rating_1_to_5"
            ),
        )

    def __str__(self) -> str:
        return f"{self.rating} for {self.execution_id}"
