"""Named reads of agents: the catalogue's in `catalogue`, those of runs in `executions`."""

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
from agents.selectors.figures import Figures, figures_of
from agents.selectors.policy import (
    Change,
    DryRun,
    explain_run,
    read_rules,
    rules_in_force,
    try_policy,
)
from agents.selectors.progress import follow_progress, replay_progress
from agents.selectors.running import (
    Runnable,
    get_listed_agent,
    get_runnable,
    prompt_blocks,
)

__all__ = [
    "ORDERINGS",
    "AgentDetail",
    "AgentRow",
    "CategoryRow",
    "Change",
    "DryRun",
    "Figures",
    "Runnable",
    "SearchDocument",
    "TopicRow",
    "agent_request_figures",
    "agent_rows",
    "catalogue_stamp",
    "explain_run",
    "figures_of",
    "find_outcome",
    "follow_progress",
    "get_agent_detail",
    "get_execution",
    "get_listed_agent",
    "get_runnable",
    "iterate_search_documents",
    "list_agents",
    "list_categories",
    "list_executions",
    "lists_filtered",
    "ordered_slugs",
    "prompt_blocks",
    "queue_figures",
    "queue_place",
    "read_rules",
    "replay_progress",
    "rules_in_force",
    "try_policy",
]
