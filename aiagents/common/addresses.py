"""From which address does a request come?"""

import ipaddress
from collections.abc import Mapping
from typing import Any

from django.conf import settings

UNKNOWN = "unknown"
#: A customer gets a /64 or more of IPv6, so a single address of it says nothing.
IPV6_PREFIX = 64


def client_address(meta: Mapping[str, Any]) -> str:
    """The client's address from a request's `META`, in a form fit for counting.

    `X-Forwarded-For` is believed only as far as TRUSTED_PROXY_DEPTH proxies of ours have
    appended to it. IPv6 is cut to its network.
    """
    remote = str(meta.get("REMOTE_ADDR") or "")
    depth = settings.TRUSTED_PROXY_DEPTH
    hops = str(meta.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    named = hops[-depth].strip() if 0 < depth <= len(hops) else ""
    return _normal(named) or _normal(remote) or UNKNOWN


def _normal(text: str) -> str:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
