"""Every write of agents."""

from agents.services.batches import (
    BatchRequest,
    Upload,
    cancel_batch,
    change_batch,
    create_batch,
    pause_batch,
    resume_batch,
)
from agents.services.catalogue import (
    ExportReport,
    LoadReport,
    export_catalogue,
    load_catalogue,
)
from agents.services.curation import resume_agent, suspend_agent
from agents.services.erasure import erase_runs
from agents.services.evals import begin_evals, finish_evals, record_trial
from agents.services.executions import (
    Request,
    cancel_execution,
    record_feedback,
    retry_execution,
    start_execution,
)
from agents.services.feeding import FeedReport, batches_to_feed, feed_batch
from agents.services.figures import refresh_figures
from agents.services.profiles import add_price, change_profile
from agents.services.shipments import has_provider_work
from agents.services.sweep import SweepReport, sweep_executions

__all__ = [
    "BatchRequest",
    "ExportReport",
    "FeedReport",
    "LoadReport",
    "Request",
    "SweepReport",
    "Upload",
    "add_price",
    "batches_to_feed",
    "begin_evals",
    "cancel_batch",
    "cancel_execution",
    "change_batch",
    "change_profile",
    "create_batch",
    "erase_runs",
    "export_catalogue",
    "feed_batch",
    "finish_evals",
    "has_provider_work",
    "load_catalogue",
    "pause_batch",
    "record_feedback",
    "record_trial",
    "refresh_figures",
    "resume_agent",
    "resume_batch",
    "retry_execution",
    "start_execution",
    "suspend_agent",
    "sweep_executions",
]
