"""Views of what a percent costs, of what depends on a group, of the loyalty scheme; parts of other pages."""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from django.views.decorators.http import require_safe

from groups import hooks
from groups.features.insights.models import Sweep
from groups.features.insights.services import sweep
from groups.features.insights.services.sales import (
    MONTH,
    PERIODS,
    VIEW_SALES,
    Edit,
    Sales,
    SalesAdder,
    cost_of,
    cost_words,
    edit_of,
    may_cost,
    rounded,
    summed,
)
from groups.features.insights.services.scheme import (
    NEAR,
    Dependents,
    MemberAdder,
    MemberSums,
    Scheme,
    begin_dependents,
    begin_promotions,
    dependents_of,
    read_scheme,
)
from groups.forms import TYPES, BonusField, PercentField
from groups.models import Change, PosterCredentials
from groups.poster import (
    ErrorReason,
    Group,
    GroupValues,
    LoyaltyRule,
    LoyaltyType,
    NotAllowed,
    NotFound,
    PosterError,
    Unreachable,
)
from groups.poster.fields import fold, plain
from groups.presenters.changes import ChangeNote
from groups.presenters.destinations import Destination
from groups.presenters.lists import Amounts, ChoiceCondition, ColumnSet, RangeCondition, Test, column_sets
from groups.services import groups as reads
from groups.services.groups import MAX_WAIT, Groups, OneGroup
from groups.services.messages import Message, error_words, status_of
from groups.services.values import NumberFormat, clients_words, money_words, type_label
from groups.services.writes.commands import GroupCommand
from groups.views.http import Request, requires
from poster_admin.common.htmx import htmx_target, render_page

type Variables = dict[str, Any]


def ask[T](find: Callable[[], T | Sweep | None], url: str = "") -> Variables:
    """Return the sums for a page, the progress of adding them up, or the problem and the error behind it.

    The page asks for them at `url` while there is none of these, and again while there is progress.
    """
    shown: Variables = {"url": url, "sums": None, "progress": None, "problem": None, "failure": None}
    try:
        found = find()
    except PosterError as error:
        words = error_words(error)
        # The codes 503 and 700 are about the account or its plan, and not about the token.
        is_of_token = isinstance(error, NotAllowed) and error.code not in (503, 700)
        if is_of_token and error.method == "dash.getClientsSales":
            words = Message(
                _("Your token may not see sales"),
                _(
                    "Poster knows the token, but it lacks the right to statistics. "
                    "Everything else works as before."
                ),
                _("The owner of the Poster account can give it: a token with the right to statistics."),
                words.details,
            )
        return shown | {"problem": words, "failure": error}
    return shown | {"progress" if isinstance(found, Sweep) else "sums": found}


# --- Cost --------------------------------------------------------------------------------------------------

CARD = "cost"
"""Id of the card on its page, and name of the fragment that fills it in."""


def periods() -> list[tuple[str, str]]:
    """Return the periods and their words. A lazy text would keep the language in which it got its number."""
    return [(str(days), ngettext("the last %d day", "the last %d days", days) % days) for days in PERIODS]


class CostForm(forms.Form):
    """New values of a group, and the days to add up. Missing values are the group's own, and 30 days.

    The percent alone can be wrong: all other values have a default.
    """

    percent = PercentField(label=gettext_lazy("New percent"), required=False)
    days = forms.TypedChoiceField(label=gettext_lazy("Sales of"), choices=periods, coerce=int)
    loyalty_type = forms.TypedChoiceField(choices=TYPES, coerce=int, required=False)
    birthday_bonus = BonusField()

    def __init__(self, data: Any, *, group: Group) -> None:
        # Unknown values in an address are ignored, but a percent is typed: a wrong one is said.
        days = data.get("days") if data.get("days") in map(str, PERIODS) else str(MONTH)
        percent = data.get("percent") or self.base_fields["percent"].prepare_value(group.percent)
        super().__init__({**data.dict(), "days": days, "percent": percent})
        self.group = group

    def values(self) -> GroupValues:
        data = self.cleaned_data
        loyalty_type = data.get("loyalty_type") or self.group.loyalty_type
        bonus = data.get("birthday_bonus")
        if bonus is None or loyalty_type == LoyaltyType.DISCOUNT:
            bonus = self.group.birthday_bonus
        percent = self.group.percent if data["percent"] is None else data["percent"]
        return self.group.values.replace(loyalty_type=loyalty_type, percent=percent, birthday_bonus=bonus)


@require_safe
@requires("view_group", "view_sales")
def group_cost(request: Request, group_id: int) -> HttpResponse:
    group = reads.list_groups(request.credentials).find(group_id)
    if group is None:
        raise NotFound(None, reason=ErrorReason.GONE)
    form = CostForm(request.GET, group=group)
    cost: Variables | None = None
    status = 200
    if error := " ".join(map(str, form.errors.get("percent", ()))):
        status = 422
        # The page has the error beside the field, which is in no fragment.
        if htmx_target(request) == CARD:
            cost = {"problem": Message("", error)}
    elif not group.is_editable:
        text = _("Poster has a type for this group that is not known here, so it cannot be edited here.")
        cost = {"problem": Message(_("There is no figure for this group."), text)}
    else:
        find = partial(sweep.find_sums, SalesAdder(request.credentials, form.cleaned_data["days"]))
        cost = cost_card(find, [(group.id, group.values, form.values())], request.get_full_path())
        status = status_of(cost["failure"]) if cost["failure"] else 200
    context = {"group": group, "form": form, "cost": cost}
    return render_page(request, "insights/cost.html", context, fragment=CARD, status=status)


def cost_card(find: Callable[[], Sales | Sweep | None], edits: Sequence[Edit], url: str) -> Variables:
    """Return what edits cost, added up: in words, and as plain numbers for scripts, hryvnia with a point."""
    card = ask(find, url)
    sales: Sales | None = card["sums"]
    if sales is None:
        return card
    groups = [(sales.of_group(group_id), old, new) for group_id, old, new in edits]
    cost = summed(group.cost(old, new) for group, old, new in groups)
    revenue = summed(group.revenue for group, _old, _new in groups)
    receipts = sum(group.receipts for group, _old, _new in groups)
    clients = sum(group.clients for group, _old, _new in groups)

    # Birthday bonuses come on top, and depend on no percent. Of several groups only those with another
    # bonus are told.
    counted = [(group.birthdays, old.effective_bonus, new.effective_bonus) for group, old, new in groups]
    concerned = [each for each in counted if each[0] and (each[1] != each[2] or len(groups) == 1)]
    before = summed(clients * old for clients, old, _new in concerned)
    after = summed(clients * new for clients, _old, new in concerned)
    birthdays = None
    if before or after:
        _clients, old_bonus, new_bonus = concerned[0]
        of_one = len(groups) == 1
        birthdays = {
            "of_one": of_one,
            "are_same": before == after,
            "clients": clients_words(sum(clients for clients, _old, _new in concerned)),
            "before": money_words(old_bonus if of_one else before),
            "after": money_words(new_bonus if of_one else after),
            "sum": money_words(after),
            "more": money_words(after - before),
        }
    bonuses_differ = any(old.effective_bonus != new.effective_bonus for _group, old, new in groups)

    # The cost of each month; `width` is a part of 100, formatted for SVG.
    known = [each for each in groups if each[0].parts]
    costs = [
        summed(cost_of(group.parts[place], old, new) for group, old, new in known)
        for place in range(len(sales.parts))
    ]
    highest = max(map(abs, costs), default=Decimal(0)) or Decimal(1)
    months = []
    for place, (part, in_part) in enumerate(zip(sales.parts, costs, strict=True)):
        first, last = part.first, part.last
        month = {
            "part": part,
            "is_whole": (first.day, last.day) == (1, monthrange(first.year, first.month)[1]),
            "cost": money_words(in_part),
            "revenue": money_words(summed(group.parts[place].everybody.revenue for group, _o, _n in known)),
            "width": f"{100 * abs(in_part) / highest:.2f}",
            "saves": in_part < 0,
        }
        months.append(month)
    figures = {
        "cost": f"{cost:.2f}",
        "revenue": f"{revenue:.2f}",
        "clients": clients,
        "receipts": receipts,
        "title": capfirst(cost_words(cost, (sales.period.last - sales.period.first).days + 1)),
        "only_birthdays": not cost and bonuses_differ,
        "clients_words": clients_words(clients),
        "revenue_words": money_words(revenue),
        "birthdays": birthdays,
        "has_bonuses": any(
            LoyaltyType.BONUS in {old.loyalty_type, new.loyalty_type} for _g, old, new in groups
        ),
        "type_changes": any(old.loyalty_type != new.loyalty_type for _group, old, new in groups),
        "months": months if len(months) > 1 else [],
    }
    return card | {"figures": figures}


@hooks.part("group.menu", "insights/link_to_cost.html", order=1)
def link_to_cost(request: Request, one: OneGroup) -> Variables | None:
    return {"group": one.group} if one.group.is_editable and request.user.has_perm(VIEW_SALES) else None


@hooks.part("form.percent", "insights/cost_requested.html")
def cost_of_typed(request: Request, group: Group | None, command: GroupCommand | None) -> Variables | None:
    """Show the place for the cost of what is typed, unless the page has the cost of its command already."""
    if group is None or not request.user.has_perm(VIEW_SALES) or (command and edit_of(request.user, command)):
        return None
    return {"group": group, "at_once": "percent" in request.GET}


@hooks.part("check.cards", "insights/cost_section.html")
def cost_of_command(request: Request, command: GroupCommand) -> Variables | None:
    """Show the cost of a command that may cost something in a month; later, if that takes long."""
    edit = edit_of(request.user, command)
    if edit is None:
        return None
    group_id, old, new = edit
    query = {"percent": plain(new.percent), "days": str(MONTH)}
    if old.loyalty_type != new.loyalty_type:
        query["loyalty_type"] = str(int(new.loyalty_type))
    if old.birthday_bonus != new.birthday_bonus:
        query["birthday_bonus"] = plain(new.birthday_bonus)
    url = f"{reverse('groups:cost', args=[group_id])}?{urlencode(query)}"
    find = partial(sweep.find_sums_quickly, SalesAdder(request.credentials, MONTH))
    return {"cost": cost_card(find, [edit], url)}


@hooks.part("plan.cards", "insights/cost_section.html")
def cost_of_plan(request: Request, edits: Sequence[Edit]) -> Variables | None:
    """Show the cost of a plan, one sum for all groups; its page requests again what takes long."""
    edits = [edit for edit in edits if may_cost(request.user, edit)]
    if not edits:
        return None
    is_requested = htmx_target(request) == CARD or CARD in request.GET
    find = partial(
        sweep.find_sums if is_requested else sweep.find_sums_quickly, SalesAdder(request.credentials, MONTH)
    )
    return {"cost": cost_card(find, edits, f"{request.path}?{CARD}=1"), "of_plan": True}


@hooks.change_note
def note_of_cost(change: Change, user: User) -> ChangeNote | None:
    if change.monthly_cost is None or not user.has_perm(VIEW_SALES):
        return None
    words = cost_words(change.monthly_cost)
    # Translators: it: the change; then, for example, "will cost up to 12,400 ₴ a month"
    sentence = _("It %(costs)s.") % {"costs": words}
    return ChangeNote(label=_("Cost"), text=words, sentence=sentence)


# --- Dependents --------------------------------------------------------------------------------------------

type Take = Callable[[], Dependents]
WITH_THE_PAGE = 1.0
"""Seconds in which each list of dependents has to come to be on the page of a group from the beginning."""


@require_safe
@requires("view_group")
def group_dependents(request: Request, group_id: int) -> HttpResponse:
    """Show the promotions and rules that name a group; its page and its form load them as a fragment."""
    take = begin_dependents(request.credentials, group_id)
    context: Variables = {}
    if htmx_target(request) != "dependents":
        context["group"] = reads.read_group(request.credentials, group_id).group
    context["dependents"] = _card(group_id, take())
    return render_page(request, "insights/dependents_page.html", context, fragment="dependents")


def _card(group_id: int, found: Dependents, *, leaving: bool = False) -> Variables:
    """Return the dependents of a group for its card; `leaving` on pages that lead to its removal."""
    numbers, lists = NumberFormat.current(), (found.promotions, found.rules)
    return {
        "group_id": group_id,
        "leaving": leaving,
        "promotions": found.promotions,
        "rules": found.rules,
        "steps": [
            (rule, found.ladder.group_of(rule), numbers.round_money(rule.value)) for rule in found.rules.found
        ],
        "is_empty": not any(each.found or each.is_unread or each.unreadable for each in lists),
        "is_unread": any(each.is_unread for each in lists),
        "problems": [error_words(each.failure).title if each.failure else "" for each in lists],
    }


def begin_of_group(request: Request, group_id: int) -> Take | None:
    """Begin to read the dependents beside the group itself, for its page.

    A request for the answer that replaces a copy leaves them to a fragment: Poster is slow then.
    """
    if request.htmx and "wait" in request.GET:
        return None
    return begin_dependents(request.credentials, group_id, within=WITH_THE_PAGE)


@hooks.part("group.cards", "insights/dependents_of_group.html", begin=begin_of_group)
def dependents_of_group(_request: Request, one: OneGroup, take: Take | None) -> Variables:
    """Show the dependents on the page of a group; it loads those afterwards that did not come in time.

    A page that still waits for its group does not load them either.
    """
    card = None
    if take and not one.is_copy:
        found = take()
        failures = (found.promotions.failure, found.rules.failure)
        if not any(isinstance(failure, Unreachable) for failure in failures):
            card = _card(one.group.id, found)
    return {"dependents": card, "is_requested": one.is_awaited}


hooks.part("form.end", "insights/dependents_later.html")(lambda _request, group: {"group": group})


def begin_of_leaving(request: Request, group_id: int) -> Take:
    """Begin to read the dependents beside the group itself, for a page before it goes.

    A form that is sent reads them later: it shows the page again only if something is wrong with it.
    """
    if request.method == "POST":
        return partial(dependents_of, request.credentials, group_id)
    return begin_dependents(request.credentials, group_id, fresh=True)


@hooks.part("removal.cards", "insights/dependents.html", begin=begin_of_leaving)
def dependents_of_leaving(_request: Request, group_id: int, take: Take) -> Variables:
    """Show the dependents before the group goes: the page waits for them where it shows them."""
    return {"dependents": SimpleLazyObject(lambda: _card(group_id, take(), leaving=True))}


@hooks.part("removal.doubts", "insights/dependents.html")
def doubts_of_removal(request: Request, group_id: int) -> Variables | None:
    """Show the dependents if there are any, or if that is not known: the removal is confirmed then."""
    card = _card(group_id, begin_of_leaving(request, group_id)(), leaving=True)
    doubtful = card["is_unread"] or card["promotions"].found or card["rules"].found
    return {"dependents": card} if doubtful else None


@hooks.part("group.lost", "insights/named_by.html")
def named_by_dependents(request: Request, group_id: int) -> Variables:
    named = dependents_of(request.credentials, group_id)
    return {"promotions": named.promotions.found, "rules": len(named.ladder.into(group_id))}


# --- The loyalty scheme ------------------------------------------------------------------------------------


def _line(group: Group, address: str = "groups:detail", turnover: str = "") -> Variables:
    """Return a group for a line of text; `turnover` is in words, empty where it is not known or not shown."""
    numbers = NumberFormat.current()
    return {
        "id": group.id,
        "name": group.name,
        "is_bonus": group.is_bonus,
        "type": type_label(group.loyalty_type),
        "percent": numbers.percent(group.percent),
        "clients": numbers.count(group.clients),
        "url": reverse(address, args=[group.id]),
        "turnover": turnover,
    }


@require_safe
@requires("view_group")
def loyalty_scheme(request: Request) -> HttpResponse:
    """Show the groups and the rules between them as a picture and a table, and what looks wrong with them."""
    credentials, numbers = request.credentials, NumberFormat.current()
    scheme = read_scheme(credentials, fresh="refresh" in request.GET)
    ladder, groups, is_copy = scheme.ladder, scheme.groups.groups, scheme.groups.failure is not None
    # The page is shown first, and asks then for what takes long.
    is_requested = htmx_target(request) == "figures" or "read" in request.GET

    def read(adder: sweep.Listener[Any], *, now: bool) -> Variables:
        known = adder.kept()
        return ask(partial(sweep.find_sums, adder) if now and not known else lambda: known, "?read=1")

    # The clients and sales of the last good copy of the groups are not added up.
    count = turnover = None
    if not is_copy:
        members = MemberAdder(credentials, scheme)
        if "refresh" in request.GET:
            members.forget()
        count = read(members, now=is_requested or sweep.is_small(credentials))
    if not is_copy and request.user.has_perm(VIEW_SALES):
        turnover = read(SalesAdder(credentials, MONTH), now=is_requested)
    counted: MemberSums | None = count["sums"] if count else None
    sales: Sales | None = turnover["sums"] if turnover else None

    def turnover_of(group_id: int) -> str:
        revenue = sales.of_group(group_id).revenue if sales else None
        return "" if revenue is None else numbers.round_money(revenue.quantize(Decimal(1), ROUND_HALF_UP))

    above_own, below_own = (counted.above, counted.below) if counted else ({}, {})
    awaited = [each for each in (count, turnover) if each and not each["sums"] and not each["problem"]]
    context = {
        "scheme": scheme,
        "stale": error_words(scheme.groups.failure) if scheme.groups.failure else None,
        "rules_problem": error_words(scheme.rules.failure) if scheme.rules.failure else None,
        "count": count,
        "turnover": turnover,
        "awaited": awaited,
        "progress": next((each["progress"] for each in awaited if each["progress"]), None),
        "days": MONTH,
        "rows": _steps(scheme, counted, turnover_of),
        "outside": [_line(group, turnover=turnover_of(group.id)) for group in ladder.outside],
        "pictures": _pictures(scheme, turnover_of),
        "own_percents": [
            (_line(group), above_own.get(group.id, 0), below_own.get(group.id, 0))
            for group in groups
            if group.id in above_own or group.id in below_own
        ],
        "findings": _findings(
            scheme, may_change=request.user.has_perm("groups.change_group") and not is_copy
        ),
    }
    return render_page(request, "insights/scheme.html", context, fragment="figures")


def _steps(scheme: Scheme, counted: MemberSums | None, turnover_of: Callable[[int], str]) -> list[Variables]:
    ladder, numbers = scheme.ladder, NumberFormat.current()
    problems: dict[int, list[Variables]] = defaultdict(list)
    for kind, rule, other in ladder.contradictions:
        beside = ladder.group_of(other) if other else None
        words = {"name": beside and beside.name, "sum": other and numbers.round_money(other.value)}
        problems[rule.id].append({"kind": kind, **words})
    rows = []
    for rule in ladder.rules:
        group, above = ladder.group_of(rule), ladder.next_sum(rule)
        near = near_from = ""
        if group and above:
            # `near` is empty until the clients are counted, `near_from` on the highest step.
            near_from = numbers.round_money(above * NEAR)
            near = numbers.count(counted.near.get(group.id, {}).get(above, 0)) if counted else ""
        rows.append(
            {
                "rule": rule,
                "sum": numbers.round_money(rule.value),
                "group": _line(group, turnover=turnover_of(group.id)) if group else None,
                "near": near,
                "near_from": near_from,
                "problems": problems[rule.id],
            }
        )
    return rows


def _findings(scheme: Scheme, *, may_change: bool) -> list[tuple[str, list[Variables]]]:
    def lines(groups: Iterable[Group], corrected_at: str) -> list[Variables]:
        return [
            _line(group, corrected_at if may_change and group.is_editable else "groups:detail")
            for group in groups
        ]

    groups, led_to = scheme.groups.groups, filter(None, map(scheme.ladder.group_of, scheme.ladder.rules))
    reached = {(group.loyalty_type, group.percent) for group in led_to}
    alike: dict[tuple[str, Decimal, int], list[Group]] = defaultdict(list)
    for group in groups:
        alike[fold(group.name), group.percent, group.loyalty_type].append(group)
    # Those of a percent that no rule leads to; without rules that says nothing.
    unled = (group for group in groups if (group.loyalty_type, group.percent) not in reached)
    in_steps = sorted(unled, key=attrgetter("loyalty_type", "percent")) if scheme.ladder.rules else ()
    findings = {
        "alike": lines((each for some in alike.values() if some[1:] for each in some), "groups:retire"),
        "zero": lines((group for group in groups if not group.percent and group.clients), "groups:update"),
        "empty": lines((group for group in groups if not group.clients), "groups:retire"),
        "unled": lines(in_steps, "groups:update"),
    }
    return [(name, found) for name, found in findings.items() if found]


SHOWN_WITHOUT_RULE = 8
THINNEST = Decimal("0.7")
"""Hundredths of the width for the bar of 0 percent."""


def _pictures(scheme: Scheme, turnover_of: Callable[[int], str]) -> list[Variables]:
    """Return the groups as steps, those of each ladder together, with the rules between them as arrows.

    The groups that no rule leads to come last. A group that is gone has no bar.
    """
    ladder, numbers = scheme.ladder, NumberFormat.current()
    highest = max((group.percent for group in ladder.groups.values()), default=Decimal(0)) or Decimal(1)

    def step(rule: LoyaltyRule | None, group: Group | None) -> Variables:
        facts: tuple[str, ...] = ()
        if group:
            facts = numbers.percent(group.percent), clients_words(group.clients), turnover_of(group.id)
        return {
            "rule": rule,
            "sum": numbers.round_money(rule.value) if rule else "",
            "group": group,
            "figures": " · ".join(filter(None, facts)),
            "width": f"{max(THINNEST, 100 * group.percent / highest):.1f}" if group else "",
        }

    pictures: list[Variables] = []
    for kind, rules in groupby(sorted(ladder.rules, key=lambda rule: ladder.kind(rule) or 0), ladder.kind):
        title = type_label(kind) if kind in tuple(LoyaltyType) else ""
        pictures.append({"title": title, "steps": [step(rule, ladder.group_of(rule)) for rule in rules]})
    if outside := sorted(ladder.outside, key=lambda group: (-group.clients, group.id)):
        steps = [step(None, group) for group in outside[:SHOWN_WITHOUT_RULE]]
        more = max(len(outside) - SHOWN_WITHOUT_RULE, 0)
        pictures.append({"are_outside": True, "steps": steps, "more": more})
    return pictures


hooks.part("list.tools", "insights/link_to_scheme.jinja", order=2)(lambda _request, _listing: {})


@partial(hooks.destinations, order=5)
def scheme_destination(user: User) -> list[Destination]:
    if not user.has_perm("groups.view_group"):
        return []
    also = f"{_('Ladder')} {_('Audit of the percents')}"
    return [Destination(_("Loyalty scheme"), reverse("groups:scheme"), _("page"), also)]


# --- Sales in the list -------------------------------------------------------------------------------------


def read_columns(credentials: PosterCredentials) -> Amounts:
    """Return the sales of the last month for the list, how far they are, or why there are none.

    Each group has its turnover, its average receipt, and what was given: the discounts of a discount group,
    the price less what was paid, or the bonuses that a bonus group gives for what was paid; the latter is an
    upper bound, at today's percents.
    """
    about = ask(partial(sweep.find_sums, SalesAdder(credentials, MONTH), within=sweep.QUICK_SECONDS))
    sums: Sales | None = about["sums"]
    if sums is None:
        return Amounts(SALES, about)

    def amounts_of(group: Group) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
        found = sums.of_group(group.id)
        if not found.receipts:
            return None, None, None
        revenue = found.revenue
        if group.loyalty_type == LoyaltyType.DISCOUNT:
            given = found.total - revenue
        else:
            given = sum((part.given(group.loyalty_type, group.percent) for part in found.parts), Decimal(0))
        receipt = rounded(revenue / found.receipts)
        return rounded(revenue), receipt, rounded(given) if group.is_editable else None

    return Amounts(SALES, about, amounts_of)


SALES = ColumnSet(
    key="sales",
    permission=VIEW_SALES,
    labels=lambda: {
        "turnover": _("Turnover"),
        "receipt": _("Average receipt"),
        "given": pgettext("bonuses and discounts", "Given"),
    },
    words=gettext_lazy("with sales"),
    template="insights/sales.html",
    read=read_columns,
)
column_sets[SALES.key] = SALES


def _find_promoted(credentials: PosterCredentials, groups: Groups, answer: str) -> Test | None:
    # The page of a copy asks once more, and waits then.
    within = MAX_WAIT if groups.is_awaited else settings.POSTER_READ_DEADLINE
    promotions = begin_promotions(credentials, within=within)()
    if promotions.failure or promotions.unreadable:
        return None
    named = {group_id for each in promotions.found for group_id in each.group_ids}
    return lambda group: (group.id in named) == (answer == "yes")


hooks.list_condition(
    RangeCondition(
        key="turnover",
        label=gettext_lazy("Turnover in 30 days"),
        permission=VIEW_SALES,
        costly=True,
        amounts=lambda credentials, _groups: read_columns(credentials).sort_key("turnover"),
        written=NumberFormat.round_money,
        highest=1_000_000_000,
    ),
    order=-8,
)
hooks.list_condition(
    ChoiceCondition(
        key="promotion",
        label=gettext_lazy("Promotion"),
        costly=True,
        choices={"yes": gettext_lazy("with a promotion"), "no": gettext_lazy("without a promotion")},
        find=_find_promoted,
    ),
    order=-1,
)
