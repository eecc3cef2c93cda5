"""What a person does on the marketplace's pages."""

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts import services as account_services
from agents import services as agent_services
from agents.models import Agent
from agents.services import executions as execution_services
from aiagents.common import json as strict_json
from aiagents.common.principals import Principal
from marketplace.models import Favourite

DIGEST_CHARS = 32


@transaction.atomic
def toggle_favourite(*, agent: Agent, by: Principal, now: dt.datetime) -> bool:
    """Keep the agent at hand, or let it go; whether it is kept now."""
    kept, is_new = Favourite.objects.get_or_create(
        user_id=by.user_id, agent=agent, defaults={"created_at": now}
    )
    if not is_new:
        kept.delete()
    return is_new


@transaction.atomic
def delete_account(
    *,
    by: Principal,
    username: str,
    password: str,
    address: str | None,
    now: dt.datetime,
) -> None:
    """Delete what only `by` could see, and take their name off the rest.

    What goes and what stays is written on the page. Raises InvalidInput, Conflict, RateLimited.
    """
    account_services.check_can_erase(
        by=by, username=username, password=password, address=address
    )
    Favourite.objects.filter(user_id=by.user_id).delete()
    agent_services.erase_runs(team_id=by.team_id, by=by)
    account_services.erase_user(by=by, now=now)


def start_run_once(
    *,
    slug: str,
    inputs: Mapping[str, Any],
    form: uuid.UUID | None,
    by: Principal,
    now: dt.datetime,
) -> str:
    """The id of the run that this form starts; the same form sent twice is one run.

    `form` is the id a form was drawn with. The same form with other inputs, after Back, is
    another run. Raises what `start_execution` raises.
    """

    def create() -> account_services.Answer:
        execution = execution_services.start_execution(
            slug=slug, request=execution_services.Request(inputs=inputs), by=by, now=now
        )
        return account_services.Answer(status=303, body={"id": str(execution.id)})

    answer = account_services.run_once(
        principal=by,
        route=f"page:run:{slug}",
        key=f"{form}:{strict_json.digest(inputs)[:DIGEST_CHARS]}" if form else None,
        body={"inputs": dict(inputs)},
        create=create,
    )
    execution_id: str = answer.body["id"]
    return execution_id


def create_batch_once(
    *,
    wanted: agent_services.BatchRequest,
    form: uuid.UUID | None,
    by: Principal,
    now: dt.datetime,
) -> str:
    """The id of the batch that this form makes of its file; as `start_run_once`.

    Raises what `create_batch` raises.
    """

    def create() -> account_services.Answer:
        batch = agent_services.create_batch(request=wanted, by=by, now=now)
        return account_services.Answer(status=303, body={"id": str(batch.id)})

    asked = {
        "file": _digest(wanted.source),
        "mode": wanted.mode,
        "max_in_flight": wanted.max_in_flight,
        "skip_bad_rows": wanted.skip_bad_rows,
        "name": wanted.name,
    }
    answer = account_services.run_once(
        principal=by,
        route=f"page:batch:{wanted.slug}",
        key=f"{form}:{strict_json.digest(asked)[:DIGEST_CHARS]}" if form else None,
        body=asked,
        create=create,
    )
    batch_id: str = answer.body["id"]
    return batch_id


def _digest(source: agent_services.Upload | Any) -> str:
    data = source.data if isinstance(source, agent_services.Upload) else b""
    return hashlib.sha256(data).hexdigest()
