"""What a request's body says, checked for shape."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from aiagents.common.api.serializers import InputSerializer

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    location=OpenApiParameter.HEADER,
    description="1 to 255 visible ASCII.",
)


def valid(kind: type[InputSerializer], request: Request) -> dict[str, Any]:
    """The values of the body. Raises DRF's ValidationError, which names the fields."""
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values
