"""Make the keys of an installation that was given none, once, in files of DATA_DIR."""

import fcntl
import os
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from poster_admin.env import Environment


def _token_key() -> str:
    from cryptography.fernet import Fernet  # noqa: PLC0415 - most starts make none

    return Fernet.generate_key().decode()


MAKERS: Mapping[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "POSTER_TOKEN_KEYS": _token_key,
}
DATABASE = "db.sqlite3"


def make_missing(env: Environment, folder: Path) -> None:
    """Let NAME_FILE name a file in the folder for each key that the environment lacks, and make the file.

    A key that is gone is not made again beside a database: what the old one has sealed would stay closed.
    """
    missing = [
        name for name in MAKERS if not (os.environ.get(name, "").strip() or os.environ.get(f"{name}_FILE"))
    ]
    if not missing:
        return
    with _open_for_owner(folder / "keys.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in missing:
            path = folder / name
            if path.exists():
                os.environ[f"{name}_FILE"] = str(path)
            elif (folder / DATABASE).exists():
                words = (
                    f"is missing, and DATA_DIR has a database already: set it, or put the file {path} back"
                )
                env.require(name, right=False, words=words)
            else:
                _write(path, MAKERS[name]())
                os.environ[f"{name}_FILE"] = str(path)


def _write(path: Path, key: str) -> None:
    """Write a file that only its owner can read; it is there as a whole and for good, or not at all."""
    unfinished = path.with_name(f".{path.name}.part")
    with _open_for_owner(unfinished, "w") as file:
        file.write(f"{key}\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _open_for_owner(path: Path, mode: str) -> IO[Any]:
    return open(path, mode, encoding="ascii", opener=partial(os.open, mode=0o600))
