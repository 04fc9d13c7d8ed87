"""Stand for Telegram's Bot API on loopback."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

TOKEN, CHAT = "123456789:a-token-of-a-bot-that-is-invented", "-1002003004"


class Telegram:
    """Messages that came in, each as path and fields; `status` is what each is answered with."""

    def __init__(self):
        self.messages = []
        self.status = 200
        self.url = ""


@contextmanager
def telegram_server():
    telegram = Telegram()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            telegram.messages.append(
                (self.path, {name: values[0] for name, values in parse_qs(body).items()})
            )
            self.send_response(telegram.status)
            self.end_headers()
            # A server may repeat the address, with the token.
            self.wfile.write(json.dumps({"ok": telegram.status == 200, "description": self.path}).encode())

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        telegram.url = f"http://127.0.0.1:{server.server_port}"
        yield telegram
        server.shutdown()
