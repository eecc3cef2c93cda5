"""An answer as the bytes of a server-sent event stream, made before it is sent."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aiagents.testing.messages_server.answers import Answer, ToolCall
from aiagents.testing.messages_server.behaviours import Behaviour

_PIECE_CHARS = 24
_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_DELTA = 'event: content_block_delta\ndata: {"type":"content_block_delta","index":'
_BAD_JSON = f'{_DELTA}0,"delta":{{"type":"text_del\n\n'.encode()
_UNKNOWN = (
    ": a comment\n\n"
    'event: weather_changed\ndata: {"type":"weather_changed","outlook":"fair"}\n\n'
    f'{_DELTA}0,"delta":{{"type":"mood_delta","mood":"calm"}}}}\n\n'
).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """A stream in the units that faults count: `pieces` are deltas of content."""

    opening: bytes
    pieces: tuple[bytes, ...]
    #: From the last content_block_stop to message_stop.
    closing: bytes


def event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: ".encode() + dump(data) + b"\n\n"


def encode(answer: Answer, behaviour: Behaviour) -> Chunks:
    """The stream of an answer, with the faults that are inside its events."""
    opening = event(
        "message_start", {"type": "message_start", "message": answer.envelope()}
    )
    first, *later = list(_blocks(answer, behaviour)) or [
        Chunks(opening=b"", pieces=(), closing=b"")
    ]
    pieces, closing = list(first.pieces), first.closing
    for block in later:
        pieces += [closing + block.opening + block.pieces[0], *block.pieces[1:]]
        closing = block.closing
    return Chunks(
        opening=opening + first.opening + _PING,
        pieces=tuple(_spoiled(pieces, behaviour)),
        closing=closing + _end(answer),
    )


def dump(value: Any) -> bytes:
    """Compact JSON; a lone surrogate becomes a question mark."""
    return _encode_json(value).encode("utf-8", "replace")


def _blocks(answer: Answer, behaviour: Behaviour) -> Iterator[Chunks]:
    index = 0
    if answer.text:
        count = 1 if behaviour.huge_line else behaviour.events
        pieces = _split(answer.text, count)
        yield _block(index, {"type": "text", "text": ""}, "text", pieces)
        index += 1
    if answer.tool:
        pieces = _split(json.dumps(answer.tool.input), None)
        yield _block(index, _tool_start(answer.tool), "partial_json", pieces)


def _block(index: int, start: dict[str, Any], field: str, pieces: list[str]) -> Chunks:
    kind = "text_delta" if field == "text" else "input_json_delta"
    head = f'{_DELTA}{index},"delta":{{"type":"{kind}","{field}":'.encode()
    opened = {"type": "content_block_start", "index": index, "content_block": start}
    stopped = {"type": "content_block_stop", "index": index}
    return Chunks(
        opening=event("content_block_start", opened),
        pieces=tuple(head + dump(piece) + b"}}\n\n" for piece in pieces),
        closing=event("content_block_stop", stopped),
    )


def _tool_start(tool: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool.id, "name": tool.name, "input": {}}


def _split(text: str, count: int | None) -> list[str]:
    """The text in `count` pieces of about one length, fewer when it is shorter."""
    pieces = min(count or -(-len(text) // _PIECE_CHARS), len(text))
    edges = [index * len(text) // pieces for index in range(pieces + 1)]
    return [text[a:b] for a, b in itertools.pairwise(edges)]


def _spoiled(pieces: list[bytes], behaviour: Behaviour) -> list[bytes]:
    if behaviour.unknown_event:
        pieces = [_UNKNOWN + piece for piece in pieces]
    if behaviour.bad_json_event:
        pieces.insert(len(pieces) // 2, _BAD_JSON)
    return pieces


def _end(answer: Answer) -> bytes:
    delta = {
        "type": "message_delta",
        "delta": answer.stop(),
        "usage": answer.usage.counts(),
    }
    return event("message_delta", delta) + event(
        "message_stop", {"type": "message_stop"}
    )
