"""Teams, who is in them and who is invited."""

import datetime as dt

from django.db.models import Count, OuterRef, QuerySet, Subquery

from accounts import tokens
from accounts.models import Invitation, Membership, Team
from accounts.permissions import can_manage_accounts
from aiagents.common.errors import NotFound
from aiagents.common.ids import parse_id
from aiagents.common.principals import Principal


def list_teams(by: Principal) -> QuerySet[Team]:
    """The principal's own teams with `member_count` and `own_role`, the oldest first."""
    own = Membership.objects.filter(team_id=OuterRef("id"), user_id=by.user_id)
    teams = Team.objects.visible_to(by).annotate(
        member_count=Count("memberships"), own_role=Subquery(own.values("role")[:1])
    )
    return teams.order_by("created_at", "id")


def get_team(team_id: object, *, by: Principal) -> Team:
    """One of `by`'s teams; any shared one for administrators. Raises NotFound."""
    key = parse_id(team_id)
    own = Team.objects.visible_to(by)
    teams = own | Team.objects.shared() if can_manage_accounts(by) else own
    team = teams.filter(id=key).first() if key else None
    if team is None:
        raise NotFound
    return team


def list_members(team: Team) -> QuerySet[Membership]:
    """Who is in the team, in the order of joining."""
    members = Membership.objects.filter(team=team).select_related("user")
    return members.order_by("created_at", "id")


def list_open_invitations(team: Team, *, now: dt.datetime) -> QuerySet[Invitation]:
    """Who was invited and has not come yet, the newest first."""
    rows = Invitation.objects.open(now).filter(team=team)
    return rows.select_related("invited_by").order_by("-created_at", "-id")


def find_open_invitation(token: str, *, now: dt.datetime) -> Invitation | None:
    """The invitation that this link opens, if it still does."""
    rows = Invitation.objects.open(now).filter(digest=tokens.digest(token))
    return rows.select_related("team", "invited_by").first()
