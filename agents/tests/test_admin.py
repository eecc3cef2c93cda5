"""The work screens of agents."""

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.urls import reverse

from agents.models import (
    Agent,
    AgentVersion,
    Batch,
    Category,
    EvalResult,
    EvalRun,
    Execution,
    ModelPrice,
    ModelProfile,
    Shipment,
    Topic,
)
from agents.tests.factories import (
    AgentFactory,
    BatchFactory,
    EvalResultFactory,
    ExecutionFactory,
)
from aiagents.common import clock

pytestmark = pytest.mark.django_db
LIST = "admin:agents_{}_changelist"
EVALS = [EvalRun, EvalResult]
READ_ONLY = [Category, Topic, Agent, AgentVersion, Execution, Batch, Shipment, *EVALS]
ALL = [*READ_ONLY, ModelProfile, ModelPrice]


def price(**parts):
    given = {"input_usd": 1, "output_usd": 2, "cache_read_usd": 0, "cache_write_usd": 1}
    return ModelPrice.objects.create(
        model_id="one", valid_from=clock.now(), **{**given, **parts}
    )


def row_of(model):
    """One row of each kind."""
    execution = ExecutionFactory(succeeded=True, output="<b>secret result</b>")
    ModelProfile.objects.create(tier="fast", model_id="one")
    price()
    EvalResultFactory(version=execution.version)
    if model in {Batch, Shipment}:
        now = clock.now()
        batch = BatchFactory(agent=execution.agent, name="secret name")
        Shipment.objects.create(batch=batch, row_count=3, due_at=now, created_at=now)
    return execution if model is Execution else model.objects.first()


@pytest.fixture
def admin_page(client, administrator):
    client.force_login(administrator.user)
    return client


class TestPages:
    @pytest.mark.parametrize("model", ALL)
    def test_open(self, admin_page, model):
        row = row_of(model)
        name = model._meta.model_name
        listed = admin_page.get(reverse(LIST.format(name)), {"q": "x"})
        one = admin_page.get(reverse(f"admin:agents_{name}_change", args=[row.pk]))
        assert (listed.status_code, one.status_code) == (200, 200)
        assert "{{" not in one.text

    @pytest.mark.parametrize("model", ALL)
    def test_send_a_stranger_to_the_login(self, client, stranger, model):
        client.force_login(stranger.user)
        answer = client.get(reverse(LIST.format(model._meta.model_name)))
        assert answer.status_code == 302
        assert "/admin/login/" in answer.url

    @pytest.mark.parametrize("model", READ_ONLY)
    def test_change_nothing(self, admin_page, model):
        row = row_of(model)
        name = model._meta.model_name
        for kind, arguments in (("add", []), ("delete", [row.pk])):
            answer = admin_page.post(
                reverse(f"admin:agents_{name}_{kind}", args=arguments)
            )
            assert answer.status_code == 403
        change = reverse(f"admin:agents_{name}_change", args=[row.pk])
        assert admin_page.post(change, {"name": "Other"}).status_code == 403

    def test_show_a_definition_as_text(self, admin_page):
        agent = AgentFactory()
        version = agent.live_version
        version.definition["role"] = "<script>alert(1)</script> {{ 7 }}"
        version.save()
        address = reverse("admin:agents_agentversion_change", args=[version.pk])
        page = admin_page.get(address).text
        assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 }}" in page
        assert "<script>alert(1)" not in page

    def test_show_verdicts_as_text_failures_first(self, admin_page):
        row = EvalResultFactory()
        address = reverse("admin:agents_evalresult_change", args=[row.pk])
        page = admin_page.get(address).text
        assert "contains &lt;b&gt;: not found" in page
        assert page.index("FAILED") < page.index("<strong>passed")

    def test_results_take_as_many_queries_for_ten(self, admin_page, query_counts):
        address = reverse(LIST.format("evalresult"))
        EvalResultFactory()
        admin_page.get(address)
        with query_counts("admin:evalresult.changelist"):
            admin_page.get(address)
        EvalResultFactory.create_batch(9)
        with query_counts("admin:evalresult.changelist"):
            admin_page.get(address)

    def test_do_not_show_what_people_typed(self, admin_page):
        run = row_of(Execution)
        page = admin_page.get(
            reverse("admin:agents_execution_change", args=[run.pk])
        ).text
        assert "secret result" not in page
        assert "The buyer pays" not in page

    @pytest.mark.parametrize("model", [Agent, AgentVersion, Execution])
    def test_take_as_many_queries_for_ten(self, admin_page, query_counts, model):
        name = model._meta.model_name
        address = reverse(LIST.format(name))
        ExecutionFactory(succeeded=True)
        admin_page.get(address)
        with query_counts(f"admin:{name}.changelist"):
            admin_page.get(address)
        ExecutionFactory.create_batch(9, succeeded=True)
        with query_counts(f"admin:{name}.changelist"):
            admin_page.get(address)


class TestSuspend:
    def act(self, page, action, *agents, **more):
        chosen = [str(agent.pk) for agent in agents]
        data = {"action": action, ACTION_CHECKBOX_NAME: chosen, **more}
        return page.post(reverse(LIST.format("agent")), data, follow=True)

    def test_asks_for_the_reason_first(self, admin_page):
        agent = AgentFactory()
        answer = self.act(admin_page, "suspend", agent)
        assert answer.status_code == 200
        assert "Reason, shown to everybody" in answer.text
        agent.refresh_from_db()
        assert not agent.is_suspended

    def test_asks_again_for_an_empty_reason(self, admin_page):
        agent = AgentFactory()
        answer = self.act(admin_page, "suspend", agent, confirmed="yes", reason=" ")
        assert "This field is required" in answer.text
        agent.refresh_from_db()
        assert not agent.is_suspended

    def test_suspends_and_says_so(self, admin_page):
        agents = AgentFactory.create_batch(2)
        answer = self.act(
            admin_page, "suspend", *agents, confirmed="yes", reason="Wrong limits."
        )
        for agent in agents:
            assert f"{agent.slug}: done." in answer.text
            agent.refresh_from_db()
            assert agent.suspended_reason == "Wrong limits."

    def test_says_what_could_not_be_done(self, admin_page):
        answer = self.act(admin_page, "resume", AgentFactory())
        assert "is not suspended" in answer.text

    def test_resumes(self, admin_page):
        agent = AgentFactory(suspended_at=clock.now(), suspended_reason="Wrong.")
        answer = self.act(admin_page, "resume", agent)
        assert f"{agent.slug}: done." in answer.text
        agent.refresh_from_db()
        assert not agent.is_suspended


class TestModels:
    def test_changes_the_model_of_a_tier(self, admin_page):
        profile = ModelProfile.objects.create(tier="fast", model_id="one")
        address = reverse("admin:agents_modelprofile_change", args=[profile.pk])
        fields = {
            "model_id": "two",
            "effort": "low",
            "max_tokens": 5,
            "context_tokens": 9,
        }
        answer = admin_page.post(address, {**fields, "capabilities": '["effort"]'})
        assert answer.status_code == 302
        profile.refresh_from_db()
        assert (profile.tier, profile.model_id) == ("fast", "two")

    def test_adds_a_price_and_changes_none(self, admin_page):
        address = reverse("admin:agents_modelprice_add")
        fields = {"model_id": "two", "above_prompt_tokens": 0, "source": "a page"}
        amounts = dict.fromkeys(
            ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd"), "1.5"
        )
        moment = {"valid_from_0": "2026-01-01", "valid_from_1": "00:00:00"}
        assert admin_page.post(address, fields | amounts | moment).status_code == 302
        row = ModelPrice.objects.get(model_id="two")
        change = reverse("admin:agents_modelprice_change", args=[row.pk])
        assert admin_page.post(change, fields).status_code == 403
