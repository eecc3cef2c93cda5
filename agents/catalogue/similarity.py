"""How distinct are the texts of a collection? Exact figures over all pairs."""

import math
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.catalogue.text_rules import (
    MIN_SENTENCE_WORDS,
    SMALL,
    sentences,
    split_words,
    tokens,
)

SHINGLE = 5
Shingles = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One agent's prose, with the names that are masked to catch a template."""

    slug: str
    prose: str
    #: Name, category and topic.
    names: tuple[str, ...]

    @property
    def own_words(self) -> frozenset[str]:
        """The words of its own names, singular and plural."""
        own = {word for name in (self.slug, *self.names) for word in split_words(name)}
        own |= {word + "s" for word in own} | {w[:-1] for w in own if w.endswith("s")}
        return frozenset(own - SMALL)


def shingles(words: Sequence[str]) -> Shingles:
    """The runs of five words; a shorter text is one run."""
    if len(words) < SHINGLE:
        return frozenset({" ".join(words)} if words else ())
    last = len(words) - SHINGLE + 1
    return frozenset(" ".join(words[i : i + SHINGLE]) for i in range(last))


def close_pairs(texts: Sequence[Text], *, above: float) -> dict[tuple[int, int], float]:
    """Pairs whose shingles have a Jaccard index over `above`, plain or with names masked."""
    words = [tokens(text.prose) for text in texts]
    plain = [shingles(part) for part in words]
    masked = [
        shingles(_masked(part, text.own_words))
        for part, text in zip(words, texts, strict=True)
    ]
    found: dict[tuple[int, int], float] = {}
    for sets in (plain, masked):
        for i, j, index in near_pairs(sets, threshold=above):
            found[i, j] = max(found.get((i, j), 0), index)
    return found


def near_pairs(
    sets: Sequence[Shingles], *, threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Every (i, j, Jaccard index) over `threshold`, exactly.

    Prefix filter: with the elements ordered rarest first, two sets whose index is over t share
    an element within the first |x| - ceil(t|x|) + 1 of each, so only those are indexed.
    """
    frequency: Counter[str] = Counter(item for one in sets for item in one)
    index: defaultdict[str, list[int]] = defaultdict(list)
    for i in sorted(range(len(sets)), key=lambda i: len(sets[i])):
        one, size = sets[i], len(sets[i])
        if not size:
            continue
        last = size - math.ceil(threshold * size) + 1
        candidates: set[int] = set()
        for item in sorted(one, key=lambda x: (frequency[x], x))[:last]:
            if frequency[item] > 1:
                candidates.update(index[item])
                index[item].append(i)
        for j in candidates:
            shared = len(one & sets[j])
            value = shared / (size + len(sets[j]) - shared)
            if value > threshold:
                yield min(i, j), max(i, j), value


def boilerplate_shares(texts: Sequence[Text]) -> tuple[list[float], list[float]]:
    """The share of each text's sentences that occur elsewhere: plain, and names masked."""
    plain = [sentences(text.prose) for text in texts]
    masked = [
        [" ".join(_masked(line.split(), text.own_words)) for line in lines]
        for lines, text in zip(plain, texts, strict=True)
    ]
    return _shared(plain), _shared(masked)


def _masked(words: Sequence[str], own: frozenset[str]) -> list[str]:
    return [word for word in words if word not in own and not word.isdigit()]


def _shared(texts: Sequence[Sequence[str]]) -> list[float]:
    occurs = Counter(line for lines in texts for line in set(lines))
    least = MIN_SENTENCE_WORDS - 1
    return [
        sum(occurs[line] > 1 and line.count(" ") >= least for line in lines)
        / len(lines)
        if lines
        else 0.0
        for lines in texts
    ]


def distinct_share(texts: Sequence[Text]) -> float:
    """Different shingles over all shingles."""
    sets = [shingles(tokens(text.prose)) for text in texts]
    total = sum(map(len, sets))
    return len(frozenset().union(*sets)) / total if total else 1.0


def zlib_ratio(texts: Sequence[Text]) -> float:
    """Compressed over plain size of all texts together."""
    plain = "\n".join(text.prose for text in texts).encode()
    return len(zlib.compress(plain, 9)) / len(plain) if plain else 1.0


def percentile(values: Sequence[float], percent: float) -> float:
    """The percentile by linear interpolation; 0 of nothing."""
    ranked = sorted(values)
    if not ranked:
        return 0.0
    place = (len(ranked) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)
