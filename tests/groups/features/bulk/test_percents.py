"""Test editing many percents: the form, the confirmed plan, and its job."""

import re
from decimal import Decimal

import pytest

from groups.features.bulk import views
from groups.features.bulk.services import EditPlan
from groups.models import Change, Job
from groups.services.writes.execute import execute
from tests.support.bulk import BULK, open_bulk_form, plan_by_form, run_answered
from tests.support.commands import edit_of
from tests.support.pages import hidden, text_of

pytestmark = pytest.mark.django_db


def stored(sandbox, account="demo"):
    return {
        group_id: row["client_groups_discount"]
        for group_id, row in sandbox.accounts[account].snapshot().items()
    }


@pytest.mark.django_db(transaction=True)  # a job runs in threads of its own
def test_what_was_typed_is_shown_first_and_then_carried_out(staff, browse, sandbox):
    client = browse(staff)
    before = stored(sandbox)
    form = open_bulk_form(client, p1="12,5 %", p5="0") | {"bonus_1": "75,50"}
    page = client.get(client.post(BULK, form)["Location"])
    text = text_of(page)
    assert "10% → becomes 12.5%" in text
    assert "2 groups change, which touches" in text
    assert "1 group stays as it is" in text
    assert not sandbox.posts()
    assert not Change.objects.exists()
    url = page.wsgi_request.path
    first, second = client.post(url), client.post(url)
    assert Job.objects.get().state == Job.State.WAITING
    assert first["Location"] == second["Location"] == client.get(url)["Location"]
    job = run_answered(first)
    assert (job.kind, job.state, job.total) == ("edit", Job.State.DONE, 2)
    assert stored(sandbox) == before | {1: "12.5", 5: "0"}
    assert sandbox.accounts["demo"].snapshot()[1]["birthday_bonus"] == "7550"
    assert client.post(url)["Location"] == first["Location"]
    assert len(sandbox.posts("clients.updateGroup")) == 2


def test_percents_have_what_was_changed_here_and_poster_does_not_show_yet(staff, browse, sandbox):
    assert execute(edit_of(staff, percent=Decimal(12))).state == "applied"
    sandbox.lag("behind", writes=1)
    client = browse(staff)
    assert open_bulk_form(client)["percent_1"] == "12"
    assert "12% → becomes 10%" in text_of(plan_by_form(client, p1="10"))


def test_percents_have_the_groups_that_the_list_found(staff, browse, sandbox):
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


CALCULATE = {"calculate": "1", "here": "1"}


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


def test_without_ticks_all_groups_that_were_found_are_calculated(staff, browse, sandbox, very_many):
    client = browse(staff)
    url = BULK + "?type=1"
    form = open_bulk_form(client, url) | {"what": "birthday_bonus", "how": "add", "amount": "10"}
    page = client.get(client.post(url, form)["Location"])
    assert "291 groups change" in text_of(page)
    assert "50.00" in text_of(page)
    assert "60.00" in text_of(page)


def test_groups_that_cannot_be_changed_are_not_asked_for(staff, browse, sandbox):
    sandbox.console().edit(1, loyalty_type="3")
    locked = {"action": "update", "target": "group:4", "group_id": 4}
    Change(account=staff.credentials.account, user_name="x", **locked).save()
    assert not {"percent_1", "percent_4"} & set(open_bulk_form(browse(staff)))
    for group_id in (4, 5):
        sandbox.console().edit(group_id, loyalty_type="3")
    page = browse(staff).get(BULK)
    assert page.status_code == 200
    assert "There is nothing to change here" in text_of(page)


def test_nothing_typed_is_nothing_sent(staff, browse, sandbox):
    client = browse(staff)
    answer = client.post(BULK, open_bulk_form(client, p1=" 10,00 % "))
    assert answer["Location"] == "/groups/"
    assert "Nothing was changed, so nothing was sent." in text_of(client.get("/groups/"))
    assert not Job.objects.exists()


def test_bad_input_is_reported_at_its_field_and_kept(staff, browse, sandbox):
    client = browse(staff)
    answer = client.post(BULK, open_bulk_form(client, p1="101", p4="7"))
    assert answer.status_code == 422
    html = answer.content.decode()
    assert html.split("<title>")[1].startswith("Error:")
    assert text_of(answer).count("The percent must be between 0 and 100.") == 2
    assert 'href="#id_percent_1"' in html
    assert hidden(answer, "percent_1", "percent_4") == {"percent_1": "101", "percent_4": "7"}
    assert not Job.objects.exists()
    again = {**hidden(answer, "version", "percent_1", "bonus_1", "percent_4", "percent_5"), "percent_1": "11"}
    assert client.post(BULK, again).status_code == 302


def test_risky_ones_come_first_and_say_why(staff, browse, sandbox):
    page = plan_by_form(browse(staff), p1="11", p5="99")
    html = page.content.decode()
    assert re.findall(r'<tr data-group="(\d+)"', html) == ["5", "1"]
    assert "1 change is worth a second look." in text_of(page)
    assert "The percent rises from" in text_of(page)


def link_back(page):
    """Return the address that leads from a plan back to its form."""
    return re.search(r'href="(/groups/edit/\?plan=[^"]*)"', page.content.decode())[1].replace("&amp;", "&")


def last_lines():
    """Return the lines of the latest plan by their groups."""
    plan = EditPlan.from_json(Job.objects.order_by("created_at").last().wanted)
    return {line.group_id: line for line in plan.lines}


def test_a_plan_is_corrected_without_typing_it_all_again(staff, owner, browse, sandbox):
    client = browse(staff)
    link = link_back(plan_by_form(client, p4="7,5", p5="8"))
    form = open_bulk_form(client, link)
    assert (form["percent_1"], form["percent_4"], form["percent_5"]) == ("10", "7.5", "8")
    answer = client.post(BULK, form | {"percent_5": "9"})
    page = client.get(answer["Location"])
    assert re.findall(r'<tr data-group="(\d+)"', page.content.decode()) == ["4", "5"]
    assert "becomes 9%" in text_of(page)
    for other in (link[:-4], link + "0", "/groups/edit/?plan="):
        assert open_bulk_form(client, other)["percent_4"] == "10"
    assert open_bulk_form(browse(owner), link)["percent_4"] == "10"


def test_a_plan_is_corrected_without_taking_back_what_somebody_else_has_changed(staff, browse, sandbox):
    client = browse(staff)
    link = link_back(plan_by_form(client, p1="11"))
    sandbox.console().edit(1, birthday_bonus="8000")
    form = open_bulk_form(client, link)
    assert (form["percent_1"], form["bonus_1"]) == ("11", "80.00")
    client.post(link, form)
    [line] = last_lines().values()
    assert line.new == line.old.replace(percent=Decimal(11))


def test_what_is_typed_on_another_page_is_onto_the_groups_of_now(staff, browse, sandbox, monkeypatch):
    monkeypatch.setattr(views, "PAGE_SIZE", 2)
    client = browse(staff)
    url = client.post(BULK, open_bulk_form(client, p1="11", p4="12") | {"page": "2"})["Location"]
    form = open_bulk_form(client, url, p5="21")
    sandbox.console().edit(1, client_groups_name="Інша назва")
    sandbox.console().edit(4, client_groups_discount="12")
    client.post(url, form)
    lines = last_lines()
    assert lines.keys() == {1, 5}
    assert lines[1].old.name == "Інша назва"


def test_a_calculation_takes_nothing_back_that_somebody_else_has_changed(staff, browse, sandbox, very_many):
    client = browse(staff)
    url = client.post(BULK, open_bulk_form(client, p1="11", p4="3") | {"page": "2"})["Location"]
    form = open_bulk_form(client, url)
    sandbox.console().edit(1, birthday_bonus="8000")
    sandbox.console().edit(4, client_groups_discount="33")
    calculation = CALCULATE | {"what": "percent", "how": "add", "amount": "1"}
    client.post(url, form | calculation)
    lines = last_lines()
    assert lines[1].old.birthday_bonus == 80
    assert lines[1].new == lines[1].old.replace(percent=Decimal(12))
    # The value that was typed over is another one by now: that is told, or nothing is sent.
    assert lines[4].old.percent == 10
    assert lines[4].new == lines[4].old.replace(percent=Decimal(4))


def test_a_plan_is_found_by_nobody_else(staff, owner, outsider, browse, sandbox):
    url = plan_by_form(browse(staff), p1="11").wsgi_request.path
    for user in (owner, outsider):
        for method in ("get", "post"):
            assert getattr(browse(user), method)(url).status_code == 404
    assert browse(staff).get(url.replace(url[-5:-1], "0000")).status_code == 404
    staff.credentials.refused_at = staff.credentials.connected_at
    staff.credentials.save()
    assert browse(staff).get(url).status_code == 424
