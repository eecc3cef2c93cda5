"""Which agents are found by which words, and what is said about why."""

import dataclasses
import threading

import numpy as np
import pytest

from agents.models import Agent
from agents.selectors import SearchDocument
from agents.tests.factories import (
    AgentFactory,
    CategoryFactory,
    TopicFactory,
    definition,
)
from aiagents.common import clock
from marketplace import search
from marketplace.search.bm25 import WEIGHTS, Bm25
from marketplace.search.index import SearchIndex, current_index
from marketplace.search.words import Vocabulary, is_one_slip, stem, terms_of, words_of


def make_agent(slug, **texts):
    """A listed agent whose definition says other things than the usual one."""
    parts = definition(slug) | {"name": "Other", "purpose": "Do other things.", **texts}
    return AgentFactory(slug=slug, live__definition=parts)


@pytest.fixture
def catalogue(db):
    """Three agents about different things."""
    make_agent(
        "bank-reconciliation",
        name="Bank Reconciliation",
        purpose="Reconcile a bank statement with the ledger at month end.",
        deliverable="A list of invoices and payments that do not match.",
        tags=["reconciliation", "ledger", "bank"],
    )
    make_agent(
        "campaign-review",
        name="Campaign Review",
        purpose="Review an advertising campaign that brings few customers.",
        deliverable="A page with the three changes that matter most.",
        tags=["campaign", "adverts", "search-ads"],
    )
    make_agent(
        "volunteer-rota",
        name="Volunteer Rota",
        purpose="Plan shifts so that volunteers turn up.",
        deliverable="A rota for four weeks with a reserve for each shift.",
        tags=["volunteers", "shifts", "rota"],
    )


def slugs(matches):
    return [match.slug for match in matches]


class TestWords:
    def test_folds_case_accents_and_possessives(self):
        assert words_of("Renée's CAFÉ Straße №5") == [
            "renee",
            "cafe",
            "strasse",
            "no5",
        ]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("invoices", "invoice"),
            ("reconciling", "reconcile"),
            ("reconciled", "reconciles"),
            ("companies", "company"),
            ("planning", "plan"),
            ("classes", "class"),
            ("boxes", "box"),
            ("ads", "advertisement"),
            ("colour", "color"),
            ("programme", "program"),
        ],
    )
    def test_gives_forms_of_a_word_one_stem(self, one, other):
        assert stem(one) == stem(other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [("gas", "ga"), ("bus", "bu"), ("string", "str"), ("need", "ne")],
    )
    def test_leaves_short_words_whole(self, one, other):
        assert stem(one) != other

    def test_leaves_small_words_out(self):
        assert terms_of("please help me with the invoice") == [stem("invoice")]

    @pytest.mark.parametrize(
        ("one", "other", "is_slip"),
        [
            ("campagn", "campaign", True),
            ("recieve", "receive", True),
            ("refnd", "refund", True),
            ("legder", "ledger", True),
            ("bankk", "bank", True),
            ("bank", "bank", False),
            ("bank", "rang", False),
            ("bank", "banking", False),
            ("abcd", "badc", False),
        ],
    )
    def test_knows_one_slip(self, one, other, is_slip):
        assert is_one_slip(one, other) is is_slip
        assert is_one_slip(other, one) is is_slip

    def test_guesses_slips_before_beginnings(self):
        vocabulary = Vocabulary(["refund", "refunds", "refinery", "bank"])
        assert vocabulary.guesses("refnd") == ["refund"]
        assert vocabulary.guesses("ref") == ["refund", "refunds", "refinery"]
        assert vocabulary.guesses("bnk") == []
        assert vocabulary.guesses("zzzz") == []


class TestBm25:
    def scores(self, query, *documents):
        index = Bm25([dict.fromkeys(WEIGHTS, "") | document for document in documents])
        return index.scores(query)

    def test_weighs_a_name_more_than_a_method(self):
        name, method = self.scores(
            "bank", {"name": "Bank list"}, {"method": "Bank list"}
        )
        assert name > method > 0

    def test_weighs_a_rare_word_more(self):
        documents = [
            {"purpose": "list bank"},
            {"purpose": "list ship"},
            {"purpose": "list"},
        ]
        rare, common, _ = self.scores("bank list", *documents)
        assert rare > common > 0

    def test_weighs_a_long_field_less(self):
        long = "bank " + "filler words that say nothing " * 10
        short, longer = self.scores("bank", {"purpose": "bank"}, {"purpose": long})
        assert short > longer

    def test_counts_a_guess_less_than_the_word(self):
        (right,) = self.scores("ledger", {"name": "ledger"})
        (wrong,) = self.scores("legder", {"name": "ledger"})
        assert 0 < wrong < right

    def test_counts_a_repeated_word_once(self):
        documents = [{"name": "bank ship"}]
        assert self.scores("bank bank", *documents) == self.scores("bank", *documents)

    def test_bears_an_empty_catalogue(self):
        assert SearchIndex([]).hits("bank") == []

    def test_bears_empty_documents(self):
        assert not np.any(self.scores("bank", {}, {}))


@pytest.mark.usefixtures("catalogue")
class TestFind:
    @pytest.mark.parametrize(
        ("words", "first"),
        [
            ("reconcile invoices", "bank-reconciliation"),
            ("RECONCILING the Ledger!", "bank-reconciliation"),
            ("google ads campagn", "campaign-review"),
            ("voluntears keep not showing up for saturday shift", "volunteer-rota"),
            ("campai", "campaign-review"),
        ],
    )
    def test_puts_what_fits_first(self, words, first):
        assert search.find(words)[0] == first

    @pytest.mark.parametrize(
        "junk",
        ["", "   ", "!!!", "the and of", "\u202e\u200b", "%", "xqzwv", "('--", "帮助"],
    )
    def test_finds_nothing_for_junk(self, junk):
        assert search.find(junk) == []
        assert search.match(junk) == []

    def test_bears_a_very_long_query(self):
        assert search.find("ledger " * 50_000) == search.find("ledger")

    def test_leaves_chance_hits_out(self):
        assert search.find("bank ledger reconciliation contract") == [
            "bank-reconciliation"
        ]


@pytest.mark.usefixtures("catalogue")
class TestMatch:
    def test_says_where_the_words_fit(self):
        first = search.match("reconcile invoices with the bank")[0]
        assert first.slug == "bank-reconciliation"
        assert first.score > 0
        assert first.reasons == (
            "name: bank",
            "purpose: reconcile",
            "deliverable: invoices",
        )

    def test_names_the_word_that_was_meant(self):
        (match,) = search.match("legder")
        assert match.reasons == ("purpose: ledger",)

    def test_stays_in_a_category(self):
        other = TopicFactory(slug="other", category=CategoryFactory(slug="other_work"))
        Agent.objects.filter(slug="campaign-review").update(
            topic=other, category=other.category
        )
        Agent.objects.filter(slug="volunteer-rota").update(published_at=clock.now())
        assert slugs(search.match("campaign rota", category="other_work")) == [
            "campaign-review"
        ]
        assert search.match("campaign", category="not_there") == []

    def test_gives_no_more_than_asked(self):
        assert len(search.match("campaign rota ledger", limit=2)) == 2

    def test_leaves_suspended_agents_out(self):
        Agent.objects.filter(slug="campaign-review").update(suspended_at=clock.now())
        assert search.match("campaign") == []
        assert search.find("campaign") == ["campaign-review"]


@pytest.mark.django_db
class TestCurrentIndex:
    def test_is_kept_while_nothing_changes(self, django_assert_num_queries):
        AgentFactory()
        index = current_index()
        with django_assert_num_queries(1):
            assert current_index() is index

    def test_knows_a_new_agent_at_once(self, catalogue):
        assert search.find("submarine") == []
        make_agent("submarine-log", name="Submarine Log")
        assert search.find("submarine") == ["submarine-log"]

    def test_forgets_an_agent_that_is_gone(self, catalogue):
        assert search.find("rota")
        Agent.objects.filter(slug="volunteer-rota").update(live_version=None)
        assert search.find("rota") == []

    def test_does_not_wait_for_a_builder(self, catalogue, monkeypatch):
        index = current_index()
        make_agent("submarine-log", name="Submarine Log")
        asked, go_on = threading.Event(), threading.Event()
        answers = []

        def slow(*args):
            asked.set()
            assert go_on.wait(10)
            return SearchIndex(*args)

        monkeypatch.setattr("marketplace.search.index.SearchIndex", slow)
        monkeypatch.setattr(
            "marketplace.search.index.agent_selectors.catalogue_stamp", lambda: "new"
        )
        monkeypatch.setattr(
            "marketplace.search.index.agent_selectors.iterate_search_documents", list
        )
        builder = threading.Thread(target=lambda: answers.append(current_index()))
        builder.start()
        assert asked.wait(10)
        assert current_index() is index
        go_on.set()
        builder.join(10)
        assert answers[0] is current_index()
        assert answers[0] is not index


class TestSearchIndex:
    def test_can_take_another_ranking_in(self):
        """A subclass fuses its own scores with those of the words."""

        class Fused(SearchIndex):
            def scores(self, query):
                own = np.array([0.0, 5.0])
                return super().scores(query) + own

        blank = dict.fromkeys(WEIGHTS, "")
        one = SearchDocument(
            slug="one",
            category="c",
            is_suspended=False,
            fields=blank | {"name": "bank"},
        )
        two = dataclasses.replace(one, slug="two", fields=blank | {"name": "ship"})
        assert Fused([one, two]).hits("bank")[0].document == two
