"""Are the agents good beside each other? Rules L01, L05, L06, L07, L11, L15, L17."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain

from agents.catalogue import similarity
from agents.catalogue.files import TAXONOMY
from agents.catalogue.findings import Finding, error, warning
from agents.catalogue.folder import AgentText, Folder
from agents.catalogue.similarity import Text
from agents.catalogue.text_rules import flat, prose, tokens

FULL = 1_500
#: Shares of a whole are judged from this many agents on.
MANY = 100
NEAR_DUPLICATE, CLOSE = 0.5, 0.25
MAX_BOILERPLATE = 0.25
MAX_MEDIAN, MAX_P90 = 0.05, 0.15
WANTED_VERBS, MAX_PER_VERB, LEAST_PER_VERB = 120, 40, 10
MIN_DISTINCT, MIN_ZLIB = 0.95, 0.28
MIN_SAMPLE_WORDS = 6


def findings(folder: Folder) -> Iterator[Finding]:
    """What is wrong with the collection."""
    agents = folder.agents
    texts = [_text(folder, agent) for agent in agents]
    return chain(
        _quotas(folder),
        _outline(folder),
        _acceptance(folder),
        _near_duplicates(agents, texts),
        _boilerplate(folder, agents, texts),
        _verbs(folder, agents),
        _repeated_inputs(agents),
        _same_sections(agents),
        _redundancy(folder, texts),
    )


def _text(folder: Folder, agent: AgentText) -> Text:
    names = (str(agent.data["name"]), agent.category, agent.topic)
    return Text(slug=agent.slug, prose=prose(agent.data), names=names)


def _about_all(
    folder: Folder, rule: str, message: str, *, stops: bool = True
) -> Finding:
    return Finding(
        rule=rule,
        level="E" if stops else "W",
        file=folder.root / TAXONOMY,
        line=1,
        message=message,
    )


def _quotas(folder: Folder) -> Iterator[Finding]:
    planned = Counter((row.category, row.topic) for row in folder.outlined)
    for file in folder.topic_files:
        entry = folder.topic(file.category, file.topic)
        count = len(file.agents) + planned[file.category, file.topic]
        if entry and count > entry.quota:
            message = f"{count} agents; the quota of the topic is {entry.quota}"
            yield Finding(
                rule="L01", level="E", file=file.file, line=1, message=message
            )


def _outline(folder: Folder) -> Iterator[Finding]:
    taken = {agent.slug for agent in folder.agents}
    for row in folder.outlined:
        if row.slug in taken:
            yield Finding(
                rule="L01",
                level="E",
                file=row.file,
                line=row.line,
                slug=row.slug,
                message="the slug is taken; a written agent leaves the outline",
            )
        taken.add(row.slug)


def _acceptance(folder: Folder) -> Iterator[Finding]:
    digests = {agent.slug: agent.digest for agent in folder.agents}
    for slug, digest in folder.accepted.items():
        if digests.get(slug) != digest:
            file, line = folder.accepted_at[slug]
            yield Finding(
                rule="L01",
                level="E",
                file=file,
                line=line,
                slug=slug,
                message="the accepted digest fits no agent",
            )


def _near_duplicates(
    agents: Sequence[AgentText], texts: Sequence[Text]
) -> Iterator[Finding]:
    for (i, j), index in similarity.close_pairs(texts, above=CLOSE).items():
        about = error if index > NEAR_DUPLICATE else warning
        yield about("L05", agents[j], f"close to {agents[i].slug}: {index:.2f}")


def _boilerplate(
    folder: Folder, agents: Sequence[AgentText], texts: Sequence[Text]
) -> Iterator[Finding]:
    plain, masked = similarity.boilerplate_shares(texts)
    for agent, share in zip(agents, map(max, plain, masked), strict=True):
        if share > MAX_BOILERPLATE:
            yield error("L06", agent, f"{share:.0%} of its sentences occur elsewhere")
    median = similarity.percentile(masked, 50)
    p90 = similarity.percentile(masked, 90)
    if len(agents) >= MANY and (median > MAX_MEDIAN or p90 > MAX_P90):
        message = (
            f"shared sentences: median {median:.1%}, p90 {p90:.1%}; 5%, 15% allowed"
        )
        yield _about_all(folder, "L06", message)


def _verbs(folder: Folder, agents: Sequence[AgentText]) -> Iterator[Finding]:
    count = len(agents)
    if count < MANY:
        return
    verbs = Counter((tokens(a.data["purpose"]) or [""])[0] for a in agents)
    for verb, uses in verbs.items():
        if uses > max(LEAST_PER_VERB, MAX_PER_VERB * count / FULL):
            message = f"{uses} purposes begin with '{verb}'"
            yield _about_all(folder, "L07", message, stops=False)
    wanted = min(WANTED_VERBS, round(WANTED_VERBS * (count / FULL) ** 0.5))
    if len(verbs) < wanted:
        message = f"{len(verbs)} different purpose verbs; {wanted} wanted"
        yield _about_all(folder, "L07", message)


def _repeated_inputs(agents: Sequence[AgentText]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for agent in agents:
        for sample in agent.data["samples"]:
            words = tokens(flat(sample["input"]))
            other = first.setdefault(" ".join(words), agent.slug)
            if len(words) >= MIN_SAMPLE_WORDS and other != agent.slug:
                message = f"sample '{sample['title']}' has the input of one of {other}"
                yield error("L11", agent, message, part="samples")


def _same_sections(agents: Sequence[AgentText]) -> Iterator[Finding]:
    groups: defaultdict[tuple[str, ...], list[AgentText]] = defaultdict(list)
    for agent in agents:
        output = agent.data["output"]
        parts = output.get("sections") or output.get("columns") or ()
        if parts:
            key = (agent.category, agent.topic, *(part.lower() for part in parts))
            groups[key].append(agent)
    for first, *others in groups.values():
        for agent in others:
            message = f"the same output sections as {first.slug}"
            yield warning("L15", agent, message, part="output")


def _redundancy(folder: Folder, texts: Sequence[Text]) -> Iterator[Finding]:
    if len(texts) < MANY:
        return
    distinct = similarity.distinct_share(texts)
    if distinct < MIN_DISTINCT:
        message = f"distinct 5-word runs {distinct:.1%}; 95% wanted"
        yield _about_all(folder, "L17", message)
    ratio = similarity.zlib_ratio(texts)
    if ratio < MIN_ZLIB:
        yield _about_all(folder, "L17", f"zlib ratio {ratio:.3f}; 0.28 wanted")
