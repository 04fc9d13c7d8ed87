"""Test lists of clients: whom each line names, what is refused, and the move of those who were found."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile

from groups.features.client_lists.services import lines_of_file, lines_of_text, look_up
from groups.models import Job
from tests.support.jobs import ended, leave_few, run
from tests.support.pages import text_of
from tests.support.schemes import entry, scheme
from tests.support.spreadsheets import saved, workbook

# Moves of chosen clients ask another database for the same.
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once"),
    pytest.mark.once,
]
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


@pytest.fixture
def find(staff, sandbox):
    """Return a function that looks the lines of a text or a file up: their states, and whom they name."""

    def find(content, *, numbers=True):
        read = lines_of_text if isinstance(content, str) else lines_of_file
        lines = read(content, numbers=numbers)
        found, _unreadable = look_up(staff.credentials, lines, {1, 4, 5}, TARGET)
        return {
            each.line.number: (each.state.value, *(client.id for client in each.clients)) for each in found
        }

    return find


def test_a_client_is_found_by_phone_card_or_id_in_usual_spellings(find):
    phones = ("+380671112233", "067 111 22 33", "067.111.22.33", "тел. 067/111/22/33", "671112233")
    for text in (*phones, "770001", "77-00-01", "129"):
        assert find(text) == {1: ("found", 129)}, text
    for text in ("ab12", "AB 12"):
        assert find(text) == {1: ("found", 130)}, text


def test_each_line_has_its_state_and_the_number_that_an_editor_shows(find, sandbox):
    sandbox.console().edit_client(131, client_groups_id=str(TARGET))
    sandbox.console().edit_client(132, delete="1")
    text = "0671112233\r\n\r\nОксана\r\n0509999999\r\n130\r\nAB-12\r\n0673334455\r\n132\r\n"
    assert find(text) == {
        1: ("found", 129),
        3: ("unreadable",),
        4: ("unknown",),
        5: ("found", 130),
        6: ("double", 130),
        7: ("there", 131),
        8: ("unknown",),
    }


@pytest.mark.parametrize("fields", [{"card_number": "129"}, {"phone": "067 111 22 33"}])
def test_a_line_that_fits_two_clients_is_for_a_person_to_decide(find, sandbox, fields):
    sandbox.console().edit_client(131, **fields)
    assert find("129" if "card_number" in fields else "+380671112233") == {1: ("ambiguous", 129, 131)}


@pytest.mark.parametrize("text", ["0671112233", "129; AB-12"])
def test_a_line_that_fits_somebody_in_no_group_too_moves_nobody(send, sandbox, text):
    sandbox.console().put_client(0, phone="067 111 22 33")
    sandbox.console().edit_client(130, client_groups_id="0")
    page = send(text)
    assert states(page) == {1: ("ambiguous", None)}
    boxes = re.findall(r'type="checkbox" name="client" value="([^"]+)" form="move"', page.content.decode())
    assert boxes == ["129-4"]


def test_columns_are_read_by_their_names_and_the_first_filled_one_counts(find):
    rows = ["Оксана;;067 222 33 44;", "Іван;770001;;129", "Роман;770001;0672223344;", ";;;", "Ліда;;;"]
    assert find("\n".join(["Ім'я;Картка;Телефон;ID", *rows])) == {
        2: ("found", 130),
        3: ("found", 129),
        4: ("ambiguous", 129, 130),
        5: ("unreadable",),
        6: ("unreadable",),
    }
    # A phone of nobody is not made good by the card.
    assert find("Phone,Card\n0509999999,129") == {2: ("unknown",)}


def test_a_number_is_one_of_a_client_only_where_the_list_says_so(find, sandbox):
    assert find("129", numbers=False) == find(b"129", numbers=False) == {1: ("unknown",)}
    assert find("ID\n129", numbers=False) == {2: ("found", 129)}
    assert find("Card\n129") == {2: ("unknown",)}
    sandbox.console().edit_client(131, card_number="129")
    assert find("Card\n129") == {2: ("found", 131)}


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_cells_without_a_header_are_read_in_their_order(find, delimiter):
    assert find(delimiter.join(["Оксана", "0671112233", "770001"])) == {1: ("found", 129)}


def test_a_quote_that_is_never_closed_takes_no_other_line_with_it():
    lines = lines_of_text('Phone;Id\n"0671112233;1\n0672223344;2')
    assert [line.number for line in lines] == [2, 3]


def test_a_file_has_the_numbers_of_its_rows_with_a_header_and_without(find):
    book, sheet = workbook(["Телефон", "Місто"], [380671112233, "Київ"], [], ["067 222 33 44", "129"])
    sheet["A5"] = "=1+1"
    assert find(saved(book)) == {2: ("found", 129), 4: ("found", 130), 5: ("unreadable",)}
    book, _sheet = workbook([], [671112233], ["AB-12"])
    assert find(saved(book)) == {2: ("found", 129), 3: ("found", 130)}


def only_may(user, *rights):
    user.groups.clear()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))


def file_of(content, name="list.csv"):
    return SimpleUploadedFile(name, content)


# --- The move ----------------------------------------------------------------------------------------------


def test_the_found_ones_are_moved_by_an_ordinary_job(send, sandbox, people):
    page = send(file=file_of(b"0671112233\nAB-12\n0509999999"))
    assert 'data-count="found"' in page.content.decode()
    answer = send.client.post(MOVE, move_form(page))
    assert answer.status_code == 302
    job = run(Job.objects.get())
    assert answer["Location"] == f"/jobs/{job.pk}/"
    assert ended(job) == (Job.State.DONE, "")
    assert {129, 130} <= people(TARGET)
    assert 131 not in people(TARGET)


def test_a_ticked_client_goes_with_the_found_ones(send, sandbox, people):
    sandbox.console().edit_client(131, card_number="129")
    page = send("129\n0672223344\n0671112233")
    assert states(page)[3] == ("found", 129)
    # The one who was found by another line is ticked too: it is one client all the same.
    send.client.post(MOVE, move_form(page) | {"client": ["129-4", "131-4"]})
    run(Job.objects.get())
    assert {129, 130, 131} <= people(TARGET)


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


def test_a_file_that_cannot_be_used_says_why(send):
    assert send("129", file=file_of(b"130")).status_code == 422
    assert "larger than 2 MB" in text_of(send(file=file_of(b"1\n" * 2**20 + b"1\n")))
    assert "neither an XLSX nor a CSV" in text_of(send(file=file_of(b"\0\0")))


# --- A file of any kind -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("groups.csv", "ID;Percent\n1;11\n"),
        ("groups.txt", "Назва\tТип\tВідсоток\nНова\tЗнижкова\t5\n"),
        ("groups.xlsx", saved(workbook(["Name", "Type", "Percent"], ["Нова", "Discount", 5])[0])),
        ("scheme.yaml", scheme(entry("Нова", percent=5))),
    ],
)
def test_a_file_of_groups_becomes_a_plan(send, name, content):
    content = content.encode() if isinstance(content, str) else content
    answer = send.client.post("/upload/", {"file": file_of(content, name), "text": "", "target": ""})
    assert answer["Location"].startswith("/groups/plan/")


def test_what_is_wrong_in_a_file_of_groups_is_reported_there(send):
    page = send.client.post("/upload/", {"file": file_of(b"ID;Percent\n1;101\n", "groups.csv")})
    assert page.status_code == 422
    assert "The percent must be between 0 and 100" in text_of(page)


@pytest.mark.parametrize(
    "content", ["0671112233", "ID\n129\n", "ID;Percent;Phone\n;5;0671112233\n", "Name;Card\nОксана;770001\n"]
)
def test_any_other_file_is_a_list_of_clients(send, content):
    page = send.client.post("/upload/", {"file": file_of(content.encode()), "target": TARGET})
    assert {client for _state, client in states(page).values()} == {129}


def test_a_list_without_its_group_is_known_as_a_list(send):
    page = send.client.post("/upload/", {"file": file_of(b"0671112233")})
    assert page.status_code == 422
    assert "This is a list of clients. Choose it once more, and the group." in text_of(page)


def test_a_pasted_list_is_one_of_clients_and_is_not_sent_beside_a_file(send):
    assert states(send.client.post("/upload/", {"text": "770001", "target": TARGET})) == {1: ("found", 129)}
    both = {"text": "770001", "file": file_of(b"ID;Percent\n1;11\n", "groups.csv"), "target": TARGET}
    page = send.client.post("/upload/", both)
    assert page.status_code == 422
    assert "There is a list above too" in text_of(page)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Date;Sum\n", "neither a file of groups nor a list of clients"),
        (b"%PDF-1.7\0", "neither an XLSX nor a CSV"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_the_columns_that_are_known(send, content, words):
    for target in ("", TARGET):
        page = send.client.post("/upload/", {"file": file_of(content), "target": target})
        assert page.status_code == 422
        assert words in text_of(page)


def test_the_page_takes_what_its_user_may_do(send, staff):
    def upload():
        file = file_of(b"ID;Percent\n1;11\n", "groups.csv")
        return send.client.post("/upload/", {"file": file, "target": TARGET})

    only_may(staff, "view_group", "change_group", "move_client")
    assert "File, CSV or XLSX" in text_of(send.client.get("/upload/"))
    assert states(upload()) == {2: ("there", 1)}
    only_may(staff, "view_group", "change_group", "add_group")
    assert "Import groups from a file" in text_of(send.client.get("/upload/"))
    assert upload()["Location"].startswith("/groups/plan/")
    only_may(staff, "view_group", "change_group")
    assert send.client.get("/upload/").status_code == upload().status_code == 403


# --- Trouble, and what stays -------------------------------------------------------------------------------


def test_a_row_that_cannot_be_read_makes_no_one_surely_unknown(send, sandbox):
    sandbox.console().edit_client(129, discount_per="abc")
    page = send("0671112233\n130")
    assert states(page) == {1: ("unknown", None), 2: ("found", 130)}
    assert "1 client at Poster could not be read" in text_of(page)


def test_clients_in_no_group_are_shown_if_the_list_names_them(send, sandbox):
    nobody = sandbox.console().put_client(0, lastname="Видима")
    assert "could not be read" not in text_of(send("130"))
    page = send(f"130\n{nobody}")
    assert states(page) == {1: ("found", 130), 2: ("unknown", None)}
    assert "1 client at Poster could not be read" in text_of(page)


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


def test_who_may_not_see_clients_finds_ids_only(send, staff, sandbox):
    sandbox.console().edit_client(129, lastname="Вигадана")
    assert "Вигадана" in text_of(send("129"))
    only_may(staff, "view_group", "move_client")
    page = send("129")
    assert states(page) == {1: ("found", 129)}
    assert "Вигадана" not in text_of(page)
