"""How do categories and topics get from files into the database?"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from agents.catalogue.folder import CategoryEntry, Folder, TopicEntry
from agents.models import Category, Topic

#: Words that a title does not simply capitalise.
SPELLINGS = {
    "ai": "AI", "aml": "AML", "apis": "APIs", "bim": "BIM", "bss": "BSS", "cd": "CD", "ci": "CI",
    "dns": "DNS", "dr": "DR", "esg": "ESG", "ev": "EV", "iot": "IoT", "ip": "IP", "it": "IT",
    "kpis": "KPIs", "nlp": "NLP", "oss": "OSS", "ot": "OT", "ppas": "PPAs", "pr": "PR",
    "rfps": "RFPs", "sla": "SLA", "slo": "SLO", "sops": "SOPs", "sql": "SQL", "stem": "STEM",
    "timeseries": "Time Series", "ui": "UI", "ux": "UX",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A topic's row and its category's."""

    category_id: uuid.UUID
    topic_id: uuid.UUID


Places = Mapping[tuple[str, str], Place]


def topic_name(slug: str) -> str:
    """The topic's slug as a title: `storage-ev-charging` is "Storage EV Charging"."""
    return " ".join(SPELLINGS.get(word, word.capitalize()) for word in slug.split("-"))


def save_taxonomy(read: Folder) -> Places:
    """Upsert every category and topic; returns the rows by (category, topic) slugs.

    A domain block or glossary whose file is missing or broken stays as it was.
    """
    categories = _save_categories(read)
    _save_topics(read, categories)
    rows = Topic.objects.values_list("category__slug", "slug", "category_id", "id")
    return {
        (category, topic): Place(category_id=category_id, topic_id=topic_id)
        for category, topic, category_id, topic_id in rows
    }


def _save_categories(read: Folder) -> dict[str, Category]:
    domains = dict(Category.objects.values_list("slug", "domain")) | read.domains
    rows = [
        _category(entry, position, domains.get(entry.slug, ""))
        for position, entry in enumerate(read.categories, start=1)
    ]
    changing = ["name", "purpose", "boundary", "domain", "target", "position"]
    Category.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["slug"], update_fields=changing
    )
    return {row.slug: row for row in Category.objects.all()}


def _category(entry: CategoryEntry, position: int, domain: str) -> Category:
    return Category(
        slug=entry.slug,
        name=entry.name,
        purpose=entry.purpose,
        boundary=entry.boundary,
        domain=domain,
        target=entry.target,
        position=position,
    )


def _save_topics(read: Folder, categories: Mapping[str, Category]) -> None:
    stored = Topic.objects.values_list("category__slug", "slug", "glossary")
    glossaries = {(category, slug): glossary for category, slug, glossary in stored}
    for file in read.topic_files:
        glossaries[file.category, file.topic] = list(file.glossary)
    rows = [
        _topic(
            entry,
            categories[c.slug],
            position,
            glossaries.get((c.slug, entry.slug), []),
        )
        for c in read.categories
        for position, entry in enumerate(c.topics, start=1)
    ]
    changing = ["name", "scope", "glossary", "quota", "min_risk", "position"]
    Topic.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["category", "slug"],
        update_fields=changing,
    )


def _topic(
    entry: TopicEntry, category: Category, position: int, glossary: list[str]
) -> Topic:
    return Topic(
        category=category,
        slug=entry.slug,
        name=topic_name(entry.slug),
        scope=entry.scope,
        glossary=glossary,
        quota=entry.quota,
        min_risk=entry.min_risk,
        position=position,
    )
