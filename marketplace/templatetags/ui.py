"""How numbers, moments and statuses are written on pages."""

from django import template
from django.http import QueryDict

from accounts.choices import Role
from agents.choices import BATCH_LOOKS, LOOKS, Risk, StatusLook, Tier
from marketplace.forms import from_bound
from marketplace.rendering.figures import (
    day,
    duration,
    iso,
    label_of,
    moment,
    money,
    tokens,
    words,
)

register = template.Library()

ALL_LOOKS = {**BATCH_LOOKS, **LOOKS}
FALLBACK_LOOK = StatusLook(label="Unknown", tone="queued", icon="circle")


register.filter("as_field", from_bound)
register.filter(day)
register.filter(duration)
register.filter(iso)
register.filter(label_of)
register.filter(moment)
register.filter(money)
register.filter(tokens)
register.filter(words)


@register.filter
def look(status: str) -> StatusLook:
    """Label, tone and icon of a status, of a run or a batch: what both have looks alike."""
    return ALL_LOOKS.get(status, FALLBACK_LOOK)


@register.filter
def risk_label(risk: str) -> str:
    """The word for a risk class."""
    return f"{Risk(risk).label} risk" if risk in Risk.values else ""


@register.filter
def role_label(role: str) -> str:
    """The word for a role in a team; a dash for none."""
    return str(Role(role).label) if role in Role.values else "—"


@register.filter
def tier_label(tier: str) -> str:
    """The word for a model tier."""
    return f"{Tier(tier).label} model" if tier in Tier.values else ""


@register.filter
def with_sign(value: str) -> str:
    """A query string with its question mark, or nothing."""
    return f"?{value}" if value else "."


@register.simple_tag
def query(params: QueryDict, **changes: object) -> str:
    """The query string with some values changed; None or '' removes. Paging starts over."""
    copy = params.copy()
    copy.pop("page", None)
    for key, value in changes.items():
        if value in (None, ""):
            copy.pop(key, None)
        else:
            copy[key] = str(value)
    return with_sign(copy.urlencode())
