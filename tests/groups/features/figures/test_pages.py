"""Test the pages and files of figures: what they show to whom, and what a wrong address gets."""

import csv
import io
import re
from datetime import date

import pytest
from django.utils import timezone

from groups.features.figures.models import Figure, yesterday
from groups.models import PosterAccount
from tests.support.figures import DAY, GOLD, GUESTS, changed, put_figure, put_nights, watched
from tests.support.pages import text_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("small_account")]
PAGE = f"/groups/{GOLD}/"
FILE, ALL = f"/groups/{GOLD}/figures.csv", "/groups/figures.csv"
BOOK, BOOK_FILE = "/groups/bonuses/", "/groups/bonuses.csv"
COLUMNS = "clients,owed,moved,buyers,receipts,total,revenue,granted,spent"


def table(response):
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def attributes(html, name):
    """Return the data of the element that has this attribute."""
    tag = next(tag for tag in re.findall(r"<[a-z]+ [^>]*>", html) if f"data-{name}=" in tag)
    return dict(re.findall(r'data-([a-z-]+)="([^"]*)"', tag))


def test_a_group_has_what_is_owed_and_its_picture(owner, browse, sandbox):
    put_nights(owner, GOLD, 20, owed="1234.5", clients=50)
    changed(owner, days_ago=10)
    html = browse(owner).get(PAGE).content.decode()
    assert attributes(html, "owed") == {"owed": "1234.50"}
    assert 'class="area"' in html
    assert html.count('class="week"') == 2
    assert html.count('class="flag"') == 1
    assert "5 → 10%" in html


def test_a_week_without_figures_says_that_it_has_none(owner, browse, sandbox):
    put_nights(owner, GOLD, 28)
    missing = [yesterday() - number * DAY for number in range(7, 14)]
    assert Figure.objects.filter(day__in=missing).delete()[0] == 7
    html = browse(owner).get(PAGE).content.decode()
    assert html.count('<polyline class="line"') == 2
    assert html.count('<rect class="none"') == 2, "a week among the clients, and among the turnover"
    assert html.count('<rect class="week"') == 3
    assert html.count(">no figures<") == 2, "the key, and the row of the table"


def test_a_week_with_one_night_missing_has_no_turnover(owner, browse, sandbox):
    put_nights(owner, GOLD, 28)
    Figure.objects.get(day=yesterday() - 8 * DAY).delete()
    html = browse(owner).get(PAGE).content.decode()
    assert html.count('<polyline class="line"') == 1
    assert html.count('<rect class="none"') == 1
    assert html.count('<rect class="week"') == 3


def test_nothing_is_shown_before_the_first_night_but_one_line(owner, browse, sandbox):
    assert "Clients in a year" not in text_of(browse(owner).get(PAGE))
    watched(owner)
    page = browse(owner).get(PAGE)
    assert "the first figures are here tomorrow" in text_of(page)
    assert b'<svg class="year' not in page.content


def test_a_token_without_the_right_to_receipts_is_reported_with_who_can_give_it(owner, browse, sandbox):
    tally = watched(owner)
    tally.lacks_receipts = True
    tally.save()
    put_nights(owner, GOLD, 3, revenue=None, granted=None, spent=None, buyers=None, receipts=None)
    text = text_of(browse(owner).get(PAGE))
    assert text.count("a token with the right to statistics") == 1
    assert "a token with the right to statistics" in text_of(browse(owner).get(f"{BOOK}"))


# --- Files -------------------------------------------------------------------------------------------------


def test_the_file_of_a_group_has_its_days_in_the_columns_that_are_fixed(owner, browse, sandbox):
    put_figure(owner, GOLD, yesterday() - DAY, revenue="7.5", clients=None, owed=None)
    put_figure(owner, GOLD, yesterday(), owed="1234.5")
    put_figure(owner, GUESTS, yesterday())
    response = browse(owner).get(FILE)
    assert response.content.decode().splitlines()[0] == f"day,{COLUMNS}"
    missed, night = table(response)
    assert (missed["revenue"], missed["owed"], missed["clients"]) == ("7.50", "", "")
    assert (night["day"], night["owed"]) == (f"{yesterday()}", "1234.50")


def test_the_file_of_all_groups_has_group_and_name_which_is_no_formula(owner, browse, sandbox):
    sandbox.console().edit(GOLD, client_groups_name="=1+1")
    assert browse(owner).get("/groups/").status_code == 200
    put_figure(owner, GOLD, yesterday())
    put_figure(owner, GUESTS, yesterday() - 9 * DAY)
    put_figure(owner, 0, yesterday() - 9 * DAY)
    response = browse(owner, language="uk").get(ALL)
    assert response.content.decode().splitlines()[0] == f"day,group,name,{COLUMNS}"
    assert [(row["group"], row["name"]) for row in table(response)] == [
        ("0", "Без групи"),
        (str(GUESTS), "Гості"),
        (str(GOLD), "'=1+1"),
    ]
    since = {"from": f"{yesterday() - DAY}", "to": f"{timezone.localdate()}"}
    assert [row["group"] for row in table(browse(owner).get(ALL, since))] == [str(GOLD)]


@pytest.mark.parametrize("url", [FILE, ALL])
@pytest.mark.parametrize(
    "query",
    ["from=2026-13-01", "to=tomorrow", "from=2026-1-1", "from=2026-11-02&to=2026-11-01", "to=0001-01-01"],
)
def test_a_wrong_day_is_422(owner, browse, sandbox, url, query):
    assert browse(owner).get(f"{url}?{query}").status_code == 422


@pytest.mark.parametrize("url", [BOOK, BOOK_FILE])
@pytest.mark.parametrize("month", ["2026-13", "november", "2026-1", "2026-11-01", "9999-12", "0001-01"])
def test_a_wrong_month_is_422(owner, browse, sandbox, url, month):
    assert browse(owner).get(f"{url}?month={month}").status_code == 422


@pytest.mark.parametrize("url", [FILE, ALL, BOOK, BOOK_FILE])
def test_figures_take_the_right_to_sales(staff, manager, browse, sandbox, url):
    for user in (staff, manager):
        assert browse(user).get(url).status_code == 403


def test_staff_see_nothing_of_it_on_pages_and_in_the_list(owner, staff, browse, sandbox):
    change = changed(owner)
    put_nights(owner, GOLD, 20)
    for url in (PAGE, f"/history/{change.pk}/", "/groups/?columns=owed"):
        html = browse(staff).get(url).content.decode()
        assert "data-owed" not in html
        assert "data-effect" not in html
        assert "Owed in bonuses" not in html


def test_a_group_that_never_was_is_404_and_one_that_was_is_not(owner, browse, sandbox):
    assert browse(owner).get("/groups/999/figures.csv").status_code == 404
    put_figure(owner, 998, yesterday())
    assert len(table(browse(owner).get("/groups/998/figures.csv"))) == 1


def test_another_account_has_none_of_it(owner, outsider, browse, sandbox):
    put_nights(owner, GOLD, 3)
    assert PosterAccount.objects.count() > 1
    assert table(browse(outsider).get(ALL)) == []
    assert table(browse(outsider).get(BOOK_FILE)) == []
    assert b"data-group" not in browse(outsider).get(BOOK).content
    assert browse(outsider).get(FILE).status_code == 404


# --- The bonus book and the list ---------------------------------------------------------------------------


SEPTEMBER, OCTOBER = date(2026, 9, 30), date(2026, 10, 31)
NOTHING = {"owed": "0", "granted": "0", "spent": "0"}


def put_october(owner, *, but=()):
    """Save the nights of October: of gold with bonuses, of guests and of those in no group without any."""
    for number in range(32):
        day = SEPTEMBER + number * DAY
        if day not in but:
            put_figure(owner, GUESTS, day, **NOTHING)
            put_figure(owner, 0, day, **NOTHING)
            put_figure(owner, GOLD, day, owed=1000 + 2 * number, granted="5", spent="1.5", moved="-0.5")


def row_of(html, group_id):
    return dict(
        re.findall(r'data-([a-z-]+)="([^"]*)"', html.split(f'data-group="{group_id}"')[1].split(">")[0])
    )


def test_the_book_has_a_row_a_group_and_says_the_nights(owner, browse, sandbox):
    put_october(owner)
    page = browse(owner).get(f"{BOOK}?month=2026-10")
    html = page.content.decode()
    assert attributes(html, "from") == {"from": f"{SEPTEMBER}", "to": f"{OCTOBER}"}
    gold = {
        "opening": "1000.00",
        "granted": "155.00",
        "spent": "46.50",
        "moved": "-15.50",
        "closing": "1062.00",
        "rest": "-31.00",
    }
    assert row_of(html, GOLD) == gold
    assert row_of(html, 0)["closing"] == "0.00"
    assert 'data-group="71"' not in html
    assert "1 group without bonuses is not shown" in text_of(page)
    assert "Without a group" in text_of(page)
    assert "data-missing" not in html
    saved = browse(owner).get(f"{BOOK_FILE}?month=2026-10")
    header = "group,name,opening,granted,spent,moved,closing,rest,missing_days"
    assert saved.content.decode().splitlines()[0] == header
    assert [(each["group"], each["name"], each["rest"]) for each in table(saved)] == [
        ("0", "Without a group", "0.00"),
        (str(GUESTS), "Гості", "0.00"),
        (str(GOLD), "Золото", "-31.00"),
    ]
    assert {each["missing_days"] for each in table(saved)} == {""}


def test_the_book_of_a_month_without_a_night_has_no_row(owner, browse, sandbox):
    put_october(owner)
    for month in ("2026-08", "2027-01"):
        page = browse(owner).get(f"{BOOK}?month={month}")
        assert "Nothing is known of this month" in text_of(page)
        assert "data-group" not in page.content.decode()
        assert table(browse(owner).get(f"{BOOK_FILE}?month={month}")) == []


def test_the_row_of_all_adds_up_what_is_known_of_all(owner, browse, sandbox):
    put_october(owner)
    Figure.objects.filter(day=OCTOBER, group_id=GUESTS).update(owed=None)
    html = browse(owner).get(f"{BOOK}?month=2026-10").content.decode()
    row = dict(re.findall(r'data-([a-z-]+)="([^"]*)"', html.split("data-all")[1].split(">")[0]))
    assert row == {
        "opening": "1000.00",
        "granted": "155.00",
        "spent": "46.50",
        "moved": "-15.50",
        "closing": "",
        "rest": "",
    }


def test_the_book_of_a_month_with_missing_days_says_them_above_the_table(owner, browse, sandbox):
    days = [date(2026, 10, 4), date(2026, 10, 6), date(2026, 10, 7)]
    put_october(owner, but=days)
    html = browse(owner).get(f"{BOOK}?month=2026-10").content.decode()
    missing = "2026-10-04 2026-10-06 2026-10-07"
    assert attributes(html, "missing") == {"missing": missing}
    assert html.index("data-missing") < html.index("<table")
    assert "The receipts of 04.10, 06.10 – 07.10 are not known." in html
    unknown = dict.fromkeys(("granted", "spent", "moved", "rest"), "")
    assert row_of(html, GOLD) == unknown | {"opening": "1000.00", "closing": "1062.00"}
    for each in table(browse(owner).get(f"{BOOK_FILE}?month=2026-10")):
        assert (each["granted"], each["spent"], each["rest"], each["missing_days"]) == ("", "", "", missing)


def test_a_missing_night_leaves_the_sums_of_the_book_and_is_named(owner, browse, sandbox):
    put_october(owner)
    Figure.objects.filter(day=date(2026, 10, 4)).update(owed=None, clients=None, moved=None)
    page = browse(owner).get(f"{BOOK}?month=2026-10")
    html = page.content.decode()
    assert attributes(html, "missing") == {"missing": "2026-10-04"}
    assert "No night was read on 04.10" in text_of(page)
    assert "Who changed groups on 04.10 is not known" in text_of(page)
    row = row_of(html, GOLD)
    assert (row["granted"], row["moved"], row["rest"]) == ("155.00", "", "")


def test_the_list_and_its_export_have_what_is_owed(owner, browse, sandbox):
    put_figure(owner, GOLD, yesterday(), owed="1234.5")
    text = text_of(browse(owner).get("/groups/?columns=owed&sort=-owed"))
    assert "1,234.50" in text
    export = browse(owner).get("/groups/export.csv?columns=owed").content.decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(export))
    assert header[-3:] == ["Owed in bonuses", "Granted ≈", "Spent"]
    assert next(row for row in rows if row[0] == str(GOLD))[-3] == "1234.50"
