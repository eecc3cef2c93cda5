"""Which events a principal may see."""

from typing import TYPE_CHECKING

from django.db import models

from aiagents.common.principals import Principal

if TYPE_CHECKING:
    from analytics.models import Event


class EventQuerySet(models.QuerySet["Event"]):
    """Events."""

    def visible_to(self, principal: Principal) -> "EventQuerySet":
        """Events of the principal's teams."""
        return self.filter(team_id__in=principal.team_ids)

    def unpublished(self) -> "EventQuerySet":
        """What the relay has still to send, oldest first."""
        return self.filter(published_at=None).order_by("id")
