"""Compare a scheme with the groups and the rules that Poster has."""

from collections import Counter
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from groups.features.bulk.forms import LineForm
from groups.features.bulk.services import Line, by_name
from groups.features.bulk.spreadsheets.imports import LineError
from groups.features.scheme_file.files.documents import NotAScheme
from groups.features.scheme_file.files.schemes import Entry, Scheme, read_scheme
from groups.features.scheme_file.services import Comparison, Rule, names_twice, read_poster
from groups.models import PosterCredentials
from groups.poster import Group, GroupValues, LoyaltyRuleList, LoyaltyType
from groups.poster.fields import fold, plain
from groups.services.groups import Groups

FIELD_OF_FILE = {"loyalty_type": "type"}
"""The fields of a form that have another name in a file."""


class NotComparable(Exception):
    """The groups at Poster cannot be compared with any file; the message says why."""


def compare_with_poster(content: bytes, credentials: PosterCredentials) -> Comparison:
    """Read a file, and compare it with what Poster has now. Raises as `compare` does, and `PosterError`."""
    scheme = read_scheme(content)
    return compare(scheme, *read_poster(credentials, with_rules=scheme.rules is not None))


def compare(scheme: Scheme, groups: Groups, rules: LoyaltyRuleList | None = None) -> Comparison:
    """Return what a scheme would change in an account. Raises `NotAScheme` and `NotComparable`.

    `rules` are those of Poster; they are compared where the scheme has some too.
    """
    if twice := names_twice(groups):
        words = _("Poster has two groups with the name “%(name)s”, so it cannot be told which one is meant.")
        raise NotComparable(words % {"name": twice[0]})
    comparing = _Comparing(groups)
    for entry in scheme.entries:
        comparing.add(entry)
    if comparing.errors:
        raise NotAScheme(comparing.errors)
    found = comparing.found()
    if scheme.rules is None or rules is None:
        return found
    if rules.unreadable:
        raise NotComparable(_("Some loyalty rules of Poster could not be read."))
    names = {group.id: group.name for group in groups.groups}
    names |= {line.group_id: line.new.name for line in found.lines if line.group_id}
    number = _("no. %(id)s")
    there = Counter(
        Rule(names.get(rule.group_id, number % {"id": rule.group_id}), rule.value) for rule in rules.rules
    )
    listed = Counter(scheme.rules)
    return replace(
        found,
        missing_rules=tuple((listed - there).elements()),
        other_rules=tuple((there - listed).elements()),
    )


class _Comparing:
    """The comparison of one file, group by group."""

    def __init__(self, groups: Groups) -> None:
        self.errors: list[LineError] = []
        self._groups = groups
        self._left = {group.name: group for group in groups.groups}
        self._named = by_name(groups.groups)
        self._form = LineForm()
        self._lines: list[Line] = []
        self._unchanged = 0
        self._entry_of_name: dict[str, Entry] = {}

    def found(self) -> Comparison:
        return Comparison(tuple(self._lines), self._unchanged, tuple(self._left))

    def add(self, entry: Entry) -> None:
        """Compare one group of the file; record its line, or the errors in it."""
        group = self._find(entry)
        if isinstance(group, LineError):
            self.errors.append(group)
            return
        if group is not None and not group.is_editable:
            words = _("Poster has a type for this group that is not known here.")
            self.errors.append(entry.places["type"].error(words))
            return
        new = _values_of(entry, group)
        if group is not None and new == group.values:
            self._unchanged += 1
        elif self._is_valid(entry, new, group) and self._is_named_alone(entry, group):
            # Not the line of the file, on which there may be several groups.
            self._lines.append(Line.of(len(self._lines) + 1, new, group, self._named))

    def _find(self, entry: Entry) -> Group | LineError | None:
        """Return the group of an entry, None for a new one, or the error in the names."""
        names = {"name": entry.name, "was": entry.was}
        group = self._left.pop(entry.name, None)
        before = self._left.pop(entry.was, None) if entry.was is not None else None
        if group and before:
            words = _("“%(was)s” and “%(name)s” are both there, so it cannot be told which one is meant.")
            return entry.places["was"].error(words % names)
        if group or before:
            return group or before
        if entry.was is not None:
            words = _("There is neither “%(was)s”, which would be renamed, nor “%(name)s”.")
            return entry.places["was"].error(words % names)
        if self._groups.unreadable:
            return entry.place.error(
                _("What Poster has of some groups could not be read, so this one may be there already.")
            )
        return None

    def _is_valid(self, entry: Entry, new: GroupValues, group: Group | None) -> bool:
        """Check new values by the rules of every form."""
        texts = {
            "name": new.name,
            "loyalty_type": str(int(new.loyalty_type)),
            "percent": plain(new.percent),
            "birthday_bonus": plain(new.birthday_bonus),
        }
        if self._form.check(texts, group):
            if self._form.intended == new:
                return True
            words = _("This name would be stored as “%(name)s”. Write it so.")
            self.errors.append(entry.place.error(words % {"name": self._form.intended.name}))
        for name, messages in self._form.errors.items():
            place = entry.places.get(FIELD_OF_FILE.get(name, name), entry.place)
            self.errors.extend(place.error(str(message)) for message in messages)
        return False

    def _is_named_alone(self, entry: Entry, group: Group | None) -> bool:
        """Return False, and record the error, if `fold` makes the new name equal to another one of the file.

        The journal would take the creation of the one for another try of the other.
        """
        name = fold(entry.name)
        if group is not None and fold(group.name) == name:
            return True
        other = self._entry_of_name.setdefault(name, entry)
        if other is not entry:
            words = _("“%(name)s” in line %(line)s is the same name but for capital letters or spaces.")
            self.errors.append(entry.place.error(words % {"name": other.name, "line": other.place.line}))
        return other is entry


def _values_of(entry: Entry, group: Group | None) -> GroupValues:
    """Return the values of a group as the file wants them; what it does not tell stays."""
    values: dict[str, Any] = {
        "name": entry.name,
        "loyalty_type": int(entry.loyalty_type),
        "percent": entry.percent,
        "birthday_bonus": entry.birthday_bonus,
    }
    if group is None:
        return GroupValues(**values)
    if entry.loyalty_type == group.loyalty_type == LoyaltyType.DISCOUNT:
        del values["birthday_bonus"]  # a discount group may store one, which nobody gets
    return group.values.replace(**values)
