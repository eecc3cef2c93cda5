"""Who answers: one literal registry from a kind to the module that makes it."""

from importlib import import_module

from agents.runtime.providers.base import Provider, ProviderSettings

REGISTRY = {
    "anthropic": "agents.runtime.providers.anthropic",
    "demo": "agents.runtime.providers.demo",
}


def make_provider(kind: str, settings: ProviderSettings) -> Provider:
    """The provider of `kind`. Raises KeyError for an unknown one."""
    provider: Provider = import_module(REGISTRY[kind]).make(settings)
    return provider


__all__ = ["REGISTRY", "Provider", "ProviderSettings", "make_provider"]
