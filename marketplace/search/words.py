"""What do the words of a text come down to? Folded, stemmed, and forgiven a slip."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
MAX_WORD = 40
#: A slip is forgiven in words of this length on; shorter ones are too close to each other.
MIN_FORGIVEN = 4
#: The beginning of a word finds it from this length on, as somebody types.
MIN_PREFIX = 3
MAX_GUESSES = 8
VOWELS = frozenset("aeiouy")
STOP = frozenset(
    [
        "a",
        "about",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "been",
        "being",
        "but",
        "by",
        "can",
        "could",
        "dear",
        "did",
        "do",
        "does",
        "doing",
        "don",
        "done",
        "dont",
        "each",
        "else",
        "for",
        "from",
        "get",
        "gets",
        "getting",
        "give",
        "go",
        "going",
        "good",
        "got",
        "had",
        "has",
        "have",
        "he",
        "hello",
        "help",
        "helps",
        "her",
        "here",
        "hi",
        "him",
        "his",
        "how",
        "i",
        "if",
        "ill",
        "im",
        "in",
        "into",
        "is",
        "it",
        "its",
        "ive",
        "just",
        "keep",
        "know",
        "let",
        "like",
        "make",
        "makes",
        "making",
        "many",
        "may",
        "me",
        "more",
        "most",
        "much",
        "must",
        "my",
        "need",
        "needs",
        "new",
        "no",
        "not",
        "now",
        "of",
        "off",
        "ok",
        "on",
        "one",
        "only",
        "or",
        "our",
        "out",
        "over",
        "please",
        "put",
        "say",
        "see",
        "she",
        "should",
        "so",
        "some",
        "somebody",
        "someone",
        "something",
        "such",
        "take",
        "tell",
        "than",
        "thanks",
        "that",
        "thats",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "thing",
        "things",
        "this",
        "those",
        "to",
        "too",
        "up",
        "us",
        "use",
        "using",
        "very",
        "want",
        "wants",
        "was",
        "way",
        "we",
        "well",
        "were",
        "what",
        "whats",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whom",
        "whose",
        "why",
        "will",
        "with",
        "would",
        "wrong",
        "yes",
        "you",
        "your",
        "yours",
    ]
)
#: Spellings and short forms of one word, as people type them.
SAME = {
    "ad": "advert", "ads": "advert", "advertisement": "advert", "advertising": "advert",
    "analyse": "analys", "analyze": "analys", "analysis": "analys", "behaviour": "behavior",
    "cancelled": "cancel", "catalog": "catalogue", "centre": "center", "colour": "color",
    "cv": "resume", "e-mail": "email", "fibre": "fiber", "labour": "labor", "licence": "license",
    "mum": "mother", "organisation": "organization", "organise": "organize", "photo": "photograph",
    "plough": "plow", "practise": "practice", "programme": "program", "tyre": "tire",
    "optimise": "optimize", "prioritise": "prioritize", "prioritisation": "prioritization",
    "summarise": "summarize", "vat": "vat",
}  # fmt: skip


def words_of(text: str) -> list[str]:
    """The words of `text` in lower case without accents, small words included."""
    return [
        fold(word) for word in WORD.findall(unicodedata.normalize("NFKC", text)) if word
    ]


def terms_of(text: str) -> list[str]:
    """The stems of the words that carry meaning."""
    return [stem(word) for word in words_of(text) if is_content(word)]


def is_content(word: str) -> bool:
    """Whether a folded word says what is sought."""
    return (
        word not in STOP and (len(word) > 1 or word.isdigit()) and len(word) <= MAX_WORD
    )


@lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """Lower case, without accents and possessive endings."""
    plain = unicodedata.normalize("NFKD", word.casefold().replace("\u2019", "'"))
    bare = "".join(char for char in plain if not unicodedata.combining(char))
    return bare.removesuffix("'s").replace("'", "")


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without the endings of plural, past and present; light, so that it stays one."""
    word = SAME.get(word, word)
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        word = word[:-1]
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) > 2 and VOWELS.intersection(rest):
            word = _undoubled(rest)
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _undoubled(rest: str) -> str:
    is_double = (
        rest[-1] == rest[-2] and rest[-1] not in VOWELS and rest[-1] not in "lsz"
    )
    return rest[:-1] if is_double else rest


class Vocabulary:
    """The stems of an index, and what a word that is none of them may have meant."""

    def __init__(self, stems: Iterable[str]) -> None:
        """`stems` may repeat."""
        self._stems = frozenset(stems)
        self._by_length: defaultdict[int, list[str]] = defaultdict(list)
        for known in sorted(self._stems):
            self._by_length[len(known)].append(known)

    def __contains__(self, term: str) -> bool:
        return term in self._stems

    def guesses(self, term: str) -> list[str]:
        """Known stems that `term` begins, or that one slip turns it into; nearest first."""
        begun = self._begun_by(term) if len(term) >= MIN_PREFIX else []
        slips = self._one_slip_from(term) if len(term) >= MIN_FORGIVEN else []
        ranked = [*slips, *(known for known in begun if known not in slips)]
        return ranked[:MAX_GUESSES]

    def _begun_by(self, term: str) -> list[str]:
        longer = (known for known in self._stems if known.startswith(term))
        return sorted(longer, key=lambda known: (len(known), known))

    def _one_slip_from(self, term: str) -> list[str]:
        sizes = range(len(term) - 1, len(term) + 2)
        near = (known for size in sizes for known in self._by_length[size])
        # A first letter is seldom wrong.
        return [
            known for known in near if known[0] == term[0] and is_one_slip(term, known)
        ]


def is_one_slip(one: str, other: str) -> bool:
    """Whether a letter added, left out, replaced or swapped with its neighbour is all."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    left, right = one[start:], other[start:]
    if len(left) == len(right):
        is_swap = left[:2] == right[1::-1] and left[2:] == right[2:]
        return left[1:] == right[1:] or is_swap
    longer, shorter = (left, right) if len(left) > len(right) else (right, left)
    return longer[1:] == shorter
