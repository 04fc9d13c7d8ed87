"""Test the page of cards: what it shows and to whom, the evidence, bounds, and cards meant to be shared."""

import re

import pytest
from django.utils import timezone

from groups.features.cards.models import Bounds, Finding, SharedCard
from tests.support.cards import put_finding, put_use, sell
from tests.support.figures import DAY, GUESTS, watched
from tests.support.pages import text_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "small_account"),
]
ROW = re.compile(
    r'data-card="(\d+)" data-rule="(\w+)"\s+data-waiter="(\d*)"\s+data-day="([\d-]+)" data-receipts="(\d+)"'
)
GOOD = {"most_a_day": "4", "most_a_waiter": "9"}


def rows(response):
    return ROW.findall(response.content.decode())


def test_a_card_has_its_client_and_how_many_receipts_of_a_waiter_carry_a_card(
    browse, owner, console, card, day, sandbox
):
    watched(owner)
    sell(console, card, day, 5, waiter=4)
    put_use(owner, card, waiter_id=4, receipts=3)
    put_use(owner, 0, waiter_id=4, receipts=1)
    put_use(owner, 0, waiter_id=2, receipts=3)
    put_use(owner, card, waiter_id=2, receipts=1)
    put_finding(owner, card, "waiter", waiter_id=4, receipts=14, since=day - 20 * DAY)
    put_finding(owner, card, "day", waiter_id=0, receipts=6)
    page = browse(owner).get("/cards/")
    assert rows(page) == [
        (str(card), "waiter", "4", f"{day}", "14"),
        (str(card), "day", "", f"{day}", "6"),
    ]
    text = text_of(page)
    assert text.count("Видима") == 1
    assert "Гості , 10%" in text
    assert "14 receipts in 30 days by the waiter Денис, all in cash" in text
    assert "6 receipts in a day" in text
    assert "by several waiters" in text
    assert "75% of this waiter's receipts in 30 days have a client's card; of the others' 25%." in text
    assert "no-store" in page["Cache-Control"]
    assert "names are missing" not in text
    sandbox.script("*", "status_500", times=None)
    assert "Poster does not answer, so names are missing." in text_of(browse(owner).get("/cards/"))


def test_the_dearest_cards_come_first_and_the_unknown_ones_last(browse, owner, day):
    for client_id, given in ((1, None), (2, "5"), (3, "123.4"), (4, "0")):
        put_finding(owner, client_id, given=given)
    put_finding(owner, 2, "waiter", given="99")
    html = browse(owner).get("/cards/").content.decode()
    assert re.findall(r'data-given="([^"]*)"', html) == ["123.40", "99.00", "5.00", "0.00", ""]


def test_a_waiter_has_the_days_with_receipts_and_those_of_the_card(browse, owner, card):
    for days_ago in (1, 2, 3, 31):
        put_use(owner, 0, days_ago, waiter_id=4)
    for days_ago in (2, 3, 5):
        put_use(owner, card, days_ago, waiter_id=4)
    put_use(owner, card, 9, waiter_id=2)
    put_finding(owner, card, "waiter", waiter_id=4)
    put_finding(owner, card, "day", waiter_id=4)
    page = browse(owner).get("/cards/")
    assert re.findall(r'data-days-worked="(\d+)" data-days-seen="(\d+)"', page.content.decode()) == [
        ("4", "3")
    ]
    assert "the card came on 3 of 4 days with receipts of this waiter" in text_of(page)


@pytest.mark.parametrize(
    ("q", "is_found"),
    [("видима", True), ("380501234567", True), ("0501234567", True), ("77-12", True), ("Ніхто", False)],
)
def test_cards_are_searched_by_name_phone_and_card_without_an_address(
    browse, owner, console, card, q, is_found
):
    console.edit_client(card, card_number="77-12", phone="+38 050 123 45 67")
    put_finding(owner, console.put_client(GUESTS, lastname="Інша"))
    put_finding(owner, card)
    page = browse(owner).post("/cards/", {"q": q})
    assert page.status_code == 200
    assert [row[0] for row in rows(page)] == ([str(card)] if is_found else [])
    assert not Bounds.objects.exists()


def test_the_file_of_cards_has_ids_and_no_name(browse, owner, staff, card, day):
    put_use(owner, card, waiter_id=4)
    put_finding(owner, card, "waiter", waiter_id=4, receipts=12, given="123.4")
    put_finding(owner, 9, waiter_id=0, given=None)
    SharedCard.objects.create(account=owner.credentials.account, client_id=8, reason="5 %", set_by="owner")
    put_finding(owner, 8)
    file = browse(owner).get("/cards.csv")
    assert file.content.decode().splitlines() == [
        "card,rule,waiter,day,receipts,given,days_worked,days_seen",
        f"{card},waiter,4,{day},12,123.40,1,1",
        f"9,day,,{day},5,,,",
    ]
    assert browse(staff).get("/cards.csv").status_code == 403


def test_a_finding_opens_to_its_receipts_read_then(browse, owner, console, card, day, sandbox):
    sell(console, card, day, 3, waiter=4)
    sell(console, card, day - DAY, 2, waiter=4)
    sell(console, card, day, waiter=2)
    console.sell(card, day, 10_000, 9_000, waiter=4, card=9_000)
    in_cash = put_finding(owner, card, "waiter", waiter_id=4, since=day - DAY, receipts=5)
    of_day = put_finding(owner, card, "day", waiter_id=0, receipts=5)
    client = browse(owner)
    for finding, number in ((in_cash, 5), (of_day, 5)):
        page = client.get(f"/cards/receipts/{finding.pk}/")
        assert page.content.decode().count("data-receipt=") == number
    text = text_of(page)
    assert "10:00" in text
    assert text.count("cash") == 4
    assert text.count("bank card") == 1
    assert text.count("Денис") == 4
    assert "90" in text
    assert 'data-given="10.00"' in page.content.decode()
    headers = {"HX-Request": "true", "HX-Target": f"receipts-{of_day.pk}"}
    part = client.get(f"/cards/receipts/{of_day.pk}/", headers=headers)
    assert "<html" not in part.content.decode()
    console.dispute(refusal=54)
    refused = client.get(f"/cards/receipts/{of_day.pk}/")
    assert refused.status_code == 200
    assert "Your token may not see receipts" in text_of(refused)


def test_without_the_nightly_run_the_page_says_so(browse, owner):
    assert "The receipts are not read yet" in text_of(browse(owner).get("/cards/"))


@pytest.mark.parametrize("field", GOOD)
@pytest.mark.parametrize("value", ["1", "0", "-3", "", "two", "1001"])
def test_a_bound_below_two_is_422_and_what_was_typed_stays(browse, owner, field, value):
    page = browse(owner).post("/cards/", GOOD | {field: value})
    assert page.status_code == 422
    assert not Bounds.objects.exists()
    assert f'value="{value}"' in page.content.decode() or not value


def test_bounds_of_two_are_set(browse, owner):
    client = browse(owner)
    assert client.post("/cards/", GOOD).status_code == 302
    assert client.post("/cards/", dict.fromkeys(GOOD, "2")).status_code == 302
    bounds = Bounds.objects.get()
    assert (bounds.most_a_day, bounds.most_a_waiter) == (2, 2)
    assert 'value="2"' in client.get("/cards/").content.decode()


def test_a_card_is_exempt_with_a_reason_and_counts_again(browse, owner, card):
    put_finding(owner, card)
    client = browse(owner)
    url = f"/cards/{card}/exempt/"
    for reason in ("", "   ", "x" * 201):
        assert client.post(url, {"reason": reason}).status_code == 422
    assert not SharedCard.objects.exists()
    for _ in range(2):
        assert client.post(url, {"reason": "Блогери"}).status_code == 302
    shared = SharedCard.objects.get()
    assert (shared.client_id, shared.reason, shared.set_by) == (card, "Блогери", "owner")
    page = client.get("/cards/")
    assert rows(page) == []
    assert f'data-shared="{card}"' in page.content.decode()
    assert client.get(f"/cards/receipts/{Finding.objects.get().pk}/").status_code == 404
    assert client.post(f"/cards/{card}/count/").status_code == 302
    page = client.get("/cards/")
    assert [row[0] for row in rows(page)] == [str(card)]
    assert "Counts again since" in text_of(page)
    assert client.post(url, {"reason": "Блогери"}).status_code == 302


def test_a_card_without_a_finding_can_be_exempt_and_its_wrong_reason_is_shown(browse, owner):
    page = browse(owner).post("/cards/77/exempt/", {"reason": ""})
    assert page.status_code == 422
    assert 'action="/cards/77/exempt/"' in page.content.decode()


@pytest.mark.parametrize(("days", "waiters", "is_offered"), [(20, 3, True), (19, 3, False), (20, 2, False)])
def test_a_card_of_many_days_and_waiters_is_offered_as_shared(browse, owner, card, days, waiters, is_offered):
    for number in range(days):
        put_use(owner, card, number + 1, waiter_id=number % waiters + 1)
    for waiter_id in (1, 2, 3):
        put_finding(owner, card, "waiter", waiter_id=waiter_id)
    page = browse(owner).get("/cards/")
    assert len(rows(page)) == 3
    assert text_of(page).count("It is shared: do not count it") == is_offered


def test_of_each_rule_one_finding_is_seen_and_the_others_are_folded(browse, owner, card, console, day):
    other = console.put_client(GUESTS, lastname="Інша", discount_per="12.5")
    for days_ago in range(4):
        put_finding(owner, card, day=day - days_ago * DAY)
    put_finding(owner, card, "waiter", day=day - 2 * DAY)
    put_finding(owner, other, day=day - 3 * DAY)
    page = browse(owner).get("/cards/")
    seen, folded = page.content.decode().split("3 more, of other days and waiters")
    assert [row[1::2] for row in ROW.findall(seen)] == [("day", f"{day}"), ("waiter", f"{day - 2 * DAY}")]
    of_day = [(str(card), f"{day - days_ago * DAY}") for days_ago in (1, 2, 3)]
    assert [row[0::3] for row in ROW.findall(folded)] == [*of_day, (str(other), f"{day - 3 * DAY}")]
    assert "Гості , 12.5%" in text_of(page)


def test_a_page_has_fifty_cards_with_all_their_findings(browse, owner, day):
    for client_id in range(1, 52):
        put_finding(owner, client_id, receipts=100 - client_id)
    put_finding(owner, 1, day=day - 20 * DAY)
    client = browse(owner)
    first, second = (rows(client.get(f"/cards/?page={number}")) for number in (1, 2))
    assert (len(first), first[1][3], len(second)) == (51, f"{day - 20 * DAY}", 1)


def test_accounts_are_apart(browse, owner, outsider, card):
    finding = put_finding(owner, card)
    SharedCard.objects.create(
        account=owner.credentials.account, client_id=9, reason="Тільки тут", set_by="owner"
    )
    watched(outsider)
    client = browse(outsider)
    page = client.get("/cards/")
    assert rows(page) == []
    assert "Тільки тут" not in page.content.decode()
    assert client.get(f"/cards/receipts/{finding.pk}/").status_code == 404
    client.post("/cards/9/count/")
    client.post(f"/cards/{card}/exempt/", {"reason": "Чужа"})
    client.post("/cards/", dict.fromkeys(GOOD, "2"))
    assert [row[0] for row in rows(browse(owner).get("/cards/"))] == [str(card)]
    assert not SharedCard.objects.filter(client_id=9).exclude(ended_at=None).exists()
    assert Bounds.of(owner.credentials.account_id).most_a_day == 5


def test_what_is_older_than_thirty_days_is_not_shown(browse, owner, card):
    today = timezone.localdate()
    put_finding(owner, card, day=today - 31 * DAY)
    put_finding(owner, card, day=today - 30 * DAY)
    assert [row[3] for row in rows(browse(owner).get("/cards/"))] == [f"{today - 30 * DAY}"]
