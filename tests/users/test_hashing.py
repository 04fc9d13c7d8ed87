"""Test hashing passwords: parameters, concurrency, and the answer to requests that have to wait."""

import threading
import time
from contextlib import ExitStack

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    check_password,
    make_password,
)
from django.contrib.auth.models import User

from poster_admin.settings import PASSWORD_HASHERS
from poster_admin.users import limits
from poster_admin.users.models import EventKind, SecurityEvent
from tests.support.pages import text_of
from tests.support.people import PASSWORD

pytestmark = pytest.mark.usefixtures("hashers_of_production")
LOGIN = "/accounts/login/"
NEW = "a-quite-different-one"


@pytest.fixture
def hashers_of_production(settings):
    """Hash as production does: the other tests have a faster hasher."""
    settings.PASSWORD_HASHERS = PASSWORD_HASHERS


@pytest.fixture
def crowd(monkeypatch):
    """Take all turns to hash; return the threads' way home, which the end of the test goes too."""
    monkeypatch.setattr(limits, "LONGEST_WAIT", 0.05)
    over, inside = threading.Event(), threading.Barrier(limits.AT_ONCE + 1)

    def stand_in_the_way():
        with limits.turn():
            inside.wait(10)
            over.wait(30)

    threads = [threading.Thread(target=stand_in_the_way) for _ in range(limits.AT_ONCE)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    with ExitStack() as held:
        for thread in threads:
            held.callback(thread.join)
        held.callback(over.set)
        yield held


def argon2_of_before():
    return Argon2PasswordHasher().encode(PASSWORD, "a-salt-of-before-0123456")


def test_a_hash_has_the_parameters_that_owasp_recommends():
    assert make_password(PASSWORD).startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.django_db
def test_an_older_hash_is_renewed_at_the_sign_in(nobody, browse):
    encoded = argon2_of_before()
    User.objects.update(password=encoded)
    assert browse().post(LOGIN, {"username": "nobody", "password": "wrong"}).status_code == 200
    nobody.refresh_from_db()
    assert nobody.password == encoded
    assert browse().post(LOGIN, {"username": "nobody", "password": PASSWORD}).status_code == 302
    nobody.refresh_from_db()
    assert nobody.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert nobody.check_password(PASSWORD)
    # A hash that was only renewed is the same password.
    assert not SecurityEvent.objects.filter(kind=EventKind.PASSWORD).exists()


@pytest.mark.django_db
def test_who_confirms_stays_signed_in_though_the_hash_is_renewed(nobody, browse):
    encoded = argon2_of_before()
    User.objects.update(password=encoded)
    client = browse(User.objects.get())
    assert client.post("/accounts/confirm/", {"password": PASSWORD}).status_code == 302
    assert User.objects.get().password != encoded
    assert client.get("/accounts/sessions/").status_code == 200


@pytest.mark.django_db
def test_a_new_password_takes_no_further_turn_once_it_is_hashed(nobody, request):
    nobody.set_password(NEW)
    request.getfixturevalue("crowd")
    nobody.save()
    assert SecurityEvent.objects.filter(kind=EventKind.PASSWORD, about="nobody").count() == 1


def test_only_so_many_are_hashed_at_once(monkeypatch):
    """Count the calls inside Argon2, each delayed long enough for others to arrive."""
    inside, most, lock = 0, 0, threading.Lock()

    def watched(of):
        def call(*args):
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.02)
            try:
                return of(*args)
            finally:
                with lock:
                    inside -= 1

        return call

    encoded = make_password(PASSWORD)
    monkeypatch.setattr(limits, "LONGEST_WAIT", 30.0)
    for name in ("encode", "verify"):
        monkeypatch.setattr(Argon2PasswordHasher, name, watched(getattr(Argon2PasswordHasher, name)))
    work = [lambda: make_password(PASSWORD), lambda: check_password("wrong", encoded)] * 6
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == limits.AT_ONCE


def test_a_turn_comes_back_whatever_happens_in_it(monkeypatch):
    monkeypatch.setattr(limits, "LONGEST_WAIT", 0.05)
    for _ in range(limits.AT_ONCE + 1):
        with pytest.raises(UnicodeError):
            make_password("\ud800")
    assert make_password(PASSWORD)


def signs_in(browse, owner):
    return browse().post(LOGIN, {"username": "owner", "password": PASSWORD})


def signs_in_by_a_name_that_nobody_has(browse, owner):
    return browse().post(LOGIN, {"username": "never-seen", "password": PASSWORD})


def signs_in_to_the_admin(browse, owner):
    return browse().post("/admin/login/", {"username": "owner", "password": PASSWORD})


def confirms(browse, owner):
    return browse(owner).post("/accounts/confirm/", {"password": PASSWORD})


def changes_the_password(browse, owner):
    data = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    return browse(owner).post("/accounts/sessions/?set=password", data)


def makes_a_user(browse, owner):
    data = {"username": "petro", "usable_password": "true", "password1": NEW, "password2": NEW}
    return browse(owner).post("/admin/auth/user/add/", data)


def gives_a_password(browse, owner):
    data = {"usable_password": "true", "password1": NEW, "password2": NEW}
    return browse(owner).post(f"/admin/auth/user/{owner.pk}/password/", data)


@pytest.mark.django_db
def test_the_way_to_try_again_is_a_page(browse, owner, staff, crowd):
    client = browse(owner)
    answer = client.post(f"/people/{staff.pk}/?step=password")
    assert answer.status_code == 503
    assert f'href="/people/{staff.pk}/?step=password">Try again' in answer.text
    form = {"username": "owner", "password": PASSWORD}
    assert f'href="{LOGIN}?next=/help/">Try again' in browse().post(f"{LOGIN}?next=/help/", form).text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "what",
    [
        signs_in,
        signs_in_by_a_name_that_nobody_has,
        signs_in_to_the_admin,
        confirms,
        changes_the_password,
        makes_a_user,
        gives_a_password,
    ],
)
def test_a_wait_in_vain_is_reported_and_nothing_is_done(browse, owner, crowd, what):
    before = User.objects.get().password
    answer = what(browse, owner)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Try again in 5 seconds." in text_of(answer)
    assert not AccessAttempt.objects.exists()
    assert not SecurityEvent.objects.filter(kind=EventKind.FAILED).exists()
    assert User.objects.get().password == before
    crowd.close()
    assert what(browse, owner).status_code in {200, 302}
