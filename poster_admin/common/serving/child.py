"""End a process with the one that has started it, however that one ends, by SIGKILL too."""

import os
import signal
import threading
import time

STOP_SECONDS = 45
"""A write may take half a minute: an end waits for it, but no longer than this."""
LOOK_SECONDS = 1.0


def end_with_parent(parent: int) -> None:
    """Let what is under way end, as at SIGTERM, as soon as the process of this number is gone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
