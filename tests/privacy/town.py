"""A small town: two riders, three rides, and what a thief of the disk would look for."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fleet_backend.fleet import trace
from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.trace import Trace
from fleet_backend.ledger.keys import load_log_key, log_signer
from fleet_backend.ledger.merkle import leaf_hash, verify_inclusion
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from tests.privacy import bytes_of
from tests.privacy.privacy_stand import PrivacyStand
from trifleet.client import RiderClient
from trifleet.installation import origin
from trifleet.layout import Layout
from trifleet.privacy import erase

# The last place is where the vehicle is left: the next rider finds it there, so it is no secret.
ANNA = [(481_100_001, 23_100_001), (481_200_002, 23_200_002), (481_300_003, 23_300_003)]
BOB = [(482_100_001, 24_100_001), (482_200_002, 24_200_002)]


def quiet(step: str, words: str) -> None:
    """What an erasure says of its steps."""


@dataclass(frozen=True)
class Stopped:
    """A copy of the town's folder."""

    folder: Path
    anna: bytes
    bob: bytes

    @property
    def layout(self) -> Layout:
        return Layout(self.folder / "data")


class Town:
    """Anna rides trike-1, Bob trike-2 and then trike-1."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.stand = PrivacyStand(folder / "data", url=url)
        self.layout = self.stand.layout
        anna, bob = self.stand.rider(), self.stand.rider()
        self.stand.ride(anna, "trike-1", ANNA)
        self.stand.ride(bob, "trike-2", BOB)
        self.stand.ride(bob, "trike-1", BOB[:1])
        self.anna, self.bob = anna.key.thumbprint, bob.key.thumbprint
        self.clients: dict[bytes, RiderClient] = {self.anna: anna, self.bob: bob}
        log = self.layout.logs / "issuer.log"
        asked = trace_of(self.layout, self.anna).requests[0]
        log.write_text(f"begins\ngrant {asked} issued, leaf 0\nends\n")


def trace_of(layout: Layout, rider: bytes) -> Trace:
    """Where the rider is in the database."""
    url = layout.database_url
    with closing(open_database(url)) as database, database.read() as connection:
        return trace.find(connection, rider)


def needles(layout: Layout, rider: bytes, places: list[tuple[int, int]]) -> bytes_of.Needles:
    """His names, the salts and bodies of his statements, the places on his way."""
    found = bytes_of.of_names(trace_of(layout, rider))
    found |= bytes_of.of_bodies(layout.database, statements_of(layout, rider))
    for place in places:
        found |= bytes_of.of_place(*place)
    return found


def statements_of(layout: Layout, rider: bytes) -> list[int]:
    """Statements with his answers, his grants, his samples; looked up apart from the tool."""
    ids = [one.hex() for one in trace_of(layout, rider).grant_ids]
    with closing(sqlite3.connect(layout.database)) as database:
        answers = database.execute("SELECT statement_id, body FROM records").fetchall()
        own = {number for number, body in answers if any(one in body for one in ids)}
        grants = database.execute("SELECT leaf_hash FROM grants WHERE holder = ?", (rider,))
        for (name,) in grants.fetchall():
            of_hash = database.execute("SELECT id FROM statements WHERE hash = ?", (name,))
            own |= {row[0] for row in of_hash}
    return sorted(own)


def rows_of(path: Path) -> dict[str, list[dict[str, object]]]:
    """Every row of every table."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names = [row[0] for row in tables.fetchall() if not row[0].startswith("sqlite_")]
        return {
            name: [dict(row) for row in database.execute(f"SELECT * FROM {name}")] for name in names
        }


def erase_rider(layout: Layout, rider: bytes) -> erase.Report:
    return erase.erase(layout, rider.hex(), quiet)


def assert_proofs_hold(layout: Layout) -> int:
    """The log is whole and proves every statement of the database; returns how many."""
    verifier = log_signer(origin(layout), load_log_key(layout.log_key)).verifier
    reader = LedgerReader(FolderFetch(layout.ledger / "public"), verifier)
    reader.audit()
    checkpoint = reader.checkpoint
    with closing(sqlite3.connect(layout.database)) as database:
        rows = database.execute("SELECT leaf_index, statement FROM statements").fetchall()
    for index, statement in rows:
        path = reader.inclusion_proof(index)
        verify_inclusion(index, checkpoint.size, leaf_hash(statement), path, checkpoint.root)
    return len(rows)
