"""Test the page of the notices and the webhook's pages."""

import re

import pytest
from django.utils import timezone

from groups.features.notices.models import Delivery, Notice, NoticeChoice, Webhook
from groups.features.notices.services import trial, webhooks
from groups.features.notices.services.webhooks import last_try
from groups.models import PosterCredentials
from tests.support.notices import change_elsewhere, later, set_webhook, tell
from tests.support.pages import hidden, text_of

pytestmark = pytest.mark.django_db
PAGE, WEBHOOK = "/account/notices/", "/account/notices/webhook/"
TRIAL = f"{WEBHOOK}trial/"
CHOSEN = {
    "review": "at_once",
    "job": "digest",
    "schedule": "off",
    "request": "off",
    "elsewhere": "off",
    "criteria": "off",
    "movements": "off",
    "token": "digest",
    "circuit": "at_once",
}


def test_a_choice_is_stored_and_shown(manager, browse):
    client = browse(manager)
    assert client.get(PAGE).text.count('value="off" selected') == 9
    answer = client.post(PAGE, CHOSEN)
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    page = client.get(PAGE).text
    for kind, how in CHOSEN.items():
        field = re.search(rf'<select name="{kind}".*?</select>', page, re.DOTALL)[0]
        assert f'value="{how}" selected' in field
    assert NoticeChoice.objects.filter(user=manager).count() == 4


@pytest.mark.parametrize("change", [{"job": "sometimes"}, {"job": ""}])
def test_an_unknown_choice_is_a_form_error(manager, browse, change):
    answer = browse(manager).post(PAGE, CHOSEN | change)
    assert answer.status_code == 422
    assert not NoticeChoice.objects.exists()


def test_the_page_says_why_no_mail_comes(manager, browse, settings):
    client = browse(manager)
    assert "Mail is not set up on this server." in text_of(client.get(PAGE))
    settings.EMAIL_ENABLED = True
    assert "You have no e-mail address here." in text_of(client.get(PAGE))
    manager.email = "manager@example.com"
    manager.save()
    assert "They go to manager@example.com." in text_of(client.get(PAGE))


def test_owners_alone_see_the_webhook(staff, owner, browse):
    assert "data-webhook" not in browse(staff).get(PAGE).text
    assert 'data-webhook="none"' in browse(owner).get(PAGE).text


def test_an_owner_sets_it_and_sees_the_secret_once(owner, browse, receiver):
    client = browse(owner)
    answer = client.post(WEBHOOK, {"address": receiver.address, "kinds": ["elsewhere", "job"]})
    secret = re.search(r"data-secret>(whsec_[^<]+)<", answer.text)[1]
    webhook = Webhook.objects.get()
    assert (set(webhook.kinds), webhook.secret.reveal()) == ({"elsewhere", "job"}, secret)
    for url in (PAGE, WEBHOOK):
        page = client.get(url).text
        assert secret not in page
        assert "channel=7" not in page
        assert f"http://127.0.0.1:{receiver.port}/…" in page
    renewed = client.post(f"{WEBHOOK}secret/")
    assert Webhook.objects.get().secret.reveal() in renewed.text
    assert secret not in renewed.text
    assert client.post(f"{WEBHOOK}remove/").status_code == 302
    assert 'data-webhook="none"' in client.get(PAGE).text
    assert client.post(f"{WEBHOOK}secret/")["Location"] == PAGE
    assert "saved" not in text_of(client.get(PAGE))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("secret", "refuses all notices until it knows the new one"),
        ("remove", "1 notice that has not arrived yet is deleted"),
    ],
)
def test_what_ends_is_asked_before_it_ends(owner, browse, receiver, step, words):
    secret = set_webhook(owner, receiver.address)
    receiver.answer = b"HTTP/1.1 500 Oops\r\n\r\n"
    change_elsewhere(owner)
    tell()
    client, url = browse(owner), f"{WEBHOOK}{step}/"
    assert f'href="{url}"' in client.get(PAGE).text
    assert f'action="{url}"' not in client.get(PAGE).text
    question = client.get(url)
    assert words in text_of(question)
    assert f"http://127.0.0.1:{receiver.port}/…" in text_of(question)
    assert Webhook.objects.get().secret.reveal() == secret
    client.post(url, hidden(question, "key"))
    webhook = Webhook.objects.first()
    assert webhook.secret.reveal() != secret if step == "secret" else webhook is None


def test_the_form_says_what_a_new_address_ends(owner, browse, receiver):
    set_webhook(owner, receiver.address)
    receiver.answer = b"HTTP/1.1 500 Oops\r\n\r\n"
    client, words = browse(owner), "A new address deletes 1 notice that has not arrived"
    assert words not in text_of(client.get(WEBHOOK))
    change_elsewhere(owner)
    tell()
    assert words in text_of(client.get(WEBHOOK))
    assert words in text_of(client.post(WEBHOOK, {"address": "nowhere", "kinds": ["job"]}))


@pytest.mark.parametrize("step", ["secret", "remove"])
def test_a_webhook_that_a_colleague_has_set_meanwhile_is_not_the_one_that_was_meant(
    owner, browse, receiver, step
):
    set_webhook(owner, receiver.address)
    client, url = browse(owner), f"{WEBHOOK}{step}/"
    form = hidden(client.get(url), "key")
    secret = set_webhook(owner, receiver.address)
    answer = client.post(url, form)
    assert answer.status_code == 409
    assert "The webhook was changed meanwhile. Nothing was done." in text_of(answer)
    assert Webhook.objects.get().secret.reveal() == secret
    assert client.post(url, hidden(answer, "key")).status_code in (200, 302)
    assert not Webhook.objects.filter(key=form["key"]).exists()


@pytest.mark.parametrize("step", ["secret", "remove"])
def test_nothing_is_asked_where_no_webhook_is_set(owner, browse, step):
    assert browse(owner).get(f"{WEBHOOK}{step}/")["Location"] == PAGE


def test_a_trial_is_one_signed_request_and_the_page_says_that_it_has_arrived(
    owner, browse, receiver, settings
):
    settings.SITE_URL = "https://loyalty.example.com"
    secret = set_webhook(owner, receiver.address)
    client = browse(owner)
    answer = client.post(TRIAL, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    assert "The trial has arrived: the webhook works." in text_of(answer)
    assert secret not in answer.text
    ((headers, body),) = receiver.requests
    (notice,) = receiver.bodies[0]["notices"]
    assert (notice["kind"], notice["url"]) == ("trial", "https://loyalty.example.com/account/notices/")
    assert notice["text"] == receiver.bodies[0]["text"].partition("\n")[0] != ""
    id_, time = headers["webhook-id"], headers["webhook-timestamp"]
    assert headers["webhook-signature"] == webhooks.sign(secret, id_, time, body)
    tell()
    assert len(receiver.requests) == 1
    assert (Delivery.objects.get().state, Notice.objects.count()) == ("sent", 0)


def test_a_trial_that_fails_says_why_and_is_not_sent_again(owner, browse, receiver):
    set_webhook(owner, receiver.address)
    receiver.answer = b"HTTP/1.1 500 Oops\r\n\r\nwords-of-the-receiver"
    client = browse(owner)
    page = client.post(TRIAL, follow=True)
    assert "The trial did not arrive: it answered with an error (500)." in text_of(page)
    assert 'data-webhook="failing"' in page.text
    assert "It is not sent again." in text_of(page)
    assert "words-of-the-receiver" not in page.text
    later(days=1)
    tell()
    assert len(receiver.requests) == 1


def test_the_next_trial_waits_ten_seconds_and_a_webhook_that_is_off_gets_none(owner, browse, receiver):
    client = browse(owner)
    assert "no webhook is set" in text_of(client.post(TRIAL, follow=True))
    set_webhook(owner, receiver.address)
    client.post(TRIAL)
    assert "Wait ten seconds." in text_of(client.post(TRIAL, follow=True))
    assert len(receiver.requests) == 1
    Delivery.objects.update(tried_at=timezone.now() - trial.PAUSE)
    client.post(TRIAL)
    assert len(receiver.requests) == 2
    Delivery.objects.update(tried_at=timezone.now() - trial.PAUSE)
    Webhook.objects.update(credentials=None)
    assert "no webhook is set" in text_of(client.post(TRIAL, follow=True))
    assert len(receiver.requests) == 2


def test_without_an_address_only_the_kinds_are_changed(owner, browse, receiver):
    set_webhook(owner, receiver.address)
    answer = browse(owner).post(WEBHOOK, {"address": "", "kinds": ["job"]})
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    webhook = Webhook.objects.get()
    assert (list(webhook.kinds), webhook.address.reveal()) == (["job"], receiver.address)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"address": "", "kinds": ["job"]}, "Enter an address."),
        ({"address": "http://hooks.example.com/", "kinds": ["job"]}, "must begin with https://"),
        ({"address": "http://127.0.0.1:5432/", "kinds": ["job"]}, "belongs to a service of this machine"),
        ({"address": "https://169.254.169.254/", "kinds": ["job"]}, "not for webhooks"),
        ({"address": "https://hooks.example.com/", "kinds": []}, "Choose at least one kind of event"),
        ({"address": "https://hooks.example.com/", "kinds": ["gossip"]}, "gossip"),
    ],
)
def test_what_is_wrong_with_the_form_is_said(owner, browse, form, words):
    answer = browse(owner).post(WEBHOOK, form)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert not Webhook.objects.exists()


def test_a_webhook_that_fails_is_seen_on_the_page(owner, browse, receiver):
    set_webhook(owner, receiver.address)
    receiver.answer = b"HTTP/1.1 500 Oops\r\n\r\nwords-of-the-receiver"
    change_elsewhere(owner)
    tell()
    page = browse(owner).get(PAGE)
    assert 'data-webhook="failing"' in page.text
    assert "it answered with an error (500). Next try:" in text_of(page)
    assert "words-of-the-receiver" not in page.text
    Delivery.objects.update(state=Delivery.State.GIVEN_UP)
    assert "It was given up after a day." in text_of(browse(owner).get(PAGE))
    assert last_try(Webhook.objects.get()).status == 500


def test_a_webhook_whose_owner_has_gone_is_seen_on_the_page(owner, outsider, browse, receiver):
    set_webhook(owner, receiver.address)
    assert 'data-webhook="on"' in browse(owner).get(PAGE).text
    PosterCredentials.objects.filter(user=owner).delete()
    PosterCredentials.objects.filter(user=outsider).update(account="demo")
    page = browse(outsider).get(PAGE)
    assert 'data-webhook="off"' in page.text
    assert "Nothing is sent." in text_of(page)


def test_a_refused_token_shows_nothing_of_the_webhook(owner, browse, receiver):
    set_webhook(owner, receiver.address)
    PosterCredentials.objects.filter(user=owner).update(refused_at=timezone.now())
    client = browse(owner)
    assert str(receiver.port) not in client.get(PAGE).text
    assert client.get(WEBHOOK).status_code == 424
    assert client.post(f"{WEBHOOK}remove/").status_code == 424
    assert client.post(TRIAL).status_code == 424
