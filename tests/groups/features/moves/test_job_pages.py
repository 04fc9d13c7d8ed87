"""Test the pages of jobs: rights, statuses, and messages."""

import re
import uuid
from html import unescape

import pytest
from django.test import override_settings

from groups.models import Change
from groups.services.jobs import queue
from tests.support.jobs import FEW, run, start
from tests.support.pages import fragment, text_of

SILVER, GUESTS = "Скидочная система 10%", "Постоянный посетитель"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]


# --- While the job runs ------------------------------------------------------------------------------------


def test_the_pages_of_both_groups_show_it(staff, browse):
    job = start(staff, group_id=4, target_id=5)
    client = browse(staff)
    for group_id in (4, 5):
        html = client.get(f"/groups/{group_id}/").content.decode()
        assert f"/jobs/{job.pk}/" in html
        assert f"/groups/{group_id}/delete/" not in html
    assert f"/jobs/{job.pk}/" not in client.get("/groups/1/").content.decode()
    queue.cancel(job, staff)
    assert f"/jobs/{job.pk}/" not in client.get("/groups/4/").content.decode()


def test_a_job_is_paused_continued_and_cancelled_by_buttons(staff, browse):
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
    question = client.get(f"{url}?ask=cancel", headers=fragment("job", url))
    assert "Cancel the rest of this bulk change? It was started by staff." in text_of(question)
    assert f'hx-get="{url}?ask=cancel"' in question.content.decode()
    run(job)
    assert "Cancel the rest of this bulk change?" not in text_of(client.get(f"{url}?ask=cancel"))


def test_who_lets_a_job_go_on_without_a_reason_does_not_take_it_over(staff, owner, browse):
    job = start(staff)
    queue.pause(job, staff)
    browse(owner).post(f"/jobs/{job.pk}/", {"decision": "resume", "reason": " "})
    job.refresh_from_db()
    assert (job.state, job.user, job.user_name) == ("waiting", staff, "staff")


def test_a_manager_may_read_and_decide_nothing(staff, manager, browse):
    job = start(staff)
    client = browse(manager)
    page = client.get(f"/jobs/{job.pk}/")
    assert page.status_code == 200
    assert 'name="decision"' not in page.content.decode()
    assert client.post(f"/jobs/{job.pk}/", {"decision": "cancel"}).status_code == 403
    assert f"/jobs/{job.pk}/" in client.get("/history/", {"action": "job"}).content.decode()


# --- Afterwards --------------------------------------------------------------------------------------------


def test_the_end_report_names_clients_that_could_not_be_moved(staff, manager, browse, sandbox):
    sandbox.script("clients.updateClient", "error_number_field", call=FEW, when="before")
    job = run(start(staff))
    page = browse(staff).get(f"/jobs/{job.pk}/")
    refused = Change.objects.get(state="refused")
    assert f"moved {FEW - 1} refused by Poster 1" in text_of(page)
    assert 'data-notice="differs"' in page.content.decode()
    number = refused.client_id
    name = unescape(sandbox.accounts["demo"].clients.row(number)["lastname"])
    manager.user_permissions.clear()
    for url in (f"/jobs/{job.pk}/", f"/history/{refused.pk}/"):
        assert name in text_of(browse(staff).get(url))
        page = text_of(browse(manager).get(url))
        assert SILVER in page
        assert f"client {number}" in page
        assert name not in page


def test_the_end_report_names_nobody_who_was_moved_by_a_later_try(staff, browse, sandbox):
    sandbox.script("clients.updateClient", "lost_before", call=3, seconds=0.05)
    job = run(start(staff))
    assert Change.objects.filter(job=job, state="failed").count() == 1
    page = browse(staff).get(f"/jobs/{job.pk}/")
    assert f"Moved: {FEW}." in text_of(page)
    assert "Not made as requested" not in text_of(page)


def test_the_history_and_both_groups_show_a_job_in_words(staff, browse):
    job = run(start(staff, client_ids=[129, 130]))
    client = browse(staff)
    for page, words in (
        ("/history/?group=4&user=staff", f"2 clients: {SILVER} → {GUESTS}"),
        ("/groups/1/", f"2 clients moved here from “{SILVER}”"),
        ("/groups/4/", f"2 clients moved from here to “{GUESTS}”"),
    ):
        answer = client.get(page)
        assert f' data-job="{job.pk}" data-state="done">' in answer.content.decode(), page
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
    for job_id in ("x", uuid.UUID(int=1)):  # is none
        assert "data-change" not in browse(staff).get(f"/history/?job={job_id}").content.decode()


@override_settings(POSTER_CACHE_SECONDS=30)
def test_what_was_moved_is_seen_by_the_next_page(staff, browse):
    """A count from the cache would be outdated."""
    client = browse(staff)
    client.get("/groups/")
    run(start(staff))
    row = re.search(r'(?s)<tr data-group="4".*?</tr>', client.get("/groups/").content.decode())[0]
    assert re.search(r'data-label="Clients"[^>]*>\s*<[^>]*>0<|>0<', row)


# --- The end of a job, told on another page ----------------------------------------------------------------


def messages_of(client, job):
    return client.get(f"/jobs/{job.pk}/", headers={"HX-Request": "true", "HX-Target": "messages"})


def test_an_open_page_shows_the_end_once_it_is_there(staff, browse, sandbox):
    client, job = browse(staff), start(staff)
    client.get(f"/jobs/{job.pk}/")
    assert messages_of(client, job).status_code == 204
    run(job)
    text = text_of(messages_of(client, job))
    assert f"has ended: {FEW} of {FEW}." in text
    assert "Undo all" in text


def test_without_javascript_the_next_page_shows_the_end_once(staff, browse, sandbox):
    client, job = browse(staff), start(staff)
    client.get(f"/jobs/{job.pk}/")
    assert "has ended" not in text_of(client.get("/groups/"))
    run(job)
    assert f"has ended: {FEW} of {FEW}." in text_of(client.get("/groups/"))
    assert "has ended" not in text_of(client.get("/groups/"))


def test_another_user_of_the_browser_learns_nothing_of_it(staff, owner, browse, sandbox):
    job = run(start(staff))
    assert text_of(messages_of(browse(owner), job)).strip() == ""
