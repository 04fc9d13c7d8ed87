"""Figures go by what is known of Poster: what cannot be read is not counted, and the pages say why."""

from datetime import timedelta

import pytest
from django.utils import timezone

from groups.features.connection.models import ConnectionCheck
from groups.features.figures.models import NIGHTS, Figure, Tally
from groups.services.credentials import credentials_of
from groups.services.facts import Seen, store
from tests.support.figures import GOLD, GUESTS, run_nightly

pytestmark = pytest.mark.django_db
IGNORED = {"receipts.order": "descending", "receipts.cursor": "ignored"}


@pytest.fixture
def differ(owner, console):
    def let(points):
        console.dispute(**points)
        store(credentials_of(owner), {name: Seen(value, 9) for name, value in points.items()})

    return let


@pytest.mark.parametrize(
    "points",
    [
        {"clients.pages": "ignored"},
        {"clients.filter": "ignored"},
        {"clients.paid_unit": "hryvnia"},
        {"groups.count": "all"},
        {"groups.count": "other"},
        {"receipts.bonus": "money"},
        {"receipts.paid": "with-bonuses"},
        {"clock.zone": "other"},
        {"receipts.closing": "04:00"},
        {"receipts.page": "60", **IGNORED},
        {"receipts.page": "60", "receipts.order": "descending", "receipts.cursor": "before"},
        {
            "receipts.page": "60",
            "receipts.order": "descending",
            "receipts.cursor": "before",
            "receipts.days": "lost",
        },
        {"receipts.page": "60", "receipts.days": "lost"},
        {"receipts.page": "60", "receipts.order": "mixed"},
    ],
)
def test_the_sums_of_a_night_are_those_of_its_receipts(people, watch, console, day, differ, points):
    """Three receipts of guests, of 100, 30 and 15.55, the last one with 5 of bonuses; 10 % is granted."""
    for client, total, bonuses in ((0, 10_000, 0), (1, 3_000, 0), (1, 1_555, 500)):
        console.sell(people[client], day, total, total - bonuses, bonuses=bonuses, percent="10")
    differ(points)
    run_nightly()
    found = Figure.objects.get(group_id=GUESTS, day=day)
    sums = (found.clients, found.owed, found.buyers, found.receipts, found.total, found.revenue, found.spent)
    assert list(map(str, sums)) == ["3", "370.35", "2", "3", "145.55", "140.55", "5.00"]
    assert str(found.granted) in ("14.05", "14.06")  # a till cuts what is no whole kopeck
    assert Figure.objects.get(group_id=GOLD, day=day).clients == 1


def test_a_day_that_poster_cannot_show_has_its_members_and_the_page_says_why(
    people, watch, owner, browse, console, day, differ
):
    for _ in range(20):
        console.sell(people[0], day, 1_000, 1_000)
    differ({**IGNORED, "receipts.page": "10"})
    run_nightly()
    found = Figure.objects.get(group_id=GUESTS, day=day)
    assert (found.clients, found.receipts, found.total) == (3, None, None)
    tally = Tally.objects.get()
    assert tally.never_whole
    assert (tally.tries, tally.next_at) == (0, NIGHTS.next(timezone.now()))  # not in some minutes
    for url in (f"/groups/{GUESTS}/", "/cards/"):
        page = browse(owner).get(url).content.decode()
        assert "more receipts than this Poster shows" in page, url
        assert 'href="/account/check/"' in page


def test_a_list_of_clients_that_is_cut_has_no_figures(people, watch, day, differ):
    differ({"clients.pages": "cut"})
    run_nightly()
    assert not Figure.objects.exists()


@pytest.mark.parametrize(
    ("known", "does"),
    [
        ({"receipts.order": "ascending", "receipts.cursor": "after"}, {"receipts.order": "descending"}),
        ({"receipts.order": "ascending", "receipts.cursor": "after"}, {"receipts.cursor": "ignored"}),
        ({"receipts.order": "descending", "receipts.cursor": "before"}, {"receipts.order": "ascending"}),
    ],
)
def test_what_contradicts_a_stored_fact_has_the_connection_checked_again(
    people, watch, owner, console, day, known, does
):
    for client in people[:3]:
        console.sell(client, day, 1_000, 1_000)
    credentials, now = credentials_of(owner), timezone.now()
    ConnectionCheck.objects.create(
        account=credentials.account,
        credentials=credentials,
        ended_at=now - timedelta(days=1),
        next_at=now + timedelta(days=29),
    )
    store(credentials, {name: Seen(value, 9) for name, value in known.items()})
    console.dispute(**known)
    run_nightly()
    assert not ConnectionCheck.objects.due().exists()
    Figure.objects.update(receipts=None)
    console.dispute(**does)
    run_nightly()
    assert ConnectionCheck.objects.due().exists()
