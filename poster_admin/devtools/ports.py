"""Find a free port for a server that starts a moment later."""

import random
import socket
from collections.abc import Iterable
from pathlib import Path

PORTS = range(20_000, 65_536)
# The first and the last port of outgoing connections; this file is Linux's, the fallback what others do.
OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
OUTGOING_ELSEWHERE = "49152 65535"


def server_ports() -> list[int]:
    """Return the ports that the kernel gives to no outgoing connection, in ascending order.

    Any other port could be lost to a connection before the server binds it. A kernel that keeps all ports for
    connections leaves no better choice than all.
    """
    said = OUTGOING.read_text(encoding="ascii") if OUTGOING.exists() else OUTGOING_ELSEWHERE
    first, last = map(int, said.split())
    return [port for port in PORTS if not first <= port <= last] or list(PORTS)


def shuffled(ports: list[int]) -> list[int]:
    """Return the ports in an order that no other process is likely to have, whatever seed `random` got."""
    return random.SystemRandom().sample(ports, len(ports))


def free_port(ports: Iterable[int] | None = None) -> int:
    """Return the first of these ports on which no process listens; without any, of all in random order."""
    for port in shuffled(server_ports()) if ports is None else ports:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise OSError("No port is free.")
