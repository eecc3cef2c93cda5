"""Is every model still offered?"""

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.db import DatabaseError

from agents.models import ModelProfile

HINT = "Choose its successor in the admin, under model profiles."


@checks.register(checks.Tags.database)
def check_model_profiles(
    *, databases: Sequence[str] | None = None, **_: Any
) -> list[checks.CheckMessage]:
    """A warning for each tier whose model the SDK lists as deprecated."""
    if not databases:
        return []
    ends = _deprecated_models()
    return [
        checks.Warning(
            f"The model of the tier '{tier}', {model_id}, ends on {ends[model_id]}.",
            hint=HINT,
            obj=f"ModelProfile {tier}",
            id="agents.W001",
        )
        for tier, model_id in _profiles(databases[0])
        if model_id in ends
    ]


def _profiles(database: str) -> list[tuple[str, str]]:
    rows = ModelProfile.objects.using(database).order_by("tier")
    try:
        return list(rows.values_list("tier", "model_id"))
    except DatabaseError:
        # `migrate` checks before the table exists.
        return []


def _deprecated_models() -> dict[str, str]:
    # Here, because the SDK takes a second to import and few commands check the database.
    from anthropic.resources.messages.messages import DEPRECATED_MODELS

    return {str(model): str(end) for model, end in DEPRECATED_MODELS.items()}
