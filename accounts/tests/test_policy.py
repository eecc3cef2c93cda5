"""The Rego rules in both engines, and that whatever goes wrong allows nothing."""

import datetime as dt
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
import regorus
from django.conf import settings as django_settings

from accounts import permissions
from accounts.choices import DataClass, Role
from accounts.errors import PolicyUnavailable
from accounts.policy import bundle, deciding, engine
from accounts.policy import opa as opa_client
from accounts.policy.values import quarter_of
from aiagents.common.ids import new_id
from aiagents.common.principals import Principal
from aiagents.testing.opa_server import OpaDouble

FOLDER = Path(django_settings.POLICY_DIR)
FILES = bundle.read_bundle(FOLDER)
RULES = [
    rule
    for _, text in FILES.tests
    for rule in re.findall(r"^(test_\w+)", text, re.MULTILINE)
]
PACKAGE = "package aiagents.agent_access\nimport rego.v1\n"
#: Patient, because a busy machine is slow as well.
PATIENCE_S = 20


@pytest.fixture(scope="module")
def opa():
    with OpaDouble(FOLDER) as server:
        yield server
    opa_client._client().close()
    opa_client._client.cache_clear()


@pytest.fixture
def by_opa(opa, settings):
    """Decisions come from the server."""
    opa.behaviour, opa.closes = "answer", 0
    settings.OPA_URL, settings.OPA_TIMEOUT_S = opa.url, PATIENCE_S
    opa.asked.clear()
    return opa


@pytest.fixture(params=["in process", "opa"])
def rules(request):
    """The same tests for both ways to decide."""
    if request.param == "opa":
        request.getfixturevalue("by_opa")
    return request.param


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


@pytest.fixture
def use_policy(settings, tmp_path):
    """Put other rules in force."""

    def use(text, data="{}"):
        (tmp_path / "policy.rego").write_text(text)
        (tmp_path / "data.json").write_text(data)
        settings.POLICY_DIR = str(tmp_path)
        deciding._rules.cache_clear()

    yield use
    deciding._rules.cache_clear()


class TestRegoFiles:
    @pytest.mark.parametrize("rule", RULES)
    def test_rule(self, rule):
        both = engine.build_engine(FILES, with_tests=True)
        assert both.eval_rule(f"data.aiagents.agent_access_test.{rule}") is True

    def test_every_rule_holds_over_opas_data_api(self, opa):
        import httpx2

        opa.behaviour = "answer"
        with httpx2.Client(trust_env=False) as client:
            for rule in RULES:
                url = f"{opa.url}/v1/data/aiagents/agent_access_test/{rule}"
                assert client.post(url, json={"input": {}}).json() == {"result": True}

    def test_there_are_rules(self):
        assert len(RULES) > 30

    def test_every_role_of_the_file_can_be_given(self):
        named = json.loads((FOLDER / "roles.json").read_text())["roles"]
        assert set(named) == set(Role.values)

    def test_every_data_class_of_the_file_can_be_named(self):
        roles = json.loads((FOLDER / "roles.json").read_text())["roles"]
        named = {one for role in roles.values() for one in role["data_classes"]}
        assert named == set(DataClass.values)


class TestDecideRun:
    @pytest.mark.parametrize("risk", ["low", "medium"])
    def test_a_user_runs_low_and_medium(self, rules, risk):
        assert decide(principal("user"), risk=risk).allowed

    def test_high_risk_takes_a_role_and_says_which(self, rules):
        decision = decide(principal("user"), risk="high")
        assert not decision.allowed
        assert "agent_operator, curator, finance" in decision.reasons[0]

    @pytest.mark.parametrize("role", ["admin", "curator", "agent_operator", "finance"])
    def test_high_risk_with_the_role(self, rules, role):
        decision = decide(principal("user", role), risk="high")
        assert decision.allowed
        assert decision.obligations == ("human_review",)

    def test_restricted_data_takes_a_role(self, rules):
        assert not decide(principal("user"), data_class="restricted").allowed
        assert decide(principal("finance"), data_class="restricted").allowed

    def test_suspended_for_everybody(self, rules):
        decision = decide(principal("admin"), is_suspended=True)
        assert not decision.allowed
        assert decision.reasons == (
            "Agent 'contract-risk' is suspended; choose another agent or ask a curator.",
        )

    def test_a_key_needs_the_scope(self, rules):
        assert decide(principal("user", scopes=["executions:run"])).allowed
        refused = decide(principal("admin", scopes=["agents:read"]))
        assert not refused.allowed
        assert "executions:run" in refused.reasons[0]

    def test_a_key_without_any_scope_is_no_person(self, rules):
        assert not decide(principal("admin", scopes=[])).allowed

    def test_equal_questions_have_equal_digests_and_own_ids(self, rules, clock):
        who = principal("user")
        first, second, other = decide(who), decide(who), decide(who, risk="medium")
        assert first.input_digest == second.input_digest != other.input_digest
        assert first.id != second.id

    def test_works_in_many_threads(self, rules):
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

    def test_both_engines_say_the_same(self, by_opa, settings, clock):
        who = [
            principal("user"),
            principal("hr"),
            principal("admin", scopes=["agents:read"]),
        ]
        asked = [(one, risk) for one in who for risk in ("low", "high", "none")]

        def ask():
            found = [decide(one, risk=risk) for one, risk in asked]
            return [
                (d.allowed, d.reasons, d.obligations, d.input_digest) for d in found
            ]

        over_http = ask()
        settings.OPA_URL = ""
        assert ask() == over_http

    def test_rules_may_look_at_the_time(self, use_policy, clock):
        use_policy(
            PACKAGE + 'decision := {"allow": clock[0] == 12, "reasons": ["x"]}\n'
            "clock := time.clock(time.parse_rfc3339_ns(input.time))"
        )
        assert decide(principal("user")).allowed
        clock.advance(hours=1)
        assert not decide(principal("user")).allowed

    def test_an_engine_is_made_once_in_a_thread(self, monkeypatch):
        made = []
        real = engine.build_engine

        def build(files):
            made.append(files)
            return real(files)

        monkeypatch.setattr(engine, "build_engine", build)
        rules = engine.RegorusEngine(FILES)
        for _ in range(5):
            rules.evaluate({})
        thread = threading.Thread(target=rules.evaluate, args=[{}])
        thread.start()
        thread.join()
        assert len(made) == 2


@pytest.mark.parametrize(
    ("minute", "quarter"), [(0, 0), (14, 0), (15, 15), (44, 30), (59, 45)]
)
def test_time_is_told_by_the_quarter(minute, quarter):
    moment = dt.datetime(2026, 1, 15, 12, minute, 59, 5, tzinfo=dt.UTC)
    assert quarter_of(moment) == moment.replace(minute=quarter, second=0, microsecond=0)


class TestFailsClosed:
    @pytest.mark.parametrize(
        "text",
        [
            "this is no rego",
            "",
            PACKAGE,
            PACKAGE + "decision := true",
            PACKAGE + 'decision := {"allow": "yes", "reasons": ["x"]}',
            PACKAGE + 'decision := {"allow": true, "reasons": []}',
            PACKAGE + 'decision := {"allow": true, "reasons": [1]}',
            PACKAGE + 'decision := {"allow": true}',
            PACKAGE + 'decision := {"allow": true, "reasons": ["x"]} if false',
            PACKAGE
            + 'decision := {"allow": true, "reasons": ["x"], "obligations": ["dance"]}',
            PACKAGE + 'decision := {"allow": true, "reasons": ["x"], "obligations": 1}',
            'package elsewhere\ndecision := {"allow": true, "reasons": ["x"]}',
        ],
    )
    def test_broken_rules_decide_nothing(self, use_policy, text):
        use_policy(text)
        with pytest.raises(PolicyUnavailable):
            decide(principal("admin"))
        assert not permissions.policy_works()

    @pytest.mark.parametrize("data", ["", "[]", "{"])
    def test_broken_data_decides_nothing(self, use_policy, data):
        use_policy(FILES.rules[0][1], data)
        assert not permissions.policy_works()

    def test_a_folder_without_rules_decides_nothing(self, settings, tmp_path):
        settings.POLICY_DIR = str(tmp_path / "missing")
        assert not permissions.policy_works()

    def test_two_files_may_not_say_the_same_twice(self):
        with pytest.raises(bundle.BadPolicyError, match=r"b\.json"):
            bundle.merged({"a.json": '{"roles": 1}', "b.json": '{"roles": 2}'})

    # Python warns because the foreign engine is also let go in the wrong thread.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_the_engine_of_another_thread_decides_nothing_and_is_replaced(self):
        """Its panic is a BaseException: `except Exception` would let it through."""
        foreign = []
        maker = threading.Thread(
            target=lambda: foreign.append(engine.build_engine(FILES))
        )
        maker.start()
        maker.join()
        rules = engine.RegorusEngine(FILES)
        rules._of_thread.engine = foreign[0]
        with pytest.raises(permissions.NoDecisionError):
            rules.evaluate({})
        assert rules.evaluate({})["allow"] is False

    def test_a_slow_decision_is_none(self, monkeypatch):
        monkeypatch.setattr(engine, "TIMEOUT_S", -1.0)
        with pytest.raises(PolicyUnavailable):
            decide(principal("admin"))

    def test_an_engine_that_cannot_be_made_decides_nothing(self, monkeypatch):
        monkeypatch.delattr(regorus, "Engine")
        with pytest.raises(permissions.NoDecisionError):
            engine.RegorusEngine(FILES).evaluate({})

    def test_works_when_nothing_is_broken(self, rules):
        assert permissions.policy_works()


class TestOpa:
    def test_asks_with_the_input_document(self, by_opa):
        decide(principal("user"))
        assert by_opa.asked[0]["input"]["agent"]["slug"] == "contract-risk"

    @pytest.mark.parametrize(
        "behaviour",
        ["error", "garbage", "empty", "undefined", "wrong", "huge", "cut", "redirect"],
    )
    def test_a_bad_answer_is_none(self, by_opa, behaviour):
        by_opa.behaviour = behaviour
        with pytest.raises(PolicyUnavailable):
            decide(principal("admin"))
        assert not permissions.policy_works()
        by_opa.behaviour = "answer"
        assert decide(principal("admin")).allowed

    @pytest.mark.parametrize("behaviour", ["hang", "drip"])
    def test_too_slow_is_no_answer(self, by_opa, settings, behaviour):
        by_opa.behaviour = behaviour
        settings.OPA_TIMEOUT_S = 0.1
        with pytest.raises(PolicyUnavailable):
            decide(principal("admin"))

    def test_nobody_there_is_no_answer(self, settings):
        with OpaDouble(FOLDER) as server:
            settings.OPA_URL = server.url
        with pytest.raises(PolicyUnavailable):
            decide(principal("admin"))

    def test_a_connection_that_was_closed_is_opened_again_once(self, by_opa):
        by_opa.closes = 1
        assert decide(principal("admin")).allowed
        by_opa.closes = 2
        with pytest.raises(PolicyUnavailable):
            decide(principal("admin"))
