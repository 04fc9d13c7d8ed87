"""Test guesses at a password: a name is locked for an address, also where many guess at once."""

import re
import threading
import time
from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessFailureLog
from django.contrib.auth.backends import ModelBackend
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from poster_admin.common.client_ip import client_network
from poster_admin.settings import PASSWORD_HASHERS, WORKERS
from poster_admin.users import limits, lockout
from poster_admin.users.models import SecurityEvent
from tests.support.people import PASSWORD

LOGIN = "/accounts/login/"


@pytest.fixture
def sign_in(browse):
    """Return a function that signs in from an address, in a new browser."""

    def sign_in(name, password, address):
        return browse().post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address).status_code

    return sign_in


@pytest.mark.django_db
def test_addresses_of_one_network_are_locked_as_one_and_colleagues_are_not(nobody, sign_in):
    codes = [sign_in("nobody", "wrong", f"2001:db8:1:2:{number:x}::7") for number in range(7)]
    assert codes == [200] * 4 + [429] * 3
    assert sign_in("nobody", PASSWORD, "2001:db8:1:2::ffff") == 429
    assert sign_in("nobody", PASSWORD, "2001:db8:1:3::1") == 302
    # The name as it was typed may be a password: what axes keeps of it goes with the next sign-in.
    assert set(AccessAttempt.objects.values_list("username", flat=True)) <= {"nobody"}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("10.1.2.3", "10.1.2.3"),
        ("nonsense", ""),
    ],
)
def test_a_network_is_an_address_of_ipv4_and_a_64_of_ipv6(rf, address, network):
    assert client_network(rf.get("/", REMOTE_ADDR=address)) == network


@pytest.fixture
def at_once(monkeypatch, sign_in, settings):
    """Return a function that signs in many times at once, and counts the passwords that were looked at."""
    settings.PASSWORD_HASHERS = PASSWORD_HASHERS
    monkeypatch.setattr(limits, "LONGEST_WAIT", 60.0)

    def at_once(count, password):
        looked, authenticate, all_are_here = [], ModelBackend.authenticate, threading.Barrier(count)

        def watched(*args, **kwargs):
            looked.append(1)
            return authenticate(*args, **kwargs)

        def guess():
            connection.close()
            all_are_here.wait(30)
            try:
                codes.append(sign_in("nobody", password, "10.0.0.1"))
            finally:
                connections.close_all()

        codes = []
        monkeypatch.setattr(ModelBackend, "authenticate", watched)
        threads = [threading.Thread(target=guess) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(codes), len(looked)

    return at_once


@pytest.mark.django_db(transaction=True)
def test_of_many_guesses_at_once_no_more_are_answered_than_of_guesses_one_by_one(at_once, nobody):
    codes, looked = at_once(30, "wrong")
    assert len(codes) == 30
    # Those whose turns overlap the fifth failure: as many as have a turn at once.
    assert looked <= 5 + 2 * limits.AT_ONCE
    # Five a quarter of an hour are 20 an hour, from each process.
    assert WORKERS == 2


@pytest.mark.django_db(transaction=True)
def test_any_number_of_right_ones_at_once_is_let_in(at_once, nobody):
    assert at_once(20, PASSWORD)[0] == [302] * 20


# --- A name everywhere, and an address ----------------------------------------------------------------------


def failures(count, *, name="nobody", address="10.{}.{}.9", ago=timedelta(0)):
    """Put failures into the log of axes, each from an address of its own."""
    rows = AccessFailureLog.objects.bulk_create(
        AccessFailureLog(
            username=name.format(number),
            ip_address=address.format(number // 250, number % 250),
            user_agent="",
        )
        for number in range(count)
    )
    AccessFailureLog.objects.filter(pk__in=[row.pk for row in rows]).update(attempt_time=timezone.now() - ago)


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["uk", "ru", "en"])
def test_a_name_is_locked_everywhere_for_a_day_and_one_that_nobody_has_alike(nobody, browse, language):
    answers = []
    for name in ("nobody", "no such name"):
        for number in range(99):
            failures(1, name=lockout.counted_name(None, {"username": name}), address=f"10.1.2.{number}")
        client = browse(language=language)
        data = {"username": name, "password": "wrong"}
        assert client.post(LOGIN, data, REMOTE_ADDR="10.2.0.1").status_code == 200, "the hundredth"
        answer = browse(language=language).post(LOGIN, data | {"password": PASSWORD}, REMOTE_ADDR="10.2.0.2")
        assert answer.status_code == 429
        assert 86_300 < int(answer["Retry-After"]) <= 86_400
        answers.append(re.sub(r'"[\w+/=-]{20,}"|\d\d:\d\d', "", answer.text))
    assert answers[0] == answers[1]


@pytest.mark.django_db
def test_failures_of_a_name_count_for_a_day_and_are_then_forgotten(nobody, sign_in):
    failures(100, ago=timedelta(hours=24, minutes=1))
    assert sign_in("nobody", "wrong", "10.2.0.1") == 200
    assert AccessFailureLog.objects.count() == 1


@pytest.mark.django_db
def test_an_address_is_locked_after_thirty_failures_whatever_the_names(nobody, sign_in):
    failures(29, name="name {}", address="10.9.9.9")
    assert sign_in("nobody", PASSWORD, "10.9.9.9") == 302, "a colleague behind the same address"
    assert sign_in("another", "wrong", "10.9.9.9") == 200
    assert sign_in("nobody", PASSWORD, "10.9.9.9") == 429
    assert sign_in("nobody", PASSWORD, "10.9.9.8") == 302
    AccessFailureLog.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert sign_in("nobody", PASSWORD, "10.9.9.9") == 302


@pytest.mark.django_db
def test_a_lock_of_a_name_leaves_open_sessions_as_they_are(owner, browse):
    failures(100, name="owner")
    assert browse(owner).get("/people/").status_code == 200
    assert browse(owner).post("/accounts/confirm/", {"password": PASSWORD}).status_code == 302
    codes = [browse(owner).post("/accounts/confirm/", {"password": "wrong"}).status_code for _ in range(5)]
    assert codes[-1] == 429


@pytest.mark.django_db
def test_an_owner_sees_who_is_locked_and_lifts_it(owner, staff, browse, sandbox, sign_in):
    failures(100, name="staff")
    assert sign_in("staff", PASSWORD, "10.2.0.1") == 429
    assert "password locked" in browse(owner).get("/people/").text
    page = f"/people/{staff.pk}/"
    assert "Lift the lock" in browse(owner).get(page).text
    assert browse(owner).post(f"{page}?step=unlock").status_code == 302
    assert SecurityEvent.objects.filter(kind="unlocked", about="staff").exists()
    assert "Lift the lock" not in browse(owner).get(page).text
    assert sign_in("staff", PASSWORD, "10.2.0.1") == 302


@pytest.mark.django_db
@pytest.mark.parametrize("command", ["axes_reset_username nobody", "axes_reset"])
def test_the_commands_of_axes_lift_a_lock(nobody, sign_in, command, capsys):
    failures(100)
    call_command(*command.split())
    assert sign_in("nobody", PASSWORD, "10.2.0.1") == 302


@pytest.mark.django_db
def test_a_name_that_nobody_has_is_kept_as_a_mark(nobody, sign_in):
    sign_in("a password in the wrong field", "wrong", "10.2.0.1")
    kept = [
        *AccessFailureLog.objects.values_list("username", flat=True),
        *AccessAttempt.objects.values_list("username", flat=True),
    ]
    assert [name[0] for name in kept] == ["?", "?"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "named", ["", ", ".join(f"10.7.{number // 250}.{number % 250}" for number in range(1000))]
)
def test_an_address_counts_once_however_many_are_forwarded(nobody, browse, named):
    for peer, last in (("10.3.0.1", "10.3.0.1"), ("127.0.0.1", "10.7.3.249" if named else "127.0.0.1")):
        AccessFailureLog.objects.all().delete()
        data = {"username": "somebody", "password": "wrong"}
        headers = {"X-Forwarded-For": named} if named else {}
        browse().post(LOGIN, data, REMOTE_ADDR=peer, headers=headers)
        assert AccessFailureLog.objects.get().ip_address == last


@pytest.mark.django_db
def test_ten_thousand_failures_in_a_minute_leave_the_right_sign_in_quick(nobody, sign_in):
    failures(10_000, name="name {}")
    began = time.monotonic()
    assert sign_in("nobody", PASSWORD, "192.0.2.1") == 302
    assert time.monotonic() - began < 1
    AccessFailureLog.objects.update(attempt_time=timezone.now() - timedelta(days=2))
    sign_in("nobody", "wrong", "192.0.2.1")
    assert AccessFailureLog.objects.count() == 1
