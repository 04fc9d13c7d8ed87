"""Read the environment strictly: a missing or malformed value is reported with its name and file."""

import fcntl
import io
import ipaddress
import os
import re
import secrets
import ssl
import zoneinfo
from collections.abc import Callable, Container
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, ClassVar
from urllib.parse import SplitResult, unquote, urlsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

SQLITE_FILE = "db.sqlite3"  # in DATA_DIR
ENV_LINE = re.compile(r"(export )?(?P<name>[A-Za-z0-9_]+)=.*")
TRUE = ("true", "on", "ok", "yes", "y", "1")
FALSE = ("false", "off", "no", "n", "0")
# A day in seconds, 270 years in days: a larger number is a typing error, and may exceed the calendar.
MOST = 100_000
IN_MEMORY = "sqlite://:memory:"
DATABASES = ("sqlite", "postgres", "postgresql", "psql", "pgsql")
SMTP_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
HTTP = ("http", "https")
ESCAPES = "in its password @ is written %40, / %2F, # %23 and ? %3F"


class EnvFile(environ.Env):  # type: ignore[misc]  # it has no types
    """The values of a `.env`, kept apart from those of the process, which take precedence."""

    ENVIRON: ClassVar[dict[str, str]] = {}


class Environment:
    """Read values by type, and collect all that are wrong, so that one start reports all of them.

    A value in NAME_FILE takes precedence over NAME. White space around a value is removed: `echo`, editors,
    Docker and Kubernetes add some. An empty text, number or switch counts as missing; an empty list is empty.
    """

    def __init__(self, env_file: Path) -> None:
        self._env_file = env_file
        self._wrong: dict[str, str] = {}
        # The line of each name: the last one, since the last value counts.
        self._lines: dict[str, int] = {}
        EnvFile.ENVIRON = {}
        if env_file.exists():
            try:
                lines = [line.strip() for line in _read_text(env_file).splitlines()]
            except ValueError as error:
                raise ImproperlyConfigured(f"{env_file} {error}.") from None
            for number, line in enumerate(lines, start=1):
                if found := ENV_LINE.fullmatch(line):
                    self._lines[found["name"]] = number
                elif line and not line.startswith("#"):
                    words = f"{env_file} has a line that is not NAME=value: line {number}."
                    raise ImproperlyConfigured(words)
            EnvFile.read_env(io.StringIO("\n".join(lines)))
        for name, value in EnvFile.ENVIRON.items():
            os.environ.setdefault(name, value)

    def text(self, name: str, *, default: str = "") -> str:
        return self.read(name, lambda text: text or default, default=default)

    def flag(self, name: str, *, default: bool) -> bool:
        def parse(text: str) -> bool:
            word = text.lower() or str(default).lower()
            if word not in TRUE + FALSE:
                raise ValueError("is neither true nor false")
            return word in TRUE

        return self.read(name, parse, default=default)

    def number[T: (int, float)](self, name: str, *, default: T, least: float = 0, most: float = MOST) -> T:
        def parse(text: str) -> T:
            with suppress(ValueError):
                number = type(default)(text or default)
                if least <= number <= most:
                    return number
            kind = "whole number" if isinstance(default, int) else "number"
            raise ValueError(f"is not a {kind} from {least} to {most}")

        return self.read(name, parse, default=default)

    def items(self, name: str, fits: Callable[[str], object], kind: str, *, default: list[str]) -> list[str]:
        def parse(text: str) -> list[str]:
            items = [item for item in text.split(",") if item]
            with suppress(ValueError):
                if all(map(fits, items)):
                    return items
            raise ValueError(f"is not a list of {kind}, separated by commas alone")

        return self.read(name, parse, default=default)

    def address(self, name: str, *, default: str = "", plain: bool = False) -> str:
        """Return an address as `_server` takes it, in which {account} may stand for a name."""

        def parse(text: str) -> str:
            _server(text, HTTP, "is not an http or https address", plain=plain)
            if set("{}") & set(text.replace("{account}", "")):
                raise ValueError("has braces around something other than {account}")
            return text

        return self.read(name, parse, default=default)

    def make_missing_keys(self, folder: Path) -> None:
        """Let NAME_FILE name a file in the folder for each key that the environment lacks; make it once.

        A key that is gone is not made again for a database: what the old one has sealed would stay closed.
        """
        keys = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "POSTER_TOKEN_KEYS": Fernet.generate_key().decode(),
        }
        missing = [
            name for name in keys if not (os.environ.get(name, "").strip() or os.environ.get(f"{name}_FILE"))
        ]
        if not missing:
            return
        with _open_for_owner(folder / "keys.lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name in missing:
                path = folder / name
                if not path.exists() and (folder / SQLITE_FILE).exists():
                    words = "is missing, and DATA_DIR has a database already: set it, or put the file"
                    self.require(name, right=False, words=f"{words} {path} back")
                    continue
                if not path.exists():  # then it is there as a whole and for good, or not at all
                    unfinished = path.with_name(f".{path.name}.part")
                    with _open_for_owner(unfinished, "w") as file:
                        file.write(f"{keys[name]}\n")
                        file.flush()
                        os.fsync(file.fileno())
                    unfinished.replace(path)
                    sync(folder)
                os.environ[f"{name}_FILE"] = str(path)

    def require(self, name: str, right: object, words: str) -> None:
        """Record why a value is wrong, if it is, and no error of it was recorded before."""
        if right:
            return
        where = ""
        if file := os.environ.get(f"{name}_FILE"):
            where = f" in {file}"
        elif name in EnvFile.ENVIRON and EnvFile.ENVIRON[name] == os.environ[name]:
            where = f" in {self._env_file}, line {self._lines[name]},"
        self._wrong.setdefault(name, f"{name}{where} {words}.")

    def finish(self) -> None:
        if self._wrong:
            raise ImproperlyConfigured("\n".join(self._wrong.values()))

    def read[T](
        self, name: str, parse: Callable[..., T], *, default: T, missing: str | None = None, **limits: Any
    ) -> T:
        """Return a value as `parse` reads it; the default if there is none, or if it is wrong.

        `missing` is the text of a value that is not there. An empty text is none where the default is empty.
        """
        try:
            path = os.environ.get(f"{name}_FILE")
            text = _read_text(Path(path)) if path else os.environ.get(name, missing)
            text = text and text.strip()
            return default if text is None or not (text or default) else parse(text, **limits)
        except ValueError as error:
            self.require(name, right=False, words=str(error))
            return default


# --- Kinds of values: each function reads one, or raises `ValueError` with the words for an error -----------


def pairs(text: str) -> dict[str, str]:
    found = [item.partition("=") for item in text.split(",") if item]
    if any(not part or part != part.strip() for key, _, value in found for part in (key, value)):
        raise ValueError("is not a list of key=value, separated by commas alone")
    return {key: value for key, _, value in found}


def time_zone(name: str) -> str:
    try:
        return zoneinfo.ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        raise ValueError("is not a time zone that this machine knows") from None


def dsn(text: str) -> str:
    words = "is not the address of a project, https://KEY@HOST/NUMBER"
    parts = _server(text, HTTP, words, plain=False)
    if not (parts.username and parts.path.rpartition("/")[2].isdecimal()):
        raise ValueError(words)
    _require_driver("sentry_sdk")
    return text


def proxy(text: str) -> str:
    words = f"is not the address of a proxy, http://HOST:PORT ({ESCAPES})"
    if _server(text, HTTP, words, plain=True).path not in {"", "/"}:
        raise ValueError(words)
    return text


def certificates(path: str) -> str:
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError("names a file without certificates in PEM") from None
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {error.strerror}") from None
    return path


def folder(text: str) -> Path:
    """Return a folder that this user can write, and make it if it is not there."""
    found = Path(text).absolute()
    try:
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=found):
            return found
    except OSError as error:
        raise ValueError(f"is not a folder that this user can write: {error.strerror}") from None


def mailer(text: str, *, plain: bool) -> dict[str, Any]:
    words = f"is not the address of a mail server, smtp+tls://HOST:PORT ({ESCAPES})"
    parts = _server(text, SMTP_PORTS, words, plain=plain)
    options = {
        "host": parts.hostname,
        "port": parts.port or SMTP_PORTS[parts.scheme],
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_tls": parts.scheme == "smtp+tls",
        "use_ssl": parts.scheme == "smtps",
        "timeout": 10,
    }
    return {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}


def cache(text: str, *, base: Path) -> dict[str, Any]:
    words = f"is not the address of a cache, such as redis://127.0.0.1 ({ESCAPES})"
    _split(text, environ.Env.CACHE_SCHEMES, words)
    settings = dict(environ.Env.cache_url_config(text))
    options: dict[str, Any] = {}
    if settings["BACKEND"].endswith(".FileBasedCache"):
        settings["LOCATION"] = base / settings["LOCATION"]
        # Django keeps 300 files by default, and then throws out any of them: lists that are stale after a
        # write would push out the sums of the day.
        options = {"MAX_ENTRIES": 2000}
    elif settings["BACKEND"].endswith(".RedisCache"):
        _require_driver("redis")
        from redis import ConnectionError as RedisAway  # noqa: PLC0415 - its package is an extra
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        options = {
            # Seconds: a page goes on without a Redis that does not answer.
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
            # Retry once, immediately: after a restart of Redis the old connections are dead.
            "retry": Retry(NoBackoff(), 1, supported_errors=(RedisAway,)),
        }
    return {**settings, "OPTIONS": {**options, **settings.get("OPTIONS", {})}}


def database(address: str) -> dict[str, Any]:
    if address != IN_MEMORY:
        words = f"is not the address of a database, sqlite:///… or postgres://… ({ESCAPES})"
        parts = _split(address, DATABASES, words)
        if parts.scheme == "sqlite" and parts.netloc:
            raise ValueError("names a host: a file of SQLite follows after three slashes, sqlite:///…")
        if parts.scheme != "sqlite":
            _require_driver("psycopg")
    settings = dict(environ.Env.db_url_config(address))
    if not settings["NAME"] and "service" not in settings.get("OPTIONS", {}):
        raise ValueError("names no database: postgres://…/NAME")
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        path = Path(settings["NAME"])
        # SQLite writes other files next to its own.
        can_be_made = os.access(path.parent, os.W_OK | os.X_OK)
        can_be_used = not path.exists() or (path.is_file() and os.access(path, os.R_OK | os.W_OK))
        if address != IN_MEMORY and not (can_be_made and can_be_used):
            raise ValueError(
                "is not a file that this user can write, in a folder that is there and can be written"
            )
        options = {
            # Seconds to wait for a database that another process has locked.
            "timeout": 10,
            **settings.get("OPTIONS", {}),
            # FULL: a journal row is on the disk before its write is sent to Poster.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            "transaction_mode": "IMMEDIATE",
        }
        # Each thread keeps its connection: opening one takes as long as three queries.
        engine = "poster_admin.common.sqlite"
        return {**settings, "ENGINE": engine, "OPTIONS": options, "CONN_MAX_AGE": None}
    # PostgreSQL accepts 100 connections by default, and each process has 64 threads, most of which wait for
    # Poster and hold none meanwhile (`groups.services.gateway`). A page waits up to `timeout` seconds for a
    # connection while the database is away. The pool gives up before that, so that the next page makes it try
    # again: else its pauses grow to minutes, and last on when the database is back.
    pool = {"min_size": 1, "max_size": 16, "timeout": 5, "reconnect_timeout": 4}
    # Options in the address, such as `?sslmode=verify-full`, are kept.
    options = {**settings.get("OPTIONS", {}), "pool": pool}
    return {**settings, "OPTIONS": options, "CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": 0}


def _require_driver(package: str) -> None:
    if find_spec(package) is None:
        raise ValueError(f"needs the package {package}, which `make .venv/.server` installs")


def _server(address: str, schemes: Container[str], words: str, *, plain: bool) -> SplitResult:
    """Split the address of a server with TLS, or on this machine, or of any if it may be `plain`."""
    parts = _split(address, schemes, words)
    if not parts.hostname:
        raise ValueError(words)
    if parts.scheme in {"http", "smtp"} and not plain and not is_loopback(parts.hostname):
        raise ValueError("has no TLS: anybody on the way could read and forge what is said there")
    return parts


def _split(address: str, schemes: Container[str], words: str) -> SplitResult:
    """Raises `ValueError` with the words, also if an unescaped sign in the password cuts the host short."""
    with suppress(ValueError):
        parts = urlsplit(address)
        parts.port  # noqa: B018 - raises if it is no number
        is_cut = parts.fragment or (parts.netloc and "@" in parts.path + parts.query)
        if parts.scheme in schemes and not is_cut:
            return parts
    raise ValueError(words)


def _read_text(path: Path) -> str:
    """Return the text of a file, without the byte-order mark of some editors. Raises `ValueError`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError("is not a text in UTF-8")
    return text


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _open_for_owner(path: Path, mode: str) -> IO[Any]:
    return open(path, mode, encoding="ascii", opener=partial(os.open, mode=0o600))


# --- Conditions of single values: false, or a `ValueError`, for one that is wrong ---------------------------

# As Django compares hosts: a name, `.name` for its subdomains too, or `*` for all; IPv6 in brackets.
is_host = re.compile(r"\*|\.?[a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\]", re.IGNORECASE).fullmatch
is_origin = re.compile(r"https?://[^/\s]+").fullmatch
is_network = partial(ipaddress.ip_network, strict=False)


def is_loopback(host: str) -> bool:
    """Judge from the name or address alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
