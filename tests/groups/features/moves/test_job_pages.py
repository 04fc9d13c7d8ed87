"""Test the pages of jobs: rights, statuses, and messages."""

import re
import uuid
from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from groups.models import Change, Job, PosterCredentials
from groups.services.jobs import queue
from tests.support.jobs import FEW, run, start
from tests.support.pages import fragment, open_form, text_of

SILVER, GUESTS = "Скидочная система 10%", "Постоянный посетитель"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]


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
    assert f'hx-get="{url}" hx-trigger="load delay:500ms"' in client.get(url).content.decode()
    Job.objects.update(created_at=timezone.now() - timedelta(seconds=20))
    assert f'hx-get="{url}" hx-trigger="load delay:2s"' in client.get(url).content.decode()
    part = client.get(url, headers=fragment("job", url)).content.decode()
    assert part.lstrip().startswith("<title>0% · ")
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
        asked_at = f"{url}?ask=cancel" if decision == "cancel" else url
        assert f'value="{decision}"' in client.get(asked_at).content.decode()
        assert client.post(url, {"decision": decision})["Location"] == url
        job.refresh_from_db()
        assert job.state == state
    assert 'name="decision"' not in client.get(url).content.decode()
    client.post(url, {"decision": "resume"})
    assert "has moved on meanwhile" in text_of(client.get(url))
    client.post(url, {"decision": "nonsense"})
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_the_rest_of_a_job_is_cancelled_after_a_question_that_stays_while_the_job_goes_on(
    staff, owner, browse
):
    job = start(staff)
    client, url = browse(owner), f"/jobs/{job.pk}/"
    page = client.get(url).content.decode()
    assert 'value="cancel"' not in page
    assert f'href="{url}?ask=cancel#ask"' in page
    for headers in ({}, fragment("job", url)):
        question = client.get(f"{url}?ask=cancel", headers=headers)
        assert "Cancel the rest of this job? It was started by staff." in text_of(question)
        assert f'hx-get="{url}?ask=cancel"' in question.content.decode()
    job.refresh_from_db()
    assert job.state == "waiting"
    run(job)
    assert "Cancel the rest of this job?" not in text_of(client.get(f"{url}?ask=cancel"))


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


def test_who_has_no_accepted_token_any_more_sees_nothing(staff, browse):
    job = start(staff)
    PosterCredentials.objects.update(refused_at=job.created_at)
    for url in ("/jobs/", f"/jobs/{job.pk}/"):
        assert browse(staff).get(url).status_code == 424


# --- Afterwards --------------------------------------------------------------------------------------------


def test_the_end_report_names_whom_it_could_not_move(staff, manager, browse, sandbox):
    sandbox.script("clients.updateClient", "error_number_field", call=FEW, when="before")
    job = run(start(staff))
    page = browse(staff).get(f"/jobs/{job.pk}/")
    refused = Change.objects.get(state="refused")
    assert f"moved {FEW - 1} refused by Poster 1" in text_of(page)
    assert 'data-notice="differs"' in page.content.decode()
    name, number = sandbox.accounts["demo"].clients.row(refused.client_id)["lastname"], refused.client_id
    manager.user_permissions.clear()
    for url in (f"/jobs/{job.pk}/", f"/history/{refused.pk}/"):
        assert name in text_of(browse(staff).get(url))
        page = text_of(browse(manager).get(url))
        assert SILVER in page
        assert f"client {number}" in page
        assert name not in page


def test_the_end_report_says_its_day_and_its_minute_once(staff, browse, sandbox):
    job = run(start(staff))
    job.created_at = job.created_at.replace(year=2026, month=11, day=28, hour=10, minute=0, second=1)
    for day, minute, when in ((28, 0, "Open"), (28, 5, "– 12:05"), (29, 5, "– 29 Nov 2026, 12:05")):
        job.finished_at = job.created_at.replace(day=day, minute=minute, second=9)
        job.save()
        assert f"28 Nov 2026, 12:00 {when}" in text_of(browse(staff).get(f"/jobs/{job.pk}/"))


def test_the_end_report_names_nobody_who_was_moved_by_a_later_try(staff, browse, sandbox):
    sandbox.script("clients.updateClient", "lost_before", call=3, seconds=0.05)
    job = run(start(staff))
    assert Change.objects.filter(job=job, state="failed").count() == 1
    page = browse(staff).get(f"/jobs/{job.pk}/")
    assert f"moved {FEW}" in text_of(page)
    assert "Not made as asked for" not in text_of(page)


def test_the_history_and_both_groups_tell_of_a_job_in_words(staff, browse):
    job = run(start(staff, client_ids=[129, 130]))
    client = browse(staff)
    for page, words in (
        ("/history/", f"2 clients moved from “{SILVER}” to “{GUESTS}”"),
        ("/history/?group=4&user=staff", f"2 clients moved from “{SILVER}” to “{GUESTS}”"),
        ("/groups/1/", f"2 clients moved here from “{SILVER}”"),
        ("/groups/4/", f"2 clients moved from here to “{GUESTS}”"),
    ):
        answer = client.get(page)
        assert f'<tr data-job="{job.pk}" data-state="done">' in answer.content.decode(), page
        assert words in text_of(answer), page
        assert "data-change" not in answer.content.decode()
    for page in ("/history/?group=5", "/history/?state=applied", "/groups/5/"):
        assert "data-job" not in client.get(page).content.decode()


def test_the_parts_of_a_job_name_groups_and_clients_for_who_may_see_them(staff, manager, browse, sandbox):
    job = run(start(staff, client_ids=[129, 130]))
    url = f"/history/?job={job.pk}"
    parts = browse(staff).get(url)
    assert len(re.findall("data-change", parts.content.decode())) == 2
    assert f"Group: {SILVER} → {GUESTS}" in text_of(parts)
    name = sandbox.accounts["demo"].clients.row(129)["lastname"]
    assert name in text_of(parts)
    assert "client 129" not in text_of(parts)
    manager.user_permissions.clear()
    sandbox.log.clear()
    assert "client 129" in text_of(browse(manager).get(url))
    assert not sandbox.calls("clients.getClients")
    sandbox.script("clients.getClients", "status_500", times=None)
    assert "client 129" in text_of(browse(staff).get(url))


@pytest.mark.parametrize("job", ["x", "", str(uuid.UUID(int=1))])
def test_a_job_that_is_none_is_no_error_in_the_history(staff, browse, job):
    run(start(staff, client_ids=[129]))
    page = browse(staff).get(f"/history/?job={job}")
    assert page.status_code == 200
    assert "data-change" not in page.content.decode()


def test_what_stopped_it_is_told_in_words(staff, browse):
    job = start(staff)
    for reason in ("side_effect", "refused", "token", "no_user", "no_right", "not_recorded", "source_gone",
                   "target_gone", "unreachable", "behind", "unknown", "not_empty", "not_removed",
                   "error"):  # fmt: skip
        Job.objects.update(state=Job.State.STOPPED, reason=reason, detail="comment")
        text = text_of(browse(staff).get(f"/jobs/{job.pk}/"))
        assert "It has stopped" in text
        assert ("Something went wrong here" in text) is (reason == "error")


@pytest.mark.parametrize(("language", "words"), [("en", "· 0%"), ("uk", "· 0\N{NO-BREAK SPACE}%")])
def test_its_percent_is_written_as_in_the_language(staff, browse, language, words):
    job = start(staff)
    assert words in browse(staff, language=language).get(f"/jobs/{job.pk}/").content.decode()


def test_a_poster_that_is_only_late_is_not_said_to_be_away(staff, browse):
    job, now = start(staff), timezone.now()
    Job.objects.update(state=Job.State.WAITING, reason="behind", waiting_since=now, next_try_at=now)
    words = text_of(browse(staff).get(f"/jobs/{job.pk}/"))
    assert "Poster does not show the last change yet." in words
    assert "Poster does not answer" not in words


@override_settings(POSTER_CACHE_SECONDS=30)
def test_what_was_moved_is_seen_by_the_next_page(staff, browse):
    """A count from the cache would be outdated."""
    client = browse(staff)
    client.get("/groups/")
    run(start(staff))
    row = re.search(r'(?s)<tr data-group="4".*?</tr>', client.get("/groups/").content.decode())[0]
    assert re.search(r'data-label="Clients"[^>]*>\s*<[^>]*>0<|>0<', row)
