"""A vehicle in memory that keeps the contract: it verifies every presentation with the real check,
records what it does, and moves only when unlocked."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import access, command, grant, lock, mac, record, refusal, rsa, statement
from protocol.challenge import ONLINE_LIFE_MS, Challenges
from protocol.errors import RefusedError

LIFE_S = ONLINE_LIFE_MS // 1000
CENTRE = (-34.9055, -56.1790)
RADIUS_DEG = 0.006


def now_s() -> int:
    return int(time.time())


@dataclass
class Entry:
    """One record with the statement that carries it."""

    number: int
    record: record.Record
    statement: bytes
    salt: bytes
    body: bytes


@dataclass
class FakeVehicle:
    """A test may turn rides, silent, holds_answer, online and refuse_next as the pages run."""

    name: str
    owner: bytes
    emit: Callable[[str, dict[str, object]], None]
    log: Callable[[bytes], int]
    rides: bool = True
    silent: bool = False
    online: bool = True
    holds_answer: bool = False
    stops_when_asked: bool = False
    no_action_s: float = 5.0
    angle: float = 0.0
    state: int = lock.LOCKED
    speed_mmps: int = 0
    odometer_m: float = 12_340.0
    soc: float = 870.0
    rest: int | None = None
    entries: list[Entry] = field(default_factory=list)
    telemetry: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    refuse_next: list[int] = field(default_factory=list)
    deposits: list[grant.Grant] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gateway = f"gw-{self.name}"
        self.gateway_key = Ed25519PrivateKey.generate()
        self._seal = mac.Hmac(mac.record_key(os.urandom(32)))
        self._gate = access.Gate(access.Authority(self.name, self.owner), Challenges(os.urandom))
        self._given: tuple[bytes, int] | None = None
        self._seq = 0
        self._previous = statement.FIRST_PREV_HASH
        self._unlocked_at = 0.0
        self._opened_by = b""
        self.record(record.BOOT, {0: "0.1.0", 1: 1, 2: 0, 3: 0, 4: 0})

    # --- what the gateway would publish -------------------------------------------------------
    def challenge(self) -> tuple[bytes, int] | None:
        if self.silent:
            return None
        if self._given is None:
            given = self._gate.challenges.give(self._uptime_ms(), ONLINE_LIFE_MS)
            self._given = (given, now_s() + LIFE_S)
        return self._given

    def spend_challenge(self) -> None:
        """As if somebody else's command had been first, and the published challenge left behind."""
        assert self._given is not None
        self._gate.challenges.take(self._given[0], self._uptime_ms())

    def record(self, kind: int, body: dict[int, object]) -> Entry:
        made = record.Record(self.name, 1, self._seq, self._uptime_ms(), now_s(), kind, body)
        self._seq += 1
        document = self._statement([record.encode(made, self._seal.tag)])
        sign1, salt, packed = document
        entry = Entry(self.log(sign1), made, sign1, salt, packed)
        self.entries.append(entry)
        if kind != record.TELEMETRY:
            self.emit("record", self.event_item(entry))
        return entry

    def _statement(self, records: list[bytes]) -> tuple[bytes, bytes, bytes]:
        from protocol import cbor

        salt, body = os.urandom(16), cbor.encode(records)
        made = statement.Statement(
            self.gateway, len(self.entries), self._previous, now_s(), statement.RECORDS,
            statement.commit(salt, body),
        )  # fmt: skip
        sign1 = statement.encode(made, self.gateway_key.sign)
        self._previous = statement.statement_hash(sign1)
        return sign1, salt, body

    # --- commands -----------------------------------------------------------------------------
    def present(self, data: bytes) -> tuple[str, int | None, Entry]:
        """(state of the command, refusal code, the record that says so)."""
        self._given = None
        try:
            authorized = rsa.run(
                self._gate.check_steps(data, self._uptime_ms(), access.Clock(now_s(), True))
            )
            if self.refuse_next:
                raise RefusedError(self.refuse_next.pop(0), authorized)
        except RefusedError as error:
            return "refused", error.code, self._refuse(error)
        return self._obey(authorized)

    def _refuse(self, error: RefusedError) -> Entry:
        asked = error.asked
        ident, action = (asked.command_id, asked.command.action) if asked else (b"", 0)
        entry = self.record(record.REFUSAL, {0: ident, 1: error.code, 2: action, 3: 0})
        self.emit("refusal", self.refusal_item(entry))
        return entry

    def _obey(self, asked: access.Authorized) -> tuple[str, int | None, Entry]:
        wanted = asked.command.action
        pending = wanted == command.LOCK and self.speed_mmps > 0
        body = {0: asked.command_id, 1: wanted, 2: asked.command.grant_id, 3: int(pending)}
        entry = self.record(record.ANSWER, body)
        if wanted == command.DEPOSIT_CODES:
            self.deposits.append(asked.chain[-1])
        elif wanted == command.UNLOCK:
            self._unlocked_at = time.monotonic()
            self.enter(lock.READY, lock.COMMAND)
        else:
            self.enter(lock.LOCK_PENDING if pending else lock.LOCKED, lock.COMMAND)
        return "pending" if pending else "executed", None, entry

    def enter(self, state: int, reason: int) -> None:
        self.record(record.LOCK, {0: state, 1: self.state, 2: reason})
        self.state = state
        self.emit("vehicle", self.report())

    # --- motion -------------------------------------------------------------------------------
    def tick(self, dt_s: float) -> None:
        if self.state == lock.READY:
            self._ready()
        if self.state == lock.LOCK_PENDING and self.stops_when_asked:
            self.speed_mmps = 0
        if self.state == lock.LOCK_PENDING and self.speed_mmps == 0:
            self.enter(lock.LOCKED, lock.STANDSTILL)
        self._roll(dt_s)
        self.telemetry.append(
            (now_s(), self.speed_mmps, round(self.soc), 51_200, int(self.odometer_m))
        )
        self.emit("vehicle", self.report())

    def _ready(self) -> None:
        waited = time.monotonic() - self._unlocked_at
        if self.rides and waited > 0.8:
            self.speed_mmps = 5_000
            self.enter(lock.DRIVE, lock.RIDER_ACTION)
        elif waited > self.no_action_s:
            self.enter(lock.LOCKED, lock.NO_ACTION)

    def _roll(self, dt_s: float) -> None:
        if self.state == lock.DRIVE:
            self.speed_mmps = round(5_500 + 1_200 * math.sin(time.monotonic()))
        moved = self.speed_mmps / 1000 * dt_s
        self.odometer_m += moved
        self.soc = max(0.0, self.soc - moved / 40)
        self.angle += moved / 600

    # --- shapes of the API --------------------------------------------------------------------
    def position(self) -> tuple[int, int, int]:
        lat = CENTRE[0] + RADIUS_DEG * math.sin(self.angle) * 0.8
        lon = CENTRE[1] + RADIUS_DEG * math.cos(self.angle)
        return round(lat * 1e7), round(lon * 1e7), round(math.degrees(self.angle) * 100) % 36_000

    def report(self) -> dict[str, object]:
        lat_e7, lon_e7, heading = self.position()
        return {
            "id": self.name, "state": lock.STATES[self.state], "speed_mmps": self.speed_mmps,
            "odometer_m": int(self.odometer_m), "soc_permille": round(self.soc), "pack_mv": 51_200,
            "lat_e7": lat_e7, "lon_e7": lon_e7, "heading_cdeg": heading, "time": now_s(),
            "rest": self.rest,
        }  # fmt: skip

    def item(self, operator: bool = False) -> dict[str, object]:
        report = self.report()
        free = self.state == lock.LOCKED
        place = {key: report[key] for key in ("lat_e7", "lon_e7", "heading_cdeg")}
        if not free and not operator:
            place = dict.fromkeys(place)
        item = {
            "id": self.name, "state": report["state"], "available": free, "online": self.online,
            "soc_permille": report["soc_permille"], "updated": report["time"], **place,
        }  # fmt: skip
        if operator:
            item |= {key: report[key] for key in ("rest", "speed_mmps", "odometer_m", "pack_mv")}
            item |= {"gateway": self.gateway, "last_refusal": None}
        return item

    def event_item(self, entry: Entry) -> dict[str, object]:
        made = entry.record
        body = {
            key: value.hex() if isinstance(value, bytes) else value
            for key, value in made.named().items()
        }
        return {
            "id": entry.number, "vehicle": self.name, "boot": made.boot, "seq": made.seq,
            "kind": made.kind, "kind_name": record.KINDS[made.kind], "body": body,
            "time": made.time, "server_time": made.time, "leaf_index": entry.number,
            "statement_hash": statement.statement_hash(entry.statement).hex(),
            "gateway": self.gateway, "gateway_seq": made.seq,
        }  # fmt: skip

    def refusal_item(self, entry: Entry) -> dict[str, object]:
        code = entry.record.body[1]
        return {
            "id": entry.number, "source": "vehicle", "vehicle": self.name, "gateway": self.gateway,
            "code": code, "name": refusal.NAMES[int(str(code))], "where": None,
            "time": entry.record.time, "server_time": entry.record.time,
            "leaf_index": entry.number,
        }  # fmt: skip

    def _uptime_ms(self) -> int:
        return int(time.monotonic() * 1000)
