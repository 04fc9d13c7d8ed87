"""Test the write check: each value, refusals, lost answers, a kill in the middle, and what stays behind."""

from decimal import Decimal

import pytest
from django.utils import timezone

from groups.features.approvals.models import Limits
from groups.features.connection.models import ConnectionCheck
from groups.features.connection.services import checks, writing
from groups.models import Change, PosterAccount
from groups.services.credentials import credentials_of
from groups.services.facts import UNKNOWN, WRITTEN, facts_of
from groups.services.writes import reconcile
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick(settings):
    settings.POSTER_CONFIRM_SECONDS = 0


def run(times=6):
    """Let a worker do what is due: the check, and the changes whose outcome is open."""
    for _ in range(times):
        ConnectionCheck.objects.filter(is_write_due=True).update(next_at=timezone.now())
        for change in Change.objects.filter(state="unknown"):
            Change.objects.settle(change, next_check_at=timezone.now())
        checks.check_due("demo")
        reconcile.reconcile_due("demo")
        if not ConnectionCheck.objects.get().is_write_due:
            return


def write_check(owner, browse):
    answer = browse(owner).post("/account/check/write/")
    assert answer.status_code == 302
    ConnectionCheck.objects.update(ended_at=timezone.now())
    run()
    facts = facts_of(credentials_of(owner))
    return {name: facts.value(name) for name in WRITTEN}


def test_a_write_shows_the_unit_and_leaves_nothing_behind(owner, browse, sandbox):
    before = sandbox.account("demo").snapshot()
    found = write_check(owner, browse)
    lag = found.pop("write.lag")
    assert lag.isdecimal()
    assert found == {
        "birthday_bonus.unit": "hryvnia",
        "percent.fraction": "kept",
        "names.text": "encoded",
        "names.twice": "allowed",
        "groups.removal": "gone",
    }
    assert sandbox.account("demo").snapshot() == before
    assert [each.action for each in Change.objects.order_by("created_at")] == [
        *("create", "update", "create", "remove", "remove")
    ]
    page = text_of(browse(owner).get("/account/check/"))
    assert "A birthday bonus is written in hryvnia. It was seen with an empty group, which is gone" in page


VALUES = [(name, value) for name, kind in WRITTEN.items() for value in kind.values]


@pytest.mark.parametrize(("name", "value"), VALUES)
def test_each_value_that_poster_plays_is_seen(owner, browse, sandbox, name, value):
    sandbox.console("demo").dispute(**{name: value})
    before = set(sandbox.account("demo").groups)
    assert write_check(owner, browse)[name] == value
    left = [row for key, row in sandbox.account("demo").groups.items() if key not in before]
    assert not [row for row in left if row.get("delete", "0") == "0"]


@pytest.mark.parametrize("known", ["hryvnia", "kopecks"])
@pytest.mark.parametrize("real", ["hryvnia", "kopecks"])
def test_the_unit_is_that_of_the_connection_from_then_on(owner, browse, sandbox, known, real):
    PosterAccount.objects.filter(pk="demo").update(bonus_unit=known)
    sandbox.console("demo").dispute(**{"birthday_bonus.unit": real})
    assert write_check(owner, browse)["birthday_bonus.unit"] == real
    account = PosterAccount.objects.get(pk="demo")
    assert (account.bonus_unit, account.bonus_block) == (real, None)


def test_its_changes_are_beyond_no_limits_where_there_are_none(owner, browse, sandbox):
    write_check(owner, browse)
    assert set(Change.objects.values_list("limit_reason", flat=True)) == {""}


def test_limits_and_approvals_do_not_stop_it(owner, browse, sandbox):
    Limits.objects.create(
        account_id="demo", max_percent=Decimal(1), max_birthday_bonus=Decimal(1), max_clients=0
    )
    assert write_check(owner, browse)["birthday_bonus.unit"] == "hryvnia"


def test_a_poster_that_refuses_writes_shows_nothing(owner, browse, sandbox):
    sandbox.script("clients.createGroup", "error_object", code=20, times=None, when="before")
    assert set(write_check(owner, browse).values()) == {UNKNOWN}
    assert "has not shown the unit" in browse(owner).get("/account/check/").content.decode()


def test_a_lost_answer_is_settled_as_ever(owner, browse, sandbox):
    sandbox.script("clients.createGroup", "fin_before_headers", times=1)
    before = set(sandbox.account("demo").groups)
    run_facts = write_check(owner, browse)
    assert set(sandbox.account("demo").groups) == before
    assert run_facts["birthday_bonus.unit"] in ("hryvnia", UNKNOWN)


@pytest.mark.parametrize("step", range(5))
def test_one_that_was_killed_goes_on_where_it_was(owner, browse, sandbox, monkeypatch, step):
    execute, calls = writing.execute, []

    class Killed(BaseException): ...

    def killing(command):
        calls.append(command)
        change = execute(command)
        if len(calls) == step + 1:
            raise Killed
        return change

    before = sandbox.account("demo").snapshot()
    monkeypatch.setattr(writing, "execute", killing)
    browse(owner).post("/account/check/write/")
    with pytest.raises(Killed):
        checks.check_due("demo")
    ConnectionCheck.objects.update(held_until=timezone.now(), ended_at=timezone.now())
    run()
    assert sandbox.account("demo").snapshot() == before
    assert facts_of(credentials_of(owner)).value("birthday_bonus.unit") == "hryvnia"
    assert Change.objects.filter(action="create").count() == 2


def test_what_could_not_be_removed_is_named_and_the_button_removes_it(owner, browse, sandbox):
    sandbox.script("clients.removeGroup", "error_object", code=20, times=None, when="before")
    before = set(sandbox.account("demo").groups)
    write_check(owner, browse)
    page = browse(owner).get("/account/check/").content.decode()
    left = set(sandbox.account("demo").groups) - before
    assert len(left) == 2
    assert all(f"№ {each}" in page for each in left)
    sandbox.clear_faults()
    write_check(owner, browse)
    assert set(sandbox.account("demo").groups) == before
    assert "could not be removed" not in browse(owner).get("/account/check/").content.decode()


def test_staff_may_not_make_it_and_two_are_one(staff, owner, browse, sandbox):
    assert browse(staff).post("/account/check/write/").status_code == 403
    for _ in range(2):
        browse(owner).post("/account/check/write/")
    run()
    assert len([call for call in sandbox.calls() if call.method == "clients.createGroup"]) == 2


def test_nobody_writes_with_the_token_of_another_user(owner, manager, browse):
    browse(owner).post("/account/check/write/")
    owner.credentials.delete()
    manager.groups.set(owner.groups.all())
    run()
    assert not ConnectionCheck.objects.get().is_write_due
    assert not Change.objects.exists()


def test_the_form_of_a_bonus_group_offers_it_while_the_unit_is_unknown(owner, staff, browse):
    offer = "Check it with one empty group"
    assert offer in browse(owner).get("/groups/new/").content.decode()
    assert offer not in browse(staff).get("/groups/new/").content.decode()
    write_check(owner, browse)
    assert offer not in browse(owner).get("/groups/new/").content.decode()
