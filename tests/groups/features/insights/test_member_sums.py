"""Test the sums over all clients: against the sandbox's state, in parts, and without keeping anybody."""

import tracemalloc
from collections import Counter
from decimal import Decimal
from math import ceil

import msgspec
import pytest
from django.core.cache import cache

from groups.features.insights.services import member_sums
from groups.features.insights.services.member_sums import Questions, kept_sums, read_on
from groups.features.insights.services.scheme import read_scheme
from groups.models import PosterCredentials
from groups.poster import InvalidResponse, Unreachable
from groups.services.membership import membership_of
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
    scheme = read_scheme(credentials)
    return Questions.of(scheme.groups, scheme.ladder)


@pytest.fixture
def in_parts(monkeypatch):
    """Let each request read one page of 40 clients."""
    monkeypatch.setattr(member_sums, "READ_AT_ONCE", 40)
    monkeypatch.setattr(member_sums, "SECONDS_AT_ONCE", 0.0)


def key_of(credentials, questions):
    return member_sums._key(credentials, questions, membership_of(credentials.account_id))


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


def in_steps(credentials, questions):
    """Read on until the end, one request after the other, but not for ever."""
    steps = []
    for _request in range(20):
        sums = read_on(credentials, questions, seconds=0.0)
        steps.append(sums.read)
        if sums.done:
            return sums, steps
    pytest.fail(f"The count does not end: {steps}")


def compared(sums, sandbox):
    near = {group: sum(steps.values()) for group, steps in sums.near.items()}
    return (sums.above, sums.below, near) == counted(sandbox)


def test_the_sums_are_those_of_the_sandbox_s_state(credentials, questions, sandbox):
    sandbox.console().edit_client(130, total_payed_sum="1800000")
    sandbox.console().edit_client(131, total_payed_sum="2000000")
    sandbox.console().edit_client(132, total_payed_sum="1999999", delete="1")
    sandbox.console().edit_client(1, discount_per="10")
    sums = read_on(credentials, questions)
    assert sums.done
    assert compared(sums, sandbox)
    assert sums.near[4][Decimal(20_000)] > 0
    assert sums.above[1] > 0 < sums.below[5]
    assert len(sandbox.calls("clients.getClients")) == 1


@pytest.mark.usefixtures("in_parts")
def test_a_large_account_is_read_in_parts_that_add_up(credentials, questions, sandbox):
    sums, steps = in_steps(credentials, questions)
    assert steps == sorted(set(steps))
    assert len(steps) == 6
    assert sums.read == 215
    assert compared(sums, sandbox)


@pytest.mark.usefixtures("in_parts")
def test_parts_overlap_by_one_client_so_a_list_that_moved_is_noticed(credentials, questions, sandbox):
    read_on(credentials, questions, seconds=0.0)
    # The console takes clients out of the list for good.
    sandbox.console().edit(1, count_groups_clients="5")
    with pytest.raises(InvalidResponse) as caught:
        read_on(credentials, questions, seconds=0.0)
    assert caught.value.reason == "moving"
    sums, _steps = in_steps(credentials, questions)
    assert compared(sums, sandbox)


@pytest.mark.usefixtures("in_parts")
def test_after_a_failure_the_count_goes_on_where_it_was(credentials, questions, sandbox):
    read_on(credentials, questions, seconds=0.0)
    sandbox.script("clients.getClients", "fin_before_headers", times=None)
    with pytest.raises(Unreachable):
        read_on(credentials, questions, seconds=0.0)
    sandbox.clear_faults()
    sums, steps = in_steps(credentials, questions)
    assert steps[0] == 79  # 40, and 40 more that overlap by one
    assert compared(sums, sandbox)


@pytest.mark.usefixtures("in_parts")
def test_a_client_that_cannot_be_read_is_counted_as_such(credentials, questions, sandbox):
    sandbox.script("clients.getClients", "row_percent_150", times=2)
    sums, _steps = in_steps(credentials, questions)
    assert sums.unreadable == 2
    assert sums.read == 215


def test_whoever_asks_meanwhile_waits_for_the_one_who_reads(credentials, questions, sandbox):
    cache.set(f"{key_of(credentials, questions)}:busy", 1)
    sums = read_on(credentials, questions)
    assert (sums.waiting, sums.done) == (True, False)
    assert not sandbox.calls("clients.getClients")


def test_the_sums_serve_the_day_and_a_move_or_another_percent_ends_them(credentials, questions, sandbox):
    read_on(credentials, questions)
    read_on(credentials, questions)
    assert len(sandbox.calls("clients.getClients")) == 1
    other = Questions({**questions.percents, 1: Decimal(11)}, questions.steps)
    assert kept_sums(credentials, other) is None
    credentials.account.count_write()
    assert kept_sums(credentials, questions).done
    credentials.account.count_write(of_members=True)
    assert kept_sums(credentials, questions) is None


def test_another_token_has_its_own_sums_and_a_refused_one_has_none(credentials, questions, sandbox):
    read_on(credentials, questions)
    neighbour = make_user("neighbour", role="Managers", account="demo", sandbox=sandbox)
    theirs = PosterCredentials.objects.select_related("account").get(user=neighbour)
    assert kept_sums(theirs, questions).done
    theirs.set_token("745d516e1b9320ed85b84d5bfda14148")
    assert kept_sums(theirs, questions) is None
    credentials.refused_at = "2026-01-01"
    assert kept_sums(credentials, questions) is None


@pytest.mark.usefixtures("in_parts")
def test_nothing_of_a_person_is_kept(credentials, questions, sandbox):
    read_on(credentials, questions, seconds=0.0)
    kept = repr(msgspec.msgpack.decode(cache.get(key_of(credentials, questions))))
    rows = list(sandbox.accounts["demo"].clients.rows())[:40]
    for row in rows:
        for field in ("lastname", "phone_number", "card_number", "total_payed_sum"):
            assert len(row[field]) < 4 or row[field] not in kept
    assert f"'{rows[-1]['client_id']}'" not in kept


def test_sums_of_an_earlier_version_are_read_anew(credentials, questions, sandbox):
    cache.set(key_of(credentials, questions), msgspec.msgpack.encode({"above": 7}))
    assert compared(read_on(credentials, questions), sandbox)


@pytest.mark.thorough
def test_ten_thousand_clients_are_added_up_in_little_memory(settings):
    with Sandbox(groups=30, clients=10_000) as large:
        settings.POSTER_API_URL = large.url
        user = make_user("somebody", role="Managers", account="demo", sandbox=large)
        theirs = PosterCredentials.objects.select_related("account").get(user=user)
        scheme = read_scheme(theirs)
        tracemalloc.start()
        sums = read_on(theirs, Questions.of(scheme.groups, scheme.ladder), seconds=60)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sums.done
        # A busy machine may have asked for a page again.
        pages = {call.query["offset"] for call in large.calls("clients.getClients")}
        assert len(pages) == ceil(sums.read / 1000)
    assert peak < 20_000_000
