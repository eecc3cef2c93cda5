"""What runs an agent: prompt, model, output. Knows neither Celery nor HTTP views nor rows."""

from agents.runtime.agents import AgentLoader, BaseAgent, EnhancedAgent
from agents.runtime.errors import ProviderError
from agents.runtime.values import (
    AgentPlan,
    Finished,
    ModelCall,
    Price,
    PromptBlocks,
    Started,
    StreamPart,
    TextDelta,
    Usage,
)

__all__ = [
    "AgentLoader",
    "AgentPlan",
    "BaseAgent",
    "EnhancedAgent",
    "Finished",
    "ModelCall",
    "Price",
    "PromptBlocks",
    "ProviderError",
    "Started",
    "StreamPart",
    "TextDelta",
    "Usage",
]
