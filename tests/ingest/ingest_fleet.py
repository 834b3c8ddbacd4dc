"""A small fleet for the tests of the ingest: real keys and real messages."""

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.fleet import gateways, keys, vehicles
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.gateway_keys import Keys
from fleet_backend.ingest import signatures
from fleet_backend.ingest.verdicts import Keyring, KnownVehicle, View
from protocol import bodies, cbor, keychange, mac, record, statement
from tests.fleet.engines import sqlite_url

NOW = 1_790_000_000


@dataclass
class FakeVehicle:
    """Seals records as a vehicle does."""

    name: str
    key: bytes = field(default_factory=lambda: os.urandom(32))
    boot: int = 1
    seq: int = 0

    @property
    def record_key(self) -> bytes:
        return mac.record_key(self.key)

    def seal(self, kind: int, body: dict[int, object], time: int = NOW) -> bytes:
        entry = record.Record(self.name, self.boot, self.seq, self.seq * 100, time, kind, body)
        self.seq += 1
        return record.encode(entry, mac.Hmac(self.record_key).tag)

    def sample(self, time: int = NOW, **values: int) -> bytes:
        names = [name for name, _ in bodies.BODIES[record.TELEMETRY]]
        full = {
            "speed_mmps": 5_000,
            "odometer_m": 123_456 + self.seq,
            "pack_mv": 51_234,
            "pack_da": -120,
            "soc_permille": 873,
            "lat_e7": 481_234_567,
            "lon_e7": -11_234_567,
            "state": 2,
            "motor_temp_c": 45,
            "heading_cdeg": 12_345,
        }
        full.update(values)
        return self.seal(
            record.TELEMETRY, {names.index(name): value for name, value in full.items()}, time
        )


@dataclass
class FakeGateway:
    """Makes statements as a gateway does, in one chain."""

    name: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    seq: int = 0
    head: bytes = statement.FIRST_PREV_HASH

    def message(
        self,
        records: Sequence[bytes] = (),
        *,
        kind: int = statement.RECORDS,
        body: bytes | None = None,
        time: int = NOW,
        clock: tuple[int, int] | None = None,
    ) -> bytes:
        """The next statement of the chain, as it travels."""
        content = cbor.encode(list(records)) if body is None else body
        sign1, message = self.make(self.seq, self.head, content, kind=kind, time=time, clock=clock)
        self.seq += 1
        self.head = statement.statement_hash(sign1)
        return message

    def change_key(self) -> bytes:
        """The statement that brings in another key, with which it signs from now on."""
        new = Ed25519PrivateKey.generate()
        message = self.message(kind=statement.GATEWAY, body=self.change_body(new))
        self.key = new
        return message

    def change_body(self, new: Ed25519PrivateKey) -> bytes:
        """What such a statement says, in the place of the next one of the chain."""
        place = keychange.Place(self.name, self.seq, self.head)
        old, public = keys.public_bytes(self.key), keys.public_bytes(new)
        proof = new.sign(keychange.proof_message(place, old, public))
        return cbor.encode({0: statement.KEY_CHANGED, 1: keychange.encode(public, proof)})

    def make(
        self,
        seq: int,
        prev_hash: bytes,
        body: bytes,
        *,
        kind: int = 1,
        time: int = NOW,
        clock: tuple[int, int] | None = None,
    ) -> tuple[bytes, bytes]:
        """A statement of any number and predecessor: (statement, message)."""
        salt = os.urandom(16)
        made = statement.Statement(
            self.name,
            seq,
            prev_hash,
            time,
            kind,
            statement.commit(salt, body),
            *(clock or (None, None)),
        )
        sign1 = statement.encode(made, self.key.sign)
        return sign1, statement.encode_message(sign1, salt, zlib.compress(body))

    @property
    def verify(self) -> Callable[[bytes, bytes], bool]:
        return keys.ed25519_verifier(keys.public_bytes(self.key))


def view_of(gateway: FakeGateway, *known: FakeVehicle) -> View:
    """What the judge is told of these."""
    return View(
        {gateway.name: Keyring(Keys.only(keys.public_bytes(gateway.key)), signatures.verify)},
        {one.name: KnownVehicle(gateway.name, one.record_key) for one in known},
    )


def open_fleet(
    folder: Path, *pairs: tuple[FakeGateway, Sequence[FakeVehicle]], url: str = ""
) -> Database:
    """A database in which these are registered: a file of the folder, or that of the URL."""
    database = open_database(url or sqlite_url(folder / "fleet.db"))
    database.create_schema()
    with database.begin() as connection:
        for gateway, known in pairs:
            public = keys.public_bytes(gateway.key)
            gateways.register(connection, gateway.name, public, gateways.GATEWAY, NOW)
            for one in known:
                fingerprint = statement.statement_hash(one.key)
                vehicles.register(
                    connection, one.name, gateway.name, bytes(32), one.record_key, fingerprint, NOW
                )
    return database
