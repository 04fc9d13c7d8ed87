"""Certificates made on the spot, good and bad ones, for the TLS faults and the tests."""

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identity:
    """A server's certificate and key as a TLS context, and the file of the authority that signed them."""

    context: ssl.SSLContext
    ca_file: Path


def identity(folder: Path, *, address: str = "127.0.0.1", expired: bool = False) -> Identity:
    """Make a certificate for an address or a name, signed by a new authority that no client trusts."""
    import trustme  # noqa: PLC0415 - installed for the tests, the demo goes without it

    authority = trustme.CA()
    today = dt.datetime.now(dt.UTC)
    before, after = today - dt.timedelta(days=3), today + dt.timedelta(days=-1 if expired else 1)
    certificate = authority.issue_cert(address, not_before=before, not_after=after)
    made = Identity(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), folder / "authority.pem")
    certificate.configure_cert(made.context)
    authority.cert_pem.write_to_path(str(made.ca_file))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return made
