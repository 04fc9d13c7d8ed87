"""Receive the notices of the dashboard: check the signature, and drop what came before.

    SECRET=whsec_… .venv/bin/python docs/examples/webhook.py 9000

Then http://127.0.0.1:9000/ on the same machine is the address to set. Nothing but Python is needed.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer

TOLERANCE = 5 * 60
seen: set[str] = set()


def is_genuine(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Return True if a request is signed with the secret, and not an old one sent again."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    message_id, timestamp, signatures = (
        headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
    )
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    is_time = re.fullmatch("[0-9]{1,12}", timestamp)
    is_now = bool(is_time) and abs(time.time() - int(timestamp)) <= TOLERANCE
    return is_now and any(hmac.compare_digest(expected, each.encode()) for each in signatures.split())


class Receiver(BaseHTTPRequestHandler):
    """Print each notice once."""

    def do_POST(self) -> None:
        """Answer 401 to a request that is not from the dashboard."""
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        is_ours = is_genuine(self.headers, body, os.environ["SECRET"])
        self.send_response(204 if is_ours else 401)
        self.end_headers()
        message = json.loads(body) if is_ours else {}
        if message and message["id"] not in seen:
            seen.add(message["id"])
            print(message["text"], flush=True)


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
