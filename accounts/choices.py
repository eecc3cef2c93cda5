"""The closed lists of accounts."""

from collections.abc import Mapping

from django.db import models


class TeamKind(models.TextChoices):
    """Why a team exists."""

    PERSONAL = "personal", "Personal"
    SHARED = "shared", "Shared"


class Role(models.TextChoices):
    """What a member is to a team; the names of the architecture document's roles data."""

    ADMIN = "admin", "Administrator"
    CURATOR = "curator", "Curator"
    DEVELOPER = "developer", "Developer"
    AGENT_OPERATOR = "agent_operator", "Agent operator"
    USER = "user", "User"
    FINANCE = "finance", "Finance and legal"
    HR = "hr", "People"
    SALES = "sales", "Sales and marketing"
    SUPPORT = "support", "Customer support"


class DataClass(models.TextChoices):
    """How a caller marks the data of a run (`metadata.data_class`); the policy looks at it."""

    PUBLIC = "public", "Public"
    INTERNAL = "internal", "Internal"
    CONFIDENTIAL = "confidential", "Confidential"
    RESTRICTED = "restricted", "Restricted"


class BudgetScope(models.TextChoices):
    """Whose spending a budget limits."""

    TEAM = "team", "The team"
    USER = "user", "A person in the team"
    API_KEY = "api_key", "An API key"
    AGENT = "agent", "An agent"
    WORKFLOW_RUN = "workflow_run", "A workflow run"


class BudgetPeriod(models.TextChoices):
    """How often a budget begins anew; days and months are of UTC."""

    DAY = "day", "A day"
    MONTH = "month", "A month"
    ONCE = "once", "Once"


class Scope(models.TextChoices):
    """What an API key may do."""

    AGENTS_READ = "agents:read", "Read the catalogue"
    EXECUTIONS_RUN = "executions:run", "Run agents"
    EXECUTIONS_READ = "executions:read", "Read executions"
    WORKFLOWS_RUN = "workflows:run", "Run workflows"
    WORKFLOWS_WRITE = "workflows:write", "Change workflows"
    ANALYTICS_READ = "analytics:read", "Read figures"


class AuditAction(models.TextChoices):
    """What the audit keeps; each names what it was done to, and details by `AUDIT_DETAILS`."""

    REGISTERED = "user.registered", "Account made"
    SIGNED_IN = "user.signed_in", "Signed in"
    SIGN_IN_FAILED = "user.sign_in_failed", "Sign-in failed"
    SIGNED_OUT = "user.signed_out", "Signed out"
    TOKEN_REUSED = "user.token_reused", "Spent refresh token used"
    PASSWORD_CHANGED = "user.password_changed", "Password changed"
    DISABLED = "user.disabled", "Account disabled"
    ENABLED = "user.enabled", "Account enabled"
    TEAM_CREATED = "team.created", "Team made"
    MEMBERSHIP_SET = "membership.set", "Role given"
    MEMBERSHIP_REMOVED = "membership.removed", "Taken out of a team"
    GRANT_CHANGED = "grant.changed", "Grant changed"
    KEY_CREATED = "key.created", "API key made"
    KEY_USED = "key.used", "API key used"
    KEY_REVOKED = "key.revoked", "API key revoked"
    POLICY_DENIED = "policy.denied", "Denied by policy"
    AGENT_PUBLISHED = "agent.published", "Agent version published"
    AGENT_SUSPENDED = "agent.suspended", "Agent suspended"
    AGENT_RESUMED = "agent.resumed", "Agent resumed"
    MODEL_CHANGED = "model.changed", "Model of a tier changed"
    PRICE_ADDED = "price.added", "Price added"
    BUDGET_CHANGED = "budget.changed", "Budget changed"
    EXPORTED = "data.exported", "Data exported"


#: Which details an action may carry. A list, so that no prompt, output or secret slips in.
AUDIT_DETAILS: Mapping[str, frozenset[str]] = {
    AuditAction.REGISTERED: frozenset({"is_superuser"}),
    AuditAction.SIGNED_IN: frozenset({"address", "kind"}),
    AuditAction.SIGN_IN_FAILED: frozenset({"address", "cause"}),
    AuditAction.SIGNED_OUT: frozenset({"kind"}),
    AuditAction.PASSWORD_CHANGED: frozenset({"kind"}),
    AuditAction.MEMBERSHIP_SET: frozenset({"role", "role_before"}),
    AuditAction.MEMBERSHIP_REMOVED: frozenset({"role_before"}),
    AuditAction.GRANT_CHANGED: frozenset({"grantee", "permission", "is_granted"}),
    AuditAction.KEY_CREATED: frozenset({"prefix", "scopes", "expires_at"}),
    AuditAction.KEY_USED: frozenset({"prefix"}),
    AuditAction.KEY_REVOKED: frozenset({"prefix"}),
    AuditAction.POLICY_DENIED: frozenset({
        "decision", "input_digest", "revision", "reasons", "category", "risk", "lane",
        "data_class", "roles", "scopes", "is_suspended",
    }),
    AuditAction.AGENT_PUBLISHED: frozenset({"version", "digest"}),
    AuditAction.MODEL_CHANGED: frozenset({"model_id", "effort", "max_tokens"}),
    AuditAction.PRICE_ADDED: frozenset({"model_id", "input_usd", "output_usd"}),
    AuditAction.BUDGET_CHANGED: frozenset({
        "budget", "period", "limit_usd", "limit_before_usd",
    }),
    AuditAction.EXPORTED: frozenset({"kind", "format", "rows", "since", "until"}),
}  # fmt: skip
