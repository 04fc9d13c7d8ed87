"""Run a Python module as `python -m` does, and end it as soon as the process that has started it is gone.

`python -m poster_admin.common.serving.child MODULE ARGUMENTS`: the standard input is a pipe to which the
parent writes nothing. The kernel closes it however the parent ends, by SIGKILL too.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable


def end_with_server() -> None:
    """Let a process that granian has started end with granian's main process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        _end_after(parent.join)


def _end_after(wait: Callable[[], object]) -> None:
    """Send this process SIGTERM, which lets it end what is under way, as soon as `wait` returns."""

    def end() -> None:
        wait()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end, name="end with parent", daemon=True).start()


if __name__ == "__main__":
    _end_after(lambda: os.read(sys.stdin.fileno(), 1))
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
