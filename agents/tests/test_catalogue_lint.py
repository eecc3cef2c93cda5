"""Each rule of the linter, and the text that breaks it."""

import copy

import pytest
from django.conf import settings

from agents.catalogue import lint, lint_whole
from agents.catalogue.canonical import canonical_text
from agents.tests.shelf import PLACES, RECORD, SELECTOR

CUSTOMS = PLACES[SELECTOR]


def twin(shelf, slug="delivery-term-picker", **parts):
    """Another agent with the selector's text but for `parts`."""
    agent = copy.deepcopy(shelf.agent())
    agent.update({"slug": slug, **parts})
    return agent


def with_name(line, name):
    """The line's beginning with the name after each third word: no five words without it."""
    words = line.split()[:15]
    runs = [words[place : place + 3] for place in range(0, len(words), 3)]
    return f" {name} ".join(" ".join(run) for run in runs)


def levels(findings):
    return [finding.level for finding in findings]


class TestGoodCatalogue:
    def test_breaks_no_rule(self, shelf):
        assert [str(f) for f in lint.lint_folder(shelf.root) if f.level == "E"] == []

    def test_is_what_is_shipped(self):
        findings = lint.lint_folder(settings.CATALOGUE_DIR)
        assert [str(f) for f in findings if f.level == "E"] == []


class TestL01:
    def test_schema(self, shelf):
        shelf.change(purpose="Too short.")
        (finding,) = shelf.lint("L01")
        line = shelf.path(*CUSTOMS).read_text().splitlines()[finding.line - 1]
        assert line.strip() == "purpose: Too short."
        assert finding.slug == SELECTOR

    def test_form(self, shelf):
        path = shelf.path(*CUSTOMS)
        path.write_text(path.read_text().replace("risk: medium", "risk:  medium"))
        (finding,) = shelf.lint("L01")
        assert "canonical" in finding.message
        assert (
            path.read_text().splitlines()[finding.line - 1].strip() == "risk:  medium"
        )
        assert lint.rewrite_folder(shelf.root) == [path]
        assert shelf.lint("L01") == []

    def test_path(self, shelf):
        shelf.path(*CUSTOMS).rename(shelf.path(CUSTOMS[0], "warehousing"))
        (finding,) = shelf.lint("L01")
        expected = (
            "the head says logistics_manufacturing/customs-trade, the path does not"
        )
        assert finding.message == expected

    def test_taxonomy(self, shelf):
        data = shelf.files.pop(CUSTOMS)
        shelf.path(*CUSTOMS).unlink()
        shelf.files[CUSTOMS[0], "moon-trade"] = data | {"topic": "moon-trade"}
        shelf.write()
        (finding,) = shelf.lint("L01")
        assert finding.message.endswith("moon-trade is not in the taxonomy")

    def test_repeated_slug(self, shelf):
        shelf.add(copy.deepcopy(shelf.agent()))
        (finding,) = shelf.lint("L01")
        assert (
            "the slug is taken by logistics_manufacturing/customs-trade"
            in finding.message
        )

    def test_quota(self, shelf):
        for number in range(6):
            shelf.add(twin(shelf, slug=f"term-picker-{'abcdefgh'[number] * 3}"))
        messages = [finding.message for finding in shelf.lint("L01")]
        assert any("maxItems" in m or "too long" in m or "quota" in m for m in messages)

    def test_quota_counts_the_outline(self, shelf):
        rows = [
            {
                "slug": f"planned-agent-{letter * 3}",
                "name": "Planned Agent",
                "purpose": "Plan something that nobody has written down so far.",
                "deliverable": "A plan of something.",
                "risk": "low",
            }
            for letter in "abcde"
        ]
        outline = {
            "category": CUSTOMS[0],
            "topics": [{"topic": CUSTOMS[1], "agents": rows}],
        }
        (shelf.root / CUSTOMS[0] / "_outline.yaml").write_text(canonical_text(outline))
        (finding,) = shelf.lint("L01")
        assert finding.message == "6 agents; the quota of the topic is 5"

    def test_outline_leaves_written_agents_out(self, shelf):
        agent = shelf.agent()
        row = {
            key: agent[key]
            for key in ("slug", "name", "purpose", "deliverable", "risk")
        }
        outline = {
            "category": CUSTOMS[0],
            "topics": [{"topic": CUSTOMS[1], "agents": [row]}],
        }
        (shelf.root / CUSTOMS[0] / "_outline.yaml").write_text(canonical_text(outline))
        (finding,) = shelf.lint("L01")
        assert finding.slug == SELECTOR
        assert "leaves the outline" in finding.message

    def test_acceptance_of_another_text(self, shelf):
        shelf.accept(SELECTOR)
        assert shelf.lint("L01") == []
        shelf.change(role="a trade-terms adviser to large exporters")
        (finding,) = shelf.lint("L01")
        assert finding.file.name == "_accepted.yaml"
        assert (finding.slug, finding.line) == (SELECTOR, 1)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"slug": "library"}, "the slug library is reserved"),
            ({"inputs": "double"}, "the input goods occurs twice"),
            ({"inputs": "reserved"}, "the input name task_description is reserved"),
            ({"inputs": "default"}, "the default of mode: One of these is expected"),
            ({"inputs": "bounds"}, "the input weight has a min above its max"),
            ({"samples": "regex"}, "the regular expression does not compile"),
            ({"output": "schema"}, "json_schema is no JSON Schema"),
        ],
    )
    def test_what_a_schema_cannot_say(self, shelf, change, reason):
        agent = shelf.agent()
        match change:
            case {"slug": slug}:
                agent["slug"] = slug
            case {"inputs": "double"}:
                agent["inputs"].append(copy.deepcopy(agent["inputs"][1]))
            case {"inputs": "reserved"}:
                agent["inputs"][1]["key"] = "task_description"
            case {"inputs": "default"}:
                agent["inputs"][2]["default"] = "rocket"
            case {"inputs": "bounds"}:
                bad = {
                    "key": "weight",
                    "label": "Weight",
                    "type": "number",
                    "required": False,
                }
                agent["inputs"].append(bad | {"min": 5, "max": 1})
            case {"samples": "regex"}:
                agent["samples"][0]["checks"][1]["value"] = "(unclosed"
            case {"output": "schema"}:
                agent["output"] = {"format": "json", "json_schema": {"type": "thing"}}
        shelf.write()
        assert any(reason in finding.message for finding in shelf.lint("L01"))

    def test_repeated_standard(self, shelf):
        path = shelf.root / "_standards.yaml"
        text = path.read_text()
        path.write_text(text + text.removeprefix("standards:\n"))
        findings = shelf.lint("L01")
        assert findings
        assert all(finding.message.endswith("occurs twice") for finding in findings)


class TestRulesOfOneAgent:
    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("Incoterms Selector 7", "ends in a number"),
            ("Customs Agent #3", "numbered name"),
            ("Logistics Manufacturing Assistant", "only category words"),
            ("Expert Assistant", "only generic words"),
            ("Incoterms Selector copy", "copy or version suffix"),
            ("Logistics Helper 12", "agent + number"),
        ],
    )
    def test_l02_filler_name(self, shelf, name, why):
        shelf.change(name=name)
        (finding,) = shelf.lint("L02")
        assert finding.message == f"filler name: {why}"

    def test_l02_allows_the_number_of_a_standard(self, shelf):
        shelf.change(name="Gap List for ISO 9001")
        assert shelf.lint("L02") == []

    def test_l03_words(self, shelf):
        agent = shelf.agent()
        line = "Weigh each cost against the place where the risk passes to the buyer of goods."
        agent["method"] = [
            f"{verb} {line}" for verb in ("Rank", "Sort", "Note", "Tell")
        ]
        shelf.write()
        assert levels(shelf.lint("L03")) == ["W"]
        agent["checks"] = ["The named place is exact."] * 2
        agent["method"] = [
            f"{verb} the risk of it." for verb in ("Rank", "Sort", "Note", "Tell")
        ]
        shelf.write()
        assert levels(shelf.lint("L03")) == ["E"]

    def test_l04_banned_phrase(self, shelf):
        shelf.change(role="a trade-terms adviser who follows best practice")
        (finding,) = shelf.lint("L04")
        assert finding.message == "banned phrase 'best practice'"

    @pytest.mark.parametrize("first", ["Choosing", "Helps", "The", "choose"])
    def test_l07_verb(self, shelf, first):
        purpose = shelf.agent()["purpose"].removeprefix("Choose")
        shelf.change(purpose=f"{first}{purpose}")
        (finding,) = shelf.lint("L07")
        assert finding.level == "E"

    def test_l08_first_words(self, shelf):
        method = shelf.agent()["method"]
        shelf.change(method=[f"Fix {line.lower()}" for line in method])
        (finding,) = shelf.lint("L08")
        assert finding.message == "1 different first words in the method; 4 wanted"

    def test_l08_weak_verbs(self, shelf):
        method = shelf.agent()["method"]
        weak = ["Analyse the facts of the sale.", "Ensure that the rule fits."]
        shelf.change(method=[*weak, *method[2:]])
        (finding,) = shelf.lint("L08")
        assert finding.message.startswith(
            "weak first words in the method: analyse, ensure"
        )

    def test_l09_glossary(self, shelf):
        shelf.files[CUSTOMS]["glossary"] = [f"unheard word {n}" for n in "abcdefghij"]
        shelf.write()
        (finding,) = shelf.lint("L09")
        assert finding.message == "0 terms of the glossary are used; 5 wanted"

    def test_l10_unknown_standard(self, shelf):
        method = [
            *shelf.agent()["method"],
            "Read the Moon Treaty before anything is shipped.",
        ]
        shelf.change(standards=["Moon Treaty 1979"], method=method)
        (finding,) = shelf.lint("L10")
        assert finding.message == "'Moon Treaty 1979' is not in _standards.yaml"

    def test_l10_standard_that_decorates(self, shelf):
        shelf.change(standards=["Incoterms 2020", "WCAG 2.2"])
        (finding,) = shelf.lint("L10")
        assert (
            finding.message
            == "'WCAG 2.2' is named neither in the method nor in the checks"
        )

    def test_l11_input_that_does_not_pass_the_form(self, shelf):
        shelf.agent()["samples"][0]["input"]["party"] = "broker"
        shelf.write()
        (finding,) = shelf.lint("L11")
        assert "party: One of these is expected: seller, buyer." in finding.message

    def test_l11_no_sample_that_asks(self, shelf):
        samples = shelf.agent()["samples"]
        samples[1]["checks"] = samples[0]["checks"]
        shelf.write()
        assert [f.message for f in shelf.lint("L11")] == ["no sample with asks"]

    def test_l11_all_samples_ask(self, shelf):
        samples = shelf.agent()["samples"]
        samples[0]["checks"] = samples[1]["checks"]
        shelf.write()
        assert [f.message for f in shelf.lint("L11")] == ["no sample without asks"]

    def test_l11_asks_for_what_is_not_there(self, shelf):
        shelf.agent()["samples"][1]["checks"] = [{"kind": "asks", "value": ["colour"]}]
        shelf.write()
        (finding,) = shelf.lint("L11")
        assert finding.message.endswith("asks for the unknown input colour")

    def test_l12_free_text_only(self, shelf):
        inputs = [
            {"key": "task", "label": "Task", "type": "text", "required": True},
            {"key": "context", "label": "Context", "type": "text", "required": False},
        ]
        samples = [
            sample | {"input": {"task": f"Choose a term for sale {sample['title']}"}}
            for sample in shelf.agent()["samples"]
        ]
        samples[1]["checks"] = [{"kind": "asks", "value": ["context"]}]
        shelf.change(inputs=inputs, samples=samples)
        messages = [finding.message for finding in shelf.lint("L12")]
        assert messages == [
            "all that is required is 'task'",
            "neither a required input that is not free text nor two specific texts",
        ]

    def test_l13_risk_below_the_topic(self, shelf):
        shelf.change(RECORD, risk="low")
        (finding,) = shelf.lint("L13")
        assert finding.message.startswith("risk low; the topic asks for")

    def test_l13_handoff_to_nobody(self, shelf):
        shelf.change(
            handoff="When it gets difficult, somebody else looks at it in time."
        )
        (finding,) = shelf.lint("L13")
        assert finding.message == "the handoff names no role"

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("mail jo@acme-corp.com about it", "an e-mail address"),
            ("call +44 20 7946 0958 first", "a phone number"),
            ("call (212) 555-0134 first", "a phone number"),
            ("see https://acme-corp.com/terms", "a web address"),
            ("key AKIA" + "Q7" * 8, "a key"),
            ("ask Elon Musk about it", "a real person"),
        ],
    )
    def test_l14_private_things_in_samples(self, shelf, text, what):
        shelf.agent()["samples"][0]["input"]["goods"] = text
        shelf.write()
        (finding,) = shelf.lint("L14")
        assert finding.message.endswith(f"holds {what}")

    @pytest.mark.parametrize(
        "text",
        [
            "see https://www.example.com",
            "jo@example.org",
            "2024-05-17",
            "12-345-6789 kg",
        ],
    )
    def test_l14_allows_what_is_nobodys(self, shelf, text):
        shelf.agent()["samples"][0]["input"]["goods"] = text
        shelf.write()
        assert shelf.lint("L14") == []

    def test_l14_brace(self, shelf):
        shelf.change(role="a trade-terms adviser to {company}")
        (finding,) = shelf.lint("L14")
        assert finding.message == "a brace in role"

    def test_l14_literal_backslash_n(self, shelf):
        shelf.agent()["checks"][0] += "\\nAnd more."
        shelf.write()
        (finding,) = shelf.lint("L14")
        assert finding.message == "a literal backslash-n in checks"

    def test_l16_empty_check(self, shelf):
        checks = [*shelf.agent()["checks"], "Everything looks pretty fine overall."]
        shelf.change(checks=checks)
        (finding,) = shelf.lint("L16")
        assert finding.level == "W"


class TestRulesOfTheWhole:
    def test_l05_near_duplicate(self, shelf):
        shelf.add(twin(shelf))
        (finding,) = shelf.lint("L05")
        assert (finding.level, finding.slug) == ("E", "delivery-term-picker")
        assert finding.message == f"close to {SELECTOR}: 1.00"

    def test_l05_names_are_masked(self, shelf):
        parts = {part: shelf.agent()[part] for part in ("method", "checks", "never")}
        for slug, name in ((SELECTOR, "Ferry"), (RECORD, "Bakery")):
            said = {
                part: [with_name(line, name) for line in parts[part]] for part in parts
            }
            shelf.change(slug, name=f"{name} List", **said)
        (finding,) = shelf.lint("L05")
        assert finding.level == "W"

    def test_l06_sentences_of_another(self, shelf):
        shared = shelf.agent()
        parts = ("method", "checks", "never")
        shelf.change(RECORD, **{part: shared[part] for part in parts})
        findings = shelf.lint("L06")
        assert {finding.slug for finding in findings} == {SELECTOR, RECORD}
        assert "of its sentences occur elsewhere" in findings[0].message

    def test_l06_many_share_a_little(self, shelf, monkeypatch):
        monkeypatch.setattr(lint_whole, "MANY", 2)
        monkeypatch.setattr(lint_whole, "MAX_BOILERPLATE", 0.9)
        shelf.change(RECORD, checks=shelf.agent()["checks"])
        (finding,) = shelf.lint("L06")
        assert finding.message.startswith("shared sentences: median")

    def test_l07_few_verbs(self, shelf, monkeypatch):
        monkeypatch.setattr(lint_whole, "MANY", 2)
        monkeypatch.setattr(lint_whole, "LEAST_PER_VERB", 1)
        shelf.change(
            RECORD, purpose=f"Choose and {shelf.agent(RECORD)['purpose'].lower()}"
        )
        messages = [finding.message for finding in shelf.lint("L07")]
        assert "2 purposes begin with 'choose'" in messages
        assert "1 different purpose verbs; 4 wanted" in messages

    def test_l11_repeated_input(self, shelf):
        shelf.add(twin(shelf))
        messages = {finding.message for finding in shelf.lint("L11")}
        assert (
            f"sample 'Machine parts to Chicago' has the input of one of {SELECTOR}"
            in messages
        )

    def test_l15_same_sections(self, shelf):
        shelf.add(twin(shelf))
        (finding,) = shelf.lint("L15")
        assert finding.level == "W"

    def test_l17_redundancy(self, shelf, monkeypatch):
        monkeypatch.setattr(lint_whole, "MANY", 2)
        shelf.add(twin(shelf))
        (finding,) = shelf.lint("L17")
        assert finding.message.startswith("distinct 5-word runs")

    def test_l17_compression(self, shelf, monkeypatch):
        monkeypatch.setattr(lint_whole, "MANY", 2)
        monkeypatch.setattr(lint_whole, "MIN_ZLIB", 0.9)
        (finding,) = shelf.lint("L17")
        assert finding.message.startswith("zlib ratio")


class TestOnly:
    def test_shows_what_stands_in_the_paths(self, shelf):
        shelf.change(name="Incoterms Selector 7")
        shelf.change(RECORD, name="Cooling Record 7")
        path = shelf.path(*CUSTOMS)
        assert {f.file for f in lint.lint_folder(shelf.root, only=[path])} == {path}
        assert {f.file for f in lint.lint_folder(shelf.root, only=[path.parent])} == {
            path
        }

    def test_still_compares_with_all(self, shelf):
        parts = ("method", "checks", "never")
        shelf.change(RECORD, **{part: shelf.agent()[part] for part in parts})
        found = lint.lint_folder(shelf.root, only=[shelf.path(*PLACES[RECORD])])
        assert {f.slug for f in found if f.rule == "L06"} == {RECORD}


class TestFinding:
    def test_is_read_by_editors(self, shelf):
        shelf.change(name="Incoterms Selector 7")
        (finding,) = shelf.lint("L02")
        path = shelf.path(*CUSTOMS)
        lines = path.read_text().splitlines()
        line = lines.index("    name: Incoterms Selector 7") + 1
        assert str(finding) == (
            f"{path}:{line}: E L02 {SELECTOR}: filler name: ends in a number"
        )
