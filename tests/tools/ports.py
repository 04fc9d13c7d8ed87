"""A port for a server that is about to be started in a process of its own."""

import random
import socket

# Below the range from which the kernel takes the ports of connections: one of those could be in the way.
RANGE = range(20_000, 32_000)


def free_port():
    """Return a port that nobody listens on."""
    while True:
        port = random.SystemRandom().choice(RANGE)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
