"""The shared files of a catalogue, good and bad."""

import pytest

from agents.catalogue.canonical import canonical_text
from agents.catalogue.digest import definition_digest
from agents.catalogue.files import read_folder, read_models, read_prompt
from agents.tests.shelf import PLACES, RECORD, SELECTOR

CATEGORY = PLACES[SELECTOR][0]


def reasons(shelf):
    return [problem.reason for problem in read_folder(shelf.root).problems]


class TestReadFolder:
    def test_reads_everything(self, shelf):
        shelf.accept(SELECTOR)
        folder = read_folder(shelf.root)
        assert folder.problems == []
        assert {agent.slug for agent in folder.agents} == {SELECTOR, RECORD}
        assert folder.domains.keys() == {category for category, _ in PLACES.values()}
        assert folder.accepted.keys() == {SELECTOR}
        assert "Incoterms 2020" in folder.standards
        topic = folder.topic(*PLACES[RECORD])
        assert topic is not None
        assert topic.quota > 0

    def test_knows_where_each_part_of_an_agent_stands(self, shelf):
        agent = next(a for a in read_folder(shelf.root).agents if a.slug == SELECTOR)
        lines = shelf.path(*PLACES[SELECTOR]).read_text().splitlines()
        assert lines[agent.line - 1] == f"  - slug: {SELECTOR}"
        assert lines[agent.lines["handoff"] - 1].startswith("    handoff: ")

    def test_does_not_judge_a_known_text_again(self, shelf):
        shelf.change(purpose="Too short.")
        assert len(read_folder(shelf.root).problems) == 1
        known = {definition_digest(shelf.agent())}
        assert read_folder(shelf.root, known=known).problems == []

    def test_refuses_a_domain_in_the_wrong_folder(self, shelf):
        path = shelf.root / CATEGORY / "_category.yaml"
        path.write_text(path.read_text().replace(CATEGORY, "retail_ecommerce"))
        assert reasons(shelf) == [f"category retail_ecommerce stands in {CATEGORY}"]

    @pytest.mark.parametrize("name", ["_category", "_accepted", "_outline"])
    def test_bears_a_broken_file_of_a_category(self, shelf, name):
        (shelf.root / CATEGORY / f"{name}.yaml").write_text("category: no\n")
        assert reasons(shelf) == ["no is read as bool; put it in quotes"]
        (shelf.root / CATEGORY / f"{name}.yaml").write_text("other: 1\n")
        assert len(read_folder(shelf.root).agents) == 2
        assert reasons(shelf)

    def test_bears_no_standards(self, shelf):
        path = shelf.root / "_standards.yaml"
        path.write_text("standards:\n  - {name: ISO 1}\n")
        assert reasons(shelf)[0].startswith("standards.0: ")
        path.unlink()
        folder = read_folder(shelf.root)
        assert (folder.problems, folder.standards) == ([], frozenset())

    def test_refuses_a_digest_that_is_none(self, shelf):
        path = shelf.root / CATEGORY / "_accepted.yaml"
        path.write_text(canonical_text({"accepted": {SELECTOR: "yes"}}))
        assert reasons(shelf)[0].startswith(f"accepted.{SELECTOR}: ")

    def test_says_what_a_problem_is_about(self, shelf):
        shelf.change(purpose="Too short.")
        (problem,) = read_folder(shelf.root).problems
        assert str(problem).startswith(
            f"{problem.file}:{problem.line}: {SELECTOR}: purpose:"
        )


class TestReadPrompt:
    def test_has_rules_and_a_block_for_each_risk(self, shelf):
        rules, risk = read_prompt(shelf.root)
        assert "Questions" in rules
        assert risk.keys() == {"low", "medium", "high"}
        words = len(rules.split()) + max(len(block.split()) for block in risk.values())
        assert words <= 200

    def test_refuses_a_bad_file(self, shelf):
        (shelf.root / "_prompt.yaml").write_text("rules: []\n")
        with pytest.raises(ValueError, match=r"_prompt\.yaml:1"):
            read_prompt(shelf.root)
        (shelf.root / "_prompt.yaml").unlink()
        with pytest.raises(ValueError, match="cannot be read"):
            read_prompt(shelf.root)


class TestReadModels:
    def test_refuses_a_bad_file(self, tmp_path):
        path = tmp_path / "models.yaml"
        path.write_text("profiles: []\nprices:\n  - {model_id: one}\n")
        with pytest.raises(ValueError, match=r"models\.yaml:3: prices\.0"):
            read_models(path)
