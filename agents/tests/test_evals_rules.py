"""Every kind of rule, kept and broken, and the awkward answers."""

import re

import pytest

from agents.catalogue.definition import Check, OutputContract
from agents.catalogue.files import read_folder
from agents.evals import paths, patterns
from agents.evals.reading import Answer
from agents.evals.rules import KINDS, judge_rule
from agents.evals.values import MAX_SHOWN

LABELS = {"goods": "Goods and packing", "origin": "Place of dispatch"}
TABLE = "| a | b |\n| --- | ---: |\n| 1 | 2 |\n| 3 | 4 |\n"


def rule(kind, value, text, *, output="markdown", **contract):
    answer = Answer(text, contract=OutputContract(format=output, **contract))
    return judge_rule(Check(kind=kind, value=value), answer, labels=LABELS)


def keeps(*args, **kwargs):
    return rule(*args, **kwargs).passed


class TestWords:
    @pytest.mark.parametrize(
        ("kind", "value", "text", "passed"),
        [
            ("contains", "Title PASSES", "the title\n passes here", True),
            ("contains", "buyer's works", "at the buyer\u2019s works", True),
            ("contains", "1 800", "EUR 1\u202f800", True),
            ("contains", "title passes", "title is passed", False),
            ("contains_any", ["3.7", "3,7"], "about 3,7 m", True),
            ("contains_any", ["3.7", "3,7"], "about 37 m", False),
            ("not_contains", "n.s.", "p = 0.2", True),
            ("not_contains", "n.s.", "the result is N.S.", False),
            ("max_words", 3, "one | two - three", True),
            ("max_words", 3, "one two three four", False),
        ],
    )
    def test_rules(self, kind, value, text, passed):
        assert keeps(kind, value, text) is passed

    def test_a_long_rule_and_reason_are_cut_and_can_be_stored(self):
        found = rule("contains", "x\x00" * 300, "y")
        assert len(found.rule) == MAX_SHOWN
        assert "\x00" not in found.rule


class TestRegex:
    @pytest.mark.parametrize(
        ("pattern", "passed"),
        [
            (r"(DAP|DPU)[^\n]*Chicago", True),
            (r"(?i)^dap", True),
            (r"dap", False),
            (r"Chicago\nIncoterms", True),
        ],
    )
    def test_python_decides(self, pattern, passed):
        assert keeps("regex", pattern, "DAP Chicago\nIncoterms 2020") is passed

    def test_a_catastrophic_pattern_is_stopped(self):
        with pytest.raises(patterns.PatternTooSlow):
            patterns.search(r"(a+)+$", "a" * 64 + "!", limit_s=0.5)

    def test_a_stopped_search_is_a_broken_rule(self, monkeypatch):
        def never_ends(pattern, text):
            raise patterns.PatternTooSlow

        monkeypatch.setattr(patterns, "search", never_ends)
        found = rule("regex", "(a+)+$", "aaa")
        assert found.passed is False
        assert "simplify" in found.reason

    def test_a_pattern_that_does_not_compile_is_a_broken_rule(self):
        assert "compile" in rule("regex", "(", "(").reason

    def test_a_lone_surrogate_in_the_answer_does_no_harm(self):
        assert keeps("regex", "b$", "a\ud800b") is True


class TestTables:
    @pytest.mark.parametrize(
        ("text", "rows"),
        [
            (TABLE, 2),
            (f"Text first.\n\n{TABLE}\n\nAnd again:\n\n{TABLE}", 4),
            (f"{TABLE}A remark without an empty line.", 2),
            (f"```markdown\n{TABLE}```", 2),
            (f"```\n{TABLE}\n```\n", 2),
            (f"See:\n\n```\n{TABLE}```\n", 0),
            ("| a | b |\n| 1 | 2 |", 0),
            ("no table", 0),
            ("| a \\| b | c |\r\n|---|---|\r\n| 1 | 2 |\r\n", 1),
        ],
    )
    def test_body_rows_are_counted(self, text, rows):
        assert Answer(text, contract=OutputContract(format="table")).table_rows == rows

    def test_enough_rows_keep_the_rule(self):
        assert keeps("min_table_rows", 2, TABLE) is True
        assert keeps("min_table_rows", 3, TABLE) is False

    def test_records_of_csv_are_rows(self):
        text = '```csv\na,b\n1,"x\ny"\n2,z\n\n```'
        assert keeps("min_table_rows", 2, text, output="csv") is True
        assert keeps("min_table_rows", 3, text, output="csv") is False


class TestSections:
    WANTED = ("Recommended term", "Cost table", "Open points")

    @pytest.mark.parametrize(
        "text",
        [
            "# Recommended term\nx\n## Cost table\n### Open points",
            "## 1. Recommended term: FCA\n\n## 2) **Cost table**\n\n## Open points:",
            "Recommended term\n===\n\n### Remarks\n\n## COST TABLE (EUR)\n# Open points #",
            "```md\n# Recommended term\n# Cost table\n# Open points\n```",
        ],
    )
    def test_headings_of_any_level_in_order_keep_it(self, text):
        assert keeps("sections", True, text, sections=self.WANTED) is True

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("# Cost table\n# Recommended term\n# Open points", "out of order"),
            ("# Recommended term\n# Open points", "missing: Cost table"),
            (
                "# Recommended terms\n# Cost table\n# Open points",
                "missing: Recommended",
            ),
            ("**Recommended term**\n\n# Cost table\n# Open points", "missing"),
            ("# Recommended term\n```\n# Cost table\n```\n# Open points", "missing"),
        ],
    )
    def test_what_is_missing_is_named(self, text, reason):
        found = rule("sections", True, text, sections=self.WANTED)
        assert found.passed is False
        assert reason in found.reason

    def test_plain_text_has_them_as_lines(self):
        text = "RECOMMENDED TERM\nFCA.\n\nCost table:\nx\n\n3. Open points\n"
        assert keeps("sections", True, text, output="plain", sections=self.WANTED)
        text = "The recommended term is\nthe cost table and open points."
        assert not keeps("sections", True, text, output="plain", sections=self.WANTED)


class TestAsks:
    GOOD = "## Questions\n\n1. **Goods and packing**: what is sent?\n2) Place of dispatch?\n"

    @pytest.mark.parametrize("output", ["markdown", "table", "csv", "plain"])
    def test_a_heading_with_numbered_questions_keeps_it(self, output):
        assert keeps("asks", ["goods", "origin"], self.GOOD, output=output) is True

    @pytest.mark.parametrize("output", ["table", "csv", "plain"])
    def test_loose_formats_may_have_a_line_for_a_heading(self, output):
        text = "Questions:\n1. Goods and packing?\n   In full.\n2. Place of\n dispatch?"
        assert keeps("asks", ["goods", "origin"], text, output=output) is True

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("What is the Goods and packing?", "no heading"),
            ("```\n# Questions\n```\n1. Goods and packing?", "no heading"),
            ("# Questions\n- Goods and packing?", "0 numbered"),
            ("# Questions\n1. a\n2. b\n3. c\n4. Goods and packing", "4 numbered"),
            ("# Questions\n1. What is sent?", "no question names 'Goods and packing'"),
            ("# Questions\n1. x\n# Goods\n1. Goods and packing", "no question names"),
        ],
    )
    def test_what_is_wrong_is_named(self, text, reason):
        found = rule("asks", ["goods"], text)
        assert found.passed is False
        assert reason in found.reason

    @pytest.mark.parametrize(
        ("text", "passed"),
        [
            ('{"questions": ["Goods and packing: which?"]}', True),
            ('```json\n{"questions": [{"ask": "goods and packing?"}]}\n```', True),
            ('{"questions": []}', False),
            ('{"questions": "Goods and packing?"}', False),
            ('{"verdict": "unset"}', False),
            ("# Questions\n1. Goods and packing", False),
        ],
    )
    def test_json_asks_in_a_list(self, text, passed):
        assert keeps("asks", ["goods"], text, output="json") is passed


class TestJsonPath:
    TEXT = '{"a": {"b": [{"c": 9.0, "yes": true}]}, "none": null, "list": []}'

    @pytest.mark.parametrize(
        ("value", "passed"),
        [
            ({"path": "$.a.b[0].c", "equals": 9}, True),
            ({"path": "$.a.b[0].yes", "equals": True}, True),
            ({"path": "$.a.b[0].yes", "equals": 1}, False),
            ({"path": "$.list", "equals": []}, True),
            ({"path": "$.list[0]"}, False),
            ({"path": "$.a.b[0]", "equals": {"c": 9, "yes": True}}, True),
            ({"path": "$.a.b[0]", "equals": {"c": 9, "yes": 1}}, False),
            ({"path": "$.a.b[1]"}, False),
            ({"path": "$.a[0]"}, False),
            ({"path": "$.none"}, False),
            ({"path": "$.none", "equals": None}, True),
            ({"path": "$.a"}, True),
        ],
    )
    def test_paths(self, value, passed):
        assert keeps("json_path", value, self.TEXT, output="json") is passed

    @pytest.mark.parametrize("text", ["", "no json", '{"a": ', "[" * 100_000])
    def test_what_is_no_json_breaks_it(self, text):
        found = rule("json_path", {"path": "$.a"}, text, output="json")
        assert found.passed is False
        assert found.reason == "the answer is not JSON"

    @pytest.mark.parametrize("path", ["a", "$.", "$.a[x]", "$..a", "$.a[-1]", "$.a b"])
    def test_another_form_is_refused(self, path):
        with pytest.raises(ValueError, match="form"):
            paths.parse_path(path)


class TestCatalogue:
    def test_every_check_of_every_sample_can_be_judged(self, settings):
        checks = [
            (agent.slug, check)
            for agent in read_folder(settings.CATALOGUE_DIR).agents
            for sample in agent.data["samples"]
            for check in sample["checks"]
        ]
        assert checks
        for slug, check in checks:
            assert check["kind"] in KINDS, slug
            if check["kind"] == "json_path":
                paths.parse_path(check["value"]["path"])
            if check["kind"] == "regex":
                re.compile(check["value"])
