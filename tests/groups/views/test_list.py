"""Test the list of groups."""

import re
from html import unescape

import pytest

from tests.support.pages import fragment, group_ids, hidden, text_of

# Lists kept in the database and the cache are tested in tests/groups/views/test_kept_lists.py.
pytestmark = [pytest.mark.django_db, pytest.mark.once]


def test_it_shows_the_groups_of_the_seed_in_posters_order(manager, browse):
    page = browse(manager, language="uk").get("/groups/")
    assert page.status_code == 200
    assert group_ids(page) == [1, 4, 5]
    text = text_of(page)
    assert "Постоянный посетитель" in text
    assert "50,00 ₴" in text
    assert "125" in text


@pytest.mark.parametrize(("percent", "sum_"), [("12.5", "12,50 ₴"), ("10", "10 ₴")])
def test_the_page_of_a_group_says_its_percent_as_a_sum(manager, browse, sandbox, percent, sum_):
    sandbox.console().edit(1, client_groups_discount=percent)
    page = browse(manager, language="uk").get("/groups/1/")
    assert f"З кожних 100 ₴ замовлення {sum_} повертається бонусами." in text_of(page)


def test_the_root_leads_to_it(manager, browse):
    assert browse(manager).get("/")["Location"] == "/groups/"


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("q=СКИДОЧНАЯ", [4, 5]),
        ("q=система+20", [5]),
        ("q=%25", [4, 5]),
        ("q=нема", []),
        ("type=1", [1]),
        ("type=2", [4, 5]),
        ("type=2&q=10", [4]),
        ("sort=name", [1, 4, 5]),
        ("sort=-name", [5, 4, 1]),
        ("sort=percent", [1, 4, 5]),
        ("sort=-percent", [5, 1, 4]),
        ("sort=clients", [5, 4, 1]),
        ("sort=-clients", [1, 4, 5]),
        ("sort=-birthday_bonus", [1, 4, 5]),
        ("sort=type", [1, 4, 5]),
        ("sort=-type", [4, 5, 1]),
    ],
)
def test_the_address_says_what_is_shown(manager, browse, query, ids):
    assert group_ids(browse(manager).get(f"/groups/?{query}")) == ids


@pytest.mark.parametrize(
    "query",
    ["type=3", "type=x", "sort=nothing", "sort=--name", "page=0", "page=NaN", "page=-1", "page=99", "page=٣",
     "q=%00", "q=%20", "unknown=1", "page=1e3", "sort="],
)  # fmt: skip
def test_unknown_values_are_ignored(manager, browse, query):
    page = browse(manager).get(f"/groups/?{query}")
    assert page.status_code == 200
    assert group_ids(page) == [1, 4, 5]


def test_bytes_that_are_no_text_are_no_error(manager, browse):
    assert browse(manager).get("/groups/?q=%ff%fe").status_code == 200


@pytest.mark.parametrize(
    ("counts", "shares"),
    [((15, 1, 0), ["93.8%", "6.3%", "0%"]), ((99_000, 49, 1), ["99.9%", "<\xa00.1%", "<\xa00.1%"])],
)
def test_a_share_is_rounded_half_up_and_a_few_of_very_many_are_not_called_none(
    manager, browse, sandbox, counts, shares
):
    for group_id, count in zip((1, 4, 5), counts, strict=True):
        sandbox.console().edit(group_id, count_groups_clients=str(count))
    html = browse(manager).get("/groups/").content.decode()
    found = re.findall(r'data-label="Clients">[0-9,]+<span>([^<]+)</span>', html)
    assert list(map(unescape, found)) == shares


def test_the_search_knows_cyrillic(manager, browse, sandbox):
    sandbox.console("demo").edit(4, client_groups_name="Зелёная кав&#39;ярня")
    client = browse(manager)
    for query in ("зеленая", "ЗЕЛЁНАЯ", "кав'ярня", "кав’ярня"):
        assert group_ids(client.get("/groups/", {"q": query})) == [4], query


def test_removed_groups_are_hidden(manager, browse, sandbox):
    sandbox.console("demo").edit(4, delete="1")
    assert group_ids(browse(manager).get("/groups/")) == [1, 5]


def test_entities_are_decoded_once_and_escaped_on_the_page(manager, browse, sandbox):
    sandbox.console("demo").edit(1, client_groups_name="кав&#39;ярні")
    sandbox.console("demo").edit(4, client_groups_name="&lt;script&gt;alert(1)&lt;/script&gt;")
    html = browse(manager).get("/groups/").content.decode()
    assert "кав&#39;ярні" in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html


def test_a_group_named_error_is_no_error(manager, browse, sandbox):
    sandbox.console("demo").edit(1, client_groups_name="error")
    page = browse(manager).get("/groups/")
    assert page.status_code == 200
    assert group_ids(page) == [1, 4, 5]


def test_a_fragment_is_the_rows_alone(manager, browse):
    page = browse(manager).get("/groups/?q=10", headers=fragment("rows"))
    html = page.content.decode()
    assert 'id="rows"' in html
    assert "<html" not in html
    assert group_ids(page) == [4]


def test_another_target_gets_the_whole_page(manager, browse):
    assert "<html" in browse(manager).get("/groups/", headers=fragment("elsewhere")).content.decode()


def test_it_varies_and_is_not_stored(manager, browse):
    for headers in ({}, fragment("rows")):
        page = browse(manager).get("/groups/", headers=headers)
        assert {"HX-Request", "HX-Target"} <= {name.strip() for name in page["Vary"].split(",")}
        assert "no-store" in page["Cache-Control"]


def test_it_tells_how_long_poster_took_only_if_it_was_asked(manager, browse):
    client = browse(manager)
    assert client.get("/groups/")["Server-Timing"].startswith("poster;dur=")
    assert "app;dur=" in client.get("/groups/?refresh=1")["Server-Timing"]
    assert "Server-Timing" not in client.get("/groups/")


def test_an_empty_list_is_said_to_be_empty(manager, browse, sandbox):
    for group_id in (1, 4, 5):
        sandbox.console("demo").remove(group_id)
    text = text_of(browse(manager).get("/groups/"))
    assert "No loyalty groups yet" in text
    assert "A discount group takes its percent off the order at once." in text


@pytest.mark.parametrize("query", ["", "?q=a", "?type=1&sort=name"])
def test_a_list_of_which_nothing_can_be_read_is_not_said_to_be_empty(staff, browse, sandbox, query):
    for group_id in (1, 4, 5):
        sandbox.console("demo").edit(group_id, client_groups_discount="150")
    for headers in ({}, fragment("rows")):
        page = browse(staff).get(f"/groups/{query}", headers=headers)
        assert page.status_code == 200
        text = text_of(page)
        assert "3 groups of Poster's answer could not be read" in text
        assert "None of the groups could be read" in text
        assert "Try again" in text
        assert "No loyalty groups" not in text
        assert "Create the first group" not in text
        assert "Nothing matches" not in text


def test_a_search_without_a_hit_says_so(manager, browse):
    assert "Nothing matches" in text_of(browse(manager).get("/groups/?q=nothing-like-it"))


def test_a_row_that_cannot_be_read_is_not_dropped_in_silence(manager, browse, sandbox):
    sandbox.script("clients.getGroups", "row_percent_150", group=4)
    page = browse(manager).get("/groups/")
    assert group_ids(page) == [1, 5]
    assert "could not be read" in text_of(page)


def test_an_unknown_type_is_shown_and_not_offered_for_editing(staff, browse, sandbox):
    sandbox.console("demo").edit(4, loyalty_type="3")
    page = browse(staff).get("/groups/")
    assert "unknown type (3)" in text_of(page)
    assert "/groups/4/edit/" not in page.content.decode()


def nav_of(response):
    return re.search(r'<nav class="pages".*?</nav>', response.content.decode(), re.DOTALL)[0]


def pages_of(response):
    return " ".join(re.sub(r"<[^>]*>", " ", nav_of(response)).split())


def test_many_groups_come_in_pages_of_fifty(manager, browse, sandbox):
    for number in range(10, 400):
        row = sandbox.accounts["demo"].snapshot()[1] | {"client_groups_id": str(number)}
        sandbox.console("demo").put(row | {"client_groups_name": f"Група {number:03}"})
    client = browse(manager)
    first, last = client.get("/groups/"), client.get("/groups/?page=8")
    assert len(group_ids(first)) == 50
    assert group_ids(last)[-1] == 399
    assert "page 8 of 8" in last.content.decode().split("</title>")[0]
    assert group_ids(client.get("/groups/?page=99")) == group_ids(last)
    assert pages_of(first) == "Page 1 Page 2 Page 3 … Page 8 Next page"
    # A gap of one page has its link instead of the dots.
    assert pages_of(client.get("/groups/?page=5")) == (
        "Previous page Page 1 Page 2 Page 3 Page 4 Page 5 Page 6 Page 7 Page 8 Next page"
    )
    assert re.findall(r'<a href="([^"]*)"', nav_of(last)) == [
        "/groups/?page=7", "/groups/", "/groups/?page=6", "/groups/?page=7"]  # fmt: skip
    assert len(group_ids(client.get("/groups/?q=Група+39"))) == 14


# --- While Poster fails ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "options", "status"),
    [
        ("fin_before_headers", {}, 504),
        ("status_500", {}, 502),
        ("error_object", {"code": 11}, 424),
        ("error_object", {"code": 999}, 502),
    ],
)
def test_a_failure_is_told_with_its_status_and_never_as_no_groups(
    manager, browse, sandbox, fault, options, status
):
    sandbox.script("clients.getGroups", fault, times=None, **options)
    for headers in ({}, fragment("rows")):
        page = browse(manager).get("/groups/", headers=headers)
        assert page.status_code == status
        assert 'data-notice="error"' in page.content.decode()
        assert "No loyalty groups" not in text_of(page)


def test_an_address_that_is_none_fails_nothing(browse, sandbox):
    page = browse().get("/groups/", headers={**fragment("rows"), "HX-Current-URL": "http://[x/groups/"})
    assert page.status_code == 401


def test_a_failed_search_leaves_the_page_and_says_so_above_it(manager, browse, sandbox):
    sandbox.script("*", "fin_before_headers", times=None)
    page = browse(manager).get("/groups/?q=a", headers=fragment("rows", "/groups/?q=a"))
    assert page.status_code == 504
    assert page["HX-Retarget"] == "#notice"
    assert "<html" not in page.content.decode()


@pytest.mark.parametrize(("sort", "icon"), [("", "sort"), ("name", "up"), ("-name", "down")])
def test_the_head_of_a_column_shows_its_order(sort, icon, manager, browse):
    html = browse(manager).get(f"/groups/?sort={sort}").content.decode()
    head = html[html.index('id="name"') :].partition("</th>")[0]
    assert re.findall(r"icons[^#]*\.svg#(\w+)", head) == [icon]
    assert "</svg></a" in head


def test_a_name_and_a_currency_are_escaped_once(staff, browse, sandbox):
    account = staff.credentials.account
    account.currency = "<&>"
    account.save()
    sandbox.console("demo").edit(1, client_groups_name='Смак &amp; <b>"чай"</b>', birthday_bonus="123456")
    html = browse(staff, language="en").get("/groups/?refresh=1").content.decode()
    row = html[html.index('<tr data-group="1"') :].partition("</tr>")[0]
    # In the heading of the row, and in the name of its box.
    assert row.count("Смак &amp; &lt;b&gt;&#34;чай&#34;&lt;/b&gt;") == row.count("чай") == 2
    assert "1,234.56\N{NO-BREAK SPACE}&lt;&amp;&gt;" in row


# --- Counts of the types -----------------------------------------------------------------------------------


def counts_of(page):
    """Return the counts beside All, Bonus and Discount."""
    html = page.content.decode()
    return [re.search(rf'id="t{key}".*?class="count">([^<]*)<', html, re.DOTALL)[1] for key in ("", "1", "2")]


def test_the_counts_of_the_types_follow_the_search(staff, browse, sandbox):
    client = browse(staff)
    everything = counts_of(client.get("/groups/"))
    assert counts_of(client.get("/groups/?type=2")) == everything
    assert counts_of(client.get("/groups/?q=скидочная&type=1")) == ["2", "0", "2"]
    assert everything != ["2", "0", "2"]


def test_the_counts_of_the_types_have_their_thousands_separated(staff, browse, sandbox):
    for number in range(1000):
        sandbox.console().put(
            {"client_groups_name": f"Гурт {number}", "loyalty_type": "2", "client_groups_discount": "3",
             "birthday_bonus": "0", "count_groups_clients": "0"}
        )  # fmt: skip
    assert counts_of(browse(staff, language="uk").get("/groups/"))[2].startswith("1\N{NO-BREAK SPACE}0")


def test_where_nothing_matches_there_is_nothing_to_save_or_print(staff, browse, sandbox):
    page = browse(staff).get("/groups/?q=no-such-group").content.decode()
    assert "Nothing matches" in page
    assert "export.csv" not in page
    assert "data-print" not in page
    assert 'href="/groups/edit/' not in page


# --- Filters beside the type -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("percent_from=10,5", [5]),
        ("percent_to=10", [1, 4]),
        ("percent_from=15&percent_to=20%25", [5]),
        ("percent_from=15%20%25", [5]),
        ("percent_from=10,05%C2%A0%25", [5]),
        ("percent_from=10,5%E2%80%AF%25%20", [5]),
        ("percent_from=abc&percent_to=101&only=nonsense", [1, 4, 5]),
        ("percent_from=-5&percent_to=1e1", [1, 4, 5]),
        ("only=bonus", [1]),
        ("only=empty", [7]),
        ("only=bonus&type=2", []),
    ],
)
def test_percents_bonus_and_empty_groups_are_filters(staff, browse, sandbox, query, expected):
    if expected == [7]:
        row = sandbox.accounts["demo"].snapshot()[4]
        sandbox.console("demo").put(
            row | {"client_groups_id": "7", "client_groups_name": "Порожня", "count_groups_clients": "0"}
        )
    assert group_ids(browse(staff).get(f"/groups/?{query}")) == expected


def test_active_filters_are_shown_and_each_can_be_removed(staff, browse, sandbox):
    page = browse(staff, language="uk").get("/groups/?q=с&percent_from=5&only=bonus&sort=name")
    chips = re.findall(r'class="chip" href="([^"]+)"', page.content.decode())
    assert "Відсоток: від 5 %" in text_of(page)
    assert [chip.replace("&amp;", "&") for chip in chips] == [
        "/groups/?percent_from=5&bonus=yes&sort=name",
        "/groups/?q=%D1%81&bonus=yes&sort=name",
        "/groups/?q=%D1%81&percent_from=5&sort=name",
    ]


# --- Spelling ----------------------------------------------------------------------------------------------


# tests/groups/presenters/test_alphabet.py has more of them.
@pytest.mark.parametrize("text", ["бариста", "barista", "барриста"])
def test_a_group_is_found_in_other_spellings_of_its_name(staff, browse, sandbox, text):
    sandbox.console("demo").edit(4, client_groups_name="Наш бариста")
    assert group_ids(browse(staff).get("/groups/", {"q": text})) == [4]


def test_an_exact_name_is_not_mixed_with_almost_equal_ones(staff, browse, sandbox):
    sandbox.console("demo").edit(4, client_groups_name="Гості")
    sandbox.console("demo").edit(5, client_groups_name="Гостя")
    assert group_ids(browse(staff).get("/groups/", {"q": "гості"})) == [4]
    assert group_ids(browse(staff).get("/groups/", {"q": "10%"})) == []


def test_where_nothing_matches_a_group_of_that_name_can_be_created(staff, manager, browse, sandbox):
    page = browse(staff).get("/groups/", {"q": 'Нова "А"'})
    address = re.search(r'href="(/groups/new/\?name=[^"]+)"', page.content.decode())[1]
    assert "Create the group “Нова &quot;А&quot;”" in page.content.decode()
    assert hidden(browse(staff).get(address), "name") == {"name": 'Нова "А"'}
    assert "/groups/new/?name" not in browse(manager).get("/groups/?q=нема").content.decode()


def test_the_way_back_from_a_group_leads_to_the_list_as_it_was(staff, browse, sandbox):
    client = browse(staff)
    behind = {"Referer": "http://testserver/groups/?q=скид&sort=-percent"}
    assert 'class="crumb" href="/groups/?q=скид&amp;sort=-percent"' in _html(client, behind)
    for other in ("http://testserver/history/", "https://evil.com/groups/?q=x"):
        assert 'class="crumb" href="/groups/"' in _html(client, {"Referer": other})


def around(html):
    """Return the addresses of the previous and the next group on the page of a group."""
    links = re.findall(r'href="([^"]+)" rel="(prev|next)"', html)
    return {rel: address.replace("&amp;", "&") for address, rel in links}


def test_the_groups_before_and_after_are_those_of_the_list_that_led_here(staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/")
    assert around(_html(client, {})) == {"prev": "/groups/1/", "next": "/groups/5/"}
    behind = {"Referer": "http://testserver/groups/?sort=-clients&page=1"}
    assert around(_html(client, behind)) == {
        "prev": "/groups/1/?sort=-clients",
        "next": "/groups/5/?sort=-clients",
    }
    behind = {"Referer": "http://testserver/groups/?type=2&sort=-percent"}
    there = around(_html(client, behind))
    assert there == {"prev": "/groups/5/?type=2&sort=-percent"}
    page = client.get(there["prev"], headers={"Referer": "http://testserver/groups/4/"}).content.decode()
    assert around(page) == {"next": "/groups/4/?type=2&sort=-percent"}
    assert 'class="crumb" href="/groups/?type=2&amp;sort=-percent"' in page
    assert 'href="?type=2&amp;sort=-percent&amp;refresh=1"' in page
    assert "1 of 2" in page


def test_a_group_that_the_list_leaves_out_has_no_neighbours(staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/")
    assert not around(client.get("/groups/4/?type=1").content.decode())
    assert not around(client.get("/groups/4/?q=10").content.decode())


def _html(client, headers):
    return client.get("/groups/4/", headers=headers).content.decode()


def test_a_large_account_has_groups_by_percent_and_the_empty_ones_instead_of_shares(staff, browse, sandbox):
    assert "Clients by group" in text_of(browse(staff).get("/groups/"))
    row = sandbox.accounts["demo"].snapshot()[1]
    for number in range(100, 300):
        percent = {0: "0", 1: "4.99", 2: "5"}.get(number % 4, "100")
        sandbox.console().put(
            row
            | {"client_groups_id": str(number), "client_groups_name": f"Г{number}"}
            | {"client_groups_discount": percent, "count_groups_clients": "0" if number < 130 else "3"}
        )
    page = browse(staff).get("/groups/?refresh=1")
    text = text_of(page)
    assert "Clients by group" not in text
    assert "Groups without clients 30" in text
    links = re.findall(
        r'<a href="/groups/(\?percent_from=[^"]*)">[^<]*</a>\s*<b>(\d+)</b>', page.content.decode()
    )
    assert sum(int(count) for _query, count in links) == 203
    for query, count in links:
        found = text_of(browse(staff).get(f"/groups/{query.replace('&amp;', '&')}"))
        assert f"{count} of 203 groups" in found
