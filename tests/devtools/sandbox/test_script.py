"""Scripted faults: the call that each one hits, and the state afterwards."""

import time

import pytest

from poster_admin.devtools.sandbox import FAULTS, Sandbox
from tests.support.wire import GROUP, Wire


def hit(wire, calls=6):
    """Return the numbers, from 1, of the calls that get an empty answer."""
    return [number for number in range(1, calls + 1) if not wire.body("clients.getGroups")]


@pytest.mark.parametrize(
    ("call", "times", "expected"),
    [(1, 1, [1]), (3, 1, [3]), (2, 3, [2, 3, 4]), (5, None, [5, 6]), (1, None, [1, 2, 3, 4, 5, 6])],
)
def test_call_and_times(sandbox, wire, call, times, expected):
    sandbox.script("clients.getGroups", "empty", call=call, times=times)
    assert hit(wire) == expected


def test_calls_are_counted_from_the_scripting(sandbox, wire):
    hit(wire, 2)
    sandbox.script("clients.getGroups", "empty", call=2)
    assert hit(wire) == [2]


def test_other_methods_and_accounts_do_not_count(sandbox, wire):
    sandbox.script("clients.getGroups", "empty", account="kavarnia")
    sandbox.script("clients.getGroup", "empty")
    assert hit(wire) == []
    assert hit(Wire(sandbox, "kavarnia")) == [1]
    assert wire.body("clients.getGroup", group_id=1) == b""


def test_a_star_counts_every_call(sandbox, wire):
    sandbox.script("*", "empty", call=2)
    assert wire.body("settings.getAllSettings")
    assert wire.body("clients.getGroups") == b""


def test_a_star_passes_over_calls_that_the_fault_is_not_for(sandbox, wire):
    sandbox.script("*", "answer_lost", seconds=0)
    assert hit(wire, 2) == []
    assert wire.raw("clients.createGroup", GROUP) == b""


def test_of_two_that_are_due_the_later_waits(sandbox, wire):
    sandbox.script("clients.getGroups", "empty", call=2)
    sandbox.script("clients.getGroups", "top_null", call=2)
    assert [len(wire.body("clients.getGroups")) for _ in range(4)][1:3] == [0, 4]
    sandbox.script("clients.getGroups", "empty")
    sandbox.script("clients.getGroups", "top_null", call=2)
    assert [len(wire.body("clients.getGroups")) for _ in range(3)][:2] == [0, 4]


def test_clearing(sandbox, wire):
    sandbox.script("*", "empty", times=None)
    sandbox.clear_faults()
    assert hit(wire, 2) == []


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("clients.getGroups", "rest_mid_body"), {}, "reset_mid_body"),
        (("clients.getgroups", "empty"), {}, "clients.getGroups"),
        (("clients.getGroup", "row_duplicate_id"), {}, "is none"),
        (("clients.getGroups", "empty"), {"when": "during"}, "before"),
        (("clients.getGroups", "empty"), {"call": 0}, "counted"),
        (("clients.getGroups", "empty"), {"times": 0}, "counted"),
        (("clients.getGroups", "empty"), {"seconds": 1}, "no option"),
        (("clients.getGroups", "empty"), {"account": "nobody"}, "no account"),
    ],
)
def test_what_means_nothing_is_refused(sandbox, arguments, options, words):
    with pytest.raises(ValueError, match=words):
        sandbox.script(*arguments, **options)


@pytest.mark.parametrize(("when", "applied"), [("before", False), ("after", True)])
@pytest.mark.parametrize(
    ("method", "form"),
    [
        ("clients.createGroup", GROUP),
        ("clients.updateGroup", {"client_groups_id": "1", **GROUP}),
        ("clients.removeGroup", {"group_id": "1"}),
    ],
)
def test_before_and_after_the_change(sandbox, wire, method, form, when, applied):
    before = sandbox.accounts["demo"].snapshot()
    sandbox.script(method, "fin_before_headers", when=when)
    assert wire.raw(method, form) == b""
    assert (sandbox.accounts["demo"].snapshot() != before) is applied
    assert [(call.applied, call.fault) for call in sandbox.posts()] == [(applied, "fin_before_headers")]


def test_the_rehearsed_answer_is_the_one_that_would_have_been(sandbox, wire):
    sandbox.unique_names = True
    sandbox.script("clients.createGroup", "bom", when="before")
    assert wire.body("clients.createGroup", GROUP) == b'\xef\xbb\xbf{"response":6}'
    assert wire.body("clients.createGroup", GROUP) == b'{"response":6}'
    sandbox.script("clients.createGroup", "bom", when="before")
    assert b'"code":38' in wire.body("clients.createGroup", GROUP)


def test_lost_before_and_answer_lost(sandbox, wire):
    sandbox.script("clients.createGroup", "lost_before", when="after", seconds=0)
    sandbox.script("clients.createGroup", "answer_lost", when="before", seconds=0)
    assert wire.raw("clients.createGroup", GROUP) == b""
    assert len(sandbox.accounts["demo"].groups) == 3
    assert wire.raw("clients.createGroup", GROUP) == b""
    assert len(sandbox.accounts["demo"].groups) == 4
    assert [call.applied for call in sandbox.posts()] == [False, True]


def test_late(sandbox, wire, late_writes):
    sandbox.script("clients.createGroup", "late", seconds=0.3)
    assert wire.raw("clients.createGroup", GROUP) == b""
    assert len(sandbox.accounts["demo"].groups) == 3
    assert [call.applied for call in sandbox.posts()] == [False]
    ((seconds, write),) = late_writes
    assert seconds == 0.3
    write()
    assert sandbox.posts()[0].applied
    assert sandbox.accounts["demo"].groups[6]["client_groups_name"] == "Студенти"


def test_a_late_write_that_is_refused_is_not_applied(sandbox, wire, late_writes):
    sandbox.script("clients.removeGroup", "late")
    wire.raw("clients.removeGroup", {"group_id": "77"})
    ((_, write),) = late_writes
    write()
    assert not sandbox.posts()[0].applied


@pytest.mark.parametrize("end", [Sandbox.stop, Sandbox.reset])
def test_nothing_is_applied_after_a_stop_or_a_reset(sandbox, wire, late_writes, end):
    sandbox.script("clients.createGroup", "late")
    wire.raw("clients.createGroup", GROUP)
    ((_, write),) = late_writes
    end(sandbox)
    write()
    assert len(sandbox.accounts["demo"].groups) == 3


def test_busy_console_edits_the_group_in_question(sandbox, wire):
    sandbox.script("clients.getGroup", "busy_console")
    assert "змінено" in wire.call("clients.getGroup", group_id=4)["response"]["client_groups_name"]
    assert (
        wire.call("clients.getGroup", group_id=1)["response"]["client_groups_name"] == "Постоянный посетитель"
    )


def test_busy_console_with_fields_and_removals(sandbox, wire):
    sandbox.script("clients.getGroups", "busy_console", group=5, fields={"client_groups_discount": "33"})
    sandbox.script("clients.updateGroup", "busy_console", remove=True)
    assert wire.call("clients.getGroups")["response"][2]["client_groups_discount"] == "33"
    assert wire.code("clients.updateGroup", {"client_groups_id": "4", **GROUP}) == 32
    assert list(sandbox.accounts["demo"].groups) == [1, 5]


def test_the_log(sandbox, wire):
    wire.call("clients.getGroup", group_id=1)
    wire.code("clients.createGroup", GROUP | {"loyalty_type": "3"})
    wire.call("clients.updateGroup", {"client_groups_id": "1", **GROUP})
    wire.raw(f"clients.{wire.token}")
    read, refused, written, odd = sandbox.log
    assert (read.account, read.method, read.verb, read.status, read.code) == (
        "demo",
        "clients.getGroup",
        "GET",
        200,
        None,
    )
    assert read.query == {"format": "json", "token": "[token]", "group_id": "1"}
    assert (refused.code, refused.applied, written.applied) == (42, False, True)
    assert written.form == {"client_groups_id": "1", **GROUP}
    assert odd.status == 405
    assert wire.token not in repr(sandbox.log)
    assert sandbox.posts() == [refused, written]
    assert sandbox.posts("clients.updateGroup") == [written]
    assert sandbox.calls("clients.getGroup") == [read]
    assert sandbox.log[-1] is odd
    assert len(sandbox.log[1:3]) == 2


def test_a_call_is_in_the_log_while_its_fault_is_at_work(sandbox, wire):
    sandbox.script("clients.createGroup", "answer_lost")
    with wire.open() as opened:
        opened.sendall(wire.request("clients.createGroup", GROUP))
        deadline = time.monotonic() + 5
        while not sandbox.posts() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [(call.applied, call.fault) for call in sandbox.posts()] == [(True, "answer_lost")]


def test_every_fault_is_described():
    assert len(FAULTS) > 100
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert fault.description.endswith(".")
        assert fault.kinds
        assert fault.row in {0, *range(8, 40), *range(41, 48)}
    assert {fault.row for fault in FAULTS.values()} >= {*range(8, 40), *range(41, 48)}
