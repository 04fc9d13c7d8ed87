"""Test every fault that can come between Poster and the dashboard, in every page that reads or writes.

The cases are generated in `tests.support.matrix`. Each asserts at most one POST, a journal that tells the
truth about Poster's state, a status of the contract, and no token anywhere. No case asserts
the way in which a fault is recognised: `tests/groups/poster/test_faults.py` does that.
"""

import base64
import contextlib
import functools
import itertools
import re
import socket
import time
import uuid
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from django.utils import timezone

from groups.features.moves.services import ClientsToMove
from groups.models import Change, GroupsCopy, Job, PosterAccount, PosterCredentials
from groups.poster import Transport
from groups.services import credentials as credentials_service
from groups.services import gateway
from groups.services.writes.commands import MoveClient
from groups.services.writes.execute import execute
from groups.services.writes.reconcile import reconcile_due
from poster_admin.devtools.sandbox import FAULTS
from poster_admin.devtools.sandbox.http import network
from tests.support import pairwise
from tests.support.circuit import close_breakers
from tests.support.matrix import (
    CALLS_BEFORE_THE_WRITE,
    READS,
    READS_OF_THE_PAGE,
    WRITES,
    address_cases,
    all_of,
    checking_cases,
    lag_cases,
    quick,
    read_cases,
    write_cases,
)
from tests.support.pages import group_form, group_ids, open_form, text_of

State = Change.State
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("short_deadlines"),
]

PAGES = {
    "list": "/groups/",
    "detail": "/groups/1/",
    "members": "/groups/1/clients/",
    "cost": "/groups/1/cost/?percent=15",
}
FORMS = {"create": "/groups/new/", "update": "/groups/1/edit/", "remove": "/groups/5/delete/"}
FILLED = {
    "create": {"name": "Студенти"},
    "update": {"name": "Постоянный посетитель", "percent": "15"},
    "remove": {"confirm_name": "Скидочная система 20%"},
}
# The first client of group 5.
MOVED = 173
READ_DEADLINE, WRITE_DEADLINE = 0.7, 3.0
NEVER_ARRIVED = {"unresolved", "refused", "full_backlog", "untrusted_tls", "expired_tls", "wrong_name_tls"}
READABLE = {name for name, fault in FAULTS.items() if fault.readable} | {"error_zero_object"}
ROWS = {42, 43, 44, 45, 46, 47}


def marked(cases):
    return pairwise.marked(cases, quick(cases), name=str)


READING = all_of(read_cases())
WRITING = all_of([*write_cases(), *checking_cases()])
LAGGING = [*lag_cases()]
NOWHERE = [*address_cases()]


def row(case):
    """Return the row of the catalogue that has the fault of a case; an address and a lag are their own."""
    return FAULTS[case.fault].row if case.fault in FAULTS else case.fault


@pytest.mark.parametrize(
    "cases", [READING, WRITING, LAGGING, NOWHERE], ids=["read", "write", "lag", "nowhere"]
)
def test_the_quick_part_has_each_row_each_action_and_each_place(cases):
    few = quick(cases)
    assert len(few) <= len(cases) / 2
    assert {row(case) for case in few} == {row(case) for case in cases}
    for trait in ("action", "where", "when", "fate"):
        assert {getattr(case, trait) for case in few} == {getattr(case, trait) for case in cases}
    assert {(case.action, case.where) for case in few} == {(case.action, case.where) for case in cases}


@pytest.fixture
def short_deadlines(settings):
    """Let time-outs, deadlines and the wait for a lost write be as short as the faults allow."""
    settings.POSTER_CONNECT_TIMEOUT = 0.2
    settings.POSTER_READ_TIMEOUT = 0.25
    settings.POSTER_READ_DEADLINE = READ_DEADLINE
    settings.POSTER_WRITE_DEADLINE = WRITE_DEADLINE
    settings.POSTER_CACHE_SECONDS = 0
    settings.POSTER_SETTLE_SECONDS = 0.3
    # A second look within the submit is like the first one, and has tests of its own.
    settings.POSTER_READ_PAUSES = (0.0,)
    settings.POSTER_ABSENT_SECONDS = 0


@pytest.fixture
def result():
    """Return what a case has come to: its POSTs, what was told, and how it was settled."""
    return {"posts": 0}


@pytest.fixture
def no_token(sandbox, caplog):
    """Return a function that looks for the token in a response; logs and journal are searched at the end."""
    forms = forms_of(sandbox.accounts["demo"].token)

    def look(response):
        text = response.content.decode() + repr(response.headers) + str(response.cookies)
        assert not forms & {form for form in forms if form in text}

    yield look
    logged = "\n".join(
        f"{record.getMessage()} {record.args!r} {record.exc_text}" for record in caplog.records
    )
    kept = repr(list(Change.objects.values())) + repr(list(GroupsCopy.objects.values()))
    assert not any(form in logged for form in forms)
    assert not any(form in kept for form in forms)


def forms_of(token):
    """Return the ways in which a token could be written, base64 from each of its three offsets."""
    shifted = {base64.b64encode(b"x" * lead + token.encode()).decode()[lead + 1 : -4] for lead in range(3)}
    return {token, token.upper(), quote(token, safe="")} | shifted


# --- Pages that read ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", marked(READING))
def test_reading(case, owner, browse, sandbox, no_token, result):
    client = browse(owner)
    sandbox.script(READS[case.action], case.fault, times=None, **case.options)
    first = look(client, case, no_token, result)
    assert len(sandbox.calls(READS[case.action])) <= 2
    assert not sandbox.posts()
    if case.fault in READABLE:
        assert first.status_code == 200
    sandbox.clear_faults()
    close_breakers()
    client.get("/groups/")  # keeps a copy
    sandbox.script(READS[case.action], case.fault, times=None, **case.options)
    again = look(client, case, no_token, result)
    if case.action in {"members", "cost"}:
        # Clients of a group are never copied, and sales are read once a day or not at all.
        assert result["read"] == ("good" if again.status_code == 200 else str(again.status_code))
        return
    # A copy helps against all but a refusal, and against a group that is said to be gone.
    assert again.status_code in {200, 404, 424} | ({422, 502} if was_refused(case) else set())


def was_refused(case):
    return case.fault.startswith(("error_", "status_5xx"))


def look(client, case, no_token, result):
    """Open the page, and hold its answer against what must be so in any case."""
    page = client.get(PAGES[case.action])
    assert page.status_code in {200, 404, 422, 424, 502, 504}
    stale = 'data-notice="stale"' in page.content.decode()
    kind = "stale" if stale else "good" if page.status_code == 200 else str(page.status_code)
    result["read"] = kind
    no_token(page)
    if case.action == "list":
        assert page.status_code != 404
        assert "No loyalty groups yet" not in text_of(page)
        assert bool(group_ids(page)) is (page.status_code == 200)
        if page.status_code == 200 and (stale or FAULTS[case.fault].row not in ROWS):
            assert sorted(group_ids(page)) == [1, 4, 5]
    return page


# --- Pages that write --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", marked(WRITING))
def test_writing(case, owner, browse, sandbox, no_token, settings, result):
    client = browse(owner)
    form = filled_form(client, case)
    read, write = WRITES[case.action]
    earlier = READS_OF_THE_PAGE[case.action]
    if case.where == "send":
        sandbox.script(write, case.fault, when=case.when, **case.options)
    else:
        call = earlier + (1 if case.where == "before" else 2)
        sandbox.script(read, case.fault, call=call, times=None, **case.options)
    send(client, form, case, no_token, result)
    result["posts"] = len(sandbox.posts())
    assert result["posts"] <= 1
    if case.where == "before" and not is_survived(case):
        assert result["posts"] == 0
    assert_true_in_the_end(case, client, sandbox, settings, result)
    assert len(sandbox.posts()) == result["posts"]


@pytest.mark.parametrize("case", marked(LAGGING))
def test_writing_while_reads_lag(case, owner, browse, sandbox, no_token, settings, result):
    settings.POSTER_SETTLE_SECONDS = 60  # longer than any lag, as in production
    client = browse(owner)
    precede(case, client)
    form = filled_form(client, case)
    sandbox.log.clear()
    read, write = WRITES[case.action]
    call = READS_OF_THE_PAGE[case.action] + (1 if case.where == "before" else 2)
    sandbox.script(read, case.fault, call=call, times=case.times, **case.options)
    if case.fate:
        sandbox.script(write, "fin_before_headers", when=case.fate)
    send(client, form, case, no_token, result)
    result["posts"] = len(sandbox.posts())
    assert result["posts"] == 1 or (case.where == "before" and result["told"] == State.FAILED)
    change = Change.objects.get(pk=form["operation"])
    for _ in range(2):
        if change.is_open:
            look_again(change)
    assert change.state not in {State.DIFFERS, State.REVIEW}
    assert_true_in_the_end(case, client, sandbox, settings, result)
    assert result["settled"] in {State.APPLIED, State.FAILED}
    assert len(sandbox.posts()) == result["posts"]
    assert not PosterAccount.objects.filter(bonus_block__isnull=False).exists()


def precede(case, client):
    """Make the changes to which reads may go back that lag: 10, 11 and 12 percent, before there are 15."""
    if case.action == "update":
        for percent in ("11", "12"):
            form = group_form(client, FORMS["update"], **(FILLED["update"] | {"percent": percent}))
            assert client.post(FORMS["update"], form).status_code == 302


def look_again(change):
    """Let the follower look at a change now."""
    Change.objects.settle(change, next_check_at=timezone.now())
    reconcile_due()
    change.refresh_from_db()


def is_survived(case):
    """Tell whether a read before the write goes well nevertheless; the list shows a false absence."""
    denied = case.fault == "response_false" and case.action in {"update", "remove"}
    return case.fault in READABLE or FAULTS[case.fault].row in ROWS or denied


def filled_form(client, case):
    """Open the form as a person does, and fill it in."""
    if case.action == "move":
        return {"operation": str(uuid.uuid4())}
    url = FORMS[case.action]
    # The fault comes later: this read may take as long as a busy machine needs.
    with override_settings(POSTER_READ_TIMEOUT=10, POSTER_READ_DEADLINE=20):
        if case.action == "remove":
            return open_form(client, url, **FILLED["remove"])
        return group_form(client, url, **FILLED[case.action])


def send(client, form, case, no_token, result):
    """Send the form, or what a job sends, and hold the answer against the journal."""
    page = move_one(form) if case.action == "move" else client.post(FORMS[case.action], form)
    change = Change.objects.filter(pk=form["operation"]).first()
    if page is not None:
        no_token(page)
        assert_told(page, case, change)
    result["told"] = change.state if change else "failed"
    if change is not None:
        assert change.state != State.PENDING
        assert bool(change.sent_at) or change.state == State.FAILED


def assert_told(page, case, change):
    """Assert that a page tells what is in the journal."""
    if change is None:
        # The page of a removal could not read the group: nothing was even written down.
        assert case.action == "remove"
        assert page.status_code in {404, 424, 502, 504}
        return
    assert page.status_code in statuses_of(change)
    told = re.search(r'data-outcome="(\w+)"', page.content.decode())
    assert told is None or told[1] == change.state
    assert change.state in Change.NOTHING_CHANGED or "Nothing was changed." not in text_of(page)


def move_one(form):
    """Move a client from group 5 to group 1, as a job does."""
    owner = User.objects.get(username="owner")
    credentials = credentials_service.credentials_of(owner)
    wanted = ClientsToMove((MOVED,)).to_json()
    job = Job.objects.create(account=credentials.account, kind="move", group_id=5, target_id=1, wanted=wanted)
    job.take_locks()
    command = MoveClient(
        credentials=credentials,
        operation=uuid.UUID(form["operation"]),
        job=job,
        client_id=MOVED,
        from_id=5,
        to_id=1,
    )
    execute(command)


def statuses_of(change):
    """Return the statuses by which the contract tells the state of a change."""
    match change.state:
        case State.APPLIED | State.DIFFERS:
            return {302}
        case State.UNKNOWN | State.REVIEW:
            return {504}
        case State.REFUSED:
            return {404, 422, 424, 502}
    reasons = {
        "conflict": 409,
        "not_shown_yet": 409,
        "gone": 404,
        "name_taken": 422,
        "unsafe": 422,
        "not_sent": 504,
    }
    return {reasons[change.reason]} if change.reason in reasons else {422, 424, 502, 504}


def assert_true_in_the_end(case, client, sandbox, settings, result):
    """Assert that the journal is true at once, and settles to the truth when the fault is over."""
    change = Change.objects.first()
    result["settled"] = result["told"]
    if change is None:
        assert not is_in_force(case, sandbox)
        return
    if not change.is_open:
        assert_true(change, case, sandbox)
    sandbox.clear_faults()
    # A token that was refused once is not used again on its own, until its user was seen to get through.
    if PosterCredentials.objects.filter(refused_at__isnull=False).exists():
        client.get("/groups/", {"refresh": "1"})
    settings.POSTER_SETTLE_SECONDS = 0.3 if case.fault == "late" else 0.0
    deadline = time.monotonic() + 5
    while change.is_open and time.monotonic() < deadline:
        look_again(change)
        if change.is_open and case.fault == "late":
            time.sleep(0.05)
    assert not change.is_open
    assert_true(change, case, sandbox)
    result["settled"] = change.state


def assert_true(change, case, sandbox):
    """Assert that Poster's state is what the journal says of it."""
    match change.state:
        case State.APPLIED | State.DIFFERS:
            assert is_in_force(case, sandbox)
        case State.REFUSED | State.FAILED:
            assert not is_in_force(case, sandbox)
        case State.REVIEW if change.reason == "accepted_but_absent":
            assert not is_in_force(case, sandbox)
        case State.REVIEW if change.reason == "answered_id_absent":
            assert case.fault == "answer_other_id" or not is_in_force(case, sandbox)
        case State.REVIEW:
            # Only where a read itself lied: the group is there, and Poster says that it is not.
            assert change.reason in {"gone", "client_gone"}
            assert case.where == "after"


def is_in_force(case, sandbox):
    """Look past the API whether the change is made."""
    groups = sandbox.accounts["demo"].groups
    match case.action:
        case "create":
            assert len(groups) <= 4
            return len(groups) == 4
        case "update":
            return groups[1]["client_groups_discount"] == "15"
        case "move":
            return sandbox.accounts["demo"].clients.row(MOVED)["client_groups_id"] == "1"
        case _:
            return 5 not in groups


# --- Addresses at which no call gets through ---------------------------------------------------------------


def resolve(host, *args, real=socket.getaddrinfo, **options):
    """Resolve a name, and do not wait for a resolver to find out what cannot be."""
    if str(host).endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return real(host, *args, **options)


@contextlib.contextmanager
def detour(endpoint, question, *, sandbox, settings, trusting, for_good):
    """Lead the question of that number to another address than the sandbox, `for_good` all later ones too."""
    count, real = itertools.count(1), gateway.client

    def client(*args, **options):
        number = next(count)
        astray = number == question or (for_good and number > question)
        settings.POSTER_API_URL = endpoint.url if astray else sandbox.url
        return real(*args, **options)

    with pytest.MonkeyPatch.context() as patch:
        transport = Transport(ca_file=endpoint.ca_file if trusting else None)
        patch.setattr(gateway, "transport", lambda: transport)
        patch.setattr(gateway, "client", client)
        yield
        transport.close()
    settings.POSTER_API_URL = sandbox.url


@pytest.mark.parametrize("case", marked(NOWHERE))
def test_nowhere(case, owner, browse, sandbox, no_token, settings, result, monkeypatch):
    client = browse(owner)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    trusting = case.fault == "garbage_after_request"
    lead = functools.partial(detour, sandbox=sandbox, settings=settings, trusting=trusting)
    with getattr(network, case.fault)() as endpoint:
        if case.where == "read":
            with lead(endpoint, 1, for_good=True):
                page = look(client, case, no_token, result)
            assert page.status_code == 504
            # A read is tried twice. The page of a group makes three side by side.
            assert endpoint.requests <= 2 * (3 if case.action == "detail" else 1)
            return
        form = filled_form(client, case)
        question = CALLS_BEFORE_THE_WRITE[case.action] + ("before", "send", "after").index(case.where) + 1
        with lead(endpoint, question, for_good=case.where != "send"):
            send(client, form, case, no_token, result)
        arrived = endpoint.requests if case.where == "send" else 0
    result["posts"] = len(sandbox.posts()) + arrived
    assert result["posts"] <= 1
    if case.where == "before":
        assert result["posts"] == 0
        assert result["told"] == State.FAILED
    if case.where == "send":
        assert not sandbox.posts()
        assert (result["told"] == State.FAILED) is (case.fault in NEVER_ARRIVED)
        # A second try only where the connection was never made, or fell before anything was said over it.
        assert endpoint.connections <= (2 if case.fault in NEVER_ARRIVED else 1)
    assert_true_in_the_end(case, client, sandbox, settings, result)
