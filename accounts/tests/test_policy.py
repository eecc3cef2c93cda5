"""The Rego rules, and that whatever goes wrong is a denial."""

import json
import re
import threading
from typing import Any

import pytest
import regorus

from accounts import permissions
from accounts.choices import Role
from accounts.policy import engine
from aiagents.common.ids import new_id
from aiagents.common.principals import Principal

REGO = (engine.FOLDER / "agent_access.rego").read_text()
TESTS = (engine.FOLDER / "agent_access_test.rego").read_text()
RULES = re.findall(r"^(test_\w+)", TESTS, re.MULTILINE)


@pytest.fixture(autouse=True)
def _fresh_engine():
    engine._of_thread.engine = None
    yield
    engine._of_thread.engine = None


def principal(*roles, scopes=None):
    return Principal(
        user_id=new_id(),
        username="somebody",
        team_id=new_id(),
        team_ids=(),
        roles=frozenset(roles),
        scopes=None if scopes is None else frozenset(scopes),
    )


def decide(who, **changes):
    asked: dict[str, Any] = {
        "agent_slug": "contract-risk",
        "category": "finance_legal",
        "risk": "low",
        "lane": "interactive",
        "is_suspended": False,
    }
    return permissions.decide_run(principal=who, **(asked | changes))


def use_policy(monkeypatch, text):
    monkeypatch.setattr(
        engine, "_source", lambda name: (name, "{}" if name == engine.ROLES else text)
    )


class TestRegoFiles:
    @pytest.mark.parametrize("rule", RULES)
    def test_rule(self, rule):
        both = engine.build_engine(("policy.rego", REGO), ("test.rego", TESTS))
        assert both.eval_rule(f"data.aiagents.agent_access_test.{rule}") is True

    def test_there_are_rules(self):
        assert len(RULES) > 20

    def test_every_role_of_the_file_can_be_given(self):
        named = json.loads((engine.FOLDER / "roles.json").read_text())["roles"]
        assert set(named) == set(Role.values)


class TestDecideRun:
    @pytest.mark.parametrize("risk", ["low", "medium"])
    def test_a_user_runs_low_and_medium(self, risk):
        assert decide(principal("user"), risk=risk).allowed

    def test_high_risk_takes_a_role_and_says_which(self):
        decision = decide(principal("user"), risk="high")
        assert not decision.allowed
        assert "agent_operator, curator, finance" in decision.reasons[0]

    @pytest.mark.parametrize("role", ["admin", "curator", "agent_operator", "finance"])
    def test_high_risk_with_the_role(self, role):
        assert decide(principal("user", role), risk="high").allowed

    def test_suspended_for_everybody(self):
        decision = decide(principal("admin"), is_suspended=True)
        assert not decision.allowed
        assert decision.reasons == (
            "Agent 'contract-risk' is suspended; choose another agent or ask a curator.",
        )

    def test_a_key_needs_the_scope(self):
        assert decide(principal("user", scopes=["executions:run"])).allowed
        refused = decide(principal("admin", scopes=["agents:read"]))
        assert not refused.allowed
        assert "executions:run" in refused.reasons[0]

    def test_a_key_without_any_scope_is_no_person(self):
        assert not decide(principal("admin", scopes=[])).allowed

    def test_equal_questions_have_equal_digests_and_own_ids(self):
        who = principal("user")
        first, second, other = decide(who), decide(who), decide(who, risk="medium")
        assert first.input_digest == second.input_digest != other.input_digest
        assert first.id != second.id

    def test_works_in_many_threads(self):
        found = []
        threads = [
            threading.Thread(
                target=lambda: found.append(decide(principal("user")).allowed)
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [True] * 8


class TestFailsClosed:
    @pytest.mark.parametrize(
        "text",
        [
            "this is no rego",
            "",
            "package aiagents.agent_access",
            "package aiagents.agent_access\ndecision := true",
            'package aiagents.agent_access\ndecision := {"allow": "yes", "reasons": ["x"]}',
            'package aiagents.agent_access\ndecision := {"allow": true, "reasons": []}',
            'package aiagents.agent_access\ndecision := {"allow": true}',
            'package aiagents.agent_access\nimport rego.v1\ndecision := {"allow": true, "reasons": ["x"]} if false',
            'package elsewhere\ndecision := {"allow": true, "reasons": ["x"]}',
        ],
    )
    def test_broken_files_deny(self, monkeypatch, text):
        use_policy(monkeypatch, text)
        decision = decide(principal("admin"))
        assert (decision.allowed, decision.reasons) == (False, (engine.NO_DECISION,))
        assert not permissions.policy_works()

    # Python warns because the foreign engine is also let go in the wrong thread.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_the_engine_of_another_thread_denies_and_is_replaced(self):
        """Its panic is a BaseException: `except Exception` would let it through."""
        foreign = []
        maker = threading.Thread(target=lambda: foreign.append(engine.build_engine()))
        maker.start()
        maker.join()
        engine._of_thread.engine = foreign[0]
        assert not decide(principal("admin")).allowed
        assert decide(principal("admin")).allowed

    def test_a_slow_decision_denies(self, monkeypatch):
        monkeypatch.setattr(engine, "TIMEOUT_S", -1.0)
        assert not decide(principal("admin")).allowed

    def test_an_engine_that_cannot_be_made_denies(self, monkeypatch):
        monkeypatch.delattr(regorus, "Engine")
        assert not decide(principal("admin")).allowed

    def test_works_when_nothing_is_broken(self):
        assert permissions.policy_works()
