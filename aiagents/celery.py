"""The Celery application: queue names and nothing else."""

import os

import django_structlog.celery.steps
from celery import Celery
from kombu import Exchange, Queue

from aiagents.common import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiagents.settings.local")

QUEUES = ("interactive", "workflow", "batch", "maintenance")

broker.install()
app = Celery("aiagents")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [
    Queue(name, Exchange(name), routing_key=name) for name in QUEUES
]
app.steps["worker"].add(django_structlog.celery.steps.DjangoStructLogInitStep)
app.autodiscover_tasks()
