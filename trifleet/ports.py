"""Free ports on loopback."""

import contextlib
import random
import socket

from trifleet.errors import PortError

LOOPBACK = "127.0.0.1"


# Below those that the system gives to connections that begin (from 32768 on, see ip(7)): one of
# these may belong to anybody's connection before the server that it was meant for listens.
_RANGE = range(10_240, 32_768)
_given: set[int] = set()


def free_port() -> int:
    """A port that nobody holds now, and that this process was not told before. Raises PortError."""
    ports = [port for port in _RANGE if port not in _given]
    random.SystemRandom().shuffle(ports)
    for port in ports:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            _given.add(port)
            return port
    raise PortError(
        f"no port from {_RANGE.start} to {_RANGE.stop - 1} is free: stop what holds them"
    )


def require_free(port: int) -> None:
    """Raises PortError while another program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise PortError(
                f'port {port} is taken by another program: choose one with ARGS="--port N"'
            ) from error
