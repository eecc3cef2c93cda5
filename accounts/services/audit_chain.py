"""Is the audit as it was written? Hashes of entries, signatures of heads, and the check.

An entry's hash covers its columns and the hash before it, so a changed, removed or moved entry
breaks the chain. Whoever may write to the database could compute every later hash anew; the
head is therefore signed with SECRET_KEY, and heads can be kept elsewhere and compared.
"""

import datetime as dt
import hashlib
import hmac
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings

from accounts.models import AuditEntry, AuditHead
from aiagents.common import json as strict_json

CHUNK = 2_000
MOST_NAMED = 100
PURPOSE = b"accounts.audit.head"


class Fault(StrEnum):
    """What is wrong with a place in a chain."""

    CHANGED = "was changed"
    REMOVED = "was removed"
    MOVED = "stands in another place than it was written"
    UNLINKED = "does not continue the entry before it"
    HEAD = "is not the end that was signed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place where a chain is not as it was written."""

    chain: uuid.UUID
    sequence: int
    fault: Fault
    #: The entry's id; None where there is none any more.
    entry_id: uuid.UUID | None = None
    #: Where a moved entry was written.
    written_at: int | None = None

    def __str__(self) -> str:
        name = f"{self.entry_id} " if self.entry_id else ""
        moved = f" (it was #{self.written_at})" if self.written_at else ""
        return f"chain {self.chain}, entry #{self.sequence} {name}{self.fault}{moved}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check found."""

    chains: int
    entries: int
    findings: tuple[Finding, ...]


def content_hash(row: AuditEntry, *, sequence: int | None = None) -> str:
    """SHA-256 of an entry, in hex; as if it stood at `sequence`, where one is given."""
    return strict_json.digest(
        {
            "id": str(row.id),
            "chain": str(row.chain),
            "sequence": row.sequence if sequence is None else sequence,
            "at": row.at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
            "user_id": _text(row.user_id),
            "api_key_id": _text(row.api_key_id),
            "action": row.action,
            "target": row.target,
            "details": row.details,
            "previous_hash": row.previous_hash,
        }
    )


def head_signature(head: AuditHead, *, secret: str | None = None) -> str:
    """HMAC-SHA-256 of a chain's end, in hex."""
    key = hmac.digest((secret or settings.SECRET_KEY).encode(), PURPOSE, "sha256")
    text = f"{head.chain}:{head.sequence}:{head.hash}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def verify_audit(
    *,
    chain: uuid.UUID | None = None,
    kept: Mapping[uuid.UUID, tuple[int, str]] | None = None,
) -> Report:
    """Read every entry of one chain or of all, oldest first, and compare.

    `kept` holds ends that were noted elsewhere, as sequence and hash by chain: a chain cut
    short, head and all, still has to reach them.
    """
    kept = kept or {}
    chains = _all_chains() | set(kept) if chain is None else {chain}
    findings: list[Finding] = []
    entries = 0
    for key in sorted(chains):
        check = _ChainCheck(key, kept=kept.get(key))
        findings += check.run()
        entries += check.count
    return Report(chains=len(chains), entries=entries, findings=tuple(findings))


def list_heads() -> list[dict[str, Any]]:
    """The end of every chain, to be kept where the database's writers cannot reach."""
    rows = AuditHead.objects.order_by("chain").values("chain", "sequence", "hash")
    return [{**row, "chain": str(row["chain"])} for row in rows]


def _all_chains() -> set[uuid.UUID]:
    entries = AuditEntry.objects.values_list("chain", flat=True).distinct()
    return set(entries) | set(AuditHead.objects.values_list("chain", flat=True))


class _ChainCheck:
    """One pass over one chain; keeps only what is wrong with it."""

    def __init__(self, chain: uuid.UUID, *, kept: tuple[int, str] | None) -> None:
        self.count = 0
        self._chain = chain
        self._kept = kept
        self._hash = self._hash_at_head = ""
        self._sequence = 0
        self._suspects: list[AuditEntry] = []
        self._findings: list[Finding] = []

    def run(self) -> list[Finding]:
        # The head first: entries that are written meanwhile stand behind it.
        head = AuditHead.objects.filter(chain=self._chain).first()
        rows = AuditEntry.objects.filter(chain=self._chain).order_by("sequence")
        for row in rows.iterator(chunk_size=CHUNK):
            self._read(row)
            if head and row.sequence == head.sequence:
                self._hash_at_head = row.hash
        self._judge_suspects()
        self._check_end(head)
        return sorted(self._findings, key=lambda finding: finding.sequence)

    def _read(self, row: AuditEntry) -> None:
        self.count += 1
        self._miss(row.sequence - 1)
        has_gap = row.sequence != self._sequence + 1
        if content_hash(row) != row.hash:
            self._suspects.append(row)
        elif row.previous_hash != self._hash and not has_gap and not self._suspects:
            self._find(row.sequence, Fault.UNLINKED, row)
        if self._kept and self._kept[0] == row.sequence and self._kept[1] != row.hash:
            self._find(row.sequence, Fault.CHANGED, row)
        self._sequence, self._hash = row.sequence, row.hash

    def _judge_suspects(self) -> None:
        places = [row.sequence for row in self._suspects[:CHUNK]]
        for row in self._suspects:
            written_at = next(
                (n for n in places if content_hash(row, sequence=n) == row.hash), None
            )
            fault = Fault.CHANGED if written_at is None else Fault.MOVED
            self._find(row.sequence, fault, row, written_at=written_at)

    def _check_end(self, head: AuditHead | None) -> None:
        last = max(head.sequence if head else 0, self._kept[0] if self._kept else 0)
        self._miss(last)
        if not self._findings and (head is None or not self._continues(head)):
            self._find(last, Fault.HEAD)

    def _continues(self, head: AuditHead) -> bool:
        """Whether the head is signed and is an entry that was read."""
        return _is_signed(head) and self._hash_at_head == head.hash

    def _miss(self, up_to: int) -> None:
        """Name the places that are empty; of a long gap its beginning."""
        first = self._sequence + 1
        for missing in range(first, min(up_to + 1, first + MOST_NAMED)):
            self._find(missing, Fault.REMOVED)

    def _find(
        self,
        sequence: int,
        fault: Fault,
        row: AuditEntry | None = None,
        *,
        written_at: int | None = None,
    ) -> None:
        self._findings.append(
            Finding(
                chain=self._chain,
                sequence=sequence,
                fault=fault,
                entry_id=row.id if row else None,
                written_at=written_at,
            )
        )


def _is_signed(head: AuditHead) -> bool:
    """With the present SECRET_KEY or one that it replaced."""
    return any(
        hmac.compare_digest(head_signature(head, secret=secret), head.signature)
        for secret in _secrets()
    )


def _secrets() -> Iterator[str]:
    yield settings.SECRET_KEY
    yield from map(str, settings.SECRET_KEY_FALLBACKS)


def _text(value: uuid.UUID | None) -> str | None:
    return None if value is None else str(value)
