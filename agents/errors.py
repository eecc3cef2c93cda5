"""What can go wrong with agents, for a caller to mend."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aiagents.common.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
)


class AgentNotFound(NotFound):
    """There is no such agent."""


class VersionNotFound(NotFound):
    """This agent has no such version that can be run."""


class CategoryNotFound(NotFound):
    """There is no such category."""


class ExecutionNotFound(NotFound):
    """There is no such execution."""


class AlreadyOver(Conflict):
    """The execution is over."""

    code = "already_over"


class AlreadyCancelled(Conflict):
    """A cancel was asked for before."""

    code = "already_cancelled"


class BatchNotFound(NotFound):
    """There is no such batch."""


class BatchOver(Conflict):
    """The batch is over."""

    code = "already_over"


class TeamQueueFull(RateLimited):
    """Too many runs of your team are waiting."""

    code = "queue_full"


class AgentQueueFull(Unavailable):
    """Too many runs of this agent are waiting."""

    code = "queue_full"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """What is wrong with one field of one row of a file."""

    #: As an editor counts, from 1; the first of the row where it takes several.
    line: int
    #: The key of the form; empty when the row as a whole cannot be read.
    field: str
    reason: str


class BadRows(InvalidInput):
    """Rows of a file do not pass the agent's form."""

    code = "bad_rows"
    #: So many are named; a file that is wrong throughout needs no more.
    MAX_NAMED = 500

    def __init__(
        self, bad: Sequence[BadRow], *, bad_count: int, row_count: int
    ) -> None:
        """`bad` names fields of `bad_count` rows out of `row_count`."""
        sentence = f"{bad_count} of {row_count} rows do not pass the agent's form"
        first = bad[0]
        where = f"line {first.line}" + (f", '{first.field}'" if first.field else "")
        message = (
            f"{sentence} (first: {where}: {first.reason}) Nothing was started. Correct "
            "them, or send 'skip_bad_rows' to run the others."
        )
        super().__init__(message, errors={"rows": [f"{sentence}."]})
        self.extra: dict[str, Any] = {
            "row_count": row_count,
            "bad_row_count": bad_count,
            "bad_rows": [asdict(one) for one in bad[: self.MAX_NAMED]],
        }
