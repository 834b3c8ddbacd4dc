"""A pull that tests kill: `mirror_child.py SOURCE-FOLDER MIRROR-FOLDER VKEY [AT]`.

With AT the process kills itself with SIGKILL right before its AT-th call that reaches the disk
(open for writing, fsync, link, rename, unlink). Prints `pulling` when it begins, `pulled SIZE
FETCHED` and `calls N` at the end.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from fleet_backend.ledger.mirror import Mirror
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.storage import FolderFetch

calls = [0]


def deadly(name: str, at: int) -> None:
    real = getattr(os, name)

    def call(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)

    setattr(os, name, call)


def main(source: str, target: str, vkey: str, at: str = "0") -> None:
    for name in ("open", "fsync", "link", "replace", "unlink", "mkdir"):
        deadly(name, int(at))
    policy = parse_policy(f"log {vkey}\nquorum none\n".encode())
    print("pulling", flush=True)
    with Mirror(Path(target), policy) as mirror:
        pulled = mirror.pull(FolderFetch(Path(source) / "public"), connections=4)
    print(f"pulled {pulled.checkpoint.size} {pulled.fetched}")
    print(f"calls {calls[0]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
