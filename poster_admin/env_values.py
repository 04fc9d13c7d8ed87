"""Validate values of the settings: pure functions, used while the settings are read."""

import base64
import binascii
import ipaddress
import re
import zoneinfo
from email.utils import parseaddr

FERNET_KEY_BYTES = 32
# As Django compares hosts: a name, `.name` for its subdomains too, or `*` for all; IPv6 in brackets.
HOST = re.compile(r"\*|\.?[a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\]", re.IGNORECASE)
ORIGIN = re.compile(r"https?://[^/\s]+")
HEADER = re.compile(r"[a-z][a-z0-9_-]*", re.IGNORECASE)
ATTRIBUTE = re.compile(r"[a-z][a-z0-9-]*", re.IGNORECASE)
# Attribute and value of each part; a value may hold escaped commas.
DISTINGUISHED_NAME = re.compile(
    r"[a-z][a-z0-9.-]*=([^,\\\0]|\\.)+(, *[a-z][a-z0-9.-]*=([^,\\\0]|\\.)+)*", re.IGNORECASE
)
# Classes of a group in the schema of a directory; `group` is Active Directory's, with groups in groups.
LDAP_GROUP_CLASSES = ("groupOfNames", "groupOfUniqueNames", "posixGroup", "group")


def is_fernet_key(key: str) -> bool:
    """Return True for a Fernet key: 32 bytes in URL-safe base64."""
    try:
        return len(base64.b64decode(key, altchars=b"-_", validate=True)) == FERNET_KEY_BYTES
    except (binascii.Error, ValueError):
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


def is_host(text: str) -> bool:
    """Return True for a host that a request can have: no scheme, no port, no space."""
    return HOST.fullmatch(text) is not None


def is_origin(text: str) -> bool:
    """Return True for a scheme and a host without a path."""
    return ORIGIN.fullmatch(text) is not None


def is_header(text: str) -> bool:
    """Return True for the name of a header, or REMOTE_USER."""
    return HEADER.fullmatch(text) is not None


def is_sender(text: str) -> bool:
    """Return True for an address of mail in one line, with a name before it or without."""
    return text.isprintable() and "@" in parseaddr(text)[1]


def is_attribute(text: str) -> bool:
    """Return True for the name of an attribute of a directory."""
    return ATTRIBUTE.fullmatch(text) is not None


def is_distinguished_name(text: str) -> bool:
    """Return True for the name of an entry of a directory, `ou=people,dc=example,dc=com`."""
    return DISTINGUISHED_NAME.fullmatch(text) is not None


def is_time_zone(name: str) -> bool:
    """Return True if this machine knows the time zone."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
