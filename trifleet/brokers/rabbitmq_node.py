"""Runs one RabbitMQ node with a port mapper of its own, and ends both together.

`python -m trifleet.brokers.rabbitmq_node FOLDER`. RabbitMQ starts the port mapper (epmd) as a
daemon that outlives it and listens on all addresses; ours is a child, on loopback. Both die with
this process, however it ends. Both work in FOLDER: what the node's database writes when it breaks
down comes to lie where it works, and names the broker's users.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

_PR_SET_PDEATHSIG = 1


def main(folder: Path) -> int:
    """Until the node ends, or SIGTERM."""
    plan = json.loads((folder / "node.json").read_text())
    environment = {**os.environ, **plan["environment"]}
    mapper = _start(plan["port_mapper"], environment, folder) if plan["port_mapper"] else None
    node = _start(plan["server"], environment, folder)

    def end(_number: int, _frame: FrameType | None) -> None:
        node.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        return node.wait()
    finally:
        if mapper is not None:
            mapper.kill()
            mapper.wait()


def _start(
    command: Sequence[str], environment: dict[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        env=environment,
        cwd=folder,
        preexec_fn=_die_with_parent(os.getpid()),
    )


def _die_with_parent(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # the parent went before prctl could take effect

    return in_child


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
