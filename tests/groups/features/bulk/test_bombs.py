"""Test that no file from outside takes more memory than a small one, whichever of its parts is the bomb."""

import itertools
import re
import struct
import tracemalloc
import zipfile
from io import BytesIO

import pytest

from groups.features.bulk.spreadsheets import bounded_xml
from groups.features.bulk.spreadsheets.reader import NotReadable, read_table
from tests.support.pairwise import marked
from tests.support.spreadsheets import SHEET, STYLES, packed, parts_of, saved, workbook

WORKBOOK, STRINGS = "xl/workbook.xml", "xl/sharedStrings.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"
MEGABYTES = 48
TOO_LARGE, ODD = (
    "Unpacked, it may have 16 MB and 500,000 elements at most",
    "that no spreadsheet program writes",
)
others = pytest.mark.thorough  # the same bound, in the other parts
LAUGHS = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
LINE, CELL = b'<row r="3">%s</row>', b'<c r="A3" t="%s">%s</c>'


def parts():
    """Return the parts of a workbook of two rows, whose first cell has a shared text."""
    book, _ = workbook(["Id", "Name"], [1, "a"])
    found = parts_of(saved(book))
    found[STRINGS] = b"<sst><si><t>Id</t></si></sst>"
    found[SHEET] = re.sub(rb'<c r="A1".*?</c>', b'<c r="A1" t="s"><v>0</v></c>', found[SHEET])
    relation = b'<Relationship Id="texts" Type="x/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    found[RELATIONS] = found[RELATIONS].replace(b"</Relationships>", relation)
    return found


def with_xml(name, before, xml):
    """Return a workbook that has some XML in one of its parts."""
    found = parts()
    place = found[name].rindex(before)
    found[name] = found[name][:place] + xml + found[name][place:]
    return packed(found)


def with_row(xml):
    return with_xml(SHEET, b"</sheetData>", LINE % xml)


def why(content):
    """Return the words of the refusal, and hold that it took little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(NotReadable) as caught:
            read_table(content, lambda cells: len(list(cells)))
        assert tracemalloc.get_traced_memory()[1] < MEGABYTES * 2**20
    finally:
        tracemalloc.stop()
    return caught.value.messages[0]


@pytest.mark.parametrize(
    ("name", "before", "xml"),
    [
        (SHEET, b"</sheetData>", LINE % (b"<c/>" * 501_000)),
        pytest.param(STYLES, b"</cellXfs>", b"<xf/>" * 501_000, marks=others),
        pytest.param(SHEET, b"</worksheet>", b"<a/>" * 501_000, marks=others),
        pytest.param(RELATIONS, b"</Relationships>", b"<a/>" * 501_000, marks=others),
        pytest.param(STRINGS, b"</sst>", b"<si><t>ab</t></si>" * 251_000, marks=others),
        pytest.param(WORKBOOK, b"</sheets>", b'<sheet name="x"/>' * 501_000, marks=others),
    ],
)
def test_elements_without_an_end_are_not_kept(name, before, xml):
    assert TOO_LARGE in why(with_xml(name, before, xml))


KEPT = {
    "depth": lambda: b"<a>" * 100_000,
    "attributes": lambda: b"<a " + b" ".join(b'a%d=""' % number for number in range(100_000)) + b"/>",
    "names": lambda: b"".join(b"<a%d/>" % number for number in range(100_000)),
    "names of attributes": lambda: b"".join(b'<a a%d=""/>' % number for number in range(100_000)),
    "comment": lambda: b"<!--" + b"x" * 15_000_000 + b"-->",
    "instruction": lambda: b"<?x " + b"x" * 15_000_000 + b"?>",
    "long name": lambda: b"<a" + b"x" * 15_000_000 + b"/>",
}


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize(
    ("name", "before"), [(SHEET, b"</worksheet>"), pytest.param(WORKBOOK, b"</workbook>", marks=others)]
)
def test_nothing_that_the_parser_keeps_grows_without_a_bound(name, before, kept):
    assert ODD in why(with_xml(name, before, KEPT[kept]()))


def test_a_part_is_unpacked_only_so_far_whatever_the_archive_says_of_its_size():
    content = with_xml(SHEET, b"</worksheet>", b" " * 40_000_000)
    assert TOO_LARGE in why(content)
    size = struct.pack("<I", len(parts()[SHEET]) + 40_000_000)
    assert content.count(size) == 2
    assert why(content.replace(size, struct.pack("<I", 1000)))


LONG = {
    "digits": lambda: b"1" * 15_000_000,
    "references": lambda: b"&amp;" * 3_000_000,
    "lines": lambda: b"\n" * 15_000_000 + b"1",
}
KINDS = ("n", "str", "d")


@pytest.mark.parametrize(
    ("kind", "long"), marked(itertools.product(KINDS, LONG), zip(KINDS, LONG, strict=True), name="-".join)
)
def test_a_cell_without_an_end_is_too_long(kind, long):
    cell = CELL % (kind.encode(), b"<v>" + LONG[long]() + b"</v>")
    assert "Line 3 has a cell that is too long." in why(with_row(cell))


def test_a_shared_text_without_an_end_is_too_long():
    content = packed(
        parts() | {STRINGS: b"<sst><si>" + b"<r><t>some more</t></r>" * 150_000 + b"</si></sst>"}
    )
    assert "Line 1 has a cell that is too long." in why(content)


@pytest.mark.parametrize(
    "row", [b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', b"<row/>" * 2_500_000]
)
def test_rows_far_below_are_not_filled_in(row):
    assert "goes on below line 20000" in why(with_xml(SHEET, b"</sheetData>", row))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("name", [SHEET, STYLES, STRINGS, WORKBOOK, RELATIONS, "_rels/.rels"])
def test_no_entity_is_declared(name, encoding):
    found = parts()
    text = found[name].decode().removeprefix('<?xml version="1.0"?>')
    assert ODD in why(packed(found | {name: (LAUGHS + text).encode(encoding)}))


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_only_the_usual_compression_is_unpacked(compression):
    """LZMA says itself how much memory it wants."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in parts().items():
            archive.writestr(name, data)
    assert ODD in why(file.getvalue())


def test_an_archive_of_very_many_files_is_no_workbook():
    assert "cannot be read" in why(packed({f"{number}.xml": b"" for number in range(9000)}))


def test_a_table_as_large_as_may_be_is_read():
    """The bounds are those of files that somebody made on purpose."""
    cells = b"".join(b"<c><v>%d</v></c>" % number for number in range(49))
    rows = b"".join(b'<row r="%d">' % number + cells + b"</row>" for number in range(3, 5002))
    content = with_xml(SHEET, b"</sheetData>", rows)
    assert rows.count(b"<c") + rows.count(b"<v") > bounded_xml.ELEMENTS_AT_MOST - 20_000
    assert len(read_table(content, lambda cells: len(list(cells))).rows) == 5000
