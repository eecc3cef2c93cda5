"""What may stand in a cell of an exported CSV without acting as a formula?"""

from typing import Any

from aiagents.common import json as strict_json

#: Spreadsheets run a cell that begins with one of these (OWASP, CSV injection); some also
#: read the full-width forms.
DANGEROUS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)


def safe_cell(value: Any) -> Any:
    """A value for `csv.writer`: text that would act is preceded by an apostrophe.

    Numbers stay numbers, for a minus before digits is no formula; lists and objects are JSON.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case str():
            text = value
        case _:
            text = strict_json.canonical(value).decode()
    return f"'{text}" if text.startswith(DANGEROUS) else text
