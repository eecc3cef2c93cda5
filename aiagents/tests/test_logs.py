"""What a line of the log leaves out."""

from typing import Any

from aiagents.common import logs

ROW = "Failing row contains (1, my words\non two lines, 3)."


def told(**fields):
    event: Any = fields
    for processor in (logs.drop_query, logs.drop_rows):
        event = processor(None, "", event)
    return event


def test_searches_are_not_told():
    assert told(request="GET /?q=my+words&find=1")["request"] == "GET /"
    assert told(request="GET /agents")["request"] == "GET /agents"


def test_refused_rows_are_not_told():
    first = f"Traceback:\n  line\npsycopg.errors.CheckViolation: no\nDETAIL:  {ROW}"
    chain = f"{first}\n\nThe above exception was the direct cause:\n\nTraceback 2"
    assert told(exception=first)["exception"].endswith("CheckViolation: no")
    text = told(exception=chain)["exception"]
    assert "my words" not in text
    assert text.endswith("Traceback 2")
    assert (
        "my words" not in told(cause=repr(ValueError(f"no\nDETAIL:  {ROW}")))["cause"]
    )


def test_other_things_stay():
    assert told(event="x", count=3) == {"event": "x", "count": 3}
