"""How do agents do in practice? Figures as they were last measured."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from agents.models import AgentFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured of one agent (`AgentFigures`); None where nothing was."""

    runs: int = 0
    median_cost_usd: Decimal | None = None
    median_seconds: float | None = None
    users_7d: int | None = None
    quality: float | None = None
    rating_count: int = 0


FIELDS = tuple(Figures.__dataclass_fields__)


def figures_of(agent_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Figures]:
    """The figures of these agents, in one query."""
    rows = AgentFigures.objects.filter(agent_id__in=agent_ids)
    known = {
        row[0]: Figures(**dict(zip(FIELDS, row[1:], strict=True)))
        for row in rows.values_list("agent_id", *FIELDS)
    }
    return {key: known.get(key, Figures()) for key in agent_ids}
