"""Compare the last outcome of each group in the journal with the remote state; change nothing."""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from groups.models import Change, PosterCredentials
from groups.poster import GroupList, GroupValues, PosterClient
from groups.services.gateway import call_poster
from groups.services.writes.commands import Command
from groups.services.writes.outcome import differing
from groups.services.writes.reconcile import first_allowed, usable_credentials

log = logging.getLogger("groups.journal")
SETTLED = (*Change.HAPPENED, *Change.NOTHING_CHANGED)


@dataclass(frozen=True, slots=True)
class Unexplained:
    change: Change
    problem: str

    def __str__(self) -> str:
        return f"group {self.change.group_id}: {self.problem}, change {self.change.pk} {self.change.state}"


def accounts_to_audit() -> dict[str, list[PosterCredentials]]:
    found: dict[str, list[PosterCredentials]] = {}
    usable = usable_credentials().filter(user__is_active=True, account__changes__isnull=False).distinct()
    for credentials in usable.order_by("account", "pk"):
        found.setdefault(credentials.account_id, []).append(credentials)
    return found


def audit(usable: list[PosterCredentials]) -> list[Unexplained]:
    """Return the differences that the account's journal does not explain, read with the first token that may.

    A single read may be outdated or wrong, so a finding has to appear in two reads. Raises `PosterError`.
    """
    return first_allowed(usable, _audit) or []


def _audit(credentials: PosterCredentials) -> list[Unexplained]:
    # The last change of each group, made here or elsewhere, if it was settled POSTER_LAG_SECONDS ago.
    is_seen = Q(sent_at__isnull=False) | Q(state=Change.State.ELSEWHERE)
    sent = Change.objects.filter(is_seen, account=credentials.account_id, client_id__isnull=True)
    later = sent.filter(group_id=OuterRef("group_id"), created_at__gt=OuterRef("created_at"))
    settled_by = timezone.now() - timedelta(seconds=settings.POSTER_LAG_SECONDS)
    rows = sent.filter(settled_at__lte=settled_by, state__in=SETTLED, group_id__isnull=False)
    changes = list(rows.exclude(Exists(later)).order_by("group_id"))
    first = _findings(changes, call_poster(credentials, PosterClient.get_groups))
    if not first:
        return []
    time.sleep(settings.POSTER_CONFIRM_SECONDS)
    again = call_poster(credentials, PosterClient.get_groups)
    second = _findings([finding.change for finding in first], again)
    findings = [finding for finding in second if finding in first]
    for finding in findings:
        log.warning("Not explained by the history of %s: %s", credentials.account_id, finding)
    return findings


def _findings(changes: list[Change], listed: GroupList) -> list[Unexplained]:
    groups = {group.id: group for group in listed.present}
    unreadable = {row.id for row in listed.unreadable}
    found = []
    for change in changes:
        if change.group_id in unreadable or None in unreadable:
            continue
        made, group = change.state in Change.HAPPENED, groups.get(change.group_id or 0)
        expected = change.after if made else change.before
        if Command.kind_of(change).removes and made:
            if group:
                found.append(Unexplained(change, "is there although it was removed"))
        elif expected is None or "name" not in expected:
            pass  # a user has resolved the change, and the values after it were never read
        elif group is None:
            found.append(Unexplained(change, "is gone"))
        elif fields := differing(GroupValues.from_json(expected), group):
            found.append(Unexplained(change, f"has another {', '.join(fields)}"))
    return found
