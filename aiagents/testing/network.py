"""No test reaches beyond this machine: only loopback and unix sockets connect."""

import ipaddress
import socket
from typing import Any

LOCAL_NAMES = frozenset(
    {"", "localhost", "localhost.localdomain", socket.gethostname()}
)


class NetworkBlockedError(RuntimeError):
    """A test tried to reach another machine.

    No OSError, so that code which tolerates a lost connection cannot swallow it.
    """


def install() -> None:
    """Guard this process's sockets; extensions in C with sockets of their own are not seen."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    sendto, getaddrinfo = socket.socket.sendto, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _check(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _check(self, address)
        return connect_ex(self, address)

    def guarded_sendto(self: socket.socket, *args: Any) -> int:
        _check(self, args[-1])
        return sendto(self, *args)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        _check_host(host)
        return getaddrinfo(host, *args, **kwargs)

    socket.socket.connect = guarded_connect  # type: ignore[method-assign,assignment] # the guard
    socket.socket.connect_ex = guarded_connect_ex  # type: ignore[method-assign,assignment] # the guard
    socket.socket.sendto = guarded_sendto  # type: ignore[method-assign,assignment] # the guard
    socket.getaddrinfo = guarded_getaddrinfo


def is_local(host: object) -> bool:
    """Whether `host` is this machine by name or by a loopback address."""
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(str(name).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _check(sock: socket.socket, address: Any) -> None:
    if sock.family in {socket.AF_INET, socket.AF_INET6}:
        _check_host(address[0])


def _check_host(host: object) -> None:
    if not is_local(host):
        message = f"A test tried to reach {host!r}; tests reach only this machine."
        raise NetworkBlockedError(message)
