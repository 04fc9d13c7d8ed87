"""Test the pages of moves, retirement and jobs: rights, statuses, and messages."""

import re
import uuid

import pytest
from django.contrib.auth.models import User
from django.test import override_settings

from groups.models import Change, Job, Lock, PosterCredentials
from groups.services.jobs import queue
from groups.services.writes import gates
from tests.support.jobs import FEW, ended, plan, run, start
from tests.support.pages import fragment, hidden, open_form, text_of
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
    assert (job.user_name, job.group_id, job.target_id, job.wanted) == ("staff", 4, 1, {"clients": None})
    run(job)
    assert people(4) == set()
    page = client.get(answer["Location"])
    assert 'data-state="done"' in page.content.decode()
    assert f"{FEW} of {FEW} · 100 %" in text_of(page)


def test_those_who_were_chosen_are_moved(staff, browse, people):
    client = browse(staff)
    url = f"{MOVE}?chosen=1&client=129&client=130&client=130"
    assert "Move 2 clients of" in text_of(client.get(url))
    client.post(MOVE, filled(client, url))
    run(Job.objects.get())
    assert people(1) >= {129, 130}
    assert len(people(4)) == FEW - 2


def test_without_a_choice_nobody_is_meant(staff, browse):
    """Pressing the button without a tick must not mean all clients."""
    client = browse(staff)
    answer = client.get(f"{MOVE}?chosen=1")
    assert answer["Location"] == "/groups/4/clients/"
    assert "Choose the clients first" in text_of(client.get("/groups/4/clients/"))


@pytest.mark.parametrize("url", [MOVE, RETIRE, "/clients/move/?client=4:129"])
def test_no_target_is_offered_from_an_older_list(staff, browse, sandbox, url):
    client = browse(staff)
    assert client.get("/groups/").status_code == 200
    form = filled(client)
    sandbox.script("clients.getGroups", "status_500", times=None)
    assert client.get(url).status_code == 502
    assert client.post(url, form).status_code == 502
    assert not Job.objects.exists()


@pytest.mark.parametrize("clients", ["", "0", "1,", "x", "1,x", "1;2", "all,1", "-1", "99999999999"])
def test_a_choice_that_makes_no_sense_moves_nobody(staff, browse, clients):
    client = browse(staff)
    assert client.post(MOVE, filled(client, clients=clients)).status_code == 422
    assert not Job.objects.exists()


@pytest.mark.parametrize("target", ["", "4", "77", "x"])
def test_a_target_has_to_be_chosen(staff, browse, target):
    client = browse(staff)
    answer = client.post(MOVE, filled(client, target=target))
    assert answer.status_code == 422
    assert "Error:" in answer.content.decode()
    assert not Job.objects.exists()


def test_the_same_form_twice_is_one_job(staff, browse):
    client = browse(staff)
    form = filled(client)
    first, second = (client.post(MOVE, form) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Job.objects.count() == 1


def test_the_same_form_after_its_target_was_edited_leads_to_its_job(staff, browse, sandbox):
    client = browse(staff)
    form = filled(client)
    first = client.post(MOVE, form)
    sandbox.console().edit(1, client_groups_discount="90")
    assert client.post(MOVE, form)["Location"] == first["Location"]


@pytest.mark.parametrize("group_id", [1, 4], ids=["target", "source"])
@pytest.mark.parametrize("url", [MOVE, RETIRE])
def test_a_group_that_was_edited_since_the_form_was_opened_is_shown_first(
    staff, browse, sandbox, url, group_id
):
    client = browse(staff)
    form = {**hidden(client.get(url), "clients", "version", "operation"), "target": "1"}
    sandbox.console().edit(group_id, client_groups_discount="90")
    answer = client.post(url, form)
    assert answer.status_code == 409
    assert "The group was changed meanwhile" in text_of(answer)
    assert not Job.objects.exists()
    again = hidden(answer, "clients", "version", "operation")
    assert again["version"] != form["version"]
    assert client.post(url, {**again, "target": "1"}).status_code == 302


def test_another_group_may_change_while_the_form_is_open(staff, browse, sandbox):
    client = browse(staff)
    form = filled(client)
    sandbox.console().edit(5, client_groups_discount="90")
    assert client.post(MOVE, form).status_code == 302


@pytest.mark.parametrize("version", [{}, {"version": ""}, {"version": "x~1.aaaa"}])
def test_a_form_without_its_version_starts_nothing(staff, browse, version):
    client = browse(staff)
    form = filled(client)
    del form["version"]
    assert client.post(MOVE, form | version).status_code == (409 if version.get("version") else 422)
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
    assert (job.kind, job.target_id, job.wanted) == ("move", 1, {"clients": None})


def test_a_second_person_is_led_to_the_job_that_is_there(staff, owner, browse):
    form = filled(browse(owner))
    browse(staff).post(MOVE, filled(browse(staff)))
    answer = browse(owner).post(MOVE, form)
    assert answer.status_code == 409
    assert f"/jobs/{Job.objects.get().pk}/" in answer.content.decode()
    page = browse(owner).get(MOVE)
    assert "A job by staff" in text_of(page)
    assert 'name="target"' not in page.content.decode()


@pytest.mark.parametrize("url", [MOVE, RETIRE])
def test_managers_move_nobody(manager, browse, url):
    client = browse(manager)
    assert client.get(url).status_code == 403
    assert (
        client.post(url, {"clients": "all", "operation": str(uuid.uuid4()), "target": "1"}).status_code == 403
    )
    assert not Job.objects.exists()


def test_a_manager_sees_no_boxes(staff, manager, browse):
    assert 'name="client"' in browse(staff).get("/groups/4/clients/").content.decode()
    assert "/clients/move/" not in browse(manager).get("/groups/4/").content.decode()


def test_an_empty_group_has_nobody_to_move(staff, browse, sandbox):
    sandbox.console("demo").edit(4, count_groups_clients="0")
    page = browse(staff).get(MOVE)
    assert "There is nobody to move" in text_of(page)
    assert 'name="target"' not in page.content.decode()


def test_a_group_that_is_gone_is_not_found(staff, browse):
    assert browse(staff).get("/groups/77/clients/move/").status_code == 404
    assert browse(staff).get("/groups/77/retire/").status_code == 404


def test_a_job_that_the_database_does_not_take_is_not_started(staff, browse, sandbox, monkeypatch):
    """For example, a job of a user who was deleted a moment ago."""
    client = browse(staff)
    form = filled(client)

    def and_somebody_deletes_the_user(job, user):
        in_another_thread(User.objects.filter(pk=staff.pk).delete)

    monkeypatch.setattr(gates, "before_job", and_somebody_deletes_the_user)
    answer = client.post(MOVE, form)
    assert answer.status_code == 503
    assert "It could not be written into the history" in text_of(answer)
    assert not Job.objects.exists()
    assert not Lock.objects.exists()


# --- Retiring ----------------------------------------------------------------------------------------------


def test_the_page_tells_what_depends_on_the_group(staff, browse):
    text = text_of(browse(staff).get(RETIRE))
    assert "1 promotion is for the clients of this group" in text
    assert "Друга кава — подарунок" in text
    assert "No promotion names this group" in text_of(browse(staff).get("/groups/5/retire/"))


@pytest.mark.parametrize("fault", ["error_number_text", "status_500", "response_object", "timeout"])
def test_promotions_that_cannot_be_read_are_told(staff, browse, sandbox, fault, settings):
    settings.POSTER_READ_DEADLINE = settings.POSTER_READ_TIMEOUT = 0.3
    options = {"seconds": 0.5} if fault == "timeout" else {}
    sandbox.script("clients.getPromotions", fault, times=None, **options)
    page = browse(staff).get(RETIRE)
    assert page.status_code == 200
    assert "could not be read" in text_of(page)
    assert 'name="target"' in page.content.decode()


def test_a_group_is_retired(staff, browse, sandbox, people):
    here = people(4)
    client = browse(staff)
    answer = client.post(RETIRE, filled(client, RETIRE))
    job = Job.objects.get()
    assert (job.kind, answer["Location"]) == ("retire", f"/jobs/{job.pk}/")
    assert ended(run(job)) == (Job.State.DONE, "")
    assert 4 not in sandbox.accounts["demo"].groups
    assert people(1) >= here


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


def test_a_long_name_is_cut_for_the_archive(staff, browse, sandbox):
    sandbox.console("demo").edit(1, client_groups_name="д" * 100)
    form = hidden(browse(staff).get("/groups/1/edit/?archive=1"), "name")
    assert form["name"] == "(archived) " + "д" * 89


def test_an_owner_is_shown_the_removal_too(owner, staff, browse):
    assert 'href="/groups/4/delete/"' in browse(owner).get(RETIRE).content.decode()
    assert 'href="/groups/4/delete/"' not in browse(staff).get(RETIRE).content.decode()


# --- While the job runs ------------------------------------------------------------------------------------


def test_a_group_in_a_job_cannot_be_removed(owner, browse, sandbox):
    """Clients that are moved into it meanwhile would be lost."""
    for group_id in (5, 4):
        sandbox.console("demo").edit(group_id, count_groups_clients="3")
        client = browse(owner)
        name = {4: "Скидочная система 10%", 5: "Скидочная система 20%"}[group_id]
        form = open_form(client, f"/groups/{group_id}/delete/", confirm_name=name)
        job = start(owner, group_id=4, target_id=5)
        answer = client.post(f"/groups/{group_id}/delete/", form)
        assert answer.status_code == 409
        assert f"/jobs/{job.pk}/" in answer.content.decode()
        assert not sandbox.posts("clients.removeGroup")
        queue.cancel(job, owner)


def test_the_pages_of_both_groups_tell_of_it(staff, browse):
    job = start(staff, group_id=4, target_id=5)
    client = browse(staff)
    for group_id in (4, 5):
        html = client.get(f"/groups/{group_id}/").content.decode()
        assert f"/jobs/{job.pk}/" in html
        assert f"/groups/{group_id}/delete/" not in html
    assert f"/jobs/{job.pk}/" not in client.get("/groups/1/").content.decode()
    queue.cancel(job, staff)
    assert f"/jobs/{job.pk}/" not in client.get("/groups/4/").content.decode()


def test_the_page_asks_again_by_itself_while_there_is_something_to_see(staff, browse):
    job = start(staff)
    client = browse(staff)
    url = f"/jobs/{job.pk}/"
    page = client.get(url).content.decode()
    assert f'hx-get="{url}" hx-trigger="load delay:2s"' in page
    part = client.get(url, headers=fragment("job", url)).content.decode()
    assert part.lstrip().startswith("<title>0 % · ")
    assert "<html" not in part
    run(job)
    assert "hx-trigger" not in client.get(url, headers=fragment("job", url)).content.decode()


def test_it_is_paused_continued_and_cancelled_by_buttons(staff, browse):
    job = start(staff)
    client = browse(staff)
    url = f"/jobs/{job.pk}/"
    for decision, state in (
        ("pause", "paused"),
        ("resume", "waiting"),
        ("pause", "paused"),
        ("cancel", "cancelled"),
    ):
        assert f'value="{decision}"' in client.get(url).content.decode()
        assert client.post(url, {"decision": decision})["Location"] == url
        job.refresh_from_db()
        assert job.state == state
    assert 'name="decision"' not in client.get(url).content.decode()
    client.post(url, {"decision": "resume"})
    assert "has moved on meanwhile" in text_of(client.get(url))
    client.post(url, {"decision": "nonsense"})
    job.refresh_from_db()
    assert job.state == "cancelled"


@pytest.mark.parametrize("form", [{}, {"reason": " "}], ids=["no reason", "an empty one"])
def test_who_lets_a_job_go_on_without_a_reason_does_not_take_it_over(staff, owner, browse, form):
    job = start(staff)
    queue.pause(job, staff)
    browse(owner).post(f"/jobs/{job.pk}/", {"decision": "resume", **form})
    job.refresh_from_db()
    assert (job.state, job.user, job.user_name) == ("waiting", staff, "staff")


def test_a_manager_may_look_and_decide_nothing(staff, manager, browse):
    job = start(staff)
    client = browse(manager)
    page = client.get(f"/jobs/{job.pk}/")
    assert page.status_code == 200
    assert 'name="decision"' not in page.content.decode()
    assert client.post(f"/jobs/{job.pk}/", {"decision": "cancel"}).status_code == 403
    assert f"/jobs/{job.pk}/" in client.get("/jobs/").content.decode()


def test_another_account_sees_nothing_of_it(staff, outsider, browse):
    job = start(staff)
    client = browse(outsider)
    assert client.get(f"/jobs/{job.pk}/").status_code == 404
    assert client.post(f"/jobs/{job.pk}/", {"decision": "cancel"}).status_code == 404
    assert str(job.pk) not in client.get("/jobs/").content.decode()


def test_who_has_no_accepted_token_any_more_sees_nothing(staff, browse):
    job = start(staff)
    PosterCredentials.objects.update(refused_at=job.created_at)
    for url in ("/jobs/", f"/jobs/{job.pk}/"):
        assert browse(staff).get(url).status_code == 424


# --- Afterwards --------------------------------------------------------------------------------------------


def test_the_end_report_names_whom_it_could_not_move(staff, browse, sandbox):
    sandbox.script("clients.updateClient", "error_number_field", call=FEW, when="before")
    job = run(start(staff))
    page = browse(staff).get(f"/jobs/{job.pk}/")
    refused = Change.objects.get(state="refused")
    text = text_of(page)
    assert f"moved {FEW - 1} refused by Poster 1" in text
    assert f"client {refused.client_id}" in text
    assert 'data-notice="differs"' in page.content.decode()
    outcome = browse(staff).get(f"/history/{refused.pk}/")
    assert outcome.status_code == 200
    assert f"client {refused.client_id}" in text_of(outcome)


def test_the_end_report_names_nobody_who_was_moved_by_a_later_try(staff, browse, sandbox):
    sandbox.script("clients.updateClient", "lost_before", call=3, seconds=0.05)
    job = run(start(staff))
    assert Change.objects.filter(job=job, state="failed").count() == 1
    page = browse(staff).get(f"/jobs/{job.pk}/")
    assert f"moved {FEW}" in text_of(page)
    assert "Not made as asked for" not in text_of(page)


def test_the_history_has_the_parts_of_a_job_where_they_are_asked_for(staff, browse):
    job = run(start(staff, client_ids=[129, 130]))
    client = browse(staff)
    history = client.get("/history/")
    assert "data-change" not in history.content.decode()
    assert "Moves of clients stand with their jobs." in text_of(history)
    parts = client.get(f"/history/?job={job.pk}")
    assert len(re.findall("data-change", parts.content.decode())) == 2
    assert "client 129" in text_of(parts)
    assert "Group: no. 4 → no. 1" in text_of(parts)


@pytest.mark.parametrize("job", ["x", "", str(uuid.UUID(int=1))])
def test_a_job_that_is_none_is_no_error_in_the_history(staff, browse, job):
    run(start(staff, client_ids=[129]))
    page = browse(staff).get(f"/history/?job={job}")
    assert page.status_code == 200
    assert "data-change" not in page.content.decode()


def test_what_stopped_it_is_told_in_words(staff, browse):
    job = start(staff)
    for reason in ("side_effect", "refused", "token", "no_user", "no_right", "not_recorded", "source_gone",
                   "target_gone", "unreachable", "unknown", "not_empty", "not_removed", "error"):  # fmt: skip
        Job.objects.update(state=Job.State.STOPPED, reason=reason, detail="comment")
        text = text_of(browse(staff).get(f"/jobs/{job.pk}/"))
        assert "It has stopped by itself" in text
        assert ("Something went wrong here" in text) is (reason == "error")


@override_settings(POSTER_CACHE_SECONDS=30)
def test_what_was_moved_is_seen_by_the_next_page(staff, browse):
    """A count from the cache would be outdated."""
    client = browse(staff)
    client.get("/groups/")
    run(start(staff))
    row = re.search(r'(?s)<tr data-group="4".*?</tr>', client.get("/groups/").content.decode())[0]
    assert re.search(r'data-label="Clients"[^>]*>\s*<[^>]*>0<|>0<', row)


def test_a_plan_for_nobody_is_none(staff, sandbox):
    from groups.features.moves.services.moves import NoMove

    with pytest.raises(NoMove):
        plan(staff, client_ids=[])
    with pytest.raises(NoMove):
        plan(staff, target_id=4)
