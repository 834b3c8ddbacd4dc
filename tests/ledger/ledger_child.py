"""A writer that tests kill: `ledger_child.py DIRECTORY SEED COMMAND [no-flock|cosigned]`.

COMMAND is `grow` (append batches for ever), `obey` (append as many as each line of stdin says), or
sizes like `1,1,5` (append these batches and end). Prints `open SIZE`, and `ack INDEX ENTRY-IN-HEX`
for each entry after `append` returned. `cosigned`: the log waits for its witness, whose cosignature
is published after each batch; `seen SIZE` says so. Exit status 3: a LedgerError, whose name is on
stderr.
"""

import fcntl
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_tools import COSIGNED, cosign_and_publish

from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.writer import LedgerWriter, WriterSettings


def batch_sizes(seed: str, command: str) -> Iterator[int]:
    if command == "obey":
        yield from map(int, sys.stdin)
    elif command == "grow":
        choose = random.Random(seed)
        while True:
            yield choose.choice((1, 3, 60, 250, 300, 700))
    else:
        yield from map(int, command.split(","))


def say(text: str) -> None:
    data = (text + "\n").encode()
    while data:
        data = data[os.write(1, data) :]


def main(directory: str, seed: str, command: str, flag: str = "") -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    # A small write-ahead file, so that it is truncated every few batches.
    policy = COSIGNED if flag == "cosigned" else None
    settings = WriterSettings(wal_max_bytes=4_096, policy=policy)
    with LedgerWriter.open(Path(directory), "log.example/fleet", key, settings) as writer:
        say(f"open {writer.size}")
        for count in batch_sizes(seed, command):
            entries = [f"{seed}/{writer.size + number}".encode() for number in range(count)]
            first = writer.append(entries)
            lines = [f"ack {first + at} {entry.hex()}" for at, entry in enumerate(entries)]
            say("\n".join(lines))
            if policy:
                cosign_and_publish(writer)
                say(f"seen {writer.size}")


if __name__ == "__main__":
    if "no-flock" in sys.argv[4:]:
        # As on a network file system that grants every lock to everybody.
        fcntl.flock = lambda _descriptor, _operation: None  # type: ignore[assignment]
    try:
        main(*sys.argv[1:5])
    except LedgerError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        raise SystemExit(3) from None
