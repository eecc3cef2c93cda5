"""Rows of accounts, minimal and valid."""

from decimal import Decimal

import factory
from factory import django

from accounts import selectors, tokens
from accounts.choices import BudgetPeriod, BudgetScope, Role, Scope, TeamKind
from accounts.models import ApiKey, Budget, Membership, Team, User
from aiagents.common import clock, ids
from aiagents.common.principals import Principal

PASSWORD = "blue-harbour-97"


class UserFactory(django.DjangoModelFactory):
    """A person with a team of their own; without `password=`, one who cannot sign in by it."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    password = django.Password(None)

    @factory.post_generation
    def personal_team(self, create, extracted, **kwargs):
        """`personal_team=False` leaves it out, as Django's `createsuperuser` does."""
        if create and extracted is not False:
            team = TeamFactory(name=self.username, kind=TeamKind.PERSONAL)
            MembershipFactory(team=team, user=self, role=Role.ADMIN)


class TeamFactory(django.DjangoModelFactory):
    """A team without members."""

    class Meta:
        model = Team

    name = factory.Sequence(lambda n: f"Team {n}")
    kind = TeamKind.SHARED
    created_at = factory.LazyFunction(lambda: clock.now())


class MembershipFactory(django.DjangoModelFactory):
    """A new person in a new team."""

    class Meta:
        model = Membership

    team = factory.SubFactory(TeamFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.USER
    created_at = factory.LazyFunction(lambda: clock.now())


class ApiKeyFactory(django.DjangoModelFactory):
    """A key of a new person, for their own team; `secret=` makes one that opens."""

    class Meta:
        model = ApiKey

    class Params:
        secret = factory.LazyAttribute(lambda key: f"aak_{key.prefix}_{'s' * 43}")

    user = factory.SubFactory(UserFactory)
    team = factory.LazyAttribute(lambda key: personal_team_of(key.user))
    name = factory.Sequence(lambda n: f"key {n}")
    prefix = factory.Sequence(lambda n: f"{n:012x}")
    digest = factory.LazyAttribute(lambda key: tokens.digest(key.secret))
    scopes = factory.LazyFunction(lambda: list(Scope.values))
    created_at = factory.LazyFunction(lambda: clock.now())


def personal_team_of(user: User) -> Team:
    """The team of a person's own."""
    return Team.objects.personal_of(user.id).get()


def secret_of(key: ApiKey) -> str:
    """The text that opens a key of the factory."""
    return f"aak_{key.prefix}_{'s' * 43}"


def principal_for(user: User) -> Principal:
    """The person as one who asks."""
    found = selectors.load_principal(user.id, now=clock.now())
    assert found is not None
    return found


def principal(membership: Membership) -> Principal:
    """The member as one who asks in that team."""
    return Principal(
        user_id=membership.user_id,
        username=membership.user.username,
        team_id=membership.team_id,
        team_ids=(membership.team_id,),
        roles=frozenset({membership.role}),
    )


class BudgetFactory(django.DjangoModelFactory):
    """A monthly budget of a new team."""

    class Meta:
        model = Budget

    team = factory.SubFactory(TeamFactory)
    scope = BudgetScope.TEAM
    subject_id = factory.LazyAttribute(
        lambda budget: (
            budget.team.id if budget.scope == BudgetScope.TEAM else ids.new_id()
        )
    )
    period = BudgetPeriod.MONTH
    limit_usd = Decimal(20)
    created_at = factory.LazyFunction(lambda: clock.now())
