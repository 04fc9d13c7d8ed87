"""A minimal HTTP client that returns the bytes of the socket unchanged."""

import json
import socket
from urllib.parse import urlencode, urlsplit

GROUP = {
    "client_groups_name": "Студенти",
    "loyalty_type": "1",
    "client_groups_discount": "10",
    "birthday_bonus": "50.00",
}


class Wire:
    def __init__(self, sandbox, account="demo"):
        self.sandbox = sandbox
        self.account = account
        self.token = sandbox.accounts[account].token if account in sandbox.accounts else ""

    def open(self):
        address = urlsplit(self.sandbox.url)
        opened = socket.create_connection((address.hostname, address.port), timeout=5)
        opened.settimeout(5)
        return opened

    def request(self, method, form=None, *, path=None, verb=None, close=True, **query):
        query = {"format": "json", "token": self.token, **query}
        fields = urlencode({name: value for name, value in query.items() if value is not None})
        body = urlencode(form or {}).encode()
        verb = verb or ("GET" if form is None else "POST")
        path = path or f"/{self.account}/api/"
        lines = [
            f"{verb} {path}{method}?{fields} HTTP/1.1",
            "Host: poster.test",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
        ]
        if close:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def raw(self, method, form=None, **options):
        """Return all bytes of the answer, until the connection is closed."""
        with self.open() as opened:
            opened.sendall(self.request(method, form, **options))
            return everything(opened)

    def body(self, method, form=None, **options):
        head, _, body = self.raw(method, form, **options).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        return body

    def call(self, method, form=None, **options):
        """Return the parsed answer, whatever its status."""
        return json.loads(self.raw(method, form, **options).partition(b"\r\n\r\n")[2])

    def code(self, method, form=None, **options):
        return self.call(method, form, **options)["error"]["code"]


def everything(opened):
    pieces = []
    while more := opened.recv(1_000_000):
        pieces.append(more)
    return b"".join(pieces)
