"""The administrators' screens: what they show and change, and whom they refuse."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.choices import Role
from accounts.models import AuditEntry, Membership, Team
from accounts.tests.factories import (
    PASSWORD,
    ApiKeyFactory,
    MembershipFactory,
    personal_team_of,
    principal_for,
)
from analytics.models import Event

pytestmark = pytest.mark.django_db
MODELS = ["user", "team", "membership", "apikey", "auditentry"]


@pytest.fixture
def desk(administrator):
    client = Client()
    client.force_login(administrator.user)
    return client


def listing(model):
    return reverse(f"admin:accounts_{model}_changelist")


def act(client, model, action, *rows):
    body = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(listing(model), body, follow=True)


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_searches(desk, api_key, model, query_counts):
    with query_counts(f"admin:{model}.changelist"):
        assert desk.get(f"{listing(model)}?q=e").status_code == 200
    for _ in range(9):
        ApiKeyFactory()
        MembershipFactory()
    with query_counts(f"admin:{model}.changelist"):
        assert desk.get(f"{listing(model)}?q=e").status_code == 200


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("actor", ["stranger", "curator"])
def test_not_for_others(request, actor, model):
    client = Client()
    client.force_login(request.getfixturevalue(actor).user)
    assert client.get(listing(model)).status_code == 302


def test_forms_show_no_secret(desk, api_key, owner):
    key = owner.user.api_keys.get()
    pages = [
        desk.get(reverse("admin:accounts_apikey_change", args=[key.pk])),
        desk.get(reverse("admin:accounts_user_change", args=[owner.user.pk])),
    ]
    owner.user.refresh_from_db()
    for page in pages:
        assert page.status_code == 200
        assert key.digest not in page.content.decode()
        assert owner.user.password not in page.content.decode()


def test_disable_and_enable(desk, owner):
    act(desk, "user", "disable", owner.user)
    owner.user.refresh_from_db()
    assert not owner.user.is_active
    act(desk, "user", "enable", owner.user)
    owner.user.refresh_from_db()
    assert owner.user.is_active


def test_a_refusal_is_a_message(desk, administrator):
    page = act(desk, "user", "disable", administrator.user)
    assert "your own account" in page.content.decode()
    administrator.user.refresh_from_db()
    assert administrator.user.is_active


def test_nothing_of_a_person_is_edited(desk, owner):
    path = reverse("admin:accounts_user_change", args=[owner.user.pk])
    desk.post(path, {"username": "other", "is_superuser": "on", "is_active": "on"})
    owner.user.refresh_from_db()
    assert (owner.user.username, owner.user.is_superuser) == ("owner", False)


def test_make_a_team_and_fill_it(desk, owner):
    desk.post(reverse("admin:accounts_team_add"), {"name": "Legal"})
    team = Team.objects.get(name="Legal")
    body = {"team": team.pk, "user": owner.user.pk, "role": Role.FINANCE}
    response = desk.post(reverse("admin:accounts_membership_add"), body)
    assert response.status_code == 302
    membership = Membership.objects.get(team=team)
    assert "finance" in principal_for(owner.user).roles

    path = reverse("admin:accounts_membership_change", args=[membership.pk])
    desk.post(path, {"role": Role.HR})
    assert "hr" in principal_for(owner.user).roles

    act_path = reverse("admin:accounts_membership_delete", args=[membership.pk])
    desk.post(act_path, {"post": "yes"})
    assert principal_for(owner.user).roles == {"user"}


def test_a_personal_team_is_refused_in_words(desk, owner, stranger):
    team = personal_team_of(owner.user)
    body = {"team": team.pk, "user": stranger.user.pk, "role": Role.USER}
    page = desk.post(reverse("admin:accounts_membership_add"), body, follow=True)
    assert "A personal team has one member" in page.content.decode()
    assert team.memberships.count() == 1


def test_a_changed_role_ends_the_persons_tokens(desk, owner, shared_team):
    membership = shared_team.memberships.get(user=owner.user)
    path = reverse("admin:accounts_membership_change", args=[membership.pk])
    desk.post(path, {"role": Role.CURATOR})
    assert owner.client.get("/api/v1/auth/me").status_code == 401


class TestSignIn:
    def sign_in(self, password=PASSWORD, username="administrator"):
        body = {"username": username, "password": password, "next": "/admin/"}
        return Client().post(reverse("admin:login"), body)

    def test_lets_administrators_in_and_records_it(self, administrator):
        before = Event.objects.filter(type="user.logged_in").count()
        assert self.sign_in().status_code == 302
        assert Event.objects.filter(type="user.logged_in").count() == before + 1

    def test_refuses_others(self, owner):
        body = {"username": "owner", "password": PASSWORD}
        page = Client().post(reverse("admin:login"), body, follow=True)
        assert page.status_code == 200
        assert "staff account" in page.content.decode()

    def test_guesses_are_limited(self, administrator, settings):
        settings.LOGIN_LIMIT_PER_MINUTE = 1
        assert "is wrong" in self.sign_in("wrong").content.decode()
        assert "Too many failed attempts" in self.sign_in().content.decode()


class TestPasswordsChangedElsewhere:
    def test_the_admins_link_leads_to_our_page(self, desk):
        response = desk.get(reverse("admin:password_change"))
        assert response["Location"] == "/account/password"

    def test_by_code_that_saves_a_person(self, owner):
        """As `manage.py changepassword` does."""
        owner.user.set_password("green-castle-31")
        owner.user.save()
        assert owner.client.get("/api/v1/auth/me").status_code == 401

    def test_not_by_other_changes(self, owner):
        owner.user.email = "owner@example.org"
        owner.user.save()
        assert owner.client.get("/api/v1/auth/me").status_code == 200


def test_the_audit_is_read_only(desk):
    entry = AuditEntry.objects.first()
    address = reverse("admin:accounts_auditentry_change", args=[entry.pk])
    page = desk.get(address)
    assert entry.hash in page.content.decode()
    assert 'name="_save"' not in page.content.decode()
    assert desk.post(address, {"target": "x"}).status_code == 403
    for way in ("delete", "add"):
        args = [entry.pk] if way == "delete" else []
        refused = desk.post(reverse(f"admin:accounts_auditentry_{way}", args=args))
        assert refused.status_code == 403
