"""Plain HTTP of agents that is neither page nor REST: Prometheus."""

from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from agents import selectors
from agents.selectors.executions import RequestFigures
from aiagents.common.api import problems
from aiagents.common.errors import NotFound


def agent_metrics(request: HttpRequest, slug: str) -> HttpResponse:
    """`GET /agents/{slug}/metrics`: the architecture document's two metrics, from the rows."""
    try:
        agent = selectors.get_listed_agent(slug)
    except NotFound as error:
        return problems.plain_response(request, status=404, detail=error.message)
    registry = CollectorRegistry()
    registry.register(
        _AgentCollector(agent.slug, selectors.agent_request_figures(agent.slug))
    )
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _AgentCollector(Collector):
    """Counts that are already known, in Prometheus's form."""

    def __init__(self, slug: str, figures: RequestFigures) -> None:
        self._slug = slug
        self._figures = figures

    def collect(self) -> list[Metric]:
        figures = self._figures
        requests = CounterMetricFamily(
            "agent_requests", "Finished runs by status.", labels=["agent_id", "status"]
        )
        for status, count in figures.by_status.items():
            requests.add_metric([self._slug, status], count)
        seconds = HistogramMetricFamily(
            "agent_processing_seconds", "Time from claim to end.", labels=["agent_id"]
        )
        buckets = [(str(bound), count) for bound, count in figures.at_most.items()]
        seconds.add_metric(
            [self._slug], [*buckets, ("+Inf", figures.count)], figures.sum_s
        )
        return [requests, seconds]
