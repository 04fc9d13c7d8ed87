"""Test how a save tells its steps, and its outcome to a user who has left its form."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from groups.models import Change
from groups.services.writes import execute
from tests.support.commands import edit_of
from tests.support.pages import fragment, group_form, text_of

pytestmark = pytest.mark.django_db
State = Change.State


def change(**values):
    row = {
        "account_id": "demo",
        "action": "update",
        "group_id": 4,
        "target": "group:4",
        "group_name": "Скидка",
    }
    made = Change(**row | values)
    made.save()
    return made


def a_moment_ago():
    return timezone.now() - timedelta(seconds=2)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Asking what Poster has …"),
        ({"sent_at": timezone.now()}, "Asked what Poster has · sending …"),
        ({"sent_at": timezone.now(), "accepted": True}, "Asked what Poster has · sent · reading it back …"),
    ],
)
def test_a_change_under_way_says_its_step(staff, browse, values, words):
    url = change(user=staff, **values).get_absolute_url()
    answer = browse(staff).get(url, headers=fragment("step"))
    goes_on = "You can go on: the outcome will be told on every page."
    assert (answer.status_code, answer.content.decode()) == (200, f"{words} {goes_on}")
    # Its outcome is not told yet.
    assert browse(staff).get(url, headers=fragment("messages")).status_code == 204


def test_an_outcome_is_told_to_who_has_asked_for_the_change(staff, owner, browse):
    url = change(user=staff, state=State.UNKNOWN).get_absolute_url()
    assert browse(owner).get(url, headers=fragment("messages")).status_code == 404
    assert browse(staff).get(url, headers=fragment("messages")).status_code == 200


def test_steps_and_outcomes_are_those_of_the_account(staff, outsider, browse):
    url = change().get_absolute_url()
    for element in ("step", "messages"):
        assert browse(outsider).get(url, headers=fragment(element)).status_code == 404
        assert browse().get(url, headers=fragment(element)).status_code == 401


def test_a_success_that_its_form_has_left_to_the_session_is_told_once(staff, browse, sandbox):
    client = browse(staff)
    form = group_form(client, "/groups/4/edit/", percent="11", loyalty_type="2")
    client.post("/groups/4/edit/", form)
    made = Change.objects.get()
    # The form itself may still be on its way to leave the message.
    assert client.get(made.get_absolute_url(), headers=fragment("messages")).status_code == 204
    # The journal itself lets nobody change a row.
    QuerySet.update(Change.objects.all(), settled_at=a_moment_ago())
    told = client.get(made.get_absolute_url(), headers=fragment("messages")).content.decode()
    assert told.count("data-notice=") == 1
    assert f'data-of="{made.pk}"' in told
    assert f"/history/{made.pk}/undo/" in told
    assert "data-notice" not in text_of(client.get("/settings/"))


@pytest.mark.parametrize(
    ("values", "notice", "words"),
    [
        (
            {"state": State.REFUSED, "code": 36, "settled_at": a_moment_ago()},
            "error",
            "Poster refused the change. Nothing was changed. You can try again.",
        ),
        (
            {"state": State.FAILED, "reason": "not_read", "settled_at": a_moment_ago()},
            "error",
            "Nothing was changed. Poster could not be asked before, so nothing was sent. You can try again.",
        ),
        (
            {"state": State.UNKNOWN},
            "unknown",
            "Poster's answer did not arrive. The change may or may not be in force. Look at it",
        ),
    ],
)
def test_an_outcome_without_a_message_is_told_with_its_reason_and_a_link(
    staff, browse, values, notice, words
):
    made = change(user=staff, **values)
    answer = browse(staff).get(made.get_absolute_url(), headers=fragment("messages"))
    told = answer.content.decode()
    assert f'data-notice="{notice}"' in told
    assert f'data-outcome="{made.state}"' in told
    assert f'href="{made.get_absolute_url()}"' in told
    assert "Скидка: " in text_of(answer)
    assert words in text_of(answer)


def test_an_answer_that_took_its_time_is_committed_before_it_is_read_back(staff, sandbox, monkeypatch):
    seen = []
    monkeypatch.setattr(execute, "SLOW", timedelta(0))
    read = execute.read_outcome

    def look(*args, **options):
        seen.append(Change.objects.values_list("state", "accepted").get())
        return read(*args, **options)

    monkeypatch.setattr(execute, "read_outcome", look)
    made = execute.execute(edit_of(staff, percent=Decimal("12.5")))
    assert made.state == State.APPLIED
    assert seen[0] == (State.PENDING, True)
