"""Test the page of movements, the card of a group, and the notices."""

import re
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from groups.features.elsewhere.services import switch_off
from groups.features.movements import services as service
from groups.features.movements.models import Movement, Roll
from groups.models import Job, PosterAccount
from tests.support.changes import write_down
from tests.support.jobs import start
from tests.support.movements import GOLD, GUESTS, put_movement, watched
from tests.support.pages import text_of

pytestmark = [pytest.mark.django_db(transaction=True)]
URL = f"/groups/{GOLD}/movements/"
ROW = re.compile(r'data-movement="(\w+)"\s+data-client="(\d+)"\s+data-day="([\d-]+)"\s+data-reason="(\w+)"')


@pytest.fixture
def told(owner, people):
    """Return movements of gold: two came, one left, of today and of three days ago."""
    watched(owner)
    return [
        put_movement(owner, people[0], None, GOLD, "new", days_ago=3),
        put_movement(owner, people[3], GUESTS, GOLD, "rule"),
        put_movement(owner, people[1], GOLD, GUESTS, "elsewhere"),
        put_movement(owner, people[2], GUESTS, None, "removed"),
    ]


def test_the_page_says_who_came_and_who_left_and_why(told, browse, staff, people, sandbox):
    page = browse(staff).get(URL)
    html, today = page.content.decode(), timezone.localdate()
    assert ROW.findall(html) == [
        ("out", str(people[1]), f"{today}", "elsewhere"),
        ("in", str(people[3]), f"{today}", "rule"),
        ("in", str(people[0]), f"{today - timedelta(days=3)}", "new"),
    ]
    text = text_of(page)
    assert "Came 2 · Left 1" in text
    assert html.count("Видима") == 3
    assert "← Гості" in text
    assert "→ Гості" in text
    other = ROW.findall(browse(staff).get(f"/groups/{GUESTS}/movements/").content.decode())
    assert [row[0] for row in other] == ["out", "in", "out"]


def test_a_move_made_here_names_the_job_that_has_made_it(owner, browse, staff, people, sandbox):
    watched(owner)
    moved = start(staff, group_id=GUESTS, target_id=GOLD, client_ids=people[:1])
    back = Job.objects.create(account=moved.account, user_name="boss", kind="undo", undo_of=moved)
    criteria = Job.objects.create(account=moved.account, user_name="boss", kind="criteria")
    for job in (moved, back, criteria):
        change = write_down(staff, job=job, action="move", client_id=people[0], state="applied")
        put_movement(owner, people[0], GUESTS, GOLD, "here", change=change.pk)
    html = browse(staff).get(URL).content.decode()
    for job, words in (
        (moved, "by hand"),
        (back, "taken back here"),
        (criteria, "run of the automatic groups"),
    ):
        assert f'<a href="/jobs/{job.pk}/">{words}</a>, <bdi>staff</bdi>' in html


def test_whoever_may_not_see_clients_sees_their_ids_alone(told, browse, manager, people, sandbox):
    manager.groups.first().permissions.filter(codename="view_client").delete()
    sandbox.log.clear()
    page = browse(manager).get(URL)
    assert len(ROW.findall(page.content.decode())) == 3
    assert "Видима" not in page.content.decode()
    assert text_of(page).count("Names are shown to those who may see clients") == 1
    assert "Came 2 · Left 1" in text_of(browse(manager).get(f"/groups/{GOLD}/"))
    assert not sandbox.calls("clients.getClients")


def test_a_manager_reads_on_the_group_that_nobody_came_and_is_led_nowhere(told, browse, manager, staff):
    page = browse(manager).get("/groups/1/")
    assert "nobody came or left" in text_of(page)
    assert "/movements/" not in page.content.decode()
    # Staff find the way there beside the clients.
    assert "/movements/" in browse(staff).get("/groups/1/").content.decode()


def test_without_the_watch_the_page_says_so_and_reads_nothing(told, browse, owner, manager, sandbox):
    switch_off(owner.credentials)
    sandbox.log.clear()
    page = browse(manager).get(URL)
    assert page.status_code == 200
    assert "Nobody looks who comes and who leaves" in text_of(page)
    assert "data-movement" not in page.content.decode()
    assert 'href="/account/#watch"' in browse(owner).get(URL).content.decode()
    assert not list(sandbox.log)


def test_an_unknown_group_and_one_of_another_account_are_not_there(told, browse, owner, staff, outsider):
    assert browse(staff).get("/groups/999/movements/").status_code == 404
    assert browse(outsider).get(URL).status_code == 404
    switch_off(owner.credentials)
    assert browse(staff).get("/groups/999/movements/").status_code == 404
    assert browse(staff).get("/groups/1/movements/").status_code == 200


def test_after_the_first_read_nobody_is_said_to_have_stayed(told, browse, manager):
    """Somebody may have been moved just before it, which it cannot tell."""
    Roll.objects.update(taken_at=F("judged_at"))
    text = text_of(browse(manager).get("/groups/1/movements/"))
    assert "The first look names nobody" in text
    assert "nobody came or left" not in text
    card = text_of(browse(manager).get("/groups/1/"))
    assert "The first look names nobody" in card
    assert "nobody came or left" not in card
    # It is made anew with another token, and what was found before is still told.
    assert "data-movement" in browse(manager).get(URL).content.decode()


def test_losses_are_reported_by_their_reasons_without_moves_made_here(told, owner, manager, browse):
    browse(manager).get("/groups/")
    for reason, to_id in (("rule", GUESTS), ("rule", GUESTS), ("here", GUESTS), ("removed", None)):
        told.append(put_movement(owner, 5, GOLD, to_id, reason))
    now = timezone.now()
    Movement.objects.filter(pk__in=[each.pk for each in told[1:]]).update(found_at=now)
    events = list(service.find_losses(PosterAccount.objects.get(pk="demo"), now - timedelta(hours=1)))
    assert {event.path: event.text() for event in events} == {
        f"/groups/{GUESTS}/movements/": "“Гості” lost 2 clients last night: 1 by Poster's rule, 1 removed.",
        URL: "“Золото” lost 4 clients last night: 2 by Poster's rule, 1 moved in Poster itself, 1 removed.",
    }
