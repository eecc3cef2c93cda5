"""Which address is believed."""

import pytest

from aiagents.common.addresses import client_address


@pytest.mark.parametrize(
    ("depth", "forwarded", "expected"),
    [
        (0, "", "192.0.2.1"),
        (0, "198.51.100.1", "192.0.2.1"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (2, "203.0.113.9, 198.51.100.1", "203.0.113.9"),
        (3, "203.0.113.9, 198.51.100.1", "192.0.2.1"),
        (1, "rubbish", "192.0.2.1"),
        (1, "", "192.0.2.1"),
    ],
)
def test_forwarded_only_as_deep_as_trusted(settings, depth, forwarded, expected):
    settings.TRUSTED_PROXY_DEPTH = depth
    meta = {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": forwarded}
    assert client_address(meta) == expected


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_forms_for_counting(remote, expected):
    assert client_address({"REMOTE_ADDR": remote}) == expected
