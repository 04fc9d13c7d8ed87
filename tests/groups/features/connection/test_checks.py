"""Test the check against a whole Poster: as expected, odd, silent, large, killed, and twice at once."""

import json
import time
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from groups.features.connection.models import ConnectionCheck
from groups.features.connection.services import asking, checks
from groups.models import Fact, PosterAccount, PosterCredentials
from groups.models.leases import AGAIN
from groups.services.credentials import credentials_of
from groups.services.facts import READ, UNKNOWN, Meaning, facts_of
from poster_admin.devtools.sandbox import Sandbox
from poster_admin.users.models import SecurityEvent

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def restaurant():
    """Start a Poster as large as that of the demo."""
    with Sandbox(groups=24, clients=1500, stories=True) as started:
        yield started


@pytest.fixture
def demo(restaurant, owner, settings):
    """Return the credentials of the owner for that Poster."""
    settings.POSTER_API_URL = restaurant.url
    return credentials_of(owner)


def values(result):
    return {name: seen.value for name, seen in result.facts.items()}


# Facts that a dispute leaves unknown, or changes, beside its own fact.
BESIDE = {
    ("groups.count", "other"): {"clients.pages": UNKNOWN},
    ("receipts.cursor", "ignored"): {"receipts.days": UNKNOWN},
}
OTHER = [(name, value) for name, kind in READ.items() for value in kind.values if "right" not in name]


@pytest.mark.parametrize(("name", "value"), [*OTHER, ("receipts.page", "40"), ("receipts.closing", "04:00")])
def test_the_value_that_poster_plays_is_the_one_that_is_seen(demo, restaurant, name, value):
    console = restaurant.console("demo")
    before = restaurant.account("demo").disputes[name]
    console.dispute(**{name: int(value) if value.isdecimal() else value})
    try:
        result = asking.ask(demo)
    finally:
        console.dispute(**{name: before})
    found = values(result)
    assert found[name] == value
    for other, expected in BESIDE.get((name, value), {}).items():
        assert found[other] == expected
    assert len(result.calls) <= asking.CALLS


def command(*options):
    out = StringIO()
    try:
        call_command("check_poster", "--user", "owner", *options, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def test_the_demo_is_as_expected_and_the_report_has_nobody_in_it(demo, restaurant):
    code, printed = command("--json")
    report = json.loads(printed)
    assert code == 0, [fact for fact in report["facts"] if fact["means"] != Meaning.EXPECTED]
    assert {fact["name"] for fact in report["facts"]} == set(READ)
    assert len(report["calls"]) <= asking.STEPS
    rows = list(restaurant.accounts["demo"].clients.rows())
    private = {row[name] for row in rows for name in ("phone_number", "card_number", "lastname", "email")}
    private |= {row["total_payed_sum"] for row in rows if len(row["total_payed_sum"]) > 5}
    private |= {demo.token.reveal(), restaurant.accounts["demo"].company}
    assert not [each for each in private if each and f'"{each}"' in printed]
    assert report["calls"][1]["fields"]["client_groups_name"] == "str"


@pytest.mark.parametrize(
    "fault", ["html_echo", "fin_before_headers", "duplicate_keys", "empty", "response_text"]
)
def test_a_poster_that_answers_nonsense_proves_nothing(owner, sandbox, fault):
    sandbox.script("*", fault, times=None)
    with pytest.raises(CommandError, match="could not be read"):
        command()
    assert not Fact.objects.exists()
    row = ConnectionCheck.objects.get()
    assert row.failed
    assert row.next_at - row.ended_at == AGAIN


def test_a_poster_that_hangs_is_left_and_the_circuit_stays_closed(owner, sandbox, monkeypatch):
    monkeypatch.setattr(asking, "LONGEST_CALL", 0.4)
    sandbox.script("*", "timeout", times=None)
    began = time.monotonic()
    result = asking.ask(credentials_of(owner))
    assert time.monotonic() - began < 5
    assert len(result.calls) == asking.FAILURES
    assert set(values(result).values()) == {UNKNOWN}
    assert PosterAccount.objects.get(pk="demo").open_until is None


def test_a_poster_that_refuses_everything_is_said_to(owner, sandbox):
    sandbox.script("*", "error_object", code=20, times=None)
    code, _printed = command()
    assert code in (2, 3)
    facts = facts_of(credentials_of(owner))
    assert {facts.value(name) for name in READ if name.startswith("right.")} == {"refused"}
    assert facts.value("receipts.order") == UNKNOWN


def test_without_clients_nothing_is_guessed_of_them(owner, settings):
    with Sandbox() as empty:
        settings.POSTER_API_URL = empty.url
        for group_id in empty.accounts["demo"].groups:
            empty.accounts["demo"].clients.drop(group_id, listed=False)
        found = values(asking.ask(credentials_of(owner)))
    assert {found[name] for name in found if name.startswith("clients.")} == {UNKNOWN}
    assert found["right.clients"] == "yes"


def test_another_value_is_logged_and_notified_and_an_unseen_one_is_kept(demo, restaurant):
    checks.check_now(demo)
    console = restaurant.console("demo")
    console.dispute(**{"receipts.order": "descending"})
    try:
        checks.check_now(demo)
    finally:
        console.dispute(**{"receipts.order": "ascending"})
    line = SecurityEvent.objects.get(kind="poster_differs")
    assert (line.detail, line.account) == ("receipts.order: ascending → descending", "demo")
    (event,) = checks.find_contradictions(demo.account, timezone.now() - timedelta(minutes=1))
    assert "receipts.order" in event.text()


def test_a_run_that_was_killed_is_made_again_and_two_are_one(demo, restaurant, monkeypatch):
    checks.begin_check(demo)
    now = timezone.now()
    ConnectionCheck.objects.update(holder=uuid.uuid4(), held_until=now + timedelta(seconds=30))
    checks.begin_check(demo)  # it runs: nothing changes
    calls = len(restaurant.calls())
    checks.check_due("demo")
    assert len(restaurant.calls()) == calls
    ConnectionCheck.objects.update(held_until=now - timedelta(seconds=1))
    checks.check_due("demo")
    check = ConnectionCheck.objects.get()
    assert check.ended_at
    assert not check.failed
    assert check.next_at > now + timedelta(days=29)


@pytest.mark.parametrize("gone", ["disconnected", "elsewhere", "refused", "dismissed"])
def test_the_check_goes_on_with_the_token_of_another_user(demo, staff, outsider, gone):
    checks.begin_check(demo)
    match gone:
        case "disconnected":
            demo.delete()
        case "elsewhere":
            demo.account = outsider.credentials.account
            demo.save()
        case "refused":
            PosterCredentials.objects.filter(user=demo.user).update(refused_at=timezone.now())
        case "dismissed":
            User.objects.filter(pk=demo.user_id).update(is_active=False)
    PosterCredentials.objects.filter(user=staff).update(fingerprint="of staff")
    assert "demo" in checks.accounts_due()
    checks.check_due("demo")
    assert Fact.objects.get(name="right.groups").fingerprint == "of staff"
    assert not ConnectionCheck.objects.get(pk="demo").failed


def test_an_account_without_a_connected_user_waits_for_one(demo, staff):
    PosterCredentials.objects.filter(user=staff).delete()
    checks.begin_check(demo)
    User.objects.filter(pk=demo.user_id).update(is_active=False)
    assert checks.accounts_due() == []
    User.objects.filter(pk=demo.user_id).update(is_active=True)
    assert checks.accounts_due() == ["demo"]


def test_a_night_that_meets_a_contradiction_has_the_account_checked_again_but_not_all_the_time(demo):
    checks.request_check(demo.account)  # nobody has checked it yet
    assert not ConnectionCheck.objects.exists()
    checks.check_now(demo)
    checks.request_check(demo.account)
    assert not ConnectionCheck.objects.due().exists()
    ConnectionCheck.objects.update(ended_at=timezone.now() - timedelta(hours=1))
    checks.request_check(demo.account)
    assert ConnectionCheck.objects.due().exists()


def test_an_account_that_nobody_has_checked_is_checked_by_the_worker(demo, outsider):
    assert set(checks.accounts_due()) == {"demo", outsider.credentials.account_id}
    checks.check_due("demo")
    assert "demo" not in checks.accounts_due()
    assert facts_of(demo).checked_at is not None


def test_a_large_account_is_checked_with_few_calls(owner, settings):
    with Sandbox(groups=600, clients=6000) as large:
        settings.POSTER_API_URL = large.url
        result = asking.ask(credentials_of(owner))
    assert values(result)["clients.pages"] == "hold"
    assert len(result.calls) <= asking.STEPS
