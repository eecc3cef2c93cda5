"""The standing cast: who asks, in every test of an address.

Each app takes it in its own `tests/conftest.py` (`from accounts.tests.cast import *`).
"""

from dataclasses import dataclass
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import selectors, services
from accounts.choices import Role
from accounts.models import Team, User
from accounts.tests import factories
from aiagents.common import clock
from aiagents.common.principals import Principal

__all__ = [
    "Actor",
    "administrator",
    "api_key",
    "colleague",
    "curator",
    "owner",
    "shared_team",
    "signed_in",
    "stranger",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who asks."""

    user: User
    principal: Principal
    #: A DRF client that sends this actor's credential.
    client: Any
    #: The access token or API key itself.
    credential: str


def signed_in(user: User) -> Actor:
    """The person with a token from a real sign-in."""
    pair = services.log_in(
        username=user.username,
        password=factories.PASSWORD,
        address=None,
        now=clock.now(),
    )
    principal = selectors.get_token_principal(pair.access, now=clock.now())
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    return Actor(user=user, principal=principal, client=client, credential=pair.access)


def _person(name: str, **fields: Any) -> User:
    return factories.UserFactory(username=name, password=factories.PASSWORD, **fields)


@pytest.fixture
def shared_team(db) -> Team:
    """The team that owner and colleague share."""
    return factories.TeamFactory(name="Shared")


@pytest.fixture
def owner(shared_team) -> Actor:
    """Whose rows a test makes."""
    user = _person("owner")
    factories.MembershipFactory(team=shared_team, user=user)
    return signed_in(user)


@pytest.fixture
def colleague(shared_team) -> Actor:
    """Shares a team with the owner."""
    user = _person("colleague")
    factories.MembershipFactory(team=shared_team, user=user)
    return signed_in(user)


@pytest.fixture
def stranger(db) -> Actor:
    """Shares nothing with the owner."""
    return signed_in(_person("stranger"))


@pytest.fixture
def curator(db) -> Actor:
    """Drafts and publishes agents."""
    user = _person("curator")
    factories.MembershipFactory(user=user, role=Role.CURATOR)
    return signed_in(user)


@pytest.fixture
def administrator(db) -> Actor:
    """May do everything."""
    return signed_in(_person("administrator", is_staff=True, is_superuser=True))


@pytest.fixture
def api_key(owner) -> Actor:
    """The owner's key with every scope."""
    row = factories.ApiKeyFactory(user=owner.user)
    secret = factories.secret_of(row)
    holder = selectors.get_key_holder(secret, now=clock.now())
    client = APIClient()
    client.credentials(HTTP_X_API_KEY=secret)
    return Actor(
        user=owner.user, principal=holder.principal, client=client, credential=secret
    )
