"""Find a free port for a server in a process of its own."""

import random
import socket

# Below the range from which the kernel takes ports of outgoing connections, which could collide.
RANGE = range(20_000, 32_000)


def free_port():
    """Return a port on which no process listens."""
    while True:
        port = random.SystemRandom().choice(RANGE)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
