"""Is there room for one more run in the queue?

A queue without a bound turns an overload into hours of waiting that nobody asked for. The
bound of a team is its own doing (429); that of an agent, counted over all teams, may be a
stranger's or a hanging agent's (503).
"""

import uuid

from django.conf import settings

from agents import selectors
from agents.errors import AgentQueueFull, TeamQueueFull
from agents.models import Agent

#: When it is worth asking again, in seconds.
RETRY_AFTER_S = 30


def check_queue_has_room(agent: Agent, *, team_id: uuid.UUID) -> None:
    """Raises TeamQueueFull or AgentQueueFull, with what to do instead."""
    counts = selectors.queued_counts()
    of_team = counts.by_team[team_id]
    if of_team >= settings.TEAM_MAX_QUEUED:
        raise TeamQueueFull(
            f"{of_team} runs of your team are waiting, and {settings.TEAM_MAX_QUEUED} may. "
            "Wait until some have begun, cancel some, or send many inputs as one batch "
            "(POST /batches), which waits outside the queue.",
            retry_after_s=RETRY_AFTER_S,
        )
    of_agent = counts.by_agent[agent.id]
    if of_agent >= settings.AGENT_MAX_QUEUED:
        raise AgentQueueFull(
            f"{of_agent} runs of agent '{agent.slug}' are waiting, of all teams, and "
            f"{settings.AGENT_MAX_QUEUED} may. Try again later, or choose another agent.",
            retry_after_s=RETRY_AFTER_S,
        )


def room_for_team(team_id: uuid.UUID) -> int:
    """How many more runs the team may queue."""
    return max(settings.TEAM_MAX_QUEUED - selectors.queued_counts().by_team[team_id], 0)
