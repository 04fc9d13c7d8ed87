"""Test the pages that start a move or a retirement: rights, statuses, and messages."""

import re

import pytest
from django.contrib.auth.models import Permission, User

from groups.models import Job, Lock
from groups.services.writes import gates
from tests.support.jobs import FEW, run
from tests.support.pages import hidden, text_of
from tests.support.people import make_user
from tests.support.threads import in_another_thread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
MOVE, RETIRE = "/groups/4/clients/move/", "/groups/4/retire/"


def filled(client, url=MOVE, **values):
    return {**hidden(client.get(url), "clients", "version", "operation"), "target": "1", **values}


# --- Starting a job ----------------------------------------------------------------------------------------


def test_everybody_is_moved_by_a_job(staff, browse, people):
    client = browse(staff)
    assert f"Move {FEW} clients of “Скидочная система 10%”" in text_of(client.get(MOVE))
    answer = client.post(MOVE, filled(client))
    job = Job.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == f"/jobs/{job.pk}/"
    assert (job.kind, job.user_name, job.group_id, job.target_id) == ("move", "staff", 4, 1)
    assert job.wanted == {"clients": None, "groups": []}
    run(job)
    page = client.get(answer["Location"])
    assert 'data-state="done"' in page.content.decode()
    assert f"Moved: {FEW}." in text_of(page)


def test_those_who_were_chosen_are_moved(staff, browse, people):
    client = browse(staff)
    url = f"{MOVE}?chosen=1&client=129&client=130&client=130"
    assert "Move 2 clients of" in text_of(client.get(url))
    client.post(MOVE, filled(client, url))
    job = Job.objects.get()
    assert (job.wanted, job.total) == ({"clients": [129, 130], "groups": []}, 2)


def test_namesakes_are_distinguished_by_their_phones(staff, browse, sandbox):
    rows = {129: "380501112233", 130: "380504445566", 131: "380507778899"}
    for client_id, phone in rows.items():
        name = "Поліщук" if client_id != 131 else "Інша"
        sandbox.console().edit_client(client_id, lastname=name, firstname="", patronymic="", phone=phone)
    words = text_of(browse(staff).get(f"{MOVE}?chosen=1&client=129&client=130&client=131"))
    assert [phone for phone in rows.values() if phone[-7:] in re.sub(r"\D", "", words)] == [
        rows[129],
        rows[130],
    ]


def test_without_a_choice_nobody_is_meant(staff, browse):
    """Pressing the button without a tick must not mean all clients."""
    client = browse(staff)
    answer = client.get(f"{MOVE}?chosen=1")
    assert answer["Location"] == "/groups/4/clients/"
    assert "Choose the clients first" in text_of(client.get("/groups/4/clients/"))


@pytest.mark.once  # nothing is written
def test_no_target_is_offered_from_an_older_list(staff, browse, sandbox):
    client = browse(staff)
    assert client.get("/groups/").status_code == 200
    form = filled(client)
    sandbox.script("clients.getGroups", "status_500", times=None)
    for url in (MOVE, "/clients/move/?client=4:129"):
        assert client.get(url).status_code == 502
        assert client.post(url, form).status_code == 502
    assert not Job.objects.exists()


@pytest.mark.once  # nothing is written
def test_a_choice_or_a_target_that_makes_no_sense_moves_nobody(staff, browse):
    client = browse(staff)
    form = filled(client)
    for clients in ("", "0", "1,", "1,x", "1;2", "all,1", "-1", "9999999999"):
        assert client.post(MOVE, form | {"clients": clients}).status_code == 422, clients
    for target in ("", "4", "77", "x"):
        answer = client.post(MOVE, form | {"target": target})
        assert answer.status_code == 422, target
        assert "Error:" in answer.content.decode()
    assert not Job.objects.exists()


@pytest.mark.parametrize(("url", "group_id"), [(MOVE, 1), (RETIRE, 4)])
def test_a_group_that_was_edited_since_the_form_was_opened_is_shown_first(
    staff, browse, sandbox, url, group_id
):
    client = browse(staff)
    form = {**hidden(client.get(url), "clients", "version", "operation"), "target": "1"}
    sandbox.console().edit(5, client_groups_discount="77")  # it is not among them, so it may change
    sandbox.console().edit(group_id, client_groups_discount="90")
    answer = client.post(url, form)
    assert answer.status_code == 409
    assert "The group was changed meanwhile" in text_of(answer)
    assert not Job.objects.exists()
    again = hidden(answer, "clients", "version", "operation")
    assert again["version"] != form["version"]
    assert client.post(url, {**again, "target": "1"}).status_code == 302


@pytest.mark.once  # nothing is written
@pytest.mark.parametrize(("version", "status"), [("", 422), ("x~1.aaaa", 409)])
def test_a_form_without_its_version_starts_nothing(staff, browse, version, status):
    client = browse(staff)
    assert client.post(MOVE, filled(client) | {"version": version}).status_code == status
    assert not Job.objects.exists()


def test_the_same_form_with_other_values_starts_nothing(staff, browse):
    client = browse(staff)
    form = filled(client)
    client.post(MOVE, form)
    for url, other in ((MOVE, {"target": "5"}), (MOVE, {"clients": "129"}), (RETIRE, {})):
        answer = client.post(url, form | other)
        assert answer.status_code == 409
        assert "This form was sent before" in text_of(answer)
        assert 'name="target"' not in answer.content.decode()
    assert client.post(MOVE, form).status_code == 302
    job = Job.objects.get()
    assert (job.kind, job.target_id, job.wanted) == ("move", 1, {"clients": None, "groups": []})


def test_a_second_person_is_led_to_the_job_that_is_there(staff, owner, browse):
    form = filled(browse(owner))
    browse(staff).post(MOVE, filled(browse(staff)))
    answer = browse(owner).post(MOVE, form)
    assert answer.status_code == 409
    assert f"/jobs/{Job.objects.get().pk}/" in answer.content.decode()
    page = browse(owner).get(MOVE)
    assert "A bulk change by staff" in text_of(page)
    assert 'name="target"' not in page.content.decode()


def test_a_job_that_the_database_does_not_take_is_not_started(staff, browse, sandbox, monkeypatch):
    """For example, a job of a user who was deleted a moment ago."""
    client = browse(staff)
    form = filled(client)

    def and_somebody_deletes_the_user(job, user):
        in_another_thread(User.objects.filter(pk=staff.pk).delete)

    monkeypatch.setattr(gates.registered[0], "before_job", and_somebody_deletes_the_user)
    answer = client.post(MOVE, form)
    assert answer.status_code == 503
    assert "It could not be written into the history" in text_of(answer)
    assert not Job.objects.exists()
    assert not Lock.objects.exists()


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true", "HX-Target": "form"}])
def test_while_poster_is_down_nobody_is_moved_and_the_page_says_so(staff, browse, sandbox, headers):
    client = browse(staff)
    form = filled(client)
    sandbox.script("*", "status_500", times=None)
    answer = client.post(MOVE, form, headers=headers)
    assert answer.status_code == 502
    assert "Nothing was changed." in text_of(answer)
    assert not Job.objects.exists()


# --- Retiring ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clients", ["42", "0"])
def test_a_group_has_one_way_to_its_end_in_the_menu(staff, browse, sandbox, clients):
    sandbox.console().edit(5, count_groups_clients=clients)
    page = browse(staff).get("/groups/5/").content.decode()
    assert re.findall(r'href="/groups/5/(retire|delete)/"', page) == ["delete"]


def test_who_may_not_remove_a_group_may_retire_it_from_its_menu(browse, sandbox):
    editor = make_user("editor", role="Managers", account="demo", sandbox=sandbox)
    editor.user_permissions.add(*Permission.objects.filter(codename="change_group"))
    page = browse(editor).get("/groups/5/").content.decode()
    assert re.findall(r'href="/groups/5/(retire|delete)/"', page) == ["retire"]


def test_a_group_can_be_kept_and_give_nothing(staff, browse, sandbox):
    client = browse(staff)
    url = "/groups/1/edit/"
    page = client.get(f"{url}?archive=1")
    html = page.content.decode()
    assert 'value="(archived) Постоянный посетитель"' in html
    form = hidden(page, "version", "operation", "name", "percent", "birthday_bonus")
    assert (form["percent"], form["birthday_bonus"]) == ("0", "0.00")
    assert client.post(url, {**form, "loyalty_type": "1"}).status_code == 302
    row = sandbox.accounts["demo"].groups[1]
    assert (row["client_groups_name"], row["client_groups_discount"], row["birthday_bonus"]) == (
        "(archived) Постоянный посетитель",
        "0",
        "0",
    )
