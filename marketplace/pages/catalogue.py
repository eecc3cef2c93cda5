"""The marketplace: find an agent by words, by facets or by describing a task."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

from aiagents.common.errors import NotFound
from marketplace import selectors
from marketplace.pages.access import find_principal, page
from marketplace.selectors import Card, Catalogue, CatalogueQuery, FacetValue

MAX_QUERY = 500
PICKS = 3
#: So many words are a task told in a sentence, not a search.
SENTENCE_WORDS = 5
FACETS = ("category", "topic", "tag", "risk", "tier")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedValue:
    """A facet's value with the address that chooses it, or drops it when it is chosen."""

    label: str
    count: int
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedFacet:
    """A facet as the page shows it."""

    name: str
    label: str
    values: tuple[LinkedValue, ...]
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """An active filter and the address without it."""

    label: str
    remove_url: str


@require_safe
@page
def agent_list(request: HttpRequest, category: str = "") -> HttpResponse:
    """Every published agent, filtered by the query string."""
    query = _query(request.GET, category)
    by = find_principal(request)
    catalogue = selectors.list_catalogue(query, by=by)
    if category and category not in {value.value for value in catalogue.categories}:
        raise NotFound
    is_part = request.headers.get("HX-Target") == "results"
    template = "agent_list.html#results" if is_part else "agent_list.html"
    context = _context(request, query, catalogue)
    return render(request, template, context)


def _query(params: QueryDict, category: str) -> CatalogueQuery:
    words = " ".join(params.get("q", "")[:MAX_QUERY].replace("\x00", " ").split())
    ordering = params.get("ordering", "")
    return CatalogueQuery(
        words=words,
        category=category or params.get("category", ""),
        topic=params.get("topic", ""),
        tag=params.get("tag", ""),
        tier=params.get("tier", ""),
        risk=params.get("risk", ""),
        ordering=ordering if ordering in selectors.ORDERINGS else _usual_order(words),
        page=_page_number(params.get("page", "1")),
    )


def _usual_order(words: str) -> str:
    return "relevance" if words else "name"


def _page_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _context(
    request: HttpRequest, query: CatalogueQuery, catalogue: Catalogue
) -> dict[str, Any]:
    links = _Links(request.GET, query)
    current = next(
        (c.label for c in catalogue.categories if c.value == query.category), ""
    )
    number = catalogue.page.number
    return {
        "query": query,
        "catalogue": catalogue,
        "picks": _picks(request, query),
        "category_name": current,
        "facets": _facets(catalogue, query, links),
        "category_links": _category_links(catalogue, query),
        "chips": _chips(catalogue, query, links),
        "orderings": _orderings(query),
        "clear_url": reverse("marketplace:agent_list"),
        "previous_url": links.to_page(number - 1)
        if catalogue.page.has_previous()
        else "",
        "next_url": links.to_page(number + 1) if catalogue.page.has_next() else "",
    }


def _picks(request: HttpRequest, query: CatalogueQuery) -> tuple[Card, ...]:
    """The best agents for a task told in a sentence, each with its reasons."""
    is_task = "find" in request.GET or len(query.words.split()) >= SENTENCE_WORDS
    if not query.words or not is_task:
        return ()
    return selectors.list_picks(
        query.words,
        category=query.category,
        limit=PICKS,
        by=find_principal(request),
    )


def _orderings(query: CatalogueQuery) -> list[tuple[str, str]]:
    return [
        pair
        for pair in selectors.ORDERINGS.items()
        if query.words or pair[0] != "relevance"
    ]


class _Links:
    """Addresses of this list with one wish changed."""

    def __init__(self, params: QueryDict, query: CatalogueQuery) -> None:
        self.wishes = {
            "q": query.words,
            "category": query.category,
            "topic": query.topic,
            "tag": query.tag,
            "risk": query.risk,
            "tier": query.tier,
            "ordering": params.get("ordering", ""),
        }

    def with_wish(self, name: str, value: str) -> str:
        changed = self.wishes | {name: value}
        if name == "category":
            changed["topic"] = ""
        return self._address(changed)

    def to_page(self, number: int) -> str:
        return self._address(self.wishes | {"page": str(number)})

    def _address(self, wishes: dict[str, str]) -> str:
        params = QueryDict(mutable=True)
        given = {name: value for name, value in wishes.items() if value}
        only_category = given.keys() == {"category"}
        if only_category:
            return reverse("marketplace:category", args=[given["category"]])
        params.update(given)
        root = reverse("marketplace:agent_list")
        return f"{root}?{params.urlencode()}" if given else root


def _facets(
    catalogue: Catalogue, query: CatalogueQuery, links: _Links
) -> list[LinkedFacet]:
    declared = [
        ("category", "Category", catalogue.categories, query.is_narrowed),
        ("topic", "Topic", catalogue.topics, True),
        ("risk", "Risk", catalogue.risks, True),
        ("tier", "Model", catalogue.tiers, True),
    ]
    return [
        LinkedFacet(
            name=name,
            label=label,
            values=tuple(_linked(name, value, query, links) for value in values),
            is_open=is_open,
        )
        for name, label, values, is_open in declared
        if values
    ]


def _linked(
    name: str, value: FacetValue, query: CatalogueQuery, links: _Links
) -> LinkedValue:
    is_current = getattr(query, name) == value.value
    return LinkedValue(
        label=value.label,
        count=value.count,
        url=links.with_wish(name, "" if is_current else value.value),
        is_current=is_current,
    )


def _category_links(
    catalogue: Catalogue, query: CatalogueQuery
) -> tuple[FacetValue, ...]:
    """All categories, for a first visit."""
    is_first = not query.is_narrowed and query.page == 1
    return catalogue.categories if is_first else ()


def _chips(catalogue: Catalogue, query: CatalogueQuery, links: _Links) -> list[Chip]:
    labels = {
        "category": _label(catalogue.categories, query.category),
        "topic": _label(catalogue.topics, query.topic),
        "tag": f"Tag: {query.tag}",
        "risk": f"Risk: {_label(catalogue.risks, query.risk)}",
        "tier": f"Model: {_label(catalogue.tiers, query.tier)}",
    }
    words = [Chip(label=f"“{query.words}”", remove_url=links.with_wish("q", ""))]
    chosen = [
        Chip(label=labels[name], remove_url=links.with_wish(name, ""))
        for name in FACETS
        if getattr(query, name)
    ]
    return (words if query.words else []) + chosen


def _label(values: Iterable[FacetValue], value: str) -> str:
    return next((one.label for one in values if one.value == value), value)


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """The icon, for whoever asks at the usual address."""
    return redirect(static("favicon.svg"), permanent=False)
