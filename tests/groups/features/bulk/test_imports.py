"""Test importing groups from a file: its changes, its errors, and its job."""

import io
import re
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from groups.features.bulk.files.tables import NotReadable, compare, read_entries
from groups.models import Change, Job
from groups.poster import Group, GroupList, UnreadableRow
from groups.presenters.lists import column_sets
from groups.services.groups import Groups
from tests.support.bulk import run_answered
from tests.support.pages import text_of
from tests.support.properties import holds_for
from tests.support.schemes import entry, scheme
from tests.support.spreadsheets import IMPORT, saved, upload

SEED = "Скидочная система 10%"
HEADER = "Id;Name;Type;Percent;Birthday bonus;Clients;Poster account;As of"


def group(group_id, name, kind=1, percent="10", bonus="50", clients=7):
    return Group(
        id=group_id,
        name=name,
        loyalty_type=kind,
        percent=Decimal(percent),
        birthday_bonus=Decimal(bonus),
        clients=clients,
        use_ewallet="1",
    )


GROUPS = Groups(
    GroupList(
        (
            group(1, "Гості"),
            group(2, "Друзі", 2, "5", "0"),
            group(3, "Дивна", 3, "1", "0"),
            group(4, "Знижка з бонусом", 2, "12.345", "30.5"),
            group(5, "Двічі"),
            group(6, "двічі"),
            group(7, "a\N{REPLACEMENT CHARACTER}b"),
        ),
        (UnreadableRow("not a number", 9),),
    ),
    timezone.now(),
)


def read(*lines, header=HEADER, account="demo"):
    return compare(read_entries("\n".join([header, *lines]).encode(), account), GROUPS)


def changes(found):
    """Return the differences of each line, by the number of the line."""
    return {
        line.number: {
            name: value
            for name, value in line.new.to_json().items()
            if line.old is None or line.old.to_json()[name] != value
        }
        for line in found.lines
    }


def errors(found):
    return [(error.line, error.column, error.text) for error in found.errors]


# --- Changes in a file -------------------------------------------------------------------------------------


def test_an_id_is_a_change_and_none_is_a_new_group():
    found = read("1;Гості;Bonus;12,5;50,00", ";Нова;Discount;7", ";Ще;Bonus;1;1 250,50 ₴")
    assert not found.errors
    assert changes(found) == {
        2: {"percent": "12.5"},
        3: {"name": "Нова", "loyalty_type": 2, "percent": "7", "birthday_bonus": "0", "use_ewallet": None},
        4: {"name": "Ще", "loyalty_type": 1, "percent": "1", "birthday_bonus": "1250.5", "use_ewallet": None},
    }
    line = found.lines[0]
    assert (line.group_id, line.clients, line.old) == (1, 7, GROUPS.groups[0].values)


def test_an_empty_cell_leaves_what_is_there():
    assert changes(read("1;;;11;", "2;Інші;;;")) == {2: {"percent": "11"}, 3: {"name": "Інші"}}
    assert read("1;;;;").unchanged == 1


def test_columns_come_in_any_order_and_language_and_others_are_named():
    header = " відсоток ;Коментар;НАЗВАНИЕ;id;Birthday  Bonus;;Знижка"
    found = read("11;щось;Гості;1;50;x;y", header=header)
    assert changes(found) == {2: {"percent": "11"}}
    assert found.ignored == ("Коментар", "Знижка")


@pytest.mark.parametrize("kind", ["Discount", "discount", "ЗНИЖКОВА", "Скидочная", "2"])
def test_a_type_has_its_name_in_any_language(kind):
    assert changes(read(f"1;;{kind};;")) == {2: {"loyalty_type": 2, "birthday_bonus": "0"}}


def test_numbers_are_taken_as_people_type_them():
    for typed in ("12,5", "12.5", "12,5%", "12.5 %", " 12,50 "):
        assert changes(read(f"1;;;{typed};")) == {2: {"percent": "12.5"}}
    for typed in ("1250", "1 250", "1\u00a0250,00", "1 250.00 ₴", "1250₴"):
        assert changes(read(f"1;;;;{typed}")) == {2: {"birthday_bonus": "1250"}}


@pytest.mark.parametrize(
    "line",
    [
        "1;Гості;Bonus;10;50,00;999; DEMO ;2020-01-01",
        "1; Гості ;бонусна;10,00 %;50",
        "3;Дивна;unknown type (3);1;0",
        "3;Дивна;невідомий тип (3);1;0",
        "4;Знижка з бонусом;Discount;12,345;30,50",
        "7;a\N{REPLACEMENT CHARACTER}b;Bonus;10;50",
        "5;Двічі;Bonus;10;50",
    ],
)
def test_what_is_there_already_is_no_change_however_odd_it_is(line):
    found = read(line)
    assert (found.errors, found.lines, found.unchanged) == ((), (), 1)


# --- Errors ------------------------------------------------------------------------------------------------


def test_the_columns_of_an_export_with_amounts_are_not_read_and_not_called_left_out():
    names = dict.fromkeys(str(name) for each in column_sets.values() for name in each.labels().values())
    found = read(";".join(["1", "11", *names]), header=";".join(["Id", "Percent", *names]))
    assert (changes(found), found.ignored) == ({2: {"percent": "11"}}, ())


@pytest.mark.parametrize(
    ("line", "column", "text"),
    [
        ("1;;;101;", "Percent", "The percent must be between 0 and 100."),
        ("1;;;sNaN;", "Percent", "Enter a number, for example 12.5 or 12,5."),
        ("1;;;;1,250.00", "Birthday bonus", "Enter a number, for example 12.5 or 12,5."),
        ("1;;Bonusy;;", "Type", "Write “Bonus” or “Discount”."),
        ("1;;3;;", "Type", "Write “Bonus” or “Discount”."),
        ("7;;;11;", "Name", "Type the name again: the sign � stands for something that was lost."),
        (";Нова;Bonus;;1", "Percent", "Enter a percent."),
        (";Нова;Bonus;1;", "Birthday bonus", "Enter a birthday bonus, 0 for none."),
        (";Нова;;1;1", "Type", "Write “Bonus” or “Discount”."),
        (";;Bonus;1;1", "Name", "Enter a name."),
        ("77;;;1;", "Id", "There is no group with this id. For a new one, leave the cell empty."),
        ("9;;;1;", "Id", "What Poster has of this group could not be read."),
        ("x;;;1;", "Id", "An id is a whole number. For a new group, leave the cell empty."),
        ("3;;;2;", "Type", "Poster has a type for this group that is not known here."),
        ("2;;;;50", "Birthday bonus", "Only bonus groups have a birthday bonus. Leave the cell empty."),
        ("1;;;=1+1;", "Percent", "There is a formula here. Put its result there instead."),
        ("=1;;;1;", "Id", "There is a formula here. Put its result there instead."),
    ],
)
def test_what_is_wrong_is_said_by_line_and_column(line, column, text):
    found = read("4;;;6;", line)
    assert errors(found) == [(3, column, text)]
    assert [each.number for each in found.lines] == [2]


def test_what_comes_twice_is_said_with_the_other_line():
    found = read("1;;;11;", "1;;;12;", ";Нова;Bonus;1;1", ";нова ;Bonus;1;1", "2;Нова;;;")
    assert errors(found) == [
        (3, "Id", "This group is in line 2 already."),
        (5, "Name", "“Нова” in line 4 is the same name but for capital letters or spaces."),
        (6, "Name", "This name is in line 4 already."),
    ]


def test_the_name_of_another_group_is_a_question_of_the_plan():
    found = read("1;ДРУЗІ;;;", ";двічі;Bonus;1;1", "2;друзі;;6;", "5;;;11;")
    assert not found.errors
    assert [line.namesakes for line in found.lines] == [((2, 7),), ((5, 7), (6, 7)), (), ()]


def test_a_line_without_an_id_that_fits_a_group_names_the_id_of_that_group():
    assert errors(read(";ДРУЗІ;;6;"))[0] == (
        *(2, "Id"),
        "There is a group of this name. To change that one, put its id here: 2.",
    )
    assert "5, 6." in errors(read(";двічі;;6;"))[0][2]
    assert {column for _line, column, _text in errors(read(";Нова;;6;"))} == {"Type", "Birthday bonus"}


def test_all_that_is_wrong_in_a_line_is_said():
    assert len(errors(read(";;Bonusy;101;x"))) == 4
    assert errors(read("1;;;=A1;=A2"))[1][1] == "Birthday bonus"


@pytest.mark.parametrize(
    ("header", "line", "words"),
    [
        ("Nom;Pourcentage", "a;1", "The first line has to name the columns"),
        ("Percent;Type", "1;Bonus", "The first line has to name the columns"),
        ("Id;Percent;Відсоток", "1;1;1", "The column “Відсоток” is there twice."),
        (
            HEADER,
            "1;;;11;;;kavarnia;",
            "This file is of the Poster account kavarnia, and you are connected to demo.",
        ),
    ],
)
def test_what_is_wrong_with_the_whole_file_is_said(header, line, words):
    with pytest.raises(NotReadable, match=re.escape(words)):
        read(line, header=header)


# --- Round trip --------------------------------------------------------------------------------------------


ODD_NAMES = [
    *("=1+1", "'=x", "-5%", "a;b,c", 'лап"ки', "''", "+380", "кав&#39;ярня", "Знижкова", "a;'=cmd,\"+1"),
    *("ряд\r\nок", "ряд\rок", "ряд\x0bок", "ряд\ufffeок", "ряд_x000D_ок", " з краю "),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("extension", "language", "other"), [("csv", "uk", "ru"), ("xlsx", "ru", "en")])
def test_an_export_says_that_there_is_nothing_to_change(staff, browse, sandbox, extension, language, other):
    row = sandbox.accounts["demo"].snapshot()[1]
    for number, name in enumerate(ODD_NAMES, 10):
        kind = str(1 + number % 3)
        values = {"client_groups_name": name, "loyalty_type": kind, "client_groups_discount": f"{number}.5"}
        sandbox.console().put(
            row | {"client_groups_id": str(number), "birthday_bonus": f"{number}05"} | values
        )
    content = browse(staff, language=language).get(f"/groups/export.{extension}").content
    answer = upload(browse(staff, language=other), content)
    assert answer.status_code == 200, text_of(answer)
    answer = upload(browse(staff), content)
    assert f"There is nothing to change. Poster has all {3 + len(ODD_NAMES)} groups of this file" in text_of(
        answer
    )
    assert not Job.objects.exists()


# --- The page ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_file_is_shown_first_and_then_carried_out(staff, browse, sandbox):
    book = load_workbook(io.BytesIO(browse(staff, language="uk").get("/groups/export.xlsx").content))
    book.active["D2"] = 12.5
    book.active.append([None, "Нова група", "Бонусна", 3, 1000])
    client = browse(staff)
    answer = upload(client, saved(book), "x.xlsx")
    assert answer.status_code == 302, text_of(answer)
    page = client.get(answer["Location"])
    assert "10% → becomes 12.5%" in text_of(page)
    assert "Нова група new group line 5" in text_of(page)
    assert "1 group changes, which touches 125 clients 1 group is new 2 groups stay as they are" in text_of(
        page
    )
    assert not sandbox.posts()
    job = run_answered(client.post(answer["Location"]))
    assert (job.kind, job.state) == ("import", Job.State.DONE)
    rows = list(sandbox.accounts["demo"].snapshot().values())
    assert rows[0]["client_groups_discount"] == "12.5"
    assert (rows[-1]["client_groups_name"], rows[-1]["birthday_bonus"]) == ("Нова група", "100000")
    assert len(sandbox.posts()) == Change.objects.filter(job=job, state="applied").count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_scheme_is_saved_changed_and_carried_out(staff, browse, sandbox):
    client = browse(staff)
    assert 'href="/groups/export.yaml"' in client.get("/groups/").content.decode()
    saved = client.get("/groups/export.yaml")
    assert saved["Content-Type"] == "application/yaml; charset=utf-8"
    assert 'filename="scheme-demo-' in saved["Content-Disposition"]
    answer = upload(client, saved.content, "scheme.yaml")
    assert "Poster has all 3 groups of this file just as they are there." in text_of(answer)
    text = scheme(entry("Нова", "bonus", 5, 10), entry("Інша", percent=11, was=SEED))
    answer = upload(client, text, "scheme.yaml")
    plan = text_of(client.get(answer["Location"]))
    assert "2 groups are not in the file, and stay as they are" in plan
    assert "line 1" not in plan  # two groups may be on one line of the file
    assert not sandbox.posts()
    job = run_answered(client.post(answer["Location"]))
    assert (job.kind, job.state, job.total) == ("import", Job.State.DONE, 2)
    names = [row["client_groups_name"] for row in sandbox.accounts["demo"].groups.values()]
    assert names == ["Постоянный посетитель", "Інша", "Скидочная система 20%", "Нова"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("A.YML", scheme(entry("Нова", percent="5,5"), "- a\n"), "2 places in the file have to be corrected"),
        ("a.txt", scheme(entry("Нова", percent="5,5")), "4 12 Write a plain number"),
        ("a.yaml", scheme(entry("Нова", was="Стара")), "There is neither “Стара”"),
        ("a.yaml", "Id;Percent\n1;11\n", "Write fields here: groups."),
    ],
)
def test_a_scheme_is_known_by_its_name_or_its_first_word(staff, browse, sandbox, name, content, words):
    answer = upload(browse(staff), content, name)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_with_an_error_nothing_can_be_started_and_the_rest_is_shown(staff, browse, sandbox):
    answer = upload(browse(staff), "Id;Percent;Note\n1;101;a\n4;12;b\n5;20;c\n")
    assert answer.status_code == 422
    html, text = answer.content.decode(), text_of(answer)
    assert html.split("<title>")[1].startswith("Error:")
    assert "1 place in the file has to be corrected first" in text
    assert re.search(r'(?s)<tr data-line="2">((?!</tr>).)*Percent((?!</tr>).)*between 0 and 100', html)
    assert "left out: Note" in text
    assert 'data-group="4"' in html
    assert "/groups/plan/" not in html
    assert not Job.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"x" * (2**21 + 2**16), "The file is larger than 2 MB."),
        ("Id;Percent;Poster account\n1;11;kavarnia", "of the Poster account kavarnia"),
    ],
)
def test_what_is_no_file_of_groups_is_refused_in_words(staff, browse, sandbox, content, words):
    answer = upload(browse(staff), content)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert answer.content.decode().split("<title>")[1].startswith("Error:")


@pytest.mark.django_db
def test_the_file_stays_in_memory_and_is_not_kept(staff, browse, sandbox, settings):
    assert settings.FILE_UPLOAD_HANDLERS == ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
    upload(browse(staff), "Id;Percent;Коментар\n1;11;телефон 0501234567\n")
    assert "0501234567" not in str(Job.objects.get().wanted)


@pytest.mark.django_db
def test_an_import_needs_both_rights(staff, manager, browse, sandbox):
    assert 'href="/upload/"' in browse(staff).get("/groups/").content.decode()
    assert "/upload/" not in browse(manager).get("/groups/").content.decode()
    role = staff.groups.get()
    for codename in ("add_group", "change_group"):
        right = role.permissions.get(codename=codename)
        role.permissions.remove(right)
        for answer in (browse(staff).get(IMPORT), upload(browse(staff), "Id;Percent\n1;11\n")):
            assert answer.status_code == 403
        role.permissions.add(right)


# --- No file makes a 500 -----------------------------------------------------------------------------------

WORDS = (
    "",
    "1",
    "4",
    "=1",
    "'=1",
    "12,5",
    "101%",
    "Нова",
    "Discount",
    "x\0",
    '"',
    ";",
    "\n",
    "\ufffd",
    "sNaN",
)
CELLS = st.sampled_from(WORDS) | st.text(max_size=8)
ROWS = st.lists(st.lists(CELLS, max_size=9), max_size=5)
HEADERS = st.just(HEADER.split(";")) | st.lists(
    st.sampled_from([*HEADER.split(";"), "Відсоток", "", "x"]), max_size=9
)


@st.composite
def files(draw):
    """Return bytes of any kind: noise, CSV in odd encodings, valid and damaged workbooks."""
    kind = draw(st.sampled_from(["noise", "csv", "xlsx", "spoiled"]))
    if kind == "noise":
        return draw(st.sampled_from([b"", b"PK\x03\x04", b"\xef\xbb\xbf", b"\xff\xfe"])) + draw(
            st.binary(max_size=300)
        )
    rows = [draw(HEADERS), *draw(ROWS)]
    if kind == "csv":
        text = "\n".join(draw(st.sampled_from(";,\t")).join(row) for row in rows)
        return text.encode(
            draw(st.sampled_from(["utf-8", "utf-8-sig", "cp1251", "utf-16"])), errors="replace"
        )
    book = Workbook()
    for y, row in enumerate(rows, 1):
        for x, cell in enumerate(row, 1):
            value = re.sub(r"[\000-\010\013\014\016-\037\ufffe\uffff\ud800-\udfff]", "", cell)
            book.active.cell(y, x, draw(st.sampled_from([value, value, 1.5, 10**20, True, -3])))
    file = io.BytesIO()
    book.save(file)
    content = bytearray(file.getvalue())
    if kind == "spoiled":
        # Damage at relative positions: a workbook contains the time, so its length varies.
        for share in draw(st.lists(st.integers(0, 999), min_size=1, max_size=20)):
            content[share * len(content) // 1000] = draw(st.integers(0, 255))
    return bytes(content)


@pytest.mark.django_db
def test_no_file_makes_a_500(staff, browse, sandbox):
    client = browse(staff)

    @holds_for(files())
    def _(content):
        answer = upload(client, content)
        assert answer.status_code in {200, 302, 422}
        if answer.status_code == 302:
            assert client.get(answer["Location"]).status_code == 200
