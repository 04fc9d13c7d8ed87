"""Test that the number of queries of a page does not grow with the history or the list."""

import uuid

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from groups.models import Change
from groups.services.installation import workers
from groups.services.journal.history import UNDOES
from tests.benchmarks.setup import journal
from tests.support.pages import fragment

pytestmark = pytest.mark.django_db
# The session, the user with the credentials, the rights, the unsettled changes.
ALWAYS = 4
QUERIES = {
    "/groups/": ALWAYS + 2,
    "/groups/?page=2&sort=-clients": ALWAYS + 2,
    # Whether this list is kept as a view.
    "/groups/?q=а&type=1": ALWAYS + 3,
    # The latest changes and jobs of the group, and which changes are undone; its running job, its planned
    # change, what waits for approval, its clients over time, and whether it is watched.
    "/groups/1/": ALWAYS + 8,
    # The counts of changes and jobs, which of both the page has, its changes, which of them are undone, the
    # users to choose from, and whether something is new.
    "/history/": ALWAYS + 7,
    "/history/?page=2": ALWAYS + 7,
    "/history/?user=olena&state=applied&since=2020-01-01": ALWAYS + 6,
}
# Without what stands around them: the users to choose from, the open changes, and whether something is new.
ROWS_ALONE = QUERIES["/history/?page=2"] - 3


@pytest.mark.parametrize(
    ("groups", "changes"), [(5, 100), (60, 400), pytest.param(300, 2000, marks=pytest.mark.thorough)]
)
def test_a_page_asks_a_fixed_number_of_queries(
    groups, changes, staff, browse, sandbox, django_assert_num_queries, subtests
):
    row = {**sandbox.accounts["demo"].groups[1], "client_groups_id": ""}
    for number in range(groups):
        sandbox.console("demo").put(row | {"client_groups_name": f"Група {number:03}"})
    journal.fill("demo", changes)
    client = browse(staff)
    # A page asks for the workers every 10 seconds, which would come into some count by chance.
    cache.set(workers.CACHE_KEY, True, timeout=None)
    for path, queries in QUERIES.items():
        with subtests.test(path=path):
            assert client.get(path).status_code == 200
            with django_assert_num_queries(queries):
                client.get(path)
    with subtests.test("rows of the history"), django_assert_num_queries(ROWS_ALONE):
        client.get("/history/?page=2", headers=fragment("rows", "/history/"))


@pytest.mark.skipif(connection.vendor != "sqlite", reason="another database chooses by what its tables hold")
@pytest.mark.parametrize(
    ("changes", "index"),
    [
        (lambda: Change.objects.of_groups().filter(account="demo"), "change_by_account"),
        (lambda: Change.objects.filter(account="demo", group_id=1), "change_by_group"),
        (lambda: Change.objects.of_groups().filter(account="demo", state="refused"), "change_by_state"),
        (lambda: Change.objects.of_groups().filter(account="demo", user_name="olena"), "change_by_user"),
        (lambda: Change.objects.of_groups().filter(account="demo", action="create"), "change_by_action"),
        (lambda: UNDOES.filter(undo_of__in=[uuid.uuid4(), uuid.uuid4()]), "groups_change_undo_of"),
        (lambda: Change.objects.order_by().filter(account="demo", target="enrol:1"), "change_by_target"),
    ],
)
def test_a_question_to_the_journal_has_its_index(changes, index):
    plan = changes().explain()
    assert f"USING INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.skipif(connection.vendor != "sqlite", reason="another database chooses by what its tables hold")
@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ("", "change_by_account"),
        ("?state=refused", "change_by_state"),
        ("?user=olena", "change_by_user"),
        ("?action=create", "change_by_action"),
        ("?user=olena&since=2020-01-01", "change_by_user"),
    ],
)
def test_the_journal_is_counted_in_the_index_of_what_is_asked_for(asked, index, staff, browse):
    with CaptureQueriesContext(connection) as queries:
        browse(staff).get(f"/history/{asked}")
    (count,) = (
        each["sql"] for each in queries if "COUNT(*)" in each["sql"] and "groups_change" in each["sql"]
    )
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {count}")
        plan = str(cursor.fetchall())
    assert f"INDEX {index}" in plan


@pytest.mark.skipif(connection.vendor != "sqlite", reason="another database chooses by what its tables hold")
def test_a_page_finds_the_open_changes_by_their_state(staff, browse):
    Change(account_id="demo", action="update", group_id=9, target="group:9", state="unknown").save()
    with CaptureQueriesContext(connection) as queries:
        browse(staff).get("/groups/")
    asked = [
        each["sql"] for each in queries if 'FROM "groups_change"' in each["sql"] and " IN (" in each["sql"]
    ]
    assert len(asked) >= 2
    with connection.cursor() as cursor:
        plans = [str(cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()) for sql in asked]
    assert not [plan for plan in plans if "change_by_state (account_id=? AND state=?)" not in plan]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="another database chooses by what its tables hold")
def test_no_query_of_the_history_sorts_the_whole_journal(staff, browse):
    with CaptureQueriesContext(connection) as queries:
        browse(staff).get("/history/")
    asked = [each["sql"] for each in queries if 'FROM "groups_change"' in each["sql"]]
    assert len(asked) >= 3
    with connection.cursor() as cursor:
        plans = [str(cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()) for sql in asked]
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]
