"""Test reading tables from any program: text from every kind of cell, and clear errors for other files."""

import re
from datetime import date, datetime
from types import SimpleNamespace

import pytest
from openpyxl.chart import BarChart
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from groups.features.bulk.files import read_workbook, tables
from groups.features.bulk.files.tables import Formula, NotReadable, read_table
from groups.spreadsheets import protected
from tests.support.spreadsheets import SHEET, STYLES, packed, parts_of, saved, workbook

NAMES = {"id", "name", "percent"}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def read(content):
    if isinstance(content, str):
        content = content.encode()
    rows = read_table(content, NAMES)
    return SimpleNamespace(header=rows.pop(next(iter(rows))), rows=rows)


def workbook_of_xml(rows):
    """Return a workbook whose sheet has these rows below the names of its columns."""
    book, _ = workbook(["Id", "Name"])
    parts = parts_of(saved(book))
    parts[SHEET] = parts[SHEET].replace(b"</sheetData>", rows + b"</sheetData>")
    return packed(parts)


def why(content):
    with pytest.raises(NotReadable) as caught:
        read(content)
    return caught.value.messages[0]


# --- CSV ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delimiter", "newline", "encoding"),
    [(";", "\r\n", "utf-8"), (",", "\n", "utf-8-sig"), ("\t", "\r", "cp1251")],
)
def test_a_csv_is_read_whoever_wrote_it(delimiter, newline, encoding):
    lines = [
        ["Id", "Name", "Percent"],
        ["1", "Гості, їхні друзі; ще й ґанок", "12,5"],
        ["2", "Кав'ярня", "0"],
    ]
    text = newline.join(delimiter.join(f'"{cell}"' for cell in line) for line in lines)
    table = read(text.encode(encoding))
    assert table.header == ("Id", "Name", "Percent")
    assert table.rows == {2: tuple(lines[1]), 3: tuple(lines[2])}


def test_the_delimiter_is_the_one_that_makes_columns():
    assert read("Id;Name;Percent, %\n1;a,b,c,d,e;10").rows == {2: ("1", "a,b,c,d,e", "10")}
    assert read("name").header == ("name",)
    assert len(read("Id" + ";" * 5000 + "\n1").header) == read_workbook.COLUMNS_AT_MOST


@pytest.mark.parametrize("line", ["sep=;\r\n", "sep=\n"])
def test_excels_own_line_is_not_counted(line):
    assert read(f"{line}Id;Name\n1;a").rows == {2: ("1", "a")}


def test_empty_lines_count_and_are_left_out():
    assert read("\n\nId;Name\n\n;;\n1;a\n\n").rows == {6: ("1", "a")}


def test_a_line_break_in_a_cell_is_no_line():
    assert read('Id;Name\n1;"a\nb"\n2;c').rows == {2: ("1", "a\nb"), 3: ("2", "c")}


def test_what_is_protected_from_spreadsheets_comes_back():
    alone = ("=1+1", "+1", "-1", "@a", "\t=1", "'=1", "''=1", "'", "'a", "a'=", "=", " =1")
    parts = ("a;=1", "a,=1", "a\n=1", "a;''=1;+2", 'a;"=1', "a;'\"=1", "a;\"'=1", "a; =1", ";=", "=;='")
    for text in alone + parts:
        cell = protected(text).replace('"', '""')
        assert read(f'Id;Name\n1;"{cell}"').rows[2][1:] == (text.strip(),)
        assert not protected(text).startswith(FORMULA_STARTS)


def test_a_formula_in_a_csv_is_marked_and_a_number_is_none():
    table = read("Id;Name\n=1+1;+5\n-3;@x")
    assert isinstance(table.rows[2][0], Formula)
    assert not any(isinstance(cell, Formula) for cell in (*table.rows[2][1:], *table.rows[3]))


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n ; ; \n"])
def test_an_empty_file_is_said_to_be_empty(content):
    assert why(content) == "The file is empty."


@pytest.mark.parametrize("content", ["Id;Name\n1;а".encode("utf-16"), b"\x98abc", b"Id;\0"])
def test_what_is_no_table_is_refused(content):
    assert why(content) == "This is neither an XLSX nor a CSV file. Save the table as one of these."


def test_a_csv_of_one_endless_cell_is_refused():
    assert "cannot be told apart" in why('Id;Name\n1;"' + "a" * 200_000)
    assert "Line 2 has a cell that is too long." in why("Id;Name\n1;" + "a" * 1001)


def test_there_are_only_so_many_lines():
    assert len(read("Id\n" + "1\n" * 5000).rows) == 5000
    assert "more than 5000 lines" in why("Id\n" + "1\n" * 5001)
    assert "goes on below line 20000" in why("Id\n" + "\n" * 20_000 + "1")


# --- XLSX --------------------------------------------------------------------------------------------------


def test_cells_of_every_kind_become_what_somebody_would_type():
    book, sheet = workbook(
        ["Id", "Name", "Percent"],
        [1, "  Гості ", 12.5],
        [2.0, 2024, 0.1 + 0.2],
        [None, True, "12,5 %"],
        [4, date(2026, 5, 12), datetime(2026, 5, 12, 10, 30)],  # noqa: DTZ001 - as in a workbook
        [5, 1e300, 1e11 + 0.5],
    )
    sheet["A7"], sheet["B7"], sheet["C7"] = 6, 0.07, 0.125
    sheet["B7"].number_format, sheet["C7"].number_format = "0%", "0.0 %"
    assert {number: row[:3] for number, row in read(saved(book)).rows.items()} == {
        2: ("1", "Гості", "12.5"),
        3: ("2", "2024", "0.3"),
        4: ("", "True", "12,5 %"),
        5: ("4", "2026-05-12T00:00:00", "2026-05-12T10:30:00"),
        6: ("5", "1E+300", "100000000000.5"),
        7: ("6", "7%", "12.5%"),
    }


def test_a_sign_of_percent_that_is_only_a_text_multiplies_nothing():
    formats = {"0%": "50%", '0" грн"%': "50%", '0.0" %"': "0.5", "0.0\\%": "0.5", '0.0"%" \\"': "0.5"}
    book, sheet = workbook(["Id", "Percent"], *([1, 0.5] for _ in formats))
    for number, shown in enumerate(formats, 2):
        sheet[f"B{number}"].number_format = shown
    assert [row[1] for row in read(saved(book)).rows.values()] == list(formats.values())


def test_formulas_and_their_errors_are_marked():
    book, sheet = workbook(["Id", "Name", "Percent"], [1, "=1+1", "x"])
    sheet["C2"] = "#N/A"
    sheet["D2"] = "=cmd|'/c calc'!A0"
    sheet["E2"], sheet["E2"].data_type = "=1+1", "s"  # a text that looks like one
    book.create_sheet("Other").append(["not read"])
    row = read(saved(book)).rows[2]
    assert [isinstance(cell, Formula) for cell in row[:5]] == [False, True, True, True, False]
    assert row[4] == "=1+1"


def test_a_sheet_that_lies_about_its_size_loses_no_row():
    book, _ = workbook(["Id", "Name"], [1, "a"], [2, "b"])
    parts = parts_of(saved(book))
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(b'<dimension ref="A1:B3"', b'<dimension ref="A1:A1"')
    assert parts["xl/worksheets/sheet1.xml"] != sheet
    assert list(read(packed(parts)).rows) == [2, 3]


def test_a_row_far_below_costs_nothing():
    row = b'<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>'
    assert "goes on below line 20000" in why(workbook_of_xml(row))


def test_an_old_workbook_and_one_with_a_password_are_named():
    assert "Save it as XLSX without a password" in why(tables.OLE + b"\0" * 600)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<x/>"},
        {"[Content_Types].xml": b"<x"},
    ],
)
def test_another_kind_of_archive_is_refused(parts):
    content = packed(parts)
    content = content if content.startswith(tables.ZIP) else tables.ZIP + content
    assert "This XLSX file cannot be read." in why(content)


def test_a_workbook_that_is_cut_off_or_spoiled_is_refused():
    book, _ = workbook(["Id", "Name"], [1, "a"])
    content = saved(book)
    assert "cannot be read" in why(content[:-200])
    assert "cannot be read" in why(content[:60])
    parts = parts_of(content)
    spoiled = parts[SHEET][: len(parts[SHEET]) // 2] + b"\xff" * 50
    assert "cannot be read" in why(packed(parts | {SHEET: spoiled}))
    assert "cannot be read" in why(packed({name: data for name, data in parts.items() if name != SHEET}))


@pytest.mark.parametrize(
    "cell",
    [
        b'<c r="A2" t="s"><v>9</v></c>',
        b'<c r="A2" s="99"><v>1</v></c>',
        b'<c r="2"><v>1</v></c>',
        b'<c r="A2"><v>one</v></c>',
    ],
)
def test_a_cell_that_names_nothing_is_no_guess(cell):
    assert "cannot be read" in why(workbook_of_xml(b'<row r="2">' + cell + b"</row>"))


def test_rows_and_cells_without_a_place_follow_one_another_and_none_is_lost():
    row = (
        b'<row><c t="str"><v>%s</v></c><c r="C9" t="str"><v>c</v></c>'
        b'<c t="inlineStr"><is><t>d</t></is></c></row>'
    )
    read_back = read(workbook_of_xml(row % b"a" + b'<row r="7"/>' + row % b"b")).rows
    assert {number: cells[:5] for number, cells in read_back.items()} == {
        2: ("a", "", "c", "d", ""),
        8: ("b", "", "c", "d", ""),
    }


def test_rich_texts_are_joined_without_the_sounds_beside_them():
    texts = b"<is><r><t>na</t></r><r><rPr><b/></rPr><t>me</t></r><rPh sb='0' eb='1'><t>sound</t></rPh></is>"
    assert read(workbook_of_xml(b'<row r="2"><c t="inlineStr">' + texts + b"</c></row>")).rows[2][0] == "name"


@pytest.mark.parametrize("program", ["with prefixes", "with absolute paths"])
def test_a_workbook_is_read_whoever_wrote_it(program):
    book, sheet = workbook(["Id", "Name"], [1, "Гості"])
    book.create_chartsheet("chart", 0).add_chart(BarChart())
    sheet["B3"], sheet["B3"].number_format = 0.5, "0%"
    parts = parts_of(saved(book))
    if program == "with prefixes":
        for name in (SHEET, STYLES):
            parts[name] = re.sub(rb"<(/?)(?=[a-z])", rb"<\1x:", parts[name]).replace(b" xmlns=", b" xmlns:x=")
    else:
        name = "_rels/.rels"
        parts[name] = parts[name].replace(b'Target="xl/', b'Target="/xl/')
    rows = read(packed(parts)).rows
    assert [rows[2][:2], rows[3][:2]] == [("1", "Гості"), ("", "50%")]


def test_a_date_is_no_number():
    """A spreadsheet makes a date of a percent as 5.12: it must not come as 46154."""
    dates = {"dd.mm.yyyy": "2026-05-12T00:00:00", "[h]:mm": "46154 days, 0:00:00"}
    formats = dates | dict.fromkeys(("[Red]0.0", '0" days"', "_-* #,##0.00\\ [$UAH]", "0.0E+00"), "46154")
    book, sheet = workbook(["Id", "Percent"], *([1, 46154] for _ in formats))
    for number, shown in enumerate(formats, 2):
        sheet[f"B{number}"].number_format = shown
    assert [row[1] for row in read(saved(book)).rows.values()] == list(formats.values())


def test_dates_are_counted_from_the_day_that_the_workbook_says():
    book, _ = workbook(["Id", "Name"], [date(2026, 5, 12), 1e300])
    book.epoch = CALENDAR_MAC_1904
    book.active["B2"].number_format = "yyyy"
    cells = read(saved(book)).rows[2]
    assert cells[0] == "2026-05-12T00:00:00"
    assert isinstance(cells[1], Formula)
