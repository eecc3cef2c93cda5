"""How agents do in practice, as last measured."""

from django.db import models

from agents.models.catalogue import Agent


class AgentFigures(models.Model):
    """What was measured of one agent's runs; the demo model's never count.

    A projection: it can be emptied, with its watermark, and is measured again.
    """

    agent = models.OneToOneField(
        Agent, on_delete=models.CASCADE, primary_key=True, related_name="figures"
    )
    runs = models.PositiveBigIntegerField(default=0)
    median_cost_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    #: From the claim to the end.
    median_seconds = models.FloatField(null=True)
    #: Different people in the last 7 days; None for an agent that never ran.
    users_7d = models.PositiveIntegerField(null=True)
    #: Mean rating of people, from 0 (all 1 of 5) to 100 (all 5 of 5).
    quality = models.FloatField(null=True)
    #: How many ratings `quality` is the mean of.
    rating_count = models.PositiveIntegerField(default=0)
    measured_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "agent figures"
        indexes = (models.Index(fields=["measured_at"], name="figures_by_age"),)

    def __str__(self) -> str:
        return f"{self.runs} runs"
