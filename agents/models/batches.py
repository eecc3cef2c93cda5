"""Many inputs for one agent, run a bounded number at a time."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from agents.choices import (
    BATCH_OVER_VALUES,
    BatchMode,
    BatchStatus,
    ItemState,
    PauseReason,
    ShipmentStatus,
)
from agents.models.catalogue import Agent, AgentVersion
from agents.models.executions import Execution
from agents.querysets import BatchQuerySet, ItemQuerySet, ShipmentQuerySet
from aiagents.common.models import UUIDModel


class Batch(UUIDModel):
    """The rows of one file. Each becomes an ordinary execution when its turn comes."""

    # --- whose it is ---
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.PROTECT, related_name="+"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    api_key = models.ForeignKey(
        "accounts.ApiKey", on_delete=models.SET_NULL, null=True, related_name="+"
    )

    # --- what is asked ---
    name = models.CharField(max_length=100, blank=True)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="batches")
    version = models.ForeignKey(
        AgentVersion, on_delete=models.PROTECT, related_name="+"
    )
    mode = models.CharField(
        max_length=16, choices=BatchMode, default=BatchMode.EXECUTIONS
    )
    #: The throttle: rows queued or running at once. The provider's service has its own.
    max_in_flight = models.PositiveIntegerField()
    policy_decision = models.UUIDField(null=True)

    # --- where it stands ---
    status = models.CharField(
        max_length=12, choices=BatchStatus, default=BatchStatus.RUNNING
    )
    pause_reason = models.CharField(max_length=20, choices=PauseReason, blank=True)
    #: What the other side said, where it was not a person who paused.
    pause_detail = models.CharField(max_length=300, blank=True)

    # --- what came of it: rows that are counted; `selectors` add those under way ---
    row_count = models.PositiveIntegerField()
    succeeded_count = models.PositiveIntegerField(default=0)
    failed_count = models.PositiveIntegerField(default=0)
    cancelled_count = models.PositiveIntegerField(default=0)
    timed_out_count = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=6, default=Decimal(0))
    #: Rows of the file that did not pass the form and were left out, and what was wrong.
    skipped_count = models.PositiveIntegerField(default=0)
    skipped: Any = models.JSONField(default=list)

    # --- when ---
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "batches"
        constraints = (
            models.CheckConstraint(
                condition=(
                    Q(status__in=BATCH_OVER_VALUES, finished_at__isnull=False)
                    | (~Q(status__in=BATCH_OVER_VALUES) & Q(finished_at=None))
                ),
                name="batch_over_iff_finished",
            ),
            models.CheckConstraint(
                condition=Q(status="paused") | Q(pause_reason=""),
                name="batch_pause_reason_only_when_paused",
            ),
        )
        indexes = (
            models.Index(fields=["team", "-created_at", "-id"], name="batch_of_team"),
            models.Index(
                fields=["id"], name="batch_unfinished", condition=Q(finished_at=None)
            ),
        )

    def __str__(self) -> str:
        return self.name or f"{self.row_count} rows"

    @property
    def is_over(self) -> bool:
        """Whether the status is final."""
        return self.status in BATCH_OVER_VALUES

    @property
    def counted(self) -> int:
        """Rows whose end is in the figures."""
        return (
            self.succeeded_count
            + self.failed_count
            + self.cancelled_count
            + self.timed_out_count
        )


class Shipment(UUIDModel):
    """A part of a batch in the hands of the provider's batch service."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="shipments")
    status = models.CharField(
        max_length=10, choices=ShipmentStatus, default=ShipmentStatus.PREPARED
    )
    #: The provider's name for it, stored before anybody asks how it goes.
    provider_id = models.CharField(max_length=100, blank=True)
    #: Digest of the API key that sent it: only that one may read the results.
    key_digest = models.CharField(max_length=16, blank=True)
    row_count = models.PositiveIntegerField()
    #: Asks to the provider that failed, in a row.
    failures = models.PositiveIntegerField(default=0)
    #: When somebody should look at it again; a look claims it for a while.
    due_at = models.DateTimeField()
    cancel_sent_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    objects = ShipmentQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=~Q(status="sent", provider_id=""),
                name="shipment_sent_has_provider_id",
            ),
        )
        indexes = (
            models.Index(
                fields=["due_at"], name="shipment_open", condition=Q(closed_at=None)
            ),
        )

    def __str__(self) -> str:
        return self.provider_id or f"{self.row_count} rows"


class BatchItem(UUIDModel):
    """One row of a batch."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items")
    #: From 1, in the order of the file.
    position = models.PositiveIntegerField()
    #: Where the row begins in the file, as an editor counts.
    line = models.PositiveIntegerField()
    inputs: Any = models.JSONField()
    state = models.CharField(max_length=8, choices=ItemState, default=ItemState.PENDING)
    execution = models.OneToOneField(
        Execution, on_delete=models.PROTECT, null=True, related_name="batch_item"
    )
    shipment = models.ForeignKey(
        Shipment, on_delete=models.SET_NULL, null=True, related_name="items"
    )

    objects = ItemQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["batch", "position"], name="batch_position_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "dropped"])
                | Q(execution__isnull=False),
                name="batch_item_started_has_execution",
            ),
        )
        indexes = (
            models.Index(
                fields=["batch", "state", "position"],
                name="batch_item_open",
                condition=Q(state__in=["pending", "started"]),
            ),
        )

    def __str__(self) -> str:
        return f"row {self.position} of {self.batch_id}"
