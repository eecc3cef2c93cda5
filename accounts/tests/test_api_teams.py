"""The REST addresses of teams: shapes, wiring, and that strangers find nothing."""

import pytest

from accounts.choices import Role
from accounts.models import Invitation, Membership, Team
from accounts.tests.factories import PASSWORD, MembershipFactory
from aiagents.common.ids import new_id

pytestmark = pytest.mark.django_db
V1 = "/api/v1"
ADDRESS = "ben@example.org"


@pytest.fixture
def chief(owner, shared_team):
    """The owner, administering the shared team."""
    Membership.objects.filter(team=shared_team, user=owner.user).update(role=Role.ADMIN)
    return owner


def send(actor, method, path, body=None):
    call = getattr(actor.client, method)
    return call(f"{V1}{path}", body or {}, format="json")


def invite(actor, team, **changes):
    body = {"email": ADDRESS, "role": "finance"} | changes
    return send(actor, "post", f"/teams/{team.id}/invitations", body)


def routes(team, user_id, invitation_id):
    base = f"/teams/{team.id}"
    return [
        ("get", f"{base}/members", {}),
        ("patch", f"{base}/members/{user_id}", {"role": "user"}),
        ("delete", f"{base}/members/{user_id}", {}),
        ("get", f"{base}/invitations", {}),
        ("post", f"{base}/invitations", {"email": ADDRESS}),
        ("delete", f"{base}/invitations/{invitation_id}", {}),
    ]


def test_lists_own_teams(chief, shared_team):
    rows = chief.client.get(f"{V1}/teams").json()["results"]
    shared = next(row for row in rows if row["id"] == str(shared_team.id))
    assert (shared["role"], shared["kind"], shared["member_count"]) == (
        "admin",
        "shared",
        1,
    )
    assert len(rows) == 2


def test_queries_do_not_grow(chief, query_counts):
    with query_counts("api:teams.list"):
        chief.client.get(f"{V1}/teams")
    for _ in range(9):
        MembershipFactory(user=chief.user)
    with query_counts("api:teams.list"):
        chief.client.get(f"{V1}/teams")


def test_administrators_make_teams(administrator, owner):
    body = {"name": "Legal"}
    response = send(administrator, "post", "/teams", body)
    assert response.status_code == 201
    assert response.json()["name"] == "Legal"
    assert send(owner, "post", "/teams", body).status_code == 403


def test_members_and_their_roles(chief, colleague, shared_team):
    base = f"/teams/{shared_team.id}/members"
    rows = chief.client.get(f"{V1}{base}").json()["results"]
    assert {row["username"]: row["role"] for row in rows} == {
        "owner": "admin",
        "colleague": "user",
    }
    path = f"{base}/{colleague.user.id}"
    response = send(chief, "patch", path, {"role": "hr"})
    assert response.json()["role"] == "hr"
    assert colleague.client.get(f"{V1}/auth/me").status_code == 401
    assert send(chief, "patch", path, {"role": "king"}).status_code == 400
    assert send(chief, "delete", path).status_code == 204


def test_invite_list_withdraw(chief, shared_team):
    response = invite(chief, shared_team)
    assert response.status_code == 201
    body = response.json()
    assert body["link"].startswith("http://testserver/join/inv_")
    path = f"/teams/{shared_team.id}/invitations"
    (row,) = chief.client.get(f"{V1}{path}").json()["results"]
    assert "link" not in row
    assert (row["email"], row["invited_by"]) == (ADDRESS, "owner")
    assert send(chief, "delete", f"{path}/{row['id']}").status_code == 204
    assert chief.client.get(f"{V1}{path}").json()["results"] == []


def test_a_repeated_request_invites_once_and_shows_no_link(chief, shared_team):
    path = f"{V1}/teams/{shared_team.id}/invitations"
    answers = [
        chief.client.post(
            path, {"email": ADDRESS}, format="json", HTTP_IDEMPOTENCY_KEY="k"
        )
        for _ in range(2)
    ]
    first, second = (answer.json() for answer in answers)
    assert [answer.status_code for answer in answers] == [201, 201]
    assert (first["id"], second["link"]) == (second["id"], None)
    assert Invitation.objects.get().revoked_at is None


def test_a_repeated_request_makes_one_team(administrator):
    for _ in range(2):
        administrator.client.post(
            f"{V1}/teams", {"name": "Once"}, format="json", HTTP_IDEMPOTENCY_KEY="k"
        )
    assert Team.objects.filter(name="Once").count() == 1


def test_accept(chief, stranger, shared_team):
    token = invite(chief, shared_team).json()["link"].rpartition("/")[2]
    body = {"token": token}
    response = send(stranger, "post", "/invitations/accept", body)
    assert response.status_code == 201
    assert response.json()["role"] == "finance"
    assert send(stranger, "post", "/invitations/accept", body).status_code == 404


def test_for_strangers_every_address_is_missing(chief, stranger, shared_team):
    invitation_id = invite(chief, shared_team).json()["id"]
    for method, path, body in routes(shared_team, chief.user.id, invitation_id):
        response = send(stranger, method, path, body)
        missing = send(
            stranger, method, path.replace(str(shared_team.id), str(new_id())), body
        )
        assert response.status_code == missing.status_code == 404, path
        foreign, unknown = response.json(), missing.json()
        assert foreign.pop("request_id") != unknown.pop("request_id")
        assert foreign == unknown


def test_members_look_and_change_nothing(chief, colleague, shared_team):
    invitation_id = invite(chief, shared_team).json()["id"]
    allowed = []
    for method, path, body in routes(shared_team, chief.user.id, invitation_id):
        status = send(colleague, method, path, body).status_code
        if status == 200:
            allowed.append((method, path.rpartition("/")[2]))
        else:
            assert status == 403, path
    assert allowed == [("get", "members")]


def test_nobody_and_no_key(chief, api_key, client, shared_team):
    for method, path, body in routes(shared_team, chief.user.id, new_id()):
        assert send(api_key, method, path, body).status_code == 403
        call = getattr(client, method)
        assert call(f"{V1}{path}").status_code == 401
    assert send(api_key, "get", "/teams").status_code == 403


class TestPassword:
    def change(self, actor, **changes):
        body = {"current_password": PASSWORD, "new_password": "green-castle-31"}
        return send(actor, "post", "/auth/password", body | changes)

    def test_changes_it_and_ends_the_token(self, owner):
        assert self.change(owner).status_code == 204
        assert owner.client.get(f"{V1}/auth/me").status_code == 401

    @pytest.mark.parametrize(
        ("field", "value"), [("current_password", "wrong"), ("new_password", "short")]
    )
    def test_names_what_is_wrong(self, owner, field, value):
        response = self.change(owner, **{field: value})
        assert response.status_code == 400
        assert set(response.json()["errors"]) == {field}

    def test_not_by_a_key(self, api_key):
        assert self.change(api_key).status_code == 403
