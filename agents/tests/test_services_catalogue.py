"""Loading definitions into the database, and writing them back."""

import datetime as dt
import shutil

import pytest

from accounts.models import AuditEntry
from accounts.tests.factories import UserFactory
from agents import services
from agents.catalogue.digest import definition_digest
from agents.choices import VersionStatus
from agents.models import Agent, AgentVersion, Category, ModelPrice, ModelProfile, Topic
from agents.tests.shelf import PLACES, RECORD, SELECTOR
from aiagents.common.errors import InvalidInput
from analytics.models import Event

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 1, 15, 12, 0, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=1)


def load(shelf, now=NOW):
    return services.load_catalogue(folder=shelf.root, now=now)


def selector():
    return Agent.objects.get(slug=SELECTOR)


def versions(slug=SELECTOR):
    rows = AgentVersion.objects.filter(agent__slug=slug).order_by("number")
    return [(row.number, row.status) for row in rows]


def edit_in_database(role, *, author=None):
    """What a curator does: a new draft with another text."""
    agent = selector()
    newest = agent.versions.order_by("-number").first()
    definition = newest.definition | {"role": role}
    return AgentVersion.objects.create(
        agent=agent,
        number=newest.number + 1,
        definition=definition,
        digest=definition_digest(definition),
        author=author or UserFactory(),
        created_at=NOW,
    )


class TestFirstLoad:
    def test_makes_drafts_of_what_nobody_accepted(self, shelf):
        report = load(shelf)
        assert (report.created, report.drafts, report.updated) == (2, 2, 0)
        assert (report.errors, report.conflicts, report.missing) == ((), (), ())
        assert versions() == [(1, VersionStatus.DRAFT)]
        assert selector().live_version is None
        assert selector().name == "Incoterms Term Selector"
        assert not Event.objects.filter(type="agent.published").exists()

    def test_publishes_what_was_accepted(self, shelf):
        shelf.accept(SELECTOR)
        report = load(shelf)
        assert (report.created, report.drafts) == (2, 1)
        agent = selector()
        assert agent.live_version.status == VersionStatus.PUBLISHED
        assert agent.live_version.published_at == agent.published_at == NOW
        assert agent.live_version.definition == shelf.agent()
        assert agent.file_digest == agent.live_version.digest
        assert (agent.tier, agent.risk) == ("standard", "medium")
        event = Event.objects.get(type="agent.published")
        assert event.aggregate_id == agent.id
        assert event.data == {
            "agent": SELECTOR,
            "category": "logistics_manufacturing",
            "agent_version": 1,
        }

    def test_the_audit_tells_each_published_version(self, shelf):
        shelf.accept()
        load(shelf)
        told = AuditEntry.objects.filter(action="agent.published", at=NOW)
        assert {(e.target, e.details["digest"]) for e in told} == {
            (f"agent:{slug}", definition_digest(shelf.agent(slug))) for slug in PLACES
        }
        load(shelf, LATER)
        assert told.count() == AuditEntry.objects.count()

    def test_does_not_publish_another_text_than_the_accepted(self, shelf):
        shelf.accept(SELECTOR)
        shelf.change(role="a trade-terms adviser to large exporters")
        load(shelf)
        assert selector().live_version is None

    def test_makes_categories_and_topics(self, shelf):
        load(shelf)
        assert Category.objects.count() == 2
        topic = Topic.objects.get(slug="customs-trade")
        assert topic.name == "Customs Trade"
        assert topic.glossary == shelf.files[PLACES[SELECTOR]]["glossary"]
        assert topic.category.slug == "logistics_manufacturing"
        domain = (shelf.root / "logistics_manufacturing/_category.yaml").read_text()
        assert topic.category.domain.split()[:5] == domain.split()[3:8]

    def test_tells_how_far_it_is(self, shelf):
        told = []
        services.load_catalogue(
            folder=shelf.root, now=NOW, on_progress=lambda *step: told.append(step)
        )
        assert told == [(1, 2), (2, 2)]

    def test_needs_a_taxonomy(self, shelf):
        (shelf.root / "taxonomy.yaml").unlink()
        with pytest.raises(InvalidInput, match="No usable taxonomy"):
            load(shelf)


class TestBadDefinitions:
    def test_one_is_reported_and_the_rest_is_loaded(self, shelf):
        shelf.change(RECORD, purpose="Too short.")
        report = load(shelf)
        assert report.created == 1
        (problem,) = report.errors
        assert problem.file == shelf.path(*PLACES[RECORD])
        assert problem.slug == RECORD
        assert problem.reason.startswith("purpose: 'Too short.' is too short")
        lines = problem.file.read_text().splitlines()
        assert lines[problem.line - 1].strip() == "purpose: Too short."

    def test_a_doubled_key_costs_one_agent(self, shelf):
        other = shelf.agent() | {"slug": "delivery-term-picker"}
        shelf.add(other)
        path = shelf.path(*PLACES[SELECTOR])
        path.write_text(
            path.read_text().replace("    risk:", "    name: Twice\n    risk:", 1)
        )
        report = load(shelf)
        assert [problem.reason for problem in report.errors] == [
            "the key name occurs twice"
        ]
        assert set(Agent.objects.values_list("slug", flat=True)) == {
            "delivery-term-picker",
            RECORD,
        }

    def test_a_file_that_is_no_yaml_costs_the_file(self, shelf):
        shelf.path(*PLACES[RECORD]).write_text("category: [")
        report = load(shelf)
        assert report.created == 1
        assert report.errors[0].reason.startswith("no YAML")

    def test_bytes_that_are_no_text(self, shelf):
        shelf.path(*PLACES[RECORD]).write_bytes(b"\xff\xfe\x00")
        assert load(shelf).errors[0].reason.startswith("cannot be read")

    def test_what_is_bad_now_stays_as_it_was(self, shelf):
        shelf.accept()
        load(shelf)
        shelf.change(purpose="Too short.")
        report = load(shelf, LATER)
        assert (report.updated, report.missing) == (0, ())
        assert selector().purpose.startswith("Choose the Incoterms")

    def test_a_broken_file_is_not_missing(self, shelf):
        load(shelf)
        shelf.path(*PLACES[RECORD]).write_text("category: [")
        assert load(shelf).missing == ()


class TestSecondLoad:
    def test_changes_nothing(self, shelf):
        shelf.accept()
        load(shelf)
        before = list(AgentVersion.objects.order_by("id").values())
        report = load(shelf, LATER)
        assert (report.created, report.updated, report.unchanged) == (0, 0, 2)
        assert list(AgentVersion.objects.order_by("id").values()) == before
        assert Event.objects.filter(type="agent.published").count() == 2

    def test_publishes_a_draft_that_was_accepted_since(self, shelf):
        load(shelf)
        shelf.accept(SELECTOR)
        report = load(shelf, LATER)
        assert (report.updated, report.unchanged, report.drafts) == (1, 1, 0)
        assert versions() == [(1, VersionStatus.PUBLISHED)]
        assert selector().live_version.definition == shelf.agent()
        assert selector().published_at == LATER

    def test_opens_a_draft_beside_the_published_version(self, shelf):
        shelf.accept()
        load(shelf)
        shelf.change(
            purpose="Choose the Incoterms 2020 rule for one sale and say why it fits."
        )
        report = load(shelf, LATER)
        assert (report.updated, report.drafts) == (1, 1)
        assert versions() == [(1, VersionStatus.PUBLISHED), (2, VersionStatus.DRAFT)]
        agent = selector()
        assert agent.live_version.number == 1
        assert agent.purpose.startswith("Choose the Incoterms 2020 rule and")
        assert agent.file_digest == definition_digest(shelf.agent())

    def test_publishes_a_changed_text_that_was_accepted(self, shelf):
        shelf.accept()
        load(shelf)
        shelf.change(
            purpose="Choose the Incoterms 2020 rule for one sale and say why it fits."
        )
        shelf.accept()
        assert load(shelf, LATER).drafts == 0
        assert versions() == [
            (1, VersionStatus.DEPRECATED),
            (2, VersionStatus.PUBLISHED),
        ]
        agent = selector()
        assert agent.live_version.number == 2
        assert agent.purpose.startswith("Choose the Incoterms 2020 rule for one sale")
        events = Event.objects.filter(type="agent.published", aggregate_id=agent.id)
        assert list(events.order_by("sequence").values_list("sequence", flat=True)) == [
            1,
            2,
        ]

    def test_rewrites_an_open_draft_of_the_file(self, shelf):
        shelf.accept()
        load(shelf)
        for role in ("an adviser to small exporters", "an adviser to small importers"):
            shelf.change(role=role)
            load(shelf, LATER)
        assert versions() == [(1, VersionStatus.PUBLISHED), (2, VersionStatus.DRAFT)]
        draft = AgentVersion.objects.get(agent__slug=SELECTOR, number=2)
        assert draft.definition["role"] == "an adviser to small importers"
        assert draft.digest == selector().file_digest

    def test_does_not_touch_a_draft_in_review(self, shelf):
        load(shelf)
        AgentVersion.objects.filter(agent__slug=SELECTOR).update(status="in_review")
        shelf.change(role="an adviser to small importers")
        load(shelf, LATER)
        assert versions() == [(1, VersionStatus.IN_REVIEW), (2, VersionStatus.DRAFT)]

    def test_moves_an_agent_with_its_file(self, shelf):
        load(shelf)
        data = shelf.files.pop(PLACES[SELECTOR])
        shelf.path(*PLACES[SELECTOR]).unlink()
        category = PLACES[SELECTOR][0]
        shelf.files[category, "freight-shipping"] = data | {"topic": "freight-shipping"}
        shelf.write()
        report = load(shelf, LATER)
        assert (report.updated, report.unchanged, report.missing) == (1, 1, ())
        assert selector().topic.slug == "freight-shipping"

    def test_reports_what_is_gone_and_keeps_it(self, shelf):
        load(shelf)
        shelf.path(*PLACES[SELECTOR]).unlink()
        report = load(shelf, LATER)
        assert report.missing == (SELECTOR,)
        assert Agent.objects.filter(slug=SELECTOR).exists()


class TestBothSides:
    def test_an_edit_in_the_database_stands(self, shelf):
        shelf.accept()
        load(shelf)
        edit_in_database("an adviser to exporters of wine")
        report = load(shelf, LATER)
        assert (report.unchanged, report.conflicts) == (2, ())
        assert versions() == [(1, VersionStatus.PUBLISHED), (2, VersionStatus.DRAFT)]

    def test_two_edits_are_a_conflict(self, shelf):
        shelf.accept()
        load(shelf)
        edit_in_database("an adviser to exporters of wine")
        shelf.change(role="an adviser to exporters of steel")
        before = list(Agent.objects.order_by("slug").values())
        report = load(shelf, LATER)
        assert report.conflicts == (SELECTOR,)
        assert (report.updated, report.unchanged) == (0, 1)
        assert list(Agent.objects.order_by("slug").values()) == before
        assert len(versions()) == 2

    def test_an_accepted_file_does_not_win_a_conflict(self, shelf):
        shelf.accept()
        load(shelf)
        edit_in_database("an adviser to exporters of wine")
        shelf.change(role="an adviser to exporters of steel")
        shelf.accept()
        assert load(shelf, LATER).conflicts == (SELECTOR,)
        assert selector().live_version.number == 1

    def test_the_same_edit_on_both_sides_is_none(self, shelf):
        shelf.accept()
        load(shelf)
        edit_in_database("an adviser to exporters of wine")
        shelf.change(role="an adviser to exporters of wine")
        report = load(shelf, LATER)
        assert report.conflicts == ()
        assert selector().file_digest == definition_digest(shelf.agent())
        assert load(shelf, LATER).unchanged == 2


class TestModels:
    PROFILE = "{tier: fast, model_id: small-1, effort: low, max_tokens: 100, context_tokens: 9, capabilities: []}"
    PRICE = (
        "{model_id: small-1, valid_from: '2026-01-01T00:00:00+00:00', above_prompt_tokens: 0, "
        "input_usd: '0.10', output_usd: '0.50', cache_read_usd: '0.01', "
        "cache_write_usd: '0.125', source: a page}"
    )

    def write(self, shelf, profile=PROFILE, price=PRICE):
        text = f"profiles:\n  - {profile}\nprices:\n  - {price}\n"
        (shelf.root.parent / "models.yaml").write_text(text)

    def test_are_made_once_and_never_overwritten(self, shelf):
        self.write(shelf)
        load(shelf)
        assert ModelPrice.objects.get().source == "a page"
        ModelProfile.objects.update(model_id="chosen-by-hand")
        ModelPrice.objects.update(source="corrected by hand")
        load(shelf, LATER)
        assert ModelProfile.objects.get().model_id == "chosen-by-hand"
        assert ModelPrice.objects.get().source == "corrected by hand"

    def test_refuse_a_bad_file(self, shelf):
        self.write(shelf, price=self.PRICE.replace("'0.10'", "cheap"))
        with pytest.raises(InvalidInput, match=r"prices\.0\.input_usd"):
            load(shelf)
        assert not Agent.objects.exists()

    def test_shipped_ones_are_good(self, shelf, settings):
        source = settings.CATALOGUE_DIR.parent / "models.yaml"
        shutil.copy(source, shelf.root.parent / "models.yaml")
        load(shelf)
        tiers = dict(ModelProfile.objects.values_list("tier", "model_id"))
        assert tiers.keys() == {"fast", "standard", "deep"}
        assert set(tiers.values()) == set(
            ModelPrice.objects.values_list("model_id", flat=True)
        )
        steps = ModelPrice.objects.filter(model_id=tiers["fast"])
        assert set(steps.values_list("above_prompt_tokens", flat=True)) == {0, 100_000}


class TestExport:
    def test_gives_the_same_bytes(self, shelf, tmp_path):
        shelf.accept()
        for name in ("zebra-term-picker", "alpha-term-picker"):
            shelf.add(shelf.agent() | {"slug": name})
        load(shelf)
        target = tmp_path / "export"
        report = services.export_catalogue(folder=target)
        for path in report.written:
            assert (
                path.read_bytes()
                == (shelf.root / path.relative_to(target)).read_bytes()
            )
        assert {str(path.relative_to(target)) for path in report.written} == {
            "hospitality_tourism/_category.yaml",
            "hospitality_tourism/kitchen-food-safety.yaml",
            "logistics_manufacturing/_category.yaml",
            "logistics_manufacturing/customs-trade.yaml",
        }

    def test_leaves_files_alone_that_hold_it(self, shelf):
        load(shelf)
        report = services.export_catalogue(folder=shelf.root)
        assert (report.written, report.unchanged) == ((), 4)

    def test_writes_what_was_edited_in_the_database(self, shelf):
        load(shelf)
        edit_in_database("an adviser to exporters of wine")
        report = services.export_catalogue(folder=shelf.root)
        assert report.written == (shelf.path(*PLACES[SELECTOR]),)
        assert "role: an adviser to exporters of wine" in report.written[0].read_text()

    def test_gives_the_shipped_catalogue_back(self, settings, tmp_path):
        services.load_catalogue(folder=settings.CATALOGUE_DIR, now=NOW)
        report = services.export_catalogue(folder=tmp_path)
        assert report.written
        for path in report.written:
            original = settings.CATALOGUE_DIR / path.relative_to(tmp_path)
            assert path.read_bytes() == original.read_bytes(), original
