"""Fixtures of notices: a user who wants to be told, a receiver, and the worker's rounds."""

import pytest

from tests.support.notices import set_webhook
from tests.support.webhook_receiver import Receiver

ADDRESS = "staff@example.com"


@pytest.fixture
def own_address(settings):
    """Let notices know the address of the dashboard, to which they link."""
    settings.SITE_URL = "https://loyalty.example.com"


@pytest.fixture
def reader(staff):
    """Return a user with a mail address."""
    staff.email = ADDRESS
    staff.save()
    return staff


@pytest.fixture
def receiver(settings):
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def secret(owner, receiver):
    """Set the webhook of the account to the receiver, and return its secret."""
    return set_webhook(owner, receiver.address)
