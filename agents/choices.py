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
    # Straight to succeeded only from a batch of the model's service, which runs elsewhere.
    S.WAITING: frozenset({S.QUEUED, *TERMINAL}),
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


class BatchMode(models.TextChoices):
    """How the rows of a batch are run."""

    #: As ordinary executions in the batch lane, a bounded number at once.
    EXECUTIONS = "executions", "Ordinary runs"
    #: By the batch service of the model's provider: slower, at half the price.
    PROVIDER_BATCH = "provider_batch", "Provider's batch service"


class BatchStatus(models.TextChoices):
    """Where a batch stands."""

    #: Rows are being started.
    RUNNING = "running", "Running"
    #: Rows that were started go on; no more are started.
    PAUSED = "paused", "Paused"
    #: No row is started any more; those under way are being stopped.
    CANCELLING = "cancelling", "Cancelling"
    CANCELLED = "cancelled", "Cancelled"
    #: Every row is over, whatever came of it.
    FINISHED = "finished", "Finished"


B = BatchStatus
BATCH_OVER = frozenset({B.CANCELLED, B.FINISHED})
BATCH_OVER_VALUES = sorted(status.value for status in BATCH_OVER)
BATCH_TRANSITIONS: Mapping[str, frozenset[str]] = {
    B.RUNNING: frozenset({B.PAUSED, B.CANCELLING, B.FINISHED}),
    B.PAUSED: frozenset({B.RUNNING, B.CANCELLING, B.FINISHED}),
    B.CANCELLING: frozenset({B.CANCELLED}),
    **{status: frozenset() for status in BATCH_OVER},
}
BATCH_LOOKS: Mapping[str, StatusLook] = {
    B.RUNNING: StatusLook(label="Running", tone="running", icon="loader-circle"),
    B.PAUSED: StatusLook(label="Paused", tone="waiting", icon="pause"),
    B.CANCELLING: StatusLook(label="Cancelling", tone="cancelled", icon="square"),
    B.CANCELLED: StatusLook(label="Cancelled", tone="cancelled", icon="square"),
    B.FINISHED: StatusLook(label="Finished", tone="succeeded", icon="check"),
}


class PauseReason(models.TextChoices):
    """Why a batch starts no rows; the label is the sentence shown."""

    PERSON = "person", "Somebody has paused it."
    POLICY_DENIED = "policy_denied", "The policy does not allow these runs any more."
    AGENT_SUSPENDED = "agent_suspended", "The agent was suspended or withdrawn."
    BUDGET_EXCEEDED = "budget_exceeded", "A budget does not cover the next row."
    REQUESTER_GONE = (
        "requester_gone",
        "The person or the API key that started it has no access any more.",
    )
    PROVIDER_REFUSED = (
        "provider_refused",
        "The model's service refuses every key, or has no batch service.",
    )


class ItemState(models.TextChoices):
    """Where a row of a batch stands; what came of it stands in its execution."""

    #: Nothing was done with it yet, or it is to be sent once more.
    PENDING = "pending", "Pending"
    #: Its execution is under way, or over and not counted yet.
    STARTED = "started", "Started"
    #: Its end is in the figures of the batch.
    COUNTED = "counted", "Counted"
    #: The batch was cancelled before it began.
    DROPPED = "dropped", "Dropped"


class ShipmentStatus(models.TextChoices):
    """Where a part of a batch stands that was handed to the provider's batch service."""

    #: To be handed over; perhaps it was, and its id was lost with the process.
    PREPARED = "prepared", "Prepared"
    #: The provider has it, under the stored id.
    SENT = "sent", "Sent"
    #: Every row's result is stored, or the part was given up.
    CLOSED = "closed", "Closed"


H = ShipmentStatus
SHIPMENT_TRANSITIONS: Mapping[str, frozenset[str]] = {
    H.PREPARED: frozenset({H.SENT, H.CLOSED}),
    H.SENT: frozenset({H.CLOSED}),
    H.CLOSED: frozenset(),
}


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


class EvalStop(models.TextChoices):
    """Why a run of evals ended before its last sample."""

    BUDGET = "budget", "The next call might have passed the budget."
    UNPRICED = "unpriced", "A model has no price, so the budget could not be kept."
    KEY_REFUSED = "key_refused", "The model's service accepts none of the keys."
    INTERRUPTED = "interrupted", "It was interrupted."
