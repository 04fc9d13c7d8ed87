"""Test that the number of queries of a page does not grow with the history or the list."""

import pytest
from django.core.cache import cache

from groups.services.installation import maintenance
from tests.benchmarks.setup import journal
from tests.support.pages import fragment

pytestmark = pytest.mark.django_db
# The session, the user with the credentials, the rights, the unsettled changes.
ALWAYS = 4
QUERIES = {
    # The planned changes, what holds groups, and what waits for approval.
    "/groups/": ALWAYS + 3,
    "/groups/?page=2&sort=-clients": ALWAYS + 3,
    # Nothing matches, so no row is marked.
    "/groups/?q=а&type=1": ALWAYS + 1,
    # The latest changes and jobs of the group, and which changes are undone; its running job, its planned
    # change, what waits for approval, whether it is watched, and whether it has figures.
    "/groups/1/": ALWAYS + 8,
    # The counts of changes and jobs, which of both the page has, its changes, which of them are undone, the
    # users to choose from, and whether something is new or was requested.
    "/history/": ALWAYS + 7,
    "/history/?page=2": ALWAYS + 7,
    "/history/?user=olena&state=applied&since=2020-01-01": ALWAYS + 6,
}
# Without what stands around them: the users to choose from, the open changes, and two tabs.
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
    cache.set(maintenance.WORKER_ALIVE, True, timeout=None)
    for path, queries in QUERIES.items():
        with subtests.test(path=path):
            assert client.get(path).status_code == 200
            with django_assert_num_queries(queries):
                client.get(path)
    with subtests.test("rows of the history"), django_assert_num_queries(ROWS_ALONE):
        client.get("/history/?page=2", headers=fragment("rows", "/history/"))
