"""A minimal OpenID Connect provider over real HTTP that can send false claims."""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


class Provider:
    """Sign `claims`, changed by `lies`; `userinfo` is the later answer about the user."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.claims = {"sub": "subject-1", "preferred_username": "olena", "groups": ["loyalty-staff"]}
        self.lies = {}
        self.userinfo = {}
        self.signed_with = self.key
        self.broken = ""
        self.asked = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def settings(self):
        return {
            "OIDC_ENABLED": True,
            "OIDC_ISSUER": self.url,
            "OIDC_RP_CLIENT_ID": "poster-admin",
            "OIDC_RP_CLIENT_SECRET": "client-secret",
            "OIDC_OP_AUTHORIZATION_ENDPOINT": f"{self.url}/authorize",
            "OIDC_OP_TOKEN_ENDPOINT": f"{self.url}/token",
            "OIDC_OP_JWKS_ENDPOINT": f"{self.url}/keys",
            "OIDC_OP_USER_ENDPOINT": f"{self.url}/user",
        }

    def id_token(self):
        now = time.time()
        claims = {"iss": self.url, "aud": "poster-admin", "exp": now + 60, "iat": now, "auth_time": now,
                  "nonce": self.asked["nonce"], **self.claims, **self.lies}  # fmt: skip
        return jwt.encode(claims, self.signed_with, algorithm="RS256", headers={"kid": "one"})

    def token(self, form):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        assert challenge.decode().rstrip("=") == self.asked["code_challenge"]
        assert (form["code"], form["client_secret"]) == ("the-code", "client-secret")
        return {"id_token": self.id_token(), "access_token": "access", "token_type": "Bearer"}

    def keys(self):
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": "one", "alg": "RS256", "use": "sig"}]}

    def _handler(provider):  # noqa: N805 - the handler below has a `self` of its own
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(
                    provider.keys() if self.path == "/keys" else {"sub": "subject-1", **provider.userinfo}
                )

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.answer(provider.token({name: values[0] for name, values in parse_qs(body).items()}))

            def answer(self, data):
                broken = provider.broken == urlsplit(self.path).path
                body = b"<html>" if broken else json.dumps(data).encode()
                self.send_response(500 if broken and provider.broken == "/token" else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler
