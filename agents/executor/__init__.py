"""The asyncio loop of a worker process: claims executions, asks models, commits results.

One executor a process, beside Celery's consumer. It decides nothing about states; every write
is a call of `agents.services.attempts`.
"""

from agents.executor.evaluator import EvalReport, run_evals
from agents.executor.executor import Executor, current, start_executor
from agents.executor.shipping import Shipper

__all__ = [
    "EvalReport",
    "Executor",
    "Shipper",
    "current",
    "run_evals",
    "start_executor",
]
