"""Environment variables with which Django's settings are read for the tests.

Every variable is set, to its documented default if the tests need nothing else, and every NAME_FILE is
emptied, so that neither a shell nor a `.env` has an effect. With TEST_ON_SERVICES=1 the whole suite runs on
PostgreSQL and Redis instead of SQLite and a local cache.
"""

import os
import secrets
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from poster_admin.common.serving import compile_catalogues
from poster_admin.devtools.defaults import SERVER, documented_defaults

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "poster_admin" / "locale"

POSTGRES_URL = os.environ.get("TEST_DATABASE_URL") or "postgres://postgres@127.0.0.1:5432/postgres"
# A folder for what the processes of a run share: the first one makes it and names it to the others.
MAKES_SCRATCH = "TEST_SCRATCH" not in os.environ
if MAKES_SCRATCH:
    _SCRATCH = tempfile.TemporaryDirectory(prefix="poster_admin_")
    os.environ["TEST_SCRATCH"] = _SCRATCH.name
SCRATCH = Path(os.environ["TEST_SCRATCH"])
# Clearing the cache empties a database of Redis, so each test process has its own: 15, 14 and so on.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_REDIS = urlsplit(os.environ.get("TEST_CACHE_URL") or "redis://127.0.0.1:6379")
REDIS_URL = _REDIS._replace(path=f"/{int(_REDIS.path.strip('/') or 15) - WORKER}").geturl()
ON_SERVICES = os.environ.get("TEST_ON_SERVICES") == "1"
# The discard port: a test without a sandbox reaches nothing.
NO_POSTER = "http://127.0.0.1:9/{account}/api/"

VARIABLES = {
    **{name: value for name, value in documented_defaults().items() if name not in SERVER},
    "SECRET_KEY": secrets.token_urlsafe(50),
    "POSTER_TOKEN_KEYS": Fernet.generate_key().decode(),
    "HTTPS": "False",
    "DATABASE_URL": POSTGRES_URL if ON_SERVICES else "sqlite://:memory:",
    "CACHE_URL": REDIS_URL if ON_SERVICES else "locmemcache://",
    "POSTER_API_URL": NO_POSTER,
    "POSTER_CONNECT_TIMEOUT": "1",
    "POSTER_READ_TIMEOUT": "2",
    "POSTER_READ_DEADLINE": "4",
    # The least there is: Poster is a sandbox on this machine, and thousands of looks wait for it.
    "POSTER_CONFIRM_SECONDS": "0.001",
    "POSTER_WRITE_DEADLINE": "8",
}
# Nobody needs the data of a test after a power failure: do not wait for the disk.
UNSYNCED = " PRAGMA synchronous=OFF;"

# Hundreds of processes start: each would compile the modules again that it cannot read compiled.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.update(VARIABLES)
os.environ.update({f"{name}_FILE": "" for name in VARIABLES})
compile_catalogues(LOCALE)


def inherited() -> dict[str, str]:
    """Return the environment for another process, without what a browser test leaves: no server takes it."""
    left = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    return left | {"DJANGO_SETTINGS_MODULE": "poster_admin.settings"}
