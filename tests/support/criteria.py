"""Criteria for tests: the form of a table as a page sends it, and a table that is saved."""

import re
import uuid

from django.utils import timezone

from groups.features.criteria.models import Criteria
from groups.features.criteria.services import runs
from groups.features.criteria.services.judging import Criterion, Table
from groups.features.criteria.services.reading import saved_criteria
from groups.services.credentials import credentials_of

URL = "/criteria/"
BRONZE, SILVER, GOLD = 901, 902, 903
"""Groups of these tests alone, whose clients they make."""


def put_groups(sandbox):
    """Add the groups of these tests to the account `demo`; those of the seed never take part."""
    for group_id, name, percent in ((BRONZE, "Bronze", "1"), (SILVER, "Silver", "5"), (GOLD, "Gold", "10")):
        sandbox.console().put(
            {
                "client_groups_id": str(group_id),
                "client_groups_name": name,
                "loyalty_type": "2",
                "client_groups_discount": percent,
                "birthday_bonus": "0",
                "count_groups_clients": "0",
            }
        )
    return sandbox


def fields(*rows, otherwise=1, max_moves=100, version="none", **more):
    """Return the fields of a form of the table; each row is a dict of its fields without the prefix."""
    data = {"rows-TOTAL_FORMS": len(rows), "rows-INITIAL_FORMS": 0}
    for number, row in enumerate(rows):
        data |= {f"rows-{number}-{name}": value for name, value in row.items()}
    data |= {"otherwise": otherwise, "max_moves": max_moves, "version": version}
    return data | {"operation": str(uuid.uuid4())} | more


def seen_in(page):
    """Return what the run's form on a preview has seen; empty on a page without that form."""
    found = re.search(r'name="seen" value="(\w+)"', page.content.decode())
    return found[1] if found else ""


def run_form(client):
    """Return the form of a run as the preview shows it to this client now."""
    page = client.post(f"{URL}preview/")
    return {"operation": str(uuid.uuid4()), "seen": seen_in(page)}


def version_in(page):
    """Return the version that the form of a page carries."""
    return re.search(r'name="version" value="([^"]+)"', page.content.decode())[1]


def save(user, *rows, otherwise=1, max_moves=100, nightly=False):
    """Save a table of an account, whatever it had before; rows are dicts of a `Criterion`."""
    credentials = credentials_of(user)
    table = Table(rows=tuple(Criterion(**row) for row in rows), otherwise=otherwise, max_moves=max_moves)
    saved = saved_criteria(credentials)
    runs.save_table(
        table,
        nightly=nightly,
        credentials=credentials,
        operation=uuid.uuid4(),
        version=runs.version_of(saved),
    )
    return Criteria.objects.get(account=credentials.account_id)


def today():
    return timezone.localdate()
