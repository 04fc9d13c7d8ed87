"""Look for changes that were not made here, and write them into the history. Only workers do that.

Wrong findings are worse than late ones, so a difference counts only if nothing else explains it:

- a change made here that is open or needs a person keeps its group out of the comparison until it ends;
- a change that was made here replaces what was known;
- a change made here that was sent and not seen may still arrive: values as it intended are its own;
- a row that cannot be read says nothing, and a list with a row without a readable id says nothing of a group
  that it lacks;
- two polls have to show the same. If a known value has changed within POSTER_LAG_SECONDS, or half of the
  groups are missing, the second poll is made that much later: a read that is at most so old cannot show a
  replaced value then;
- a group counts as removed only if three polls lack it, and Poster denies it each time it is requested alone.
"""

import logging
import uuid
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self, assert_never

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.features.elsewhere.models import Watch
from groups.models import Change, GroupsCopy, PosterAccount, PosterCredentials
from groups.models.leases import RELEASED, Columns, Lease
from groups.poster import GroupValues, NotFound, PosterClient, PosterError
from groups.services.due import LeaseLost, Turn, run_due
from groups.services.events import Event, changes_in, event_source, one_line
from groups.services.gateway import call_poster
from groups.services.installation.maintenance import routine
from groups.services.values import difference_words
from groups.services.writes.outcome import differing
from poster_admin.users.models import EventKind
from poster_admin.users.security_log import record

log = logging.getLogger("groups.journal")

Reason = Change.Reason
# Time in which a write made here that was sent and not seen may still arrive.
LATE = timedelta(hours=24)
# The clocks of servers that settle changes may be behind the worker's.
MARGIN = timedelta(minutes=15)
# The pause to the next poll after a difference doubles at most this often.
LONGEST_DOUBLING = 10
# Age up to which a list that a page has read is a hint to poll, and the shortest time between two such polls.
HINT_AGE = timedelta(seconds=3)
HINTS_APART = timedelta(seconds=30)
# Most groups that one poll asks for alone, because the list lacks them; the next poll asks for more.
MOST_ASKED = 10
# Polls that have to show the same before it is believed.
POLLS, POLLS_OF_REMOVAL = 2, 3


def switch_on(credentials: PosterCredentials) -> None:
    # A poll that is under way with other credentials loses its lease, and stores nothing.
    values = {"credentials": credentials, "next_at": timezone.now(), **RELEASED}
    Watch.objects.update_or_create(account=credentials.account, defaults=values)
    record(EventKind.WATCH_ON, user=credentials.user, detail=credentials.account_id)


def switch_off(credentials: PosterCredentials) -> None:
    """Stop the polls of the worker, and forget what was known."""
    Watch.objects.filter(account=credentials.account_id).delete()
    record(EventKind.WATCH_OFF, user=credentials.user, detail=credentials.account_id)


def watch_of(credentials: PosterCredentials) -> Watch | None:
    watches = Watch.objects.on().select_related("credentials__user")
    return watches.filter(account=credentials.account_id).first()


# --- Compare ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Poll:
    """One read of the list, without the groups of which it says nothing.

    `complete` is False if a row has no readable id. `denied` are missing groups that Poster also denied when
    each of them was requested alone. `judged` is the time, after the read, at which the journal was read.
    """

    began: datetime
    ended: datetime
    judged: datetime
    groups: dict[int, GroupValues]
    unreadable: frozenset[int] = frozenset()
    complete: bool = True
    denied: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """The values of a group, None if there is none: last seen at `seen`, and the known ones from `since`.

    `sent` is the time at which the last change made here that is part of it was sent.
    """

    values: GroupValues | None
    seen: datetime
    since: datetime
    sent: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """Values that so many `polls` have shown; the last poll that showed what is known was at `known_at`."""

    values: GroupValues | None
    began: datetime
    ended: datetime
    known_at: datetime
    polls: int = 1


@dataclass(frozen=True, slots=True)
class ChangeElsewhere:
    """A change that was not made here, at some time between two times."""

    group_id: int
    before: GroupValues | None
    after: GroupValues | None
    since: datetime
    until: datetime


@dataclass(slots=True)
class Picture:
    """The known groups of an account, by polls with one token.

    `taken_at` is None until two polls have agreed; until then `suspects` is what the last poll showed.
    `unread` are ids of groups that have never been readable. `considered` are the ids of changes made here
    that are part of `known`, and those that have arrived "late". At `full_at` was the last poll that lacked
    no known group: only such a poll says that there was no other one.
    """

    known: dict[int, Known] = field(default_factory=dict)
    suspects: dict[int, Suspect] = field(default_factory=dict)
    unread: set[int] = field(default_factory=set)
    considered: set[str] = field(default_factory=set)
    taken_at: datetime | None = None
    looked_at: datetime | None = None
    full_at: datetime | None = None

    def to_json(self) -> Any:
        return msgspec.to_builtins(self, str_keys=True)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return an empty picture for that of an older version."""
        try:
            return msgspec.convert(data, cls, str_keys=True)
        except msgspec.ValidationError:
            return cls()

    def missing_in(self, groups: Container[int]) -> list[int]:
        """Return the groups that a list lacks, first those that the last poll lacked too."""
        missing = [number for number, known in self.known.items() if known.values and number not in groups]
        new = [number for number in self.suspects if number not in self.known and number not in groups]
        return sorted(missing + new, key=lambda number: number not in self.suspects)


def compare(
    picture: Picture, poll: Poll, changes: Iterable[Change], *, lag: timedelta
) -> list[ChangeElsewhere]:
    """Bring the picture up to date with a poll, and return the changes that were not made here.

    `changes` are those made here that were sent, as they were read after the poll.
    """
    sent = sorted(changes, key=lambda change: change.sent_at or change.created_at)
    if picture.taken_at is None:
        # Taken once two polls agree: groups that one list lacked would seem created later.
        seen = {each: suspect.values for each, suspect in picture.suspects.items()}
        agreed = seen.keys() == poll.groups.keys() and all(
            alike(seen[each], poll.groups[each]) for each in seen
        )
        if poll.complete and agreed and picture.looked_at:
            picture.taken_at, picture.full_at = poll.judged, poll.began
            picture.known = {each: Known(now, poll.began, poll.judged) for each, now in poll.groups.items()}
            picture.suspects, picture.unread = {}, set(poll.unreadable)
            # The list may not show a change made here a moment ago: the next poll considers that one.
            picture.considered = {
                str(each.pk) for each in sent if each.settled_at and poll.began - each.settled_at >= lag
            }
        else:
            picture.suspects = {
                each: Suspect(now, poll.began, poll.ended, poll.began) for each, now in poll.groups.items()
            }
        picture.looked_at = poll.began
        return []
    findings = _consider_own_changes(picture, poll, sent, lag)
    missing = set(picture.missing_in(poll.groups.keys() | poll.unreadable)) - poll.denied
    new_unreadable = poll.unreadable - picture.known.keys() - picture.unread
    is_full = poll.complete and not missing and not new_unreadable
    findings += _compare_groups(picture, poll, sent, lag, is_full=is_full)
    for number, known in list(picture.known.items()):
        if known.values is None and known.since < poll.judged - 2 * lag:
            del picture.known[number]
    picture.considered &= {mark for change in sent for mark in (str(change.pk), f"late {change.pk}")}
    picture.looked_at = poll.began
    if is_full:
        picture.full_at = poll.began
    return findings


def alike(one: GroupValues | None, other: GroupValues | None) -> bool:
    """Return True if all but `use_ewallet` is the same, or if there is no group in both."""
    if one is None or other is None:
        return one is other
    return set(differing(one, other)) <= {"use_ewallet"}


def _consider_own_changes(
    picture: Picture, poll: Poll, sent: list[Change], lag: timedelta
) -> list[ChangeElsewhere]:
    """Put the outcome of each change made here into what is known; return what was found before one."""
    findings = []
    for change in sent:
        if change.state not in Change.MADE or str(change.pk) in picture.considered or not change.group_id:
            continue
        picture.considered.add(str(change.pk))
        known = picture.known.get(change.group_id)
        if known is None:
            is_overtaken = bool(change.resolved_by) and change.action == Change.Action.UPDATE
        else:
            is_overtaken = bool(known.sent and change.sent_at and change.sent_at < known.sent)
        if is_overtaken:
            continue  # a later change was made here before a person closed this one
        known = known or _never_seen(picture)
        before, loaded = _values(change.before), _values(change.loaded)
        is_shown_twice = before is not None and loaded is not None and alike(before, loaded)
        if is_shown_twice and not alike(before, known.values) and change.created_at - known.since >= lag:
            # It was changed elsewhere before, unless these are values of other changes made here, read late.
            others = [each for each in sent if each.group_id == change.group_id and each.pk != change.pk]
            ours = [_values(each) for other in others for each in (other.before, other.intended, other.after)]
            if not any(alike(before, values) for values in ours if values):
                found = ChangeElsewhere(change.group_id, known.values, before, known.seen, change.created_at)
                findings.append(found)
        # A change that a person has closed was not read back: `after` is what stood there instead.
        after = None if change.resolved_by else _values(change.after)
        values = None if change.action == Change.Action.REMOVE else after or _values(change.intended)
        seen = (change.sent_at if change.resolved_by else change.settled_at) or poll.began
        picture.known[change.group_id] = Known(values, seen, poll.judged, change.sent_at)
        picture.suspects.pop(change.group_id, None)
    return findings


def _compare_groups(
    picture: Picture, poll: Poll, sent: list[Change], lag: timedelta, *, is_full: bool
) -> list[ChangeElsewhere]:
    """Hold each group against what is known of it; return what enough polls have shown."""
    kept_out = {change.group_id for change in sent if change.state in Change.UNSETTLED}
    # An open creation may be any new group.
    is_creating = any(change.is_open for change in sent if change.action == Change.Action.CREATE)
    new = poll.groups.keys() - picture.known.keys() if is_creating else set()
    present = [number for number, known in picture.known.items() if known.values]
    is_halved = 2 * len([number for number in present if number not in poll.groups]) >= len(present)
    numbers = sorted(picture.known.keys() | poll.groups.keys() | picture.suspects.keys())
    for number in sorted(new):
        _suspect(picture, poll, number, polls=0)
    found = []
    for number in numbers:
        may_be_unread = number in poll.unreadable or (number not in poll.groups and not poll.complete)
        if may_be_unread or number in kept_out or number in new:
            continue
        known, values = picture.known.get(number) or _never_seen(picture), poll.groups.get(number)
        if values is None and (number not in poll.denied or not (known.values or is_full)):
            continue
        if alike(known.values, values):
            picture.suspects.pop(number, None)
            if number in picture.known:
                picture.known[number] = replace(known, values=values, seen=poll.began)
            continue
        if not _is_ours(picture, sent, number, values):
            suspect = _suspect(picture, poll, number, polls=1)
            enough = suspect.polls >= (POLLS if suspect.values else POLLS_OF_REMOVAL)
            is_quiet = suspect.began - known.since >= lag and not is_halved
            is_late = poll.began - max(suspect.ended, known.since) >= lag
            if not enough or not (is_quiet or is_late):
                continue
            found.append(ChangeElsewhere(number, known.values, values, suspect.known_at, suspect.ended))
        picture.known[number] = Known(values, poll.began, poll.judged, known.sent)
        picture.suspects.pop(number, None)
    return found


def _suspect(picture: Picture, poll: Poll, number: int, *, polls: int) -> Suspect:
    known, before, values = picture.known.get(number), picture.suspects.get(number), poll.groups.get(number)
    if before and alike(before.values, values):
        suspect = replace(before, polls=before.polls + polls)
    else:
        known_at = known.seen if known else before.known_at if before else _never_seen(picture).seen
        suspect = Suspect(values, poll.began, poll.ended, known_at, polls)
    picture.suspects[number] = suspect
    return suspect


def _is_ours(picture: Picture, sent: list[Change], number: int, values: GroupValues | None) -> bool:
    """Return True if a difference is a late write of this dashboard, or a group never readable before."""
    creations = [change for change in sent if change.action == Change.Action.CREATE]
    # A creation in review names the groups that may be its own.
    candidates = {each for change in creations for each in (change.after or {}).get("ids", ())}
    if number not in picture.known and number in picture.unread | candidates:
        return True
    for change in sent:
        if change.state not in (Change.State.FAILED, Change.State.REFUSED):
            continue
        intended = _values(change.intended)
        if change.action == Change.Action.CREATE:
            may_make = number not in picture.known and values is not None and alike(intended, values)
        elif change.action == Change.Action.REMOVE:
            may_make = change.group_id == number and values is None
        else:
            may_make = change.group_id == number and alike(intended, values)
        if may_make and (late := f"late {change.pk}") not in picture.considered:
            picture.considered.add(late)
            return True
    return False


def _never_seen(picture: Picture) -> Known:
    """Return what the last full list says of a group that was never seen: that there was none."""
    if picture.full_at is None or picture.taken_at is None:
        raise ValueError("Nothing is known before the first picture.")
    return Known(None, picture.full_at, picture.taken_at)


def _values(version: Any) -> GroupValues | None:
    return GroupValues.from_json(version) if version and "name" in version else None


# --- The polls of a worker -------------------------------------------------------------------------------


def accounts_due() -> list[str]:
    if not settings.POSTER_WATCH_SECONDS:
        return []
    bring_looks_forward()
    return list(Watch.objects.on().due().order_by("next_at").values_list("account", flat=True))


@routine("watch", pause=1, for_each=accounts_due)
def look_at(account: str) -> None:
    run_due(Watch.objects.on().filter(account=account).select_related("account", "credentials"), _look)


def bring_looks_forward() -> None:
    """Make a poll due where a page has just read other groups than those that are known.

    The last good copy is a hint and no more: its token may be shown other groups.
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
            Watch.objects.filter(pk=watch.pk, next_at__gt=now).update(next_at=now)


def _look(turn: Turn[Watch]) -> Columns:
    watch, credentials = turn.row, turn.credentials
    # Another token may be shown other groups, so with that nothing is known yet.
    is_same_token = watch.fingerprint == credentials.fingerprint
    picture = Picture.from_json(watch.picture) if is_same_token else Picture()
    is_first = picture.looked_at is None
    poll = _read_poll(credentials, picture)
    # The changes made here that may explain a difference, as the journal has them now.
    since = min(watch.looked_at or timezone.now(), timezone.now() - LATE) - MARGIN
    rows = Change.objects.of_groups().filter(account=watch.account_id, sent_at__isnull=False)
    # The time of sending is stored before the write is sent, and these never were.
    rows = rows.exclude(state=Change.State.FAILED, reason__in=(Reason.NOT_SENT, Reason.NEVER_SENT))
    sent = list(rows.filter(Q(settled_at__isnull=True) | Q(settled_at__gt=since)).order_by())
    poll = replace(poll, judged=timezone.now())
    findings = compare(picture, poll, sent, lag=timedelta(seconds=settings.POSTER_LAG_SECONDS))
    columns = {"picture": picture.to_json(), "looked_at": picture.looked_at}
    with transaction.atomic():
        turn.renew(**columns, fingerprint=credentials.fingerprint)
        if not turn.lease.row.filter(credentials=credentials).exists():
            raise LeaseLost  # its user has disconnected meanwhile
        changes = [_record_elsewhere(watch, turn.lease, finding) for finding in findings]
    for change in changes:
        log.info("Change %s was made elsewhere: %s of group %s", change.pk, change.action, change.group_id)
    # Soon after a difference or the first poll, then later and later.
    soon, usual = timedelta(seconds=settings.POSTER_CONFIRM_SECONDS), watch.longest_pause
    polls = [suspect.polls for suspect in picture.suspects.values() if suspect.polls]
    if picture.taken_at is None:
        pause = min(soon, usual) if is_first else usual
    else:
        pause = min(soon * 2 ** min(*polls, LONGEST_DOUBLING), usual) if polls else usual
    return {"next_at": timezone.now() + pause}


def _read_poll(credentials: PosterCredentials, picture: Picture) -> Poll:
    """Read the list, and ask for each known group alone that it lacks. Raises `PosterError`."""
    began = timezone.now()
    listed = call_poster(credentials, lambda poster: poster.get_groups())
    unreadable = {row.id for row in listed.unreadable}
    ended = timezone.now()
    poll = Poll(
        began=began,
        ended=ended,
        judged=ended,
        groups={group.id: group.values for group in listed.present if group.id not in unreadable},
        unreadable=frozenset(number for number in unreadable if number is not None),
        complete=None not in unreadable,
    )
    missing = picture.missing_in(poll.groups.keys() | poll.unreadable) if poll.complete else ()
    checked = set(missing[:MOST_ASKED])
    denied = checked & {group.id for group in listed.groups if group.removed}
    for number in checked - denied:
        try:
            call_poster(credentials, partial(PosterClient.get_group, group_id=number))
        except NotFound:
            denied.add(number)
        except PosterError as error:
            log.info("Group %s is missing, and could not be requested: %s", number, error.reason)
    return replace(poll, denied=frozenset(denied))


def _record_elsewhere(watch: Watch, lease: Lease[Watch], finding: ChangeElsewhere) -> Change:
    before, after = finding.before, finding.after
    values = before or after
    if values is None:
        raise ValueError("A change from nothing to nothing is none.")
    action = Change.Action.UPDATE
    if before is None or after is None:
        action = Change.Action.CREATE if after else Change.Action.REMOVE
    longest_name = Change._meta.get_field("group_name").max_length
    return Change.objects.create(
        id=uuid.uuid5(lease.holder, f"{finding.group_id} {finding.until}"),
        account=watch.account,
        action=action,
        group_id=finding.group_id,
        group_name=values.name[:longest_name],
        target=f"group:{finding.group_id}",
        before=before.to_json() if before else None,
        after=after.to_json() if after else None,
        state=Change.State.ELSEWHERE,
        possible_since=finding.since,
        # It came before a change made here of this time, so it stands below that in the history.
        created_at=finding.until - timedelta(milliseconds=1),
        settled_at=timezone.now(),
    )


# --- Events ------------------------------------------------------------------------------------------------


@event_source("elsewhere", gettext_lazy("A group was changed elsewhere"))
def find_events(account: PosterAccount, since: datetime) -> Iterator[Event]:
    return changes_in(Change.State.ELSEWHERE, change_words, account, since)


def change_words(change: Change) -> str:
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
