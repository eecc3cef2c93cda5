"""Scores of a ranking, on a catalogue of three agents."""

from bench.routing import Query, answerable, read_queries, score

PLACES = {
    "one": ("finance", "tax"),
    "two": ("finance", "audit"),
    "three": ("legal", "contracts"),
}


def query(*place, **changes):
    return Query(text="a task", place=place, language="en", **changes)


class TestScore:
    def test_of_a_first_place(self):
        judged = score([query("finance", "tax")], lambda _: ["one", "two"], PLACES)
        assert (judged.recall, judged.reciprocal_rank, judged.category) == (1, 1, 1)

    def test_topics_are_counted_once_each(self):
        places = PLACES | {"more": ("finance", "tax")}
        ranked = ["one", "more", "two"]
        judged = score([query("finance", "audit")], lambda _: ranked, places)
        assert judged.reciprocal_rank == 1 / 2

    def test_of_an_answer_that_is_missing(self):
        judged = score([query("legal", "contracts")], lambda _: ["one"], PLACES)
        assert (judged.recall, judged.agent_hit, judged.reciprocal_rank) == (0, 0, 0)
        assert judged.category == 0

    def test_another_right_category_counts_apart(self):
        asked = query("legal", "contracts", also=("finance",))
        judged = score([asked], lambda _: ["one"], PLACES)
        assert (judged.category, judged.category_or_also) == (0, 1)

    def test_is_a_mean_over_the_queries(self):
        asked = [query("finance", "tax"), query("legal", "contracts")]
        judged = score(asked, lambda _: ["one"], PLACES)
        assert (judged.count, judged.recall) == (2, 0.5)

    def test_of_no_query_is_nothing(self):
        assert score([], lambda _: [], PLACES) is None


class TestQueries:
    def test_the_file_can_be_read(self):
        queries = read_queries()
        assert len(queries) > 50
        assert all(q.text and q.place[0] and q.place[1] for q in queries)

    def test_only_topics_with_an_agent_are_answerable(self):
        asked = [query("finance", "tax"), query("finance", "payroll")]
        assert answerable(asked, PLACES) == asked[:1]
