"""Validate values of the settings: pure functions, used while the settings are read."""

import base64
import ipaddress
import re
import zoneinfo
from email.utils import parseaddr

FERNET_KEY_BYTES = 32
# As Django compares hosts: a name, `.name` for its subdomains too, or `*` for all; IPv6 in brackets.
is_host = re.compile(r"\*|\.?[a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\]", re.IGNORECASE).fullmatch
is_origin = re.compile(r"https?://[^/\s]+").fullmatch


def is_fernet_key(key: str) -> bool:
    """Return True for a Fernet key: 32 bytes in URL-safe base64."""
    try:
        return len(base64.b64decode(key, altchars=b"-_", validate=True)) == FERNET_KEY_BYTES
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Return True if the host is this machine, judged from its name or address alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_network(text: str) -> bool:
    """Return True for an IP address or a network."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_narrow(network: str) -> bool:
    """Return True for a network that proxies may share: at most 10.0.0.0/8, or one of a provider in IPv6.

    The networks for companies in IPv6 (fc00::/7) are larger, and nobody outside is in them.
    """
    parsed = ipaddress.ip_network(network, strict=False)
    return parsed.prefixlen >= (8 if parsed.version == 4 else 16) or parsed.is_private


def is_sender(text: str) -> bool:
    """Return True for an address of mail in one line, with a name before it or without."""
    return text.isprintable() and "@" in parseaddr(text)[1]


def is_time_zone(name: str) -> bool:
    """Return True if this machine knows the time zone."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
