"""Change the values of a group."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from groups.models import Change
from groups.poster import Group, GroupValues, PosterClient
from groups.services.writes.commands.base import GroupCommand, register
from groups.services.writes.outcome import Outcome, RemoteState, Replaced, is_unit_mismatch, same, taken
from groups.services.writes.reach import Reach, changes_terms, reach_of_values

Reason, State = Change.Reason, Change.State
TILLS = gettext_lazy("Tills take a new percent at their next synchronisation.")


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateGroup(GroupCommand):
    """Change the values of a group, if they are still those of the form.

    `returns` is True at the end of values that were for some time: those from before come back, whatever the
    limits are by then.
    """

    action = Change.Action.UPDATE
    permission = "groups.change_group"
    repeatable = True
    undo_permission = permission

    group_id: int
    intended: GroupValues
    returns: bool = False

    @property
    def reach(self) -> Reach:
        return Reach() if self.returns else reach_of_values(self.loaded, self.intended)

    @property
    def reached_group(self) -> int | None:
        return self.group_id if not self.returns and changes_terms(self.loaded, self.intended) else None

    def precheck_group(self, group: Group) -> Change.Reason | None:
        if self.intended.use_ewallet is None and group.use_ewallet is not None:
            return Reason.CONFLICT  # a row without it was read: not sent, Poster may switch it off
        return None if group.is_editable else Reason.UNSAFE

    def send(self, poster: PosterClient, *, within: float) -> int | None:
        return poster.update_group(self.group_id, self.intended, within=within)

    def determine_outcome(self, change: Change, remote: RemoteState, replaced: Replaced) -> Outcome | None:
        now = remote.group
        if now is None:
            return None if None in replaced else Outcome(State.REVIEW, Reason.GONE)
        is_late = any(same(now, GroupValues.from_json(values)) for values in replaced if values)
        if same(now, self.intended):
            return None if is_late and not change.accepted else taken(self.intended, now)
        if is_late or same(now, GroupValues.from_json(change.before)):
            return None
        if change.accepted or is_unit_mismatch(self.intended, now):
            return taken(self.intended, now)
        return Outcome(State.REVIEW, Reason.OVERWRITTEN, now.to_json())

    def read_back(self, change: Change) -> Group | None:
        return Group.from_json(change.after) if change.state in Change.MADE and change.after else None

    @classmethod
    def undo(cls, change: Change) -> "UpdateGroup | None":
        # After a user's decision `after` has the values of somebody else, or none: ours were never read.
        if change.state not in Change.HAPPENED or change.resolved_by or change.after is None:
            return None
        return UpdateGroup(
            operation=change.pk,
            group_id=change.group_id or 0,
            loaded=GroupValues.from_json(change.after),
            intended=GroupValues.from_json(change.before),
            undo_of=change,
        )

    @classmethod
    def undo_words(cls, count: int) -> str:
        return ngettext(
            "%(count)s group gets its earlier values back, unless it was changed since.",
            "%(count)s groups get their earlier values back, except those that were changed since.",
            count,
        )

    @property
    def keeps_percent(self) -> bool:
        return self.loaded is not None and self.loaded.percent == self.intended.percent

    @property
    def seen(self) -> str:
        seen = _("Poster has the new values: they were read back.")
        if self.keeps_percent:
            return seen
        advice = _(
            "If one still has the old percent, close it and open it again. Never do so while its mark is "
            "yellow or grey: what it has not sent yet would be lost."
        )
        return f"{seen} {TILLS} {advice}"

    def success(self, change: Change, values: str) -> str:
        words = {"name": self.intended.name, "changes": values}
        text = _("%(name)s: %(changes)s")
        if change.undo_of_id:
            text = _("“%(name)s” has its former values again: %(changes)s")
        text %= words
        return text if self.keeps_percent else f"{text}. {_('On tills after their next synchronisation.')}"
