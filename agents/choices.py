"""The closed lists of agents, and which status may follow which."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import models


class ExecutionStatus(models.TextChoices):
    """Where an execution stands (CONTRACT §4)."""

    #: Waits for a worker; only a claim gives a lease.
    QUEUED = "queued", "Queued"
    #: A worker holds the lease.
    RUNNING = "running", "Running"
    #: Waits for a person, a budget or a time; holds no lease.
    WAITING = "waiting", "Waiting"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    TIMED_OUT = "timed_out", "Timed out"


S = ExecutionStatus
TERMINAL = frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED, S.TIMED_OUT})
TERMINAL_VALUES = sorted(status.value for status in TERMINAL)
TRANSITIONS: Mapping[str, frozenset[str]] = {
    S.QUEUED: frozenset({S.RUNNING, S.FAILED, S.CANCELLED, S.TIMED_OUT}),
    S.RUNNING: frozenset({S.QUEUED, S.WAITING, *TERMINAL}),
    S.WAITING: frozenset({S.QUEUED, S.FAILED, S.CANCELLED, S.TIMED_OUT}),
    **{status: frozenset() for status in TERMINAL},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLook:
    """How a status is shown: never by colour alone."""

    label: str
    tone: str
    icon: str


LOOKS: Mapping[str, StatusLook] = {
    S.QUEUED: StatusLook(label="Queued", tone="queued", icon="circle"),
    S.RUNNING: StatusLook(label="Running", tone="running", icon="loader-circle"),
    S.WAITING: StatusLook(label="Waiting", tone="waiting", icon="pause"),
    S.SUCCEEDED: StatusLook(label="Succeeded", tone="succeeded", icon="check"),
    S.FAILED: StatusLook(label="Failed", tone="failed", icon="x"),
    S.CANCELLED: StatusLook(label="Cancelled", tone="cancelled", icon="square"),
    S.TIMED_OUT: StatusLook(label="Timed out", tone="timed-out", icon="clock"),
}


class Lane(models.TextChoices):
    """The queue by latency need, so that no bulk job starves a person."""

    INTERACTIVE = "interactive", "Interactive"
    WORKFLOW = "workflow", "Workflow"
    BATCH = "batch", "Batch"


class VersionStatus(models.TextChoices):
    """The life of one version; suspension is a switch of the agent beside it."""

    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    PUBLISHED = "published", "Published"
    DEPRECATED = "deprecated", "Deprecated"


V = VersionStatus
VERSION_TRANSITIONS: Mapping[str, frozenset[str]] = {
    V.DRAFT: frozenset({V.IN_REVIEW, V.PUBLISHED}),
    V.IN_REVIEW: frozenset({V.DRAFT, V.PUBLISHED}),
    V.PUBLISHED: frozenset({V.DEPRECATED}),
    V.DEPRECATED: frozenset(),
}


class Risk(models.TextChoices):
    """What can go wrong when the result is used."""

    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


class Tier(models.TextChoices):
    """How much model an agent needs; a profile says which model that is today."""

    FAST = "fast", "Fast"
    STANDARD = "standard", "Standard"
    DEEP = "deep", "Deep"


class ErrorCode(models.TextChoices):
    """Why an execution failed (CONTRACT §4); the label is the sentence shown."""

    INVALID_INPUT = "invalid_input", "The input does not fit what the model accepts."
    POLICY_DENIED = "policy_denied", "The policy does not allow this run."
    BUDGET_EXCEEDED = "budget_exceeded", "The budget does not cover this run."
    RATE_LIMITED = "rate_limited", "Too many requests."
    LLM_ERROR = "llm_error", "The model's service answered with an error."
    LLM_TIMEOUT = "llm_timeout", "The model's service went silent."
    LLM_OVERLOADED = "llm_overloaded", "The model's service is overloaded."
    LLM_REFUSED = "llm_refused", "The model declined to answer."
    BAD_MODEL_OUTPUT = "bad_model_output", "The model's answer could not be used."
    ATTEMPTS_EXHAUSTED = "attempts_exhausted", "Every allowed attempt failed."
    DEADLINE_EXCEEDED = "deadline_exceeded", "The time allowed for this run is over."
    AGENT_SUSPENDED = "agent_suspended", "The agent was suspended."


class ErrorCause(models.TextChoices):
    """The last reason behind `attempts_exhausted`."""

    LLM_ERROR = "llm_error", "the model's service answered with an error"
    LLM_OVERLOADED = "llm_overloaded", "the model's service was overloaded"
    LLM_TIMEOUT = "llm_timeout", "the model's service went silent"
    WORKER_LOST = "worker_lost", "the worker was lost"
