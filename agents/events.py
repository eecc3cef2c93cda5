"""What happens to agents and executions, as told to the outside."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from agents.choices import ExecutionStatus
from aiagents.common.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class _ExecutionEvent(Event):
    """What every execution event tells besides its name."""

    aggregate: ClassVar[str] = "execution"

    agent: str
    agent_version: int
    lane: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionQueued(_ExecutionEvent):
    """A run was asked for and accepted."""

    name: ClassVar[str] = "execution.queued"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStarted(_ExecutionEvent):
    """A worker has claimed it; once per attempt."""

    name: ClassVar[str] = "execution.started"


@dataclass(frozen=True, slots=True, kw_only=True)
class _ExecutionEnded(_ExecutionEvent):
    """The figures of a finished run."""

    category: str
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: Decimal
    duration_ms: int
    error_code: str = ""
    error_cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSucceeded(_ExecutionEnded):
    """The model finished and the answer is stored."""

    name: ClassVar[str] = "execution.succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFailed(_ExecutionEnded):
    """No usable answer came, and no further attempt will be made."""

    name: ClassVar[str] = "execution.failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionCancelled(_ExecutionEnded):
    """Somebody stopped it."""

    name: ClassVar[str] = "execution.cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionTimedOut(_ExecutionEnded):
    """Its deadline passed."""

    name: ClassVar[str] = "execution.timed_out"


ENDED_BY_STATUS: dict[str, type[_ExecutionEnded]] = {
    ExecutionStatus.SUCCEEDED: ExecutionSucceeded,
    ExecutionStatus.FAILED: ExecutionFailed,
    ExecutionStatus.CANCELLED: ExecutionCancelled,
    ExecutionStatus.TIMED_OUT: ExecutionTimedOut,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _BatchEvent(Event):
    """What every event of a batch tells besides its name."""

    aggregate: ClassVar[str] = "batch"

    agent: str
    agent_version: int
    mode: str
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCreated(_BatchEvent):
    """Many inputs for one agent were accepted."""

    name: ClassVar[str] = "batch.created"

    skipped_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPaused(_BatchEvent):
    """No more rows are started until it is resumed."""

    name: ClassVar[str] = "batch.paused"

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResumed(_BatchEvent):
    """Rows are started again."""

    name: ClassVar[str] = "batch.resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _BatchEnded(_BatchEvent):
    """The figures of a batch that is over."""

    succeeded_count: int
    failed_count: int
    cancelled_count: int
    timed_out_count: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFinished(_BatchEnded):
    """Every row is over."""

    name: ClassVar[str] = "batch.finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCancelled(_BatchEnded):
    """Somebody stopped it, and nothing of it goes on."""

    name: ClassVar[str] = "batch.cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class _AgentEvent(Event):
    """What every event of an agent tells besides its name."""

    aggregate: ClassVar[str] = "agent"

    agent: str
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPublished(_AgentEvent):
    """A version became the one that runs."""

    name: ClassVar[str] = "agent.published"

    agent_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSuspended(_AgentEvent):
    """New runs are refused until it is resumed."""

    name: ClassVar[str] = "agent.suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentResumed(_AgentEvent):
    """New runs are accepted again."""

    name: ClassVar[str] = "agent.resumed"
