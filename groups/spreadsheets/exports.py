"""Export the list of groups, or all clients of a group, to a file in the order of the screen."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.timezone import localtime
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from groups.poster import Client, Group, UnreadableRow
from groups.presenters.lists.group_list import Listing
from groups.services.values import type_label
from groups.spreadsheets import Cell, Cells

WIDTHS = (8, 40, 14, 10, 16, 10, 20, 18)
WIDTH_OF_AMOUNTS = 16
WIDTHS_OF_CLIENTS = (10, 34, 20, 14, 12, 14, 14, 12, 12, 30, 20, 18)
_KOPECK = Decimal("0.01")
# Finds text that a spreadsheet takes for the start of a formula (OWASP: CSV injection): at the start of a
# cell, and after a delimiter in it. Quotes do not help if the spreadsheet uses another delimiter than the
# file: it then sees the quotes in the middle of a cell.
FORMULA_START = r"(^'*|[;,\r\n][\"']*){mark}(?=[=+\-@\t\r])"
_unmarked = re.compile(FORMULA_START.format(mark=""))


def groups_file(listing: Listing, account: str, extension: str) -> bytes:
    labels, as_of = listing.amount_labels.values(), localtime(listing.groups.as_of)
    amounts_of = listing.amounts.of_group if listing.amounts else None
    rows: list[Cells] = []
    for group in listing.found_groups:
        amounts = amounts_of(group) if amounts_of else ()
        type_words, bonus = type_label(group.loyalty_type), money(group.birthday_bonus)
        values = (group.id, group.name, type_words, group.percent, bonus, group.clients)
        rows.append((*values, account, as_of, *amounts))
    widths = (*WIDTHS, *[WIDTH_OF_AMOUNTS] * len(labels))
    return table_file(extension, _("Groups"), [*header(), *labels], rows, widths)


def clients_file(
    group: Group, members: Iterable[Client | UnreadableRow], account: str, extension: str
) -> bytes:
    columns = (
        _("Id"),
        pgettext("of a person", "Name"),
        _("Phone"),
        _("Card"),
        _("Birthday"),
        _("Bonuses"),
        _("Paid in all"),
        _("Own percent"),
        _("Percent that counts"),
        _("Group"),
        _("Poster account"),
        _("As of"),
    )
    rows: list[Cells] = []
    for client in members:
        whose = (group.name, account, localtime(timezone.now()))
        if isinstance(client, UnreadableRow):
            said = _("could not be read: %(problem)s") % {"problem": client.problem}
            rows.append((client.id, said, *[None] * 7, *whose))
            continue
        person = (client.id, client.name, client.phone, client.card_number, client.birthday)
        amounts = (money(client.bonus), money(client.total_paid))
        rows.append((*person, *amounts, client.own_percent, client.effective_percent, *whose))
    return table_file(extension, _("Clients"), columns, rows, WIDTHS_OF_CLIENTS)


def header() -> list[str]:
    return [
        _("Id"),
        _("Name"),
        _("Type"),
        _("Percent"),
        _("Birthday bonus"),
        _("Clients"),
        _("Poster account"),
        _("As of"),
    ]


def money(total: Decimal | None) -> Decimal | None:
    """Return a sum with both of its decimals, by which a workbook tells money from other numbers."""
    return None if total is None else total.quantize(_KOPECK)


def table_file(
    extension: str, title: str, header: Sequence[str], rows: Iterable[Cells], widths: Sequence[int]
) -> bytes:
    """Return the rows as CSV that spreadsheets in this language open correctly, or as a workbook.

    Ukrainian and Russian ones expect semicolons, decimal commas and a byte order mark.
    """
    if extension == "xlsx":
        from groups.spreadsheets import workbooks  # noqa: PLC0415 - see there

        return workbooks.written(title, header, rows, widths)
    eastern = get_language() in ("uk", "ru")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";" if eastern else ",", quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    for row in rows:
        writer.writerow([_written(cell, eastern=eastern) for cell in row])
    return text.getvalue().encode("utf-8-sig")


def _written(cell: Cell, *, eastern: bool) -> str | int:
    match cell:
        case None:
            return ""
        case Decimal():
            return f"{cell:f}".replace(".", ",") if eastern else f"{cell:f}"
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M}"
        case date():
            return cell.isoformat()
        case str():
            return protected(cell)
    return cell


def protected(text: str) -> str:
    """Return a text as a CSV cell that no spreadsheet takes for a formula."""
    return _unmarked.sub(r"\1'", text)
