"""Test a forgotten password: from the sign-in page, through a real SMTP server, to the next sign-in."""

import logging
import re
import threading

import pytest
from django.contrib.auth.models import User

from poster_admin.users.models import EventKind, SecurityEvent, UserSession
from poster_admin.users.password_links import MAIL_THREAD
from tests.support.pages import text_of
from tests.support.people import PASSWORD
from tests.support.sign_in import choose_password

pytestmark = [
    pytest.mark.django_db,
    # aiosmtpd leaves the connection open by which it tries out whether it runs.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
LOGIN, RESET = "/accounts/login/", "/accounts/reset/"
NEW = "a-new-password-for-tests"
ADDRESS = "staff@example.com"


@pytest.fixture
def forgetful(staff):
    """Return a user of the dashboard who has an address here."""
    staff.email = ADDRESS
    staff.save()
    return staff


def ask(client, address=ADDRESS):
    """Ask for a link, and wait for its mail."""
    answer = client.post(RESET, {"email": address})
    wait_for_mail()
    return answer


def wait_for_mail():
    for thread in threading.enumerate():
        if thread.name == MAIL_THREAD:
            thread.join()


def link_in(message):
    (link,) = re.findall(r"http://testserver(/accounts/reset/\S+)", message.get_content())
    return link


def may_sign_in(client, password):
    return client.post(LOGIN, {"username": "staff", "password": password}).status_code == 302


def test_a_forgotten_password_is_replaced_from_the_sign_in_page(inbox, forgetful, browse):
    client, elsewhere = browse(), browse(forgetful)
    assert f'href="{RESET}"' in client.get(LOGIN).text
    sent = ask(client)
    assert (sent.status_code, sent["Location"]) == (302, "/accounts/reset/sent/")
    (message,) = inbox.mail
    assert (message["To"], message["From"]) == (ADDRESS, "loyalty@example.com")
    assert message["Subject"] == "Poster Admin: choose a new password"
    assert "Your name for the sign-in: staff" in message.get_content()

    done = choose_password(client, link_in(message), NEW)
    assert (done.status_code, done["Location"]) == (302, "/accounts/reset/done/")
    assert may_sign_in(browse(), NEW)
    assert not may_sign_in(browse(), PASSWORD)
    assert elsewhere.get("/groups/").status_code == 302
    assert UserSession.objects.filter(user=forgetful).count() == 1
    assert SecurityEvent.objects.filter(kind=EventKind.PASSWORD, about="staff").exists()


def test_the_link_leads_to_the_address_of_the_site_whatever_host_was_asked(
    inbox, forgetful, browse, settings
):
    settings.ALLOWED_HOSTS = [".example.com"]
    settings.SITE_URL = "https://loyalty.example.com/"
    ask(browse(HTTP_HOST="evil.example.com:8443"))
    body = inbox.mail[0].get_content()
    assert "https://loyalty.example.com/accounts/reset/" in body
    assert "evil" not in body


@pytest.mark.parametrize("language", ["uk", "ru"])
def test_the_mail_is_in_the_language_of_the_page(inbox, forgetful, browse, language):
    ask(browse(language=language))
    (message,) = inbox.mail
    assert "Somebody" not in message.get_content()
    assert re.search("[а-я]", str(message["Subject"]))
    assert link_in(message)


def test_a_link_holds_once_and_not_for_long(inbox, forgetful, browse, settings):
    client = browse()
    ask(client)
    link = link_in(inbox.mail[0])
    choose_password(client, link, NEW)
    again = browse().get(link)
    assert "This link no longer holds" in text_of(again)
    ask(client)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "This link no longer holds" in text_of(browse().get(link_in(inbox.mail[1])))
    assert may_sign_in(browse(), NEW)


def test_links_that_do_not_hold_are_bounded_and_the_right_one_is_not(inbox, forgetful, browse):
    client = browse()
    ask(client)
    right = link_in(inbox.mail[0])
    paths = ("/accounts/reset/MQ/wrong-token/", "/accounts/invitation/MQ/wrong-token/")
    answers = [browse().get(paths[number % 2]) for number in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert int(answers[-1]["Retry-After"]) > 3500
    choose_password(client, right, NEW)
    assert may_sign_in(browse(), NEW)


def test_a_weak_password_is_refused_and_the_link_still_holds(inbox, forgetful, browse):
    client = browse()
    ask(client)
    link = link_in(inbox.mail[0])
    assert choose_password(client, link, "short").status_code == 422
    assert choose_password(client, link, NEW).status_code == 302


@pytest.mark.parametrize("address", ["stranger@example.com", "blocked@example.com", "company@example.com"])
def test_the_answer_is_the_same_for_everybody_and_only_users_with_a_password_get_mail(
    inbox, forgetful, browse, address
):
    User.objects.create_user("blocked", "blocked@example.com", PASSWORD, is_active=False)
    User.objects.create_user("company", "company@example.com").set_unusable_password()
    known, other = ask(browse()), ask(browse(), address)
    assert (known.status_code, known["Location"]) == (other.status_code, other["Location"])
    assert [message["To"] for message in inbox.mail] == [ADDRESS]


def test_the_answer_does_not_wait_for_the_mail_and_so_reveals_no_name(inbox, forgetful, browse):
    inbox.goes_on.clear()
    assert browse().post(RESET, {"email": ADDRESS}).status_code == 302
    assert inbox.mail == []
    inbox.goes_on.set()
    wait_for_mail()
    assert len(inbox.mail) == 1


def test_what_is_no_address_is_a_form_error(inbox, browse):
    for text in ("", "staff"):
        answer = ask(browse(), text)
        assert answer.status_code == 422
    assert "Enter an address such as" in text_of(answer)


def test_an_address_gets_only_so_much_mail(inbox, forgetful, browse):
    statuses = [ask(browse(), ADDRESS.upper() if each % 2 else ADDRESS).status_code for each in range(6)]
    assert statuses == [302] * 3 + [429] * 3
    assert len(inbox.mail) == 3


def test_a_lock_of_the_sign_in_is_lifted(inbox, forgetful, browse):
    client = browse()
    for _ in range(6):
        client.post(LOGIN, {"username": "staff", "password": "wrong"})
    assert client.post(LOGIN, {"username": "staff", "password": PASSWORD}).status_code == 429
    ask(client)
    choose_password(client, link_in(inbox.mail[0]), NEW)
    assert may_sign_in(client, NEW)


@pytest.mark.parametrize("refuses", ["the mail", "the address"])
def test_a_mail_server_that_refuses_is_logged_and_reveals_no_name(inbox, forgetful, browse, caplog, refuses):
    inbox.refuses = refuses
    with caplog.at_level(logging.ERROR):
        assert ask(browse())["Location"] == "/accounts/reset/sent/"
    assert "The mail server took no mail with a link to a new password" in caplog.text
    assert ADDRESS not in caplog.text
    assert inbox.mail == []


def test_the_link_is_in_no_line_of_the_log(inbox, forgetful, browse, log_stream):
    stream, client = log_stream("line"), browse()
    ask(client)
    link = link_in(inbox.mail[0])
    choose_password(client, link, NEW)
    written = stream.getvalue()
    assert "GET /accounts/reset/" in written
    assert link.split("/")[4].partition("-")[2] not in written


def test_without_a_mail_server_nobody_is_offered_one(browse, settings):
    assert not settings.EMAIL_ENABLED
    client = browse()
    assert RESET not in client.get(LOGIN).text
    for path in (RESET, f"{RESET}sent/", f"{RESET}done/", f"{RESET}MQ/a-token/"):
        assert client.get(path).status_code == 404
    assert ask(client).status_code == 404


def test_a_user_who_is_signed_in_may_choose_a_new_password_too(inbox, forgetful, browse):
    client = browse(forgetful)
    ask(client)
    done = choose_password(client, link_in(inbox.mail[0]), NEW)
    assert (done.status_code, done["Location"]) == (302, "/accounts/reset/done/")
    assert client.get("/groups/").status_code == 302
    assert may_sign_in(browse(), NEW)
