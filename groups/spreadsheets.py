"""Export the list of groups, all clients of a group, or the history, in the order of the screen."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.formats import get_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from groups.models import Change
from groups.poster import Client, Group, GroupValues, UnreadableRow
from groups.presenters.changes import shown_versions, who_made
from groups.presenters.lists import Listing
from groups.services.values import type_label
from groups.services.writes.commands import Command

type Cell = str | int | Decimal | date | None
type Cells = Sequence[Cell]
"""One row of a table to be written."""

WIDTHS = (8, 40, 14, 10, 16, 10, 20, 18)
WIDTH_OF_AMOUNTS = 16
WIDTHS_OF_CLIENTS = (10, 34, 20, 14, 12, 14, 14, 12, 12, 30, 20, 18)
_KOPECK = Decimal("0.01")
# Finds text that a spreadsheet takes for the start of a formula (OWASP: CSV injection): at the start of a
# cell, and after a delimiter in it. Quotes do not help if the spreadsheet uses another delimiter than the
# file: it then sees the quotes in the middle of a cell.
FORMULA_START = r"(^'*|[;,\r\n][\"']*){mark}(?=[=+\-@\t\r])"
_unmarked = re.compile(FORMULA_START.format(mark=""))
MONEY, DECIMALS_OF_MONEY = "#,##0.00", -2
# Finds characters that XML 1.0, and so a workbook, cannot hold or keep, and what stands for one of them.
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|_(?=x[0-9A-Fa-f]{4}_)")


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
    """Return a sum with both of its decimals, which marks money in a workbook."""
    return None if total is None else total.quantize(_KOPECK)


def plain_csv(header: Iterable[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return a file for programs and people alike: commas between the columns, money with a point."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)  # None is an empty cell
    return text.getvalue().encode()


def table_file(
    extension: str, title: str, header: Sequence[str], rows: Iterable[Cells], widths: Sequence[int]
) -> bytes:
    """Return the rows as CSV that spreadsheets in this language open correctly, or as a workbook.

    Where a language has decimal commas, they expect semicolons too; all expect a byte order mark.
    """
    if extension == "xlsx":
        return _workbook(title, header, rows, widths)
    with_comma = get_format("DECIMAL_SEPARATOR") == ","
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";" if with_comma else ",", quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    for row in rows:
        writer.writerow([_written(cell, with_comma=with_comma) for cell in row])
    return text.getvalue().encode("utf-8-sig")


def _workbook(title: str, header: Sequence[str], rows: Iterable[Cells], widths: Sequence[int]) -> bytes:
    """Return the rows as a workbook: numbers as numbers, texts as texts and never as formulas."""
    # It takes 8 MB of memory, so it is imported once a workbook is needed.
    from openpyxl import Workbook  # noqa: PLC0415 - as said
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - as said
    from openpyxl.styles import Font  # noqa: PLC0415 - as said
    from openpyxl.utils import get_column_letter  # noqa: PLC0415 - as said

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "C2"
    for number, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width

    def cell(value: Cell, font: Font | None = None) -> Any:
        if isinstance(value, datetime):
            value = value.replace(tzinfo=None, microsecond=0)
        elif isinstance(value, str):
            # As spreadsheet programs do: they show `_x000D_` as the character that it stands for.
            value = _NOT_XML.sub(lambda match: f"_x{ord(match[0]):04X}_", value)
        made: Any = WriteOnlyCell(sheet, value)  # type: ignore[arg-type]  # the stubs lack Decimal and date
        if isinstance(value, str):
            made.data_type = "s"
        elif isinstance(value, Decimal) and value.as_tuple().exponent == DECIMALS_OF_MONEY:
            made.number_format = MONEY
        if font:
            made.font = font
        return made

    sheet.append([cell(name, Font(bold=True)) for name in header])
    count = 1
    for count, row in enumerate(rows, start=2):  # noqa: B007 - the last one is wanted
        sheet.append([cell(value) for value in row])
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(header))}{count}"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _written(cell: Cell, *, with_comma: bool) -> str | int:
    match cell:
        case None:
            return ""
        case Decimal():
            return f"{cell:f}".replace(".", ",") if with_comma else f"{cell:f}"
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


# --- The history --------------------------------------------------------------------------------------------

WIDTHS_OF_HISTORY = (18, 16, 8, 34, 16, 18, 40, *[16] * 10, 30, 30, 30, 18, 20, 38)


def history_file(changes: Iterable[Change], names: Mapping[int, str], extension: str) -> bytes:
    """Return the changes as a file; `names` are those of groups by their ids, as far as they are known."""
    before, after = _("%(field)s before"), _("%(field)s after")
    fields = (_("Name"), _("Type"), _("Percent"), _("Birthday bonus"), _("Clients"))
    pairs = [words % {"field": field} for field in fields for words in (before, after)]
    first = (_("When"), _("Who"), _("Id"), _("Group"), _("Change"), _("Outcome"), _("Reason"))
    last = (_("Why"), _("Settled"), _("Poster account"), _("Change number"))
    header = [*first, *pairs, _("Moved from"), _("Moved to"), *last]
    rows: list[Cells] = []
    for change in changes:
        command = Command.from_change(change)
        versions: list[Cells] = []
        for version in shown_versions(change):
            if not version or "name" not in version:
                versions.append((None,) * 5)
                continue
            values = GroupValues.from_json(version)
            kind, bonus = type_label(values.loyalty_type), money(values.birthday_bonus)
            versions.append((values.name, kind, values.percent, bonus, version.get("clients")))
        # A group has the name of when its job was made, else its present one, else its number.
        job = change.job
        then = {job.group_id: job.group_name, job.target_id: job.target_name} if job else {}
        way = [
            group_id and (then.get(group_id) or names.get(group_id) or _("no. %(id)s") % {"id": group_id})
            for group_id in command.way
        ]
        row = (
            localtime(change.created_at),
            who_made(change)["who"],
            change.group_id,
            command.subject(change),
            str(change.get_action_display()),
            str(change.get_state_display()),
            change.reason_label,
            *(cell for pair in zip(*versions, strict=True) for cell in pair),
            *way,
            change.note,
            localtime(change.settled_at) if change.settled_at else None,
            change.account_id,
            str(change.pk),
        )
        rows.append(row)
    return table_file(extension, _("History"), header, rows, WIDTHS_OF_HISTORY)
