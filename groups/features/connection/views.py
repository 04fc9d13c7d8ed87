"""Show what the Poster of an account does, follow a check, and begin one."""

import json
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from groups import hooks
from groups.features.connection.models import ConnectionCheck
from groups.features.connection.services import checks
from groups.features.connection.services.asking import STEPS
from groups.features.connection.services.writing import RIGHTS, left_groups
from groups.models import PosterCredentials
from groups.poster import Group
from groups.presenters.settings_pages import ACCOUNT, SettingsPage
from groups.services.facts import KINDS, UNKNOWN, Facts, Meaning, facts_of, meaning
from groups.services.gateway import check_token
from groups.views.http import Request, form_methods, requires
from groups.views.settings import connected_listeners
from poster_admin.common.pages import render_page
from poster_admin.users.models import Guide

SECTIONS: tuple[tuple[str | Promise, tuple[str, ...]], ...] = (
    (gettext_lazy("Groups"), ("groups.", "rules.", "birthday_bonus.", "percent.", "names.", "write.")),
    (gettext_lazy("Guests"), ("clients.",)),
    (gettext_lazy("Receipts and figures"), ("receipts.", "sales.")),
    (gettext_lazy("Rights of this token"), ("right.",)),
    (gettext_lazy("Clock"), ("clock.", "speed")),
)


@form_methods
@requires("view_group")
def check(request: Request) -> HttpResponse:
    """Show each fact with what it means; a POST begins a check."""
    credentials = request.credentials
    check_token(credentials)
    if request.method == "POST":
        checks.begin_check(credentials)
        return redirect("groups:check")
    row, facts = checks.check_of(credentials), facts_of(credentials)
    may_send = request.user.has_perm(checks.SET_BONUS_UNIT)
    report = checks.report_of(credentials, row) if row and row.ended_at and may_send else None
    context = {
        **summary_of(facts, row),
        "sections": [
            {"title": title, "facts": [fact_row(facts, name) for name in facts.names if name.startswith(of)]}
            for title, of in SECTIONS
        ],
        "report": json.dumps(report, ensure_ascii=False, indent=1) if report else "",
        "may_write": request.user.has_perms(RIGHTS),
        "left": left_groups(row) if row else (),
        "unit": fact_row(facts, "birthday_bonus.unit"),
        "go_on": reverse("settings" if Guide.objects.filter(user=request.user).exists() else "groups:list"),
    }
    return render_page(request, "connection/check.html", context, fragment="check")


@require_POST
@requires(*(right.removeprefix("groups.") for right in RIGHTS))
def write_check(request: Request) -> HttpResponse:
    check_token(request.credentials)
    checks.begin_write_check(request.credentials)
    return redirect("groups:check")


hooks.form_addresses("write_check")


def fact_row(facts: Facts, name: str) -> dict[str, Any]:
    value, kind = facts.value(name), KINDS[name]
    means = meaning(name, value)
    shown = value if means != Meaning.UNKNOWN else kind.expected[0] if kind.expected else ""
    return {
        "name": name,
        "value": value,
        "evidence": facts.evidence(name),
        "means": means.value,
        "key": f"{name}={shown}" if kind.values else name,
    }


def summary_of(facts: Facts, row: ConnectionCheck | None) -> dict[str, Any]:
    return {
        "checked_at": facts.checked_at,
        "differ": facts.counted(Meaning.DIFFERS, Meaning.OFF),
        "unknown": facts.counted(Meaning.UNKNOWN),
        "row": row,
        "is_running": row is not None and row.is_wanted,
        "steps": STEPS,
    }


@hooks.part("account.sections", "connection/section.html", order=-5)
def section_of(_request: HttpRequest, credentials: PosterCredentials) -> dict[str, Any] | None:
    if credentials.refused_at:
        return None
    return summary_of(facts_of(credentials), checks.check_of(credentials))


@hooks.part("form.bonus", "connection/unit.html")
def offer_of_write_check(request: Request, _group: Group | None) -> dict[str, Any] | None:
    """Offer the write check to those who may make it, while the unit of a birthday bonus is not known."""
    if not request.user.has_perms(RIGHTS):
        return None
    is_known = facts_of(request.credentials).value("birthday_bonus.unit") != UNKNOWN
    return None if is_known else {"is_offered": True}


@partial(hooks.settings_pages, order=1)
def settings_of_check(user: User) -> list[SettingsPage]:
    if not user.has_perm("groups.view_group"):
        return []
    part_of = reverse("groups:account")
    words = _("What this Poster does, what it does otherwise, and the report for the project.")
    label, url = _("Check of the connection"), reverse("groups:check")
    return [SettingsPage(ACCOUNT, label, url, words, "check", connected=True, part_of=part_of)]


def check_new_connection(_request: Request, credentials: PosterCredentials) -> str | None:
    """Check each new token; the first check of an account is followed on its page."""
    checks.begin_check(credentials)
    return reverse("groups:check") if facts_of(credentials).checked_at is None else None


connected_listeners.append(check_new_connection)

urlpatterns = [
    path("account/check/", check, name="check"),
    path("account/check/write/", write_check, name="write_check"),
]
