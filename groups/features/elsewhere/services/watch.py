"""Look for changes that were not made here, and write them into the history. Only workers do that.

The token is that of an owner who has switched the watch of the account on; the right to it is asked at each
look.
"""

import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.features.elsewhere.models import LONGEST_LOOK, Watch
from groups.features.elsewhere.services.compare import ChangeElsewhere, Look, Picture, alike, compare
from groups.models import Change, GroupsCopy, PosterAccount, PosterCredentials
from groups.models.leases import RELEASED, Lease
from groups.poster import GroupList, GroupValues, NotFound, PosterError
from groups.services.events import Event, changes_in, event_source, one_line
from groups.services.gateway import call_poster
from groups.services.groups import list_listeners
from groups.services.installation.maintenance import routine
from groups.services.values import difference_words
from poster_admin.users.models import Event as SecurityEvent
from poster_admin.users.security_log import record

log = logging.getLogger("groups.journal")

Reason = Change.Reason
WATCH_ACCOUNT = "groups.watch_account"
# Time in which a write made here that was sent and not seen may still arrive.
LATE = timedelta(hours=24)
# The clocks of servers that settle changes may be behind the worker's.
MARGIN = timedelta(minutes=15)
# The pause to the next look after a difference doubles at most this often.
LONGEST_DOUBLING = 10
# The pause to the next look with a token that Poster refuses: it may have done so by mistake.
REFUSED = timedelta(minutes=30)
# Age up to which a list that a page has read is a hint to look, and the shortest time between two such looks.
HINT_AGE = timedelta(seconds=3)
HINTS_APART = timedelta(seconds=30)
# Most groups that one look asks for alone, because the list lacks them; the next look asks for more.
MOST_ASKED = 10


def switch_on(credentials: PosterCredentials) -> None:
    """Let the worker look with these credentials. Raises `PermissionDenied`."""
    _check_right(credentials)
    # A look that is under way with other credentials loses its lease, and stores nothing.
    values = {"credentials": credentials, "next_look_at": timezone.now(), **RELEASED}
    Watch.objects.update_or_create(account=credentials.account, defaults=values)
    record(SecurityEvent.WATCH_ON, user=credentials.user, detail=credentials.account_id)


def switch_off(credentials: PosterCredentials) -> None:
    """Stop the looks of the worker, and forget what was known. Raises `PermissionDenied`."""
    _check_right(credentials)
    Watch.objects.filter(account=credentials.account_id).delete()
    record(SecurityEvent.WATCH_OFF, user=credentials.user, detail=credentials.account_id)


def watch_of(credentials: PosterCredentials) -> Watch | None:
    """Return the watch of an account if it is switched on."""
    watches = Watch.objects.on().select_related("credentials__user")
    return watches.filter(account=credentials.account_id).first()


def may_look(watch: Watch) -> bool:
    """Return True if the token of a watch may be used: not refused, and of a user who still has the right."""
    credentials = watch.credentials
    return bool(credentials and not credentials.refused_at and has_right(watch))


def has_right(watch: Watch) -> bool:
    """Return True if the token of a watch is of a user who still has the right to it."""
    return bool(watch.credentials and watch.credentials.user.has_perm(WATCH_ACCOUNT))


def accounts_due() -> list[str]:
    """Return the names of the accounts at which it is time to look."""
    if not settings.POSTER_WATCH_SECONDS:
        return []
    bring_looks_forward()
    return list(_due().values_list("account", flat=True))


@routine("watch", pause=1, accounts=accounts_due)
def look_where_due(account: str | None = None) -> list[Change]:
    """Look at one account, or at all, if it is time to; log and return the changes that were found."""
    due = _due().filter(account__in=accounts_due() if account is None else [account])
    found = []
    for watch_id in list(due.values_list("pk", flat=True)):
        if (lease := Watch.objects.filter(_is_time()).take(watch_id, LONGEST_LOOK)) is not None:
            found += look_with(lease)
    for change in found:
        log.info("Change %s was made elsewhere: %s of group %s", change.pk, change.action, change.group_id)
    return found


def _due() -> QuerySet[Watch]:
    return Watch.objects.on().free().filter(_is_time()).order_by("next_look_at")


def _is_time() -> Q:
    return Q(next_look_at__lte=timezone.now())


def bring_looks_forward() -> None:
    """Make a look due where a page has just read other groups than those that are known.

    The last good copy is a hint and no more: its token may be shown other groups, and it lacks rows that
    could not be read. So the worker reads the list itself, with the token of the watch.
    """
    now = timezone.now()
    copies = GroupsCopy.objects.of_present_token().filter(
        fetched_at__gt=now - HINT_AGE,
        credentials__account__watch__isnull=False,
        # A refused token has its own pause.
        credentials__account__watch__credentials__refused_at=None,
    )
    for copy in copies.select_related("credentials__account__watch"):
        watch = copy.credentials.account.watch
        if watch.looked_at is None or now - watch.looked_at <= HINTS_APART:
            continue
        known = Picture.from_json(watch.picture).known
        present = {number: each.values for number, each in known.items() if each.values}
        shown = {row["id"]: GroupValues.from_json(row) for row in copy.groups}
        if present.keys() != shown.keys() or any(
            not alike(values, shown[number]) for number, values in present.items()
        ):
            Watch.objects.filter(pk=watch.pk, next_look_at__gt=now).update(next_look_at=now)


def look_with(lease: Lease[Watch]) -> list[Change]:
    """Look at the groups of an account with its watch, compare them, and store the result."""
    # Read under the lease: another worker may have stored the picture of its look until then.
    watches = Watch.objects.on().select_related("account", "credentials__user", "credentials__account")
    watch = watches.filter(holder=lease.holder).first()
    if watch is None:
        return []
    credentials = watch.credentials
    if credentials is None or not credentials.user.has_perm(WATCH_ACCOUNT):
        lease.release(next_look_at=timezone.now() + LONGEST_LOOK)
        return []
    # Another token may be shown other groups, so with that nothing is known yet.
    is_same_token = watch.fingerprint == credentials.fingerprint
    picture = Picture.from_json(watch.picture) if is_same_token else Picture()
    is_first = picture.looked_at is None
    try:
        look = _read_look(credentials, picture)
    except PosterError as error:
        log.info("No look at account %s for changes made elsewhere: %s", watch.account_id, error.reason)
        pause = REFUSED if credentials.refused_at else _pause(picture)
        _store(watch, lease, next_look_at=timezone.now() + pause)
        return []
    with transaction.atomic():
        sent = _changes_made_here(watch)
        look = replace(look, judged=timezone.now())
        findings = compare(picture, look, sent, lag=timedelta(seconds=settings.POSTER_LAG_SECONDS))
        stored = _store(
            watch,
            lease,
            picture=picture.to_json(),
            looked_at=picture.looked_at,
            fingerprint=credentials.fingerprint,
            next_look_at=timezone.now() + _pause(picture, is_first=is_first),
        )
        return [_record_elsewhere(watch, lease, finding) for finding in findings] if stored else []


def _check_right(credentials: PosterCredentials) -> None:
    if not credentials.user.has_perm(WATCH_ACCOUNT):
        raise PermissionDenied


def _store(watch: Watch, lease: Lease[Watch], **values: object) -> bool:
    """Store the end of a look; return False if another worker has taken it over meanwhile, or it is off."""
    return bool(lease.row.filter(credentials=watch.credentials_id).update(**RELEASED, **values))


def _pause(picture: Picture, *, is_first: bool = False) -> timedelta:
    """Return the time to the next look: soon after a difference or the first look, then later and later."""
    # Never sooner than a second look may confirm the first.
    usual = timedelta(seconds=max(settings.POSTER_WATCH_SECONDS, settings.POSTER_CONFIRM_SECONDS))
    soon = timedelta(seconds=settings.POSTER_CONFIRM_SECONDS)
    looks = [suspect.looks for suspect in picture.suspects.values() if suspect.looks]
    if picture.taken_at is None:
        return min(soon, usual) if is_first else usual
    return min(soon * 2 ** min(*looks, LONGEST_DOUBLING), usual) if looks else usual


def _read_look(credentials: PosterCredentials, picture: Picture) -> Look:
    """Read the list, and ask for each known group alone that it lacks. Raises `PosterError`."""
    began = timezone.now()
    listed = call_poster(credentials, lambda poster: poster.get_groups())
    unreadable = {row.id for row in listed.unreadable}
    ended = timezone.now()
    for listener in list_listeners:
        listener(credentials, listed.present, ended)
    look = Look(
        began=began,
        ended=ended,
        judged=ended,
        groups={group.id: group.values for group in listed.present if group.id not in unreadable},
        unreadable=frozenset(number for number in unreadable if number is not None),
        complete=None not in unreadable,
    )
    missing = picture.missing_in(look.groups.keys() | look.unreadable) if look.complete else ()
    denied = {number for number in missing[:MOST_ASKED] if _is_denied(credentials, number, listed)}
    return replace(look, denied=frozenset(denied))


def _is_denied(credentials: PosterCredentials, number: int, listed: GroupList) -> bool:
    if any(group.id == number and group.removed for group in listed.groups):
        return True
    try:
        call_poster(credentials, lambda poster: poster.get_group(number))
    except NotFound:
        return True
    except PosterError as error:
        log.info("Group %s is missing, and could not be asked for: %s", number, error.reason)
    return False


def _changes_made_here(watch: Watch) -> list[Change]:
    """Return the changes that may explain a difference, as the journal has them now."""
    last = watch.looked_at or timezone.now()
    since = min(last, timezone.now() - LATE) - MARGIN
    rows = Change.objects.of_groups().filter(account=watch.account_id, sent_at__isnull=False)
    # The time of sending is stored before the write is sent, and these never were.
    rows = rows.exclude(state=Change.State.FAILED, reason__in=(Reason.NOT_SENT, Reason.NEVER_SENT))
    return list(rows.filter(Q(settled_at__isnull=True) | Q(settled_at__gt=since)).order_by())


def _record_elsewhere(watch: Watch, lease: Lease[Watch], finding: ChangeElsewhere) -> Change:
    """Write a change made elsewhere into the history."""
    values = finding.after or finding.before
    if values is None:
        raise ValueError("A change from nothing to nothing is none.")
    action = Change.Action.UPDATE
    if finding.before is None or finding.after is None:
        action = Change.Action.CREATE if finding.after else Change.Action.REMOVE
    longest_name = Change._meta.get_field("group_name").max_length
    change = Change(
        id=uuid.uuid5(lease.holder, f"{finding.group_id} {finding.until}"),
        account=watch.account,
        action=action,
        group_id=finding.group_id,
        group_name=(finding.before or values).name[:longest_name],
        target=f"group:{finding.group_id}",
        before=finding.before.to_json() if finding.before else None,
        after=finding.after.to_json() if finding.after else None,
        state=Change.State.ELSEWHERE,
        possible_since=finding.since,
        # It came before a change made here of this time, so it stands below that in the history.
        created_at=finding.until - timedelta(milliseconds=1),
        settled_at=timezone.now(),
    )
    change.save()
    return change


# --- Events ------------------------------------------------------------------------------------------------


@event_source("elsewhere", gettext_lazy("A group was changed elsewhere"))
def find_events(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the changes that were written into the history since a time, for users who want to be told."""
    return changes_in(Change.State.ELSEWHERE, change_words, account, since)


def change_words(change: Change) -> str:
    """Say what was done, and from which value to which."""
    words = {"group": change.group_name}
    match Change.Action(change.action):
        case Change.Action.CREATE:
            text = _("In Poster, not here: “%(group)s” was created.")
        case Change.Action.REMOVE:
            text = _("In Poster, not here: “%(group)s” was removed.")
        case Change.Action.UPDATE:
            text = _("In Poster, not here: “%(group)s” was changed: %(changes)s.")
            words["changes"] = difference_words(change.before, change.after)
        case Change.Action.MOVE | Change.Action.CREATE_CLIENT:
            raise ValueError("Changes of clients that were made elsewhere are not looked for.")
        case _ as never:
            assert_never(never)
    return one_line(text % words)
