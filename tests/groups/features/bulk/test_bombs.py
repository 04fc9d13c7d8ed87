"""Test that no workbook from outside takes more memory or time than a child process may have."""

import re
import tracemalloc

import pytest

from groups.features.bulk.files.tables import NotReadable, read_table
from tests.support.spreadsheets import SHEET, STYLES, packed, parts_of, saved, workbook

STRINGS, TYPES = "xl/sharedStrings.xml", "[Content_Types].xml"
MEGABYTES = 32
TOO_LARGE, UNREADABLE, TOO_LONG = "too much memory or time", "cannot be read", "has a cell that is too long."
READ = ""
THOROUGH = pytest.mark.thorough
MAIN = b' xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
TYPE_OF_STRINGS = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
ROW = b'<row r="3"><c r="A3" t="str"><v>%s</v></c></row>'
LAUGHS = b'<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY a%d "%s">' % (number, b"&a%d;" % (number - 1) * 10) for number in range(1, 10)
)


def parts():
    """Return the parts of a workbook of two rows, whose first cell has a shared text."""
    book, _ = workbook(["Id", "Name"], [1, "a"])
    found = parts_of(saved(book))
    found[STRINGS] = b"<sst" + MAIN + b"><si><t>Id</t></si></sst>"
    found[SHEET] = re.sub(rb'<c r="A1".*?</c>', b'<c r="A1" t="s"><v>0</v></c>', found[SHEET])
    override = b'<Override PartName="/xl/sharedStrings.xml" ContentType="%s"/></Types>' % TYPE_OF_STRINGS
    found[TYPES] = found[TYPES].replace(b"</Types>", override)
    return found


def with_xml(name, before, xml, doctype=b""):
    """Return a workbook that has some XML in one of its parts."""
    found = parts()
    head, end, tail = found[name].rpartition(before)
    found[name] = doctype + (head + xml + end + tail).removeprefix(b'<?xml version="1.0"?>')
    return packed(found)


def result(content):
    """Return the words of a refusal, or none for a table, and hold that this process took little memory."""
    tracemalloc.start()
    try:
        read_table(content, ())
    except NotReadable as problem:
        return problem.messages[0]
    finally:
        assert tracemalloc.get_traced_memory()[1] < MEGABYTES * 2**20
        tracemalloc.stop()
    return READ


@pytest.mark.parametrize(
    ("name", "before", "xml", "words"),
    [
        (SHEET, b"</sheetData>", b'<row r="3">' + b'<c r="A3"/>' * 1_500_000 + b"</row>", TOO_LARGE),
        (SHEET, b"</sheetData>", ROW % (b"1" * 15_000_000), TOO_LONG),
        # The bounds are those of the process that reads all parts.
        pytest.param(STYLES, b"</cellXfs>", b'<xf numFmtId="1"/>' * 800_000, TOO_LARGE, marks=THOROUGH),
        pytest.param(STRINGS, b"</sst>", b'<x a="1"/>' * 1_500_000, TOO_LARGE, marks=THOROUGH),
    ],
    ids=["cells", "digits", "formats", "texts"],
)
def test_a_bomb_is_refused(name, before, xml, words):
    assert words in result(with_xml(name, before, xml))


@pytest.mark.parametrize("name", [SHEET, pytest.param(STYLES, marks=THOROUGH)])
def test_entities_that_grow_are_refused_by_the_parser(name):
    """expat stops them itself; a text of one entity that is repeated is bounded as any other."""
    end = parts()[name].rpartition(b"</")
    assert UNREADABLE in result(with_xml(name, b"</" + end[2], b"<z>&a9;</z>", LAUGHS + b"]>"))


def test_no_entity_brings_a_file():
    doctype = b'<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/hostname">]>'
    assert UNREADABLE in result(with_xml(SHEET, b"</sheetData>", ROW % b"&file;", doctype))


def test_an_archive_of_very_many_files_is_no_workbook():
    assert UNREADABLE in result(packed({f"{number}.xml": b"" for number in range(9000)}))


def test_a_macro_is_not_checked():
    assert result(packed(parts() | {"xl/vbaProject.bin": b"\0" * 1_000_000})) == READ


@pytest.mark.thorough
def test_a_table_as_large_as_may_be_is_read():
    """The bounds are those of files that somebody made on purpose."""
    cells = b"".join(b"<c><v>%d</v></c>" % number for number in range(49))
    rows = b"".join(b'<row r="%d">' % number + cells + b"</row>" for number in range(3, 5002))
    content = with_xml(SHEET, b"</sheetData>", rows)
    assert len(read_table(content, ())) == 5001  # with the header
