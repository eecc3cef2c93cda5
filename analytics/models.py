"""The event log, which is also the outbox."""

from typing import Any

from django.db import models

from aiagents.common.models import UUIDModel
from analytics.querysets import EventQuerySet


class Event(UUIDModel):
    """Something that happened to one aggregate; written with it, never changed.

    `published_at` is the outbox's mark: the relay takes rows without it.
    """

    aggregate = models.CharField(max_length=20)
    aggregate_id = models.UUIDField()
    #: Rises by one per aggregate; taken while its row is locked.
    sequence = models.PositiveIntegerField()
    type = models.CharField(max_length=60)
    version = models.PositiveSmallIntegerField(default=1)
    time = models.DateTimeField()
    team_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True)
    data: Any = models.JSONField(default=dict)
    published_at = models.DateTimeField(null=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["aggregate_id", "sequence"], name="event_sequence_once"
            ),
        )
        indexes = (
            models.Index(fields=["team_id", "-time", "-id"], name="event_of_team"),
            models.Index(
                fields=["id"],
                name="event_unpublished",
                condition=models.Q(published_at=None),
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} #{self.sequence}"


class Watermark(models.Model):
    """How far a projection has read."""

    name = models.CharField(max_length=40, primary_key=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.until}"
