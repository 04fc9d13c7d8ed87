"""A stand-in for Poster that costs next to nothing, so that what is measured is the dashboard.

An account's name says how it behaves: `n5000-l50-churn-7` has 5,000 groups, answers after 50 ms, and counts
one client more in each answer, in one group after the other; the number at the end makes it another account.
`python -m tests.benchmarks.setup.upstream PORT` serves until its standard input is closed. `/log/ACCOUNT`
tells the calls since it was asked last.
"""

import asyncio
import json
import re
import sys
from collections import Counter, deque
from urllib.parse import parse_qs, urlsplit

NAME = re.compile(r"n(?P<groups>\d+)-l(?P<latency>\d+)(?P<churn>-churn)?(-\d+)?")
WORDS = ("Постоянный посетитель", "Скидочная система", "Кав&#39;ярня на розі", "Друзі закладу", "Персонал")
COUNT_DIGITS = 6


def row(number):
    """Return a group as Poster's API has it."""
    return {
        "client_groups_id": str(number),
        "client_groups_name": f"{WORDS[number % len(WORDS)]} {number:04}",
        "client_groups_discount": str(number % 41),
        "birthday_bonus": str(number % 7 * 2500),
        "loyalty_type": str(number % 2 + 1),
        "use_ewallet": "0",
        "delete": "0",
        "count_groups_clients": str(100_000 + number),
    }


class Account:
    """The groups of an account, with the whole list ready to be sent."""

    def __init__(self, groups, latency, churn):
        self.latency = latency / 1000
        self.churn = churn
        self.rows = {number: row(number) for number in range(1, groups + 1)}
        self.calls = Counter()
        self.log = deque(maxlen=100)
        self._render()

    @classmethod
    def named(cls, name):
        match = NAME.fullmatch(name)
        return cls(int(match["groups"]), int(match["latency"]), bool(match["churn"]))

    def _render(self):
        text = json.dumps({"response": list(self.rows.values())}, separators=(",", ":"), ensure_ascii=False)
        self._body = bytearray(text.encode())
        mark = b'"count_groups_clients":"'
        self._counts = [match.end() for match in re.finditer(mark, self._body)]

    def answer(self, method, query, form):
        self.calls[method] += 1
        if method == "clients.getGroups":
            if self.churn:
                place = self._counts[self.calls[method] % len(self._counts)]
                clients = slice(place, place + COUNT_DIGITS)
                self._body[clients] = b"%06d" % (int(self._body[clients]) + 1)
            return bytes(self._body)
        if method == "clients.getGroup":
            found = self.rows.get(int(query["group_id"]))
            return json.dumps({"response": [found] if found is None else found}).encode()
        if method in {"clients.getClients", "clients.getPromotions", "clients.getLoyaltyRules"}:
            return b'{"response": []}'
        if method != "clients.updateGroup":
            return b'{"error": 30, "message": "The stand-in knows no such method"}'
        number = int(form["client_groups_id"])
        changed = {key: value for key, value in form.items() if key in self.rows[number]}
        # Written in hryvnia, read in kopecks.
        changed["birthday_bonus"] = str(round(float(form["birthday_bonus"]) * 100))
        self.rows[number] |= changed
        self._render()
        return json.dumps({"response": number}).encode()


class Exchange(asyncio.Protocol):
    """One connection that is kept alive."""

    accounts: dict = {}  # noqa: RUF012 - the one upstream of this process

    def connection_made(self, transport):
        self.transport = transport
        self.data = b""

    def data_received(self, data):
        self.data += data
        head, found, rest = self.data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        size = int(length[1]) if length else 0
        if not found or len(rest) < size:
            return
        self.data = rest[size:]
        verb, target, _ = head.decode("latin-1").split(" ", 2)
        self._receive(verb, target, rest[:size].decode())

    def _receive(self, verb, target, body):
        url = urlsplit(target)
        match url.path.split("/"):
            case ["", "log", name]:
                log = self._account(name).log
                self._send_json(list(log))
                log.clear()
            case ["", name, "api", method]:
                account = self._account(name)
                account.log.append((verb, target, body))
                query, form = (
                    {key: values[0] for key, values in parse_qs(text).items()} for text in (url.query, body)
                )
                later = asyncio.get_running_loop().call_later
                later(account.latency, self._answer, account, method, query, form)

    def _account(self, name):
        if name not in self.accounts:
            self.accounts[name] = Account.named(name)
        return self.accounts[name]

    def _answer(self, account, method, query, form):
        self._send(account.answer(method, query, form))

    def _send_json(self, value):
        self._send(json.dumps(value).encode())

    def _send(self, body):
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


async def serve(port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Exchange, "127.0.0.1", port, backlog=1024)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
