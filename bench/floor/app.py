"""The least that accepts work: a token is checked, the body validated, one row inserted."""

from django.db import models
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aiagents.common import clock, ids


class Work(models.Model):
    """A row of the table that `measure` makes."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    user_id = models.UUIDField()
    agent = models.CharField(max_length=64)
    inputs = models.JSONField()
    status = models.CharField(max_length=10)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "floor"
        db_table = "bench_work"
        managed = False

    def __str__(self) -> str:
        return str(self.id)


class WorkInput(serializers.Serializer):
    """What is asked."""

    inputs = serializers.DictField()


class Accept(APIView):
    """`POST /agents/{slug}`."""

    def post(self, request: Request, slug: str) -> Response:
        given = WorkInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = Work.objects.create(
            user_id=request.user,
            agent=slug,
            inputs=given.validated_data["inputs"],
            status="queued",
            created_at=clock.now(),
        )
        return Response({"id": str(row.id)}, status=202)


urlpatterns = [path("agents/<slug:slug>", Accept.as_view())]
