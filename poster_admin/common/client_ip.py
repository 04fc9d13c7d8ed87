"""Determine the browser and its address, which a trusted proxy alone may name."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def comes_from_proxy(request: HttpRequest) -> bool:
    address = _parse(request.META.get("REMOTE_ADDR", ""))
    return address is not None and any(
        address in ipaddress.ip_network(each, strict=False) for each in settings.TRUSTED_PROXY_IPS
    )


def client_address(request: HttpRequest) -> str:
    """Return the last address that a trusted proxy names, else the peer's own."""
    named = _parse(request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip())
    if named is not None and comes_from_proxy(request):
        return str(named)
    return str(_parse(request.META.get("REMOTE_ADDR", "")) or "")


def client_network(request: HttpRequest) -> str:
    """Return the network that counts as one origin: an IPv4 address, or the IPv6 /64 of one computer."""
    address = _parse(client_address(request))
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_interface((int(address), 64)).network.network_address)
    return str(address or "")


def describe_agent(agent: str) -> str:
    browsers = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
                ("Safari/", "Safari"))  # fmt: skip
    systems = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
               ("Mac OS", "macOS"), ("Linux", "Linux"))  # fmt: skip
    found = [next((word for sign, word in kinds if sign in agent), "") for kinds in (browsers, systems)]
    return " · ".join(word for word in found if word)


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
