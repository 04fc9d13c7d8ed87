"""A minimal OpenID Connect provider over real HTTP that can send false claims."""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

DISCOVERY = "/.well-known/openid-configuration"


def new_key(name):
    return RSAKey.generate_key(2048, {"kid": name})


class Provider:
    """Sign `claims`, changed by `lies`; `userinfo` is the later answer about the user."""

    def __init__(self):
        self.key = new_key("one")
        self.metadata = {}
        self.claims = {"sub": "subject-1", "preferred_username": "olena", "groups": ["loyalty-staff"]}
        self.lies = {}
        self.userinfo = {}
        self.signed_with = self.key
        self.broken = ""
        self.parameters = {}
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
            "OIDC_CLIENT_ID": "poster-admin",
            "OIDC_CLIENT_SECRET": "client-secret",
        }

    def discovery(self):
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/user",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            **self.metadata,
        }

    def id_token(self):
        now = time.time()
        claims = {"iss": self.url, "aud": "poster-admin", "exp": now + 60, "iat": now, "auth_time": now,
                  "nonce": self.parameters["nonce"], **self.claims, **self.lies}  # fmt: skip
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.signed_with)

    def token(self, form, authorization):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        assert challenge.decode().rstrip("=") == self.parameters["code_challenge"]
        basic = base64.b64encode(b"poster-admin:client-secret").decode()
        assert authorization == f"Basic {basic}" or form["client_secret"] == "client-secret"
        assert form["code"] == "the-code"
        return {"id_token": self.id_token(), "access_token": "access", "token_type": "Bearer"}

    def keys(self):
        return {"keys": [{**self.key.as_dict(private=False), "alg": "RS256", "use": "sig"}]}

    def page(self, path):
        if path == DISCOVERY:
            return self.discovery()
        return self.keys() if path == "/keys" else {"sub": "subject-1", **self.userinfo}

    def _handler(provider):  # noqa: N805 - the handler below has a `self` of its own
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(provider.page(self.path))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self.answer(provider.token(form, self.headers["Authorization"]))

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
