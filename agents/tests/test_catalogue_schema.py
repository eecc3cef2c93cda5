"""The fast test and `jsonschema` agree, and flaws name their place."""

import copy
import random

import pytest

from agents.catalogue.fast_schema import compile_schema
from agents.catalogue.schema import flaws, validator
from agents.tests.shelf import RECORD, SELECTOR

OTHERS = [
    None,
    "",
    "x",
    "x" * 700,
    0,
    -1,
    3,
    2.5,
    10**6,
    True,
    [],
    {},
    ["a", "a"],
    {"q": 1},
]


def schema_of(kind):
    """What `jsonschema` judges a kind of document by."""
    return validator(kind).schema


def spoilt(data, rng):
    """The data with one place changed, dropped or doubled."""
    data = copy.deepcopy(data)
    node, key = data, rng.choice(list(data))
    while isinstance(node[key], dict | list) and node[key] and rng.random() < 0.75:
        node = node[key]
        key = (
            rng.choice(list(node))
            if isinstance(node, dict)
            else rng.randrange(len(node))
        )
    match rng.choice(["change", "drop", "add"]):
        case "change":
            node[key] = rng.choice(OTHERS)
        case "drop":
            del node[key]
        case "add" if isinstance(node, dict):
            node[rng.choice(["extra", "min", "options", "accept", "handoff"])] = 5
        case _:
            node.append(node[key])
    return data


class TestFastSchema:
    @pytest.mark.parametrize("seed", range(20))
    def test_agrees_with_jsonschema(self, shelf, seed):
        rng = random.Random(seed)
        fast = compile_schema(schema_of("agent"))
        verdicts = set()
        for _ in range(40):
            data = spoilt(shelf.agent(rng.choice([SELECTOR, RECORD])), rng)
            verdict = validator("agent").is_valid(data)
            assert fast(data) is verdict, data
            verdicts.add(verdict)
        assert verdicts == {True, False}

    def test_agrees_on_every_kind_of_file(self):
        for kind in (
            "topic_head",
            "outline",
            "category",
            "taxonomy",
            "prompt",
            "models",
        ):
            fast = compile_schema(schema_of(kind))
            for value in OTHERS:
                assert fast(value) is validator(kind).is_valid(value), (kind, value)

    def test_refuses_a_keyword_it_does_not_know(self):
        with pytest.raises(ValueError, match="multipleOf"):
            compile_schema({"multipleOf": 2})


class TestFlaws:
    def test_says_nothing_of_a_good_agent(self, shelf):
        assert flaws("agent", shelf.agent()) == []

    def test_names_the_place(self, shelf):
        agent = shelf.agent()
        agent["inputs"][2]["type"] = "colour"
        found = flaws("agent", agent)
        assert ("inputs", 2, "type") in {flaw.path for flaw in found}
        assert any(flaw.reason.startswith("inputs.2.type: 'colour'") for flaw in found)

    def test_says_what_does_not_belong(self, shelf):
        agent = shelf.agent()
        agent["inputs"][1]["min"] = 3
        (flaw,) = flaws("agent", agent)
        assert flaw.reason == "inputs.1: min and max and unit does not belong here"

    def test_does_not_repeat_a_whole_document(self, shelf):
        agent = shelf.agent()
        del agent["purpose"]
        agent["method"] = agent["method"] * 5
        assert all(len(flaw.reason) < 300 for flaw in flaws("agent", agent))
