"""The results of a batch as a file, in pieces, in the order of the rows that were sent."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from agents.catalogue.cells import safe_cell
from agents.choices import ExecutionStatus, ItemState
from agents.models import Batch, BatchItem
from agents.selectors.batches import iterate_results

#: By format: content type and ending of the file.
FORMATS: Mapping[str, tuple[str, str]] = {
    "jsonl": ("application/x-ndjson", "jsonl"),
    "csv": ("text/csv; charset=utf-8", "csv"),
}
#: Spreadsheets take a CSV without it for another encoding.
MARK = b"\xef\xbb\xbf"
INPUT = "input_"


def results_name(batch: Batch, file_format: str) -> str:
    """The name of the download; nothing in it was typed by anybody."""
    return f"{batch.agent.slug}-{batch.id.hex[-12:]}.{FORMATS[file_format][1]}"


def results_file(
    batch: Batch, file_format: str, *, marked: bool = False
) -> Iterator[bytes]:
    """The bytes of a `jsonl` or `csv` file with every row, over or not.

    In CSV the inputs stand in columns `input_KEY`, and no cell can act as a formula. `marked`
    puts a byte order mark before the CSV, for spreadsheets.
    """
    if file_format == "csv":
        return _csv(batch, mark=MARK if marked else b"")
    return _json_lines(batch)


def _json_lines(batch: Batch) -> Iterator[bytes]:
    for chunk in iterate_results(batch):
        yield b"".join(orjson.dumps(_row(item)) + b"\n" for item in chunk)


def _row(item: BatchItem) -> dict[str, Any]:
    run = item.execution
    row: dict[str, Any] = {
        "row": item.position,
        "line": item.line,
        "status": _status(item),
        "inputs": item.inputs,
    }
    if run is None:
        return row
    error = {"code": run.error_code, "message": run.error_message}
    return row | {
        "execution_id": str(run.id),
        "output": run.output,
        "output_json": run.output_json,
        "stop_reason": run.stop_reason,
        "error": error if run.error_code else None,
        "model": run.model,
        "usage": {
            "input_tokens": run.input_tokens,
            "output_tokens": run.output_tokens,
            "cache_read_tokens": run.cache_read_tokens,
            "cache_write_tokens": run.cache_write_tokens,
        },
        "cost_usd": f"{run.cost_usd:.6f}",
    }


def _status(item: BatchItem) -> str:
    if item.execution is not None:
        return item.execution.status
    is_dropped = item.state == ItemState.DROPPED
    return ExecutionStatus.CANCELLED.value if is_dropped else ItemState.PENDING.value


def _csv(batch: Batch, *, mark: bytes) -> Iterator[bytes]:
    keys = [field["key"] for field in batch.version.definition["inputs"]]
    first = [
        "row", "line", "status", *(INPUT + key for key in keys), "output", "stop_reason",
        "error_code", "error_message", "model", "cost_usd", "execution_id",
    ]  # fmt: skip
    yield mark + _written([first])
    for chunk in iterate_results(batch):
        yield _written([_cells(item, keys) for item in chunk])


def _cells(item: BatchItem, keys: Sequence[str]) -> list[Any]:
    run = item.execution
    cells = [item.position, item.line, _status(item)]
    cells += [safe_cell(item.inputs.get(key)) for key in keys]
    if run is None:
        return cells + [""] * 7
    texts = (run.output, run.stop_reason, run.error_code, run.error_message, run.model)
    return [*cells, *map(safe_cell, texts), f"{run.cost_usd:.6f}", str(run.id)]


def _written(rows: Sequence[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
