"""Test that a port stays free until its server binds it."""

import socket

import pytest

from poster_admin.devtools import ports
from tests.support.ports import free_port, share


def test_no_outgoing_connection_is_given_a_port_of_a_server():
    with socket.create_server(("127.0.0.1", 0)) as given:
        assert given.getsockname()[1] not in ports.server_ports()


def test_where_the_kernel_keeps_all_ports_for_connections_any_may_be_a_servers(monkeypatch, tmp_path):
    (tmp_path / "range").write_text("1024\t65535\n", encoding="ascii")
    monkeypatch.setattr(ports, "OUTGOING", tmp_path / "range")
    assert ports.server_ports() == list(ports.PORTS)


def test_a_port_on_which_somebody_listens_is_passed_over():
    taken, free = free_port(), free_port()
    with socket.create_server(("127.0.0.1", taken)):
        assert ports.free_port([taken, free]) == free
        with pytest.raises(OSError, match="No port is free"):
            ports.free_port([taken])


def test_a_port_is_given_out_once():
    assert len({free_port() for _ in range(50)}) == 50


def test_two_processes_of_tests_have_no_port_in_common():
    assert set(share(0, 2)).isdisjoint(share(1, 2))
    assert sorted(share(0, 2) + share(1, 2)) == ports.server_ports()
