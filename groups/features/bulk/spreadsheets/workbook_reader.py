"""Read the rows of a workbook's first sheet as texts, as somebody would type them.

Five parts of the archive are read, each as it streams by; nothing is kept but number formats, texts and the
present row. docs/adr/0028-workbooks-are-streamed.md says why no library does this.
"""

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from groups.features.bulk.spreadsheets import COLUMNS_AT_MOST, LONGEST_CELL, Formula, Row
from groups.features.bulk.spreadsheets.bounded_xml import Budget, Odd, Parser, Part
from groups.poster.fields import plain, storable, whole_number

STEP = 64 * 1024
# Others have memory of their own that a file may ask for; no spreadsheet program uses them.
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
KINDS_OF_PARTS = ("officeDocument", "worksheet", "sharedStrings", "styles")
DAY_ZERO, DAY_ZERO_OF_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - as in a workbook
SECONDS_OF_A_DAY = 86_400
LARGE = Decimal(10) ** 15
# Texts in a number format, and its colours, conditions and currencies; [h] counts hours and stays.
_literal = re.compile(r'"[^"]*"|[\\_*].|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_date_sign = re.compile("[dmyhs]", re.IGNORECASE)
_escaped = re.compile("_x([0-9A-Fa-f]{4})_")


class Shown(Enum):
    """The way in which a cell shows its number."""

    NUMBER = "number"
    PERCENT = "percent"
    DATE = "date"

    @classmethod
    def by(cls, number_format: str) -> "Shown":
        """Return the way of a number format, as `0.0%` or `dd.mm.yyyy`."""
        signs = _literal.sub("", number_format)
        if _date_sign.search(signs):
            return cls.DATE
        return cls.PERCENT if "%" in signs else cls.NUMBER


BUILT_IN_FORMATS = {
    **dict.fromkeys(("9", "10"), Shown.PERCENT),
    **dict.fromkeys(map(str, (*range(14, 23), *range(45, 48))), Shown.DATE),
}


def rows_of(content: bytes) -> Iterator[Row]:
    """Yield the rows of the first sheet with their numbers, in ascending order.

    Raises `TooLarge` and `Odd`; a damaged file can raise almost any exception.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        package = _Package(archive)
        (path, *_) = package.related("")["officeDocument"].values()
        related = package.related(path)
        workbook = package.read(path, _Workbook(related["worksheet"]))
        styles, strings = _Styles(), _Strings()
        for part, kind in ((styles, "styles"), (strings, "sharedStrings")):
            for each in related[kind].values():
                package.read(each, part)
        sheet = _Sheet(strings.texts, styles.shown, workbook.day_zero)
        for _step in package.stream(workbook.first_sheet, sheet):
            yield from sheet.rows
            sheet.rows.clear()


class _Package:
    """The archive of a workbook, with one budget for all parts that are read."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._budget = Budget()

    def related(self, path: str) -> dict[str, dict[str, str]]:
        """Return the paths of the parts that a part names, by kind and id; "" is the archive itself."""
        folder, name = posixpath.split(path)
        return self.read(posixpath.join(folder, "_rels", f"{name}.rels"), _Relationships(folder)).paths

    def read[P: Part](self, path: str, part: P) -> P:
        """Read a whole part, and return it."""
        for _step in self.stream(path, part):
            pass
        return part

    def stream(self, path: str, part: Part) -> Iterator[None]:
        """Read a part, and yield after each step."""
        info = self._archive.getinfo(path)
        if info.compress_type not in COMPRESSIONS:
            raise Odd
        parser = Parser(part, self._budget)
        with self._archive.open(info) as source:
            while data := source.read(STEP):
                parser.feed(data)
                yield
        parser.close()
        yield


class _Relationships(Part):
    """The parts that a part of the archive names."""

    def __init__(self, folder: str) -> None:
        self.paths: dict[str, dict[str, str]] = {kind: {} for kind in KINDS_OF_PARTS}
        self._folder = folder

    def start(self, name: str, attributes: dict[str, str]) -> None:
        kind = attributes.get("Type", "").rpartition("/")[2]
        if name == "Relationship" and kind in self.paths:
            path = posixpath.normpath(posixpath.join("/", self._folder, attributes["Target"]))
            self.paths[kind][attributes["Id"]] = path.lstrip("/")


class _Workbook(Part):
    """The first sheet that is a table, and the day from which dates are counted."""

    def __init__(self, sheets: dict[str, str]) -> None:
        self.first_sheet = ""
        self.day_zero = DAY_ZERO
        self._sheets = sheets

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            self.day_zero = DAY_ZERO_OF_1904
        if name == "sheet" and not self.first_sheet:
            ids = [value for key, value in attributes.items() if key.endswith(":id")]
            self.first_sheet = next((self._sheets[each] for each in ids if each in self._sheets), "")


class _Styles(Part):
    """The ways in which cells show their numbers, in the order in which cells name them."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self._by_format = dict(BUILT_IN_FORMATS)
        self._section = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("numFmts", "cellXfs"):
            self._section = name
        elif (self._section, name) == ("numFmts", "numFmt"):
            self._by_format[attributes["numFmtId"]] = Shown.by(attributes["formatCode"])
        elif (self._section, name) == ("cellXfs", "xf"):
            self.shown.append(self._by_format.get(attributes.get("numFmtId", ""), Shown.NUMBER))

    def end(self, name: str) -> None:
        if name == self._section:
            self._section = ""


class _Texts(Part):
    """A part with texts: `found` is the present one, without the phonetic signs beside it.

    Of a text that is too long there is only enough to see that.
    """

    def __init__(self) -> None:
        self.found = ""
        self._wanted = self._phonetic = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "rPh":
            self._phonetic = True
        elif name in ("t", "v"):
            self._wanted = not self._phonetic

    def end(self, name: str) -> None:
        if name == "rPh":
            self._phonetic = False
        elif name in ("t", "v"):
            self._wanted = False

    def text(self, text: str) -> None:
        if self._wanted and len(self.found) <= LONGEST_CELL:
            self.found += text


class _Strings(_Texts):
    """The texts that cells share."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        super().start(name, attributes)
        if name == "si":
            self.found = ""

    def end(self, name: str) -> None:
        super().end(name)
        if name == "si":
            self.texts.append(_plain(self.found))


class _Sheet(_Texts):
    """The rows of a sheet: `rows` are those that have been read and not been taken yet."""

    def __init__(self, strings: list[str], shown: list[Shown], day_zero: datetime) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self._strings, self._shown, self._day_zero = strings, shown, day_zero
        self._is_table = False
        self._number = self._column = 0
        self._cells = [""] * COLUMNS_AT_MOST
        self._type, self._style, self._is_formula = "n", 0, False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sheetData":
            self._is_table = True
        if not self._is_table:
            return
        super().start(name, attributes)
        match name:
            case "row":
                number = int(attributes.get("r", self._number + 1))
                if number <= self._number:
                    raise ValueError("The rows are not in order.")
                self._number, self._column = number, 0
                self._cells = [""] * COLUMNS_AT_MOST
            case "c":
                self._column = _column(attributes["r"]) if "r" in attributes else self._column + 1
                self._type, self._style = attributes.get("t", "n"), _index(attributes.get("s", "0"))
                self._is_formula, self.found = False, ""
            case "f":
                self._is_formula = True

    def end(self, name: str) -> None:
        super().end(name)
        match name:
            case "sheetData":
                self._is_table = False
            case "row" if self._is_table:
                self.rows.append((self._number, tuple(self._cells)))
            case "c" if self._is_table and self._column <= COLUMNS_AT_MOST:
                self._cells[self._column - 1] = self._cell()

    def _cell(self) -> str:
        """Return the text of the present cell as somebody would type it."""
        if self._is_formula or self._type == "e":
            return Formula("=")
        if not self.found or len(self.found) > LONGEST_CELL:
            return self.found
        match self._type:
            case "s":
                return self._strings[_index(self.found)]
            case "n":
                return self._number_words(float(self.found))
            case "b":
                return str(self.found in ("1", "true"))
        return _plain(self.found)

    def _number_words(self, number: float) -> str:
        shown = self._shown[self._style] if self._shown else Shown.NUMBER
        match shown:
            case Shown.DATE:
                try:
                    return (self._day_zero + timedelta(seconds=round(number * SECONDS_OF_A_DAY))).isoformat()
                except (OverflowError, ValueError):
                    return Formula("=")  # a spreadsheet shows an error there
            case Shown.PERCENT:
                # A cell that shows 12 % stores 0.12.
                return f"{_digits(Decimal(repr(number)) * 100)}%"
        return _digits(Decimal(repr(number)))


def _digits(number: Decimal) -> str:
    """Return a number without the rounding error of a float: 0.07 times 100 is 7.000000000000001."""
    if not number.is_finite() or abs(number) >= LARGE:
        return str(number)
    return plain(round(number, 9))


def _plain(text: str) -> str:
    """Return a text of a workbook, which writes a character that XML cannot hold as `_x000B_`."""
    return storable(_escaped.sub(lambda match: chr(int(match[1], 16)), text)).strip()


def _index(text: str) -> int:
    index = whole_number(text)
    if index is None:
        raise ValueError("That is no place in a list.")
    return index


def _column(reference: str) -> int:
    """Return the number of a cell's column: 1 of `A7`, 28 of `AB7`."""
    letters = reference.rstrip("0123456789")
    if not letters or len(letters) > len("XFD"):
        raise ValueError("That is no cell.")
    number = 0
    for letter in letters:
        number = number * 26 + "ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(letter) + 1
    return number
