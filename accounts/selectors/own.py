"""What is a person's own: keys, sessions, and what they may know about themselves."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import ApiKey, BrowserSession, RefreshToken, Team, User
from accounts.selectors.budgets import BudgetState, own_budgets
from aiagents.common import clock
from aiagents.common.errors import NotFound
from aiagents.common.ids import parse_id
from aiagents.common.principals import Principal


def list_browser_sessions(by: Principal) -> QuerySet[BrowserSession]:
    """The browsers that `by` is signed in with, the last used first."""
    rows = BrowserSession.objects.filter(user_id=by.user_id)
    return rows.order_by("-seen_at", "-id")


def list_token_chains(by: Principal, *, now: dt.datetime) -> QuerySet[RefreshToken]:
    """The programs that `by` is signed in with: the unspent link of each chain."""
    links = RefreshToken.objects.filter(user_id=by.user_id, expires_at__gt=now)
    return links.filter(revoked_at=None, used_at=None).order_by("-created_at", "-id")


def list_api_keys(principal: Principal) -> QuerySet[ApiKey]:
    """The principal's keys that were not revoked, newest first."""
    return ApiKey.objects.visible_to(principal).order_by("-created_at", "-id")


def get_api_key(key_id: object, *, by: Principal) -> ApiKey:
    """One of `by`'s keys. Raises NotFound, also for a malformed or foreign id."""
    parsed = parse_id(key_id)
    key = ApiKey.objects.visible_to(by).filter(id=parsed).first() if parsed else None
    if key is None:
        raise NotFound
    return key


def has_password(by: Principal) -> bool:
    """Whether `by` can sign in by password here; not who came from another site only."""
    return User.objects.get(id=by.user_id).has_usable_password()


def me(principal: Principal) -> dict[str, Any]:
    """What a principal may know about itself.

    `{id, username, email, roles, teams: [{id, name, kind}], limits: {requests,
    window_seconds}, budget}`; `budget` is None when spending is not limited, else the tightest one as
    `{period, limit_usd, used_usd, reserved_usd, left_usd, resets_at}`.
    """
    user = User.objects.only("id", "email").get(id=principal.user_id)
    teams = Team.objects.visible_to(principal).order_by("created_at", "id")
    return {
        "id": str(principal.user_id),
        "username": principal.username,
        "email": user.email,
        "roles": sorted(principal.roles),
        "teams": [{"id": str(t.id), "name": t.name, "kind": t.kind} for t in teams],
        "limits": {
            "requests": settings.RATE_LIMIT_REQUESTS,
            "window_seconds": settings.RATE_LIMIT_WINDOW_SECONDS,
        },
        "budget": _tightest(own_budgets(principal, now=clock.now())),
    }


def _tightest(budgets: Sequence[BudgetState]) -> dict[str, Any] | None:
    if not budgets:
        return None
    least = min(budgets, key=lambda budget: budget.left_usd)
    money = ("limit_usd", "used_usd", "reserved_usd", "left_usd")
    amounts = {name: f"{getattr(least, name):.6f}" for name in money}
    return {"period": least.period, "resets_at": least.resets_at, **amounts}
