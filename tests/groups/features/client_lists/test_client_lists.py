"""Test lists of clients: whom each line names, what is refused, and the move of those who were found."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from groups.features.client_lists.spreadsheets import lines_of_text
from groups.models import Job
from tests.support.jobs import ended, leave_few, run
from tests.support.pages import text_of
from tests.support.spreadsheets import saved, workbook

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
URL, MOVE, TARGET = "/clients/list/", "/clients/move/", 1
PHONES = {129: "+38 (067) 111-22-33", 130: "380672223344", 131: "0673334455"}
CARDS = {129: "77 00 01", 130: "AB-12", 131: ""}


@pytest.fixture
def sandbox(sandbox):
    """Return a Poster in which three clients of group 4 have phones and cards that these tests know."""
    console = leave_few(sandbox).console()
    for client_id, phone in PHONES.items():
        console.edit_client(client_id, phone=phone, card_number=CARDS[client_id])
    return sandbox


@pytest.fixture
def send(browse, staff):
    """Return a function that sends a list, and returns the page."""
    client = browse(staff)

    def send(text="", target=TARGET, numbers="on", **fields):
        return client.post(URL, {"text": text, "target": target, "numbers": numbers, **fields})

    send.client = client
    return send


def states(page):
    """Return the states of the lines, and the client where there is one."""
    rows = re.findall(
        r'data-line="(\d+)"\s+data-state="(\w+)"\s*(?:data-client="(\d+)")?', page.content.decode()
    )
    return {int(line): (state, int(client) if client else None) for line, state, client in rows}


def move_form(page):
    """Return the fields of the form that moves the found clients, without its check boxes."""
    html = page.content.decode()
    form = html[html.index('<form id="move"') :]
    form = form[: form.index("</form>")]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


# --- Whom a line names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["+380671112233", "067 111 22 33", "067.111.22.33", "тел. 067/111/22/33", "671112233", "770001", "129"],
)
def test_a_client_is_found_by_phone_card_or_id_in_usual_spellings(send, text):
    assert states(send(text)) == {1: ("found", 129)}


@pytest.mark.parametrize(("text", "card"), [("ab12", 130), ("AB 12", 130), ("77-00-01", 129)])
def test_a_card_is_found_in_any_case_and_with_gaps(send, text, card):
    assert states(send(text)) == {1: ("found", card)}


def test_each_line_has_its_state_and_the_number_that_an_editor_shows(send, sandbox):
    sandbox.console().edit_client(131, client_groups_id=str(TARGET))
    page = send("0671112233\r\n\r\nОксана\r\n0509999999\r\n130\r\nAB-12\r\n0673334455\r\n")
    assert states(page) == {
        1: ("found", 129),
        3: ("unreadable", None),
        4: ("unknown", None),
        5: ("found", 130),
        6: ("double", 130),
        7: ("there", 131),
    }
    assert "first in line 5" in text_of(page)


def test_a_line_that_fits_two_clients_is_for_a_person_to_decide(send, sandbox):
    sandbox.console().edit_client(131, card_number="129")
    page = send("129")
    assert states(page) == {1: ("ambiguous", None)}
    boxes = re.findall(r'type="checkbox" name="client" value="([^"]+)" form="move"', page.content.decode())
    assert boxes == ["129-4", "131-4"]


def test_two_clients_with_one_phone_are_ambiguous(send, sandbox):
    sandbox.console().edit_client(131, phone="067 111 22 33")
    assert states(send("+380671112233")) == {1: ("ambiguous", None)}


@pytest.mark.parametrize("text", ["0671112233", "129; AB-12"])
def test_a_line_that_fits_somebody_in_no_group_too_moves_nobody(send, sandbox, text):
    sandbox.console().put_client(0, phone="067 111 22 33")
    sandbox.console().edit_client(130, client_groups_id="0")
    page = send(text)
    assert states(page) == {1: ("ambiguous", None)}
    boxes = re.findall(r'type="checkbox" name="client" value="([^"]+)" form="move"', page.content.decode())
    assert boxes == ["129-4"]


def test_a_removed_client_is_unknown(send, sandbox):
    sandbox.console().edit_client(129, delete="1")
    assert states(send("0671112233\n129")) == {1: ("unknown", None), 2: ("unknown", None)}


def test_columns_are_read_by_their_names_and_the_first_filled_one_counts(send):
    rows = ["Оксана;;067 222 33 44;", "Іван;770001;;129", "Роман;770001;0672223344;", ";;;", "Ліда;;;"]
    assert states(send("\n".join(["Ім'я;Картка;Телефон;ID", *rows]))) == {
        2: ("found", 130),
        3: ("found", 129),
        4: ("ambiguous", None),
        5: ("unreadable", None),
        6: ("unreadable", None),
    }


def test_a_column_says_what_its_numbers_are(send, sandbox):
    sandbox.console().edit_client(131, card_number="129")
    assert states(send("Card\n129")) == {2: ("found", 131)}
    assert states(send("ID\n129")) == {2: ("found", 129)}
    # The first filled cell counts: a phone of nobody is not made good by the card.
    assert states(send("Phone,Card\n0509999999,129")) == {2: ("unknown", None)}


@pytest.mark.parametrize(
    ("text", "numbers", "result"),
    [("129", "", {1: ("unknown", None)}), ("129", "on", {1: ("found", 129)}),
     ("ID\n129", "", {2: ("found", 129)}), ("Card\n129", "on", {2: ("unknown", None)})],
)  # fmt: skip
def test_a_number_is_one_of_a_client_only_where_the_list_says_so(send, text, numbers, result):
    assert states(send(text, numbers=numbers)) == result
    assert states(send(numbers=numbers, file=file_of(text.encode()))) == result


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_cells_without_a_header_are_read_in_their_order(send, delimiter):
    text = delimiter.join(["Оксана", "0671112233", "770001"])
    assert states(send(text)) == {1: ("found", 129)}


def test_a_quote_that_is_never_closed_takes_no_other_line_with_it():
    lines = lines_of_text('Phone;Id\n"0671112233;1\n0672223344;2')
    assert [line.number for line in lines] == [2, 3]


# --- Files -------------------------------------------------------------------------------------------------


def file_of(content, name="list.csv"):
    return SimpleUploadedFile(name, content)


def test_a_sheet_with_a_header_has_the_numbers_of_its_rows(send):
    book, sheet = workbook(["Телефон", "Місто"], [380671112233, "Київ"], [], ["067 222 33 44", "129"])
    sheet["A5"] = "=1+1"
    page = send(file=file_of(saved(book), "list.xlsx"))
    assert states(page) == {2: ("found", 129), 4: ("found", 130), 5: ("unreadable", None)}


def test_a_sheet_without_a_header_begins_with_its_first_row(send):
    book, _sheet = workbook([], [671112233], ["AB-12"])
    assert states(send(file=file_of(saved(book), "list.xlsx"))) == {2: ("found", 129), 3: ("found", 130)}
    assert states(send(file=file_of("0671112233\n0672223344".encode("cp1251")))) == {
        1: ("found", 129),
        2: ("found", 130),
    }


# --- The move ----------------------------------------------------------------------------------------------


def test_the_found_ones_are_moved_by_an_ordinary_job_and_nothing_else_of_them(send, sandbox, people):
    before = dict(sandbox.accounts["demo"].clients.row(129))
    page = send("0671112233\nAB-12\n0509999999")
    assert 'data-count="found"' in page.content.decode()
    answer = send.client.post(MOVE, move_form(page))
    assert answer.status_code == 302
    job = run(Job.objects.get())
    assert answer["Location"] == f"/jobs/{job.pk}/"
    assert ended(job) == (Job.State.DONE, "")
    assert {129, 130} <= people(TARGET)
    assert 131 not in people(TARGET)
    after = dict(sandbox.accounts["demo"].clients.row(129))
    assert {name for name in before if before[name] != after[name]} <= {
        *("client_groups_id", "client_groups_name", "client_groups_discount"),
        *("loyalty_type", "birthday_bonus"),
    }


def test_a_ticked_client_goes_with_the_found_ones(send, sandbox, people):
    sandbox.console().edit_client(131, card_number="129")
    page = send("129\n0672223344\n0671112233")
    assert states(page)[3] == ("found", 129)
    # The one who was found by another line is ticked too: it is one client all the same.
    send.client.post(MOVE, move_form(page) | {"client": ["129-4", "131-4"]})
    run(Job.objects.get())
    assert {129, 130, 131} <= people(TARGET)


def test_a_group_that_was_changed_since_is_shown_first(send, sandbox):
    form = move_form(send("129"))
    sandbox.console().edit(TARGET, client_groups_discount="90")
    assert send.client.post(MOVE, form).status_code == 409
    assert not Job.objects.exists()


def test_two_thousand_clients_go_through_one_form(send):
    pairs = ",".join(f"{client_id}-4" for client_id in range(1, 2_001))
    form = move_form(send("129"))
    answer = send.client.post(MOVE, form | {"clients": f"{pairs},2001-4"})
    assert answer.status_code == 422
    assert "So many clients cannot be moved at once" in text_of(answer)
    assert send.client.post(MOVE, form | {"clients": pairs}).status_code == 302


# --- What is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"text": "129", "target": ""}, "Choose a group."),
        ({"text": "129", "target": "999"}, "Select a valid choice"),
        ({"text": " \n"}, "Paste a list, or choose a file."),
        ({"text": "Телефон"}, "There is no line with a client."),
        ({"text": "Номер картки\n129"}, "Name the columns Phone, Card or ID"),
        ({"text": f"129\n{'1' * 1_001}!"}, "Line 2 has a cell that is too long."),
        ({"text": "129\n" * 2_001}, "more than 2,000 lines"),
        ({"text": "129\n" + " " * 2**21}, "larger than 2 MB"),
    ],
)
def test_a_list_that_cannot_be_used_says_why_and_keeps_what_was_typed(send, fields, words):
    page = send(**fields)
    assert page.status_code == 422
    assert words in text_of(page)
    assert fields["text"].strip()[:100] in page.content.decode()


def test_a_list_and_a_file_at_once_are_not_guessed_at(send):
    assert send("129", file=file_of(b"130")).status_code == 422
    # This file is larger than what is received.
    page = send("129", file=file_of(b"130\n" * 2**19 + b"130\n" * 2**15))
    assert page.status_code == 422
    assert "larger than 2 MB" in text_of(page)


def test_a_file_that_is_too_large_or_odd_says_why(send):
    assert "larger than 2 MB" in text_of(send(file=file_of(b"1\n" * 2**21)))
    assert "larger than 2 MB" in text_of(send(file=file_of(b"1\n" * 2**20 + b"1\n")))
    assert "Phone, Card or ID" in text_of(send(file=file_of("Номер;Картки\n129;".encode())))
    assert "neither an XLSX nor a CSV" in text_of(send(file=file_of(b"\0\0")))


def test_two_thousand_lines_and_two_megabytes_pass(send):
    line = "0671112233".ljust(1_047)
    for page in (
        send("\n".join([line] * 2_000)),
        send(file=file_of(f"0671112233,{' ' * 1_000}\n".encode() * 2_000)),
    ):
        assert page.status_code == 200
        assert [*states(page).values()].count(("double", 129)) == 1_999


# --- Trouble, and what stays -------------------------------------------------------------------------------


def test_a_row_that_cannot_be_read_makes_no_one_surely_unknown(send, sandbox):
    sandbox.console().edit_client(129, discount_per="abc")
    page = send("0671112233\n130")
    assert states(page) == {1: ("unknown", None), 2: ("found", 130)}
    assert "1 client at Poster could not be read" in text_of(page)


def test_of_clients_in_no_group_those_are_told_whom_the_list_names(send, sandbox):
    nobody = sandbox.console().put_client(0, lastname="Видима")
    assert "could not be read" not in text_of(send("130"))
    page = send(f"130\n{nobody}")
    assert states(page) == {1: ("found", 130), 2: ("unknown", None)}
    assert "1 client at Poster could not be read" in text_of(page)


def test_a_poster_that_does_not_answer_is_said_and_nobody_is_found(send, sandbox):
    sandbox.script("clients.getClients", "status_500", times=20)
    page = send("129")
    assert page.status_code in (502, 504)
    assert "data-line" not in page.content.decode()


def test_the_whole_list_costs_one_reading_of_the_clients(send, sandbox):
    sandbox.log.clear()
    send("\n".join(f"06711122{number:02}" for number in range(100)))
    assert len(sandbox.calls("clients.getClients")) == 1


def test_unknown_lines_come_back_as_they_were_typed(send):
    page = send("0509999999\n129\n+380 50 8888888; Оксана")
    text = re.search(r'<textarea name="text" hidden>([^<]*)</textarea>', page.content.decode())[1]
    file = send.client.post(f"{URL}unknown/", {"text": text})
    assert file.content.decode() == "0509999999\n+380 50 8888888; Оксана"
    assert file["Content-Disposition"].startswith("attachment;")
    assert send.client.get(f"{URL}unknown/").status_code in (302, 405)


def test_as_many_unknown_lines_come_back_as_a_list_may_have(send):
    text = "\n".join(f"{'ї' * 510} 0{number:04}" for number in range(2_000))
    page = send(text)
    form = re.search(r'<form[^>]*action="/clients/list/unknown/"[^>]*>', page.content.decode())[0]
    assert 'enctype="multipart/form-data"' in form
    assert send.client.post("/clients/list/unknown/", {"text": text}).status_code == 200


def test_who_may_not_see_clients_finds_ids_only(send, staff, sandbox):
    from django.contrib.auth.models import Permission

    sandbox.console().edit_client(129, lastname="Вигадана")
    assert "Вигадана" in text_of(send("129"))
    staff.groups.clear()
    staff.user_permissions.set(Permission.objects.filter(codename__in=("view_group", "move_client")))
    page = send("129")
    assert states(page) == {1: ("found", 129)}
    assert "Вигадана" not in text_of(page)


def test_the_menus_lead_there(send):
    assert 'href="/clients/list/"' in send.client.get("/clients/").content.decode()
    page = send.client.get("/groups/4/").content.decode()
    assert 'href="/clients/list/?target=4"' in page
    opened = send.client.get(f"{URL}?target=4").content.decode()
    assert re.search(r'<option value="4" selected', opened)


def test_the_list_is_an_action_to_go_to(send):
    page = send.client.get("/go/?q=list").content.decode()
    assert 'href="/clients/list/"' in page
