"""How a program calls one agent: the same request in curl and in Python."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_SAMPLE_TEXT = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSample:
    """One piece of code on the page."""

    id: str
    title: str
    code: str


def code_samples(
    *, root: str, slug: str, inputs: Mapping[str, Any]
) -> list[CodeSample]:
    """Ready to paste; the key is named by its variable, never shown."""
    body = {"inputs": {key: _short(value) for key, value in inputs.items()}}
    address = f"{root}/api/v1/agents/{slug}/executions"
    return [
        CodeSample(id="code-curl", title="curl", code=_curl(address, body)),
        CodeSample(id="code-python", title="Python", code=_python(address, body)),
        CodeSample(id="code-service", title="As a service", code=_service(root, slug)),
    ]


def _short(value: Any) -> Any:
    is_long = isinstance(value, str) and len(value) > MAX_SAMPLE_TEXT
    return f"{value[:MAX_SAMPLE_TEXT].rstrip()} …" if is_long else value


def _curl(address: str, body: Mapping[str, Any]) -> str:
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return (
        f"curl -X POST {address} \\\n"
        '  -H "X-API-Key: $AIAGENTS_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        '  -H "Prefer: wait=60" \\\n'
        f"  --data @- <<'JSON'\n{text}\nJSON"
    )


def _python(address: str, body: Mapping[str, Any]) -> str:
    text = json.dumps(body, indent=4, ensure_ascii=False)
    return (
        "import json, os, urllib.request\n\n"
        f'body = json.loads(r"""\n{text}\n""")\n'
        "request = urllib.request.Request(\n"
        f'    "{address}",\n'
        "    data=json.dumps(body).encode(),\n"
        "    headers={\n"
        '        "X-API-Key": os.environ["AIAGENTS_API_KEY"],\n'
        '        "Content-Type": "application/json",\n'
        '        "Prefer": "wait=60",\n'
        "    },\n"
        ")\n"
        "with urllib.request.urlopen(request) as answer:\n"
        '    print(json.load(answer)["output"])'
    )


def _service(root: str, slug: str) -> str:
    return (
        f"curl -X POST {root}/agents/{slug}/api/v1/execute \\\n"
        '  -H "X-API-Key: $AIAGENTS_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        """  --data '{"task_description": "What you need, in your own words"}'"""
    )
