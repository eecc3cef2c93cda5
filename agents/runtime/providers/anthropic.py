"""Claude, or any server of the Messages API."""

from agents.runtime.providers.base import Provider, ProviderSettings
from agents.runtime.providers.messages import MessagesProvider


def make(settings: ProviderSettings) -> Provider:
    """A provider that uses the configured keys in turn."""
    return MessagesProvider(settings, kind="anthropic")
