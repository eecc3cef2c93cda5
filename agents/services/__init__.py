"""Every write of agents."""

from agents.services.catalogue import (
    ExportReport,
    LoadReport,
    export_catalogue,
    load_catalogue,
)
from agents.services.curation import resume_agent, suspend_agent
from agents.services.erasure import erase_runs
from agents.services.executions import (
    Request,
    cancel_execution,
    record_feedback,
    retry_execution,
    start_execution,
)
from agents.services.figures import refresh_figures
from agents.services.profiles import add_price, change_profile
from agents.services.sweep import SweepReport, sweep_executions

__all__ = [
    "ExportReport",
    "LoadReport",
    "Request",
    "SweepReport",
    "add_price",
    "cancel_execution",
    "change_profile",
    "erase_runs",
    "export_catalogue",
    "load_catalogue",
    "record_feedback",
    "refresh_figures",
    "resume_agent",
    "retry_execution",
    "start_execution",
    "suspend_agent",
    "sweep_executions",
]
