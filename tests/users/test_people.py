"""Test the people: who may manage whom, a password shown once, and help for those who cannot sign in."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models.signals import pre_save
from django.utils import timezone

from groups.models import PosterCredentials
from poster_admin.users import people, two_factor
from poster_admin.users.models import RecoveryCode, SecurityEvent, TOTPDevice, UserSession
from tests.support.pages import hidden, text_of
from tests.support.people import PASSWORD, connect, make_user
from tests.support.people_pages import ACTIONS, LIST, NEW, OLENA, page_of, shown_password, signs_in

pytestmark = pytest.mark.django_db


def row_of(client, name):
    """Return the text of a user's row in the list."""
    html = client.get(LIST).content.decode()
    row = re.search(rf'<tr data-user="{name}">.*?</tr>', html, re.DOTALL)
    assert row, f"there is no row of {name}"
    return " ".join(re.sub("<[^>]+>", " ", row[0]).split())


# --- The list ----------------------------------------------------------------------------------------------


def test_the_list_has_role_account_connection_second_factor_and_last_seen(
    admin_user, owner, staff, newcomer, nobody, browse
):
    TOTPDevice.objects.create(user=staff, name="phone", key=two_factor.new_key(), confirmed=True)
    PosterCredentials.objects.filter(user=owner).update(refused_at=timezone.now())
    User.objects.filter(pk=nobody.pk).update(is_active=False)
    browse(staff)
    UserSession.objects.filter(user=staff).update(seen_at=timezone.now() + timedelta(days=365))
    client = browse(admin_user)
    year = str((timezone.now() + timedelta(days=365)).year)
    assert all(words in row_of(client, "staff") for words in ("Staff", " connected demo", "set up", year))
    assert all(words in row_of(client, "owner") for words in ("Owner", "token refused", "none"))
    assert all(words in row_of(client, "admin") for words in ("Administrator", "you"))
    assert all(words in row_of(client, "newcomer") for words in ("not connected", "never"))
    assert all(words in row_of(client, "nobody") for words in ("No role", "blocked"))


def test_the_list_asks_the_database_as_often_for_many_as_for_few(
    owner, browse, sandbox, django_assert_max_num_queries
):
    client = browse(owner)
    for number in range(20):
        make_user(f"person{number}", role="Staff", account="demo", sandbox=sandbox)
    # One of them counts the requests that wait for an owner, for the menu.
    with django_assert_max_num_queries(12):
        client.get(LIST)


def test_owners_find_it_in_the_menu_and_superusers_djangos_admin_too(
    owner, staff, manager, nobody, admin_user, browse
):
    for user in (staff, manager, nobody):
        assert 'href="/people/"' not in browse(user).get("/help/").content.decode()
    assert 'href="/people/"' in browse(owner).get("/help/").content.decode()
    state = "/account/installation/"
    assert 'href="/admin/"' not in browse(owner).get(state).content.decode()
    assert 'href="/admin/"' in browse(admin_user).get(state).content.decode()


# --- A new person ------------------------------------------------------------------------------------------


def test_a_new_person_signs_in_with_the_password_that_is_shown_once(owner, browse):
    client = browse(owner)
    answer = client.post(NEW, OLENA)
    assert answer.status_code == 200
    password = shown_password(answer)
    user = User.objects.get(username="olena")
    assert (user.get_full_name(), user.email) == ("Олена Коваль", "olena@example.com")
    assert [role.name for role in user.groups.all()] == ["Staff"]
    assert signs_in(browse, "olena", password)
    for url in (LIST, page_of(user), "/people/?log"):
        assert password not in client.get(url).content.decode()
    assert "Олена Коваль" in row_of(client, "olena")


def test_no_password_is_in_the_log(owner, browse, caplog):
    password = shown_password(browse(owner).post(NEW, OLENA))
    assert password not in caplog.text
    assert password not in str(SecurityEvent.objects.values_list())


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("username", "", "Enter a name for the sign-in"),
        ("username", "two words", "letters"),
        ("username", "STAFF", "If you have just created this person, give a new password on their page"),
        ("full_name", " ", "Enter the name"),
        ("full_name", "я" * 151, "150"),
        ("email", "no-address", "Enter an address such as"),
        ("email", f"{'a' * 250}@example.com", "254"),
        ("role", "", "Choose a role"),
        ("role", "Superusers", "Superusers"),
    ],
)
def test_a_form_with_a_mistake_says_how_to_mend_it_and_keeps_the_rest(
    owner, staff, browse, field, value, words
):
    answer = browse(owner).post(NEW, OLENA | {field: value})
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert User.objects.filter(username__in=("olena", "STAFF", "two words")).count() == 0
    if field != "email":
        assert 'value="olena@example.com"' in answer.content.decode()


def test_a_form_sent_twice_at_once_makes_one_person_and_says_what_to_do(owner, browse):
    def first_one(instance, **_):
        # The other form was checked before this one was saved, and saves first.
        User.objects.bulk_create([User(username=instance.username)])

    client = browse(owner)
    pre_save.connect(first_one, sender=User)
    try:
        answer = client.post(NEW, OLENA)
    finally:
        pre_save.disconnect(first_one, sender=User)
    assert answer.status_code == 422
    assert "Somebody signs in by this name already" in text_of(answer)


# --- One person --------------------------------------------------------------------------------------------


def test_name_address_and_role_are_changed(owner, staff, browse):
    client = browse(owner)
    form = {"full_name": "Іван Петрович Сірко", "email": "", "role": "Managers"}
    assert client.post(page_of(staff), form)["Location"] == LIST
    staff = User.objects.get(pk=staff.pk)
    assert (staff.first_name, staff.last_name) == ("Іван", "Петрович Сірко")
    assert [role.name for role in staff.groups.all()] == ["Managers"]
    assert not staff.has_perm("groups.change_group")
    assert "Іван Петрович Сірко" in client.get(page_of(staff)).content.decode()


def test_a_person_changed_by_somebody_else_is_a_conflict(owner, staff, browse):
    client = browse(owner)
    form = {"full_name": "Ольга Мельник", "email": "", "role": "Owners"}
    form |= hidden(client.get(page_of(staff)), "version")
    people.change(staff, "Ольга Коваль", "olha@example.com", "Managers")
    answer = client.post(page_of(staff), form)
    assert answer.status_code == 409
    words = "Somebody else has changed this person meanwhile."
    assert all(each in text_of(answer) for each in (words, "olha@example.com", "Role Manager "))
    staff = User.objects.get(pk=staff.pk)
    assert (staff.email, [role.name for role in staff.groups.all()]) == ("olha@example.com", ["Managers"])
    # The form still has what was typed, and that alone replaces what is there when it is saved once more.
    assert re.search(r'value="Owners"[^>]* checked', answer.content.decode())
    again = hidden(answer, "version", "full_name", "email")
    assert (again["full_name"], again["email"]) == ("Ольга Мельник", "olha@example.com")
    assert client.post(page_of(staff), {"role": "Owners"} | again)["Location"] == LIST
    staff = User.objects.get(pk=staff.pk)
    assert (staff.get_full_name(), staff.email) == ("Ольга Мельник", "olha@example.com")
    assert staff.groups.get().name == "Owners"


def test_a_role_that_was_taken_away_meanwhile_is_not_given_back_by_another_form(owner, staff, browse):
    people.change(staff, "Ольга Мельник", "", "Owners")
    client = browse(owner)
    form = {"full_name": "Ольга Мельник", "email": "olha@example.com", "role": "Owners"}
    form |= hidden(client.get(page_of(staff)), "version")
    people.change(staff, "Ольга Мельник", "", "Staff")
    answer = client.post(page_of(staff), form)
    assert answer.status_code == 409
    assert re.search(r'value="Staff"[^>]* checked', answer.content.decode())
    assert hidden(answer, "email") == {"email": "olha@example.com"}


def test_the_same_form_of_a_person_sent_twice_is_no_conflict(owner, staff, browse):
    client = browse(owner)
    form = {"full_name": "Ольга Мельник", "email": "", "role": "Managers"}
    form |= hidden(client.get(page_of(staff)), "version")
    assert [client.post(page_of(staff), form).status_code for _ in range(2)] == [302, 302]


def test_the_role_of_somebody_without_a_name_is_changed(owner, staff, browse):
    assert (
        browse(owner).post(page_of(staff), {"full_name": "", "email": "", "role": "Owners"}).status_code
        == 302
    )
    assert staff.groups.get().name == "Owners"


def test_other_roles_of_an_installation_stay(owner, staff, browse):
    extra = staff.groups.create(name="Barista of the month")
    browse(owner).post(page_of(staff), {"full_name": "Іван", "email": "", "role": "Owners"})
    assert set(staff.groups.values_list("name", flat=True)) == {extra.name, "Owners"}


def test_a_blocked_person_is_signed_out_and_comes_back_when_let_in_again(owner, staff, browse):
    theirs, client = browse(staff), browse(owner)
    assert client.post(f"{page_of(staff)}?step=block")["Location"] == page_of(staff)
    assert theirs.get("/groups/").status_code == 302
    assert not signs_in(browse, "staff", PASSWORD)
    assert "blocked" in row_of(client, "staff")
    client.post(f"{page_of(staff)}?step=block", {"active": "1"})
    assert signs_in(browse, "staff", PASSWORD)


def test_a_double_click_on_block_does_not_let_the_person_in_again(owner, staff, browse):
    client = browse(owner)
    question = client.get(f"{page_of(staff)}?step=block").text
    button = re.search(r'<button class="button danger"([^>]*)>', question)[1]
    name, value = re.search(r'name="(\w+)" value="(\w+)"', button).groups()
    for _ in range(2):
        assert client.post(f"{page_of(staff)}?step=block", {name: value}).status_code == 302
    assert not User.objects.get(pk=staff.pk).is_active


@pytest.mark.parametrize(
    ("step", "ends", "stays"),
    [
        ("password", "The present password no longer signs in", "It cannot be undone"),
        ("block", "Every way to sign in ends", "It can be undone on the person's page"),
        ("sign-out", "2 sessions are open now", "anyone who knows the password can sign in again"),
        ("second-factor", "The app for codes, the passkeys and the recovery codes", "It cannot be undone"),
    ],
)
def test_what_takes_something_from_a_person_asks_first_and_says_what_ends(
    owner, staff, browse, step, ends, stays
):
    theirs, _ = browse(staff), browse(staff)
    TOTPDevice.objects.create(user=staff, name="phone", key=two_factor.new_key(), confirmed=True)
    client = browse(owner)
    url = f"{page_of(staff)}?step={step}"
    assert f'href="?step={step}"' in client.get(page_of(staff)).text
    text = text_of(client.get(url))
    assert "2 sessions are open now" in text
    assert ends in text
    assert stays in text
    assert User.objects.get(pk=staff.pk).is_active
    assert TOTPDevice.objects.exists()
    assert theirs.get("/groups/").status_code == 200
    assert signs_in(browse, "staff", PASSWORD)


def test_a_blocked_person_is_let_in_again_above_everything_else_of_the_page(owner, staff, browse):
    client = browse(owner)
    page = client.post(f"{page_of(staff)}?step=block", {"active": "0"}, follow=True).text
    assert 'name="active" value="1"' in page.partition('name="full_name"')[0]
    assert 'href="?step=block"' not in page


def test_no_message_says_that_no_session_was_ended(owner, staff, browse):
    client = browse(owner)
    page = client.get(page_of(staff))
    assert "signed in nowhere" in text_of(page)
    assert "?step=sign-out" not in page.text
    text = text_of(client.post(f"{page_of(staff)}?step=sign-out", follow=True))
    assert "There was no session to end." in text
    assert "0 sessions" not in text
    assert "have ended" not in text_of(client.post(f"{page_of(staff)}?step=password"))
    text = text_of(client.post(f"{page_of(staff)}?step=block", {"active": "0"}, follow=True))
    assert "“staff” is blocked." in text
    assert "signed out." not in text


def test_who_was_signed_in_is_said_to_be_signed_out(owner, staff, browse):
    client = browse(owner)
    browse(staff)
    assert "All earlier sessions have ended." in text_of(client.post(f"{page_of(staff)}?step=password"))
    browse(staff)
    text = text_of(client.post(f"{page_of(staff)}?step=block", {"active": "0"}, follow=True))
    assert "“staff” is blocked and signed out." in text


def test_a_person_is_signed_out_everywhere(owner, staff, browse):
    one, other, client = browse(staff), browse(staff), browse(owner)
    answer = client.post(f"{page_of(staff)}?step=sign-out", follow=True)
    assert "2 sessions were ended" in text_of(answer)
    assert [each.get("/groups/").status_code for each in (one, other)] == [302, 302]
    assert client.get("/groups/").status_code == 200
    assert SecurityEvent.objects.filter(kind="sessions_ended", user=owner, about="staff").exists()


def test_a_new_password_replaces_the_old_one_and_ends_all_sessions(owner, staff, browse):
    theirs = browse(staff)
    password = shown_password(browse(owner).post(f"{page_of(staff)}?step=password"))
    assert not signs_in(browse, "staff", PASSWORD)
    assert signs_in(browse, "staff", password)
    assert theirs.get("/groups/").status_code == 302


def test_a_lost_second_factor_is_reset(owner, staff, browse):
    TOTPDevice.objects.create(user=staff, name="phone", key=two_factor.new_key(), confirmed=True)
    two_factor.renew_codes(staff)
    client = browse(owner)
    assert "Reset the second factor" in text_of(client.get(page_of(staff)))
    client.post(f"{page_of(staff)}?step=second-factor")
    assert not TOTPDevice.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert SecurityEvent.objects.filter(kind="factor_removed", user=owner, about="staff").exists()
    assert "Reset the second factor" not in text_of(client.get(page_of(staff)))


def test_owners_manage_neither_themselves_nor_an_administrator(owner, admin_user, browse, sandbox):
    connect(admin_user, "demo", sandbox)
    client = browse(owner)
    for user in (owner, admin_user):
        assert client.get(page_of(user)).status_code == 403
        for url in (page_of(user), *(f"{page_of(user)}{each}" for each in ACTIONS)):
            form = {"full_name": "x", "email": "", "role": "Managers"}
            assert client.post(url, form).status_code == 403
        assert f'href="{page_of(user)}"' not in client.get(LIST).content.decode()
    owner.refresh_from_db()
    admin_user.refresh_from_db()
    assert owner.is_active
    assert admin_user.is_active
    assert signs_in(browse, "owner", PASSWORD)
    assert "Administrator" in row_of(client, "admin")


@pytest.mark.parametrize("action", ["", *ACTIONS])
def test_somebody_who_is_not_there_is_not_found(owner, browse, action):
    assert browse(owner).post(f"/people/999999/{action}").status_code == 404
