"""Everything around one vehicle for a day, for the bench: nodes, a gateway, riders.

Pure: the vehicle's process asks for the frames to come, and gets what answers a frame of its own.
"""

from __future__ import annotations

import heapq
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "firmware"))
sys.path.insert(0, str(ROOT / "tests/firmware"))

import signer  # noqa: E402
import vcu_bench as bench  # noqa: E402

from protocol import command, link, record  # noqa: E402
from tests.bench.day_nodes import GRID_MS, REST_GRID_MS, SIGNALS, Node, Road  # noqa: E402
from tests.bench.day_plan import MINUTE_MS, Plan  # noqa: E402

START_S = bench.NOW_S
FRAMES = 64  # of one answer, as device_chip.py
_ROOM = 24  # of them for what comes at once
AHEAD_MS = 200  # how far frames are made in advance while the gateway talks
IDLE_AHEAD_MS = 2_000
REST_AFTER_MS = 12 * MINUTE_MS  # the vehicle itself is drowsy after ten
FIRST_MS = 10  # between two cyclic frames of the vehicle

Frame = tuple[int, int, bytes]


def first_files() -> dict[str, bytes]:
    """What provisioning leaves on the flash."""
    return {
        "identity": bench.identity(signer.OWNER.thumbprint),
        "config": bench.vehicle.seal(bench.vehicle.encode(bench.CONFIG)),
    }


@dataclass
class Told:
    """What the gateway got."""

    kinds: Counter[int] = field(default_factory=Counter)
    boots: set[int] = field(default_factory=set)
    outcomes: list[int] = field(default_factory=list)
    health: list[dict[int, int]] = field(default_factory=list)
    last: tuple[int, int] = (0, -1)
    repeated: int = 0

    def take(self, made: object) -> None:
        """One record."""
        kind, body = made.kind, made.body  # type: ignore[attr-defined]
        name = (made.boot, made.seq)  # type: ignore[attr-defined]
        if name <= self.last:
            self.repeated += 1
            return
        self.last = name
        self.kinds[kind] += 1
        self.boots.add(name[0])
        if kind == record.ANSWER:
            self.outcomes.append(body[3])
        if kind == record.HEALTH:
            self.health.append(body)


class World:
    """Nodes and gateway of one vehicle that lives through a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.told = Told()
        self.gateway = bench.Gateway()
        self.road = Road()
        self.nodes = {name: Node(name, signals) for name, signals in SIGNALS.items()}
        self._due = [(FIRST_MS, i, node) for i, node in enumerate(self.nodes.values())]
        heapq.heapify(self._due)
        self._acts: list[tuple[int, int, Callable[[int], None]]] = []
        self._ride = (-1, -1)
        self._used_ms = 0  # until when the nodes send at their pace
        self._presses = 0
        self._plan_all()

    # --- what the vehicle's process asks ---

    def answer(self, identifier: int, data: bytes, at_ms: int) -> list[Frame]:
        """What comes at once for a frame of the vehicle."""
        self.gateway.take(identifier, data, at_ms)
        for made in self.gateway.records:
            self.told.take(made)
        self.gateway.records.clear()
        return self._gateway_frames(at_ms)

    def ahead(self, now_ms: int) -> tuple[list[Frame], int]:
        """(frames in order, nothing else before this time)."""
        out: list[Frame] = []
        until_ms = self._until_ms(now_ms)
        while len(out) < FRAMES - _ROOM:
            act_ms = self._acts[0][0] if self._acts else self.plan.end_ms
            node_ms = self._due[0][0]
            if min(act_ms, node_ms) > until_ms:
                return out, until_ms + 1
            if act_ms <= node_ms and self._acts:
                heapq.heappop(self._acts)[2](act_ms)
                out += self._gateway_frames(act_ms)
                until_ms = min(until_ms, self._until_ms(act_ms))
            else:
                self._send(node_ms, out)
        return out, out[-1][0]

    def _until_ms(self, now_ms: int) -> int:
        idle = self.gateway.is_idle()
        return now_ms + (IDLE_AHEAD_MS if idle else AHEAD_MS)

    def _gateway_frames(self, at_ms: int) -> list[Frame]:
        if not self.gateway.listens:
            return []
        # One a millisecond: a bus of 500 kbit/s carries four.
        frames = enumerate(self.gateway.frames(at_ms))
        return [(at_ms + i + 1, identifier, data) for i, (identifier, data) in frames]

    def _send(self, at_ms: int, out: list[Frame]) -> None:
        _, order, node = self._due[0]
        if node.name == "MC_Status1":
            self._move(at_ms)
        data = node.frame()
        if data is not None:
            out.append((at_ms, node.identifier, data))
        rests = at_ms >= self._used_ms
        next_ms = at_ms + (node.rest_ms if rests else node.cycle_ms)
        if rests:  # all together, so that the vehicle has few turns to make
            next_ms -= (next_ms - FIRST_MS) % REST_GRID_MS
        heapq.heapreplace(self._due, (next_ms, order, node))
        if node.name == "GW_Heartbeat" and not self.gateway.is_idle():
            out += self._gateway_frames(at_ms)  # it gives up what nobody answers

    def _move(self, at_ms: int) -> None:
        begin_ms, end_ms = self._ride
        if not begin_ms <= at_ms < end_ms:
            return
        self.road.drive(at_ms - begin_ms - 2_000, at_ms, end_ms - at_ms)
        speed = self.road.speed_mmps
        rpm = speed * 60 * bench.CONFIG.gear_permille // bench.CONFIG.tyre_mm // 1000
        moving = int(speed > 0)
        self.nodes["MC_Status1"].set(Speed_mmps=speed, Motor_rpm=rpm, Enabled=moving)
        if at_ms % 200 < GRID_MS:
            self.nodes["GNSS_Position"].set(Latitude_e7=self.road.latitude_e7())
            heading = self.road.heading_cdeg()
            self.nodes["GNSS_Status"].set(Speed_mmps=speed, Heading_cdeg=heading)
        if at_ms % 10_000 < GRID_MS:
            pack = self.nodes["BMS_Pack"].signals or {}
            self.nodes["BMS_Pack"].set(
                Soc_permille=max(200, pack["Soc_permille"] - 1), Current_dA=150 * moving
            )

    # --- the plan ---

    def _at(self, ms: int, act: Callable[[int], None]) -> None:
        heapq.heappush(self._acts, (ms, len(self._acts), act))

    def _plan_all(self) -> None:
        plan = self.plan
        if not plan.away or plan.away[0][0] > 0:
            self._at(1_000, lambda _: self._attach())
        for begin_ms, end_ms in plan.away:
            self._at(begin_ms + 1_000, lambda _: self._detach())
            self._at(end_ms, lambda _: self._attach())
        for number, (begin_ms, end_ms) in enumerate(plan.rides):
            self._plan_ride(number, begin_ms, end_ms)
        for begin_ms, end_ms in plan.charging:
            self._at(begin_ms, lambda _: self.nodes["CHG_Status"].set(Plugged=1, Charging=1))
            self._at(end_ms, lambda _: self.nodes["CHG_Status"].set(Plugged=0, Charging=0))
        for begin_ms, end_ms in plan.faults:
            self._at(begin_ms, lambda _: self._trouble(True))
            self._at(end_ms, lambda _: self._trouble(False))
        if plan.silent_ms is not None:
            self._at(plan.silent_ms, lambda _: self._fall_silent())
        for ms in plan.refused:
            self._at(ms, lambda _: self._present(signer.STRANGER, command.UNLOCK, 99))
        for ms in plan.typed:
            for place, digit in enumerate((1, 2, 3, 4, 5, 6, 7, 8, 10)):
                self._at(ms + 400 * place, lambda _, digit=digit: self._press(digit))  # type: ignore[misc]

    def _plan_ride(self, number: int, begin_ms: int, end_ms: int) -> None:
        dash = self.nodes["HMI_Inputs"]
        self._courier(begin_ms)
        self._courier(end_ms)
        self._at(begin_ms - 10_000, lambda _: self._wake(end_ms + REST_AFTER_MS))
        self._at(begin_ms, lambda _: self._present(signer.RIDER, command.UNLOCK, number))
        self._at(begin_ms + 2_500, lambda _: dash.set(Key=1, Brake=1, Gear=1))
        self._at(begin_ms + 4_000, lambda _: dash.set(Brake=0, Lights=1))
        self._at(begin_ms + 5_000, lambda at_ms: self._ride_on(at_ms, end_ms - 4_000))
        self._at(end_ms - 4_000, lambda _: dash.set(Brake=1, Gear=0))
        self._at(end_ms, lambda _: self._present(signer.RIDER, command.LOCK, number))
        self._at(end_ms + 5_000, lambda _: dash.set(Key=0, Brake=0, Lights=0))

    def _wake(self, until_ms: int) -> None:
        self._used_ms = max(self._used_ms, until_ms)
        self._due = [
            (min(due_ms, self._due[0][0] + node.cycle_ms), order, node)
            for due_ms, order, node in self._due
        ]
        heapq.heapify(self._due)

    def _ride_on(self, begin_ms: int, end_ms: int) -> None:
        self._ride = (begin_ms, end_ms)
        self.road.turn()

    def _attach(self, stores: bool = True) -> None:
        self.gateway.listens = True
        self.gateway.stores = stores
        self.nodes["GW_Heartbeat"].signals = {"State": 2}
        self.gateway.request(link.pack(link.HELLO_REQUEST))

    def _detach(self) -> None:
        self.gateway.listens = False
        self.nodes["GW_Heartbeat"].signals = None

    def _fall_silent(self) -> None:
        self._detach()
        for node in self.nodes.values():
            node.signals = None

    def _courier(self, ms: int) -> None:
        """Without a gateway somebody carries the command, and confirms no record."""
        for begin_ms, end_ms in self.plan.away:
            if begin_ms <= ms < end_ms:
                self._at(ms - 8_000, lambda _: self._attach(stores=False))
                self._at(min(ms + 4_000, end_ms - 1), lambda _: self._detach())

    def _present(self, rider: signer.Party, action: int, number: int) -> None:
        if not self.gateway.challenges:
            return
        challenge = self.gateway.challenges[-1][0]
        del self.gateway.challenges[:-4]
        until = {"not_after": START_S + 3 * signer.DAY_S}
        name = b"grant of ride %03d" % number
        self.gateway.request(
            link.pack(
                link.PRESENTATION,
                signer.by_booking(
                    challenge, action, rider, delegation=until, grant_id=name[-16:], **until
                ),
            )
        )

    def _trouble(self, there: bool) -> None:
        self.nodes["MC_Status2"].set(FaultCode=7 if there else 0)
        self.nodes["BMS_Heartbeat"].signals = None if there else {"State": 2}

    def _press(self, digit: int) -> None:
        self._presses = (self._presses + 1) & 0xFF
        self.nodes["HMI_Keys"].set(Presses=self._presses, Digit=digit)
