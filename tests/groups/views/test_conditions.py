"""Test the conditions and the columns of the list, and the form that asks for them."""

import re

import pytest

from tests.support.pages import fragment, group_ids, text_of

# Lists that need the journal are tested in tests/groups/views/test_kept_lists.py.
pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("clients_from=43", [1, 4]),
        ("clients_from=43&clients_to=100", [4]),
        ("clients_to=0", []),
        # Group 1 has 59.5 % of the 210 clients, group 4 has 20.5 %, and group 5 has 20 %.
        ("share_from=50", [1]),
        ("share_to=20,5", [4, 5]),
        ("bonus=yes", [1]),
        ("bonus=no", [4, 5]),
        ("percent_from=10&clients_to=100&bonus=no", [4, 5]),
        ("bonus=perhaps&clients_from=many&share_to=101&clients_to=1e3&changed=2", [1, 4, 5]),
        ("id=5&id=1", [1, 5]),
        ("id=5,1,77,x", [1, 5]),
        ("id=5&percent_to=10", []),
    ],
)
def test_conditions_narrow_the_list(staff, browse, sandbox, query, expected):
    assert group_ids(browse(staff).get(f"/groups/?{query}")) == expected


def test_each_condition_is_a_chip_that_takes_it_away(staff, browse):
    page = browse(staff, language="uk").get("/groups/?clients_from=10&clients_to=50&bonus=no&id=4,5")
    chips = re.findall(r'(?s)class="chip" href="([^"]+)".*?<bdi>([^<]+)</bdi>', page.content.decode())
    assert [(href.replace("&amp;", "&"), words) for href, words in chips] == [
        ("/groups/?clients_from=10&clients_to=50&bonus=no", "2 вибрані групи"),
        ("/groups/?bonus=no&id=4,5", "Клієнти: 10 – 50"),
        ("/groups/?clients_from=10&clients_to=50&id=4,5", "без бонусу на день народження"),
    ]


def test_the_form_has_what_the_list_asks_for_and_keeps_the_rest(staff, browse):
    page = browse(staff).get("/groups/filters/?q=x&type=2&percent_from=7,5&bonus=yes&columns=percent&page=3")
    html = page.content.decode()
    assert re.search(r'name="percent_from" value="7.5"', html)
    assert re.search(r'<option value="yes" selected>', html)
    assert re.findall(r'name="columns" value="(\w+)" checked', html) == ["percent"]
    form = re.search(r'(?s)<div id="form">.*?</form>', html)[0]
    hidden = re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', form)
    assert hidden == [("columns", "name"), ("q", "x")]
    assert re.search(r'<option value="2" selected>', form)
    # In the dialog over the list it changes the rows behind it; alone it is an ordinary form.
    assert "hx-get" not in form
    assert (
        'hx-target="#rows"'
        in browse(staff).get("/groups/filters/", headers=fragment("form")).content.decode()
    )


@pytest.mark.parametrize("columns", ["columns=name", "columns=name&columns=type&columns=clients"])
def test_a_number_that_cannot_be_read_comes_back_with_its_error(staff, browse, columns):
    sent = (
        f"/groups/?{columns}&q=x&type=2&percent_from=abc&percent_to=7,5&share_to=101&clients_to=2e3&bonus=yes"
    )
    page = browse(staff).get(sent)
    assert page.status_code == 422
    html = page.content.decode()
    assert "<title>Error:" in html
    for name, typed in (("percent_from", "abc"), ("percent_to", "7,5"), ("share_to", "101")):
        assert f'name="{name}" value="{typed}"' in html
    assert re.search(r'<option value="yes" selected>', html)
    assert '<input type="hidden" name="q" value="x">' in html
    errors = dict(re.findall(r'(?s)id="f-(\w+)_error">.*?</svg>([^<]+)</p>', html))
    assert errors == {
        "percent_from": "Enter a number from 0 to 100.",
        "share_to": "Enter a number from 0 to 100.",
        "clients_to": "Enter a number from 0 to 10,000,000.",
    }
    assert all(f'href="#f-{name}"' in html for name in errors)


def test_the_dialog_takes_the_errors_and_the_address_of_the_list_stays(staff, browse):
    sent = "/groups/?columns=name&columns=type&percent_from=abc"
    answer = browse(staff).get(sent, headers=fragment("rows", "/groups/"))
    assert answer.status_code == 422
    assert (answer["HX-Retarget"], answer["HX-Push-Url"]) == ("#form", "false")
    html = answer.content.decode()
    assert html.lstrip().startswith('<div id="form">')
    assert 'hx-target="#rows"' in html


# --- Columns -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "hidden"),
    [
        ("", []),
        ("percent,clients", ["type", "birthday_bonus"]),
        ("nonsense,percent", ["type", "birthday_bonus", "clients"]),
        ("type,percent,birthday_bonus,clients", []),
    ],
)
def test_columns_are_chosen(staff, browse, columns, hidden):
    html = browse(staff).get(f"/groups/?columns={columns}").content.decode()
    classes = re.search(r'<table class="groups([^"]*)">', html)[1].split()
    assert classes == [f"no-{key}" for key in hidden]


def test_a_form_that_sends_each_column_leads_to_their_usual_form(staff, browse):
    client = browse(staff)
    chosen = "columns=percent&columns=clients&sort=name"
    assert client.get(f"/groups/?{chosen}")["Location"] == "/groups/?columns=percent,clients&sort=name"
    usual = "&".join(f"columns={key}" for key in ("clients", "type", "birthday_bonus", "percent"))
    assert client.get(f"/groups/?{usual}")["Location"] == "/groups/"


# --- Conditions of features --------------------------------------------------------------------------------
def test_promotions_are_asked_for_by_the_condition_alone(staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/?clients_from=1")
    assert not sandbox.calls("clients.getPromotions")
    named = group_ids(client.get("/groups/?promotion=yes"))
    rest = group_ids(client.get("/groups/?promotion=no"))
    assert sorted(named + rest) == [1, 4, 5]
    assert len(sandbox.calls("clients.getPromotions")) == 1


def test_a_condition_that_is_not_known_leaves_no_group_out_and_says_so(staff, browse, sandbox):
    sandbox.script("clients.getPromotions", "fin_before_headers", times=None)
    page = browse(staff).get("/groups/?promotion=yes")
    assert group_ids(page) == [1, 4, 5]
    assert "The list is not narrowed by “Promotion”" in text_of(page)


def test_sales_narrow_the_list_for_those_who_may_see_them(staff, owner, browse, sandbox):
    found = {
        query: group_ids(browse(owner).get(f"/groups/?{query}"))
        for query in ("turnover_from=1", "turnover_to=0")
    }
    assert sorted(found["turnover_from=1"] + found["turnover_to=0"]) == [1, 4, 5]
    calls = len(sandbox.calls())
    page = browse(staff).get("/groups/?turnover_from=1")
    assert group_ids(page) == [1, 4, 5]
    assert 'class="chip"' not in page.content.decode()
    assert "Turnover" not in text_of(browse(staff).get("/groups/filters/"))
    assert not [call for call in sandbox.calls()[calls:] if "Sales" in call.method]


def test_groups_with_a_planned_change_are_found(staff, browse, sandbox):
    from tests.support.schedules import planned

    planned(staff)
    assert group_ids(browse(staff).get("/groups/?planned=yes")) == [4]
    assert group_ids(browse(staff).get("/groups/?planned=no")) == [1, 5]
