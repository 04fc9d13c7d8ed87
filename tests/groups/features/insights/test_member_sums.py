"""Test the numbers of clients: against the sandbox's state, in pages, and without keeping anybody."""

from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from django.core.cache import cache

from groups.features.insights.services import sweep
from groups.features.insights.services.scheme import MemberAdder, read_scheme
from groups.features.insights.services.sweep import read_sums
from groups.models import PosterCredentials
from groups.poster import InvalidResponse, Unreachable

pytestmark = pytest.mark.django_db
RULES = (
    {"rule_id": 1, "loyalty_type": 2, "value": 5000, "group_id": 4},
    {"rule_id": 2, "loyalty_type": 2, "value": 20_000, "group_id": 5},
)


@pytest.fixture
def credentials(manager):
    return PosterCredentials.objects.select_related("account").get(user=manager)


@pytest.fixture
def scheme(credentials, sandbox):
    """Return a scheme whose ladder goes from 5000 ₴ to 20,000 ₴."""
    sandbox.console().set_rules(*RULES)
    return read_scheme(credentials)


@pytest.fixture
def in_pages(monkeypatch):
    """Let each call read 40 clients."""
    monkeypatch.setattr(sweep, "PAGE_SIZE", 40)


def count(credentials, scheme):
    return read_sums(MemberAdder(credentials, scheme))


def kept(credentials, scheme):
    return MemberAdder(credentials, scheme).kept()


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


def test_the_sums_are_those_of_the_sandbox_s_state(credentials, scheme, sandbox):
    sandbox.console().edit_client(130, total_payed_sum="1800000")
    sandbox.console().edit_client(131, total_payed_sum="2000000")
    sandbox.console().edit_client(132, total_payed_sum="1999999", delete="1")
    sandbox.console().edit_client(1, discount_per="10")
    sums = count(credentials, scheme)
    assert compared(sums, sandbox)
    assert sums.near[4][Decimal(20_000)] > 0
    assert sums.above[1] > 0 < sums.below[5]
    assert len(sandbox.calls("clients.getClients")) == 1


@pytest.mark.usefixtures("in_pages")
def test_pages_overlap_by_one_client_so_a_list_that_moves_is_noticed(
    credentials, scheme, sandbox, monkeypatch
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
            count(credentials, scheme)
    assert caught.value.reason == "moving"
    assert kept(credentials, scheme) is None
    assert compared(count(credentials, scheme), sandbox)


@pytest.mark.usefixtures("in_pages")
def test_after_a_failure_amid_the_clients_nobody_is_counted_twice(credentials, scheme, sandbox):
    sandbox.script("clients.getClients", "fin_before_headers", call=2, times=None)
    with pytest.raises(Unreachable):
        count(credentials, scheme)
    assert kept(credentials, scheme) is None
    sandbox.clear_faults()
    assert compared(count(credentials, scheme), sandbox)


@pytest.mark.usefixtures("in_pages")
def test_a_client_that_cannot_be_read_is_counted_as_such(credentials, scheme, sandbox):
    sandbox.script("clients.getClients", "row_percent_150", times=2)
    sums = count(credentials, scheme)
    assert sums.unreadable == 2


def test_the_sums_serve_the_day_and_a_move_or_another_percent_ends_them(credentials, scheme, sandbox):
    count(credentials, scheme)
    count(credentials, scheme)
    assert len(sandbox.calls("clients.getClients")) == 1
    sandbox.console().edit(1, client_groups_discount="11")
    other = read_scheme(credentials, fresh=True)
    assert kept(credentials, other) is None
    credentials.account.count_write()
    assert kept(credentials, scheme) is not None
    credentials.account.count_write(of_members=True)
    assert kept(credentials, scheme) is None


def test_nothing_of_a_person_is_kept(credentials, scheme, sandbox):
    count(credentials, scheme)
    cached = repr(msgspec.msgpack.decode(cache.get(MemberAdder(credentials, scheme).key)))
    rows = list(sandbox.accounts["demo"].clients.rows())
    for row in rows:
        for field in ("lastname", "phone_number", "card_number", "total_payed_sum"):
            assert len(row[field]) < 4 or row[field] not in cached
    assert f"'{rows[-1]['client_id']}'" not in cached
