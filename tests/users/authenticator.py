"""An authenticator in software: makes passkeys and signs, and lies where a test wants it to."""

import base64
import hashlib
import json
import struct

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """One device with one passkey, used in a browser at `origin`."""

    def __init__(self, origin="http://testserver", *, number=1):
        self.origin = origin
        self.credential_id = hashlib.sha256(bytes([number])).digest()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.sign_count = 1
        self.flags = PRESENT | VERIFIED
        self.handle = None
        self.rp_id = None

    def create(self, options):
        """Return the answer to the options of a registration."""
        self.handle, self.rp_id = options["user"]["id"], self.rp_id or options["rp"]["id"]
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + public
        data = self._data(self.flags | ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options)
        return self._answer(clientDataJSON=encode(client), attestationObject=encode(attestation))

    def get(self, options, **other):
        """Return the answer to the options of a sign-in; `other` replaces parts of it."""
        self.sign_count += 1
        data, client = self._data(self.flags), self._client("webauthn.get", options)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        parts = {
            "clientDataJSON": encode(client),
            "authenticatorData": encode(data),
            "signature": encode(signature),
            "userHandle": self.handle,
        }
        return self._answer(**parts | other)

    def _data(self, flags):
        return hashlib.sha256(self.rp_id.encode()).digest() + struct.pack(">BI", flags, self.sign_count)

    def _client(self, kind, options):
        return json.dumps(
            {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        ).encode()

    def _answer(self, **response):
        name = encode(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
