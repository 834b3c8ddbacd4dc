"""Free ports on loopback."""

import socket

from trifleet.errors import PortError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that the system holds for free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


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
