"""Test every fault of the sandbox in every method: error, number of requests, and no token."""

import logging
from datetime import date
from decimal import Decimal

import pytest

from groups.poster import (
    Client,
    ClientList,
    ClientValues,
    Group,
    GroupList,
    InvalidResponse,
    InvalidValue,
    LoyaltyRuleList,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    PosterError,
    PosterRefused,
    PromotionList,
    ReceiptPage,
    SalesList,
    Timeouts,
    TokenRejected,
    Unreachable,
)
from poster_admin.devtools.sandbox import FAULTS
from tests.support.leaks import assert_silent
from tests.support.pairwise import marked
from tests.support.timeouts import AT_ONCE
from tests.support.values import VALUES

VISITOR = ClientValues(group_id=4, name="Шевченко Олена", bonus=Decimal("12.50"))
READS = {
    "clients.getGroups": lambda poster: poster.get_groups(),
    "clients.getGroup": lambda poster: poster.get_group(1),
    "clients.getClients": lambda poster: poster.get_clients(group_id=1, num=200),
    "clients.getClient": lambda poster: poster.get_client(1),
    "clients.getPromotions": lambda poster: poster.get_promotions(),
    "clients.getLoyaltyRules": lambda poster: poster.get_loyalty_rules(),
    "dash.getClientsSales": lambda poster: poster.get_clients_sales(date(2026, 9, 28), date(2026, 10, 27)),
    "dash.getTransactions": lambda poster: poster.get_receipts(date(2026, 9, 28), date(2026, 10, 27)),
}
RECEIPTS = "dash.getTransactions"
WRITES = {
    "clients.createGroup": (lambda poster: poster.create_group(VALUES), 6),
    "clients.updateGroup": (lambda poster: poster.update_group(1, VALUES), 1),
    "clients.removeGroup": (lambda poster: poster.remove_group(5), None),
    "clients.createClient": (lambda poster: poster.create_client(VISITOR), 216),
    "clients.updateClient": (lambda poster: poster.update_client(1, VISITOR), 1),
}
LISTS = {
    "clients.getGroups": GroupList,
    "clients.getClients": ClientList,
    "clients.getPromotions": PromotionList,
    "clients.getLoyaltyRules": LoyaltyRuleList,
    "dash.getClientsSales": SalesList,
    "dash.getTransactions": ReceiptPage,
}

# Results of a read with the faults of a row, or one fault by name: the error, and the number of attempts.
GOOD = (None, 1)
READ = {
    0: GOOD,
    8: (Unreachable, 2),
    9: (Unreachable, 2),
    # Headers that end too early read like a complete answer without a body.
    "fin_mid_headers": (InvalidResponse, 2),
    10: (InvalidResponse, 2),
    "cut_chunk": (Unreachable, 2),
    "negative_chunk": (Unreachable, 2),
    11: (Unreachable, 2),
    14: (Unreachable, 1),
    "hang_mid_body": (Unreachable, 2),
    15: (Unreachable, 1),
    16: GOOD,
    17: (Unreachable, 2),
    18: (InvalidResponse, 1),
    19: (InvalidResponse, 1),
    "status_401": (TokenRejected, 1),
    "status_403": (NotAllowed, 1),
    21: (InvalidResponse, 2),
    22: (InvalidResponse, 2),
    "retry_after_3600": (InvalidResponse, 1),
    23: (InvalidResponse, 2),
    24: (PosterRefused, 1),
    25: (InvalidResponse, 2),
    "empty": (InvalidResponse, 2),
    "no_content": (InvalidResponse, 1),
    27: (InvalidResponse, 2),
    28: (InvalidResponse, 1),
    29: (InvalidResponse, 1),
    30: (InvalidResponse, 1),
    32: (TokenRejected, 1),
    "error_number_field": (InvalidValue, 1),
    "error_type": (TokenRejected, 1),
    "error_err_code": (PosterRefused, 1),
    "error_text": (PosterRefused, 1),
    "error_null_alone": (InvalidResponse, 1),
    "error_unknown_code": (PosterRefused, 1),
    "error_word_code": (PosterRefused, 1),
    34: GOOD,
    "error_beside": (TokenRejected, 1),
    35: GOOD,
    36: (InvalidResponse, 2),
    "wrong_charset": GOOD,
    37: (InvalidResponse, 2),
    38: (Unreachable, 1),
    39: (InvalidResponse, 1),
    41: GOOD,
    44: GOOD,
    46: GOOD,
}
# The list leaves out the bad row; asking for that one group returns nothing.
UNREADABLE = {name for name, fault in FAULTS.items() if fault.row in {42, 43}} | {"row_surrogate_name"}
READ_LIST = dict.fromkeys(UNREADABLE, GOOD) | {45: GOOD, 47: GOOD}
# A client with missing fields is still a client; a group's count of clients is in the row of a group alone.
# A number that is no percent and no whole kopeck may well be a sum to pay. A rule holds nothing beyond ASCII,
# and false in place of the rules says that there are none.
# Sales have no percent, and their names are not read; a client of number 0 is nobody.
READABLE_ROWS = {
    "clients.getClients": {"row_null_field", "row_missing_field", "row_empty_field", "row_negative_count"},
    "clients.getPromotions": {"row_negative_count"},
    "clients.getLoyaltyRules": {
        *("row_negative_count", "row_percent_150", "row_fraction_of_kopeck", "row_surrogate_name", "cp1251"),
        "response_false",
    },
    # A receipt without a client is nobody's; its name is not read, and a second one of its number is dropped.
    # A field that a receipt lacks counts as nothing paid or granted.
    "dash.getTransactions": {
        *("row_null_field", "row_missing_field", "row_empty_field", "row_negative_count"),
        "row_surrogate_name",
    },
    "dash.getClientsSales": {*("row_percent_150", "row_negative_count", "row_surrogate_name", "row_id_zero")},
}
READABLE_ROWS["clients.getClient"] = READABLE_ROWS["clients.getClients"]
READ_ONE = dict.fromkeys(UNREADABLE, (InvalidResponse, 1)) | {
    "response_false": (NotFound, 1),
    47: (NotFound, 1),
}

# A write's outcome is unknown, except for these.
WRITE = {name: None for name, fault in FAULTS.items() if fault.readable} | {
    "error_object": TokenRejected,
    "error_object_text": TokenRejected,
    "error_number": TokenRejected,
    "error_number_text": TokenRejected,
    "error_number_field": InvalidValue,
    "error_echo": TokenRejected,
    "error_type": TokenRejected,
    "error_zero_object": None,
    "error_beside": TokenRejected,
    "answer_other_id": None,
}
REMOVE = {"answer_true": None, "answer_other_id": OutcomeUnknown}
ANSWERED = {"answer_other_id": 999}
# The cashier's change came first.
ANSWERED_TO = {("busy_cashier", "clients.createClient"): 217}

OPTIONS = {
    "drip_body": {"interval": 0.05},
    "drip_headers": {"interval": 0.05},
    "gzip_bomb": {"megabytes": 40},
    "huge_body": {"megabytes": 34},
    "late": {"seconds": 0.05},
}
# Two waits fit into the deadline of a read, and one slow drip outlasts it.
SHORT = Timeouts(connect=0.3, read=0.25, read_deadline=0.7, write_deadline=0.4, pause=AT_ONCE)
SLOW = {
    "timeout",
    "lost_before",
    "answer_lost",
    "hang_mid_body",
    "drip_body",
    "drip_headers",
    "endless_continue",
}
# One call of each kind is enough for these slow faults: the deadline is the same for all.
TIMED = {"clients.getGroups", "clients.getClient", "clients.updateGroup"}


def for_read(name, method):
    row = FAULTS[name].row
    if is_readable_row(name, method):
        return GOOD
    special = READ_LIST if method in LISTS else READ_ONE
    return next(table[key] for key in (name, row) for table in (special, READ) if key in table)


def is_readable_row(name, method):
    return name in READABLE_ROWS.get(method, ())


def kind_of(method):
    return "list" if method in LISTS else "get" if method in READS else "write"


def pairs(methods):
    return [
        (name, method)
        for name, fault in FAULTS.items()
        for method in methods
        if kind_of(method) in fault.kinds and (name not in SLOW or method in TIMED)
    ]


def quick(cases):
    """Return the cases of `make test`: each fault, in another method than the fault before."""
    methods = {}
    for name, method in cases:
        methods.setdefault(name, []).append(method)
    return [(name, those[number % len(those)]) for number, (name, those) in enumerate(methods.items())]


def params(methods):
    cases = pairs(methods)
    return marked(cases, quick(cases), name=lambda case: f"{case[0]}-{case[1].partition('.')[2]}")


@pytest.mark.parametrize("methods", [READS, WRITES], ids=["read", "write"])
def test_the_quick_part_has_each_fault_and_each_method(methods):
    cases = pairs(methods)
    for place in (0, 1):
        assert {case[place] for case in quick(cases)} == {case[place] for case in cases}


def result_of(call, poster):
    try:
        return call(poster)
    except PosterError as error:
        assert_silent(error)
        return error


@pytest.mark.parametrize(("name", "method"), params(READS))
def test_a_read_under_each_fault(sandbox, connect, name, method):
    expected, tries = for_read(name, method)
    timeouts = {"timeouts": SHORT} if name in SLOW else {}
    sandbox.script(method, name, times=None, **OPTIONS.get(name, {}))

    result = result_of(READS[method], connect(**timeouts))

    if expected:
        assert type(result) is expected
    elif method in LISTS:
        unreadable = name in UNREADABLE and not is_readable_row(name, method)
        assert isinstance(result, LISTS[method])
        assert len(result.unreadable) == (unreadable or (name == "row_duplicate_id" and method != RECEIPTS))
    else:
        assert isinstance(result, Group | Client)
    assert len(sandbox.calls(method)) == len(sandbox.log) == tries


@pytest.mark.parametrize(("name", "method"), params(WRITES))
def test_a_write_under_each_fault(sandbox, connect, name, method):
    expected = WRITE.get(name, OutcomeUnknown)
    if method == "clients.removeGroup":
        expected = REMOVE.get(name, expected)
    call, answer = WRITES[method]
    timeouts = {"timeouts": SHORT} if name in SLOW else {}
    sandbox.script(method, name, times=None, **OPTIONS.get(name, {}))

    result = result_of(call, connect(**timeouts))

    if expected:
        assert type(result) is expected
    else:
        assert result == ANSWERED_TO.get((name, method), ANSWERED.get(name, answer))
    if expected is OutcomeUnknown:
        assert result.sent
        assert not result.retryable
    assert len(sandbox.posts()) == len(sandbox.log) == 1


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.readable])
def test_an_odd_answer_that_can_be_read_says_the_same(sandbox, connect, name):
    honest = connect().get_groups()
    sandbox.console().put({**sandbox.accounts["demo"].groups[4], "client_groups_id": "9"})
    for method, kind in (("clients.getGroups", "list"), ("clients.getGroup", "get")):
        if kind in FAULTS[name].kinds:
            options = {"group": 9} if "group" in FAULTS[name].options and FAULTS[name].before else {}
            sandbox.script(method, name, **options)

    assert connect().get_groups().groups[:3] == honest.groups
    assert connect().get_group(1) == honest.groups[0]


def test_the_watch_over_the_log_is_awake(sandbox, poster, ear):
    """This is why the settings keep urllib3 at ERROR."""
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    poster.get_groups()
    assert any(sandbox.accounts["demo"].token in line for line in ear.lines)
    ear.lines.clear()
