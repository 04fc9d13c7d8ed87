"""ASGI application that granian serves: receive requests in an event loop, answer them in threads.

Any WSGI server behind a buffering proxy can serve `wsgi_application`.
"""

import atexit
import logging
import multiprocessing
import os
import signal

from django.core.wsgi import get_wsgi_application

from poster_admin.common.serving import end_with_parent
from poster_admin.common.threaded import ThreadedApplication


def end() -> None:
    """End without taking Python down: a thread of granian that meets that would abort the process."""
    logging.shutdown()
    os._exit(0)


if (granian := multiprocessing.parent_process()) and granian.pid:
    end_with_parent(granian.pid)
    # A terminal sends these to every process in it: granian alone acts on them, and sends one SIGTERM.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    atexit.register(end)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "poster_admin.settings")
wsgi_application = get_wsgi_application()

from groups.services.installation import maintenance  # noqa: E402 - needs the applications above

maintenance.start_in_server()
application = ThreadedApplication(wsgi_application)
