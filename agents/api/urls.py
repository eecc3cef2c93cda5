"""REST addresses of agents, below `/api/v1`."""

from django.urls import path

from agents.api import batches, catalogue, executions, policy

urlpatterns = [
    path("categories", catalogue.ListCategories.as_view(), name="list_categories"),
    path("agents/<str:slug>", catalogue.ReadAgent.as_view(), name="get_agent"),
    path(
        "agents/<str:slug>/executions",
        executions.StartExecution.as_view(),
        name="start_execution",
    ),
    path("policy/explain", policy.ExplainPolicy.as_view(), name="explain_policy"),
    path("executions", executions.ListExecutions.as_view(), name="list_executions"),
    path(
        "executions/<str:execution_id>",
        executions.ReadExecution.as_view(),
        name="get_execution",
    ),
    path(
        "executions/<str:execution_id>/cancel",
        executions.CancelExecution.as_view(),
        name="cancel_execution",
    ),
    path(
        "executions/<str:execution_id>/retry",
        executions.RetryExecution.as_view(),
        name="retry_execution",
    ),
    path(
        "executions/<str:execution_id>/feedback",
        executions.RateExecution.as_view(),
        name="rate_execution",
    ),
    path(
        "executions/<str:execution_id>/events",
        executions.ExecutionEvents.as_view(),
        name="list_execution_events",
    ),
    path("batches", batches.Batches.as_view(), name="batches"),
    path("batches/<str:batch_id>", batches.OneBatch.as_view(), name="batch"),
    path(
        "batches/<str:batch_id>/pause",
        batches.PauseBatch.as_view(),
        name="pause_batch",
    ),
    path(
        "batches/<str:batch_id>/resume",
        batches.ResumeBatch.as_view(),
        name="resume_batch",
    ),
    path(
        "batches/<str:batch_id>/cancel",
        batches.CancelBatch.as_view(),
        name="cancel_batch",
    ),
    path(
        "batches/<str:batch_id>/results",
        batches.BatchResults.as_view(),
        name="batch_results",
    ),
]
