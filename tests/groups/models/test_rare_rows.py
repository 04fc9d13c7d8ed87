"""Test that rows of which there are mostly none cost one small question, and come whole if there are any."""

import pytest

from groups.models import Lock
from groups.models.rare_rows import RareRows

pytestmark = pytest.mark.django_db


@pytest.fixture
def locks(staff):
    return RareRows(Lock.objects.order_by("-key"))


def test_where_there_are_none_one_question_is_asked(locks, django_assert_num_queries):
    with django_assert_num_queries(1) as asked:
        assert locks.find(account="demo") == []
    assert '"feature"' not in asked[0]["sql"]


def test_those_that_meet_the_conditions_come_whole_and_in_their_order(
    locks, staff, django_assert_num_queries
):
    for key in ("group:1", "group:2", "group:3"):
        Lock.objects.take("demo", [key], feature="notes", row_id="0" * 32)
    with django_assert_num_queries(2):
        found = locks.find(account="demo", key__in=["group:1", "group:3"])
        assert [(lock.key, lock.feature) for lock in found] == [("group:3", "notes"), ("group:1", "notes")]


def test_each_question_is_asked_anew(locks):
    assert locks.find(account="demo") == []
    Lock.objects.take("demo", ["group:1"], feature="notes", row_id="0" * 32)
    assert [lock.key for lock in locks.find(account="demo")] == ["group:1"]
    assert locks.find(account="another") == []
