"""Changes whose outcome is open: written down, or lost through the form."""

import uuid
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from groups.models import Change, PosterAccount
from groups.poster import GroupValues
from groups.services.writes.reconcile import reconcile_due
from tests.support.pages import group_form

BEFORE = GroupValues(
    name="Постоянный посетитель", loyalty_type=1, percent=Decimal(10), birthday_bonus=Decimal(50)
)
CLIENTS = {"id": 1, "clients": 125, "removed": False}


def write_down(user=None, **fields):
    """Save a change of the seed's first group, sent a minute ago by default."""
    account, _ = PosterAccount.objects.get_or_create(name="demo")
    ago = timezone.now() - timedelta(minutes=1)
    change = Change(
        **{
            "account": account,
            "user": user,
            "user_name": user.get_username() if user else "somebody",
            "action": Change.Action.UPDATE,
            "group_id": 1,
            "group_name": BEFORE.name,
            "target": f"group:{uuid.uuid4()}",
            "before": BEFORE.to_json() | CLIENTS,
            "intended": BEFORE.to_json() | {"percent": "15"},
            "created_at": ago,
            "sent_at": ago,
            **fields,
        }
    )
    change.save()
    return change


def unknown(user=None, **fields):
    return write_down(user, **{"state": Change.State.UNKNOWN, "next_check_at": timezone.now()} | fields)


def let_be_due(change):
    Change.objects.settle(change, next_check_at=timezone.now())


EDIT = "/groups/1/edit/"
SEED = {"name": "Постоянный посетитель", "loyalty_type": "1", "percent": "10", "birthday_bonus": "50"}


def edit(client, group_id=1, **changes):
    """Send the form of a group; it has the values of the seed's first group but for these changes."""
    url = f"/groups/{group_id}/edit/"
    return client.post(url, group_form(client, url, **(SEED | changes)))


def lose_an_edit(client, sandbox, *, applied=False):
    """Make an edit whose outcome stays unknown, and return its row."""
    form = group_form(client, EDIT, **(SEED | {"percent": "15"}))
    sandbox.script("clients.updateGroup", "fin_before_headers", when="after" if applied else "before")
    if applied:
        sandbox.script("clients.getGroup", "fin_before_headers", call=2, times=None)
    assert client.post(EDIT, form).status_code == 504
    sandbox.clear_faults()
    return Change.objects.get(state=Change.State.UNKNOWN)


def let_a_worker_check(change):
    """Let the next check of a change be due, and make it as a worker does."""
    change.refresh_from_db()
    Change.objects.settle(change, next_check_at=timezone.now())
    return reconcile_due()
