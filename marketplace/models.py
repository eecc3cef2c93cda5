"""What people think of agents, apart from running them."""

from django.conf import settings
from django.db import models

from aiagents.common.models import UUIDModel


class Favourite(UUIDModel):
    """An agent that a person keeps at hand."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="favourites"
    )
    agent = models.ForeignKey(
        "agents.Agent", on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "agent"], name="favourite_once"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} keeps {self.agent_id}"
