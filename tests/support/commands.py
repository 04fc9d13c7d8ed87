"""Make journal rows, groups and clients for the tests of the commands, without a database."""

import uuid
from decimal import Decimal

from groups.models import Change
from groups.poster import Client, Group, GroupList, GroupValues
from groups.services import credentials as credentials_service
from groups.services.groups import read_group
from groups.services.writes.commands import (
    Command,
    CreateClient,
    CreateGroup,
    MoveClient,
    RemoveGroup,
    UpdateGroup,
)
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


BARISTA = GroupValues(
    name="Команда баристів", loyalty_type=1, percent=Decimal("12.5"), birthday_bonus=Decimal("99999.99")
)


def command_of(user, action, **values):
    kinds = {kind.action: kind for kind in (CreateGroup, UpdateGroup, RemoveGroup)}
    return kinds[action](
        credentials=credentials_service.credentials_of(user),
        operation=values.pop("operation", None) or uuid.uuid4(),
        **values,
    )


def edit_of(user, group_id=1, *, operation=None, **changes):
    group = read_group(credentials_service.credentials_of(user), group_id, fresh=True).group
    return command_of(
        user,
        Change.Action.UPDATE,
        operation=operation,
        group_id=group_id,
        loaded=group.values,
        intended=group.values.replace(**changes),
    )


def removal_of(user, group_id, **options):
    group = read_group(credentials_service.credentials_of(user), group_id, fresh=True).group
    return command_of(
        user,
        Change.Action.REMOVE,
        group_id=group_id,
        loaded=group.values,
        loaded_clients=group.clients,
        **options,
    )


def before_the_read(monkeypatch, do):
    """Call a function with each command and its change once the row is saved, before Poster is read."""
    seen = set()

    def observing(observe_before):
        def first(command, change, *args, **options):
            if change.state == Change.State.PENDING and change.pk not in seen:
                seen.add(change.pk)
                do(command, change)
            return observe_before(command, change, *args, **options)

        return first

    for kind in (CreateClient, CreateGroup, MoveClient, RemoveGroup, UpdateGroup):
        monkeypatch.setattr(kind, "observe_before", observing(kind.observe_before))
