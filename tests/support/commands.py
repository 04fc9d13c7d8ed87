"""Make journal rows, groups and clients for the tests of the commands, without a database."""

import uuid
from decimal import Decimal

from groups.poster import Client, Group, GroupList, GroupValues
from groups.services.writes.commands import Command
from groups.services.writes.outcome import RemoteState

OPERATION = uuid.UUID(int=7)
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


def a_client(**fields):
    """Return a client of the first group, as Poster gives it."""
    return Client.from_wire(
        {
            "client_id": "7",
            "firstname": "Мар&#39;яна",
            "lastname": "Коваленко",
            "discount_per": "15",
            "bonus": "2500",
            "total_payed_sum": "1234567",
            "phone": "+380 67 123 45 67",
            "email": "",
            "birthday": "1990-05-24",
            "card_number": "0",
            "client_sex": "2",
            "client_groups_id": "1",
            "client_groups_name": "Гості",
            "client_groups_discount": "10",
            "loyalty_type": "1",
            "delete": "0",
            **fields,
        }
    )
