"""Read the first sheet of a workbook in a process of its own: `python read_workbook.py < FILE` prints JSON.

The system bounds the memory and the time of the process, whatever is in the file. It imports nothing of the
dashboard and gets none of its environment. docs/adr/0042-openpyxl-in-a-child-process.md says why.
"""

import io
import json
import re
import resource
import subprocess
import sys
from datetime import date, time, timedelta
from decimal import Decimal

MEGABYTES_OF_MEMORY = 256
CPU_SECONDS = 10
SECONDS = 60
"""The wall clock of the child: it may share a processor with others."""
COLUMNS_AT_MOST = 50
LONGEST_CELL = 1000
ROWS_AT_MOST = 5000
# Empty rows count too: a workbook may name a row far below.
LAST_ROW = 20_000
SIGNS_AT_MOST = 8 * 2**20
FORMULA = None
"""A cell with a formula or an error: its value is unknown."""
LARGE = Decimal(10) ** 15
# Texts in a number format, and its colours, conditions and currencies.
_literal = re.compile(r'"[^"]*"|[\\_*].|\[[^\]]*\]')
# A character that XML cannot hold.
_escaped = re.compile("_x([0-9A-Fa-f]{4})_")

type Cells = list[str | None]


class TooLarge(Exception):
    """The file takes more memory or time than it may."""


class Damaged(Exception):
    """The file is no workbook that openpyxl can read."""


def rows_of(content: bytes) -> list[tuple[int, Cells]]:
    """Return the rows of the first sheet that are not empty, with their numbers, read by a child process.

    After ROWS_AT_MOST rows, a header and one more, or at LAST_ROW, it stops. Raises `TooLarge` and `Damaged`.
    """
    try:
        child = subprocess.run(  # noqa: S603 - this very file
            [sys.executable, "-I", __file__],
            input=content,
            capture_output=True,
            timeout=SECONDS,
            env={},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TooLarge from None
    if child.returncode == 0:
        return [(number, cells) for number, cells in json.loads(child.stdout)]
    # 1: an exception, that of a damaged file unless it speaks of memory. Else the system ended the process.
    raise Damaged if child.returncode == 1 and b"emory" not in child.stderr else TooLarge


def _read() -> list[tuple[int, Cells]]:
    """Read the rows as openpyxl gives them: it leaves out one that stands below a later one in the file.

    No spreadsheet program writes such a file, and the plan shows what was read before anything is sent.
    """
    from openpyxl import load_workbook  # noqa: PLC0415 - by the child alone

    book = load_workbook(io.BytesIO(sys.stdin.buffer.read()), read_only=True, keep_links=False)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # what a file says of its size need not be so
    found: list[tuple[int, Cells]] = []
    signs = 0
    for number, row in enumerate(sheet.iter_rows(max_col=COLUMNS_AT_MOST), 1):
        cells = [_text_of(cell) for cell in row]
        if number > LAST_ROW or any(cell != "" for cell in cells):
            found.append((number, cells))
            signs += sum(map(len, filter(None, cells)))
        if signs > SIGNS_AT_MOST:
            raise MemoryError
        if number > LAST_ROW or len(found) > ROWS_AT_MOST + 1:
            break
    return found


def _text_of(cell: object) -> str | None:
    """Return the text of a cell as somebody would type it; of a text that is too long enough to see that."""
    value, kind = cell.value, cell.data_type  # type: ignore[attr-defined]
    if kind in ("f", "e"):
        return FORMULA
    match value:
        case None:
            return ""
        case bool() | timedelta():
            return str(value)
        case date() | time():
            return value.isoformat()
        case int() | float():
            number = Decimal(repr(value))
            # A cell that shows 12 % stores 0.12.
            is_percent = "%" in _literal.sub("", cell.number_format)  # type: ignore[attr-defined]
            return f"{_digits(number * 100)}%" if is_percent else _digits(number)
    return _escaped.sub(lambda match: chr(int(match[1], 16)), str(value))[: LONGEST_CELL + 1]


def _digits(number: Decimal) -> str:
    """Return a number without the rounding error of a float: 0.07 times 100 is 7.000000000000001."""
    if not number.is_finite() or abs(number) >= LARGE:
        return str(number)[: LONGEST_CELL + 1]
    text = f"{round(number, 9):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


if __name__ == "__main__":
    memory = MEGABYTES_OF_MEMORY * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    json.dump(_read(), sys.stdout)
