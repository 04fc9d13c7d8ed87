"""The list of groups as a file: the rows and the order that are on the screen, from all of its pages."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from django.utils.timezone import localtime
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from groups.listing import Listing, Row

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
# What a spreadsheet would take for the start of a formula (OWASP: CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
WIDTHS = (8, 40, 14, 10, 16, 10, 20, 18)


def file_name(listing: Listing, account: str, extension: str) -> str:
    """Return the name under which a browser saves the file."""
    return f"groups-{account}-{localtime(listing.as_of):%Y-%m-%d}.{extension}"


def to_csv(listing: Listing, account: str) -> bytes:
    """Return the rows as CSV that the spreadsheets of the language open without a question.

    Ukrainian and Russian ones want semicolons, decimal commas and a byte order mark.
    """
    eastern = get_language() in ("uk", "ru")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";" if eastern else ",")
    writer.writerow(_header())
    for row in listing.all_rows:
        number, name, kind, percent, bonus, clients = _cells(row)
        numbers = [f"{percent:f}", f"{bonus:.2f}"]
        if eastern:
            numbers = [text.replace(".", ",") for text in numbers]
        as_of = f"{localtime(listing.as_of):%Y-%m-%d %H:%M}"
        writer.writerow([number, _harmless(name), kind, *numbers, clients, account, as_of])
    return (BOM + text.getvalue()).encode()


def to_xlsx(listing: Listing, account: str) -> bytes:
    """Return the rows as a workbook: numbers as numbers, names as texts and never as formulas."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = _("Groups")
    sheet.append(_header())
    as_of = localtime(listing.as_of).replace(tzinfo=None, microsecond=0)
    for row in listing.all_rows:
        sheet.append([*_cells(row), account, as_of])
        name = sheet.cell(sheet.max_row, 2)
        name.data_type = "s"
        sheet.cell(sheet.max_row, 5).number_format = "#,##0.00"
    for number, (cell, width) in enumerate(zip(sheet[1], WIDTHS, strict=True), start=1):
        cell.font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = "C2"
    sheet.auto_filter.ref = sheet.dimensions
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _header() -> list[str]:
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


def _cells(row: Row) -> Iterator[Any]:
    yield from (row.id, row.name, row.type_label, row.percent, row.birthday_bonus, row.clients)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
