"""Using the ORM outside a request: a thread's connection is given back after each call."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

T = TypeVar("T")
P = ParamSpec("P")


def in_own_connection(service: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `service` and give the thread's connection back, as a request would."""
    close_old_connections()
    try:
        return service(*args, **kwargs)
    finally:
        close_old_connections()


async def in_thread(service: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The answer of `service` from a thread that may block."""
    return await sync_to_async(in_own_connection)(service, *args, **kwargs)
