"""`GET /categories` and `GET /agents/{slug}`."""

import pytest
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from agents.tests.factories import AgentFactory, CategoryFactory, TopicFactory

pytestmark = pytest.mark.django_db
CATEGORIES = "/api/v1/categories"


def address(slug):
    return f"/api/v1/agents/{slug}"


@pytest.fixture
def nobody():
    return APIClient()


class TestListCategories:
    def test_lists_all_on_one_page(self, nobody):
        for number in range(28):
            CategoryFactory(slug=f"category_{number}", position=number)
        AgentFactory(topic=TopicFactory(category__position=50))
        body = nobody.get(CATEGORIES).json()
        assert body["count"] == len(body["results"]) == 29
        assert body["next"] is body["previous"] is None
        assert body["results"][-1] == {
            "slug": "finance_legal",
            "name": "Finance and Legal",
            "description": "Work with contracts and money.",
            "agent_count": 1,
            "topics": [{"slug": "contracts", "name": "Contracts", "agent_count": 1}],
        }

    def test_pages_when_asked(self, nobody):
        CategoryFactory(slug="other")
        CategoryFactory()
        body = nobody.get(CATEGORIES, {"page_size": 1, "page": 2}).json()
        assert (body["count"], len(body["results"]), body["next"]) == (2, 1, None)

    @pytest.mark.parametrize(
        "query", [{"page_size": "0"}, {"page_size": "101"}, {"colour": "red"}]
    )
    def test_refuses_what_it_does_not_know(self, nobody, query):
        answer = nobody.get(CATEGORIES, query)
        assert answer.status_code == 400
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert list(answer.json()["errors"]) == list(query)

    def test_takes_as_many_queries_for_ten(self, nobody, query_counts):
        AgentFactory()
        with query_counts("api:categories.list"):
            nobody.get(CATEGORIES)
        for number in range(9):
            category = CategoryFactory(slug=f"category_{number}")
            AgentFactory(topic=TopicFactory(category=category))
        with query_counts("api:categories.list"):
            nobody.get(CATEGORIES)


class TestReadAgent:
    def test_is_open_to_everybody(self, nobody):
        agent = AgentFactory()
        body = nobody.get(address(agent.slug)).json()
        assert list(body) == [
            "slug",
            "name",
            "category",
            "topic",
            "purpose",
            "deliverable",
            "tags",
            "tier",
            "risk",
            "version",
            "quality",
            "median_cost_usd",
            "median_seconds",
            "users_7d",
            "url",
            "description",
            "inputs",
            "input_schema",
            "output",
            "samples",
            "standards",
            "limits",
            "versions",
        ]
        assert body["slug"] == agent.slug
        assert body["quality"] is body["median_cost_usd"] is None
        assert body["url"] == f"/marketplace/{agent.slug}"
        assert body["inputs"][0]["key"] == "text"
        assert body["samples"][0]["input"] == {
            "text": "1. The buyer pays.",
            "side": "buyer",
        }
        assert body["limits"] == {
            "never": ["Say that a clause is void."],
            "handoff": "",
        }
        assert body["output"]["format"] == "markdown"
        assert [version["number"] for version in body["versions"]] == [1]

    def test_gives_a_schema_that_its_samples_pass(self, nobody):
        body = nobody.get(address(AgentFactory().slug)).json()
        schema = Draft202012Validator(body["input_schema"])
        assert all(schema.is_valid(sample["input"]) for sample in body["samples"])
        assert not schema.is_valid({"other": 1})

    def test_is_the_same_without_the_prefix(self, nobody):
        slug = AgentFactory().slug
        assert nobody.get(f"/agents/{slug}").json() == nobody.get(address(slug)).json()

    def test_keeps_the_prompt_from_a_stranger(self, nobody, stranger, owner, api_key):
        slug = AgentFactory().slug
        for client in (nobody, stranger.client, owner.client, api_key.client):
            body = client.get(address(slug)).json()
            assert "system_prompt" not in body
            assert "careful reader" not in str(body)

    def test_shows_the_prompt_to_curators(self, curator, administrator):
        slug = AgentFactory().slug
        for actor in (curator, administrator):
            body = actor.client.get(address(slug)).json()
            assert "You are a careful reader." in body["system_prompt"]

    @pytest.mark.parametrize(
        "slug", ["not-there", "..%2F..%2Fetc", "a" * 300, "%00", "é"]
    )
    def test_does_not_find_what_is_not_there(self, nobody, slug):
        assert nobody.get(address(slug)).status_code in {400, 404}

    def test_does_not_find_a_draft(self, nobody):
        answer = nobody.get(address(AgentFactory(live=False).slug))
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"

    def test_refuses_parameters(self, nobody):
        answer = nobody.get(address(AgentFactory().slug), {"expand": "owner"})
        assert answer.status_code == 400
        assert "expand" in answer.json()["errors"]

    def test_is_only_read(self, curator):
        slug = AgentFactory().slug
        for method in ("post", "put", "patch", "delete"):
            answer = getattr(curator.client, method)(address(slug), {}, format="json")
            assert answer.status_code == 405
