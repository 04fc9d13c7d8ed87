"""Notices: their readers, events to be notified of, and the rounds of the worker."""

from datetime import timedelta

from django.utils import timezone

from groups.features.notices import services as notices
from groups.features.notices.models import Delivery, Notice, NoticeChoice
from groups.models import Change, Job
from groups.services.events import event_sources

KINDS = [source.kind for source in event_sources]


def wants(user, how=NoticeChoice.How.AT_ONCE, *kinds):
    """Let a user be notified of these kinds of events, or of all."""
    notices.choose_notices(user, dict.fromkeys(kinds or KINDS, how))


def mailed(*users):
    """Look for events, and return the texts of all notices of the users, one after the other."""
    notices.write_notices()
    return [notice.text for user in users for notice in Notice.objects.filter(user=user)]


def tell():
    """Do what a worker does every few seconds: look, pack, and send."""
    notices.tell_events()
    for reader in notices.readers_due():
        notices.send_due(reader)


def later(**time):
    """Let so much time pass for the messages that wait."""
    ago = timedelta(**time)
    for delivery in Delivery.objects.waiting():
        Delivery.objects.filter(pk=delivery.pk).update(next_try_at=delivery.next_try_at - ago)


def change_elsewhere(user, **values):
    """Write down a change that somebody made in Poster's console."""
    before = {"name": "Гості", "loyalty_type": 1, "percent": "10", "birthday_bonus": "50"}
    usual = {"action": Change.Action.UPDATE, "group_name": "Гості", "before": before}
    usual["after"] = before | {"percent": "12.5"}
    change = Change(
        account=user.credentials.account,
        group_id=1,
        target="group:1",
        state=Change.State.ELSEWHERE,
        settled_at=timezone.now(),
        **usual | values,
    )
    change.save()
    return change


def saved_job(user, **values):
    account = user.credentials.account
    names = {"group_id": 4, "group_name": "Старі", "target_id": 1, "target_name": "Гості"}
    return Job.objects.create(account=account, user_name="owner", kind="move", **names, **values)
