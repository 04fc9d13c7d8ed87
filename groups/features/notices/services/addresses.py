"""Check the address of a webhook, and find the network addresses that it may be sent to.

A user types the address, and this server opens it: without a check it could be led to a service that listens
to this machine alone. The name is resolved once; the connection goes to the very address that was checked.
"""

import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from poster_admin.env_values import is_loopback

LONGEST = 500
# Ports below belong to services of the system, the proxy in front of the dashboard among them.
LOWEST_OWN_PORT = 1024
# The usual ports of the database and the cache, also where this installation has others.
USUAL_PORTS = frozenset((5432, 6379))
PORTS = {"http": 80, "https": 443}
# Databases and caches that are no server have no port.
SCHEME_PORTS = {"redis": 6379, "rediss": 6379}
# Networks of a company, in which its chat may stand (RFC 1918, RFC 4193).
COMPANY = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
# Services that tell a server in a cloud its passwords, beside the link-local 169.254.169.254: Azure, Oracle
# (among the addresses for protocols), AWS, Google, Scaleway.
CLOUDS = ("168.63.129.16/32", "192.0.0.0/24", "fd00:ec2::/32", "fd20:ce::/64", "fd00:42::/64")
# Teredo and 6to4, which lead to the IPv4 address within.
TUNNELS = ("2001::/32", "2002::/16")
# Once the networks of a company, as fc00::/7 is now; Python takes them for global.
SITE_LOCAL = "fec0::/10"
FORBIDDEN = tuple(map(ip_network, (*CLOUDS, *TUNNELS, SITE_LOCAL)))
# The way of a network without IPv4 to the IPv4 address in the last four bytes (RFC 6052).
NAT64 = ip_network("64:ff9b::/96")


class Refusal(models.TextChoices):
    """Why an address is not allowed. The labels are sentences for people."""

    FORM = "form", _("Enter an address such as https://hooks.example.com/path, without a name and password.")
    PLAIN = "plain", _("The address must begin with https://, unless it is on this machine.")
    OWN = "own", _("This address belongs to a service of this machine.")
    FORBIDDEN = "forbidden", _("This address is in a part of the network that is not for webhooks.")
    NO_NAME = "no_name", _("There is no server of this name.")


class AddressRefused(Exception):
    """The address is not allowed, or its name leads to a place that is not."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of an address."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The host as it stands in a request, with a port that is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The beginning of the address, for people: the rest of it may be a secret."""
        return f"{self.scheme}://{self.authority}/…"


def parse_address(address: str) -> Target:
    """Return the parts of an address. Raises `AddressRefused`."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise AddressRefused(Refusal.FORM) from None
    host = parts.hostname or ""
    is_text = len(address) <= LONGEST and all("!" <= sign <= "~" for sign in address)
    has_more = "@" in parts.netloc or parts.fragment
    if not is_text or parts.scheme not in PORTS or not host or has_more or port == 0:
        raise AddressRefused(Refusal.FORM)
    if parts.scheme == "http" and not is_loopback(host):
        raise AddressRefused(Refusal.PLAIN)
    if _is_own(host):
        raise AddressRefused(Refusal.OWN)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path)


def resolve_target(target: Target) -> list[str]:
    """Return the network addresses of a target, each of them allowed. Raises `AddressRefused`."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(Refusal.NO_NAME) from None
    addresses = list(dict.fromkeys(str(place[0]) for *_rest, place in found))
    for address in addresses:
        _check_network_address(ip_address(address), target)
    return addresses


def _check_network_address(address: IPv4Address | IPv6Address, target: Target) -> None:
    """Refuse an address of the network that no receiver can have, and the services of this machine."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if not address.is_loopback and not _may_be_a_receiver(address):
        raise AddressRefused(Refusal.FORBIDDEN)
    if not address.is_loopback and target.scheme != "https":
        raise AddressRefused(Refusal.PLAIN)
    is_own = address.is_loopback or is_of_this_machine(address)
    # A database or a cache may be on another machine of the same private network, or in another container.
    if (is_own and target.port < LOWEST_OWN_PORT) or (
        (is_own or address.is_private) and target.port in _own_ports()
    ):
        raise AddressRefused(Refusal.OWN)


def _may_be_a_receiver(address: IPv4Address | IPv6Address) -> bool:
    """Return True for an address of the internet or of a company's network.

    The rest is link-local, multicast, reserved, or shared with other customers of a provider (100.64.0.0/10).
    """
    if address in NAT64:
        within = IPv4Address(address.packed[-4:])
        return within.is_global and _may_be_a_receiver(within)
    if any(address in network for network in FORBIDDEN):
        return False
    is_public = address.is_global and not address.is_multicast and not address.is_reserved
    return is_public or any(address in network for network in COMPANY)


def is_of_this_machine(address: IPv4Address | IPv6Address) -> bool:
    """Return True if a socket can be bound to the address: the system allows that for its own ones alone."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def _is_own(host: str) -> bool:
    """Return True for a name under which people reach the dashboard, unless it is of this machine itself.

    As in Django, a name of ALLOWED_HOSTS with a dot before it stands for its subdomains too.
    """
    host = host.removesuffix(".")
    names = {*settings.ALLOWED_HOSTS, urlsplit(settings.SITE_URL).hostname or ""}
    allowed = {name.lower().strip("[]") for name in names if name}
    is_named = any(host == name or (name[0] == "." and f".{host}".endswith(name)) for name in allowed)
    return is_named and not is_loopback(host)


def _own_ports() -> set[int]:
    """Return the ports of the services that this installation uses."""
    database = settings.DATABASES["default"]
    cache = str(settings.CACHES["default"].get("LOCATION", ""))
    ports = {settings.PORT, int(database.get("PORT") or 0)} | USUAL_PORTS
    if settings.EMAIL_ENABLED:
        ports.add(settings.MAILERS["default"].get("OPTIONS", {}).get("port") or 0)
    for location in (cache, settings.POSTER_API_URL, settings.POSTER_PROXY):
        with suppress(ValueError):
            parts = urlsplit(location.replace("{account}", "account"))
            ports.add(parts.port or {**PORTS, **SCHEME_PORTS}.get(parts.scheme, 0))
    return ports
