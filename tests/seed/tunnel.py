"""A local proxy through which a client that knows only `https://joinposter.com` reaches the sandbox.

The client learns of it by HTTPS_PROXY and of its certificate authority by NODE_EXTRA_CA_CERTS, as in any
company with a proxy of its own; the client is unchanged, and no packet leaves the machine.
"""

import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

from poster_admin.devtools.sandbox import certificates

HOST = "joinposter.com"
SECONDS = 30


@contextmanager
def tunnel(folder, address):
    """Yield the address of the proxy and the file of its authority; `address` is the sandbox's."""
    identity = certificates.identity(Path(folder), address=HOST)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, identity, address), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", str(identity.ca_file)
        # Closing it would not wake the thread that waits for a connection.
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener, identity, address):
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, identity, address), daemon=True).start()


def _serve(client, identity, address):
    client.settimeout(SECONDS)
    with suppress(OSError), client:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        if not head.startswith(f"CONNECT {HOST}:443 ".encode()):
            client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with (
            identity.context.wrap_socket(client, server_side=True) as secure,
            socket.create_connection(address, SECONDS) as sandbox,
        ):
            threading.Thread(target=_copy, args=(sandbox, secure), daemon=True).start()
            _copy(secure, sandbox)


def _copy(source, target):
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
