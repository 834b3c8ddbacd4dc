"""A fleet in a folder with the issuer's keys, a delegation and a real ledger, for the tests."""

import os
from pathlib import Path

from fleet_backend.fleet import (
    delegations,
    gateways,
    grants,
    keys,
    riders,
    statements,
    vehicles,
)
from fleet_backend.fleet.chains import Chain
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.grants import GrantRow
from fleet_backend.issuer.settings import IssuerSettings
from fleet_backend.ledger.keys import generate_log_key, load_log_key, log_signer, log_vkey
from fleet_backend.ledger.signedroot import SignedRootFile
from fleet_backend.ledger.writer import LedgerWriter, create_ledger
from tests.fleet.engines import sqlite_url
from tests.issuer.parties import party

ORIGIN = "log.example/fleet"
ISSUER = "issuer-1"
VEHICLE = "trike-1"


class Sequencer:
    """The ledger's writer at work: puts what waits in the database into the log."""

    def __init__(self, folder: Path, database: Database) -> None:
        self._database = database
        key = load_log_key(folder / "log.key")
        self._writer = LedgerWriter.open(folder, ORIGIN, key)
        self._root = SignedRootFile(folder / "public", log_signer(ORIGIN, key))

    def step(self) -> None:
        with self._database.begin() as connection:
            waiting = statements.unlogged(connection, 100)
            if waiting:
                first = self._writer.append([item.statement for item in waiting])
                places = [(item.id, first + n) for n, item in enumerate(waiting)]
                statements.assign_leaves(connection, places)
        self._root.update()

    def close(self) -> None:
        self._writer.close()


class Stand:
    """One installation; `delegation` is what the owner signed."""

    def __init__(self, folder: Path, delegation: Chain, url: str = "") -> None:
        """The database is a file of the folder, or that of the URL."""
        self.folder = folder
        self.settings = IssuerSettings(
            ISSUER,
            url or sqlite_url(folder / "fleet.db"),
            folder / "issuing.key",
            folder / "statement.key",
            folder / "journal",
            folder / "ledger/policy.txt",
            folder / "ledger/public",
        )
        self.database = open_database(self.settings.database_url)
        self.database.create_schema()
        self._make_keys()
        self._make_ledger()
        self._fill(delegation)
        self._sequencer: Sequencer | None = None

    def _make_keys(self) -> None:
        handle = os.open(self.settings.issuing_key, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(party("issuer").pem)
        self.statement_key = keys.generate_ed25519(self.settings.statement_key)

    def _make_ledger(self) -> None:
        ledger = self.folder / "ledger"
        ledger.mkdir()
        key = generate_log_key(ledger / "log.key")
        create_ledger(ledger, ORIGIN, key)
        self.settings.ledger_policy.write_text(f"log {log_vkey(ORIGIN, key)}\nquorum none\n")

    def _fill(self, delegation: Chain) -> None:
        with self.database.begin() as connection:
            public = keys.public_bytes(self.statement_key)
            gateways.register(connection, ISSUER, public, gateways.ISSUER, 1)
            gateways.register(connection, "gw-1", os.urandom(32), gateways.GATEWAY, 1)
            owner = party("owner").thumbprint
            vehicles.register(connection, VEHICLE, "gw-1", owner, os.urandom(32), os.urandom(32), 1)
            delegations.put(connection, VEHICLE, delegation, 1)
            riders.register(connection, party("rider").modulus, 1)

    def request(self, signed: bytes, now: int, rider: str = "rider") -> str:
        """Put a signed request into the queue, as the API does."""
        name = os.urandom(16).hex()
        with self.database.begin() as connection:
            holder = party(rider).thumbprint
            return grants.request(connection, name, VEHICLE, holder, signed, now).public_id

    def grant(self, name: str) -> GrantRow:
        with self.database.read() as connection:
            return grants.get(connection, name)

    def log_what_waits(self) -> None:
        """One round of the ledger's writer."""
        if self._sequencer is None:
            self._sequencer = Sequencer(self.folder / "ledger", self.database)
        self._sequencer.step()

    def close(self) -> None:
        if self._sequencer is not None:
            self._sequencer.close()
        self.database.close()
