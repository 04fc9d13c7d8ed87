"""Define gates, which a write has to pass before it is sent. A feature registers its own."""

from bisect import insort
from operator import attrgetter
from typing import Any, ClassVar

from django.contrib.auth.models import User

from groups.models import Change, Job
from groups.services.writes.commands import Command, GroupCommand
from groups.services.writes.submissions import BonusBlocked


class Gate:
    """A gate that lets everything pass; each method may raise a `NotSent`, and so nothing is sent."""

    # The order of the gates: first those that hold back, then those that do something.
    order: ClassVar[int] = 50

    def before(self, command: Command) -> dict[str, Any]:
        """Return columns of the journal row, right before it is written. May raise `PosterError` too."""
        return {}

    def ahead(self, command: Command) -> dict[str, Any]:
        """Let a command pass that is sent later: after a confirmation, or at a time to come."""
        return {}

    def in_transaction(self, change: Change, command: Command) -> None:
        """Let a change pass, in the transaction that records it."""

    def before_job(self, job: Job, user: User) -> None:
        """Let a job pass as a whole, as this user starts it or lets it go on; may set columns of it."""

    def job_decided(self, job: Job, user: User, reason: str) -> None:
        """Take note, in the transaction, that a user has let a halted job go on, or has cancelled it."""

    def decision_on(self, job: Job) -> Any:
        """Return the row on which a person decides, or has decided, whether the job may pass, or None.

        It `is_waiting`, `may_be_seen_by` a user, and has a page.
        """
        return None


def before(command: Command) -> dict[str, Any]:
    return {name: value for gate in registered for name, value in gate.before(command).items()}


def ahead(command: Command) -> dict[str, Any]:
    return {name: value for gate in registered for name, value in gate.ahead(command).items()}


def decision_on(job: Job) -> Any:
    found = (gate.decision_on(job) for gate in registered)
    return next((decision for decision in found if decision is not None), None)


class BonusBlock(Gate):
    """Stop birthday bonuses of an account for which one came back multiplied or divided by 100."""

    order = 10

    def before(self, command: Command) -> dict[str, Any]:
        values = command.intended if isinstance(command, GroupCommand) else None
        if values and values.birthday_bonus and command.sender.account.bonus_block_id:
            raise BonusBlocked
        return {}


registered: list[Gate] = [BonusBlock()]
"""The gates of this process, in their order."""


def register[G: Gate](gate: type[G]) -> type[G]:
    made: Gate = gate()
    insort(registered, made, key=attrgetter("order"))
    return gate
