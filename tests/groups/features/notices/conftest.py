"""Fixtures of notices: users who want notices, and a Telegram."""

import pytest

from groups.features.notices.services import set_chat
from poster_admin.users.models import ChosenLanguage
from tests.support.telegram import CHAT, TOKEN, telegram_server


@pytest.fixture
def own_address(settings):
    """Let notices know the address of the dashboard, to which they link."""
    settings.SITE_URL = "https://loyalty.example.com"


@pytest.fixture
def reader(staff, settings):
    """Return a user with a mail address who reads English."""
    settings.EMAIL_ENABLED = True
    staff.email = "staff@example.com"
    staff.save()
    ChosenLanguage.objects.create(user=staff, language="en")
    return staff


@pytest.fixture
def telegram(settings):
    with telegram_server() as telegram:
        settings.TELEGRAM_URL = telegram.url
        yield telegram


@pytest.fixture
def chatting(reader, telegram):
    """Return the reader, who has set a chat."""
    set_chat(reader, token=TOKEN, chat=CHAT)
    return reader
