"""Teams, their members, and invitations into them; for people only."""

from collections.abc import Callable

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import permissions, selectors, services
from accounts.api import serializers
from accounts.api.inputs import IDEMPOTENCY_KEY, valid
from accounts.services import Answer
from aiagents.common import clock
from aiagents.common.api.callers import principal_of
from aiagents.common.api.pagination import NumberedPages


def _once(request: Request, route: str, create: Callable[[], Answer]) -> Answer:
    return services.run_once(
        principal=principal_of(request),
        route=route,
        key=request.headers.get("Idempotency-Key"),
        body=request.data,
        create=create,
    )


class TeamListView(APIView):
    """The caller's teams."""

    pagination_class = NumberedPages

    @extend_schema(
        tags=["teams"], responses={200: serializers.TeamRowOutput(many=True)}
    )
    def get(self, request: Request) -> Response:
        """The teams that the caller is in, the oldest first."""
        pages = NumberedPages()
        teams = selectors.list_teams(principal_of(request))
        rows = pages.paginate_queryset(teams, request, view=self)
        return pages.get_paginated_response(
            serializers.TeamRowOutput(rows, many=True).data
        )

    @extend_schema(
        tags=["teams"],
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.TeamInput,
        responses={201: serializers.TeamOutput},
    )
    def post(self, request: Request) -> Response:
        """Make a shared team, which the caller administers; for administrators."""
        values, by = valid(serializers.TeamInput, request), principal_of(request)

        def create() -> Answer:
            team = services.create_team(
                name=values["name"], by=by, now=clock.now(), joins=True
            )
            output = serializers.TeamOutput(team).data
            return Answer(status=status.HTTP_201_CREATED, body=dict(output))

        answer = _once(request, "teams", create)
        return Response(answer.body, status=answer.status, headers=answer.headers)


class MemberListView(APIView):
    """Who is in a team."""

    pagination_class = NumberedPages

    @extend_schema(tags=["teams"], responses={200: serializers.MemberOutput(many=True)})
    def get(self, request: Request, team_id: str) -> Response:
        """The members in the order of joining."""
        pages = NumberedPages()
        team = selectors.get_team(team_id, by=principal_of(request))
        rows = pages.paginate_queryset(selectors.list_members(team), request, view=self)
        return pages.get_paginated_response(
            serializers.MemberOutput(rows, many=True).data
        )


class MemberView(APIView):
    """One member of a team."""

    @extend_schema(
        tags=["teams"],
        request=serializers.RoleInput,
        responses={200: serializers.MemberOutput},
    )
    def patch(self, request: Request, team_id: str, user_id: str) -> Response:
        """Give a member another role; their tokens and sessions end at once."""
        membership = services.change_role(
            team_id=team_id,
            user_id=user_id,
            role=valid(serializers.RoleInput, request)["role"],
            by=principal_of(request),
            now=clock.now(),
        )
        return Response(serializers.MemberOutput(membership).data)

    @extend_schema(tags=["teams"], responses={204: None})
    def delete(self, request: Request, team_id: str, user_id: str) -> Response:
        """Take a member out, or leave the team; the person's tokens end at once."""
        services.remove_member(
            team_id=team_id,
            user_id=user_id,
            by=principal_of(request),
            now=clock.now(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationListView(APIView):
    """Who is invited into a team; for its administrators."""

    pagination_class = NumberedPages

    @extend_schema(
        tags=["teams"], responses={200: serializers.InvitationOutput(many=True)}
    )
    def get(self, request: Request, team_id: str) -> Response:
        """The invitations that wait, the newest first."""
        by, pages = principal_of(request), NumberedPages()
        team = selectors.get_team(team_id, by=by)
        permissions.check_can_manage_team(by, team.id)
        waiting = selectors.list_open_invitations(team, now=clock.now())
        rows = pages.paginate_queryset(waiting, request, view=self)
        return pages.get_paginated_response(
            serializers.InvitationOutput(rows, many=True).data
        )

    @extend_schema(
        tags=["teams"],
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.InvitationInput,
        responses={201: serializers.NewInvitationOutput},
    )
    def post(self, request: Request, team_id: str) -> Response:
        """Invite an address; the letter is sent, and the answer shows the link once."""
        values, links = valid(serializers.InvitationInput, request), list[str]()

        def create() -> Answer:
            new = services.invite(
                **values,
                team_id=team_id,
                origin=request.build_absolute_uri("/").rstrip("/"),
                by=principal_of(request),
                now=clock.now(),
            )
            links.append(new.link)
            body = serializers.InvitationOutput(new.row).data
            return Answer(status=status.HTTP_201_CREATED, body=dict(body))

        answer = _once(request, f"teams/{team_id}/invitations", create)
        # The stored answer is without the link, which is nowhere kept.
        shown = None if answer.replayed else links[-1]
        return Response(
            answer.body | {"link": shown}, status=answer.status, headers=answer.headers
        )


class InvitationView(APIView):
    """One invitation that waits."""

    @extend_schema(tags=["teams"], responses={204: None})
    def delete(self, request: Request, team_id: str, invitation_id: str) -> Response:
        """Withdraw it; its link stops at once."""
        services.revoke_invitation(
            team_id=team_id,
            invitation_id=invitation_id,
            by=principal_of(request),
            now=clock.now(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class AcceptView(APIView):
    """Joining a team."""

    @extend_schema(
        tags=["teams"],
        request=serializers.AcceptInput,
        responses={201: serializers.MemberOutput},
    )
    def post(self, request: Request) -> Response:
        """Accept an invitation that was sent to the caller's own address."""
        membership = services.accept_invitation(
            token=valid(serializers.AcceptInput, request)["token"],
            by=principal_of(request),
            now=clock.now(),
        )
        output = serializers.MemberOutput(membership).data
        return Response(output, status=status.HTTP_201_CREATED)
