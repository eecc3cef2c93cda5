"""Categories, topics, agents and their immutable versions."""

from typing import Any

from django.conf import settings
from django.db import models

from agents.choices import Risk, Tier, VersionStatus
from agents.querysets import AgentQuerySet, VersionQuerySet
from aiagents.common.models import UUIDModel


class Category(UUIDModel):
    """One of the 29 business categories."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    purpose = models.TextField()
    boundary = models.TextField(blank=True)
    #: The block that every prompt of the category shares.
    domain = models.TextField(blank=True)
    target = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Topic(UUIDModel):
    """A part of a category; its agents are siblings."""

    category = models.ForeignKey(
        Category, on_delete=models.CASCADE, related_name="topics"
    )
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=80)
    scope = models.TextField()
    glossary: Any = models.JSONField(default=list)
    quota = models.PositiveSmallIntegerField(default=0)
    min_risk = models.CharField(max_length=8, choices=Risk, default=Risk.LOW)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["category", "slug"], name="topic_in_category"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Agent(UUIDModel):
    """A job that can be run. What is listed is copied from the live version."""

    slug = models.SlugField(max_length=64, unique=True)
    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, related_name="agents"
    )
    topic = models.ForeignKey(Topic, on_delete=models.PROTECT, related_name="agents")
    #: The version that runs unless another is asked for; None until one is published.
    live_version = models.ForeignKey(
        "AgentVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    name = models.CharField(max_length=60)
    purpose = models.CharField(max_length=140)
    deliverable = models.CharField(max_length=140)
    description = models.TextField()
    tags: Any = models.JSONField(default=list)
    risk = models.CharField(max_length=8, choices=Risk)
    tier = models.CharField(max_length=10, choices=Tier)
    #: Its place in the topic's file.
    position = models.PositiveSmallIntegerField(default=0)
    #: Digest of the definition in the file this row was last loaded from; empty if none.
    file_digest = models.CharField(max_length=64, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=200, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    objects = AgentQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(fields=["category", "slug"], name="agent_by_category"),
            models.Index(fields=["name", "id"], name="agent_by_name"),
        )

    def __str__(self) -> str:
        return self.slug

    @property
    def live_number(self) -> int | None:
        """The number of the live version, which the caller has loaded; None without one."""
        return self.live_version.number if self.live_version else None

    @property
    def is_suspended(self) -> bool:
        """Whether new runs are refused."""
        return self.suspended_at is not None


class AgentVersion(UUIDModel):
    """One text of an agent. It never changes once it was submitted."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(
        max_length=12, choices=VersionStatus, default=VersionStatus.DRAFT
    )
    #: The definition as in agent.schema.json.
    definition: Any = models.JSONField()
    #: SHA-256 of the definition as canonical JSON.
    digest = models.CharField(max_length=64)
    note = models.CharField(max_length=200, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)

    objects = VersionQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["agent", "number"], name="version_number_once"
            ),
            models.CheckConstraint(
                condition=~models.Q(status=VersionStatus.PUBLISHED, published_at=None),
                name="version_published_has_moment",
            ),
        )

    def __str__(self) -> str:
        return f"version {self.number}"
