"""The figures over all pairs are exact."""

import random
from itertools import combinations

import pytest

from agents.catalogue.similarity import near_pairs, percentile, shingles


class TestNearPairs:
    @pytest.mark.parametrize("threshold", [0.25, 0.5, 0.8])
    def test_finds_what_comparing_all_finds(self, threshold):
        rng = random.Random(3)
        sets = [
            frozenset(rng.choices("abcdefghijkl", k=rng.randint(0, 9)))
            for _ in range(60)
        ]
        expected = {
            (i, j)
            for (i, one), (j, other) in combinations(enumerate(sets), 2)
            if one and other and len(one & other) / len(one | other) > threshold
        }
        found = {(i, j) for i, j, _ in near_pairs(sets, threshold=threshold)}
        assert found == expected
        assert found


class TestShingles:
    def test_are_runs_of_five(self):
        assert shingles(["a", "b", "c", "d", "e", "f"]) == {"a b c d e", "b c d e f"}
        assert shingles(["a", "b"]) == {"a b"}
        assert shingles([]) == frozenset()


class TestPercentile:
    def test_lies_between(self):
        assert percentile([1, 2, 3, 4], 50) == 2.5
        assert percentile([], 50) == 0
