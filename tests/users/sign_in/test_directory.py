"""Test signing in with the passwords of a company's directory, which is a real slapd."""

import logging
import socket
from contextlib import closing

import pytest
import trustme
from django.contrib.auth import authenticate
from django.contrib.auth.models import User

from poster_admin.users.models import CompanyIdentity, CompanyLink, Event, SecurityEvent
from tests.support.pages import text_of
from tests.support.people import PASSWORD
from tests.support.sign_in import ROLES, after_a_while, roles
from tests.support.slapd import DIRECTORY_PASSWORD, GROUPS, PEOPLE, READER, READER_PASSWORD, Slapd

pytestmark = [pytest.mark.django_db, pytest.mark.needs("slapd")]
LOGIN = "/accounts/login/"


@pytest.fixture(scope="module")
def slapd():
    with closing(Slapd()) as running:
        yield running


@pytest.fixture
def directory(slapd, settings):
    """Return a directory with olena, who is of the staff, to which the settings point."""
    slapd.empty()
    slapd.person("olena")
    slapd.group("loyalty-staff", "olena")
    settings.LDAP_URL = slapd.url
    settings.LDAP_BIND_DN, settings.LDAP_BIND_PASSWORD = READER, READER_PASSWORD
    settings.LDAP_USER_SEARCH, settings.LDAP_GROUP_SEARCH = PEOPLE, GROUPS
    settings.COMPANY_ROLES = ROLES
    return slapd


@pytest.fixture
def sign_in(browse):
    """Return a function that signs in, in a new browser, and gives the response."""

    def sign_in(name="olena", password=DIRECTORY_PASSWORD, client=None):
        return (client or browse()).post(LOGIN, {"username": name, "password": password})

    return sign_in


def kinds():
    return list(SecurityEvent.objects.order_by("pk").values_list("kind", flat=True))


# --- The password ------------------------------------------------------------------------------------------


def test_somebody_of_the_directory_signs_in_with_a_role_and_leaves_no_password(directory, sign_in, browse):
    client = browse()
    assert sign_in(client=client).status_code == 302
    assert client.get("/accounts/sessions/").status_code == 200
    user = User.objects.get()
    assert (user.username, user.email, user.has_usable_password()) == ("olena", "", False)
    assert roles("olena") == {"Staff"}
    assert {Event.LINKED, Event.SIGNED_IN} <= set(kinds())
    assert sign_in().status_code == 302
    assert User.objects.count() == CompanyIdentity.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("olena", "wrong"),
        ("olena", ""),
        ("olena", "\0"),
        ("petro", DIRECTORY_PASSWORD),
        ("*", DIRECTORY_PASSWORD),
        ("ol*", DIRECTORY_PASSWORD),
        ("olena)(uid=*", DIRECTORY_PASSWORD),
        ("olena\\2a", DIRECTORY_PASSWORD),
        ("", DIRECTORY_PASSWORD),
    ],
)
def test_a_wrong_password_and_a_name_that_nobody_has_are_answered_alike(directory, sign_in, name, password):
    answer = sign_in(name, password)
    assert answer.status_code == 200
    assert "do not fit together" in text_of(answer) or not (name and password)
    assert not User.objects.exists()


def test_the_name_is_the_one_that_the_directory_has_in_any_case_and_in_no_other_form(directory, sign_in, rf):
    assert sign_in("OLENA").status_code == 302
    assert User.objects.get().username == "olena"
    # Letters of full width, which slapd takes for the same; the form of the sign-in would change them.
    request = rf.post(LOGIN)
    assert authenticate(request, username="olena", password=DIRECTORY_PASSWORD) == User.objects.get()
    assert authenticate(request, username="ｏｌｅｎａ", password=DIRECTORY_PASSWORD) is None


def test_guesses_count_together_whatever_the_case_of_the_name(directory, sign_in, browse):
    spellings = ["olena", "Olena", "oLena", "olEna", "oleNa"]
    for spelling in spellings:
        assert sign_in(spelling, "wrong").status_code == 200
    assert sign_in("olenA", "wrong").status_code == 429
    assert sign_in().status_code == 429
    assert kinds().count(Event.FAILED) >= len(spellings)


def test_a_password_that_is_kept_here_is_no_password_of_the_directory(directory, sign_in, owner):
    assert sign_in("owner", PASSWORD).status_code == 302
    assert sign_in("owner", DIRECTORY_PASSWORD).status_code == 200


# --- Who it is ---------------------------------------------------------------------------------------------


def test_a_name_that_somebody_has_here_is_refused_until_an_owner_allows_it(directory, sign_in, owner):
    directory.person("owner")
    directory.group("loyalty-owners", "owner")
    assert sign_in("owner").status_code == 200
    refused = SecurityEvent.objects.get(kind=Event.REFUSED)
    assert (refused.about, refused.detail) == ("owner", "ldap")
    CompanyLink.objects.create(user=owner)
    assert sign_in("owner").status_code == 302
    assert sign_in("owner", PASSWORD).status_code == 302
    assert CompanyIdentity.objects.get().user == owner
    assert not CompanyLink.objects.exists()


def test_somebody_who_gets_a_name_that_was_free_again_is_somebody_else(directory, sign_in):
    sign_in()
    directory.rename("olena", "olena.k")
    directory.person("olena")
    assert sign_in().status_code == 200
    assert SecurityEvent.objects.filter(kind=Event.REFUSED, about="olena").exists()
    directory.group("loyalty-staff", "olena.k")
    assert sign_in("olena.k").status_code == 302
    assert User.objects.get().username == "olena"


def test_who_is_blocked_here_stays_out(directory, sign_in):
    sign_in()
    User.objects.update(is_active=False)
    assert sign_in().status_code == 200
    assert kinds().count(Event.SIGNED_IN) == 1
    assert Event.REFUSED in kinds()


# --- Roles -------------------------------------------------------------------------------------------------


def test_roles_follow_the_groups_at_each_sign_in_and_end_with_the_last_group(directory, sign_in):
    sign_in()
    directory.group("loyalty-staff")
    directory.group("loyalty-owners", "olena")
    sign_in()
    assert roles("olena") == {"Owners"}
    directory.group("loyalty-owners")
    assert sign_in().status_code == 302
    assert roles("olena") == set()


def test_without_roles_of_the_company_an_owner_gives_them(directory, sign_in, settings):
    settings.COMPANY_ROLES, settings.LDAP_GROUP_SEARCH = {}, ""
    assert sign_in().status_code == 302
    assert roles("olena") == set()


def test_groups_may_be_of_other_classes(directory, sign_in, settings):
    settings.LDAP_GROUP_CLASS = "groupOfUniqueNames"
    directory.group("loyalty-managers", "olena", kind="groupOfUniqueNames", member="uniqueMember")
    sign_in()
    assert roles("olena") == {"Managers"}
    settings.LDAP_GROUP_CLASS = "posixGroup"
    numbers = {"gidNumber": "7", "memberUid": "olena"}
    directory.add(f"cn=loyalty-owners,{GROUPS}", objectClass="posixGroup", cn="loyalty-owners", **numbers)
    sign_in()
    assert roles("olena") == {"Owners"}


# --- Everybody of the directory ----------------------------------------------------------------------------


def test_the_password_of_the_directory_is_asked_for_again(directory, sign_in, browse):
    client = browse()
    sign_in(client=client)
    after_a_while(client)
    assert client.post("/accounts/confirm/", {"password": "wrong"}).status_code == 422
    assert client.post("/accounts/confirm/", {"password": DIRECTORY_PASSWORD}).status_code == 302
    assert Event.CONFIRMED in kinds()


def test_nobody_of_the_directory_sets_a_password_here(directory, sign_in, browse):
    client = browse()
    sign_in(client=client)
    new = "a-quite-different-one"
    form = {"old_password": DIRECTORY_PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/accounts/password/", form).status_code == 422
    assert not User.objects.get().has_usable_password()


def test_the_second_factor_is_asked_for_too(directory, sign_in, browse, settings):
    settings.REQUIRE_2FA = True
    directory.group("loyalty-owners", "olena")
    client = browse()
    sign_in(client=client)
    assert client.get("/groups/")["Location"].startswith("/accounts/second-factor/")


# --- A directory that does not help ------------------------------------------------------------------------


@pytest.fixture
def silent_port():
    """Return a port that takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def assert_away(answer):
    assert answer.status_code == 503
    assert answer["Retry-After"] == "10"
    assert "directory does not answer" in text_of(answer)


def test_while_the_directory_is_down_those_with_a_password_here_sign_in(directory, sign_in, owner):
    sign_in()
    directory.stop()
    try:
        assert_away(sign_in())
        assert_away(sign_in("nobody-has-this-name"))
        # The same for a name that is known here: nobody learns which ones are.
        assert_away(sign_in("owner", "wrong"))
        assert sign_in("owner", PASSWORD).status_code == 302
    finally:
        directory.start()
    assert sign_in().status_code == 302


def test_guesses_while_the_directory_is_down_are_slowed_down_too(directory, sign_in, owner):
    directory.stop()
    try:
        assert [sign_in("owner", "wrong").status_code for _ in range(6)] == [503] * 5 + [429]
    finally:
        directory.start()


def test_a_directory_that_is_silent_is_not_waited_for_without_end(
    directory, sign_in, settings, monkeypatch, silent_port
):
    monkeypatch.setattr("poster_admin.users.sign_in.directory.PATIENCE", 1)
    settings.LDAP_URL = f"ldap://127.0.0.1:{silent_port}"
    assert_away(sign_in())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LDAP_BIND_PASSWORD", "wrong", "Invalid credentials"),
        ("LDAP_USER_SEARCH", "ou=nowhere,dc=example,dc=com", "No such object"),
        ("LDAP_GROUP_SEARCH", "ou=nowhere,dc=example,dc=com", "No such object"),
    ],
)
def test_a_wrong_setting_is_named_in_the_log_and_nobody_in_it(
    directory, sign_in, settings, caplog, name, value, words
):
    setattr(settings, name, value)
    with caplog.at_level(logging.INFO):
        assert_away(sign_in())
    assert words in caplog.text
    assert "olena" not in caplog.text
    assert not User.objects.exists()


def test_only_so_many_ask_at_once(directory, sign_in, monkeypatch):
    from poster_admin.users.sign_in import directory as asking

    held = [asking._turns.acquire(blocking=False) for _ in range(asking.AT_ONCE)]
    try:
        assert_away(sign_in())
    finally:
        for _ in held:
            asking._turns.release()
    assert sign_in().status_code == 302


# --- TLS ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["tls_url", "starttls_url"])
def test_tls_needs_the_authority_of_the_directory(directory, sign_in, settings, caplog, tmp_path, way):
    settings.LDAP_URL = getattr(directory, way)
    assert_away(sign_in())
    settings.LDAP_CA_FILE = str(tmp_path / "another.pem")
    trustme.CA().cert_pem.write_to_path(settings.LDAP_CA_FILE)
    assert_away(sign_in())
    assert "certificate" in caplog.text.lower()
    settings.LDAP_CA_FILE = str(directory.ca_file)
    assert sign_in().status_code == 302


def test_the_certificate_has_to_be_that_of_the_host(directory, sign_in, settings):
    settings.LDAP_CA_FILE = str(directory.ca_file)
    settings.LDAP_URL = f"ldaps://localhost:{directory.tls_port}"
    assert_away(sign_in())
