"""Does an agent keep its own checks? Rules, the judge and one trial; no database, no settings."""

from agents.evals.asking import Line
from agents.evals.judge import JudgeModel
from agents.evals.purse import NoPrice, OutOfMoney, Purse
from agents.evals.trial import try_sample
from agents.evals.values import EvalCase, Trial, Verdict

__all__ = [
    "EvalCase",
    "JudgeModel",
    "Line",
    "NoPrice",
    "OutOfMoney",
    "Purse",
    "Trial",
    "Verdict",
    "try_sample",
]
