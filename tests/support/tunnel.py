"""A local proxy through which a client that knows only `https://joinposter.com` reaches the sandbox.

The client learns of it by HTTPS_PROXY and of its certificate authority by NODE_EXTRA_CA_CERTS, as in any
company with a proxy of its own; the client is unchanged, and no packet leaves the machine.
"""

from contextlib import contextmanager

from tests.support.company import Authority, Proxy, running, tls_in_front

HOST = "joinposter.com"


@contextmanager
def tunnel(folder, address):
    """Yield the address of the proxy and the file of its authority; `address` is the sandbox's."""
    authority = Authority(folder)
    with (
        tls_in_front(authority.server(HOST), address) as front,
        running(Proxy({f"{HOST}:443": front})) as proxy,
    ):
        yield proxy, authority.file
