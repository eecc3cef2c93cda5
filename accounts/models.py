"""Users, teams, keys, and what makes a request happen once."""

from decimal import Decimal
from typing import Any, ClassVar, NoReturn

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from accounts.choices import BudgetPeriod, BudgetScope, Role, TeamKind
from accounts.querysets import (
    ApiKeyQuerySet,
    AuditQuerySet,
    BudgetQuerySet,
    IdempotencyQuerySet,
    InvitationQuerySet,
    TeamQuerySet,
)
from aiagents.common.models import UUIDModel

USERNAME_PATTERN = r"^[A-Za-z0-9_.-]{3,50}\Z"


class User(UUIDModel, AbstractUser):
    """A person. Names differ by more than case."""

    username = models.CharField(
        max_length=50, unique=True, validators=[RegexValidator(USERNAME_PATTERN)]
    )
    first_name = None  # type: ignore[assignment] # one display name is enough
    last_name = None  # type: ignore[assignment]
    display_name = models.CharField(max_length=100, blank=True)
    email = models.EmailField(blank=True)
    #: Raised to end every token at once: password change, disabling, loss of a role.
    token_version = models.PositiveIntegerField(default=0)

    objects = UserManager()  # type: ignore[misc] # as Django documents it

    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = (
            models.UniqueConstraint(Lower("username"), name="user_username_any_case"),
        )

    def get_session_auth_hash(self) -> str:
        """What a session must match: a new password or token version ends every session."""
        secret = f"{self.password}:{self.token_version}"
        return salted_hmac("accounts.session", secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        """The name to show."""
        return self.display_name or self.username

    def get_short_name(self) -> str:
        """The name to show where there is little room."""
        return self.username


class Team(UUIDModel):
    """A tenant: it owns executions, keys and spending."""

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=TeamKind, default=TeamKind.SHARED)
    created_at = models.DateTimeField()
    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(
        User, through="Membership", related_name="teams"
    )

    objects = TeamQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Membership(UUIDModel):
    """A person in a team, with a role."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role, default=Role.USER)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["team", "user"], name="membership_once"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} in {self.team_id} as {self.role}"


class Invitation(UUIDModel):
    """An address that may join a team; the link is kept as a digest."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    #: In lower case.
    email = models.EmailField()
    role = models.CharField(max_length=20, choices=Role, default=Role.USER)
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="invitations_sent"
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(revoked_at=None),
                name="invitation_used_or_withdrawn",
            ),
        )

    def __str__(self) -> str:
        return f"invitation into {self.team_id} as {self.role}"


class ApiKey(UUIDModel):
    """A program's credential: shown once, kept as a digest."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="api_keys")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    scopes: Any = models.JSONField(default=list)
    rate_limit = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"


class RevokedToken(models.Model):
    """An access token that was ended before its time."""

    jti = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.jti


class RefreshToken(UUIDModel):
    """One link of a chain of refresh tokens; using a spent link ends the chain."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="refresh_tokens"
    )
    family = models.UUIDField(db_index=True)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"refresh token of {self.user_id}"


class BrowserSession(UUIDModel):
    """A browser that is signed in; Django's own row of the key holds what the session holds."""

    #: Where a session's own data says which row this is, and when its use was last noted.
    ID_FIELD: ClassVar[str] = "browser_session"
    SEEN_FIELD: ClassVar[str] = "browser_session_seen_at"

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="browser_sessions"
    )
    session_key = models.CharField(max_length=40, unique=True)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    address = models.CharField(max_length=64, blank=True)
    #: What the browser calls itself.
    agent = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"session of {self.user_id}"


class IdempotencyRecord(UUIDModel):
    """The answer to a creating request, so that its repetition gets the same one."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    principal = models.CharField(max_length=64)
    route = models.CharField(max_length=120)
    key = models.CharField(max_length=255)
    body_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body: Any = models.JSONField()
    headers: Any = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_index=True)

    objects = IdempotencyQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["team", "principal", "route", "key"], name="idempotency_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.route} {self.key}"


class AuditEntry(UUIDModel):
    """Who did what, when: written with the deed, never changed, chained to the one before.

    No foreign keys: an entry outlives what it tells of. On PostgreSQL a trigger refuses every
    change, and `manage.py verify_audit` finds one that was made all the same.
    """

    #: The team whose chain this is; the nil UUID for what belongs to no team.
    chain = models.UUIDField()
    #: 1, 2, 3, … in its chain.
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    #: Who did it; None for the platform itself, and for nobody known.
    user_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField(null=True)
    #: One of `AuditAction`; not as choices, for a new one is no change of the table.
    action = models.CharField(max_length=40)
    #: What it was done to, as `kind:id`.
    target = models.CharField(max_length=120)
    details: Any = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    #: SHA-256 of the other columns as canonical JSON, `previous_hash` among them.
    hash = models.CharField(max_length=64)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = (
            models.UniqueConstraint(fields=["chain", "sequence"], name="audit_once"),
        )
        indexes = (
            models.Index(fields=["-at", "-id"], name="audit_newest"),
            models.Index(fields=["action", "-at", "-id"], name="audit_of_action"),
        )

    def __str__(self) -> str:
        return f"{self.action} #{self.sequence} of {self.chain}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Written once, by the service. Raises TypeError for a change."""
        if not self._state.adding:
            raise TypeError("Audit entries are never changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise TypeError("Audit entries are never deleted.")


class AuditHead(models.Model):
    """The last entry of a chain. Its row is the lock under which a chain grows."""

    chain = models.UUIDField(primary_key=True)
    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)
    #: Made with SECRET_KEY: whoever has the database alone cannot write another head.
    signature = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.chain} at {self.sequence}"


class Budget(UUIDModel):
    """What a team lets somebody or something spend in a day or a month."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="budgets")
    scope = models.CharField(max_length=12, choices=BudgetScope)
    #: The team's, person's, key's, agent's or workflow run's id.
    subject_id = models.UUIDField()
    period = models.CharField(max_length=8, choices=BudgetPeriod)
    #: None: DEFAULT_MONTHLY_BUDGET_USD, whatever that is now.
    limit_usd = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    created_at = models.DateTimeField()

    objects = BudgetQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["team", "scope", "subject_id", "period"], name="budget_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_scope_display()}, {self.get_period_display().lower()}"


class BudgetUsage(UUIDModel):
    """What was spent, and set aside for runs under way, in one period of a budget."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="usages")
    starts_at = models.DateTimeField()
    used_usd = models.DecimalField(max_digits=14, decimal_places=6, default=Decimal(0))
    reserved_usd = models.DecimalField(
        max_digits=14, decimal_places=6, default=Decimal(0)
    )
    #: The highest of the thresholds that was told.
    alerted_percent = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["budget", "starts_at"], name="usage_once"),
        )

    def __str__(self) -> str:
        return f"{self.used_usd} from {self.starts_at:%Y-%m-%d}"
