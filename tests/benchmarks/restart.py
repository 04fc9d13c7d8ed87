"""A restart of the workers under load: no request may be lost. `make bench ARGS=restart`.

With nginx in front where there is one, as in `deploy/`: a connection that is kept alive may be closed in the
very moment in which a request is put on it, and nginx then asks once more. Alone, a few are lost that way.
"""

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

from tests.benchmarks import running

NGINX = """
daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/f;
    uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
    upstream site {{ server 127.0.0.1:{port} max_fails=0; keepalive 64; }}
    server {{
        listen 127.0.0.1:{front};
        location / {{
            proxy_pass http://site; proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_set_header Host $host;
        }}
    }}
}}
"""


@contextlib.contextmanager
def in_front(directory, port):
    """Run nginx before a port where it is installed, and yield the port to ask."""
    if not shutil.which("nginx"):
        sys.stdout.write("NOT RUN with nginx: it is not installed\n")
        yield port
        return
    front = running.free_port()
    config = directory / "nginx.conf"
    config.write_text(NGINX.format(directory=directory, port=port, front=front), encoding="ascii")
    with running.process(["nginx", "-c", str(config)]) as nginx:
        running.wait_for(front, nginx)
        yield front


def main(arguments):
    parser = argparse.ArgumentParser(prog="make bench ARGS=restart", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as directory,
        running.upstream() as upstream,
        running.dashboard(Path(directory), upstream) as site,
        in_front(Path(directory), site.port) as port,
    ):
        site.add_people(["n50-l50"])
        before = set(site.workers())
        timer = threading.Timer(options.seconds / 4, site.process.send_signal, [signal.SIGHUP])
        timer.start()
        url = f"http://127.0.0.1:{port}/groups/"
        seen = running.load(url, [site.cookie("n50-l50")], 32, options.seconds)
        stayed = before & set(site.workers())
    sys.stdout.write(
        f"{seen.per_second:.0f} requests a second, {seen.failed} lost, p99 {seen.p99:.0f} ms, "
        f"{len(stayed)} of {len(before)} workers stayed\n"
    )
    return 1 if seen.failed or stayed else 0
