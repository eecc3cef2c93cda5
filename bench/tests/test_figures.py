"""Percentiles, ratios, aims and the table."""

import pytest

from bench.figures import Figure, most_at_once, per, percentile, table


def figure(**changes):
    given = {"part": "load", "name": "CPU", "value": 7.0, "unit": "ms"} | changes
    return Figure(**given)


class TestPercentile:
    @pytest.mark.parametrize(
        ("share", "expected"), [(0.0, 1), (0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)]
    )
    def test_is_the_nearest_rank(self, share, expected):
        assert percentile(range(100, 0, -1), share) == expected

    def test_of_one_value_is_that_value(self):
        assert percentile([3.0], 0.95) == 3.0

    def test_of_nothing_is_nothing(self):
        assert percentile([], 0.5) is None


class TestMostAtOnce:
    def test_counts_what_overlaps(self):
        assert most_at_once([(0, 10), (1, 3), (2, 4), (5, 6)]) == 3

    def test_an_end_and_a_start_at_one_moment_do_not_overlap(self):
        assert most_at_once([(0, 1), (1, 2)]) == 1

    def test_of_nothing_is_none_at_all(self):
        assert most_at_once([]) == 0


class TestFigure:
    def test_ratio_is_to_the_floor(self):
        assert figure(floor=3.5).ratio == 2.0

    @pytest.mark.parametrize(
        "changes", [{}, {"floor": 0.0}, {"value": None, "floor": 1}]
    )
    def test_has_no_ratio_without_floor_or_value(self, changes):
        assert figure(**changes).ratio is None

    def test_without_aim_is_neither_met_nor_missed(self):
        assert figure().is_met is None

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"at_most": 7}, True),
            ({"at_most": 6.9}, False),
            ({"at_least": 7}, True),
            ({"at_least": 7.1}, False),
            ({"at_most": 2, "floor": 3.5, "aim_is_ratio": True}, True),
            ({"at_most": 2, "floor": 3.4, "aim_is_ratio": True}, False),
            ({"at_most": 2, "aim_is_ratio": True}, False),
            ({"at_most": 7, "value": None}, False),
        ],
    )
    def test_aim_is_judged_on_value_or_ratio(self, changes, expected):
        assert figure(**changes).is_met is expected

    def test_json_holds_ratio_and_judgement(self):
        told = figure(floor=3.5, at_most=2, aim_is_ratio=True).as_json()
        assert told["ratio"] == 2.0
        assert told["is_met"] is True


class TestPer:
    def test_divides_and_answers_nothing_for_nothing(self):
        assert per(10.0, 4) == 2.5
        assert per(10.0, 0) is None
        assert per(None, 4) is None


class TestTable:
    def test_names_each_part_once_and_marks_aims(self):
        text = table(
            [
                figure(name="a", floor=3.5, at_most=2, aim_is_ratio=True),
                figure(name="b", at_least=8, note="why"),
                figure(part="held", name="c", value=None),
            ]
        )
        lines = text.splitlines()
        assert lines.count("load") == lines.count("held") == 1
        (a,) = (line for line in lines if line.startswith("  a"))
        (b,) = (line for line in lines if line.startswith("  b"))
        (c,) = (line for line in lines if line.startswith("  c"))
        assert a.split() == ["a", "7", "ms", "3.5", "2", "ratio", "<=", "2", "met"]
        assert b.split() == ["b", "7", "ms", ">=", "8", "MISSED", "why"]
        assert c.split() == ["c", "-", "ms"]

    def test_columns_line_up(self):
        lines = table([figure(value=1234.5), figure(name="a long name", value=0.01)])
        first, second = lines.splitlines()[-2:]
        assert first.index("ms") == second.index("ms")
