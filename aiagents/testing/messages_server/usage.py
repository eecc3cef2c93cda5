"""Token counts made from lengths, and a prompt cache that remembers prefixes."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiagents.testing.messages_server.prompts import Prompt

CHARS_PER_TOKEN = 4
#: Shorter prefixes are not cached, and nothing says so (prompt caching page).
MIN_CACHED_TOKENS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The token counts of one answer."""

    input_tokens: int
    cache_creation_5m: int = 0
    cache_creation_1h: int = 0
    cache_read: int = 0
    output_tokens: int = 0

    def counts(self) -> dict[str, int]:
        return {
            "input_tokens": self.input_tokens,
            "cache_creation_input_tokens": self.cache_creation_5m
            + self.cache_creation_1h,
            "cache_read_input_tokens": self.cache_read,
            "output_tokens": self.output_tokens,
        }

    def full(self) -> dict[str, Any]:
        creation = {
            "ephemeral_5m_input_tokens": self.cache_creation_5m,
            "ephemeral_1h_input_tokens": self.cache_creation_1h,
        }
        return self.counts() | {"cache_creation": creation, "service_tier": "standard"}


def count_tokens(text: str) -> int:
    return -(-len(text) // CHARS_PER_TOKEN)


def count_input(prompt: Prompt) -> int:
    return max(1, sum(count_tokens(part) for part, _ in _segments(prompt)))


class PromptCache:
    """The prefixes written so far; what it reads depends on nothing but the requests.

    Used by the server's thread only.
    """

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def account(self, prompt: Prompt, *, key: str) -> Usage:
        """The usage of this prompt; its marked prefixes are remembered."""
        total, read, written, hour = 0, 0, 0, False
        digest = hashlib.sha256(f"{key}|{prompt.model}".encode())
        for part, mark in _segments(prompt):
            total += count_tokens(part)
            digest.update(part.encode("utf-8", "replace"))
            if total < MIN_CACHED_TOKENS:
                continue
            if digest.digest() in self._seen:
                read = total
            elif mark:
                self._seen.add(digest.digest())
                written, hour = total, mark == "1h"
        written = max(0, written - read)
        return Usage(
            input_tokens=max(1, total - read - written),
            cache_creation_5m=0 if hour else written,
            cache_creation_1h=written if hour else 0,
            cache_read=read,
        )


def _segments(prompt: Prompt) -> Iterable[tuple[str, str | None]]:
    """The prompt in the order of caching, each part with the ttl of its mark."""
    parts = list(_marked(prompt))
    automatic = _ttl(prompt.body)
    if automatic and parts:
        parts[-1] = (parts[-1][0], parts[-1][1] or automatic)
    return parts


def _marked(prompt: Prompt) -> Iterable[tuple[str, str | None]]:
    contents = [prompt.tools, prompt.body.get("system")]
    contents += [message["content"] for message in prompt.messages]
    for content in contents:
        if isinstance(content, str):
            yield content, None
            continue
        for block in content or ():
            yield _text(block), _ttl(block)


def _text(block: dict[str, Any]) -> str:
    if block.get("type") == "text":
        return str(block["text"])
    return json.dumps(block, sort_keys=True)


def _ttl(holder: Any) -> str | None:
    mark = holder.get("cache_control")
    return str(mark.get("ttl", "5m")) if isinstance(mark, dict) else None
