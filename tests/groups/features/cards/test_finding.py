"""Test what a nightly run finds about cards: the rules to the unit, each thing once, and ids alone."""

import json
import random
from collections import Counter, defaultdict
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from groups.features.cards import services
from groups.features.cards.models import Bounds, CardUse, Finding, SharedCard
from groups.features.figures.models import Figure
from poster_admin.users.models import ChosenLanguage
from tests.support.cards import found, put_finding, put_use, sell
from tests.support.figures import DAY, GUESTS, clock_at, run_nightly
from tests.support.notices import mailed, wants

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "small_account", "watch"),
]
RECEIPTS = "dash.getTransactions"


@pytest.fixture
def by_mail(owner, staff, settings):
    """Let an owner and one of the staff want to be told of cards, in English."""
    settings.EMAIL_ENABLED = True
    for user in (owner, staff):
        user.email = f"{user.username}@example.com"
        user.save()
        ChosenLanguage.objects.create(user=user, language="en")
        wants(user, "at_once", "cards")
    mailed()


# --- The rules ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("times", "is_found"), [(4, False), (5, True)])
def test_uses_of_a_day(console, card, day, times, is_found):
    sell(console, card, day, times, card=9_000, waiter=3)
    sell(console, card, day, card=9_000, status=3)  # removed, so it does not count
    sell(console, 0, day, 9)
    run_nightly()
    assert found() == ([(card, "day", 3, day, 5)] if is_found else [])


def test_uses_of_a_day_by_several_waiters_name_none(console, card, day):
    sell(console, card, day, 3, waiter=1)
    sell(console, card, day, 3, waiter=2)
    run_nightly()
    assert found() == [(card, "day", 0, day, 6)]


NINE_AND = [
    ({}, True),
    ({"card": 9_000}, False),
    ({"card": 1}, False),
    ({"bonuses": 1}, False),
    ({"third_party": 500}, False),
    ({"waiter": 2}, False),
    ({"status": 1}, False),
]


@pytest.mark.parametrize(("last", "is_found"), NINE_AND, ids=str)
def test_ten_in_cash_by_one_waiter(console, card, owner, day, last, is_found):
    for days_ago in range(22, 31):
        put_use(owner, card, days_ago, waiter_id=4, in_cash=1)
    sell(console, card, day, **{"waiter": 4} | last)
    run_nightly()
    assert found() == ([(card, "waiter", 4, day, 10)] if is_found else [])
    if is_found:
        assert Finding.objects.get().since == day - 29 * DAY


def test_a_receipt_of_31_days_ago_is_no_longer_counted(console, card, owner, day):
    for days_ago in range(23, 32):
        put_use(owner, card, days_ago, waiter_id=4, in_cash=1)
    sell(console, card, day, waiter=4)
    run_nightly()
    assert found() == []


def test_what_the_receipts_of_a_finding_gave_away(console, card, day):
    for _ in range(9):
        console.sell(card, day, 10_005, 9_000, waiter=2, percent="5", minute=600)
    console.sell(
        card, day, 10_000, 8_000, card=8_000, bonuses=2_500, waiter=2, percent="5"
    )  # a bonus too high
    console.sell(card, day, 10_000, 9_000, waiter=2, minute=700)
    run_nightly()
    given = dict(Finding.objects.values_list("rule", "given"))
    # 9 × (4.50 granted + 10.05 of discount) + 10.00, and 4.00 granted by the bank card.
    assert given == {"waiter": Decimal("140.95"), "day": Decimal("144.95")}


def test_half_a_kopeck_that_was_given_is_rounded_up_at_the_end(console, card, day):
    for waiter in range(1, 8):  # each a use of its own: 7 × 0.105
        console.sell(card, day, 210, 210, waiter=waiter, percent="5")
    run_nightly()
    assert Finding.objects.get().given == Decimal("0.74")


def test_what_was_given_is_not_known_where_a_sum_cannot_be_read(sandbox, console, card, day, monkeypatch):
    sell(console, card, day, 4)
    console.sell(card, day, 7_777, 7_000, card=7_000)
    account = sandbox.accounts["demo"]
    right, spoiled = account.receipts, f'"sum":{json.dumps("?")}'.encode()
    monkeypatch.setattr(account, "receipts", lambda query: right(query).replace(b'"sum":"7777"', spoiled))
    run_nightly()
    assert Finding.objects.get().given is None
    assert CardUse.objects.get(client_id=card).given_in_cash == 0


def test_bounds_of_the_account_count(console, card, owner, day):
    Bounds.objects.create(account=owner.credentials.account, most_a_day=2, most_a_waiter=2)
    sell(console, card, day, 2)
    run_nightly()
    assert [row[1] for row in found()] == ["day", "waiter"]


def test_the_uses_of_random_receipts_are_those_of_an_independent_count(console, card, day):
    dice, expected = random.Random(7), defaultdict(Counter)
    cards = [card, console.put_client(GUESTS), console.put_client(GUESTS)]
    for _ in range(150):
        client_id, waiter, minute = dice.choice(cards), dice.randrange(1, 4), dice.choice((0, 700, 1439))
        sold_on = day + dice.choice((-1, 0, 0, 0, 1)) * DAY
        paid = {
            part: dice.choice((0, 0, 0, 2_000)) for part in ("card", "certificate", "third_party", "bonuses")
        }
        status = dice.choice((2, 2, 2, 1, 3))
        fields = paid | {"minute": minute, "waiter": waiter, "status": status}
        discount = dice.choice((0, 1_500, 2_500))
        console.sell(client_id, sold_on, 9_000 + discount, 9_000, percent="7", **fields)
        if sold_on == day and status == 2:
            use = expected[client_id, waiter]
            use["receipts"] += 1
            use["in_cash"] += not any(paid.values())
            money = 9_000 - paid["certificate"] - paid["third_party"]
            given = Decimal(money) * 7 / 10_000 + Decimal(discount - paid["bonuses"]).max(0) / 100
            use["given"] += given
            use["given_in_cash"] += 0 if any(paid.values()) else given
    run_nightly()
    found_uses = {(use.client_id, use.waiter_id): use for use in CardUse.objects.filter(client_id__in=cards)}
    assert found_uses.keys() == expected.keys()
    for place, use in found_uses.items():
        assert {name: getattr(use, name) for name in expected[place]} == expected[place]


# --- Reading -----------------------------------------------------------------------------------------------

DISPUTED = [
    {"receipts.page": 4},
    {"receipts.days": "lost", "receipts.page": 4},
    {"receipts.paid": "with-bonuses"},
    {"receipts.order": "descending", "receipts.page": 900},
]


@pytest.mark.parametrize("points", DISPUTED, ids=str)
def test_what_is_disputed_of_pages_changes_nothing(console, card, day, points, monkeypatch):
    monkeypatch.setattr("groups.services.receipts.FULL", 1_000)
    sell(console, card, day, 5, card=9_000)
    sell(console, card, day - DAY, 4)
    sell(console, card, day + DAY, 4)
    console.dispute(**points)
    run_nightly()
    assert found() == [(card, "day", 1, day, 5)]


def test_receipts_are_read_once_for_figures_and_cards(sandbox, console, card, day):
    sell(console, card, day, 3)
    run_nightly()
    cursors = [call.query.get("next_tr") for call in sandbox.calls(RECEIPTS)]
    assert len(cursors) == len(set(cursors)) + 1  # the end alone is looked at twice
    assert Figure.objects.get(group_id=GUESTS).receipts == 3


def test_days_without_a_run_are_judged_each(console, card, day):
    with clock_at(timezone.now() - 3 * DAY):
        run_nightly()
    for days_before in (1, 2):
        sell(console, card, day - days_before * DAY, 5)
    sell(console, card, day, 4)
    run_nightly()
    assert found() == [
        (card, "day", 1, day - 2 * DAY, 5),
        (card, "day", 1, day - DAY, 5),
        (card, "waiter", 1, day, 14),
    ]


def test_without_the_right_to_receipts_nothing_is_found(console, card, day):
    sell(console, card, day, 9)
    console.dispute(refusal=54)
    run_nightly()
    assert found() == []
    assert not CardUse.objects.exists()


def test_a_run_that_is_not_whole_stores_nothing_of_cards(sandbox, console, card, day):
    sell(console, card, day, 9)
    sandbox.script(RECEIPTS, "status_500", times=None)
    run_nightly()
    assert not CardUse.objects.exists()
    sandbox.clear_faults()
    run_nightly()
    assert found() == [(card, "day", 1, day, 9)]


# --- Telling -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("by_mail")
def test_owners_are_notified_once_of_a_finding_and_it_names_nobody(console, card, owner, staff, day):
    before = timezone.now() - DAY
    with clock_at(before):
        sell(console, card, day - DAY, 10, waiter=4)
        run_nightly()
    assert [row[1] for row in found()] == ["day", "waiter"]
    Finding.objects.update(found_at=timezone.now())
    assert mailed(owner, staff) == ["One card, many receipts: there are 2 things to look at."]
    sell(console, card, day, waiter=4)
    run_nightly()
    assert (card, "waiter", 4, day, 11) in found()
    assert mailed(owner, staff) == ["One card, many receipts: there are 2 things to look at."]


def test_an_exempt_card_is_never_found_until_it_counts_again(console, card, owner, day):
    account = owner.credentials.account
    shared = SharedCard.objects.create(account=account, client_id=card, reason="5 %", set_by="owner")
    with clock_at(timezone.now() - DAY):
        sell(console, card, day - DAY, 12)
        run_nightly()
    assert found() == []
    SharedCard.objects.filter(pk=shared.pk).update(ended_at=timezone.now())
    sell(console, card, day)
    run_nightly()
    assert [row[1:] for row in found()] == [("waiter", 1, day, 13)]


@pytest.mark.usefixtures("by_mail")
def test_what_is_exempt_since_it_was_found_is_not_reported(card, owner):
    put_finding(owner, card)
    SharedCard.objects.create(account=owner.credentials.account, client_id=card, reason="5 %", set_by="owner")
    assert mailed(owner) == []


# --- What is kept ------------------------------------------------------------------------------------------


def test_ids_go_after_thirty_days(owner, card):
    today = timezone.localdate()
    for days_ago in (30, 31):
        put_use(owner, card, days_ago)
        put_finding(owner, card, day=today - days_ago * DAY)
        SharedCard.objects.create(
            account=owner.credentials.account,
            client_id=days_ago,
            reason="5 %",
            set_by="owner",
            ended_at=timezone.now() - days_ago * DAY + timedelta(minutes=1),
        )
    assert services.forget_old() == 3
    assert CardUse.objects.get().day == Finding.objects.get().day == today - 30 * DAY
    assert SharedCard.objects.get().client_id == 30


def test_no_name_is_kept_or_logged(console, card, day, caplog):
    sell(console, card, day, 9, waiter=4)
    with caplog.at_level("DEBUG"):
        run_nightly()
    assert found()
    assert "Видима" not in caplog.text
    assert "Денис" not in caplog.text
    assert {field.name for field in CardUse._meta.fields} == {
        *("id", "account", "day", "client_id", "waiter_id", "receipts", "in_cash"),
        *("given", "given_in_cash"),
    }
