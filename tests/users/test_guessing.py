"""Test guesses at a password: a name is locked for an address, also where many guess at once."""

import threading

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.backends import ModelBackend
from django.db import connection, connections

from poster_admin.common.client_ip import client_network
from poster_admin.settings import PASSWORD_HASHERS, WORKERS
from poster_admin.users import limits
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
