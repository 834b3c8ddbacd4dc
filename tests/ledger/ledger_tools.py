"""What the ledger's tests share: a key, a log in a folder, and the check that all of it holds."""

import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.keys import log_signer
from fleet_backend.ledger.merkle import leaf_hash, node_hash, split_point
from fleet_backend.ledger.note import add_signatures
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import LedgerWriter, WriterSettings, create_ledger

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name("ledger_child.py")
ORIGIN = "log.example/fleet"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = log_signer(ORIGIN, KEY)
COSIGNER = Cosigner(
    "witness.example/one", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
)
COSIGNED = parse_policy(
    f"log {SIGNER.verifier.vkey}\nwitness one {COSIGNER.verifier.vkey}\nquorum one\n".encode()
)


def new_log(directory: Path, entries: Iterable[bytes] = ()) -> LedgerWriter:
    create_ledger(directory, ORIGIN, KEY)
    writer = LedgerWriter.open(directory, ORIGIN, KEY)
    writer.append(list(entries))
    return writer


def open_log(directory: Path, policy: Policy | None = None) -> LedgerWriter:
    return LedgerWriter.open(directory, ORIGIN, KEY, WriterSettings(policy=policy))


def cosign_and_publish(writer: LedgerWriter) -> None:
    """What a publisher does, with the one witness of `COSIGNED` at hand."""
    newest = writer.checkpoint
    writer.publish(add_signatures(newest.note, [COSIGNER.cosign(newest.text, 1_800_000_000)]))


def reader_of(directory: Path) -> LedgerReader:
    return LedgerReader(FolderFetch(directory / "public"), SIGNER.verifier)


def entries_of(count: int, start: int = 0) -> list[bytes]:
    return [b"entry %d" % number for number in range(start, start + count)]


def files_of(directory: Path) -> set[str]:
    public = directory / "public"
    return {str(path.relative_to(public)) for path in public.rglob("*") if path.is_file()}


def naive_root(entries: list[bytes]) -> bytes:
    """RFC 6962 section 2.1 word for word, as the oracle."""
    if len(entries) == 1:
        return leaf_hash(entries[0])
    middle = split_point(len(entries))
    return node_hash(naive_root(entries[:middle]), naive_root(entries[middle:]))


def check_log(directory: Path, acknowledged: dict[int, bytes]) -> list[bytes]:
    """Audit the log; every acknowledged entry stands at its index, and nothing stands twice."""
    reader = reader_of(directory)
    report = reader.audit()
    found = list(reader.entries(0, report.checkpoint.size))
    assert len(set(found)) == len(found)
    for index, entry in acknowledged.items():
        assert found[index] == entry
    return found


def size_that_can_be_checked(directory: Path) -> int:
    """What an outsider finds before any restart: a whole log at the published size."""
    return reader_of(directory).audit().checkpoint.size


def check_and_go_on(
    directory: Path, acknowledged: dict[int, bytes], mark: str, policy: Policy | None = None
) -> int:
    """Restart twice, check, let different entries follow, check again. Returns the size found."""
    open_log(directory, policy).close()
    with open_log(directory, policy) as writer:
        size = writer.size
        if policy:
            cosign_and_publish(writer)
        found = check_log(directory, acknowledged)
        assert len(found) == size
        assert writer.append([mark.encode(), mark.encode() + b" again"]) == size
        if policy:
            cosign_and_publish(writer)
    check_log(directory, {**acknowledged, size: mark.encode()})
    return size


class Child:
    """A writer in a process of its own; see ledger_child.py for what it does and prints."""

    def __init__(self, *arguments: str, prefix: Iterable[str] = ()) -> None:
        self.acknowledged: dict[int, bytes] = {}
        self.seen = 0
        self.process = subprocess.Popen(
            [*prefix, sys.executable, str(CHILD), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def read(self) -> str:
        """Next line; an `ack` is remembered. Empty at the end."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line.startswith("ack ") and line.endswith("\n"):
            _, index, entry = line.split()
            self.acknowledged[int(index)] = bytes.fromhex(entry)
        elif line.startswith("seen ") and line.endswith("\n"):
            self.seen = int(line.split()[1])
        return line.strip()

    def read_acks(self, count: int) -> None:
        due = len(self.acknowledged) + count
        while len(self.acknowledged) < due and self.read():
            pass

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end_input(self) -> None:
        """No more lines follow."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdin = None

    def finish(self) -> tuple[int, str]:
        """Read to the end. Returns the exit status and what it said on stderr."""
        while self.read():
            pass
        _, errors = self.process.communicate()
        return self.process.returncode, errors

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
