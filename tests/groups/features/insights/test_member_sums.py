"""Test the numbers of clients: against the sandbox's state, in pages, and without keeping anybody."""

import tracemalloc
from collections import Counter
from decimal import Decimal
from math import ceil

import msgspec
import pytest
from django.core.cache import cache

from groups.features.insights.services import sweep
from groups.features.insights.services.member_sums import MemberAdder, Questions
from groups.features.insights.services.scheme import read_scheme
from groups.features.insights.services.sweep import read_sums
from groups.models import PosterCredentials
from groups.poster import InvalidResponse, Unreachable
from poster_admin.devtools.sandbox import Sandbox
from tests.support.people import make_user

pytestmark = pytest.mark.django_db
RULES = (
    {"rule_id": 1, "loyalty_type": 2, "value": 5000, "group_id": 4},
    {"rule_id": 2, "loyalty_type": 2, "value": 20_000, "group_id": 5},
)


@pytest.fixture
def credentials(manager):
    return PosterCredentials.objects.select_related("account").get(user=manager)


@pytest.fixture
def questions(credentials, sandbox):
    """Return the questions of a ladder from 5000 ₴ to 20,000 ₴."""
    sandbox.console().set_rules(*RULES)
    return Questions.of_scheme(read_scheme(credentials))


@pytest.fixture
def in_pages(monkeypatch):
    """Let each call read 40 clients."""
    monkeypatch.setattr(sweep, "PAGE_SIZE", 40)


def count(credentials, questions):
    return read_sums(MemberAdder(credentials, questions))


def kept(credentials, questions):
    return MemberAdder(credentials, questions).kept()


def counted(sandbox):
    """Count the clients of the sandbox without the code under test."""
    account = sandbox.accounts["demo"]
    above, below, near = Counter(), Counter(), Counter()
    for row in account.clients.rows():
        group = int(row["client_groups_id"])
        own, percent = int(row["discount_per"]), int(account.groups[group]["client_groups_discount"])
        if row["delete"] == "0":
            above[group] += own > percent
            below[group] += 0 < own < percent
            near[group] += group == 4 and 1_800_000 <= int(row["total_payed_sum"]) < 2_000_000
    return +above, +below, +near


def compared(sums, sandbox):
    near = {group: sum(steps.values()) for group, steps in sums.near.items()}
    return (sums.above, sums.below, near) == counted(sandbox)


def test_the_sums_are_those_of_the_sandbox_s_state(credentials, questions, sandbox):
    sandbox.console().edit_client(130, total_payed_sum="1800000")
    sandbox.console().edit_client(131, total_payed_sum="2000000")
    sandbox.console().edit_client(132, total_payed_sum="1999999", delete="1")
    sandbox.console().edit_client(1, discount_per="10")
    sums = count(credentials, questions)
    assert compared(sums, sandbox)
    assert sums.near[4][Decimal(20_000)] > 0
    assert sums.above[1] > 0 < sums.below[5]
    assert len(sandbox.calls("clients.getClients")) == 1


@pytest.mark.usefixtures("in_pages")
def test_pages_add_up(credentials, questions, sandbox):
    sums = count(credentials, questions)
    assert len(sandbox.calls("clients.getClients")) == 6
    assert sums.read == 215
    assert compared(sums, sandbox)


@pytest.mark.usefixtures("in_pages")
def test_pages_overlap_by_one_client_so_a_list_that_moves_is_noticed(
    credentials, questions, sandbox, monkeypatch
):
    pages_of = sweep.pages_of

    def move_after_the_first_page(*args, **options):
        for number, page in enumerate(pages_of(*args, **options)):
            yield page
            if not number:
                # The console takes clients out of the list for good.
                sandbox.console().edit(1, count_groups_clients="5")

    with monkeypatch.context() as patch:
        patch.setattr(sweep, "pages_of", move_after_the_first_page)
        with pytest.raises(InvalidResponse) as caught:
            count(credentials, questions)
    assert caught.value.reason == "moving"
    assert kept(credentials, questions) is None
    assert compared(count(credentials, questions), sandbox)


@pytest.mark.usefixtures("in_pages")
def test_after_a_failure_amid_the_clients_nobody_is_counted_twice(credentials, questions, sandbox):
    sandbox.script("clients.getClients", "fin_before_headers", call=2, times=None)
    with pytest.raises(Unreachable):
        count(credentials, questions)
    assert kept(credentials, questions) is None
    sandbox.clear_faults()
    assert compared(count(credentials, questions), sandbox)


@pytest.mark.usefixtures("in_pages")
def test_a_client_that_cannot_be_read_is_counted_as_such(credentials, questions, sandbox):
    sandbox.script("clients.getClients", "row_percent_150", times=2)
    sums = count(credentials, questions)
    assert sums.unreadable == 2
    assert sums.read == 215


def test_the_sums_serve_the_day_and_a_move_or_another_percent_ends_them(credentials, questions, sandbox):
    count(credentials, questions)
    count(credentials, questions)
    assert len(sandbox.calls("clients.getClients")) == 1
    other = Questions({**questions.percents, 1: Decimal(11)}, questions.steps)
    assert kept(credentials, other) is None
    credentials.account.count_write()
    assert kept(credentials, questions) is not None
    credentials.account.count_write(of_members=True)
    assert kept(credentials, questions) is None


def test_another_token_has_its_own_sums_and_a_refused_one_has_none(credentials, questions, sandbox):
    count(credentials, questions)
    neighbour = make_user("neighbour", role="Managers", account="demo", sandbox=sandbox)
    theirs = PosterCredentials.objects.select_related("account").get(user=neighbour)
    assert kept(theirs, questions) is not None
    theirs.set_token("745d516e1b9320ed85b84d5bfda14148")
    assert kept(theirs, questions) is None
    credentials.refused_at = "2026-01-01"
    assert kept(credentials, questions) is None


def test_nothing_of_a_person_is_kept(credentials, questions, sandbox):
    count(credentials, questions)
    cached = repr(msgspec.msgpack.decode(cache.get(MemberAdder(credentials, questions).key)))
    rows = list(sandbox.accounts["demo"].clients.rows())
    for row in rows:
        for field in ("lastname", "phone_number", "card_number", "total_payed_sum"):
            assert len(row[field]) < 4 or row[field] not in cached
    assert f"'{rows[-1]['client_id']}'" not in cached


def test_sums_of_an_earlier_version_are_read_anew(credentials, questions, sandbox):
    cache.set(MemberAdder(credentials, questions).key, msgspec.msgpack.encode({"above": 7}))
    assert compared(count(credentials, questions), sandbox)


@pytest.mark.thorough
def test_ten_thousand_clients_are_added_up_in_little_memory(settings):
    # Under tracemalloc a busy machine takes seconds for a page.
    settings.POSTER_READ_TIMEOUT, settings.POSTER_READ_DEADLINE = 20, 40
    with Sandbox(groups=30, clients=10_000) as large:
        settings.POSTER_API_URL = large.url
        user = make_user("somebody", role="Managers", account="demo", sandbox=large)
        theirs = PosterCredentials.objects.select_related("account").get(user=user)
        adder = MemberAdder(theirs, Questions.of_scheme(read_scheme(theirs)))
        tracemalloc.start()
        sums = read_sums(adder, within=120)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # A busy machine may have asked for a page again.
        pages = {call.query["offset"] for call in large.calls("clients.getClients")}
        assert len(pages) == ceil(sums.read / sweep.PAGE_SIZE)
    # Two pages at most are held, of 2,000 clients each.
    assert peak < 40_000_000
