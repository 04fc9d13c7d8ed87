"""Write workbooks with openpyxl.

openpyxl takes 8 MB of memory, so this module is imported only when a workbook is needed.
"""

import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from groups.spreadsheets import Cell, Cells

MONEY, DECIMALS_OF_MONEY = "#,##0.00", -2
# Finds characters that XML 1.0, and so a workbook, cannot hold or keep, and what stands for one of them.
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|_(?=x[0-9A-Fa-f]{4}_)")


def written(title: str, header: Sequence[str], rows: Iterable[Cells], widths: Sequence[int]) -> bytes:
    """Return the rows as a workbook: numbers as numbers, texts as texts and never as formulas."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "C2"
    for number, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.append([_cell(sheet, name, font=Font(bold=True)) for name in header])
    count = 1
    for count, row in enumerate(rows, start=2):  # noqa: B007 - the last one is wanted
        sheet.append([_cell(sheet, value) for value in row])
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(header))}{count}"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cell(sheet: Any, value: Cell, *, font: Font | None = None) -> Any:
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None, microsecond=0)
    elif isinstance(value, str):
        # As spreadsheet programs do: they show `_x000D_` as the character that it stands for.
        value = _NOT_XML.sub(lambda match: f"_x{ord(match[0]):04X}_", value)
    cell: Any = WriteOnlyCell(sheet, value)  # type: ignore[arg-type]  # the stubs do not know Decimal and date
    if isinstance(value, str):
        cell.data_type = "s"
    elif isinstance(value, Decimal) and value.as_tuple().exponent == DECIMALS_OF_MONEY:
        cell.number_format = MONEY
    if font:
        cell.font = font
    return cell
