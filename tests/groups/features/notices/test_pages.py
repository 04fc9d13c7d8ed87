"""Test the page of the notices, with the chat in Telegram."""

import re

import pytest

from groups.features.notices import services
from groups.features.notices.models import Delivery, NoticeChoice, TelegramChat
from tests.support.notices import later, tell
from tests.support.pages import text_of
from tests.support.sign_in import after_a_while
from tests.support.telegram import CHAT, TOKEN

pytestmark = pytest.mark.django_db
PAGE, TELEGRAM = "/account/notices/", "/account/notices/telegram/"
CHOSEN = {
    "review": "at_once",
    "job": "digest",
    "schedule": "off",
    "cards": "off",
    "facts": "off",
    "request": "off",
    "elsewhere": "off",
    "criteria": "off",
    "movements": "off",
    "token": "digest",
    "circuit": "at_once",
}


def test_a_choice_is_stored_and_shown(manager, browse):
    client = browse(manager)
    assert client.get(PAGE).text.count('value="off" selected') == 11
    answer = client.post(PAGE, CHOSEN)
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    page = client.get(PAGE).text
    for kind, how in CHOSEN.items():
        field = re.search(rf'<select name="{kind}".*?</select>', page, re.DOTALL)[0]
        assert f'value="{how}" selected' in field
    assert NoticeChoice.objects.filter(user=manager).count() == 4


@pytest.mark.parametrize(("which", "others"), [("needed", "off"), ("all", "digest")])
def test_one_answer_is_enough_for_all_kinds(manager, browse, which, others):
    client = browse(manager)
    assert client.post(PAGE, {"which": which}).status_code == 302
    chosen = services.choices_of(manager)
    assert (chosen["review"], chosen["request"], chosen["circuit"]) == ("at_once", "at_once", others)
    assert re.search(rf'value="{which}"[^>]*\schecked', client.get(PAGE).text)


def test_an_unknown_choice_is_a_form_error(manager, browse):
    assert browse(manager).post(PAGE, CHOSEN | {"job": "sometimes"}).status_code == 422
    assert not NoticeChoice.objects.exists()


def test_the_page_says_why_no_mail_comes(manager, browse, settings):
    client = browse(manager)
    assert "Mail is not set up on this server." in text_of(client.get(PAGE))
    settings.EMAIL_ENABLED = True
    assert "You have no e-mail address here." in text_of(client.get(PAGE))
    manager.email = "manager@example.com"
    manager.save()
    assert "They go to manager@example.com." in text_of(client.get(PAGE))


def test_a_chat_is_set_tried_by_the_worker_and_removed(manager, browse, telegram):
    client = browse(manager)
    assert 'data-telegram="none"' in client.get(PAGE).text
    answer = client.post(TELEGRAM, {"token": TOKEN, "chat": CHAT}, follow=True)
    assert 'data-telegram="trial"' in answer.text
    assert not telegram.messages
    tell()
    page = client.get(PAGE)
    assert 'data-telegram="on"' in page.text
    assert "it has arrived" in text_of(page)
    client.post(f"{TELEGRAM}trial/")
    tell()
    assert len(telegram.messages) == 2
    client.post(f"{TELEGRAM}remove/")
    assert not TelegramChat.objects.exists()


def test_why_a_message_did_not_arrive_is_said_without_token_and_chat(manager, browse, telegram):
    client = browse(manager)
    telegram.status = 403
    client.post(TELEGRAM, {"token": TOKEN, "chat": CHAT})
    tell()
    page = client.get(PAGE)
    assert 'data-telegram="failing"' in page.text
    assert "the bot may not write in this chat; add it there, or send it /start. Next try:" in text_of(page)
    Delivery.objects.update(state=Delivery.State.GIVEN_UP)
    assert "It was given up after a day." in text_of(client.get(PAGE))
    assert TOKEN not in page.text
    assert CHAT not in page.text


def test_the_address_that_the_chat_had_leads_to_its_form(manager, browse):
    client = browse(manager)
    answer = client.get(TELEGRAM)
    assert (answer.status_code, answer["Location"]) == (301, f"{PAGE}#telegram")
    assert 'name="chat"' in client.get(PAGE).text
    page = after_a_while(client).get(PAGE).text
    assert 'name="chat"' not in page
    assert f"/accounts/confirm/?next={PAGE}" in page


def test_a_trial_that_arrives_counts_more_than_the_one_whose_place_it_took(manager, browse, telegram):
    client = browse(manager)
    telegram.status = 500
    client.post(TELEGRAM, {"token": TOKEN, "chat": CHAT})
    tell()
    telegram.status = 200
    client.post(f"{TELEGRAM}trial/")
    tell()
    later(minutes=1)
    tell()
    assert 'data-telegram="on"' in client.get(PAGE).text
    assert len(telegram.messages) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"token": ""}, "This field is required."),
        ({"token": f"{TOKEN}/../other"}, "Enter the token alone"),
        ({"token": f"bot{TOKEN}"}, "Enter the token alone"),
        ({"chat": "team"}, "Enter the number of a chat"),
        ({"chat": f"{CHAT}\n1"}, "Enter the number of a chat"),
    ],
)
def test_what_is_wrong_with_the_form_is_said_and_the_token_not_repeated(manager, browse, change, words):
    answer = browse(manager).post(TELEGRAM, {"token": TOKEN, "chat": CHAT} | change)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert TOKEN not in answer.text
    assert not TelegramChat.objects.exists()
