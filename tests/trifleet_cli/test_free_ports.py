"""Ports for servers: none that somebody holds, nor one that a connection could take meanwhile."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from trifleet import ports
from trifleet.errors import PortError


def listening(port: int) -> socket.socket:
    return socket.create_server((ports.LOOPBACK, port))


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Iterator[range]:
    """There are three ports in all, of which the first two are held."""
    with contextlib.ExitStack() as held:
        first = next(one for one in iter(ports.free_port, 0) if _row_is_free(one))
        monkeypatch.setattr(ports, "_RANGE", range(first, first + 3))
        monkeypatch.setattr(ports, "_given", set())
        for port in (first, first + 1):
            held.enter_context(listening(port))
        yield ports._RANGE


def _row_is_free(first: int) -> bool:
    try:
        for port in range(first, first + 3):
            listening(port).close()
    except OSError:
        return False
    return True


def test_no_connection_that_begins_gets_it_from_the_system() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found = [ports.free_port() for _ in range(50)]
    assert max(found) < lowest and len(set(found)) == 50
    for port in found[:5]:
        ports.require_free(port)


def test_what_is_held_or_was_given_is_not_given(three: range) -> None:
    assert ports.free_port() == three[2]
    with pytest.raises(PortError, match=f"from {three[0]} to {three[2]}"):
        ports.free_port()
