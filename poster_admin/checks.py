"""What the settings have to be like: pure functions, used while the settings are read."""

import base64
import binascii
import ipaddress

FERNET_KEY_BYTES = 32


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
