"""The closed lists of accounts."""

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


class Scope(models.TextChoices):
    """What an API key may do."""

    AGENTS_READ = "agents:read", "Read the catalogue"
    EXECUTIONS_RUN = "executions:run", "Run agents"
    EXECUTIONS_READ = "executions:read", "Read executions"
    WORKFLOWS_RUN = "workflows:run", "Run workflows"
    WORKFLOWS_WRITE = "workflows:write", "Change workflows"
    ANALYTICS_READ = "analytics:read", "Read figures"
