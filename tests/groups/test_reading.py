"""Open every address: a GET settles nothing, and of the database it writes nothing but the session.

Four exceptions have nothing to do with a change or a job: the last good copy of a list that was just read,
the secret that the page of the second factor shows and has to keep encrypted, the line of the security log
for a downloaded snapshot, and the task that adds up the sales of a large account.
"""

import itertools
import re
from collections import Counter
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from groups.features.insights.views import dependents
from groups.features.snapshots.models import Snapshot
from groups.models import Change, Job
from tests.support.addresses import ADMIN, CHANGE, JOB, PRIVATE, SNAPSHOT, WALK, taken_back
from tests.support.changes import unknown, write_down
from tests.support.pages import fragment

pytestmark = pytest.mark.django_db
WRITE = re.compile(r"\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+\"?(\w+)", re.IGNORECASE)
ALWAYS = {"users_usersession", "groups_groupscopy"}
ALSO = {
    "/accounts/sessions/?set=app": {"users_totpdevice"},
    f"{SNAPSHOT}/download/": {"users_securityevent"},
}
# These pages, and the fragments with which they poll, are read from the database alone.
OF_DATABASE = ("/history/", f"/history/{CHANGE}/", "/history/snapshots/", f"/jobs/{JOB}/",
               "/schedules/", "/requests/", "/account/limits/", f"/groups/plan/{JOB}/", "/account/",
               "/account/notices/", "/help/", "/readyz")  # fmt: skip
TARGETS = ("rows", "outcome", "job", "form")


@pytest.fixture
def job(owner, sandbox):
    """Return a running job of the owner whose run was killed."""
    account = owner.credentials.account
    values = {"user": owner, "user_name": "owner", "kind": "edit", "state": Job.State.RUNNING}
    return Job.objects.create(pk=JOB, account=account, **values)


@pytest.fixture
def open_changes(owner, sandbox, job):
    """Return open changes whose checks are overdue: of a group, of a job, and of a killed process."""
    ago = timezone.now() - timedelta(hours=1)
    times = {"created_at": ago, "sent_at": ago}
    sandbox.console().edit(1, client_groups_discount="15")
    return [
        unknown(owner, id=CHANGE, target="group:1", next_check_at=ago, **times),
        unknown(owner, group_id=4, job=job, next_check_at=ago, **times),
        write_down(owner, group_id=5, **times),
    ]


def tables_written(client, url, also=()):
    """Return the tables that are written for an address: as a page, each fragment of that page, and these."""
    with CaptureQueriesContext(connection) as queries:
        page = b"".join(client.get(url))
        assert b'href=""' not in page, "a link leads nowhere"
        for target in TARGETS:
            if target in also or f'id="{target}"'.encode() in page:
                client.get(url, headers=fragment(target, url))
    return {found[1] for each in queries if (found := WRITE.match(each["sql"]))}


def rows():
    """Return all that is known of changes and jobs, to be compared."""
    return [list(model.objects.order_by("pk").values()) for model in (Change, Job, Snapshot)]


FORMS = [
    *(f"/accounts/sessions/?set={form}" for form in ("app", "no-app", "passkey", "codes", "password")),
    "/people/?log",
]
# A fragment that a page does not have takes turns over the addresses; Django's admin has none.
TURN = {url: () if url in ADMIN else (target,) for url, target in zip(WALK + FORMS, itertools.cycle(TARGETS))}


def test_a_get_writes_nothing_but_the_session_settles_nothing_and_asks_poster_for_no_more(
    owner, browse, sandbox, settings, monkeypatch, request, subtests
):
    """This includes a page beside which a change is open: it is settled by nobody, and not looked for."""
    # On a busy machine an answer that a page has not waited for would be counted on the next one.
    monkeypatch.setattr(dependents, "WITH_THE_PAGE", 60.0)
    # The calls of a page may overlap, or not: those for the same share one answer either way.
    settings.POSTER_CACHE_SECONDS = 60
    client = browse(owner)

    def opened(url):
        cache.clear()
        sandbox.log.clear()
        with taken_back(client):
            written = tables_written(client, url, TURN[url])
            return written, rows(), Counter(call.method for call in sandbox.log)

    asking = set(PRIVATE) - set(OF_DATABASE)
    without = {url: opened(url)[2] for url in sorted(asking)}
    request.getfixturevalue("open_changes")
    before = rows()
    for url in TURN:
        with subtests.test(url=url):
            written, after, calls = opened(url)
            assert written <= ALWAYS | ALSO.get(url, set())
            assert after == before
            assert url not in asking or calls <= without[url]


def test_the_history_the_jobs_and_what_polls_ask_poster_for_nothing(
    owner, browse, open_changes, sandbox, subtests
):
    client = browse(owner)
    for url in OF_DATABASE:
        with subtests.test(url=url), taken_back(client):
            tables_written(client, url)
            assert not sandbox.calls()
            assert not sandbox.log
