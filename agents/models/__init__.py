"""The tables of agents."""

from agents.models.batches import Batch, BatchItem, Shipment
from agents.models.catalogue import Agent, AgentVersion, Category, Topic
from agents.models.evals import EvalResult, EvalRun
from agents.models.executions import Execution, ExecutionFeedback
from agents.models.figures import AgentFigures
from agents.models.profiles import ModelPrice, ModelProfile

__all__ = [
    "Agent",
    "AgentFigures",
    "AgentVersion",
    "Batch",
    "BatchItem",
    "Category",
    "EvalResult",
    "EvalRun",
    "Execution",
    "ExecutionFeedback",
    "ModelPrice",
    "ModelProfile",
    "Shipment",
    "Topic",
]
