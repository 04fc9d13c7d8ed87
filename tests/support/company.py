"""A company's network on loopback: a proxy that opens tunnels, and TLS in front of a plain server.

The proxy is the only one that knows where `demo.joinposter.com` is, as behind a firewall. No packet leaves
the machine.
"""

import base64
import socket
import ssl
import threading
from contextlib import ExitStack, contextmanager, suppress

import trustme

SECONDS = 30
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Authority:
    """A certificate authority that only a client told so trusts: `file` is its certificate."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self._ca = trustme.CA()
        self.file = str(folder / "authority.pem")
        self._ca.cert_pem.write_to_path(self.file)

    def server(self, *names, **options):
        """Return a TLS context of a server with these names; `options` are those of `trustme`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, **options).configure_cert(context)
        return context


class Proxy:
    """An HTTP proxy that opens tunnels to the hosts it knows; `hosts` maps `name:port` to an address.

    `targets` are those of all calls. `credentials`, as `name:password`, are required if given. `answer`
    replaces the answer to CONNECT, and then no tunnel is opened.
    """

    def __init__(self, hosts, *, credentials="", answer=b""):
        self.hosts = hosts
        self.targets = []
        self._answer = answer
        self._authorization = (
            f"Basic {base64.b64encode(credentials.encode()).decode()}" if credentials else ""
        )

    def serve(self, client):
        head = _head(client).decode("latin-1")
        target = head.split(" ")[1] if head.startswith("CONNECT ") else ""
        self.targets.append(target)
        if self._answer:
            client.sendall(self._answer)
        elif self._authorization and f"Proxy-Authorization: {self._authorization}" not in head:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        elif target not in self.hosts:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        else:
            with socket.create_connection(self.hosts[target], SECONDS) as server:
                client.sendall(ESTABLISHED)
                _join(client, server)


@contextmanager
def running(proxy, tls=None):
    """Run a proxy, in TLS itself with a context, and yield its address."""

    def serve(client):
        if tls is None:
            return proxy.serve(client)
        with tls.wrap_socket(client, server_side=True) as secure:
            return proxy.serve(secure)

    with _listening(serve) as (host, port):
        yield f"{'https' if tls else 'http'}://{host}:{port}"


@contextmanager
def tls_in_front(context, address):
    """Serve TLS with a context, pass everything on to a plain server, and yield the address of the front."""

    def serve(client):
        with (
            context.wrap_socket(client, server_side=True) as secure,
            socket.create_connection(address, SECONDS) as server,
        ):
            _join(secure, server)

    with _listening(serve) as front:
        yield front


@contextmanager
def _listening(serve):
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        # Closing the listener would not wake the thread that waits for a connection.
        stack.callback(lambda: listener.shutdown(socket.SHUT_RDWR))
        threading.Thread(target=_accept, args=(listener, serve), daemon=True).start()
        yield listener.getsockname()


def _accept(listener, serve):
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, serve), daemon=True).start()


def _serve(client, serve):
    # A client that does not trust the certificate breaks off: the test looks at the client.
    with suppress(OSError), client:
        client.settimeout(SECONDS)
        serve(client)


def _head(client):
    """Read to the end of the head and no byte further: the next one belongs to the tunnel."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        if not byte:
            raise ConnectionError("the client has gone")
        head += byte
    return head


def _join(one, other):
    threading.Thread(target=_copy, args=(other, one), daemon=True).start()
    _copy(one, other)


def _copy(source, target):
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
