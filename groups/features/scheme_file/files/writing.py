"""Write the groups of an account as a scheme, so that a comparison with it finds nothing."""

from collections.abc import Iterator

import yaml
from django.utils.translation import gettext as _

from groups.features.scheme_file.files.schemes import NUMBER
from groups.features.scheme_file.presenters import TYPE_NAMES, quoted
from groups.features.scheme_file.services import names_twice
from groups.forms.fields import LARGEST_BONUS
from groups.poster import Group, LoyaltyType
from groups.poster.fields import plain
from groups.services.groups import Groups

try:
    from yaml import CSafeDumper as Dumper
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeDumper as Dumper  # type: ignore[assignment]

LONGEST_LINE = 2**31 - 1
"""A name is never broken into lines."""


def write_scheme(groups: Groups) -> str:
    """Return the file with these groups, in their order; comments on top name what it does not have."""
    comments = "".join(f"# {words}\n" for words in shortcomings(groups))
    writable = [group for group in groups.groups if _is_writable(group)]
    text: str = yaml.emit(_events(writable), Dumper=Dumper, allow_unicode=True, width=LONGEST_LINE)
    return comments + text


def shortcomings(groups: Groups) -> list[str]:
    """Return what a file of these groups lacks, or cannot be compared for, in words."""
    said = _("Poster has two groups with the name %(name)s, so nothing can be compared with this file.")
    found = [said % {"name": quoted(name)} for name in names_twice(groups)]
    said = _("%(name)s is left out: a file cannot say what Poster has of it.")
    found += [said % {"name": quoted(group.name)} for group in groups.groups if not _is_writable(group)]
    if groups.unreadable:
        said = _("Groups that could not be read, and are left out: %(count)s")
        found.append(said % {"count": len(groups.unreadable)})
    return found


def _is_writable(group: Group) -> bool:
    """Return True if a file can say what a group has: of odd values, as an unknown type, none can."""
    if group.loyalty_type not in TYPE_NAMES or not NUMBER.fullmatch(plain(group.percent)):
        return False
    return not group.is_bonus or group.birthday_bonus <= LARGEST_BONUS


def _events(groups: list[Group]) -> Iterator[yaml.Event]:
    yield yaml.StreamStartEvent()
    yield yaml.DocumentStartEvent(explicit=False)
    yield yaml.MappingStartEvent(anchor=None, tag=None, implicit=True, flow_style=False)
    yield _value("groups")
    yield yaml.SequenceStartEvent(anchor=None, tag=None, implicit=True, flow_style=not groups)
    for group in groups:
        yield yaml.MappingStartEvent(anchor=None, tag=None, implicit=True, flow_style=False)
        yield _value("name")
        yield _value(group.name, quoted=True)
        yield _value("type")
        yield _value(TYPE_NAMES[LoyaltyType(group.loyalty_type)])
        yield _value("percent")
        yield _value(plain(group.percent))
        if group.is_bonus:
            yield _value("birthday_bonus")
            yield _value(plain(group.birthday_bonus))
        yield yaml.MappingEndEvent()
    yield yaml.SequenceEndEvent()
    yield yaml.MappingEndEvent()
    yield yaml.DocumentEndEvent(explicit=False)
    yield yaml.StreamEndEvent()


def _value(text: str, *, quoted: bool = False) -> yaml.Event:
    """Return a value; a name is always quoted, so that nothing reads `null` or `1e3` as something else."""
    return yaml.ScalarEvent(
        anchor=None, tag=None, implicit=(True, True), value=text, style='"' if quoted else None
    )
