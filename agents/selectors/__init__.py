"""Named reads of agents: the catalogue's in `catalogue`, those of runs in `executions`."""

from agents.selectors.batch_files import FORMATS, results_file, results_name
from agents.selectors.batches import (
    BatchProgress,
    batch_template,
    failed_rows,
    get_batch,
    iterate_results,
    list_batches,
    progress_of,
)
from agents.selectors.catalogue import (
    ORDERINGS,
    AgentDetail,
    AgentRow,
    CategoryRow,
    SearchDocument,
    TopicRow,
    agent_rows,
    catalogue_stamp,
    get_agent_detail,
    iterate_search_documents,
    list_agents,
    list_categories,
    ordered_slugs,
)
from agents.selectors.executions import (
    agent_request_figures,
    find_outcome,
    get_execution,
    list_executions,
    lists_filtered,
    queue_figures,
    queue_place,
)
from agents.selectors.export import (
    iterate_own_batch_rows,
    iterate_own_runs,
    own_batches,
    own_feedback,
)
from agents.selectors.figures import Figures, figures_of
from agents.selectors.progress import follow_progress, replay_progress
from agents.selectors.queue import QueueCounts, queued_counts
from agents.selectors.running import (
    Runnable,
    get_listed_agent,
    get_runnable,
    prompt_blocks,
)

__all__ = [
    "FORMATS",
    "ORDERINGS",
    "AgentDetail",
    "AgentRow",
    "BatchProgress",
    "CategoryRow",
    "Figures",
    "QueueCounts",
    "Runnable",
    "SearchDocument",
    "TopicRow",
    "agent_request_figures",
    "agent_rows",
    "batch_template",
    "catalogue_stamp",
    "failed_rows",
    "figures_of",
    "find_outcome",
    "follow_progress",
    "get_agent_detail",
    "get_batch",
    "get_execution",
    "get_listed_agent",
    "get_runnable",
    "iterate_own_batch_rows",
    "iterate_own_runs",
    "iterate_results",
    "iterate_search_documents",
    "list_agents",
    "list_batches",
    "list_categories",
    "list_executions",
    "lists_filtered",
    "ordered_slugs",
    "own_batches",
    "own_feedback",
    "progress_of",
    "prompt_blocks",
    "queue_figures",
    "queue_place",
    "queued_counts",
    "replay_progress",
    "results_file",
    "results_name",
]
