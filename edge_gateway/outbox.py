"""Statements that the backend does not hold durably yet, and the marks of the records stored.

SQLite, WAL, synchronous=FULL. One transaction holds a statement, the head of the chain and the
marks: after power loss at any moment either all three are there or none.

Order of durable writes, and what is true if power goes right after each:
1. commit of statement + chain head + marks: the vehicle still has the records and sends them again;
   they are known by their bytes, so they are dropped and acknowledged, not doubled.
2. `stored` to the vehicle: it may forget them; we hold them.
3. publish, and the backend's commit: the backend holds them; we send again and it knows them.
4. the backend's signed acknowledgement deletes the statement here. The chain head stays.
Thinning is one commit too: contents that go, and the statement that says so.
"""

import contextlib
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_gateway import thinning
from edge_gateway.batch import Part
from edge_gateway.clock import Reading, known_time
from edge_gateway.errors import (
    GatewayError,
    OutboxError,
    OutboxFullError,
    ReplacedKeyError,
)
from edge_gateway.marks import MarksFile
from edge_gateway.outbox_file import named_errors, open_file, used_permille
from edge_gateway.signer import Signer, change_text, replaced_key
from edge_gateway.window import WindowState
from protocol import ack, cbor, keychange, statement

__all__ = ["Deleted", "Outbox", "Pending", "When", "known_time"]

# A bare time says nothing of its clock: that makes a statement of version 1.
When = int | Reading


@dataclass(frozen=True)
class Pending:
    """One statement as it is published."""

    seq: int
    message: bytes


@dataclass(frozen=True)
class Deleted:
    """What an acknowledgement removed, and whether it names statements that we never made."""

    accepted: int
    refused: int
    unknown: bool


class Outbox:
    """One thread only. Raises OutboxError; OutboxFullError when nothing of it was stored."""

    def __init__(
        self,
        path: Path,
        gateway: str,
        sign: Callable[[bytes], bytes],
        max_bytes: int,
        public_key: bytes = b"",
    ) -> None:
        """`public_key` is that of `sign`; where it is given it has to be the one that the chain is
        signed with now. Raises OutboxError, ReplacedKeyError.
        """
        self._gateway = gateway
        self._sign = sign
        with named_errors():
            self._db = open_file(path, max_bytes)
            self._marks = MarksFile(self._db)
            row = self._db.execute("SELECT gateway FROM chain").fetchone()
            if row is None:
                row = (gateway,)
                first = (gateway, statement.FIRST_PREV_HASH)
                self._db.execute("INSERT INTO chain VALUES (1, ?, 0, ?, 0, 0)", first)
        if row[0] != gateway:
            self._db.close()
            raise OutboxError(f"{path}: belongs to gateway {row[0]}, not to {gateway}")
        self.signer = Signer(self._db)
        try:
            self.signer.check(public_key)
        except GatewayError:
            self._db.close()
            raise
        # Counted once: to count the rows again reads the whole file.
        self._count = self._number("SELECT count(*) FROM statements")

    def close(self) -> None:
        self._db.close()

    def store_records(
        self, records: Sequence[bytes], when: When, vehicle: str, window: WindowState
    ) -> int:
        """A RECORDS statement and the vehicle's window that is true with it. Returns its number."""
        return self.store_parts([Part(records)], when, vehicle, window)

    def store_parts(
        self, parts: Sequence[Part], when: When, vehicle: str, window: WindowState
    ) -> int:
        """A RECORDS statement for each part, all or none. Returns the number of the last one."""
        seq = -1
        with named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for part in parts:
                seq = self._append(statement.RECORDS, cbor.encode(list(part.records)), when)
                if part.samples:
                    self._db.execute("INSERT INTO thinnable VALUES (?, ?)", (seq, part.samples))
            self._marks.write(vehicle, window)
        self._marks.written(vehicle, window)
        self._count += len(parts)
        return seq

    def store_body(self, kind: int, body: bytes, when: When) -> int:
        """A statement of another kind than a gateway's: a notary's. Returns its number."""
        with named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            seq = self._append(kind, body, when)
        self._count += 1
        return seq

    def store_event(self, event: int, text: str, when: When) -> int:
        """A GATEWAY statement. Returns its number."""
        with named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            seq = self._append(statement.GATEWAY, cbor.encode({0: event, 1: text[:255]}), when)
        self._count += 1
        return seq

    def change_key(self, old: bytes, new: Ed25519PrivateKey, when: When) -> int:
        """The statement that brings in `new`, the last one by `old`; its number.

        Nothing is signed with this object afterwards.
        """
        with named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            row = self._db.execute("SELECT next_seq, prev_hash FROM chain").fetchone()
            text = change_text(keychange.Place(self._gateway, *row), old, new)
            seq = self._append(
                statement.GATEWAY, cbor.encode({0: statement.KEY_CHANGED, 1: text}), when
            )
            self.signer.write(new.public_key().public_bytes_raw(), seq)
        self._count += 1
        return seq

    def check_key(self) -> None:
        """Once a turn. Raises OutboxError where another process has changed the key."""
        with named_errors():
            self.signer.check_unchanged()

    def end_key(self, public_key: bytes) -> ReplacedKeyError:
        """The backend said that this key is over: on disk, as far as there is room for it."""
        with contextlib.suppress(OutboxFullError), named_errors():
            self.signer.end(public_key)
        return replaced_key()

    def save_window(self, vehicle: str, window: WindowState) -> None:
        """What is known of stored records changed without a new one."""
        with named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._marks.write(vehicle, window)
        self._marks.written(vehicle, window)

    def window(self, vehicle: str) -> WindowState:
        with named_errors():
            return self._marks.read(vehicle)

    @property
    def next_seq(self) -> int:
        """The number of the next statement."""
        return self._number("SELECT next_seq FROM chain")

    def last_time(self) -> int:
        """The time in the newest statement that waits; 0 where none waits, or it had no clock."""
        with named_errors():
            query = "SELECT sign1 FROM statements ORDER BY seq DESC LIMIT 1"
            row = self._db.execute(query).fetchone()
        return 0 if row is None else statement.decode_unverified(row[0]).time

    def pending(self, after: int, limit: int, before: int = 1 << 62) -> list[Pending]:
        """The next statements to publish, in order, with numbers between the two."""
        with named_errors():
            rows = self._db.execute(
                "SELECT seq, sign1, salt, packed FROM statements WHERE seq > ? AND seq < ? "
                "ORDER BY seq LIMIT ?",
                (after, before, limit),
            ).fetchall()
        return [Pending(seq, self._message(*row)) for seq, *row in rows]

    def message(self, seq: int) -> bytes | None:
        """One statement again; None when it was acknowledged meanwhile."""
        found = self.pending(seq - 1, 1)
        return found[0].message if found and found[0].seq == seq else None

    def count(self) -> int:
        """Statements that wait for an acknowledgement."""
        return self._count

    def refused_total(self) -> int:
        """Statements that the backend ever refused."""
        return self._number("SELECT refused FROM chain")

    def thinned_total(self) -> int:
        """Samples that were ever given up for room."""
        return self._number("SELECT samples FROM thinning")

    def used_permille(self) -> int:
        """How full it is, of `outbox_mb`."""
        with named_errors():
            return used_permille(self._db)

    def count_start(self) -> int:
        """How often this gateway has started, this time included. A full disk counts no more."""
        try:
            with named_errors():
                self._db.execute("UPDATE chain SET starts = starts + 1")
        except OutboxFullError:
            return self._number("SELECT starts FROM chain") + 1
        return self._number("SELECT starts FROM chain")

    def delete(self, verified: ack.Ack) -> Deleted:
        """Forget what a verified acknowledgement names."""
        with named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            last = self._db.execute("SELECT next_seq FROM chain").fetchone()[0] - 1
            accepted = self._delete_ranges(verified.accepted, last)
            refused = self._delete_ranges(verified.refused, last)
            if refused:
                self._db.execute("UPDATE chain SET refused = refused + ?", (refused,))
        self._count -= accepted + refused
        self.signer.settled()
        ranges = (*verified.accepted, *verified.refused)
        return Deleted(accepted, refused, any(end > last for _, end in ranges))

    def thin(self, when: When) -> int | None:
        """Give up some telemetry, the oldest first, and say so in the chain, in one transaction.

        Returns the samples given up; None where there is nothing left to give.
        """
        with named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            (after,) = self._db.execute("SELECT after FROM thinning").fetchone()
            choice = thinning.choose(self._thinnable(after)) or thinning.choose(self._thinnable(-1))
            if choice is None:
                return None
            for seq in choice.seqs:
                self._release(seq)
            self._db.execute(
                "UPDATE thinning SET after = ?, samples = samples + ?",
                (choice.after, choice.samples),
            )
            body = cbor.encode({0: statement.THINNED, 1: choice.text})
            self._append(statement.GATEWAY, body, when)
        self._count += 1
        return choice.samples

    def commands(self, limit: int) -> list[tuple[bytes, int]]:
        """(digest, status) of the commands decided on last, the newest last."""
        with named_errors():
            rows = self._db.execute(
                "SELECT digest, status FROM commands ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
        return rows[::-1]

    def remember_command(self, digest: bytes, status: int, limit: int) -> None:
        """Before it is delivered, and when it ended. `limit` of them are kept."""
        with named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            row = (digest, status)
            self._db.execute("INSERT OR REPLACE INTO commands(digest, status) VALUES (?, ?)", row)
            self._db.execute(
                "DELETE FROM commands WHERE id <= (SELECT max(id) FROM commands) - ?", (limit,)
            )

    def relieve(self) -> None:
        """On a full disk: use the write-ahead log's own room again, without giving it away."""
        with named_errors():
            self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def scrub(self) -> None:
        """Empty the write-ahead log, which still holds what was acknowledged; later, if busy."""
        with named_errors():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _number(self, query: str) -> int:
        with named_errors():
            return int(self._db.execute(query).fetchone()[0])

    def _message(self, sign1: bytes, salt: bytes, packed: bytes) -> bytes:
        if salt:
            return statement.encode_message(sign1, salt, packed)
        return statement.encode_release(sign1, self._sign)

    def _release(self, seq: int) -> None:
        # Deleted and made anew: SQLite gives pages back when rows go, not when they shrink.
        query = "SELECT sign1 FROM statements WHERE seq = ?"
        (sign1,) = self._db.execute(query, (seq,)).fetchone()
        self._db.execute("DELETE FROM statements WHERE seq = ?", (seq,))
        self._db.execute("INSERT INTO statements VALUES (?, ?, x'', x'')", (seq, sign1))
        self._db.execute("DELETE FROM thinnable WHERE seq = ?", (seq,))

    def _thinnable(self, after: int) -> list[tuple[int, int]]:
        return self._db.execute(
            "SELECT seq, samples FROM thinnable WHERE seq > ? "
            "AND seq < (SELECT next_seq FROM chain) - ? ORDER BY seq LIMIT ?",
            (after, thinning.NEWEST_KEPT, thinning.LOOKED_AT),
        ).fetchall()

    def _delete_ranges(self, ranges: list[tuple[int, int]], last: int) -> int:
        # Clamped, as numbers of 64 bits do not fit SQLite's integers.
        pairs = [(first, min(end, last)) for first, end in ranges if first <= last]
        self._db.executemany("DELETE FROM thinnable WHERE seq BETWEEN ? AND ?", pairs)
        deleted = self._db.executemany("DELETE FROM statements WHERE seq BETWEEN ? AND ?", pairs)
        return max(0, deleted.rowcount)

    def _append(self, kind: int, body: bytes, when: When) -> int:
        """One statement more, within the caller's transaction."""
        self.signer.check_unchanged()
        seq, prev_hash = self._db.execute("SELECT next_seq, prev_hash FROM chain").fetchone()
        salt = os.urandom(statement.SALT_BYTES)
        time, *clock = (when,) if isinstance(when, int) else when
        commitment = statement.commit(salt, body)
        made = statement.Statement(self._gateway, seq, prev_hash, time, kind, commitment, *clock)
        sign1 = statement.encode(made, self._sign)
        self._db.execute(
            "INSERT INTO statements VALUES (?, ?, ?, ?)", (seq, sign1, salt, zlib.compress(body))
        )
        self._db.execute(
            "UPDATE chain SET next_seq = ?, prev_hash = ?",
            (seq + 1, statement.statement_hash(sign1)),
        )
        return int(seq)
