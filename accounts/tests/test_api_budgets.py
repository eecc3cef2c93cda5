"""The REST addresses of budgets: who sets what, shapes, and that strangers find nothing."""

from decimal import Decimal

import pytest

from accounts import selectors, services
from accounts.choices import Role
from accounts.errors import BudgetExceeded
from accounts.models import AuditEntry, Budget, Membership
from accounts.services import Charge
from accounts.tests.factories import BudgetFactory
from aiagents.common import clock
from aiagents.common.ids import new_id
from analytics.models import Event

pytestmark = pytest.mark.django_db
TEAM = {"scope": "team", "period": "month", "limit_usd": "5.00"}


def path(team, budget_id=""):
    return f"/api/v1/teams/{team.id}/budgets" + (f"/{budget_id}" if budget_id else "")


def put(actor, team, body):
    return actor.client.put(path(team), body, format="json")


def spend(team, amount, **who):
    charge = Charge(
        team_id=team.id,
        **{"user_id": new_id(), "agent_id": new_id(), "api_key_id": None} | who,
        amount_usd=amount,
    )
    return services.reserve(charge, now=clock.now())


@pytest.fixture
def chief(owner, shared_team):
    """The owner, administering the shared team."""
    Membership.objects.filter(team=shared_team, user=owner.user).update(role=Role.ADMIN)
    return owner


def test_administrators_of_the_platform_limit_a_team(administrator, shared_team):
    answer = put(administrator, shared_team, TEAM)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["limit_usd"], body["used_usd"]) == ("5.00", "0.000000")
    assert body["left_usd"] == "5.000000"
    assert body["resets_at"]
    again = put(administrator, shared_team, TEAM | {"limit_usd": "7.50"})
    assert again.json()["id"] == body["id"]
    assert Budget.objects.get(id=body["id"]).limit_usd == 7.5
    entries = AuditEntry.objects.filter(action="budget.changed")
    assert entries.count() == 2


def test_a_team_divides_what_it_may_spend(chief, shared_team):
    person = str(chief.user.id)
    body = {"scope": "user", "subject_id": person, "period": "day", "limit_usd": "1"}
    assert put(chief, shared_team, body).status_code == 200
    assert put(chief, shared_team, TEAM).status_code == 403


def test_members_see_and_do_not_set(owner, shared_team):
    budget = BudgetFactory(team=shared_team)
    (row,) = owner.client.get(path(shared_team)).json()["results"]
    assert row["id"] == str(budget.id)
    body = TEAM | {"scope": "user", "subject_id": str(owner.user.id)}
    assert put(owner, shared_team, body).status_code == 403
    assert owner.client.delete(path(shared_team, budget.id)).status_code == 403


def test_strangers_find_nothing(stranger, shared_team):
    budget = BudgetFactory(team=shared_team)
    assert stranger.client.get(path(shared_team)).status_code == 404
    assert put(stranger, shared_team, TEAM).status_code == 404
    assert stranger.client.delete(path(shared_team, budget.id)).status_code == 404


def test_a_budget_is_removed(administrator, shared_team):
    budget = BudgetFactory(team=shared_team)
    answer = administrator.client.delete(path(shared_team, budget.id))
    assert answer.status_code == 204
    assert not Budget.objects.filter(id=budget.id).exists()
    assert administrator.client.delete(path(shared_team, budget.id)).status_code == 404


def test_a_budget_of_another_team_is_not_found(administrator, shared_team):
    foreign = BudgetFactory()
    assert administrator.client.delete(path(shared_team, foreign.id)).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scope": "planet"}, "scope"),
        ({"period": "year"}, "period"),
        ({"limit_usd": "-1"}, "limit_usd"),
        ({"limit_usd": "much"}, "limit_usd"),
        ({"scope": "agent"}, "subject_id"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_input_is_named(administrator, shared_team, change, field):
    answer = put(administrator, shared_team, TEAM | change)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]


def test_a_new_person_has_the_budget_of_the_installation(client, settings):
    settings.DEFAULT_MONTHLY_BUDGET_USD = 4
    body = {"username": "newcomer", "password": "blue-harbour-97"}
    client.post("/api/v1/auth/register", body, content_type="application/json")
    budget = Budget.objects.get(team__name="newcomer")
    (state,) = selectors.list_budgets(budget.team, now=clock.now())
    assert (state.limit_usd, state.left_usd) == (4, 4)


def test_me_tells_the_tightest_budget(owner):
    team = Membership.objects.get(user=owner.user, team_id=owner.principal.team_id).team
    BudgetFactory(team=team, limit_usd="9")
    BudgetFactory(
        team=team, scope="user", subject_id=owner.user.id, limit_usd="3", period="day"
    )
    told = owner.client.get("/api/v1/auth/me").json()["budget"]
    assert (told["period"], told["limit_usd"]) == ("day", "3.000000")


def test_a_refusal_is_told_once_it_has_passed(shared_team):
    budget = BudgetFactory(team=shared_team, limit_usd="1")
    with pytest.raises(BudgetExceeded), services.recording_denials():
        spend(shared_team, 2)
    event = Event.objects.get(aggregate_id=budget.id)
    assert event.type == "budget.exceeded"
    assert event.data["left_usd"] == "1.00"


def test_a_letter_goes_to_the_administrators(
    chief, shared_team, mailoutbox, django_capture_on_commit_callbacks
):
    chief.user.email = "chief@example.org"
    chief.user.save()
    BudgetFactory(team=shared_team, limit_usd="10")
    with django_capture_on_commit_callbacks(execute=True):
        usages = spend(shared_team, 6)
        services.settle(
            [
                services.Settlement(
                    usage_ids=usages, reserved_usd=Decimal(6), cost_usd=Decimal(6)
                )
            ]
        )
    (letter,) = mailoutbox
    assert letter.to == ["chief@example.org"]
    assert "50 %" in letter.subject
    assert "6.00 of 10.00 USD" in letter.body
