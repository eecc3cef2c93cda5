"""A person's teams: who is in them, who is invited, joining and leaving."""

from collections.abc import Mapping, Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
)

from accounts import permissions
from accounts import selectors as account_selectors
from accounts import services as account_services
from accounts.choices import Role
from accounts.models import Team, User
from aiagents.common import clock
from aiagents.common.errors import Conflict, InvalidInput, NotAllowed
from aiagents.common.principals import Principal
from marketplace import forms
from marketplace.forms import FormField, Option
from marketplace.pages.access import find_principal, page, principal_of
from marketplace.pages.auth import renew_session

Errors = Mapping[str, Sequence[str]]


@require_http_methods(["GET", "HEAD", "POST"])
@page
def team_list(request: HttpRequest) -> HttpResponse:
    """The person's teams; administrators make one by a POST."""
    by = principal_of(request)
    errors: Errors = {}
    if request.method == "POST":
        try:
            name, now = request.POST.get("name", ""), clock.now()
            team = account_services.create_team(name=name, by=by, now=now, joins=True)
            return redirect("marketplace:team", team.id)
        except InvalidInput as error:
            errors = error.errors
    field = FormField(name="name", label="Name", is_required=True)
    context = {
        "teams": list(account_selectors.list_teams(by)),
        "can_create": permissions.can_manage_accounts(by),
        "fields": forms.with_errors([field], errors),
    }
    return render(request, "account/teams.html", context, status=400 if errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def team(request: HttpRequest, team_id: str) -> HttpResponse:
    """Who is in a team; a POST invites somebody, whose link is shown in the answer only."""
    by = principal_of(request)
    found = account_selectors.get_team(team_id, by=by)
    if request.method != "POST":
        return _team_page(request, found, by)
    try:
        new = account_services.invite(
            team_id=found.id,
            email=request.POST.get("email", ""),
            role=request.POST.get("role", ""),
            origin=request.build_absolute_uri("/").rstrip("/"),
            by=by,
            now=clock.now(),
        )
    except InvalidInput as error:
        return _team_page(request, found, by, errors=error.errors)
    except Conflict as error:
        return _team_page(request, found, by, errors={"email": [error.message]})
    return _team_page(request, found, by, link=new.link, invited=new.row.email)


@require_POST
@page
def change_role(request: HttpRequest, team_id: str, user_id: str) -> HttpResponse:
    """Give a member another role."""
    by = principal_of(request)
    account_services.change_role(
        team_id=team_id,
        user_id=user_id,
        role=request.POST.get("role", ""),
        by=by,
        now=clock.now(),
    )
    return _onward(request, by, team_id=team_id, user_id=user_id)


@require_POST
@page
def remove_member(request: HttpRequest, team_id: str, user_id: str) -> HttpResponse:
    """Take a member out, or leave."""
    by = principal_of(request)
    account_services.remove_member(
        team_id=team_id, user_id=user_id, by=by, now=clock.now()
    )
    return _onward(request, by, team_id=team_id, user_id=user_id)


@require_POST
@page
def revoke_invitation(
    request: HttpRequest, team_id: str, invitation_id: str
) -> HttpResponse:
    """Withdraw an invitation."""
    account_services.revoke_invitation(
        team_id=team_id,
        invitation_id=invitation_id,
        by=principal_of(request),
        now=clock.now(),
    )
    return redirect("marketplace:team", team_id)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def join(request: HttpRequest, token: str) -> HttpResponse:
    """What an invitation's link opens; a POST accepts it."""
    invitation = account_selectors.find_open_invitation(token, now=clock.now())
    refusal = ""
    if request.method == "POST":
        by = principal_of(request)
        try:
            joined = account_services.accept_invitation(
                token=token, by=by, now=clock.now()
            )
            return redirect("marketplace:team", joined.team_id)
        except (NotAllowed, Conflict) as error:
            refusal = error.message
    context = {
        "invitation": invitation,
        "role": Role(invitation.role).label if invitation else "",
        "is_signed_in": find_principal(request) is not None,
        "refusal": refusal,
    }
    status = 404 if invitation is None else 403 if refusal else 200
    return render(request, "join.html", context, status=status)


def _onward(
    request: HttpRequest, by: Principal, *, team_id: str, user_id: str
) -> HttpResponse:
    """Back to the team; who changed themselves is signed in anew, for all sessions have ended."""
    if user_id != str(by.user_id):
        return redirect("marketplace:team", team_id)
    renew_session(request, User.objects.get(id=by.user_id))
    return redirect("marketplace:teams")


def _team_page(
    request: HttpRequest,
    team: Team,
    by: Principal,
    *,
    errors: Errors | None = None,
    link: str = "",
    invited: str = "",
) -> HttpResponse:
    can_manage = team.kind != "personal" and permissions.can_manage_team(by, team.id)
    now, given = clock.now(), request.POST if errors else {}
    waiting = account_selectors.list_open_invitations(team, now=now)
    context = {
        "team": team,
        "members": list(account_selectors.list_members(team)),
        "invitations": list(waiting) if can_manage else [],
        "can_manage": can_manage,
        "roles": [(role.value, role.label) for role in permissions.grantable_roles(by)],
        "own_id": by.user_id,
        "fields": forms.with_errors(_invitation_fields(by, given), errors or {}),
        "link": link,
        "invited": invited,
    }
    status = 400 if errors else 201 if link else 200
    return render(request, "account/team.html", context, status=status)


def _invitation_fields(by: Principal, given: Mapping[str, str]) -> list[FormField]:
    chosen = given.get("role") or Role.USER.value
    return [
        FormField(
            name="email",
            label="Email",
            type="email",
            is_required=True,
            value=given.get("email", ""),
            help="The letter goes there; the account that accepts must have this address.",
            attributes={"maxlength": "254", "autocomplete": "off"},
        ),
        FormField(
            name="role",
            label="Role",
            control="select",
            is_required=True,
            options=tuple(
                Option(value=role.value, label=role.label, is_chosen=role == chosen)
                for role in permissions.grantable_roles(by)
            ),
        ),
    ]
