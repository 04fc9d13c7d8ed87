"""The designed states of the pages: each has instructions for the sandbox, and the page that shows it."""

import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import urllib3
from django.conf import settings
from django.urls import reverse

from groups.forms import Version
from groups.poster import Group
from poster_admin.env import is_loopback

type Instruction = tuple[str, dict[str, Any]]

SECONDS = 5.0
CLEAR: Instruction = ("clear", {})
# A read is tried twice, so two failures make one failed page.
ONE_PAGE = 2
PERCENTS = 16


@dataclass(frozen=True)
class PageState:
    """A state of a page.

    The sandbox gets the `instructions` first; then the address `opens` is opened. With a `form` its fields
    are sent there, as the form of the page would send them.
    """

    name: str
    title: str
    text: str
    opens: str
    instructions: tuple[Instruction, ...] = ()
    form: dict[str, str] = field(default_factory=dict)


class NoSandbox(Exception):
    """POSTER_API_URL leads to no sandbox that takes instructions."""


def instruct_sandbox(*instructions: Instruction) -> None:
    """Clear the faults of the sandbox and send it these instructions. Raises `NoSandbox`."""
    upstream = urlsplit(settings.POSTER_API_URL.replace("{account}", "account"))
    if not is_loopback(upstream.hostname or ""):
        raise NoSandbox
    for name, content in (CLEAR, *instructions):
        address = f"{upstream.scheme}://{upstream.netloc}/_sandbox/{name}"
        try:
            answer = urllib3.request("POST", address, json=content, timeout=SECONDS, retries=False)
        except urllib3.exceptions.HTTPError:
            raise NoSandbox from None
        if answer.status != HTTPStatus.OK:
            raise NoSandbox


def states_around(group: Group, account: str) -> list[PageState]:
    """Return all states, as they show on the pages of this group."""
    listing = reverse("groups:list")
    detail = reverse("groups:detail", args=[group.id])
    edit = reverse("groups:update", args=[group.id])

    def fault(method: str, name: str, **options: Any) -> Instruction:
        return "script", {"method": method, "fault": name, "account": account, **options}

    def somebody_sets(percent: Decimal) -> Instruction:
        fields = {"client_groups_discount": str(percent)}
        return "groups", {"account": account, "edit": group.id, "fields": fields}

    return [
        PageState(
            "no-groups", "Empty: no groups yet", "The account is new.", reverse("styleguide:no_groups")
        ),
        PageState("no-match", "Empty: nothing matches", "No group fits the search.", f"{listing}?q=~"),
        PageState(
            "no-right", "Empty: no right", "The role does not include it.", reverse("styleguide:no_right")
        ),
        PageState(
            "no-answer",
            "Empty: Poster does not answer",
            "A form, which never opens on a copy.",
            edit,
            (fault("*", "fin_before_headers", times=ONE_PAGE),),
        ),
        PageState(
            "loading",
            "Loading",
            "After a second there is a line on top. This takes two.",
            f"{detail}?refresh=1",
            (fault("clients.getGroup", "drip_headers", interval=0.005),),
        ),
        PageState(
            "slow",
            "Slow",
            "After three seconds there is a word below it. This takes six.",
            f"{detail}?refresh=1",
            (fault("clients.getGroup", "drip_headers", interval=0.015),),
        ),
        PageState(
            "stale",
            "Stale",
            "The last good copy. Trying again brings it up to date.",
            f"{listing}?refresh=1",
            (fault("clients.getGroups", "fin_before_headers", times=ONE_PAGE),),
        ),
        PageState(
            "stale-group",
            "Stale: one group",
            "Reading goes on, writing does not.",
            f"{detail}?refresh=1",
            (fault("clients.getGroup", "fin_before_headers", times=ONE_PAGE),),
        ),
        PageState(
            "not-allowed",
            "Refused: the token",
            "Poster knows the token, and its rights do not cover it.",
            f"{listing}?refresh=1",
            (fault("clients.getGroups", "error_object", code=54),),
        ),
        PageState(
            "refused",
            "Refused: a change",
            "Poster does not take a value. What was typed is still there.",
            edit,
            (fault("clients.updateGroup", "error_object", code=155, when="before"),),
            _edit(group, 1),
        ),
        PageState(
            "conflict",
            "Conflict",
            "Somebody else was faster.",
            edit,
            (somebody_sets(_percent(group, 2)),),
            _edit(group, 1),
        ),
        PageState(
            "unknown",
            "Unknown",
            "The change is made and its answer lost. The page follows it up to the end.",
            edit,
            (
                fault("clients.updateGroup", "fin_before_headers"),
                fault("clients.getGroup", "fin_before_headers", call=2, times=3 * ONE_PAGE),
            ),
            _edit(group, 1),
        ),
        PageState("normal", "As usual", "The sandbox forgets what it was told.", listing),
    ]


def _percent(group: Group, more: int) -> Decimal:
    """Return a percent other than the group's own, always below `PERCENTS`."""
    return Decimal((int(group.percent) + more) % PERCENTS)


def _edit(group: Group, more: int) -> dict[str, str]:
    """Return the fields that a group's form would send for a new percent, confirmed on the check page."""
    values = group.values.replace(percent=_percent(group, more)).to_json()
    values.pop("use_ewallet")
    return {
        **{name: str(value) for name, value in values.items()},
        "version": str(Version.of_group(group)),
        "operation": str(uuid.uuid4()),
        "confirmed": "1",
    }
