"""Everything that accounts keeps of one person, for that person to take away."""

from collections.abc import Iterable
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db.models import QuerySet

from accounts.models import (
    ApiKey,
    BrowserSession,
    Invitation,
    Membership,
    RefreshToken,
    User,
)
from aiagents.common.principals import Principal


def own_records(by: Principal) -> dict[str, Any]:
    """Lists of plain values by subject; digests and secrets are left out."""
    mine = {"user_id": by.user_id}
    return {
        "profile": _rows(
            User.objects.filter(id=by.user_id),
            ("id", "username", "display_name", "email", "date_joined", "last_login"),
        ),
        "teams": _rows(
            Membership.objects.filter(**mine),
            ("team_id", "team__name", "team__kind", "role", "created_at"),
        ),
        "invitations_sent": _rows(
            Invitation.objects.filter(invited_by_id=by.user_id),
            ("team_id", "email", "role", "created_at", "accepted_at", "revoked_at"),
        ),
        "api_keys": _rows(
            ApiKey.objects.filter(**mine),
            (
                "id",
                "name",
                "prefix",
                "team_id",
                "scopes",
                "created_at",
                "expires_at",
                "last_used_at",
                "revoked_at",
            ),
        ),
        "browser_sessions": _rows(
            BrowserSession.objects.filter(**mine),
            ("created_at", "seen_at", "address", "agent"),
        ),
        "program_sessions": _rows(
            RefreshToken.objects.filter(**mine),
            ("family", "created_at", "expires_at", "used_at", "revoked_at"),
        ),
        "second_factors": _rows(
            Authenticator.objects.filter(**mine), ("type", "created_at", "last_used_at")
        ),
        "other_sites": _rows(
            SocialAccount.objects.filter(**mine),
            ("provider", "uid", "extra_data", "date_joined", "last_login"),
        ),
    }


def _rows(rows: QuerySet[Any], fields: Iterable[str]) -> list[dict[str, Any]]:
    return list(rows.order_by("pk").values(*fields))
