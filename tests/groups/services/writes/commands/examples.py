"""Make journal rows and groups for the tests of the commands, without a database."""

from decimal import Decimal

from groups.poster import Group, GroupList, GroupValues
from groups.services.writes.commands import Command
from groups.services.writes.outcome import RemoteState

OLD = GroupValues(name="Гості", loyalty_type=1, percent=Decimal(10), birthday_bonus=Decimal(50))
NEW = OLD.replace(percent=Decimal("12.5"))
OLDEST = OLD.replace(percent=Decimal(5))


def group(values=OLD, group_id=1, **fields):
    return Group(**{**values.to_json(), "id": group_id, "clients": 0} | read_back(values) | fields)


def read_back(values):
    return {"percent": values.percent, "birthday_bonus": values.birthday_bonus}


def listed(*groups, unreadable=()):
    return RemoteState(groups=GroupList(groups, unreadable))


def ended(outcome):
    return outcome and (outcome.state, outcome.reason or "")


def determine_outcome(change, remote, replaced=()):
    """Rebuild the command of a row, and let it determine its outcome."""
    return Command.from_change(change).determine_outcome(change, remote, replaced)
