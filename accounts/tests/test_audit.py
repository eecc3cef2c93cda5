"""The audit: what is told, that it is chained, and that a forged entry is named."""

import datetime as dt
import json
import threading
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction

from accounts import selectors, services
from accounts.choices import AUDIT_DETAILS, AuditAction, Role
from accounts.models import AuditEntry, AuditHead, RefreshToken
from accounts.services import audit, audit_chain
from accounts.services.audit_chain import Fault
from accounts.tests.factories import (
    PASSWORD,
    ApiKeyFactory,
    MembershipFactory,
    TeamFactory,
    UserFactory,
    personal_team_of,
    principal_for,
    secret_of,
)
from aiagents.common import clock, ids
from aiagents.common.errors import NotAllowed, NotFound, Unauthenticated

pytestmark = pytest.mark.django_db
A = AuditAction


def last(action) -> Any:
    return AuditEntry.objects.filter(action=action).order_by("at", "sequence").last()


def fill(team, count=5):
    for _ in range(count):
        services.record_deed(
            action=A.TEAM_CREATED,
            target=f"team:{team.id}",
            team_id=team.id,
            by=None,
            now=clock.now(),
        )
    return list(AuditEntry.objects.filter(chain=team.id).order_by("sequence"))


def forge(sql, *values):
    """As somebody who has the database would do it."""
    keys = [
        v.hex if connection.vendor == "sqlite" and hasattr(v, "hex") else v
        for v in values
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER USER")
            cursor.execute("ALTER TABLE accounts_audithead DISABLE TRIGGER USER")
        cursor.execute(sql, keys)


def faults(chain):
    report = services.verify_audit(chain=chain)
    return [(f.sequence, f.fault, f.entry_id) for f in report.findings]


class TestWhatIsTold:
    def test_a_registration(self):
        user = services.register_user(
            username="maria", password=PASSWORD, address=None, now=clock.now()
        )
        entry = last(A.REGISTERED)
        assert entry.target == f"user:{user.id}"
        assert entry.chain == personal_team_of(user).id

    def test_a_sign_in_by_token(self):
        user = UserFactory(password=PASSWORD)
        services.log_in(
            username=user.username,
            password=PASSWORD,
            address="127.0.0.9",
            now=clock.now(),
        )
        entry = last(A.SIGNED_IN)
        assert (entry.user_id, entry.chain) == (user.id, personal_team_of(user).id)
        assert entry.details == {"kind": "token", "address": "127.0.0.9"}

    def test_a_sign_in_of_a_browser(self, client):
        user = UserFactory(password=PASSWORD)
        client.post("/login", {"username": user.username, "password": PASSWORD})
        entry = last(A.SIGNED_IN)
        assert entry.user_id == user.id
        assert entry.details == {"kind": "session", "address": "127.0.0.1"}

    def test_a_failed_sign_in_without_the_name_that_was_typed(self):
        user = UserFactory(password=PASSWORD)
        for name in (user.username, "my secret password"):
            with pytest.raises(Unauthenticated):
                services.log_in(
                    username=name, password="wrong", address=None, now=clock.now()
                )
        entries = AuditEntry.objects.filter(action=A.SIGN_IN_FAILED).order_by(
            "sequence"
        )
        assert [e.target for e in entries] == [f"user:{user.id}", "user:unknown"]
        assert {e.chain for e in entries} == {audit.PLATFORM}
        assert "secret" not in json.dumps([e.details for e in entries])

    def test_signing_out(self, owner):
        services.log_out(principal=owner.principal, now=clock.now())
        assert last(A.SIGNED_OUT).user_id == owner.user.id

    def test_the_end_of_a_session(self, client):
        user = UserFactory()
        client.force_login(user)
        client.logout()
        assert last(A.SIGNED_OUT).details == {"kind": "session"}

    def test_a_stolen_refresh_token(self, owner):
        pair = services.log_in(
            username=owner.user.username,
            password=PASSWORD,
            address=None,
            now=clock.now(),
        )
        services.refresh_tokens(refresh=pair.refresh, now=clock.now())
        with pytest.raises(Unauthenticated):
            services.refresh_tokens(refresh=pair.refresh, now=clock.now())
        assert last(A.TOKEN_REUSED).target == f"user:{owner.user.id}"
        assert RefreshToken.objects.filter(revoked_at=None).count() == 1

    def test_a_new_password(self, owner):
        services.change_password(
            principal=owner.principal,
            current=PASSWORD,
            new="another-harbour-98",
            address=None,
            now=clock.now(),
        )
        assert last(A.PASSWORD_CHANGED).details == {"kind": "own"}
        owner.user.refresh_from_db()
        owner.user.set_password("a-third-harbour-99")
        owner.user.save()
        assert last(A.PASSWORD_CHANGED).details == {"kind": "command"}

    def test_disabling_and_enabling(self, administrator, stranger):
        who = {
            "user_id": stranger.user.id,
            "by": administrator.principal,
            "now": clock.now(),
        }
        services.disable_user(**who)
        services.enable_user(**who)
        for action in (A.DISABLED, A.ENABLED):
            assert last(action).target == f"user:{stranger.user.id}"
            assert last(action).user_id == administrator.user.id

    def test_roles(self, administrator, stranger):
        by, now = administrator.principal, clock.now()
        team = services.create_team(name="Law", by=by, now=now)
        who = {"team_id": team.id, "user_id": stranger.user.id, "by": by, "now": now}
        services.set_membership(role=Role.USER, **who)
        services.set_membership(role=Role.FINANCE, **who)
        services.remove_member(**who)
        told = AuditEntry.objects.filter(chain=team.id).order_by("sequence")
        assert [(e.action, e.details) for e in told] == [
            (A.TEAM_CREATED, {}),
            (A.MEMBERSHIP_SET, {"role": "user", "role_before": None}),
            (A.MEMBERSHIP_SET, {"role": "finance", "role_before": "user"}),
            (A.MEMBERSHIP_REMOVED, {"role_before": "finance"}),
        ]

    def test_a_refused_change_leaves_no_entry(self, administrator):
        with pytest.raises(NotFound):
            services.remove_member(
                team_id=TeamFactory().id,
                user_id=administrator.user.id,
                by=administrator.principal,
                now=clock.now(),
            )
        assert not AuditEntry.objects.filter(action=A.MEMBERSHIP_REMOVED).exists()

    def test_a_key_is_told_when_made_and_revoked(self, owner):
        made = services.create_api_key(
            name="job", scopes=["agents:read"], by=owner.principal, now=clock.now()
        )
        services.revoke_api_key(key_id=made.row.id, by=owner.principal, now=clock.now())
        for action in (A.KEY_CREATED, A.KEY_REVOKED):
            assert last(action).target == f"key:{made.row.id}"
            assert made.secret not in json.dumps(last(action).details)

    def test_the_use_of_a_key_once_in_each_hour(self):
        key = ApiKeyFactory()
        noon = dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC)
        seen = None
        for minute in (0, 0.5, 2, 30, 61, 62):
            now = noon + dt.timedelta(minutes=minute)
            services.note_key_use(key_id=key.id, last_used_at=seen, now=now)
            key.refresh_from_db()
            seen = key.last_used_at
        told = AuditEntry.objects.filter(action=A.KEY_USED)
        assert sorted(entry.at.hour for entry in told) == [12, 13]

    def test_a_budget(self, owner):
        services.record_budget_change(
            budget=f"team:{owner.principal.team_id}",
            team_id=owner.principal.team_id,
            period="month",
            limit_usd="20.00",
            limit_before_usd="10.00",
            by=owner.principal,
            now=clock.now(),
        )
        assert last(A.BUDGET_CHANGED).details["limit_usd"] == "20.00"

    def test_only_the_details_of_its_action(self):
        with pytest.raises(ValueError, match="may not carry"):
            audit.Deed(
                action=A.SIGNED_IN, target="user:1", details={"password": "secret"}
            )

    def test_every_action_with_details_exists(self):
        assert set(AUDIT_DETAILS) <= set(A.values)

    def test_long_details_are_cut(self, shared_team):
        services.record_deed(
            action=A.POLICY_DENIED,
            target="agent:x",
            team_id=shared_team.id,
            by=None,
            now=clock.now(),
            reasons=["r" * 5000],
        )
        assert len(last(A.POLICY_DENIED).details["reasons"][0]) == 300


class TestChain:
    def test_each_entry_holds_the_hash_before(self, shared_team):
        rows = fill(shared_team, 3)
        assert [row.sequence for row in rows] == [1, 2, 3]
        assert rows[0].previous_hash == ""
        assert [rows[0].hash, rows[1].hash] == [r.previous_hash for r in rows[1:]]
        head = AuditHead.objects.get(chain=shared_team.id)
        assert (head.sequence, head.hash) == (3, rows[2].hash)
        assert services.verify_audit(chain=shared_team.id).findings == ()

    def test_many_at_once_in_several_chains(self):
        teams = [TeamFactory() for _ in range(3)]
        deeds = [
            services.Deed(
                action=A.AGENT_PUBLISHED,
                target=f"agent:a{n}",
                team_id=teams[n % 3].id,
                details={"version": n},
            )
            for n in range(12)
        ]
        services.record_deeds(deeds, now=clock.now())
        for team in teams:
            assert AuditEntry.objects.filter(chain=team.id).count() == 4
        assert services.verify_audit().findings == ()

    def test_goes_with_the_transaction(self, shared_team):
        with transaction.atomic():
            fill(shared_team, 2)
            transaction.set_rollback(True)
        assert not AuditEntry.objects.filter(chain=shared_team.id).exists()
        assert fill(shared_team, 1)[0].sequence == 1

    def test_the_model_refuses_changes(self, shared_team):
        row = fill(shared_team, 1)[0]
        for change in (
            row.save,
            row.delete,
            AuditEntry.objects.all().delete,
            lambda: AuditEntry.objects.update(target="x"),
        ):
            with pytest.raises(TypeError, match="never"):
                change()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE accounts_auditentry SET target = 'x'",
            "DELETE FROM accounts_auditentry",
            "DELETE FROM accounts_audithead",
            "UPDATE accounts_audithead SET sequence = 1",
        ],
    )
    def test_postgresql_refuses_changes(self, shared_team, statement):
        if connection.vendor != "postgresql":
            pytest.skip("SQLite has no rights: who has the file has the data")
        fill(shared_team, 2)
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
        assert services.verify_audit().findings == ()

    @pytest.mark.parametrize("table", ["accounts_auditentry", "accounts_audithead"])
    def test_postgresql_refuses_to_empty_the_tables(self, shared_team, table):
        if connection.vendor != "postgresql":
            pytest.skip("SQLite has no rights: who has the file has the data")
        fill(shared_team, 1)
        with connection.cursor() as cursor:
            # Switched off for tests that empty all tables after themselves.
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            with pytest.raises(DatabaseError, match="append-only"):
                cursor.execute(f"TRUNCATE {table}")


class TestForgeries:
    def test_a_changed_entry_is_named(self, shared_team):
        rows = fill(shared_team)
        forge("UPDATE accounts_auditentry SET target = 'x' WHERE id = %s", rows[2].id)
        assert faults(shared_team.id) == [(3, Fault.CHANGED, rows[2].id)]

    def test_changed_details_and_moments_are_named(self, shared_team):
        rows = fill(shared_team)
        forge(
            "UPDATE accounts_auditentry SET details = '{\"a\": 1}' WHERE id = %s",
            rows[0].id,
        )
        forge(
            "UPDATE accounts_auditentry SET at = %s WHERE id = %s",
            "2020-01-01 00:00:00",
            rows[4].id,
        )
        assert [f[:2] for f in faults(shared_team.id)] == [
            (1, Fault.CHANGED),
            (5, Fault.CHANGED),
        ]

    @pytest.mark.parametrize("place", [0, 2, 4])
    def test_a_removed_entry_is_named(self, shared_team, place):
        rows = fill(shared_team)
        forge("DELETE FROM accounts_auditentry WHERE id = %s", rows[place].id)
        assert faults(shared_team.id) == [(place + 1, Fault.REMOVED, None)]

    def test_all_removed(self, shared_team):
        fill(shared_team, 3)
        forge("DELETE FROM accounts_auditentry WHERE chain = %s", shared_team.id)
        assert [f[0] for f in faults(shared_team.id)] == [1, 2, 3]

    def test_moved_entries_are_named_with_their_places(self, shared_team):
        rows = fill(shared_team)
        move = "UPDATE accounts_auditentry SET sequence = %s WHERE id = %s"
        forge(move, 99, rows[1].id)
        forge(move, 2, rows[3].id)
        forge(move, 4, rows[1].id)
        findings = services.verify_audit(chain=shared_team.id).findings
        assert [(f.sequence, f.fault, f.written_at) for f in findings] == [
            (2, Fault.MOVED, 4),
            (4, Fault.MOVED, 2),
        ]
        assert str(rows[3].id) in str(findings[0])

    def test_an_entry_with_a_hash_made_anew_breaks_the_next_link(self, shared_team):
        rows = fill(shared_team)
        rows[1].target = "x"
        forge(
            "UPDATE accounts_auditentry SET target = 'x', hash = %s WHERE id = %s",
            audit_chain.content_hash(rows[1]),
            rows[1].id,
        )
        assert faults(shared_team.id) == [(3, Fault.UNLINKED, rows[2].id)]

    def test_an_inserted_entry_is_named(self, shared_team):
        fill(shared_team, 2)
        AuditEntry.objects.bulk_create(
            [
                AuditEntry(
                    chain=shared_team.id,
                    sequence=3,
                    at=clock.now(),
                    action="x",
                    target="x",
                )
            ]
        )
        assert [f[:2] for f in faults(shared_team.id)] == [(3, Fault.CHANGED)]

    def test_a_whole_chain_made_anew_lacks_the_signature(self, shared_team):
        rows = fill(shared_team, 3)
        forge("DELETE FROM accounts_auditentry WHERE id = %s", rows[2].id)
        forge(
            "UPDATE accounts_audithead SET sequence = 2, hash = %s WHERE chain = %s",
            rows[1].hash,
            shared_team.id,
        )
        assert faults(shared_team.id) == [(2, Fault.HEAD, None)]

    def test_a_chain_rolled_back_with_its_head_misses_the_kept_end(self, shared_team):
        fill(shared_team, 2)
        old = AuditHead.objects.get(chain=shared_team.id)
        rows = fill(shared_team, 1)
        kept = {shared_team.id: (3, rows[2].hash)}
        forge("DELETE FROM accounts_auditentry WHERE id = %s", rows[2].id)
        forge(
            "UPDATE accounts_audithead SET sequence = 2, hash = %s, signature = %s "
            "WHERE chain = %s",
            old.hash,
            old.signature,
            shared_team.id,
        )
        assert faults(shared_team.id) == []
        report = services.verify_audit(kept=kept)
        assert [(f.sequence, f.fault) for f in report.findings] == [(3, Fault.REMOVED)]

    def test_heads_stay_good_when_the_secret_key_is_replaced(
        self, shared_team, settings
    ):
        fill(shared_team, 2)
        old = settings.SECRET_KEY
        settings.SECRET_KEY = "y" * 50
        assert [f[1] for f in faults(shared_team.id)] == [Fault.HEAD]
        settings.SECRET_KEY_FALLBACKS = [old]
        assert faults(shared_team.id) == []


class TestCommand:
    def test_says_that_all_is_well(self, shared_team, capsys, tmp_path):
        fill(shared_team, 2)
        heads = tmp_path / "heads.json"
        call_command("verify_audit", write_heads=heads)
        assert "2 entries in 1 chains" in capsys.readouterr().out
        fill(shared_team, 2)
        call_command("verify_audit", heads=heads, team=shared_team.id)
        assert "4 entries in 1 chains" in capsys.readouterr().out

    def test_names_the_entry_and_fails(self, shared_team, capsys):
        rows = fill(shared_team, 3)
        forge("UPDATE accounts_auditentry SET target = 'x' WHERE id = %s", rows[1].id)
        with pytest.raises(CommandError, match="tampered"):
            call_command("verify_audit")
        assert f"#2 {rows[1].id} was changed" in capsys.readouterr().err

    @pytest.mark.parametrize("text", ["", "[]x", '[{"chain": "x"}]', "3"])
    def test_refuses_a_file_without_ends(self, tmp_path, text):
        path = tmp_path / "heads.json"
        path.write_text(text)
        with pytest.raises(CommandError, match="holds no ends"):
            call_command("verify_audit", heads=path)


class TestReading:
    def test_administrators_in_person_only(self, administrator, owner, api_key):
        assert list(selectors.list_audit(by=administrator.principal))
        for actor in (owner, api_key):
            with pytest.raises(NotAllowed):
                selectors.list_audit(by=actor.principal)
        assert not AuditEntry.objects.visible_to(owner.principal).exists()

    def test_narrowed(self, administrator, owner):
        by = administrator.principal
        found = selectors.list_audit(by=by, username="OWNER")
        assert {entry.user_id for entry in found} == {owner.user.id}
        assert not selectors.list_audit(by=by, username="nobody").exists()
        assert not selectors.list_audit(by=by, chain=ids.new_id()).exists()
        soon = clock.now() + dt.timedelta(minutes=1)
        assert not selectors.list_audit(by=by, since=soon).exists()
        assert selectors.list_audit(by=by, until=soon, action=A.SIGNED_IN).exists()


@pytest.mark.django_db(transaction=True)
class TestManyWriters:
    def test_chains_stay_whole(self):
        team = TeamFactory()
        problems = []

        def write():
            try:
                fill(team, 5)
            except Exception as error:  # noqa: BLE001 - shown by the assertion
                problems.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        report = services.verify_audit(chain=team.id)
        assert (report.entries, report.findings) == (40, ())


def test_a_member_of_several_teams_signs_in_to_the_own_chain():
    membership = MembershipFactory()
    user = membership.user
    user.set_password(PASSWORD)
    user.save()
    services.log_in(
        username=user.username, password=PASSWORD, address=None, now=clock.now()
    )
    assert last(A.SIGNED_IN).chain == principal_for(user).team_id


def test_a_secret_never_reaches_the_audit(owner):
    key = ApiKeyFactory(user=owner.user)
    text = json.dumps(list(AuditEntry.objects.values_list("details", flat=True)))
    assert PASSWORD not in text
    assert secret_of(key) not in text
