"""What the settings have to be like: pure functions, used while the settings are read."""

import base64
import binascii
import ipaddress
import re
import zoneinfo

FERNET_KEY_BYTES = 32
# As Django compares them: a name, `.name` for those below it too, or `*` for all; IPv6 in brackets.
HOST = re.compile(r"\*|\.?[a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\]", re.IGNORECASE)
ORIGIN = re.compile(r"https?://[^/\s]+")


def is_fernet_key(key: str) -> bool:
    """Say whether the text is a Fernet key: 32 bytes in URL-safe base64."""
    try:
        return len(base64.b64decode(key, altchars=b"-_", validate=True)) == FERNET_KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def is_loopback(host: str) -> bool:
    """Say whether the host is this machine, by its name or address alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_network(text: str) -> bool:
    """Say whether the text is an IP address or a network of them."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """Say whether a request can have this host: no scheme, no port, no space."""
    return HOST.fullmatch(text) is not None


def is_origin(text: str) -> bool:
    """Say whether the text is a scheme and a host, without a path."""
    return ORIGIN.fullmatch(text) is not None


def is_time_zone(name: str) -> bool:
    """Say whether this machine knows the time zone."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
