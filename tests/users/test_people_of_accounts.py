"""Test that owners manage the people of their own account, and nobody reaches into another one.

`owner` and `staff` belong to the account demo, `outsider` is an owner of kavarnia; one of them makes `olena`.
"""

import re
import threading
import time
from types import SimpleNamespace

import pytest
import requests
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.test import Client
from django.utils import timezone

from groups.models import PosterCredentials
from groups.services import credentials
from poster_admin.users import accounts, guardians, two_factor
from poster_admin.users.models import (
    CompanyLink,
    EventKind,
    Guardian,
    Passkey,
    SecurityEvent,
    TOTPDevice,
    new_key,
)
from poster_admin.users.security_log import record
from tests.support.pages import hidden, text_of
from tests.support.people import PASSWORD, connect, make_user
from tests.support.people_pages import ACTIONS, LIST, NEW, OLENA, page_of, shown_password, signs_in
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
ACCOUNT, OWN_PASSWORD, LOG = "/account/", "/accounts/sessions/?set=password", "/people/?log"
FORM = {"full_name": "x", "email": "evil@example.com", "role": "Managers"}
OTHER = "another-one-entirely"
RAISED = FORM | {"role": "Administrators"}


def names_in(client):
    """Return the names of all rows of the list."""
    return set(re.findall(r'<tr data-user="([^"]+)">', client.get(LIST).text))


def names_logged(client):
    """Return the names in the lines of the security log."""
    lines = client.get(LOG).text.partition("<tbody>")[2].partition("</tbody>")[0]
    return set(re.findall("<bdi>([a-z?]+)</bdi>", lines))


def stored(user):
    """Return all that the pages about people could change of a user."""
    user = User.objects.get(pk=user.pk)
    rows = [model.objects.filter(user=user).count() for model in (TOTPDevice, Passkey, CompanyLink)]
    return (user.password, user.email, user.first_name, user.is_active, user.is_superuser, user.is_staff,
            set(user.groups.values_list("name", flat=True)), *rows)  # fmt: skip


def made_by(client):
    """Let an owner make a person, and return that user with the password that was shown."""
    password = shown_password(client.post(NEW, OLENA))
    return User.objects.get(username="olena"), password


def signed_in(browse, name, password):
    client = browse()
    assert client.post("/accounts/login/", {"username": name, "password": password}).status_code == 302
    return client


def connects(client, account, sandbox):
    """Connect an account over its form, as the user of the client does."""
    return client.post(ACCOUNT, {"account": account, "token": sandbox.accounts[account].token})


# --- Who manages whom --------------------------------------------------------------------------------------


def test_an_owner_of_another_account_takes_nobody_over(outsider, owner, browse):
    answer = browse(outsider).post(f"{page_of(owner)}?step=password")
    assert answer.status_code == 404
    assert "data-password" not in answer.text
    assert signs_in(browse, "owner", PASSWORD)


@pytest.mark.parametrize("who", ["owner", "staff", "newcomer", "nobody", "admin_user"])
def test_no_page_of_people_shows_or_changes_somebody_elsewhere(who, request, outsider, browse):
    user = request.getfixturevalue(who)
    TOTPDevice.objects.create(user=user, name="phone", key=new_key(), confirmed=True)
    Passkey.objects.create(user=user, name="phone")
    before, client = stored(user), browse(outsider)
    assert names_in(client) == {"outsider"}
    for url in (page_of(user), *(f"{page_of(user)}{action}" for action in ACTIONS)):
        for answer in (client.post(url, FORM), client.post(url, {"active": "0"})):
            assert answer.status_code == 404
            assert user.username not in answer.text
    assert client.get(page_of(user)).status_code == 404
    assert stored(user) == before


def test_owners_manage_the_people_of_their_account(owner, staff, manager, outsider, browse, sandbox):
    other = make_user("other", role="Owners", account="demo", sandbox=sandbox)
    client = browse(owner)
    assert names_in(client) == {"owner", "other", "staff", "manager"}
    for user in (other, staff, manager):
        assert client.post(page_of(user), FORM).status_code == 302
        assert stored(user)[1] == "evil@example.com"


def test_of_people_without_an_account_an_owner_manages_those_who_were_invited(owner, outsider, browse):
    client = browse(outsider)
    olena, _password = made_by(client)
    assert names_in(client) == {"outsider", "olena"}
    assert client.post(f"{page_of(olena)}?step=block", {"active": "0"}).status_code == 302
    assert names_in(browse(owner)) == {"owner"}
    assert browse(owner).get(page_of(olena)).status_code == 404


def test_without_a_token_that_poster_accepts_an_owner_manages_the_invited_alone(owner, staff, browse):
    client = browse(owner)
    olena, _password = made_by(client)
    PosterCredentials.objects.filter(user=owner).update(refused_at=timezone.now())
    assert names_in(client) == {"owner", "olena"}
    assert client.post(f"{page_of(staff)}?step=password").status_code == 404
    PosterCredentials.objects.filter(user=owner).delete()
    assert names_in(client) == {"owner", "olena"}
    assert client.get(page_of(staff)).status_code == 404
    assert client.get(page_of(olena)).status_code == 200


def test_somebody_whose_token_is_refused_still_belongs_to_the_account(owner, staff, outsider, browse):
    PosterCredentials.objects.filter(user=staff).update(refused_at=timezone.now())
    Guardian.objects.create(user=staff, guardian=outsider, invited=True)
    assert browse(owner).get(page_of(staff)).status_code == 200
    assert browse(outsider).get(page_of(staff)).status_code == 404


def test_an_administrator_manages_everybody(admin_user, owner, outsider, nobody, browse):
    client = browse(admin_user)
    assert names_in(client) == {"admin", "owner", "outsider", "nobody"}
    for user in (owner, outsider, nobody):
        assert client.post(page_of(user), FORM).status_code == 302
    assert client.post(page_of(admin_user), FORM).status_code == 403


# --- The role of an Administrator --------------------------------------------------------------------------


def test_only_an_administrator_makes_another_one(admin_user, owner, staff, browse):
    client = browse(owner)
    assert 'value="Administrators"' not in client.get(page_of(staff)).text
    assert client.post(page_of(staff), RAISED).status_code == 422
    assert client.post(NEW, OLENA | {"role": "Administrators"}).status_code == 422
    assert client.post(page_of(owner), RAISED).status_code == 403
    assert list(User.objects.filter(is_superuser=True)) == [admin_user]

    client = browse(admin_user)
    assert client.post(page_of(staff), RAISED | {"email": ""}).status_code == 302
    assert (staff.groups.count(), User.objects.get(pk=staff.pk).is_superuser) == (0, True)
    assert browse(staff).get(page_of(owner)).status_code == 200
    assert "Administrator" in text_of(client.get(LOG))
    client.post(page_of(staff), FORM | {"role": "Owners"})
    assert (staff.groups.get().name, User.objects.get(pk=staff.pk).is_superuser) == ("Owners", False)


@pytest.mark.parametrize("page", [LIST, "/admin/auth/user/"])
def test_a_user_with_a_password_from_an_owner_becomes_an_administrator_without_it(
    admin_user, owner, browse, page
):
    olena, password = made_by(browse(owner))
    form = RAISED | {"email": olena.email, "username": "olena", "is_active": "on", "is_superuser": "on"}
    form |= {"date_joined_0": "2026-01-01", "date_joined_1": "10:00"}
    url = f"{page}{olena.pk}/" + ("change/" if "admin" in page else "")
    assert browse(admin_user).post(url, form).status_code == 302
    assert User.objects.get(pk=olena.pk).is_superuser
    assert not signs_in(browse, "olena", password)
    assert User.objects.get(pk=olena.pk).email == ""


# --- Django's admin ----------------------------------------------------------------------------------------


def test_the_admin_shows_and_changes_nobody_elsewhere(outsider, owner, browse):
    TOTPDevice.objects.create(user=owner, name="phone", key=new_key(), confirmed=True)
    Passkey.objects.create(user=owner, name="phone")
    link = CompanyLink.objects.create(user=owner)
    before, client = stored(owner), browse(outsider)
    for table in ("auth/user", "users/totpdevice", "users/passkey", "users/companylink"):
        assert "owner" not in text_of(client.get(f"/admin/{table}/")).replace("owners", "")
    assert ">owner<" not in client.get("/admin/users/companylink/add/").text
    password = {
        "usable_password": "true",
        "password1": "another-one-entirely",
        "password2": "another-one-entirely",
    }
    for url, form in (
        (f"auth/user/{owner.pk}/change/", {"username": "taken", "is_active": ""}),
        (f"auth/user/{owner.pk}/password/", password),
        (f"auth/user/{owner.pk}/history/", {}),
        (f"users/companylink/{link.pk}/delete/", {"post": "yes"}),
        ("users/companylink/add/", {"user": owner.pk}),
        *((f"users/{table}/{row.pk}/delete/", {"post": "yes"})
          for table, row in (("totpdevice", TOTPDevice.objects.get()), ("passkey", Passkey.objects.get()))),
    ):  # fmt: skip
        for answer in (client.post(f"/admin/{url}", form), client.get(f"/admin/{url}")):
            assert answer.status_code in {200, 302, 403, 404}
            assert ">owner<" not in answer.text
    assert stored(owner) == before


def test_in_the_admin_owners_give_no_other_group_and_take_none(admin_user, owner, staff, browse):
    extra, strong = staff.groups.create(name="Barista of the month"), Group.objects.create(name="All rights")
    client, url = browse(owner), f"/admin/auth/user/{staff.pk}/change/"
    assert "All rights" not in client.get(url).text
    form = {
        "username": "staff",
        "is_active": "on",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "10:00:00",
    }
    assert client.post(url, form | {"groups": [strong.pk]}).status_code == 200
    managers = Group.objects.get(name="Managers")
    assert client.post(url, form | {"groups": [managers.pk]}).status_code == 302
    assert set(staff.groups.all()) == {extra, managers}
    assert browse(admin_user).post(url, form | {"groups": [strong.pk]}).status_code == 302
    assert set(staff.groups.all()) == {strong}


def test_in_the_admin_many_users_are_not_deleted_at_once(admin_user, staff, manager, browse):
    client, url = browse(admin_user), "/admin/auth/user/"
    assert "delete_selected" not in client.get(url).text
    chosen = {"action": "delete_selected", "_selected_action": [staff.pk, manager.pk], "post": "yes"}
    client.post(url, chosen)
    assert User.objects.filter(pk__in=(staff.pk, manager.pk)).count() == 2
    assert client.post(f"{url}{staff.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=staff.pk).exists()


def test_a_user_that_an_owner_makes_in_the_admin_is_the_owners(owner, outsider, browse):
    client = browse(owner)
    form = {"username": "olena", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    olena_page = client.post("/admin/auth/user/add/", form)["Location"]
    assert client.get(olena_page).status_code == 200
    assert names_in(client) == {"owner", "olena"}
    assert names_in(browse(outsider)) == {"outsider"}


# --- The security log --------------------------------------------------------------------------------------


def test_the_log_has_what_happened_to_people_of_the_own_account_alone(
    admin_user, owner, staff, outsider, newcomer, browse
):
    browse(owner).post(f"{page_of(staff)}?step=sign-out")
    browse(admin_user).post(f"{page_of(outsider)}?step=sign-out")
    record(EventKind.FAILED, user=newcomer)
    record(EventKind.FAILED, name="?")
    assert names_logged(browse(owner)) == {"owner", "staff"}
    assert names_logged(browse(outsider)) == {"admin", "outsider"}
    assert names_logged(browse(admin_user)) == {"owner", "staff", "admin", "outsider", "newcomer", "?"}
    table = "/admin/users/securityevent/"
    assert "staff" not in text_of(browse(outsider).get(table))
    hidden = SecurityEvent.objects.get(about="staff")
    assert browse(outsider).get(f"{table}{hidden.pk}/change/").status_code == 302


def test_a_line_stays_with_the_account_that_its_user_had(owner, outsider, staff, browse, sandbox):
    record(EventKind.CONFIRMED, user=outsider)
    PosterCredentials.objects.filter(user=outsider).delete()
    connect(outsider, "demo", sandbox)
    record(EventKind.CODES_RENEWED, user=outsider)
    lines = browse(owner).get(LOG).text.partition("<tbody>")[2]
    assert "Made new recovery codes" in lines
    assert "Removed a token" not in lines
    assert set(SecurityEvent.objects.values_list("kind", "account")) >= {
        ("confirmed", "kavarnia"),
        ("token_removed", "kavarnia"),
        ("codes_renewed", "demo"),
    }


# --- Somebody who comes from another account ---------------------------------------------------------------


def test_who_invited_somebody_has_no_way_in_once_another_account_is_connected(
    outsider, owner, staff, browse, sandbox
):
    """The owner elsewhere knows the password, has a session, a passkey and an app, and gets the mail."""
    elsewhere = browse(outsider)
    olena, password = made_by(elsewhere)
    spy = signed_in(browse, "olena", password)
    client = signed_in(browse, "olena", password)
    TOTPDevice.objects.create(user=olena, name="of the owner elsewhere", key=new_key(), confirmed=True)
    Passkey.objects.create(user=olena, name="of the owner elsewhere")
    CompanyLink.objects.create(user=olena)

    answer = connects(client, "demo", sandbox)
    assert (answer.status_code, answer["Location"]) == (302, OWN_PASSWORD)
    page = client.get(OWN_PASSWORD)
    assert "Somebody of another account may know how to sign in as you" in text_of(page)
    assert "Your role is Manager until an owner of this account gives you another one." in text_of(page)
    assert 'name="old_password"' not in page.text
    assert client.get("/groups/").status_code == 200
    assert not signs_in(browse, "olena", password)
    assert spy.get("/groups/").status_code == 302
    assert stored(olena)[1] == ""
    assert stored(olena)[7:] == (0, 0, 0)
    assert names_in(elsewhere) == {"outsider"}
    for url in (page_of(olena), *(f"{page_of(olena)}{action}" for action in ACTIONS)):
        assert elsewhere.post(url, FORM).status_code == 404
    # The role was given elsewhere too.
    assert olena.groups.get().name == "Managers"
    assert browse(owner).post(page_of(olena), FORM | {"role": "Staff"}).status_code == 302

    chosen = {"new_password1": OTHER, "new_password2": OTHER}
    assert client.post(OWN_PASSWORD, chosen)["Location"] == "/accounts/sessions/"
    assert signs_in(browse, "olena", OTHER)
    assert 'name="old_password"' in client.get(OWN_PASSWORD).text


def test_of_those_in_the_own_account_nobody_loses_anything(owner, staff, browse, sandbox):
    olena, password = made_by(browse(owner))
    client = signed_in(browse, "olena", password)
    assert connects(client, "demo", sandbox)["Location"] == "/account/check/"
    assert signs_in(browse, "olena", password)
    assert stored(olena)[1] == "olena@example.com"
    assert olena.groups.get().name == "Staff"


def test_a_user_of_an_administrator_keeps_everything(admin_user, staff, browse, sandbox):
    _olena, password = made_by(browse(admin_user))
    assert connects(signed_in(browse, "olena", password), "demo", sandbox)["Location"] == "/account/check/"
    assert signs_in(browse, "olena", password)


def test_the_first_one_of_an_account_keeps_the_role(outsider, browse, sandbox):
    olena, password = made_by(browse(outsider))
    assert connects(signed_in(browse, "olena", password), "demo", sandbox)["Location"] == OWN_PASSWORD
    assert olena.groups.get().name == "Staff"


def test_who_goes_over_to_another_account_leaves_the_owners_behind(owner, staff, outsider, browse, sandbox):
    password = shown_password(browse(owner).post(f"{page_of(staff)}?step=password"))
    client = signed_in(browse, "staff", password)
    assert connects(client, "kavarnia", sandbox)["Location"] == OWN_PASSWORD
    assert not signs_in(browse, "staff", password)
    assert browse(owner).get(page_of(staff)).status_code == 404
    assert browse(outsider).get(page_of(staff)).status_code == 200


def test_another_token_of_the_same_account_ends_nothing(owner, staff, browse, sandbox):
    password = shown_password(browse(owner).post(f"{page_of(staff)}?step=password"))
    PosterCredentials.objects.filter(user=owner).delete()
    assert connects(signed_in(browse, "staff", password), "demo", sandbox)["Location"] == "/account/check/"
    assert signs_in(browse, "staff", password)


@pytest.mark.parametrize("way_in", ["password", "app"])
def test_a_session_that_was_under_way_makes_no_way_in_afterwards(staff, way_in):
    early = User.objects.get(pk=staff.pk)
    device = two_factor.prepare(early)
    guardians.end_ways_in(staff)
    request = SimpleNamespace(user=early)
    ways = {
        "password": lambda: accounts.set_password(early, OTHER),
        "app": lambda: two_factor.finish(request, device, "123456"),
    }
    with pytest.raises(PermissionDenied):
        ways[way_in]()
    assert not User.objects.get(pk=staff.pk).check_password(OTHER)
    assert not TOTPDevice.objects.exists()


# --- At once -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_password_that_is_given_while_another_account_is_connected_comes_too_late(
    outsider, staff, browse, sandbox
):
    """The owner elsewhere presses the button when the connection is made, but not yet committed."""
    elsewhere = browse(outsider)
    olena, _password = made_by(elsewhere)
    connected = threading.Event()

    def connects_slowly():
        with transaction.atomic():
            credentials.connect(user=olena, account="demo", token=sandbox.accounts["demo"].token)
            connected.set()
            time.sleep(1)

    def gives_a_password():
        connected.wait(timeout=30)
        return elsewhere.post(f"{page_of(olena)}?step=password").status_code

    assert at_once(connects_slowly, gives_a_password) == [None, 404]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ["Owners", "Administrators"])
@pytest.mark.parametrize("step", ["block", "demote"])
def test_of_two_who_take_the_rights_of_each_other_at_once_one_keeps_them(browse, sandbox, step, role):
    """Both press the button before one of the two is committed."""
    olena, taras = (
        make_user(name, role="Owners", account="demo", sandbox=sandbox) for name in ("olena", "taras")
    )
    User.objects.filter(pk__in=(olena.pk, taras.pk)).update(is_superuser=role == "Administrators")
    held = threading.Event()

    def hold_both():
        with transaction.atomic():
            User.objects.filter(pk__in=(olena.pk, taras.pk)).update(last_name="")
            held.set()
            time.sleep(1)

    def press(manager, user):
        client, url = browse(manager), page_of(user)
        form = {"active": "0"}
        if step == "demote":
            form = FORM | {"role": "Staff"} | hidden(client.get(url), "version")

        def send():
            held.wait(timeout=30)
            return client.post(f"{url}?step=block" if step == "block" else url, form).status_code

        return send

    _none, *statuses = at_once(hold_both, press(olena, taras), press(taras, olena))
    assert sorted(statuses) == [302, 403]
    still = User.objects.filter(pk__in=(olena.pk, taras.pk), is_active=True)
    assert [user.has_perm("auth.change_user") for user in still].count(True) == 1


# --- Over HTTP ---------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_over_http_the_owner_elsewhere_signs_in_as_nobody_else(live_server, outsider, owner, sandbox):
    with requests.Session() as browser:

        def send(page, path, **form):
            """Send a form with the token of the page that it stands on."""
            html = browser.get(f"{live_server}{page}").text
            token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', html)[1]
            return browser.post(f"{live_server}{path}", data=form | {"csrfmiddlewaretoken": token})

        send("/accounts/login/", "/accounts/login/", username="outsider", password=PASSWORD)
        for action in ACTIONS:
            answer = send(NEW, f"{page_of(owner)}{action}", active="0")
            assert answer.status_code == 404
            assert "data-password" not in answer.text
        people = browser.get(f"{live_server}{LIST}")
        assert re.findall(r'<tr data-user="([^"]+)">', people.text) == ["outsider"]
    assert signs_in(Client, "owner", PASSWORD)
