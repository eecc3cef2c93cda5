"""What can go wrong with agents, for a caller to mend."""

from aiagents.common.errors import Conflict, NotFound


class AgentNotFound(NotFound):
    """There is no such agent."""


class VersionNotFound(NotFound):
    """This agent has no such version that can be run."""


class ExecutionNotFound(NotFound):
    """There is no such execution."""


class AlreadyOver(Conflict):
    """The execution is over."""

    code = "already_over"


class AlreadyCancelled(Conflict):
    """A cancel was asked for before."""

    code = "already_cancelled"
