"""Do the work of a routine for each account in a thread of its own: none waits for another one's Poster."""

import logging
import threading
from collections.abc import Callable, Iterable

from django.db import close_old_connections, connections

from poster_admin.common.outages import first_line, is_outage

log = logging.getLogger("groups.journal")


class SideBySide:
    """A step that starts a thread for each account with work, except for those in `at_work`."""

    def __init__(
        self, name: str, find_accounts: Callable[[], Iterable[str]], work: Callable[[str], object]
    ) -> None:
        self._name = name
        self._find_accounts = find_accounts
        self._work = work
        self.at_work: set[str] = set()

    def __call__(self) -> None:
        """Start the threads of the accounts that have work now."""
        for account in self._find_accounts():
            if account not in self.at_work:
                self.at_work.add(account)
                name = f"{self._name} {account}"
                threading.Thread(target=self._work_for, args=(account,), name=name, daemon=True).start()

    def _work_for(self, account: str) -> None:
        try:
            survive(f"{self._name} {account}", lambda: self._work(account))
        finally:
            connections.close_all()
            self.at_work.discard(account)


def survive(name: str, step: Callable[[], object]) -> None:
    """Run a step, and log the error that ends it: the next step may succeed."""
    close_old_connections()
    try:
        step()
    except Exception as error:
        # The database may be away for a while, and each thread fails at each step.
        if is_outage(error):
            log.warning("The thread %r waits: %s", name, first_line(error))
        else:
            log.exception("The thread %r failed and goes on", name)
    finally:
        close_old_connections()
