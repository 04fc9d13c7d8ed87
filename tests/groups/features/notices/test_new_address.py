"""Test that a new address gets nothing that was meant for the one before it, anyone who acts meanwhile."""

import re

import pytest

from groups.features.notices.models import Delivery, Notice, NoticeChoice, Webhook
from groups.features.notices.services import addresses, deliveries, outbox, webhooks
from tests.support.notices import change_elsewhere, later, set_webhook, tell, wants, work
from tests.support.threads import at_once
from tests.support.webhook_receiver import Receiver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_address")]
BUSY = b"HTTP/1.1 503 Busy\r\n\r\n"


@pytest.fixture
def other():
    """Return the receiver to which the address is changed."""
    receiver = Receiver()
    yield receiver
    receiver.close()


def meanwhile(monkeypatch, module, name, act):
    """Let something happen once, right after a function of a module has returned."""
    ask, acts = getattr(module, name), [act]

    def asked(*args, **options):
        result = ask(*args, **options)
        result = result if isinstance(result, int) else list(result)
        if acts:
            acts.pop()()
        return result

    monkeypatch.setattr(module, name, asked)


def test_an_address_that_is_set_while_a_worker_looks_is_told_of_nothing_older(
    owner, receiver, secret, other, monkeypatch
):
    for _ in range(5):
        change_elsewhere(owner)
    meanwhile(monkeypatch, outbox, "events_since", lambda: set_webhook(owner, other.address, ["job"]))
    tell()
    tell()
    assert (receiver.requests, other.requests) == ([], [])
    assert not Notice.objects.exists()


def test_a_webhook_that_is_removed_and_set_again_while_a_worker_looks_is_told_of_nothing_older(
    owner, receiver, secret, monkeypatch
):
    def again():
        webhooks.remove_webhook(owner.credentials)
        set_webhook(owner, receiver.address)

    change_elsewhere(owner)
    meanwhile(monkeypatch, outbox, "events_since", again)
    tell()
    tell()
    assert not receiver.requests


def test_what_waits_for_an_address_ends_with_it(owner, receiver, secret, other):
    receiver.answer = BUSY
    change_elsewhere(owner)
    tell()
    waits = Delivery.objects.get()
    change_elsewhere(owner)
    outbox.write_notices()
    before = Webhook.objects.get().key
    set_webhook(owner, other.address)
    assert Webhook.objects.get().key != before
    assert not Notice.objects.exists()
    later(hours=9)
    tell()
    deliveries.deliver.call(str(waits.pk))
    assert (len(receiver.requests), len(other.requests)) == (1, 0)


def test_a_message_that_is_taken_up_as_its_address_goes_is_sent_nowhere(
    owner, receiver, secret, other, monkeypatch
):
    change_elsewhere(owner)
    outbox.write_notices()
    meanwhile(monkeypatch, deliveries, "queue_due_notices", lambda: set_webhook(owner, other.address))
    tell()
    assert (receiver.requests, other.requests) == ([], [])


def test_a_webhook_that_is_gone_keeps_no_kinds(owner, receiver, secret):
    webhooks.remove_webhook(owner.credentials)
    with pytest.raises(addresses.AddressRefused):
        set_webhook(owner, "", ["job"])
    assert not Webhook.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_addresses_that_change_while_workers_tell_each_gets_its_own_events_alone(owner, receiver, other):
    def change():
        for number in range(8):
            set_webhook(owner, (receiver, other)[number % 2].address)
            change_elsewhere(owner, group_name=f"group {number}")

    def look():
        for _ in range(8):
            work()

    assert at_once(change, look, look) == [None] * 3
    work()
    for parity, each in enumerate((receiver, other)):
        told = [int(name) for body in each.bodies for name in re.findall(r"group (\d)", body["text"])]
        assert all(number % 2 == parity for number in told)
    assert "group 7" in other.bodies[-1]["text"]


def test_who_has_another_mail_address_is_told_there_and_nowhere_else(reader, inbox):
    """The reader is the user: what a user has chosen follows to another address, and leaves the old one."""
    wants(reader)
    change_elsewhere(reader)
    inbox.refuses = "the mail"
    tell()
    reader.email = "new@example.com"
    reader.save()
    inbox.refuses = ""
    later(seconds=31)
    tell()
    assert [message["To"] for message in inbox.mail] == ["new@example.com"]


def test_a_kind_that_is_switched_off_while_a_worker_looks_is_not_told(reader, inbox, monkeypatch):
    wants(reader)
    change_elsewhere(reader)
    meanwhile(monkeypatch, outbox, "events_since", lambda: wants(reader, NoticeChoice.How.OFF))
    tell()
    assert not inbox.mail
