"""Tell the difference between a file and Poster, and offer the pages of it in the places of others."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from groups.features.bulk.services import Line
from groups.features.bulk.spreadsheets.imports import OTHER_ACCOUNT
from groups.features.scheme_file.services import Comparison
from groups.models import Change
from groups.poster import GroupValues, LoyaltyType
from groups.poster.fields import plain
from groups.presenters.changes import outcome_words
from groups.presenters.lists.group_list import Listing

TYPE_NAMES = {LoyaltyType.BONUS: "bonus", LoyaltyType.DISCOUNT: "discount"}


# --- In a terminal -----------------------------------------------------------------------------------------


def values_of(values: GroupValues) -> dict[str, str]:
    """Return values by the fields of a file, in its units; a discount group has no birthday bonus: 0."""
    found = {"name": values.name, "type": TYPE_NAMES[LoyaltyType(values.loyalty_type)]}
    return found | {"percent": plain(values.percent), "birthday_bonus": plain(values.effective_bonus)}


def changes_of(line: Line) -> dict[str, tuple[str | None, str]]:
    """Return the old and the new value of each field that a line changes; a new group has no old ones."""
    new = values_of(line.new)
    if line.old is None:
        del new["name"]
        if new["type"] == TYPE_NAMES[LoyaltyType.DISCOUNT]:
            del new["birthday_bonus"]
        return {field: (None, value) for field, value in new.items()}
    old = values_of(line.old)
    return {field: (old[field], value) for field, value in new.items() if value != old[field]}


def plan_lines(found: Comparison) -> Iterator[str]:
    """Yield the lines of a plan as `git diff` tells them: what goes begins with -, what comes with +."""
    for line in found.lines:
        yield f"{'+' if line.old is None else '~'} {quoted(line.new.name)}"
        for field, (old, new) in changes_of(line).items():
            if old is not None:
                yield f"-   {field}: {quoted(old) if field == 'name' else old}"
            yield f"+   {field}: {quoted(new) if field == 'name' else new}"
    yield from rule_lines(found)
    for name in found.unlisted:
        yield f"  {quoted(name)} is not in the file, and stays as it is"
    changed = len(found.lines) - found.created
    yield f"{found.created} to create, {changed} to change, {found.unchanged} as they are"


def rule_lines(found: Comparison) -> Iterator[str]:
    """Yield a line for each loyalty rule that the file or Poster has alone."""
    for where, rules in (("the file", found.missing_rules), ("Poster", found.other_rules)):
        for rule in rules:
            words = f"{quoted(rule.group)} from {plain(rule.sum)}"
            yield f"! rule: {words} is in {where} alone; rules are only read"


def plan_data(found: Comparison) -> list[dict[str, Any]]:
    """Return the lines of a plan for scripts."""
    return [
        {
            "action": "create" if line.old is None else "update",
            "name": line.new.name,
            "changes": {
                field: [_data(field, old), _data(field, new)]
                for field, (old, new) in changes_of(line).items()
            },
        }
        for line in found.lines
    ]


def _data(field: str, text: str | None) -> str | float | None:
    """Return a value as JSON has it: percents and amounts are numbers, whole ones without a point."""
    if text is None or field in {"name", "type"}:
        return text
    return float(text) if "." in text else int(text)


def printable(text: str) -> str:
    """Return a text with everything escaped that a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quoted(name: str) -> str:
    """Return a name in quotes, for a terminal."""
    return f'"{printable(name)}"'


def change_line(change: Change) -> str:
    """Return what has become of one group of a job."""
    name = quoted((change.intended or {}).get("name", change.group_name))
    if change.state == Change.State.APPLIED:
        return f"applied: {name}"
    said = outcome_words(change)
    why = " ".join(filter(None, (f"{said.title}.", said.text, said.details)))
    return f"{change.state}: {name}. {printable(why)}"


# --- Parts of other pages ----------------------------------------------------------------------------------


def links_of_list(request: HttpRequest, listing: Listing) -> dict[str, Any]:
    """Show the links to the page for a file, and to the file of this account."""
    return {"may_save": bool(listing.groups.groups) and not listing.stale}


def way_for_other_account(_request: HttpRequest, code: str) -> dict[str, str] | None:
    """Lead from the refused table of another account to the way in which groups go there."""
    return {"url": reverse("groups:compare")} if code == OTHER_ACCOUNT else None
