"""Which documents do these words fit best? BM25 over weighted fields (BM25F)."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketplace.search.words import Vocabulary, terms_of

#: How much a word in a field counts.
WEIGHTS: Mapping[str, float] = {
    "name": 4.0,
    "purpose": 3.0,
    "deliverable": 3.0,
    "tags": 3.0,
    "topic": 2.0,
    "samples": 1.5,
    "glossary": 1.5,
    "description": 1.0,
    "method": 0.7,
    "category": 0.5,
}
#: The usual constants (Robertson & Zaragoza 2009, §3.3 and §3.6).
K1 = 1.2
B = 0.75
#: What a guessed word counts beside one that was typed right.
SLIP_WEIGHT = 0.7
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Postings:
    documents: NDArray[np.int64]
    weights: Floats


class Bm25:
    """An index of documents, each a text by field; read only once it is built."""

    def __init__(self, documents: Sequence[Mapping[str, str]]) -> None:
        """Every field must be one of WEIGHTS."""
        self.count = len(documents)
        self._postings = _build(documents)
        self.vocabulary = Vocabulary(self._postings)

    def scores(self, query: str) -> Floats:
        """A score for each document; 0 where no word fits."""
        total = np.zeros(self.count)
        for meant in self.meanings(query):
            best = np.zeros(self.count)
            for term, weight in meant.items():
                found = self._postings[term]
                score = weight * self._idf(term) * found.weights / (found.weights + K1)
                best[found.documents] = np.maximum(best[found.documents], score)
            total += best
        return total

    def meanings(self, query: str) -> list[dict[str, float]]:
        """For each different word of `query` the known stems it may mean, with their weight."""
        meanings = (self._meaning(term) for term in dict.fromkeys(terms_of(query)))
        return [meaning for meaning in meanings if meaning]

    def _meaning(self, term: str) -> dict[str, float]:
        if term in self.vocabulary:
            return {term: 1.0}
        return dict.fromkeys(self.vocabulary.guesses(term), SLIP_WEIGHT)

    def _idf(self, term: str) -> float:
        holding = len(self._postings[term].documents)
        return float(np.log1p((self.count - holding + 0.5) / (holding + 0.5)))


def _build(documents: Sequence[Mapping[str, str]]) -> dict[str, _Postings]:
    counts = [{f: Counter(terms_of(text)) for f, text in d.items()} for d in documents]
    lengths = _mean_lengths(counts)
    entries: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for place, fields in enumerate(counts):
        for term, weight in _term_weights(fields, lengths).items():
            entries[term].append((place, weight))
    return {
        term: _Postings(
            documents=np.array([place for place, _ in pairs]),
            weights=np.array([weight for _, weight in pairs]),
        )
        for term, pairs in entries.items()
    }


def _mean_lengths(counts: Sequence[Mapping[str, Counter[str]]]) -> dict[str, float]:
    totals: Counter[str] = Counter()
    for fields in counts:
        totals.update({name: terms.total() for name, terms in fields.items()})
    return {name: total / len(counts) for name, total in totals.items()}


def _term_weights(
    fields: Mapping[str, Counter[str]], lengths: Mapping[str, float]
) -> dict[str, float]:
    weights: defaultdict[str, float] = defaultdict(float)
    for name, terms in fields.items():
        longer = terms.total() / lengths[name] if lengths[name] else 1.0
        factor = WEIGHTS[name] / (1 - B + B * longer)
        for term, count in terms.items():
            weights[term] += factor * count
    return weights
