"""Test how long a session lasts, who can end it, and how little a sign-in tells a stranger."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import UpdateError
from django.utils import timezone

from groups.poster.errors import redact
from poster_admin.common.client_ip import client_address, describe_agent
from poster_admin.users.models import EventKind, SecurityEvent, UserSession
from poster_admin.users.password_links import NewPasswordForm
from poster_admin.users.sessions import SessionStore
from poster_admin.users.views import OwnPasswordForm
from tests.support.pages import text_of
from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def age(**columns):
    UserSession.objects.update(
        **{name: timezone.now() - timedelta(hours=hours) for name, hours in columns.items()}
    )


@pytest.mark.parametrize(
    ("seen", "started", "alive"), [(2.9, 2.9, True), (3.1, 3.1, False), (0, 11.9, True), (0, 12.1, False)]
)
def test_a_session_ends_after_three_idle_hours_and_after_twelve_in_all(staff, browse, seen, started, alive):
    client = browse(staff)
    age(seen_at=seen, started_at=started)
    assert (client.get("/accounts/sessions/").status_code == 200) is alive
    assert UserSession.objects.exists() is alive


def test_what_is_written_into_a_session_leaves_its_owner_and_its_beginning(staff, browse):
    browse(staff)
    before = UserSession.objects.get()
    session = SessionStore(before.session_key)
    session["words"] = "Збережено"
    session.save()
    after = UserSession.objects.get()
    assert after.get_decoded() == {**before.get_decoded(), "words": "Збережено"}
    assert (after.user, after.started_at, after.agent) == (before.user, before.started_at, before.agent)


def test_a_session_that_was_ended_is_not_written_again(staff, browse):
    browse(staff)
    session = SessionStore(UserSession.objects.get().session_key)
    session["words"] = "too late"
    UserSession.objects.all().delete()
    with pytest.raises(UpdateError):
        session.save()
    assert not UserSession.objects.exists()


def test_a_browser_whose_session_is_gone_starts_a_new_one(staff, browse):
    client = browse(staff)
    UserSession.objects.all().delete()
    # Stores the challenge in a session, without a sign-in.
    assert client.post("/accounts/passkeys/options/").status_code == 200
    assert UserSession.objects.get().user is None


def test_the_cookie_of_a_session_that_is_gone_is_taken_back(staff, browse, settings):
    client = browse(staff)
    UserSession.objects.all().delete()
    assert client.get("/accounts/login/").cookies[settings.SESSION_COOKIE_NAME].value == ""


@pytest.mark.parametrize("key", [r'"\000aaaaaaaaaaaa"', "й" * 32, "a" * 4000])
def test_a_cookie_that_holds_no_key_is_no_error(browse, settings, key):
    cookie = f"{settings.SESSION_COOKIE_NAME}={key}".encode().decode("latin-1")
    assert browse(headers={"Cookie": cookie}).get("/accounts/login/").status_code == 200
    assert browse(headers={"Cookie": cookie}).get("/groups/").status_code == 302


def test_using_it_keeps_it_but_no_longer_than_twelve_hours(staff, browse):
    client = browse(staff)
    for _ in range(3):
        age(seen_at=2)
        assert client.get("/accounts/sessions/").status_code == 200
        assert timezone.now() - UserSession.objects.get().seen_at < timedelta(minutes=1)


def test_the_list_shows_the_own_sessions_and_no_key(staff, manager, browse, settings):
    browse(manager, headers={"User-Agent": "Mozilla/5.0 (iPhone) Safari/1"}).get("/groups/")
    one = browse(headers={"User-Agent": FIREFOX}, REMOTE_ADDR="10.1.2.3")
    one.post("/accounts/login/", {"username": "staff", "password": PASSWORD})
    page = one.get("/accounts/sessions/")
    assert "Firefox · Linux this one" in text_of(page)
    assert "10.1.2.3" in text_of(page)
    assert "iPhone" not in text_of(page)
    assert one.cookies[settings.SESSION_COOKIE_NAME].value not in page.content.decode()


def test_one_session_or_all_can_be_ended(staff, manager, browse):
    here, there, others = browse(staff), browse(staff), browse(manager)
    mark = UserSession.objects.get(session_key=there.session.session_key).mark
    foreign = UserSession.objects.get(user=manager).mark
    here.post("/accounts/sessions/", {"session": mark})
    own = UserSession.objects.get(session_key=here.session.session_key).mark
    for none in (foreign, own, ""):
        assert here.post("/accounts/sessions/", {"session": none})["Location"] == "/accounts/sessions/"
        assert "There was no session to end." in text_of(here.get("/accounts/sessions/"))
    assert there.get("/groups/").status_code == 302
    assert here.get("/groups/").status_code == others.get("/groups/").status_code == 200
    third = browse(staff)
    assert here.post("/accounts/sessions/")["Location"] == "/accounts/login/"
    assert here.get("/groups/").status_code == third.get("/groups/").status_code == 302
    assert others.get("/groups/").status_code == 200


def test_a_new_password_ends_the_other_sessions(staff, browse):
    here, there = browse(staff), browse(staff)
    new = "a-quite-different-one"
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post("/accounts/sessions/?set=password", data | {"new_password2": "x"}).status_code == 422
    assert here.post("/accounts/sessions/?set=password", data).status_code == 302
    assert here.get("/accounts/sessions/").status_code == 200
    assert there.get("/accounts/sessions/").status_code == 302
    assert UserSession.objects.filter(user=staff).count() == 1


@pytest.mark.parametrize("others", [0, 1])
def test_a_new_password_says_that_other_sessions_ended_only_where_there_were_some(staff, browse, others):
    for _ in range(others):
        browse(staff)
    new = "a-quite-different-one"
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    text = text_of(browse(staff).post("/accounts/sessions/?set=password", data, follow=True))
    assert "The password was changed." in text
    assert ("All your other sessions have ended." in text) is bool(others)


@pytest.mark.parametrize("form_class", [NewPasswordForm, OwnPasswordForm])
def test_a_new_password_undoes_no_block_made_meanwhile(staff, rf, form_class):
    new = "a-quite-different-one"
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    form = form_class(staff, data)
    form.request = rf.post("/accounts/sessions/?set=password")
    assert form.is_valid()
    User.objects.filter(pk=staff.pk).update(is_active=False)
    form.save()
    user = User.objects.get(pk=staff.pk)
    assert not user.is_active
    assert user.check_password(new)
    assert SecurityEvent.objects.filter(kind=EventKind.PASSWORD, about="staff").count() == 1


def test_guessing_at_the_old_password_is_locked_as_at_the_sign_in(staff, browse):
    client, new = browse(staff), "a-quite-different-one"
    data = {"old_password": "wrong", "new_password1": new, "new_password2": new}
    codes = [client.post("/accounts/sessions/?set=password", data).status_code for _ in range(5)]
    assert codes == [422, 422, 422, 422, 429]
    assert (
        client.post("/accounts/sessions/?set=password", data | {"old_password": PASSWORD}).status_code == 429
    )
    staff.refresh_from_db()
    assert staff.check_password(PASSWORD)


def test_a_sign_in_of_ones_own_does_not_forgive_guesses_at_others(staff, manager, browse):
    client = browse()
    for _ in range(4):
        client.post("/accounts/login/", {"username": "staff", "password": "wrong"})
    browse().post("/accounts/login/", {"username": "manager", "password": PASSWORD})
    assert client.post("/accounts/login/", {"username": "staff", "password": "wrong"}).status_code == 429


@pytest.mark.parametrize("weak", ["short", "1q2w3e4r5t6y", "only-eleven"])
def test_weak_passwords_are_refused(staff, browse, weak):
    data = {"old_password": PASSWORD, "new_password1": weak, "new_password2": weak}
    assert browse(staff).post("/accounts/sessions/?set=password", data).status_code == 422


@pytest.mark.parametrize("strong", ["ніч яка місячна зоряна", "x" * 64 + " й"])
def test_passwords_may_be_long_and_of_any_signs(staff, browse, strong):
    data = {"old_password": PASSWORD, "new_password1": strong, "new_password2": strong}
    assert browse(staff).post("/accounts/sessions/?set=password", data).status_code == 302
    assert browse().post("/accounts/login/", {"username": "staff", "password": strong}).status_code == 302


def test_who_is_switched_off_is_out_at_once(staff, browse):
    client = browse(staff)
    staff.is_active = False
    staff.save()
    assert client.get("/groups/").status_code == 302
    assert not UserSession.objects.exists()


def test_a_sign_in_does_not_reveal_which_names_exist(staff, nobody, browse):
    nobody.is_active = False
    nobody.save()
    pages = set()
    for number, name in enumerate(("staff", "nobody", "never-seen")):
        client = browse(REMOTE_ADDR=f"10.0.0.{number}")
        pages.add(text_of(client.post("/accounts/login/", {"username": name, "password": "wrong"})))
    assert len(pages) == 1


def test_an_unknown_name_is_locked_as_a_known_one_is(browse):
    client = browse()
    codes = [
        client.post("/accounts/login/", {"username": "never-seen", "password": "x"}).status_code
        for _ in range(5)
    ]
    assert codes == [200, 200, 200, 200, 429]


@pytest.mark.parametrize(
    ("peer", "named", "address"),
    [
        ("127.0.0.1", "10.1.1.1", "10.1.1.1"),
        ("127.0.0.1", "6.6.6.6, 10.1.1.1", "10.1.1.1"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("10.9.9.9", "10.1.1.1", "10.9.9.9"),
        ("::ffff:127.0.0.1", "10.1.1.1", "10.1.1.1"),
    ],
)
def test_only_a_trusted_proxy_names_the_address(rf, peer, named, address):
    assert client_address(rf.get("/", REMOTE_ADDR=peer, headers={"X-Forwarded-For": named})) == address


def test_an_agent_is_described_in_known_words():
    assert describe_agent(FIREFOX) == "Firefox · Linux"
    assert describe_agent("curl/8") == ""
    assert redact(describe_agent("Chrome/1 Safari/1 Windows")) == "Chrome · Windows"


@pytest.mark.parametrize("path", ["/accounts/sessions/", "/settings/", "/groups/"])
def test_the_key_of_the_session_stands_on_no_page(owner, browse, path):
    client = browse(owner)
    assert client.session.session_key not in client.get(path).content.decode()
