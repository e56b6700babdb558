import socket

from tweetlog_ops import local_cloud
from tweetlog_ops.local_cloud import HOST, free_ports


def test_ports_differ_and_can_be_listened_on() -> None:
    ports = free_ports(6)

    assert len(set(ports)) == 6
    for port in ports:
        socket.create_server((HOST, port)).close()


def test_a_port_that_is_taken_is_not_offered() -> None:
    (taken,) = free_ports(1)
    with socket.create_server((HOST, taken)):
        assert not local_cloud._is_free(taken)  # noqa: SLF001 - its whole range would be slow


def test_ports_are_none_that_an_outgoing_connection_gets() -> None:
    assert max(free_ports(50)) < 32_768
