"""Test invitations: from the form of a new person, through a real SMTP server, to the first sign-in."""

import logging
import re
import time
from datetime import timedelta
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.utils.http import urlsafe_base64_encode

from poster_admin.users import password_links
from poster_admin.users.models import EventKind, Guardian, SecurityEvent
from tests.support.pages import text_of
from tests.support.sign_in import choose_password

pytestmark = [
    pytest.mark.django_db,
    # aiosmtpd leaves the connection open by which it tries out whether it runs.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PEOPLE_NEW, LOGIN, ADDRESS = "/people/new/", "/accounts/login/", "olena@example.com"
OLENA = {"username": "olena", "full_name": "Олена Коваль", "email": ADDRESS, "role": "Staff"}
PASSWORD = "a-first-password-for-tests"
NO_LONGER = "This link no longer holds"


def olena():
    return User.objects.get(username="olena")


def page():
    return f"/people/{olena().pk}/"


def invite(client, **values):
    """Create a person as the client, and return the page that follows."""
    return client.post(PEOPLE_NEW, OLENA | values, follow=True)


def link_in(message):
    (link,) = re.findall(r"http://testserver(/accounts/invitation/\S+)", message.get_content())
    return link


def signs_in(client, password=PASSWORD):
    return client.post(LOGIN, {"username": "olena", "password": password}).status_code == 302


def test_a_new_person_is_invited_by_mail_and_chooses_the_password(inbox, owner, browse):
    client = browse(owner)
    answer = invite(client)
    assert answer.redirect_chain == [(page(), 302)]
    assert "“Олена Коваль” was created and invited by mail." in text_of(answer)
    assert "data-password" not in answer.text
    (message,) = inbox.mail
    assert (message["To"], message["From"]) == (ADDRESS, "loyalty@example.com")
    assert message["Subject"] == "Poster Admin: your invitation"
    assert "owner invites you" in message.get_content()
    assert "Your name for the sign-in: olena" in message.get_content()

    theirs = browse()
    form = theirs.get(link_in(message), follow=True)
    assert "Choose your password" in text_of(form)
    assert "Your name for the sign-in: olena" in text_of(form)
    done = choose_password(theirs, link_in(message), PASSWORD)
    assert (done.status_code, done["Location"]) == (302, "/accounts/invitation/done/")
    assert "Your password is saved" in text_of(theirs.get(done["Location"]))
    assert signs_in(theirs)
    assert theirs.get("/accounts/sessions/").status_code == 200
    assert SecurityEvent.objects.filter(kind=EventKind.INVITED, user=owner, about="olena").count() == 1
    assert SecurityEvent.objects.filter(kind=EventKind.PASSWORD, about="olena").count() == 1


@pytest.mark.parametrize(
    ("language", "words", "page_words"),
    [
        ("uk", "запрошує вас до Poster Admin", "Виберіть свій пароль"),
        ("ru", "приглашает вас в Poster Admin", "Выберите свой пароль"),
        ("en", "invites you to Poster Admin", "Choose your password"),
    ],
)
def test_the_mail_is_in_the_language_of_who_invites(inbox, owner, browse, language, words, page_words):
    invite(browse(owner, language=language))
    (message,) = inbox.mail
    assert words in message.get_content()
    assert bool(re.search("[а-я]", str(message["Subject"]))) == (language != "en")
    assert page_words in text_of(browse(language=language).get(link_in(message), follow=True))


@pytest.mark.parametrize("ends", ["used", "signed in", "other address", "blocked", "other password"])
def test_a_link_holds_until_it_is_used_or_the_person_is_another(inbox, owner, browse, ends):
    client = browse(owner)
    invite(client)
    link = link_in(inbox.mail[0])
    match ends:
        case "used":
            choose_password(browse(), link, PASSWORD)
        case "signed in":
            olena_now = olena()
            browse().force_login(olena_now, backend="groups.permissions.CredentialsBackend")
            assert User.objects.get(pk=olena_now.pk).last_login
        case "other address":
            client.post(page(), {"full_name": "Олена", "email": "iryna@example.com", "role": "Staff"})
        case "blocked":
            client.post(f"{page()}?step=block", {"active": "0"})
        case "other password":
            client.post(f"{page()}?step=password")
    assert NO_LONGER in text_of(browse().get(link))


@pytest.mark.parametrize(("minutes", "words"), [(-1, "Choose your password"), (1, NO_LONGER)])
def test_a_link_holds_for_three_days(inbox, owner, browse, minutes, words):
    invite(browse(owner))
    path, _, _ = link_in(inbox.mail[0]).rstrip("/").rpartition("/")
    past = time.time() - timedelta(days=3, minutes=minutes).total_seconds()
    with mock.patch("time.time", return_value=past):
        token = password_links.tokens.make_token(olena())
    assert words in text_of(browse().get(f"{path}/{token}/", follow=True))


def test_a_link_is_for_one_person_and_not_for_a_forgotten_password(inbox, owner, staff, browse):
    invite(browse(owner))
    uid, token = link_in(inbox.mail[0]).split("/")[3:5]
    other = urlsafe_base64_encode(str(staff.pk).encode())
    for path in (
        f"/accounts/invitation/{other}/{token}/",
        f"/accounts/invitation/{uid}/{token[:-1]}/",
        f"/accounts/invitation/{uid}/{token.partition(':')[0]}/",
        f"/accounts/reset/{uid}/{token}/",
    ):
        assert NO_LONGER in text_of(browse().get(path))


def test_a_weak_password_is_refused_and_the_link_still_holds(inbox, owner, browse):
    client = browse()
    invite(browse(owner))
    link = link_in(inbox.mail[0])
    refused = choose_password(client, link, "short")
    assert refused.status_code == 422
    assert "Choose your password" in text_of(refused)
    assert choose_password(client, link, PASSWORD).status_code == 302


def test_an_invitation_is_sent_again_until_the_first_sign_in(inbox, owner, browse):
    client = browse(owner)
    invite(client)
    assert "Send the invitation again" in text_of(client.get(page()))
    again = client.post(f"{page()}invite/", follow=True)
    assert "“Олена Коваль” was invited by mail." in text_of(again)
    assert [message["To"] for message in inbox.mail] == [ADDRESS] * 2
    choose_password(browse(), link_in(inbox.mail[1]), PASSWORD)
    assert signs_in(browse())
    assert "Send the invitation again" not in text_of(client.get(page()))
    late = client.post(f"{page()}invite/", follow=True)
    assert "No invitation was sent: the person has a password" in text_of(late)
    assert len(inbox.mail) == 2


@pytest.mark.parametrize("fault", ["the mail", "the address", "wrong password", "down"])
def test_a_mail_server_that_takes_none_leaves_a_password_and_another_try(
    inbox, owner, browse, settings, caplog, fault
):
    client, options = browse(owner), settings.MAILERS["default"]["OPTIONS"]
    right = dict(options)
    inbox.refuses = fault
    if fault == "wrong password":
        options["password"] = "another-password"
    if fault == "down":
        # The discard port: nothing listens there.
        options["port"] = 9
    with caplog.at_level(logging.ERROR):
        answer = invite(client)
    assert answer.status_code == 200
    assert 'data-notice="error"' in answer.text
    assert "The invitation could not be sent" in text_of(answer)
    assert "The mail server took no mail with an invitation" in caplog.text
    assert ADDRESS not in caplog.text
    assert not SecurityEvent.objects.filter(kind=EventKind.INVITED).exists()
    shown = re.search(r"data-password>([^<]+)<", answer.text)[1]
    again = client.post(f"{page()}invite/", follow=True)
    assert "No invitation was sent: the mail server did not take it." in text_of(again)

    options.update(right)
    inbox.refuses = ""
    client.post(f"{page()}invite/")
    assert len(inbox.mail) == 1
    assert signs_in(browse(), shown)


def test_without_an_address_a_password_is_shown(inbox, owner, browse):
    client = browse(owner)
    assert "With an e-mail address the person is invited by mail" in text_of(client.get(PEOPLE_NEW))
    answer = invite(client, email="")
    assert signs_in(browse(), re.search(r"data-password>([^<]+)<", answer.text)[1])
    assert "could not be sent" not in text_of(answer)
    assert inbox.mail == []


def test_without_a_mail_server_nobody_is_offered_one(owner, browse, settings):
    assert not settings.EMAIL_ENABLED
    client = browse(owner)
    assert "invited by mail" not in text_of(client.get(PEOPLE_NEW))
    assert "data-password" in invite(client).text
    assert "Send the invitation again" not in text_of(client.get(page()))
    assert "No invitation was sent" in text_of(client.post(f"{page()}invite/", follow=True))
    for path in ("/accounts/invitation/MQ/a-token/", "/accounts/invitation/done/"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("has_password", ["given", "chosen", "shown"])
def test_an_invitation_is_not_sent_again_to_somebody_who_has_a_password(inbox, owner, browse, has_password):
    client = browse(owner)
    if has_password == "shown":
        invite(client, email="")
        client.post(page(), {"full_name": "Олена", "email": ADDRESS, "role": "Staff"})
    else:
        invite(client)
        assert "Send the invitation again" in text_of(client.get(page()))
    mails = len(inbox.mail)
    match has_password:
        case "given":
            client.post(f"{page()}?step=password")
        case "chosen":
            choose_password(browse(), link_in(inbox.mail[0]), PASSWORD)
    assert olena().last_login is None
    assert "Send the invitation again" not in text_of(client.get(page()))
    assert "the person has a password by now" in text_of(client.post(f"{page()}invite/", follow=True))
    assert len(inbox.mail) == mails


def test_a_user_of_the_company_sign_in_is_not_invited(inbox, owner, browse):
    User.objects.create_user("olena", ADDRESS).groups.set(owner.groups.all())
    Guardian.objects.create(user=olena(), guardian=owner, invited=True)
    client = browse(owner)
    assert not olena().has_usable_password()
    assert "Send the invitation again" not in text_of(client.get(page()))
    assert "No invitation was sent" in text_of(client.post(f"{page()}invite/", follow=True))
    assert inbox.mail == []


def test_the_link_leads_to_the_address_of_the_site_whatever_host_was_asked(inbox, owner, browse, settings):
    settings.ALLOWED_HOSTS = [".example.com"]
    settings.SITE_URL = "https://loyalty.example.com/"
    client = browse(owner, HTTP_HOST="evil.example.com:8443")
    client.post(PEOPLE_NEW, OLENA)
    body = inbox.mail[0].get_content()
    assert "https://loyalty.example.com/accounts/invitation/" in body
    assert "evil" not in body


def test_the_link_is_in_no_line_of_the_log(inbox, owner, browse, log_stream):
    stream = log_stream("line")
    invite(browse(owner))
    link = link_in(inbox.mail[0])
    choose_password(browse(), link, PASSWORD)
    written = stream.getvalue()
    assert "GET /accounts/invitation/" in written
    assert link.split("/")[4].partition(":")[0] not in written
