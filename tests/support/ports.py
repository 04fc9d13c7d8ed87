"""Find free ports for the servers of a test process: each port once, and none that another one may choose."""

import itertools
import os

from poster_admin.devtools import ports
from tests.support.environment import WORKER

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def share(worker, workers):
    """Return the ports of one of so many test processes that run at once."""
    return ports.server_ports()[worker::workers]


_ports = itertools.cycle(ports.shuffled(share(WORKER, WORKERS)))


def free_port():
    """Return a port on which no process listens."""
    return ports.free_port(_ports)
