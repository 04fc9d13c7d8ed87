"""Test what is said of the holder of a lock."""

import pytest

from groups.models import Change, Job
from groups.presenters.holders import holder_notice


@pytest.mark.parametrize(
    ("action", "words"),
    [("remove", "removal of “Barista” by owner"), ("update", "A change by owner")],
)
def test_a_change_says_who_made_it_and_where_to_look(action, words):
    change = Change(action=action, user_name="owner", group_name="Barista")
    notice = holder_notice(change)
    assert words in notice.message.text
    assert (notice.url, notice.is_short) == (f"/history/{change.pk}/", True)


@pytest.mark.parametrize(("state", "words"), [("running", "is at this group"), ("cancelled", "has ended")])
def test_a_job_says_whether_it_is_at_work(state, words):
    job = Job(state=state, user_name="owner", group_name="Barista", target_name="Guest")
    notice = holder_notice(job)
    assert words in notice.message.text
    assert "“Barista” → “Guest”" in notice.message.text
    assert notice.url == f"/jobs/{job.pk}/"


def test_a_holder_without_words_is_a_mistake():
    with pytest.raises(TypeError):
        holder_notice(object())
