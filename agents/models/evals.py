"""What came of trying agents' samples on a model."""

from typing import Any

from django.db import models

from agents.choices import EvalStop
from agents.models.catalogue import AgentVersion
from agents.querysets import EvalResultQuerySet
from aiagents.common.models import UUIDModel


class EvalRun(UUIDModel):
    """One call of `run_evals`."""

    #: What was asked for; empty for the whole catalogue.
    agent_slug = models.CharField(max_length=64, blank=True)
    category_slug = models.CharField(max_length=40, blank=True)
    #: None: every sample.
    sample_limit = models.PositiveIntegerField(null=True, blank=True)
    max_cost_usd = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, blank=True
    )
    #: `demo` says nothing about quality.
    provider = models.CharField(max_length=20)
    planned_count = models.PositiveIntegerField()
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    #: Empty when every planned sample was tried.
    stop_reason = models.CharField(max_length=12, choices=EvalStop, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"evals of {self.started_at:%Y-%m-%d %H:%M}"


class EvalResult(UUIDModel):
    """One sample of one version, asked and judged. Holds no answer, only its digest."""

    run = models.ForeignKey(EvalRun, on_delete=models.CASCADE, related_name="results")
    version = models.ForeignKey(
        AgentVersion, on_delete=models.CASCADE, related_name="eval_results"
    )
    sample_title = models.CharField(max_length=120)
    #: SHA-256 of the sample as canonical JSON.
    sample_digest = models.CharField(max_length=64)
    #: SHA-256 of the assembled system prompt.
    prompt_digest = models.CharField(max_length=64)
    provider = models.CharField(max_length=20)
    #: As the service named it; empty when it never answered.
    model = models.CharField(max_length=80, blank=True)
    judge_model = models.CharField(max_length=80, blank=True)
    #: SHA-256 of the answer; empty when there was none.
    answer_digest = models.CharField(max_length=64, blank=True)
    #: Of each check: kind, rule, passed (null: not judged), reason.
    checks: Any = models.JSONField()
    passed_count = models.PositiveSmallIntegerField()
    failed_count = models.PositiveSmallIntegerField()
    unjudged_count = models.PositiveSmallIntegerField()
    error_code = models.CharField(max_length=20, blank=True)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6)
    duration_ms = models.PositiveIntegerField()
    created_at = models.DateTimeField()

    objects = EvalResultQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["run", "version", "sample_digest"], name="eval_once_a_run"
            ),
        )
        indexes = (
            models.Index(fields=["version", "-created_at"], name="eval_by_version"),
        )

    def __str__(self) -> str:
        return self.sample_title
