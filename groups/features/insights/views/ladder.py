"""View the loyalty scheme: the chart, the ladder and the audit."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from groups import hooks
from groups.features.insights.services import sweep
from groups.features.insights.services.sales import MONTH, VIEW_SALES, Sales, SalesAdder
from groups.features.insights.services.scheme import NEAR, MemberAdder, MemberSums, Scheme, read_scheme
from groups.features.insights.views.cost import Variables, ask
from groups.poster import Group, LoyaltyRule, LoyaltyType
from groups.poster.fields import fold
from groups.presenters.destinations import Destination
from groups.services.messages import error_words
from groups.services.values import NumberFormat, clients_words, type_label
from groups.views.http import Request, requires
from poster_admin.common.pages import htmx_target, render_page


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
