"""Grade the real server with MDN's HTTP Observatory: `make observatory`. Requires npm; not part of CI.

The server runs twice on loopback: with TLS, by an authority made for this run, and with HTTPS=False. The
scanner's own command trusts Mozilla's authorities only, so a script of this project calls the same scanner.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.environment import ROOT, VARIABLES
from tests.support.ports import free_port

PACKAGE = "@mdn/mdn-http-observatory@1.4.8"
LEAST = 130
SCAN = """
import { scan } from "@mdn/mdn-http-observatory";
console.log(JSON.stringify(await scan(process.argv[2])));
process.exit(0);
"""


def install(folder):
    # Skip install scripts: one of them builds the scanner's PostgreSQL driver, which a scan does not use.
    subprocess.run(
        [
            "npm",
            "install",
            "--loglevel=error",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
            folder,
            PACKAGE,
        ],
        check=True,
    )
    # The script that is skipped fetches the browsers' HSTS preload list, which holds no intranet names.
    (folder / "node_modules/@mdn/mdn-http-observatory/conf/hsts-preload.json").write_text(
        "{}", encoding="utf-8"
    )


def certificates(folder):
    """Create an authority and its certificate for localhost."""
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    authority = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=observatory"]
    ours = [*("-CA", "ca.pem", "-CAkey", "ca.key"), *("-keyout", "key.pem", "-out", "cert.pem")]
    names = [
        "-subj",
        "/CN=localhost",
        "-addext",
        "basicConstraints=CA:FALSE",
        "-addext",
        "subjectAltName=DNS:localhost",
    ]
    for words in ([*authority, "-addext", "keyUsage=critical,keyCertSign"], [*ours, *names]):
        subprocess.run([*made, *words], cwd=folder, check=True, capture_output=True)


def serve(folder, *, https):
    port = free_port()
    tls = {
        "GRANIAN_SSL_CERTIFICATE": str(folder / "cert.pem"),
        "GRANIAN_SSL_KEYFILE": str(folder / "key.pem"),
    }
    environment = {
        **os.environ,
        **VARIABLES,
        **(tls if https else {}),
        "HTTPS": str(https),
        "DATABASE_URL": f"sqlite:///{folder / f'{https}.sqlite3'}",
        "PORT": str(port),
        "WORKERS": "1",
    }
    server = subprocess.Popen(
        [sys.executable, "manage.py", "serve"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server, port
        time.sleep(0.2)
    raise RuntimeError("The server did not start.")


def grade(folder, *, https):
    server, port = serve(folder, https=https)
    try:
        ran = subprocess.run(
            ["node", "scan.mjs", f"localhost:{port}"],
            cwd=folder,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": str(folder / "ca.pem")},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        server.terminate()
        server.wait()
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    return json.loads(ran.stdout.splitlines()[-1])


def main():
    if not shutil.which("npm"):
        sys.exit("npm is not here: the Observatory's scanner cannot be had without it.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder)
        certificates(folder)
        (folder / "scan.mjs").write_text(SCAN, encoding="utf-8")
        for https in (True, False):
            result = grade(folder, https=https)
            print(f"HTTPS={https}: {result['scan']['grade']} {result['scan']['score']}")
            for test, found in result["tests"].items():
                print(f"  {found['scoreModifier']:+4} {test}: {found['result']}")
            if https and result["scan"]["score"] < LEAST:
                sys.exit(f"Over TLS it is to be {LEAST} at least.")


if __name__ == "__main__":
    main()
