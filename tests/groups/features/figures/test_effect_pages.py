"""Test how a group is shown after a change, and what of its figures is shown to whom."""

import re
from decimal import Decimal

import pytest
from django.utils import timezone

from groups.features.figures.models import Figure
from tests.support.figures import AGO, DAY, GOLD, GUESTS, changed, put_year
from tests.support.pages import text_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("small_account")]
PAGE = f"/groups/{GOLD}/"
CHANGED = timezone.localdate() - AGO * DAY


def shown(html):
    """Return the data of each effect on a page."""
    tags = re.findall(r"<div [^>]*data-effect=[^>]*>", html)
    return [dict(re.findall(r'data-([a-z-]+)="([^"]*)"', tag)) for tag in tags]


@pytest.mark.parametrize(("by", "verdict"), [(1.5, "more"), (0.6, "less")])
def test_a_verdict_is_on_the_page_of_the_change_and_on_that_of_the_group(owner, browse, sandbox, by, verdict):
    put_year(owner, GOLD, by=by)
    put_year(owner, GUESTS, seed=2)
    change = changed(owner, monthly_cost=Decimal("410.00"))
    for url in (PAGE, f"/history/{change.pk}/"):
        response = browse(owner).get(url)
        html, text = response.content.decode(), text_of(response)
        total, kept = shown(html)
        assert (total["of"], kept["of"]) == ("total", "kept")
        for each in (total, kept):
            assert each["effect"] == str(change.pk)
            found = [each[name] for name in ("periods", "larger", "verdict", "doubt")]
            assert found == ["45", "0", verdict, ""]
            assert float(each["low"]) < float(each["ratio"]) < float(each["high"])
        assert text.count("none of the 45 earlier periods differed as much.") == 2
        assert f"{verdict} than the others" in text
        assert "up to 410" in text
        assert html.count('class="effect-picture"') == 2
        assert "style=" not in html
        assert "did" not in re.findall(r"<h[23]>.*?</h[23]>", html)


def test_what_is_usual_and_too_short_is_said_with_its_numbers(owner, browse, sandbox):
    put_year(owner, GOLD, weeks=38)
    put_year(owner, GUESTS, seed=2, weeks=38)
    changed(owner)
    response = browse(owner).get(PAGE)
    total, _kept = shown(response.content.decode())
    assert (total["periods"], total["verdict"], total["doubt"]) == ("31", "cannot-tell", "weeks")
    words = "of 31 earlier periods differed as much, and a year of nights is needed to tell."
    assert f"{total['larger']} {words}" in text_of(response)


def test_with_too_few_periods_there_is_no_interval(owner, browse, sandbox):
    put_year(owner, GOLD, weeks=10)
    put_year(owner, GUESTS, seed=2, weeks=10)
    changed(owner)
    total, _kept = shown(browse(owner).get(PAGE).content.decode())
    assert (total["periods"], total["low"], total["high"], total["doubt"]) == ("3", "", "", "weeks")
    assert total["ratio"]


def test_a_doubt_is_said_in_words_and_the_interval_with_it(owner, browse, sandbox):
    put_year(owner, GOLD, by=1.5)
    put_year(owner, GUESTS, seed=2)
    changed(owner)
    changed(owner, days_ago=AGO - 14, percents=("10", "7"))
    response = browse(owner).get(PAGE)
    assert {each["doubt"] for each in shown(response.content.decode())} == {"changes"}
    assert {each["verdict"] for each in shown(response.content.decode())} == {"cannot-tell"}
    assert "The group was changed again within 28 days" in text_of(response)
    assert "between +" in text_of(response)


def test_a_missing_night_is_a_doubt_without_figures(owner, browse, sandbox):
    put_year(owner, GOLD)
    put_year(owner, GUESTS, seed=2)
    changed(owner)
    Figure.objects.filter(day=CHANGED + DAY).delete()
    html = browse(owner).get(PAGE).content.decode()
    for each in shown(html):
        assert (each["ratio"], each["low"], each["high"], each["doubt"]) == ("", "", "", "days")
    assert "effect-picture" not in html


def test_a_change_of_less_than_28_days_ago_is_not_shown(owner, browse, sandbox):
    put_year(owner, GOLD, days_ago=27)
    change = changed(owner, days_ago=27)
    for url in (PAGE, f"/history/{change.pk}/"):
        assert shown(browse(owner).get(url).content.decode()) == []


def test_without_the_right_to_sales_there_are_members_and_changes_and_no_sum(owner, manager, browse, sandbox):
    put_year(owner, GOLD, by=1.5)
    put_year(owner, GUESTS, seed=2)
    change = changed(owner, monthly_cost=Decimal("31337.00"))
    sums = {"owed": Decimal("77123.45"), "total": 86420, "revenue": 75310, "granted": 4321, "spent": 3579}
    Figure.objects.update(clients=51, **sums)
    Figure.objects.filter(day__gt=CHANGED).update(clients=63)
    seen = browse(manager)
    page = seen.get(PAGE)
    assert 'class="area"' in page.content.decode()
    assert page.content.decode().count('class="flag"') == 1
    assert "came less left" in text_of(page)
    assert "63" in text_of(page)
    # All that links lead to, files too.
    pages, waiting = dict[str, str](), [PAGE, f"/history/{change.pk}/", f"/groups/{GOLD}/movements/"]
    while waiting:
        url = waiting.pop()
        answer = seen.get(url)
        assert answer.status_code in {200, 302}, url
        pages[url] = answer.getvalue().decode("utf-8", "replace")
        links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"#]*)', pages[url])}
        links = {link for link in links if not link.startswith(("/static/", "/admin/"))}
        waiting += links - pages.keys() - {*waiting}
    assert any(".csv" in url for url in pages)
    assert not any("figures" in url or "bonuses" in url for url in pages)

    def digits(text):
        """Return a text without what stands between thousands."""
        return re.sub(r"(?<=\d)[\s\u00a0\u202f,'](?=\d)", "", text)

    amounts = {*(str(int(each)) for each in sums.values()), "31337", str(7 * 75310), str(7 * 86420)}
    for url, each in pages.items():
        assert "data-effect" not in each, url
        assert "data-owed" not in each, url
        assert not [amount for amount in amounts if amount in digits(each)], url
    # An owner sees them on the same page.
    owners = digits(browse(owner).get(PAGE).content.decode())
    assert "77123" in owners
    assert str(7 * 75310) in owners


def test_a_group_without_a_change_costs_no_more_queries(
    owner, browse, sandbox, django_assert_max_num_queries
):
    put_year(owner, GOLD)
    seen = browse(owner)
    seen.get(PAGE)
    with django_assert_max_num_queries(60) as counted:
        seen.get(PAGE)
    read = [each["sql"] for each in counted if "figures_figure" in each["sql"]]
    # The bonuses owed, and the figures of the year: their ids, since most groups have none, and the rows.
    assert len(read) == 3
