"""Test editing many percents: the form, the confirmed plan, and its job."""

import re
from decimal import Decimal

import pytest

from groups.features.bulk import presenters
from groups.models import Change, Job
from groups.services.writes.execute import execute
from tests.support.bulk import BULK, open_bulk_form, plan_by_form, run_answered
from tests.support.commands import edit_of
from tests.support.pages import hidden, text_of

pytestmark = pytest.mark.django_db
# A job runs in threads of its own, which see only committed rows.
with_a_job = pytest.mark.django_db(transaction=True)


def stored(sandbox, account="demo"):
    return {
        group_id: row["client_groups_discount"]
        for group_id, row in sandbox.accounts[account].snapshot().items()
    }


@with_a_job
def test_what_was_typed_is_shown_first_and_then_carried_out(staff, browse, sandbox):
    client = browse(staff)
    before = stored(sandbox)
    page = plan_by_form(client, p1="12,5 %", p5="0")
    text = text_of(page)
    assert "10% → becomes 12.5%" in text
    assert "2 groups change, which touches" in text
    assert "1 group stays as it is" in text
    assert not sandbox.posts()
    assert not Change.objects.exists()
    url = page.wsgi_request.path
    answer = client.post(url)
    assert answer.status_code == 302
    assert Job.objects.get().state == Job.State.WAITING
    job = run_answered(answer)
    assert (job.kind, job.state, job.total) == ("edit", Job.State.DONE, 2)
    assert stored(sandbox) == before | {1: "12.5", 5: "0"}
    assert len(sandbox.posts("clients.updateGroup")) == 2


def test_a_plan_tells_of_no_birthday_bonus_of_a_discount_group(staff, browse, sandbox):
    cells = r'<td class="[^"]*" data-label="Birthday bonus">\s*<span>\s*(.*?)\s*</span>'
    plan = plan_by_form(browse(staff), p1="11", p4="11").content.decode()
    assert re.findall(cells, plan) == ["50.00\N{NO-BREAK SPACE}₴", "–"]


def test_it_shows_what_poster_has_now(staff, browse, sandbox):
    client = browse(staff, language="uk")
    client.get("/groups/")
    sandbox.console().edit(1, client_groups_discount="12.5")
    html = client.get(BULK).content.decode()
    assert re.search(r'<input type="text" name="percent_1" value="12,5" inputmode="decimal"', html)


def test_it_shows_what_was_changed_here_and_poster_does_not_show_yet(staff, browse, sandbox):
    assert execute(edit_of(staff, percent=Decimal(12))).state == "applied"
    sandbox.lag("behind", writes=1)
    client = browse(staff)
    assert open_bulk_form(client)["percent_1"] == "12"
    assert "12% → becomes 10%" in text_of(plan_by_form(client, p1="10"))


def test_it_has_the_groups_that_the_list_found(staff, browse, sandbox):
    client = browse(staff)
    html = client.get("/groups/?type=2&sort=name").content.decode()
    assert 'href="/groups/edit/?type=2&amp;sort=name"' in html
    page = client.get("/groups/edit/?type=2&sort=name")
    rows = {
        str(key) for key, row in sandbox.accounts["demo"].snapshot().items() if row["loyalty_type"] == "2"
    }
    assert set(re.findall(r'data-group="(\d+)"', page.content.decode())) == rows
    assert "Only the 2 groups that the list found are here." in text_of(page)
    sandbox.console().edit(4, loyalty_type="7")
    assert "Only 1 group that the list found is here." in text_of(client.get("/groups/edit/?q=система"))
    # The way back, and "Cancel".
    assert page.content.decode().count('href="/groups/?type=2&amp;sort=name"') == 2


@pytest.fixture
def very_many(sandbox):
    """Let the account have 293 groups, nearly all of them like the first one."""
    row = sandbox.accounts["demo"].snapshot()[1]
    for number in range(10, 300):
        sandbox.console().put(row | {"client_groups_id": str(number), "client_groups_name": f"Г{number}"})


def test_very_many_are_pages_of_one_plan(staff, browse, sandbox, very_many):
    client = browse(staff)
    page = client.get(BULK)
    assert "page 1 of 3" in text_of(page)
    form = open_bulk_form(client, **{f"p{number}": "99,99" for number in range(10, 107)})
    second = client.post(BULK, form | {"page": "2"})
    assert second.status_code == 302
    assert not sandbox.posts()
    url = second["Location"]
    page = client.get(url)
    assert "page 2 of 3" in text_of(page)
    assert "97 changes" in text_of(page)
    form = open_bulk_form(client, url, p107="5", p108="6")
    back = client.get(client.post(url, form | {"page": "1"})["Location"])
    assert hidden(back, "percent_10", "percent_106") == {"percent_10": "99.99", "percent_106": "99.99"}
    answer = client.post(url, form)
    first = client.get(answer["Location"])
    assert "99 groups change" in text_of(first)
    assert "97 changes are worth a second look" in text_of(first)


def test_an_error_on_one_page_keeps_what_was_typed_on_the_others(staff, browse, sandbox, very_many):
    client = browse(staff)
    url = client.post(BULK, open_bulk_form(client, p10="12") | {"page": "2"})["Location"]
    refused = client.post(url, open_bulk_form(client, url, p107="101"))
    assert refused.status_code == 422
    assert "2 changes" in text_of(refused)
    page = client.get(client.post(url, open_bulk_form(client, url, p107="11"))["Location"])
    assert "2 groups change" in text_of(page)


CALCULATE = {"calculate": "1", "here": "1"}


@pytest.mark.parametrize(
    ("calculation", "values"),
    [
        ({"what": "percent", "how": "add", "amount": "2,5"}, {"percent_1": "12.5", "percent_5": "22.5"}),
        ({"what": "percent", "how": "subtract", "amount": "10"}, {"percent_1": "0", "percent_5": "10"}),
        ({"what": "percent", "how": "multiply", "amount": "1,33"}, {"percent_1": "13.3"}),
        ({"what": "percent", "how": "set", "amount": "7"}, {"percent_1": "7", "percent_4": "7"}),
        (
            {"what": "birthday_bonus", "how": "multiply", "amount": "1,1"},
            {"bonus_1": "55.00", "percent_1": "10"},
        ),
    ],
)
def test_a_calculation_fills_the_form_and_sends_nothing(staff, browse, sandbox, calculation, values):
    client = browse(staff)
    answer = client.post(BULK, open_bulk_form(client) | CALCULATE | calculation)
    page = client.get(answer["Location"])
    assert hidden(page, *values) == values
    assert not sandbox.posts()
    assert not Change.objects.exists()


def test_a_calculation_starts_from_what_was_typed(staff, browse, sandbox):
    client = browse(staff)
    calculation = {"what": "percent", "how": "add", "amount": "1"}
    url = client.post(BULK, open_bulk_form(client, p1="30") | CALCULATE | calculation)["Location"]
    assert open_bulk_form(client, url)["percent_1"] == "31"
    url = client.post(url, open_bulk_form(client, url) | CALCULATE | calculation)["Location"]
    assert open_bulk_form(client, url)["percent_1"] == "32"


def test_only_the_ticked_groups_are_calculated_and_they_stay_ticked(staff, browse, sandbox):
    client = browse(staff)
    form = (
        open_bulk_form(client)
        | CALCULATE
        | {"what": "percent", "how": "set", "amount": "3", "chosen": ["4", "5"]}
    )
    page = client.get(client.post(BULK, form)["Location"])
    numbers = hidden(page, "percent_1", "percent_4", "percent_5")
    assert numbers == {"percent_1": "10", "percent_4": "3", "percent_5": "3"}
    ticked = re.findall(r'name="chosen" value="(\d+)" checked', page.content.decode())
    assert sorted(ticked) == ["4", "5"]
    assert "2 changes" in text_of(page)


def test_a_tick_at_a_group_that_is_gone_does_not_mean_all(staff, browse, sandbox):
    client = browse(staff)
    calculation = {"what": "percent", "how": "set", "amount": "3", "chosen": "77"}
    page = client.get(client.post(BULK, open_bulk_form(client) | CALCULATE | calculation)["Location"])
    assert hidden(page, "percent_1", "percent_4") == {"percent_1": "10", "percent_4": "10"}


def test_ticks_that_were_taken_away_are_none(staff, browse, sandbox):
    client = browse(staff)
    calculation = CALCULATE | {"what": "percent", "how": "set", "amount": "3"}
    url = client.post(BULK, open_bulk_form(client) | calculation | {"chosen": "4"})["Location"]
    assert "chosen=4" in url
    page = client.get(client.post(url, open_bulk_form(client, url) | calculation)["Location"])
    assert hidden(page, "percent_1", "percent_4") == {"percent_1": "3", "percent_4": "3"}


def test_without_ticks_all_groups_that_were_found_are_calculated(staff, browse, sandbox, very_many):
    client = browse(staff)
    url = BULK + "?type=1"
    form = open_bulk_form(client, url) | {"what": "birthday_bonus", "how": "add", "amount": "10"}
    page = client.get(client.post(url, form)["Location"])
    assert "291 groups change" in text_of(page)
    assert "50.00" in text_of(page)
    assert "60.00" in text_of(page)


def test_one_value_out_of_range_stops_the_calculation(staff, browse, sandbox):
    sandbox.console().edit(5, client_groups_discount="99")
    client = browse(staff)
    calculation = {"what": "percent", "how": "add", "amount": "2"}
    answer = client.post(BULK, open_bulk_form(client) | CALCULATE | calculation)
    assert answer.status_code == 422
    assert "Nothing was calculated, because of “Скидочная система 20%”" in text_of(answer)
    assert "The percent must be between 0 and 100." in text_of(answer)
    assert hidden(answer, "percent_1") == {"percent_1": "10"}
    assert not Job.objects.exists()


@pytest.mark.parametrize("amount", ["", " ", "x"])
def test_a_calculation_without_a_number_asks_for_one(staff, browse, sandbox, amount):
    client = browse(staff)
    calculation = {"what": "percent", "how": "add", "amount": amount}
    answer = client.post(BULK, open_bulk_form(client, p1="30") | CALCULATE | calculation)
    assert answer.status_code == 422
    assert "Enter a number, for example" in text_of(answer)
    assert hidden(answer, "percent_1") == {"percent_1": "30"}


def test_a_birthday_bonus_that_somebody_else_changed_is_told(staff, browse, sandbox):
    client = browse(staff)
    form = open_bulk_form(client) | {"bonus_1": "70"}
    sandbox.console().edit(1, birthday_bonus="9000")
    answer = client.post(BULK, form)
    assert answer.status_code == 422
    assert "it is 90.00" in text_of(answer)


def test_a_birthday_bonus_of_a_group_that_has_none_any_more_is_told(staff, browse, sandbox):
    client = browse(staff)
    form = open_bulk_form(client, p4="7") | {"bonus_1": "70"}
    sandbox.console().edit(1, loyalty_type="2")
    answer = client.post(BULK, form)
    assert answer.status_code == 422
    assert "This is a discount group now, so it has no birthday bonus." in text_of(answer)
    again = hidden(answer, "version", "percent_1", "percent_4", "percent_5")
    assert 'name="bonus_1"' not in answer.content.decode()
    page = client.get(client.post(BULK, again)["Location"])
    assert "1 group changes" in text_of(page)


def test_an_untouched_bonus_above_the_limit_stops_nothing(staff, browse, sandbox):
    sandbox.console().edit(1, birthday_bonus="150000050")
    client = browse(staff)
    assert "2 groups change" in text_of(plan_by_form(client, p1="11", p4="7"))
    refused = client.post(BULK, open_bulk_form(client) | {"bonus_1": "1500000"})
    assert refused.status_code == 422
    assert "The birthday bonus must be between 0 and 1,000,000." in text_of(refused)


@with_a_job
def test_birthday_bonuses_are_carried_out_and_percents_stay(staff, browse, sandbox):
    client = browse(staff)
    page = client.get(client.post(BULK, open_bulk_form(client) | {"bonus_1": "75,50"})["Location"])
    job = run_answered(client.post(page.wsgi_request.path))
    assert (job.state, job.total) == (Job.State.DONE, 1)
    row = sandbox.accounts["demo"].snapshot()[1]
    assert (row["birthday_bonus"], row["client_groups_discount"]) == ("7550", "10")


def test_groups_that_cannot_be_changed_are_not_asked_for(staff, browse, sandbox):
    sandbox.console().edit(1, loyalty_type="3")
    assert "percent_1" not in open_bulk_form(browse(staff))
    for group_id in (4, 5):
        sandbox.console().edit(group_id, loyalty_type="3")
    page = browse(staff).get(BULK)
    assert page.status_code == 200
    assert "There is nothing to change here" in text_of(page)


def test_what_is_locked_is_not_asked_for(staff, browse, sandbox):
    Change(
        account=staff.credentials.account, user_name="x", action="update", target="group:4", group_id=4
    ).save()
    assert "percent_4" not in open_bulk_form(browse(staff))


def percents_of(page):
    return dict(re.findall(r'name="percent_(\d+)" value="([^"]*)"', page.content.decode()))


def test_a_percent_of_the_address_is_typed_for_the_groups_and_not_sent(staff, browse, sandbox):
    client = browse(staff)
    url = f"{BULK}?id=1,4&percent=7.5"
    page = client.get(url)
    assert percents_of(page) == {"1": "7.5", "4": "7.5"}
    assert "2 changes" in text_of(page)
    assert percents_of(client.get(f"{BULK}?id=4&percent=101")) == {"4": "10"}
    assert not sandbox.posts()
    # A number that is typed over it stays, on the way to a calculation too.
    sent = open_bulk_form(client, url, p4="10") | {
        "calculate": "1",
        "amount": "1",
        "what": "percent",
        "how": "add",
    }
    page = client.get(client.post(url, sent | {"chosen": "1"})["Location"])
    assert percents_of(page) == {"1": "8.5", "4": "10"}


def test_a_percent_of_the_address_is_typed_on_each_page(staff, browse, sandbox, very_many):
    client = browse(staff)
    url = f"{BULK}?percent=7.5"
    answer = client.post(url, open_bulk_form(client, url) | {"page": "2"})
    assert "percent=" not in answer["Location"]
    assert set(percents_of(client.get(answer["Location"])).values()) == {"7.5"}


def test_nothing_typed_is_nothing_sent(staff, browse, sandbox):
    client = browse(staff)
    answer = client.post(BULK, open_bulk_form(client, p1=" 10,00 % "))
    assert answer["Location"] == "/groups/"
    assert "Nothing was changed, so nothing was sent." in text_of(client.get("/groups/"))
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("101", "The percent must be between 0 and 100."),
        ("-1", "The percent must be between 0 and 100."),
        ("", "Enter a percent."),
        ("ten", "Enter a number"),
        ("1.234", "two digits"),
    ],
)
def test_bad_input_is_told_at_its_field_and_kept(staff, browse, sandbox, typed, message):
    client = browse(staff)
    answer = client.post(BULK, open_bulk_form(client, p1=typed, p4="7"))
    assert answer.status_code == 422
    html = answer.content.decode()
    assert html.split("<title>")[1].startswith("Error:")
    assert text_of(answer).count(message) == 2
    assert "Постоянный посетитель :" in text_of(answer)
    assert 'href="#id_percent_1"' in html
    assert hidden(answer, "percent_1", "percent_4") == {"percent_1": typed, "percent_4": "7"}
    assert not Job.objects.exists()
    again = {**hidden(answer, "version", "percent_1", "bonus_1", "percent_4", "percent_5"), "percent_1": "11"}
    assert client.post(BULK, again).status_code == 302


@pytest.mark.parametrize("version", [None, "", "x", "e30:xx"])
def test_a_form_that_is_not_whole_is_refused(staff, browse, sandbox, version):
    form = {"percent_1": "12"} | ({} if version is None else {"version": version})
    answer = browse(staff).post(BULK, form)
    assert answer.status_code == 422
    assert "This form is incomplete." in text_of(answer)


def test_a_percent_that_somebody_else_changed_is_told(staff, browse, sandbox):
    client = browse(staff)
    form = open_bulk_form(client, p1="15")
    sandbox.console().edit(1, client_groups_discount="20")
    sandbox.console().edit(4, client_groups_discount="33")
    answer = client.post(BULK, form)
    assert answer.status_code == 422
    assert "it is 20% now" in text_of(answer)
    again = hidden(answer, "version", "percent_1", "bonus_1", "percent_4", "percent_5")
    page = client.get(client.post(BULK, again)["Location"])
    assert "20% → becomes 15%" in text_of(page)
    # The user typed nothing there: a value that somebody else has set stays.
    assert Job.objects.get().total == 1


def test_who_wants_what_is_there_already_sends_nothing(staff, browse, sandbox):
    client = browse(staff)
    form = open_bulk_form(client, p1="20")
    sandbox.console().edit(1, client_groups_discount="20")
    assert client.post(BULK, form)["Location"] == "/groups/"


def test_a_group_that_is_gone_is_told_only_to_who_wanted_it_changed(staff, browse, sandbox):
    client = browse(staff)
    form, other = open_bulk_form(client, p1="15", p4="3"), open_bulk_form(client, p1="15")
    sandbox.console().remove(4)
    answer = client.post(BULK, form)
    assert answer.status_code == 422
    assert "Group 4 is no longer there" in text_of(answer)
    assert client.post(BULK, other).status_code == 302
    again = hidden(answer, "version", "percent_1", "bonus_1", "percent_5")
    assert client.post(BULK, again).status_code == 302


def test_a_name_that_could_not_be_read_is_not_sent_back(staff, browse, sandbox):
    sandbox.console().edit(1, client_groups_name="a\0b")
    client = browse(staff)
    answer = client.post(BULK, open_bulk_form(client, p1="11"))
    assert answer.status_code == 422
    assert "stands for something that was lost" in text_of(answer)


@with_a_job
def test_a_double_click_is_one_job(staff, browse, sandbox):
    client = browse(staff)
    url = plan_by_form(client, p1="11").wsgi_request.path
    first, second = client.post(url), client.post(url)
    assert first["Location"] == second["Location"] == client.get(url)["Location"]
    assert run_answered(first).state == Job.State.DONE
    assert client.post(url)["Location"] == first["Location"]
    assert len(sandbox.posts()) == 1


@with_a_job
def test_a_group_that_changes_after_the_plan_is_left_alone(staff, browse, sandbox):
    client = browse(staff)
    url = plan_by_form(client, p1="11", p4="12").wsgi_request.path
    sandbox.console().edit(4, client_groups_name="Інша назва")
    run_answered(client.post(url))
    states = Change.objects.values_list("group_id", "state", "reason")
    assert sorted(states) == [(1, "applied", ""), (4, "failed", "conflict")]


def test_risky_ones_come_first_and_say_why(staff, browse, sandbox):
    page = plan_by_form(browse(staff), p1="11", p5="99")
    html = page.content.decode()
    assert re.findall(r'<tr data-group="(\d+)"', html) == ["5", "1"]
    assert "1 change is worth a second look." in text_of(page)
    assert "The percent rises from" in text_of(page)


def test_a_plan_is_corrected_without_typing_it_all_again(staff, owner, browse, sandbox):
    client = browse(staff)
    page = plan_by_form(client, p4="7,5", p5="8")
    link = re.search(r'href="(/groups/edit/\?plan=[^"]*)"', page.content.decode())[1]
    form = open_bulk_form(client, link)
    assert {name: form[name] for name in form if name != "version"} == {
        "percent_4": "7.5",
        "percent_5": "8",
        "percent_1": "10",
        "bonus_1": "50.00",
    }
    answer = client.post(BULK, form | {"percent_5": "9"})
    page = client.get(answer["Location"])
    assert re.findall(r'<tr data-group="(\d+)"', page.content.decode()) == ["4", "5"]
    assert "becomes 9%" in text_of(page)
    for other in (link[:-4], link + "0", "/groups/edit/?plan="):
        assert open_bulk_form(client, other)["percent_4"] == "10"
    assert open_bulk_form(browse(owner), link)["percent_4"] == "10"


def link_back(page):
    """Return the address that leads from a plan back to its form."""
    return re.search(r'href="(/groups/edit/\?plan=[^"]*)"', page.content.decode())[1].replace("&amp;", "&")


def test_a_plan_is_corrected_without_taking_back_what_somebody_else_has_changed(staff, browse, sandbox):
    client = browse(staff)
    link = link_back(plan_by_form(client, p1="11"))
    sandbox.console().edit(1, birthday_bonus="8000")
    form = open_bulk_form(client, link)
    assert (form["percent_1"], form["bonus_1"]) == ("11", "80.00")
    client.post(link, form)
    [row] = Job.objects.order_by("created_at").last().wanted["rows"]
    assert row["new"] == {"percent": "11"}


def test_a_percent_of_a_plan_that_somebody_else_changed_is_told(staff, browse, sandbox):
    client = browse(staff)
    link = link_back(plan_by_form(client, p1="11"))
    sandbox.console().edit(1, client_groups_discount="20")
    answer = client.post(link, open_bulk_form(client, link))
    assert answer.status_code == 422
    assert "it is 20% now" in text_of(answer)
    again = hidden(answer, "version", "percent_1", "bonus_1", "percent_4", "percent_5")
    assert "20% → becomes 11%" in text_of(client.get(client.post(link, again)["Location"]))


def test_a_percent_of_a_plan_that_poster_has_by_now_is_no_change(staff, browse, sandbox):
    client = browse(staff)
    link = link_back(plan_by_form(client, p1="11"))
    assert "1 change" in text_of(client.get(link))
    sandbox.console().edit(1, client_groups_discount="11")
    assert "0 changes" in text_of(client.get(link))


@with_a_job
def test_what_is_typed_on_another_page_is_onto_the_groups_of_now(staff, browse, sandbox, monkeypatch):
    monkeypatch.setattr(presenters, "PAGE_SIZE", 2)
    client = browse(staff)
    url = client.post(BULK, open_bulk_form(client, p1="11", p4="12") | {"page": "2"})["Location"]
    form = open_bulk_form(client, url, p5="21")
    sandbox.console().edit(1, client_groups_name="Інша назва")
    sandbox.console().edit(4, client_groups_discount="12")
    plan = client.post(url, form)["Location"]
    rows = {row["group_id"]: row for row in Job.objects.order_by("created_at").last().wanted["rows"]}
    assert rows.keys() == {1, 5}
    assert rows[1]["old"]["name"] == "Інша назва"
    run_answered(client.post(plan))
    assert set(Change.objects.values_list("group_id", "state")) == {(1, "applied"), (5, "applied")}


def test_a_calculation_takes_nothing_back_that_somebody_else_has_changed(staff, browse, sandbox, very_many):
    client = browse(staff)
    url = client.post(BULK, open_bulk_form(client, p1="11", p4="3") | {"page": "2"})["Location"]
    form = open_bulk_form(client, url)
    sandbox.console().edit(1, birthday_bonus="8000")
    sandbox.console().edit(4, client_groups_discount="33")
    calculation = CALCULATE | {"what": "percent", "how": "add", "amount": "1"}
    client.post(url, form | calculation)
    rows = {row["group_id"]: row for row in Job.objects.order_by("created_at").last().wanted["rows"]}
    assert (rows[1]["old"]["birthday_bonus"], rows[1]["new"]) == ("80", {"percent": "12"})
    # The value that was typed over is another one by now: that is told, or nothing is sent.
    assert (rows[4]["old"]["percent"], rows[4]["new"]) == ("10", {"percent": "4"})


def test_while_poster_is_away_there_is_no_form(staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/")
    form = open_bulk_form(client, p1="11")
    sandbox.script("*", "fin_before_headers", times=None)
    assert client.get(BULK).status_code == 504
    assert client.post(BULK, form).status_code == 504


def test_a_plan_is_found_by_nobody_else(staff, owner, outsider, browse, sandbox):
    url = plan_by_form(browse(staff), p1="11").wsgi_request.path
    for user in (owner, outsider):
        for method in ("get", "post"):
            assert getattr(browse(user), method)(url).status_code == 404
    assert browse(staff).get(url.replace(url[-5:-1], "0000")).status_code == 404
    staff.credentials.refused_at = staff.credentials.connected_at
    staff.credentials.save()
    assert browse(staff).get(url).status_code == 424


def test_the_way_there_is_for_who_may_go_it(staff, manager, browse, sandbox):
    assert 'href="/groups/edit/"' in browse(staff).get("/groups/").content.decode()
    assert "/groups/edit/" not in browse(manager).get("/groups/").content.decode()


@with_a_job
def test_a_percent_never_goes_out_as_another_one(staff, browse, sandbox):
    client = browse(staff)
    run_answered(client.post(plan_by_form(client, p1="0,07", p4="33.3", p5="100").wsgi_request.path))
    assert {key: Decimal(value) for key, value in stored(sandbox).items()} == {
        1: Decimal("0.07"),
        4: Decimal("33.3"),
        5: Decimal(100),
    }
