import json
import socket
import threading
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from poster_admin.devtools.sandbox import Sandbox
from poster_admin.devtools.sandbox.http.exchange import Connection
from tests.support.dashboard.killing import wait_until
from tests.support.wire import GROUP, Wire, post


def get(connection, path):
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def test_a_connection_is_kept_alive(sandbox, wire):
    with wire.open() as opened:
        for group_id in (1, 4, 5, 1):
            opened.sendall(wire.request("clients.getGroup", close=False, group_id=group_id))
            head, _, body = opened.recv(65_536).partition(b"\r\n\r\n")
            assert b"Connection: close" not in head
            assert json.loads(body)["response"]["client_groups_id"] == str(group_id)


def test_hundreds_of_connections_at_once(sandbox, wire):
    connections = [HTTPConnection(urlsplit(sandbox.url).netloc, timeout=10) for _ in range(300)]
    path = f"/demo/api/clients.getGroup?token={wire.token}&group_id=1"
    try:
        for _ in range(2):
            for connection in connections:
                connection.request("GET", path)
            for connection in connections:
                assert connection.getresponse().read() == wire_answer(sandbox)
    finally:
        for connection in connections:
            connection.close()
    assert len(sandbox.log) == 600


def wire_answer(sandbox):
    row = sandbox.accounts["demo"].snapshot()[1]
    return json.dumps({"response": row}, ensure_ascii=False, separators=(",", ":")).encode()


def test_concurrent_writes_are_all_kept(sandbox, wire):
    def create(number):
        wire.call("clients.createGroup", GROUP | {"client_groups_name": f"Група {number}"})

    threads = [threading.Thread(target=create, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sandbox.accounts["demo"].groups) == 43
    assert len(wire.call("clients.getGroups")["response"]) == 43


def test_a_list_after_a_change_is_fresh(wire):
    assert len(wire.call("clients.getGroups")["response"]) == 3
    wire.call("clients.createGroup", GROUP)
    assert len(wire.call("clients.getGroups")["response"]) == 4


def test_bodies_that_are_not_taken(sandbox, wire):
    with wire.open() as opened:
        head = wire.request("clients.createGroup", GROUP).partition(b"Content-Length")[0]
        opened.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert opened.recv(1000).startswith(b"HTTP/1.1 411 ")
    with wire.open() as opened:
        opened.sendall(head + b"Content-Length: 99999999\r\n\r\n")
        assert opened.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert sandbox.calls() == []


def test_half_of_a_body_is_no_call(sandbox, wire):
    request = wire.request("clients.createGroup", GROUP)
    with wire.open() as opened:
        opened.sendall(request[:-20])
        opened.shutdown(socket.SHUT_WR)
        assert opened.recv(1000) == b""
    assert sandbox.calls() == []


def test_a_stop_ends_what_is_open_and_a_start_is_at_the_same_address():
    sandbox = Sandbox()
    with pytest.raises(RuntimeError):
        _ = sandbox.url
    sandbox.start()
    url = sandbox.url
    wire = Wire(sandbox)
    wire.call("clients.createGroup", GROUP)
    with pytest.raises(RuntimeError):
        sandbox.start()
    with wire.open() as idle:
        idle.sendall(wire.request("clients.getGroups", close=False))
        idle.recv(65_536)
        sandbox.stop()
        assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        wire.open()
    sandbox.stop()
    with sandbox:
        assert sandbox.url == url
        assert len(wire.call("clients.getGroups")["response"]) == 4


def test_a_stop_ends_a_hang(sandbox, wire):
    sandbox.script("clients.getGroups", "timeout")
    with wire.open() as opened:
        opened.sendall(wire.request("clients.getGroups"))
        wait_until(lambda: sandbox.log)
        sandbox.stop()
        assert opened.recv(1) == b""


def test_latency():
    with Sandbox(latency=0.1) as sandbox:
        Wire(sandbox).call("clients.getGroups")
        assert sandbox.log[0].seconds >= 0.1


def test_a_call_that_is_on_its_way_at_a_reset_is_dropped_and_hit_by_no_later_fault(
    sandbox, wire, monkeypatch
):
    def reset_meanwhile(_seconds):
        sandbox.reset()
        sandbox.latency = 0.0
        sandbox.script("clients.getGroups", "empty")

    sandbox.latency = 0.1
    monkeypatch.setattr(sandbox.stopping, "wait", reset_meanwhile)
    with pytest.raises(ConnectionResetError):
        wire.raw("clients.getGroups")
    assert not sandbox.log
    assert wire.body("clients.getGroups") == b""


def test_urls(sandbox):
    assert sandbox.url.endswith("/{account}/api/")
    assert sandbox.bare_url == sandbox.url.replace("{account}/", "")


def test_on_call_hears_of_each_call():
    heard = []
    done = threading.Event()

    def on_call(call):
        heard.append((call.method, call.status))
        done.set()

    with Sandbox(on_call=on_call) as sandbox:
        Wire(sandbox).call("clients.getGroups")
        done.wait(5)
    assert heard == [("clients.getGroups", 200)]


def test_the_log_has_the_body_byte_for_byte_and_none_with_a_token(sandbox):
    wire = Wire(sandbox)
    wire.call("clients.createGroup", {**GROUP, "client_groups_name": "Їжа & чай"})
    wire.call("clients.createGroup", {"token": wire.token})
    sent, hidden = (call.body for call in sandbox.log)
    assert sent.startswith("client_groups_name=%D0%87%D0%B6%D0%B0+%26+%D1%87%D0%B0%D0%B9&loyalty_type=1&")
    assert hidden == ""


# --- Steering from another process -------------------------------------------------------------------------


def test_scripting_over_http(sandbox, wire, connection):
    order = {"method": "clients.createGroup", "fault": "answer_lost", "when": "before", "seconds": 0}
    assert post(connection, "/_sandbox/script", order) == (200, {"done": True})
    assert wire.raw("clients.createGroup", GROUP) == b""
    calls = get(connection, "/_sandbox/log")["calls"]
    assert [(call["method"], call["applied"], call["fault"]) for call in calls] == [
        ("clients.createGroup", True, "answer_lost")
    ]
    assert wire.token not in json.dumps(calls)
    post(connection, "/_sandbox/script", {"method": "*", "fault": "empty", "times": None})
    assert post(connection, "/_sandbox/clear", {}) == (200, {"done": True})
    assert wire.body("clients.getGroups")


def test_the_console_over_http(sandbox, connection):
    assert post(connection, "/_sandbox/groups", {"put": {"client_groups_name": "Нова"}}) == (200, {"id": 6})
    assert post(connection, "/_sandbox/groups", {"edit": 4, "fields": {"loyalty_type": "1"}}) == (
        200,
        {"id": 4},
    )
    assert post(connection, "/_sandbox/groups", {"put_client": 4, "fields": {"lastname": "Гість"}}) == (
        200,
        {"id": 216},
    )
    assert post(
        connection, "/_sandbox/groups", {"edit_client": 216, "fields": {"client_groups_id": "5"}}
    ) == (
        200,
        {"id": 216},
    )
    assert post(connection, "/_sandbox/groups", {"account": "kavarnia", "remove": 2}) == (200, {"id": 2})
    state = get(connection, "/_sandbox/state")["groups"]
    assert (state["4"]["count_groups_clients"], state["5"]["count_groups_clients"]) == ("43", "43")
    assert list(state) == ["1", "4", "5", "6"]
    assert state["4"]["loyalty_type"] == "1"
    assert get(connection, "/_sandbox/state?account=kavarnia")["groups"]["2"]["delete"] == "1"
    assert post(connection, "/_sandbox/reset", {})[0] == 200
    assert list(get(connection, "/_sandbox/state")["groups"]) == ["1", "4", "5"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("script", {"method": "clients.getGroups", "fault": "none such"}),
        ("script", {"nonsense": 1}),
        ("script", []),
        ("script", b"{"),
        ("groups", {"account": "nobody", "remove": 1}),
        ("groups", {"remove": 99}),
        ("groups", {"account": "demo"}),
        ("groups", 5),
        ("nothing", {}),
    ],
)
def test_orders_that_make_no_sense(connection, path, content):
    status, answer = post(connection, f"/_sandbox/{path}", content)
    assert status == 400
    assert answer["error"]


def test_only_this_machine_may_steer(sandbox, monkeypatch):
    class Foreign:
        def getpeername(self):
            return ("192.0.2.7", 1234)

        def sendall(self, data):
            self.sent = data

    foreign = Foreign()
    sandbox.control("GET", "/_sandbox/log", {}, b"", Connection(foreign, sandbox.stopping))
    assert foreign.sent.startswith(b"HTTP/1.1 404 ")


def test_steering_is_not_in_the_log(sandbox, connection):
    get(connection, "/_sandbox/log")
    assert sandbox.calls() == []
