"""Test what operators are notified of notices: by `manage.py doctor` and by the metrics."""

import datetime as dt

import pytest
from django.utils import timezone

from groups.features.notices.models import Delivery, Webhook
from groups.services.calls.metrics import of_database
from poster_admin.common.encryption import Secret
from tests.support.doctor import doctor_says

pytestmark = pytest.mark.django_db


def test_a_webhook_that_fails_and_mail_that_is_not_taken_are_named(owner, sandbox):
    webhook = Webhook.objects.create(
        account=owner.credentials.account,
        credentials=owner.credentials,
        address=Secret("http://127.0.0.1:9000/"),
        secret=Secret("whsec_"),
    )
    failed = {"failure": Delivery.Failure.STATUS, "tried_at": timezone.now()}
    assert doctor_says()[1]["notices"] == [("ok", "no mail, waiting: 0")]
    Delivery.objects.create(webhook=webhook, **failed)
    Delivery.objects.create(user=owner, **failed)
    assert doctor_says()[1]["notices"] == [
        ("warning", "the webhook of demo fails: /account/notices/ says why"),
        ("warning", "mails that the mail server did not take: 1"),
    ]
    old = timezone.now() - dt.timedelta(days=2)
    Delivery.objects.update(tried_at=old)
    assert doctor_says()[1]["notices"][0][0] == "ok"


def test_the_metrics_count_the_messages_that_wait_or_were_given_up(owner):
    for state in ("waiting", "given_up", "given_up", "sent"):
        Delivery.objects.create(user=owner, state=state)

    def counted(state):
        return of_database().get_sample_value("notices_not_sent", {"state": state})

    assert [counted(state) for state in ("waiting", "given_up", "sent")] == [1, 2, None]
