"""The base of every table of ours."""

from django.db import models

from aiagents.common import ids


class UUIDModel(models.Model):
    """A row with a time-ordered public identifier."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)

    class Meta:
        abstract = True
