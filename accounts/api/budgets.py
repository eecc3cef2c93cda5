"""What teams may spend; for people only."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors, services
from accounts.api import serializers
from accounts.api.inputs import valid
from aiagents.common import clock
from aiagents.common.api.callers import principal_of


class BudgetListView(APIView):
    """The budgets of a team."""

    @extend_schema(
        operation_id="list_budgets",
        tags=["teams"],
        responses={200: serializers.BudgetListOutput},
    )
    def get(self, request: Request, team_id: str) -> Response:
        """Each with what was spent and set aside in its present period."""
        team = selectors.get_team(team_id, by=principal_of(request))
        rows = selectors.list_budgets(team, now=clock.now())
        return Response({"results": serializers.BudgetOutput(rows, many=True).data})

    @extend_schema(
        operation_id="set_budget",
        tags=["teams"],
        request=serializers.BudgetInputSerializer,
        responses={200: serializers.BudgetOutput},
    )
    def put(self, request: Request, team_id: str) -> Response:
        """Make a budget, or change the limit of the one of that scope, subject and period."""
        by, now = principal_of(request), clock.now()
        wanted = services.BudgetInput(
            **valid(serializers.BudgetInputSerializer, request)
        )
        budget = services.set_budget(team_id=team_id, wanted=wanted, by=by, now=now)
        (state,) = [
            row
            for row in selectors.list_budgets(budget.team, now=now)
            if row.id == budget.id
        ]
        return Response(serializers.BudgetOutput(state).data)


class BudgetView(APIView):
    """One budget of a team."""

    @extend_schema(operation_id="remove_budget", tags=["teams"], responses={204: None})
    def delete(self, request: Request, team_id: str, budget_id: str) -> Response:
        """Take the limit away."""
        services.remove_budget(
            team_id=team_id,
            budget_id=budget_id,
            by=principal_of(request),
            now=clock.now(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
