"""Which model is behind a tier, and what does it cost?"""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts import services as account_services
from accounts.choices import AuditAction
from agents.catalogue.files import read_models
from agents.models import ModelPrice, ModelProfile
from agents.permissions import check_can_set_models
from aiagents.common.errors import InvalidInput
from aiagents.common.principals import Principal

PRICES = ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd")


def ensure_models(*, file: Path) -> None:
    """Create the profiles and prices of `file` that are missing; change none.

    A price of a model that has any price is left to the administrators. Raises InvalidInput.
    """
    try:
        profiles, prices = read_models(file)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    known = set(ModelPrice.objects.values_list("model_id", flat=True))
    rows = [_price(data) for data in prices if data["model_id"] not in known]
    ModelPrice.objects.bulk_create(rows)
    tiers = set(ModelProfile.objects.values_list("tier", flat=True))
    ModelProfile.objects.bulk_create(
        [_profile(data) for data in profiles if data["tier"] not in tiers]
    )


def _profile(data: dict[str, Any]) -> ModelProfile:
    ends = data.get("retires_on")
    return ModelProfile(**{**data, "retires_on": ends and dt.date.fromisoformat(ends)})


def _price(data: dict[str, Any]) -> ModelPrice:
    amounts = {name: Decimal(data[name]) for name in PRICES}
    valid_from = dt.datetime.fromisoformat(data["valid_from"])
    return ModelPrice(**{**data, **amounts, "valid_from": valid_from})


@transaction.atomic
def change_profile(*, profile: ModelProfile, by: Principal, now: dt.datetime) -> None:
    """Save which model a tier is. Raises NotAllowed unless `by` is an administrator."""
    check_can_set_models(by)
    profile.save()
    account_services.record_deed(
        action=AuditAction.MODEL_CHANGED,
        target=f"tier:{profile.tier}",
        by=by,
        now=now,
        model_id=profile.model_id,
        effort=profile.effort,
        max_tokens=profile.max_tokens,
    )


@transaction.atomic
def add_price(*, price: ModelPrice, by: Principal, now: dt.datetime) -> None:
    """Save a new price. Raises NotAllowed unless `by` is an administrator."""
    check_can_set_models(by)
    price.save(force_insert=True)
    account_services.record_deed(
        action=AuditAction.PRICE_ADDED,
        target=f"price:{price.id}",
        by=by,
        now=now,
        model_id=price.model_id,
        input_usd=str(price.input_usd),
        output_usd=str(price.output_usd),
    )
