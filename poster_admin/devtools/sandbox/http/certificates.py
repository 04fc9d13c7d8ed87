"""Certificates made on the spot, good and bad ones. No other module of the sandbox needs `cryptography`."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, GeneralName

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """A server's certificate and key as a TLS context, and the file of the authority that signed them."""

    context: ssl.SSLContext
    ca_file: Path


def identity(folder: Path, *, address: str = "127.0.0.1", expired: bool = False) -> Identity:
    """Make a certificate for an address or a name, signed by a new authority that no client trusts."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - needed for the TLS faults only

    authority_key, authority = _certificate("Poster sandbox authority", None)
    key, certificate = _certificate(address, (authority_key, authority), expired=expired)
    ca_file = folder / "authority.pem"
    ca_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    chain = folder / "server.pem"
    chain.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return Identity(context, ca_file)


def _certificate(
    subject: str,
    issuer: "tuple[EllipticCurvePrivateKey, Certificate] | None",
    *,
    expired: bool = False,
) -> "tuple[EllipticCurvePrivateKey, Certificate]":
    """Make a certificate for an address or, without an issuer, for an authority."""
    from cryptography import x509  # noqa: PLC0415 - needed for the TLS faults only
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    signer, issuer_name = (issuer[0], issuer[1].subject) if issuer else (key, name)
    today = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - 3 * _DAY)
        .not_valid_after(today + (-_DAY if expired else _DAY))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if issuer is None:
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(subject)]), critical=False)
    return key, builder.sign(signer, hashes.SHA256())


def _general_name(subject: str) -> "GeneralName":
    from cryptography import x509  # noqa: PLC0415 - needed for TLS only

    try:
        return x509.IPAddress(ipaddress.ip_address(subject))
    except ValueError:
        return x509.DNSName(subject)
