"""Test slowing down guesses per name, network and browser, without locking colleagues out."""

import logging
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import authenticate
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core import signing
from django.db import connection, connections
from django.db.models import F
from django.test import RequestFactory
from django.utils import timezone

from poster_admin.common import deadlines
from poster_admin.common.client_ip import client_network
from poster_admin.users.models import Event, FailureCount, SecurityEvent
from poster_admin.users.sign_in import browsers, throttle
from poster_admin.users.sign_in.throttle import LIMITS, LONGEST_PAUSE
from tests.support.pages import text_of
from tests.support.people import PASSWORD

pytestmark = pytest.mark.usefixtures("wait")
LOGIN = "/accounts/login/"
NEW = "a-quite-different-one"


@pytest.fixture
def sign_in(browse, db):
    """Return a function that signs in from an address, in a new browser if none is given."""

    def sign_in(name, password, address, client=None):
        client = client or browse()
        return client.post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address)

    return sign_in


def guess(sign_in, times, *, name="nobody", networks=10):
    """Guess the password of a name from many networks; return the last response."""
    for number in range(times - 1):
        fail(name, f"{networks}.0.0.{number}")
    return sign_in(name, "wrong", f"{networks}.0.0.{times - 1}")


def fail(name, address):
    """Try a wrong password in a new browser as the form does, without a page for the answer."""
    request = RequestFactory().post(LOGIN, REMOTE_ADDR=address)
    assert authenticate(request, username=name, password="wrong") is None


@pytest.fixture
def wait(monkeypatch):
    """Stop the clock for counting failures; return a function that advances it.

    A busy machine could take longer for some sign-ins than the pause of a second that they are about.
    """
    clock = SimpleNamespace(now=timezone.now())
    for module in (throttle, deadlines):
        monkeypatch.setattr(module, "timezone", SimpleNamespace(now=lambda: clock.now))

    def wait(seconds):
        clock.now += timedelta(seconds=seconds)
        AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(seconds=seconds))

    return wait


def lines(kind):
    return list(SecurityEvent.objects.filter(kind=kind).values_list("user_name", "detail"))


# --- Network and name: the lock ----------------------------------------------------------------------------


def test_forty_addresses_of_one_network_are_locked_as_one(nobody, sign_in):
    codes = [sign_in("nobody", "wrong", f"2001:db8:1:2:{number:x}::7").status_code for number in range(40)]
    assert codes == [200] * 4 + [429] * 36
    assert sign_in("nobody", PASSWORD, "2001:db8:1:2::ffff").status_code == 429
    assert sign_in("nobody", PASSWORD, "2001:db8:1:3::1").status_code == 302


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


# --- The name alone ----------------------------------------------------------------------------------------


def test_a_few_failures_from_everywhere_slow_nobody_down(nobody, sign_in):
    guess(sign_in, 12)
    assert sign_in("nobody", PASSWORD, "10.0.0.99").status_code == 302


def test_from_twenty_failures_on_a_name_is_slowed_down_and_let_in_after_the_pause(nobody, sign_in, wait):
    assert guess(sign_in, 20).status_code == 200
    early = sign_in("nobody", PASSWORD, "10.0.0.99")
    assert (early.status_code, early["Retry-After"]) == (429, "1")
    assert "Try again in 1 second." in text_of(early)
    assert "Your password was not checked." in text_of(early)
    wait(1)
    assert sign_in("nobody", PASSWORD, "10.0.0.99").status_code == 302


def test_each_further_failure_makes_the_pause_twice_as_long_up_to_a_limit(nobody, sign_in, wait):
    guess(sign_in, 20)
    pauses = []
    for number in range(14):
        pauses.append(int(sign_in("nobody", "wrong", f"10.0.1.{number}")["Retry-After"]))
        wait(pauses[-1])
        sign_in("nobody", "wrong", f"10.0.1.{number}")
    assert pauses[:6] == [1, 2, 4, 8, 16, 32]
    assert max(pauses) <= LONGEST_PAUSE.seconds
    # Even at the fastest allowed rate there are few more failures than an hour forgets.
    assert len(lines(Event.FAILED)) == 20 + 14
    wait(3600)
    assert guess(sign_in, 12, networks=11).status_code == 200


@pytest.mark.parametrize("limit", [throttle.RESETS_OF_ADDRESS, LIMITS["name"]])
def test_however_many_fail_the_pause_is_the_longest_one(limit):
    now = timezone.now()
    row = FailureCount(forgotten_at=now, opens_at=now)
    pauses = [limit.count(row, now) for _ in range(100)]
    assert pauses[-1] == max(filter(None, pauses)) == LONGEST_PAUSE


def test_who_comes_too_early_makes_nothing_worse(nobody, sign_in):
    guess(sign_in, 20)
    before = list(FailureCount.objects.order_by("key").values())
    for _ in range(30):
        assert sign_in("nobody", "wrong", "10.0.0.99").status_code == 429
    assert list(FailureCount.objects.order_by("key").values()) == before
    assert not AccessAttempt.objects.filter(ip_address="10.0.0.99").exists()
    assert len(lines(Event.FAILED)) == 20


def test_a_name_that_nobody_has_is_slowed_down_alike_and_not_kept(sign_in):
    guess(sign_in, 20, name="never-seen")
    assert sign_in("never-seen", "wrong", "10.0.0.99")["Retry-After"] == "1"
    assert "never-seen" not in str(list(FailureCount.objects.values()))
    assert lines(Event.SLOWED) == [("?", "name 1 s")]


def test_the_password_again_and_the_old_password_are_counted_with_the_sign_ins(nobody, browse, sign_in):
    client = browse(nobody)
    for number in range(20):
        browse(nobody).post("/accounts/confirm/", {"password": "wrong"}, REMOTE_ADDR=f"10.0.0.{number}")
    data = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    for url, form in (("/accounts/confirm/", {"password": PASSWORD}), ("/accounts/password/", data)):
        answer = client.post(url, form, REMOTE_ADDR="10.0.0.99")
        assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert client.get("/accounts/sessions/").status_code == 200


# --- Known browsers ----------------------------------------------------------------------------------------


def test_a_browser_that_has_signed_in_before_is_not_slowed_down(nobody, browse, sign_in):
    client = browse()
    sign_in("nobody", PASSWORD, "10.0.0.1", client)
    client.post("/accounts/logout/")
    guess(sign_in, 20)
    assert sign_in("nobody", PASSWORD, "10.0.0.99").status_code == 429
    assert sign_in("nobody", PASSWORD, "10.0.0.99", client).status_code == 302


def test_a_known_browser_has_a_share_of_its_own(nobody, browse, sign_in):
    client = browse()
    sign_in("nobody", PASSWORD, "10.0.0.1", client)
    client.post("/accounts/logout/")
    codes = [sign_in("nobody", "wrong", f"10.0.0.{number}", client).status_code for number in range(21)]
    assert codes == [200] * 20 + [429]
    # Nobody else is slowed down.
    assert sign_in("nobody", PASSWORD, "10.0.0.99").status_code == 302
    assert lines(Event.SLOWED) == [("nobody", "browser 1 s")]


def test_a_browser_is_known_to_each_of_its_users_and_to_nobody_else(nobody, manager, staff, browse, sign_in):
    client = browse()
    for name in ("nobody", "manager"):
        sign_in(name, PASSWORD, "10.0.0.1", client)
        client.post("/accounts/logout/")
    for name, code in (("nobody", 302), ("manager", 302), ("staff", 429)):
        guess(sign_in, 20, name=name, networks=11)
        assert sign_in(name, PASSWORD, "10.0.0.1", client).status_code == code
        client.post("/accounts/logout/")
        FailureCount.objects.all().delete()


def test_another_password_makes_other_browsers_strangers_again(nobody, browse, sign_in):
    here, there = browse(), browse()
    for client in (here, there):
        sign_in("nobody", PASSWORD, "10.0.0.1", client)
    data = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert here.post("/accounts/password/", data).status_code == 302
    here.post("/accounts/logout/")
    guess(sign_in, 20)
    assert sign_in("nobody", NEW, "10.0.0.1", there).status_code == 429
    assert sign_in("nobody", NEW, "10.0.0.1", here).status_code == 302


def test_the_cookie_names_nobody_and_cannot_be_made_up(nobody, browse, sign_in, settings):
    settings.HTTPS = True
    client = browse()
    answer = sign_in("nobody", PASSWORD, "10.0.0.1", client)
    cookie = answer.cookies[settings.BROWSER_COOKIE_NAME]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (
        True,
        True,
        "Lax",
        "/",
    )
    assert cookie["max-age"] == 365 * 24 * 3600
    seen = str(signing.loads(cookie.value, salt=browsers.SALT))
    assert "nobody" not in seen
    assert f"'{nobody.pk}'" not in seen
    client.post("/accounts/logout/")
    guess(sign_in, 20)
    for value in (cookie.value[:-4] + "made", signing.dumps(["x", []], salt="another"), "", "a:b:c"):
        client.cookies[settings.BROWSER_COOKIE_NAME] = value
        assert sign_in("nobody", PASSWORD, "10.0.0.99", client).status_code == 429


def test_who_is_vouched_for_by_the_company_leaves_no_cookie(nobody, browse, settings):
    nobody.set_unusable_password()
    nobody.save()
    client = browse(nobody)
    assert settings.BROWSER_COOKIE_NAME not in client.get("/accounts/sessions/").cookies
    assert settings.BROWSER_COOKIE_NAME not in client.cookies


# --- Network over all names --------------------------------------------------------------------------------


def test_a_network_that_tries_many_names_is_slowed_down(nobody, sign_in):
    for number in range(58):
        fail(f"name-{number}", f"2001:db8::{number:x}")
    codes = [
        sign_in(f"name-{number}", "wrong", f"2001:db8::{number:x}").status_code for number in range(58, 64)
    ]
    assert codes == [200] * 2 + [429] * 4
    assert sign_in("nobody", PASSWORD, "2001:db8::1").status_code == 429
    assert sign_in("nobody", PASSWORD, "10.0.0.1").status_code == 302
    assert lines(Event.SLOWED) == [("?", "network 1 s")]


def test_colleagues_on_that_network_are_let_in_by_their_own_browsers(nobody, browse, sign_in):
    client = browse()
    sign_in("nobody", PASSWORD, "10.0.0.1", client)
    client.post("/accounts/logout/")
    for number in range(60):
        fail(f"name-{number}", "10.0.0.1")
    assert sign_in("nobody", PASSWORD, "10.0.0.1").status_code == 429
    assert sign_in("nobody", PASSWORD, "10.0.0.1", client).status_code == 302


def test_a_sign_in_of_ones_own_gives_no_new_share(nobody, browse, sign_in):
    for number in range(59):
        fail(f"name-{number}", "10.0.0.1")
    assert sign_in("nobody", PASSWORD, "10.0.0.1").status_code == 302
    sign_in("name-60", "wrong", "10.0.0.1")
    assert sign_in("name-61", "wrong", "10.0.0.1").status_code == 429


# --- Simultaneous guesses ----------------------------------------------------------------------------------


@pytest.fixture
def at_once(monkeypatch, browse):
    """Return a function that signs in many times; all checks precede the first counted failure."""

    def at_once(count, name, password, address):
        codes, all_have_looked, lock = [], threading.Barrier(count), threading.Lock()
        authenticate = ModelBackend.authenticate

        def late(*args, **kwargs):
            connection.close()  # as for hashing that has to wait: the pool has fewer
            all_have_looked.wait(30)
            return authenticate(*args, **kwargs)

        def sign_in(number):
            try:
                form = {"username": name, "password": password}
                code = browse().post(LOGIN, form, REMOTE_ADDR=address.format(number)).status_code
            finally:
                connections.close_all()
            with lock:
                codes.append(code)

        monkeypatch.setattr(ModelBackend, "authenticate", late)
        threads = [threading.Thread(target=sign_in, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(codes)

    return at_once


@pytest.fixture
def failures(caplog):
    """Return a function that counts the failures in the log of the process.

    On a busy machine a line of the security log may be missing from the database: forty write at once, and
    none waits long for a database that is locked. The log of the process has the line in any case.
    """
    caplog.set_level(logging.INFO, logger="poster_admin.security")

    def failures():
        return sum(getattr(line, "event", {}).get("kind") == Event.FAILED for line in caplog.records)

    return failures


@pytest.mark.django_db(transaction=True)
def test_of_forty_guesses_at_once_only_the_share_is_answered(nobody, at_once, failures):
    assert at_once(40, "nobody", "wrong", "10.0.0.{}") == [200] * 20 + [429] * 20
    assert failures() == 20


@pytest.mark.django_db(transaction=True)
def test_of_forty_guesses_at_once_from_one_address_five_are_answered(nobody, at_once, failures):
    assert set(at_once(40, "nobody", "wrong", "10.0.0.1")[5:]) == {429}
    assert failures() == 5


@pytest.mark.django_db(transaction=True)
def test_any_number_of_right_ones_at_once_is_let_in(nobody, at_once):
    assert at_once(30, "nobody", PASSWORD, "10.0.0.1") == [302] * 30


# --- Stored data -------------------------------------------------------------------------------------------


def test_counts_that_say_nothing_any_more_are_deleted(nobody, sign_in, wait):
    guess(sign_in, 3)
    old = FailureCount.objects.count()
    wait(LIMITS["name"].over.seconds)
    sign_in("somebody", "wrong", "10.9.9.9")
    assert (old, FailureCount.objects.count()) == (7, 3)


def test_a_right_password_is_no_failure(nobody, sign_in):
    for _ in range(30):
        assert sign_in("nobody", PASSWORD, "10.0.0.1").status_code == 302
    assert not FailureCount.objects.exists()
    assert User.objects.get().last_login
