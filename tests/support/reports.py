"""Take reports of errors, as Sentry does."""

import gzip
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import brotli

UNPACK = {"br": brotli.decompress, "gzip": gzip.decompress}


@contextmanager
def report_server():
    """Yield the address of a server that takes reports, and the list of those that it got."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(UNPACK[self.headers["Content-Encoding"]](body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing: the test looks at the reports."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://a-key@127.0.0.1:{server.server_port}/1", got
        server.shutdown()


def events_in(text):
    """Return the events with an error that reports hold."""
    return [json.loads(line) for line in text.splitlines() if '"exception"' in line]
