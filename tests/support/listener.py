"""A server that keeps each request byte by byte, and sends prepared answers."""

import socket
import threading
from contextlib import contextmanager, suppress

EMPTY_LIST = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"response":[]}'


class Listener:
    def __init__(self, server, answers):
        self.server = server
        self.answers = list(answers)
        self.requests = []
        self.connections = 0
        self.port = server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/{{account}}/api/"

    def accept(self):
        with suppress(OSError):
            while True:
                connection, _ = self.server.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with suppress(OSError), connection:
            connection.settimeout(5)
            while request := read_request(connection):
                self.requests.append(request.decode())
                connection.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


@contextmanager
def listening(*answers):
    """Answer each request with the next answer, repeating the last one, over connections that stay open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = Listener(server, answers or (EMPTY_LIST,))
        thread = threading.Thread(target=listener.accept, daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            # Closing alone would not wake a thread that waits in accept().
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65_536)):
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body
