"""Show the limits, and the requests for writes beyond them: what is asked for, and who decides."""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from groups import hooks
from groups.features.approvals.models import EXCEED_LIMITS, ApprovalRequest, Breach, Limits
from groups.features.approvals.services.approvals import (
    approvers_of,
    command_of,
    count_to_decide,
    may_approve,
    may_decide,
    rebased_onto,
    waiting_for_group,
)
from groups.features.approvals.services.limits import OWN_BOUND
from groups.models import Change, Consent, PosterCredentials
from groups.models.contents import Effect
from groups.poster import Group
from groups.poster.fields import plain
from groups.presenters.changes import value_rows, warnings_for
from groups.presenters.destinations import PAGE, pages_for
from groups.presenters.places import Tab
from groups.presenters.settings_pages import ACCOUNT, SettingsPage
from groups.services.groups import OneGroup
from groups.services.jobs.kinds import JobKind
from groups.services.values import NumberFormat, money_words, percent_words, terms_words
from groups.services.writes.commands import Command, GroupCommand
from groups.views.http import Request
from poster_admin.common.outages import optional
from poster_admin.users.accounts import name_of
from poster_admin.users.pages.people import DETAIL_LABELS

Limit = Limits.Limit
type Variables = dict[str, Any] | None


def breach_words(breach: Breach, *, approved: bool = False) -> str:
    """Return a broken limit in a sentence: what would be, or what was approved."""
    if breach.limit == OWN_BOUND:
        count = NumberFormat.current().count
        text = _("Clients that it would reach: %(asked)s; on its own it may reach %(allowed)s.")
        past = _("Clients approved: %(asked)s; on its own it may reach %(allowed)s.")
        return (past if approved else text) % {
            "asked": count(int(breach.asked)),
            "allowed": count(int(breach.allowed)),
        }
    match Limit(breach.limit):
        case Limit.MAX_PERCENT:
            text = _("The percent would be %(asked)s; the limit is %(allowed)s.")
            past = _("Percent approved: %(asked)s; the limit was %(allowed)s.")
            words = percent_words(breach.asked), percent_words(breach.allowed)
        case Limit.MAX_RISE:
            text = _("The percent would rise by %(asked)s; the limit is %(allowed)s.")
            past = _("Rise approved: by %(asked)s; the limit was %(allowed)s.")
            words = points_words(breach.asked), points_words(breach.allowed)
        case Limit.MAX_BIRTHDAY_BONUS:
            text = _("The birthday bonus would be %(asked)s; the limit is %(allowed)s.")
            past = _("Birthday bonus approved: %(asked)s; the limit was %(allowed)s.")
            words = money_words(breach.asked), money_words(breach.allowed)
        case Limit.MAX_CLIENTS:
            text = _("Clients that it would reach: %(asked)s; the limit is %(allowed)s.")
            past = _("Clients approved: %(asked)s; the limit was %(allowed)s.")
            count = NumberFormat.current().count
            words = count(int(breach.asked)), count(int(breach.allowed))
    return (past if approved else text) % {"asked": words[0], "allowed": words[1]}


def points_words(number: Any) -> str:
    """Return percentage points in words: "25 points"."""
    shown = {"number": plain(number).replace(".", NumberFormat.current().point)}
    if number % 1:
        return pgettext("a part of one, as 2.5", "%(number)s points") % shown
    return ngettext("%(number)s point", "%(number)s points", int(number)) % shown


def _terms(group: Group) -> str:
    bonus = group.effective_bonus
    return " · ".join(
        [terms_words(group), *([_("birthday: %(bonus)s") % {"bonus": money_words(bonus)}] if bonus else [])]
    )


@dataclass(frozen=True)
class RequestPage:
    """A request, as a row of the list and as a page; `now` has its present effect where that was read.

    `made` is the write of an approved request for a change.
    """

    request: ApprovalRequest
    user: User
    now: Effect | None = None
    made: Change | None = None

    @property
    def is_for_change(self) -> bool:
        return self.request.kind == ApprovalRequest.CHANGE

    @property
    def title(self) -> str:
        """The name of the group, or the title of the job, that the request is about."""
        return self.request.group_name if self.is_for_change else self.request.asked.title

    @property
    def what(self) -> str:
        """The kind of the write, as a noun: it was asked for, and may never be made."""
        if not self.is_for_change:
            return self.request.kind_label
        return {
            Change.Action.CREATE: pgettext("asked for", "creation"),
            Change.Action.UPDATE: pgettext("asked for", "change"),
            Change.Action.REMOVE: pgettext("asked for", "removal"),
        }[Change.Action(self.request.action)]

    @property
    def breaches(self) -> list[str]:
        """The limits that it breaks, in sentences: now while it waits, and as they were approved."""
        broken = (replace(breach, asked=self._number(breach)) for breach in self.request.broken)
        return [
            breach_words(breach, approved=self._is_approved)
            for breach in broken
            if breach.asked > breach.allowed
        ]

    @property
    def _is_approved(self) -> bool:
        return self.request.present_state == ApprovalRequest.State.APPROVED

    def _number(self, breach: Breach) -> Decimal:
        """Return the number of now, or of the approval; where that is not known, of when it was asked."""
        if breach.limit in (Limit.MAX_CLIENTS, OWN_BOUND):
            return self._clients(breach.asked)
        if breach.limit == Limit.MAX_RISE and self.made is not None:
            return Command.from_change(self.made).reach.rise
        if breach.limit == Limit.MAX_RISE and self.now and self.command:
            return self.command.reach.rise
        return breach.asked

    def _clients(self, asked: Decimal) -> Decimal:
        if self._is_approved:
            consent = self.made or self.request.job
            is_of_this = consent is not None and consent.request_id == self.request.pk
            allowed = consent.allowed_clients if consent is not None and is_of_this else None
            return asked if allowed is None else Decimal(allowed)
        then = self.request.asked_effect
        # The rest of a job counts those whom it has reached already, and its effect does not.
        return asked + self.now.clients - then.clients if self.now and then else asked

    @cached_property
    def _asked(self) -> GroupCommand:
        """The change that was asked for."""
        return command_of(self.request)

    @property
    def command(self) -> GroupCommand | None:
        """The change that an approval would make now; None for anything else, and after the decision."""
        waits = self.is_for_change and self.request.is_waiting
        return rebased_onto(self.now, self._asked) if waits else None

    @property
    def may_decide(self) -> bool:
        return self.request.is_waiting and may_decide(self.request, self.user)

    @property
    def may_approve(self) -> bool:
        return self.request.is_waiting and may_approve(self.request, self.user)

    @property
    def is_own(self) -> bool:
        return self.request.user_id == self.user.pk

    @property
    def notice(self) -> str:
        """Return the kind of the notice that says how it stands."""
        if self.request.is_withdrawn:
            return "stale"
        ends = {ApprovalRequest.State.WAITING: "unknown", ApprovalRequest.State.APPROVED: "success"}
        return ends.get(self.request.present_state, "error")

    @property
    def who_decides(self) -> str:
        """Return a sentence that names the users who may approve it, for a user who may not."""
        names = [name_of(user) for user in approvers_of(self.request)]
        if not names:
            return _("Nobody else has the right to approve it yet. An owner can give it to a second person.")
        return _("It can be approved by: %(names)s.") % {"names": ", ".join(names)}

    @property
    def words(self) -> str:
        """The effect of the request, in sentences; that of a job only as long as the request waits."""
        if self.command and self.command.removes:
            return _("What is removed cannot be brought back by Poster.")
        if self.is_for_change or (self.request.job and not self.request.is_waiting):
            return ""
        return self.request.asked.words_onto(self.now)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The values of a change: when it was asked for, now if they differ, and after its approval."""
        if not self.is_for_change:
            return []
        now = self.now.group if self.now and self.changed_groups else None
        loaded, wanted = self._asked.loaded, (self.command or self._asked).intended
        rows = value_rows(
            asked=loaded.to_json() if loaded else None,
            now=now.values.to_json() if now else None,
            new=wanted.to_json() if wanted else None,
        )
        return [row | {"changed": row["new"] not in ("", row["now"] or row["asked"])} for row in rows]

    @property
    def warnings(self) -> list[str]:
        """The warnings about a new group, as that others have its name, while the request waits."""
        if self.now is None or self.command is None or not self.command.creates:
            return []
        namesakes = [(group.id, group.clients) for group in self.now.groups]
        return warnings_for(None, self.command.values, namesakes)

    @property
    def groups_now(self) -> tuple[Group, ...] | None:
        """The groups that it writes or moves clients out of, as they are now, or None."""
        return self.now.groups if self.now else None

    @cached_property
    def changed_groups(self) -> list[str]:
        """The names of the groups that have other values than when it was asked for."""
        asked = self.request.asked_effect
        if self.now is None or asked is None or (self.command and self.command.creates):
            return []
        before = {group.id: group.values for group in asked.all_groups}
        return [group.name for group in self.now.all_groups if before.get(group.id) != group.values]

    @property
    def reached(self) -> tuple[str, str]:
        """The number of clients that it would reach now, and the one when it was asked if that is another."""
        count, asked = NumberFormat.current().count, self.request.asked_effect
        if self.now is None:
            return "", ""
        is_other = asked is not None and asked.clients != self.now.clients
        return count(self.now.clients), count(asked.clients) if asked and is_other else ""

    @property
    def target(self) -> tuple[str, str]:
        """The group that clients would go to with its terms, and the terms when it was asked if others."""
        if self.now is None or self.now.target is None:
            return "", ""
        asked = self.request.asked_effect
        now, then = _terms(self.now.target), _terms(asked.target) if asked and asked.target else ""
        return now, then if then != now else ""

    @cached_property
    def pairs(self) -> list[tuple[int, int, int, str, str]]:
        """The groups that clients leave and go to, with their numbers and names; as asked where unread."""
        effect = self.now or self.request.asked_effect
        names = {group.id: group.name for group in effect.all_groups} if effect else {}
        job = self.request.job
        if job is not None:
            names.setdefault(job.target_id or 0, job.target_name)
        return [
            (from_id, to_id, clients, names.get(from_id, f"№ {from_id}"), names.get(to_id, f"№ {to_id}"))
            for from_id, to_id, clients in (effect.pairs if effect else ())
        ]

    @property
    def terms(self) -> list[tuple[int, str, str]]:
        """The terms of groups that clients leave or go to, with those when it was asked if others."""
        job, asked = self.request.job, self.request.asked_effect
        effect = self.now or asked
        if job is None or effect is None or not (effect.pairs or JobKind.of(job).moves_clients):
            return []
        then = {group.id: _terms(group) for group in asked.groups} if asked else {}
        found = [(group.id, _terms(group), then.get(group.id, "")) for group in effect.groups]
        return [(group_id, now, "" if before == now else before) for group_id, now, before in found]

    @property
    def outcomes(self) -> list[dict[str, str]]:
        """The writes that were tried for it, the latest first, or the row that was started."""
        if self.is_for_change:
            return [
                {
                    "what": _("The change in the history"),
                    "url": reverse("groups:change", args=[change.pk]),
                    "label": str(change.get_state_display()),
                    "state": change.state,
                    "why": change.reason_label,
                }
                for change in self.request.changes.all()
            ]
        if self.request.present_state != ApprovalRequest.State.APPROVED:
            return []
        made = self.request.asked.row
        label = str(made.get_state_display())
        outcome = {"what": self.title, "url": made.get_absolute_url(), "label": label, "state": made.state}
        return [outcome | {"why": ""}]


# --- Parts of other pages ----------------------------------------------------------------------------------


@hooks.part("nav", "approvals/nav.jinja")
def entry_of_requests(request: Request, credentials: PosterCredentials | None) -> Variables:
    """Return the number of requests that wait for the user, if any do, for the head of every page."""
    if not credentials:
        return None
    with optional("what waits for a decision"):
        if count := count_to_decide(credentials):
            path, url = request.path_info, reverse("groups:requests")
            # The value of `aria-current`, for the page itself and for those below it.
            here = "page" if path == url else "true" if path.startswith(url) else ""
            return {"to_decide": count, "here": here}
    return None


@hooks.part("group.top", "approvals/waiting_on_group.html")
def notice_on_group(request: Request, one: OneGroup, _change: Change | None) -> Variables:
    """Show the request that waits for a decision on a group, to users who may see it."""
    return notice_on_form(request, one.group)


@hooks.part("form.head", "approvals/waiting.html")
def notice_on_form(request: Request, group: Group) -> Variables:
    """Show it above a form of the group too, before somebody asks for the same."""
    asked = waiting_for_group(request.credentials, group.id)
    return {"asked": asked} if asked else None


@hooks.history_tab(order=5)
def tab_of_requests(_request: Request) -> list[Tab]:
    """Return the tab of the requests, beside the history."""
    return [Tab(_("Requests"), reverse("groups:requests"))]


@hooks.settings_pages()
def settings_of_limits(user: User) -> list[SettingsPage]:
    """Return the page of the limits, for users who may set them."""
    words = _("The highest percent and rise, the birthday bonus, the clients that one change may reach.")
    page = SettingsPage(ACCOUNT, _("Limits"), reverse("groups:limits"), words, "percent")
    return [page] if user.has_perm(EXCEED_LIMITS) else []


@hooks.part("guide.protection", "groups/installation/protection.html")
def step_of_limits(request: Request) -> Variables:
    """Explain the limits among the first steps, to users who may set them."""
    if not request.user.has_perm(EXCEED_LIMITS):
        return None
    credentials = getattr(request.user, "credentials", None)
    return {
        "title": _("Limits"),
        "words": _(
            "Set how high a percent or a bonus may go, and how many clients one change may reach. "
            "What goes beyond waits until a second person has approved it."
        ),
        "url": reverse("groups:limits"),
        "label": _("Set the limits"),
        "is_done": credentials is not None and Limits.objects.filter(account=credentials.account_id).exists(),
    }


@hooks.part("change.who", "approvals/request_link.html")
def link_to_request(_request: Request, change: Change) -> Variables:
    """Show the link to the request that a change was approved by."""
    return {"change": change} if change.request_id else None


@hooks.part("write.facts", "approvals/reason.html")
@hooks.part("history.words", "approvals/reason_in_row.jinja")
def reason_of_write(_request: Request, row: Consent) -> Variables:
    """Return the reason why a change or a job went beyond the limits."""
    return {"reason": row.limit_reason} if row.limit_reason else None


hooks.section("requests", "history")
hooks.destinations(
    pages_for(("groups.view_group", gettext_lazy("Requests"), "groups:requests", PAGE)), order=12
)
hooks.form_addresses("request_approve", "request_refuse", "request_withdraw")
DETAIL_LABELS.update((limit.value, limit.label) for limit in Limit)
