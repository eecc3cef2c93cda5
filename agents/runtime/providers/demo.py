"""The demo model: so that everything can be tried in a minute, without a key.

It reads a prompt at some 230 tokens a second, so it gets a short one, and its answers are
kept short. Its server closes a kept-alive connection after each stream, so every second call
would fail on a reused one: each call opens its own. It answers a few calls at a time and lets
the others wait, on a small machine for minutes, so patience is long.
"""

from dataclasses import replace

from agents.runtime.providers.base import Provider, ProviderSettings
from agents.runtime.providers.messages import MessagesProvider

MODEL = "demo-smollm2"
MAX_TOKENS = 400
PATIENCE_S = 600.0


def make(settings: ProviderSettings) -> Provider:
    """A provider that talks to the child process of local mode."""
    patient = replace(settings, first_byte_s=PATIENCE_S, idle_s=PATIENCE_S)
    return MessagesProvider(
        patient,
        kind="demo",
        headers={"Connection": "close"},
        is_small=True,
        default_model=MODEL,
        max_tokens=MAX_TOKENS,
    )
