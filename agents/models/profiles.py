"""Which model a tier is today, and what it costs."""

from typing import Any

from django.db import models

from agents.choices import Tier
from aiagents.common.models import UUIDModel


class ModelProfile(UUIDModel):
    """The model behind a tier."""

    tier = models.CharField(max_length=10, choices=Tier, unique=True)
    model_id = models.CharField(max_length=80)
    effort = models.CharField(max_length=10, default="medium")
    max_tokens = models.PositiveIntegerField(default=16_000)
    context_tokens = models.PositiveIntegerField(default=1_000_000)
    retires_on = models.DateField(null=True, blank=True)
    #: What the model understands beyond text: `effort`, `thinking`, `json_schema`, `tools`.
    capabilities: Any = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.tier}: {self.model_id}"


class ModelPrice(UUIDModel):
    """US dollars per million tokens of one model, from a day, up to a prompt length."""

    model_id = models.CharField(max_length=80)
    valid_from = models.DateTimeField()
    #: The price holds for prompts of more than this many tokens, up to the next threshold.
    above_prompt_tokens = models.PositiveIntegerField(default=0)
    input_usd = models.DecimalField(max_digits=10, decimal_places=4)
    output_usd = models.DecimalField(max_digits=10, decimal_places=4)
    cache_read_usd = models.DecimalField(max_digits=10, decimal_places=4)
    cache_write_usd = models.DecimalField(max_digits=10, decimal_places=4)
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["model_id", "valid_from", "above_prompt_tokens"],
                name="price_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model_id} from {self.valid_from:%Y-%m-%d}"
