"""Every address of the site, with an example of each part, for the tests that open them all."""

import contextlib
import copy
import re
import uuid
from decimal import Decimal

from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver

from groups.features.approvals import services as approvals
from groups.features.approvals.models import Breach
from groups.features.bulk.services import Edit, EditPlan, PlanLine, keep_plan
from groups.features.criteria.models import CriteriaPin
from groups.features.saved_views.models import SavedView
from groups.features.snapshots.models import Snapshot
from groups.models import Change
from groups.services.groups import read_now
from tests.support.commands import edit_of
from tests.support.jobs import start
from tests.support.pages import group_form
from tests.support.pairwise import covering
from tests.support.schedules import planned

PUBLIC = {"/accounts/login/", "/accounts/logout/", "/healthz", "/healthz/", "/readyz", "/language/",
          "/accounts/company/", "/accounts/company/back/", "/accounts/reset/",
          "/accounts/passkeys/options/", "/accounts/passkeys/use/",
          "/accounts/reset/sent/", "/accounts/reset/done/", "/accounts/reset/MQ/a-token/",
          "/accounts/invitation/done/", "/accounts/invitation/MQ/a-token/", "/setup/a-token/"}  # fmt: skip
CHANGE = uuid.uuid5(uuid.NAMESPACE_URL, "a change")
SNAPSHOT = f"/history/snapshots/{CHANGE}"
SCHEDULE = uuid.uuid5(uuid.NAMESPACE_URL, "a schedule")
JOB = uuid.uuid5(uuid.NAMESPACE_URL, "a job")
EXAMPLES = {"group_id": "1", "job_id": str(JOB), "change_id": str(CHANGE), "extension": "csv",
            "id": "1", "object_id": "1", "content_type_id": "1", "app_label": "auth",
            "schedule_id": str(SCHEDULE), "url": "no-such-page", "name": "stale",
            "snapshot_id": str(CHANGE), "request_id": str(CHANGE), "user_id": "1", "view_id": "1",
            "passkey_id": "1", "pin_id": "1", "client_id": "1", "finding_id": "1",
            "uidb64": "MQ", "token": "a-token"}  # fmt: skip
# Addresses that only change something: all others answer a GET, and change nothing then.
ONLY_POST = {
    *(
        "/account/bonus-unit/",
        "/account/check/write/",
        "/account/views/1/",
        "/account/watch/",
        "/accounts/logout/",
    ),
    *("/clients/list/unknown/", "/criteria/pins/1/remove/"),
    *("/account/notices/telegram/remove/", "/account/notices/telegram/trial/"),
    *("/accounts/passkeys/1/remove/", "/accounts/passkeys/new/options/", "/accounts/passkeys/options/"),
    "/accounts/passkeys/use/",
    *("/cards/1/exempt/", "/cards/1/count/"),
    "/people/1/invite/",
    *(f"/history/{CHANGE}/undo/", f"/jobs/{JOB}/undo/"),
    *(f"/requests/{CHANGE}/{step}/" for step in ("approve", "refuse", "withdraw")),
}


def urls(resolver=None, prefix="/"):
    """Yield an example of every address of the site; one whose part has no example is an error."""
    for entry in (resolver or get_resolver()).url_patterns:
        pattern = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", str(entry.pattern)).strip("^$")
        path = prefix + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: EXAMPLES[match[1]], pattern)
        if isinstance(entry, URLResolver):
            yield from urls(entry, path)
        elif isinstance(entry, URLPattern):
            yield path


EVERY = sorted(set(urls()))
# Django's admin has rights of its own; it is looked at below.
ADMIN = [url for url in EVERY if url.startswith("/admin/")]
PRIVATE = sorted(set(EVERY) - set(ADMIN) - PUBLIC)


def _kind_of(url):
    """Return the traits of a page of Django's admin: its table, and what it does there."""
    _, *table, page = (url.strip("/") + "//").split("/", 3)
    return {tuple(table), page}


# Addresses for the walks: of Django's admin, which one function guards, each table and each kind of page.
WALK = sorted({*PRIVATE, *PUBLIC, *covering(ADMIN, _kind_of)})


@contextlib.contextmanager
def taken_back(*clients):
    """Take back what an address wrote, and whom it signed out: the next one finds all as it was."""
    cookies = [copy.deepcopy(client.cookies) for client in clients]
    before = transaction.savepoint_create()
    try:
        yield
    finally:
        transaction.savepoint_rollback(before)
        for client, kept in zip(clients, cookies, strict=True):
            client.cookies = kept


ONLY_HERE = "Тільки тут"


def rows_of(staff, browse):
    """Let a member of staff make a row of each kind; return them by the addresses that name their ids."""
    client = browse(staff)
    client.post("/groups/1/edit/", group_form(client, "/groups/1/edit/", name=ONLY_HERE))
    group = read_now(staff.credentials, 1).group
    line = PlanLine(1, group.values, group_id=1, old=group.values)
    kept = {"account": staff.credentials.account, "group_id": 1, "group_name": ONLY_HERE, "complete": True}
    return {
        f"/history/{CHANGE}/": Change.objects.get(),
        f"{SNAPSHOT}/": Snapshot.objects.create(**kept, group=group.to_json()),
        f"/requests/{CHANGE}/": approvals.ask_for(
            edit_of(staff, percent=Decimal(15)), staff, [Breach("max_percent", 15, 12)]
        ),
        f"/schedules/{SCHEDULE}/": planned(staff, group_id=1),
        f"/jobs/{JOB}/": start(staff, client_ids=[129]),
        f"/groups/plan/{JOB}/": keep_plan(staff.credentials, Edit, EditPlan((line,))),
        "/criteria/pins/1/": CriteriaPin.objects.create(
            account=staff.credentials.account, client_id=130, reason=ONLY_HERE
        ),
        "/account/views/1/": SavedView.objects.create(user=staff, name=ONLY_HERE),
        "/people/1/": staff,
        "/admin/auth/user/1/": staff,
    }


def with_their_ids(url, rows):
    """Return an address with the id of the row that it names, if it names one."""
    for example, row in rows.items():
        if url.startswith(example):
            return re.sub(r"[^/]+/$", f"{row.pk}/", example) + url.removeprefix(example)
    return url
