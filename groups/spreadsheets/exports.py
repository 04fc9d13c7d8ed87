"""Export the list of groups, or all clients of a group, to a file in the order of the screen."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
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

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/jsonl; charset=utf-8",
}
WIDTHS = (8, 40, 14, 10, 16, 10, 20, 18)
WIDTH_OF_AMOUNTS = 16
WIDTHS_OF_CLIENTS = (10, 34, 20, 14, 12, 14, 14, 12, 12, 30, 20, 18)
_KOPECK = Decimal("0.01")
# Finds text that a spreadsheet takes for the start of a formula (OWASP: CSV injection): at the start of a
# cell, and after a delimiter in it. Quotes do not help if the spreadsheet uses another delimiter than the
# file: it then sees the quotes in the middle of a cell.
FORMULA_START = r"(^'*|[;,\r\n][\"']*){mark}(?=[=+\-@\t\r])"
_unmarked = re.compile(FORMULA_START.format(mark=""))


def file_name(listing: Listing, account: str, extension: str) -> str:
    """Return the name under which a browser saves the file."""
    return f"groups-{account}-{localtime(listing.groups.as_of):%Y-%m-%d}.{extension}"


def to_csv(listing: Listing, account: str) -> bytes:
    """Return the groups as CSV."""
    return csv_file(_header_of(listing), _groups(listing, account))


def to_xlsx(listing: Listing, account: str) -> bytes:
    """Return the groups as a workbook."""
    widths = (*WIDTHS, *[WIDTH_OF_AMOUNTS] * len(listing.amount_labels))
    return xlsx_file(_("Groups"), _header_of(listing), _groups(listing, account), widths)


def members_to_csv(group: Group, members: Sequence[Client | UnreadableRow], account: str) -> bytes:
    """Return the clients of a group as CSV."""
    return csv_file(_header_of_clients(), _clients(group, members, account))


def members_to_xlsx(group: Group, members: Sequence[Client | UnreadableRow], account: str) -> bytes:
    """Return the clients of a group as a workbook."""
    return xlsx_file(_("Clients"), _header_of_clients(), _clients(group, members, account), WIDTHS_OF_CLIENTS)


def header() -> list[str]:
    """Return the column names of the groups, in the current language."""
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


def _header_of(listing: Listing) -> list[str]:
    """Return the column names of the file: with those of the amounts that the list shows."""
    return [*header(), *listing.amount_labels.values()]


def _groups(listing: Listing, account: str) -> Iterator[Cells]:
    as_of = localtime(listing.groups.as_of)
    for group in listing.found_groups:
        amounts = listing.amounts.of_group(group) if listing.amounts and listing.amounts.of_group else ()
        bonus = money(group.birthday_bonus)
        yield (
            *(group.id, group.name, type_label(group.loyalty_type), group.percent, bonus, group.clients),
            *(account, as_of, *amounts),
        )


def money(total: Decimal | None) -> Decimal | None:
    """Return a sum with both of its decimals, by which a workbook tells money from other numbers."""
    return None if total is None else total.quantize(_KOPECK)


def _header_of_clients() -> list[str]:
    return [
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
    ]


def _clients(group: Group, members: Iterable[Client | UnreadableRow], account: str) -> Iterator[Cells]:
    for client in members:
        whose = (group.name, account, localtime(timezone.now()))
        if isinstance(client, UnreadableRow):
            said = _("could not be read: %(problem)s") % {"problem": client.problem}
            yield (client.id, said, *[None] * 7, *whose)
            continue
        yield (
            *(client.id, client.name, client.phone, client.card_number, client.birthday),
            *(money(client.bonus), money(client.total_paid)),
            *(client.own_percent, client.effective_percent, *whose),
        )


def csv_file(header: Sequence[str], rows: Iterable[Cells]) -> bytes:
    """Return the rows as CSV that spreadsheets in this language open correctly.

    Ukrainian and Russian ones expect semicolons, decimal commas and a byte order mark.
    """
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


def xlsx_file(title: str, header: Sequence[str], rows: Iterable[Cells], widths: Sequence[int]) -> bytes:
    """Return the rows as a workbook."""
    from groups.spreadsheets import workbooks  # noqa: PLC0415 - see there

    return workbooks.written(title, header, rows, widths)
