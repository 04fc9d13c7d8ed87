"""Answer pages in one thread of this process: valgrind counts what they take.

`python -m tests.benchmarks.setup.counted MODULE SESSION`, where the module sets Django up, reads lines from
standard input: an address and how often to ask for it. It answers each line with the status of the last page;
after an address and `profile` with the dearest functions.
"""

import cProfile
import gc
import io
import pstats
import sys
from contextlib import nullcontext
from importlib import import_module
from wsgiref.util import setup_testing_defaults

DEAREST = 10


def get(application, path, cookie):
    """Answer one request, and return its status."""
    address, _, query = path.partition("?")
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": address,
        "QUERY_STRING": query,
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_COOKIE": cookie,
        "HTTP_ACCEPT_ENCODING": "gzip",
    }
    setup_testing_defaults(environ)
    statuses = []
    response = application(environ, lambda status, _headers: statuses.append(status))
    b"".join(response)
    response.close()
    return statuses[0]


def dearest(profile):
    """Return the functions that took the largest shares of the time for themselves."""
    out = io.StringIO()
    stats = pstats.Stats(profile, stream=out)
    stats.strip_dirs().sort_stats("tottime").print_stats(DEAREST)
    *_, table = out.getvalue().partition("(function)\n")
    rows = [row.split(maxsplit=5) for row in table.splitlines() if row]
    return "; ".join(f"{float(own) / stats.total_tt:.1%} {function}" for _, own, *_, function in rows)


def main(module, session):
    """Answer what standard input asks for, until it is closed."""
    import_module(module)
    from django.core.handlers.wsgi import WSGIHandler

    application, cookie = WSGIHandler(), f"sessionid={session}; csrftoken={'0' * 32}; language=en"
    gc.disable()  # it looks through everything at another moment in each run
    for line in sys.stdin:
        path, times = line.split()
        with cProfile.Profile() if times == "profile" else nullcontext() as profile:
            for _ in range(DEAREST if profile else int(times)):
                status = get(application, path, cookie)
        print(dearest(profile) if profile else status, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
