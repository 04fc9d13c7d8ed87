"""Test that requests does nothing beside a call. Cookies, redirects and proxies: test_transport.py."""

import gzip
import os
import subprocess
import sys

from poster_admin.devtools.sandbox.http import network
from tests.support.environment import ROOT
from tests.support.listener import EMPTY_LIST, listening


def outputs(script, *arguments, **environment):
    """Return what a script prints in a process of its own, with a token to use."""
    run = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env=os.environ | {"POSTER_TOKEN": "1:" + "0" * 32} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.stderr == ""
    return run.stdout.split()


GREEDY = """
import os, resource, sys
from groups.poster import OutcomeUnknown, PosterClient
poster = PosterClient("demo", os.environ["POSTER_TOKEN"], url=sys.argv[1])
poster.get_groups()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    poster.remove_group(1)
except OutcomeUnknown as error:
    print(error.reason, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_the_body_of_a_redirect_does_not_fill_the_memory():
    """requests unpacks all of it to find where the redirect leads, even if it is not to follow it."""
    body = gzip.compress(bytes(300_000_000), compresslevel=1)
    head = (
        "HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Encoding: gzip\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with listening(EMPTY_LIST, head.encode() + body) as listener:
        reason, grown = outputs(GREEDY, listener.url)
    assert reason == "too_large"
    assert int(grown) * (1 if sys.platform == "darwin" else 1024) < 100_000_000
    assert len(listener.requests) == 2


TRUSTING = """
import os, sys
from groups.poster import PosterClient, Transport, Unreachable
for ca_file in (None, sys.argv[2]):
    transport = Transport(ca_file=ca_file)
    poster = PosterClient("demo", os.environ["POSTER_TOKEN"], url=sys.argv[1], transport=transport)
    try:
        poster.get_groups()
        print("trusted")
    except Unreachable as error:
        print(error.reason)
"""


def test_authorities_of_certifi_are_not_trusted_beside_those_of_the_ca_file(tmp_path, one_authority):
    """requests adds them to any TLS context that it is given."""
    (tmp_path / "certifi.py").write_text('import os\n\ndef where():\n    return os.environ["CERTIFI"]\n')
    with network.untrusted_tls() as endpoint:
        found = outputs(
            TRUSTING, endpoint.url, one_authority, PYTHONPATH=str(tmp_path), CERTIFI=endpoint.ca_file
        )
    assert found == ["trusted", "certificate"]
