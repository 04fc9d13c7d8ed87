"""All accounts of the sandbox, and the file that outlives a restart."""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from poster_admin.devtools.sandbox.accounts import seed_data
from poster_admin.devtools.sandbox.accounts.state import Account
from poster_admin.devtools.sandbox.http.exchange import dump

_VERSION = 1


class SandboxState:
    """All accounts, and the file in which they outlive the process.

    An existing file wins over another seed or size, and `notice` says so. Each change replaces the whole
    file, so that a kill leaves either the old or the new one.
    """

    def __init__(
        self,
        *,
        seed: int,
        groups: int,
        clients: int,
        path: Path | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lock = threading.RLock()
        self.notice = ""
        self._path = path
        self._made_with = {"seed": seed, "groups": groups, "clients": clients}
        saved = self._read()
        if saved and saved["made_with"] != self._made_with:
            self.notice = (
                f"{path} was made with {_options(saved['made_with'])} and is kept as it is;"
                f" {_options(self._made_with)} would need another file."
            )
            self._made_with = saved["made_with"]
        self.accounts = {
            profile.name: Account(
                profile,
                seed=self._made_with["seed"],
                lock=self.lock,
                changed=self._write,
                clock=clock,
                born=seed_data.rows(profile, **self._made_with),
            )
            for profile in seed_data.PROFILES
        }
        if saved:
            for name, account in self.accounts.items():
                kept = saved["accounts"][name]
                # Take those of the seed where an earlier version has saved none.
                parts = [kept.get(part, {}) for part in ("clients", "offers", "sales")]
                account.load(kept["groups"], kept["next_id"], *parts)
        else:
            self.reset()

    def reset(self) -> None:
        """Restore the groups and clients of the seed."""
        with self.lock:
            for account in self.accounts.values():
                account.load(seed_data.rows(account.profile, **self._made_with))
            self._write()

    def _read(self) -> dict[str, Any] | None:
        if self._path is None or not self._path.exists():
            return None
        try:
            saved = json.loads(self._path.read_bytes())
            known = saved["version"] == _VERSION and saved["accounts"].keys() == {
                p.name for p in seed_data.PROFILES
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            known = False
        if not known:
            raise ValueError(f"{self._path} holds no state of this sandbox; it is left as it is.")
        return dict(saved)

    def _write(self) -> None:
        if self._path is None:
            return
        with self.lock:
            accounts = {name: account.save() for name, account in self.accounts.items()}
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            temporary.write_bytes(
                dump({"version": _VERSION, "made_with": self._made_with, "accounts": accounts})
            )
            temporary.replace(self._path)


def _options(made_with: Mapping[str, int]) -> str:
    return " ".join(f"--{name} {value}" for name, value in made_with.items())
