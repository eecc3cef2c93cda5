"""One written form, whatever order a database returns the keys in."""

import random

from agents.catalogue.canonical import canonical_text
from agents.catalogue.reader import read_document
from agents.tests.shelf import RECORD, SELECTOR


def shuffled(value, rng):
    """The same data with the keys of every mapping in another order, as from jsonb."""
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: shuffled(value[key], rng) for key in keys}
    if isinstance(value, list):
        return [shuffled(item, rng) for item in value]
    return value


class TestCanonicalText:
    def test_reads_back_as_the_same_data(self, shelf):
        for data in shelf.files.values():
            assert read_document(canonical_text(data)).data == data

    def test_is_the_form_of_the_files(self, shelf):
        for (category, topic), data in shelf.files.items():
            assert canonical_text(data) == shelf.path(category, topic).read_text()

    def test_does_not_depend_on_the_order_of_keys(self, shelf):
        rng = random.Random(7)
        for data in shelf.files.values():
            assert canonical_text(shuffled(data, rng)) == canonical_text(data)

    def test_puts_a_samples_input_in_the_order_of_the_form(self, shelf):
        agent = shelf.agent(RECORD)
        fields = [entry["key"] for entry in agent["inputs"]]
        text = canonical_text(shuffled({"agents": [agent]}, random.Random(1)))
        for sample in read_document(text).data["agents"][0]["samples"]:
            assert list(sample["input"]) == [
                key for key in fields if key in sample["input"]
            ]

    def test_puts_a_json_schema_in_the_order_of_required(self):
        schema = {
            "properties": {"a": {"enum": ["x"], "type": "string"}, "z": {}, "m": {}},
            "required": ["z", "a"],
            "type": "object",
        }
        text = canonical_text({"output": {"json_schema": schema}})
        written = read_document(text).data["output"]["json_schema"]
        assert list(written) == ["type", "required", "properties"]
        assert list(written["properties"]) == ["z", "a", "m"]
        assert list(written["properties"]["a"]) == ["type", "enum"]

    def test_keeps_words_that_look_like_something_else(self):
        data = {"options": ["no", "21:30", "2026-11-22", "0755", "1e3", "null", "~"]}
        assert read_document(canonical_text(data)).data == data

    def test_joins_the_lines_of_a_description(self, shelf):
        shelf.change(
            SELECTOR, description="One line\n  and   another that is long enough."
        )
        assert "One line and another that is long enough." in canonical_text(
            shelf.files["logistics_manufacturing", "customs-trade"]
        )
