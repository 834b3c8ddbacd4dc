"""A vehicle that is only its records: real keys, real streets, the samples that it would send."""

import math
from collections.abc import Callable, Iterator

from hw.model.route import Route
from protocol import lock, record
from protocol.mac import Hmac
from trifleet.load.duty import Always, Duty, Mode, Spell

_TOP_MPS = 7.5
_BRAKING_MPS2 = 1.5
_PACK_FULL_MV = 54_600
_PACK_SPAN_MV = 9_000
_RANGE_M = 60_000
_STATE = {Mode.RIDING: lock.DRIVE, Mode.PARKED: lock.LOCKED, Mode.DROWSY: lock.LOCKED}


class Vehicle:
    """Makes sealed records when it is asked, in the order of its numbers."""

    def __init__(
        self, name: str, number: int, key: bytes, duty: Duty | Always, route: Route, boot: int = 1
    ) -> None:
        """`key`: of its records, 32 bytes."""
        self.name = name
        self.made = 0  # records
        self.next_s = -math.inf
        self._tag: Callable[[bytes], bytes] = Hmac(key).tag
        self._duty = duty
        self._route = route
        self._boot = boot
        self._number = number
        self._distance_m = number * 137.0
        self._speed_mps = 0.0
        self._last_s: float | None = None
        self._mode: Mode | None = None

    def records(self, at_s: float, wall_s: float) -> list[bytes]:
        """What it says at this moment of the plan; `next_s` is when it speaks again."""
        spell = self._duty.at(at_s)
        self._move(at_s, spell)
        made = list(self._changes(spell, wall_s))
        made.append(self._seal(wall_s, record.TELEMETRY, self._values(spell.mode)))
        self._last_s = at_s
        self.next_s = min(at_s + spell.mode.value, spell.end_s)
        return made

    def _changes(self, spell: Spell, wall_s: float) -> Iterator[bytes]:
        before, self._mode = self._mode, spell.mode
        if before is None or _STATE[before] == _STATE[spell.mode]:
            return
        reason = lock.RIDER_ACTION if spell.mode is Mode.RIDING else lock.STANDSTILL
        body: dict[int, object] = {0: _STATE[spell.mode], 1: _STATE[before], 2: reason}
        yield self._seal(wall_s, record.LOCK, body)

    def _move(self, at_s: float, spell: Spell) -> None:
        if spell.mode is not Mode.RIDING or self._last_s is None:
            self._speed_mps = 0.0
            return
        passed_s = min(at_s - self._last_s, 5.0)
        limit = min(self._route.speed_limit_mps(self._distance_m, _BRAKING_MPS2), _TOP_MPS)
        limit = min(limit, _BRAKING_MPS2 * max(spell.end_s - at_s, 0.0))  # it stands at the end
        change = max(min(limit - self._speed_mps, passed_s), -_BRAKING_MPS2 * passed_s)
        self._speed_mps += change
        self._distance_m += self._speed_mps * passed_s

    def _values(self, mode: Mode) -> dict[int, object]:
        """The body of a sample, by the keys of docs/protocol.md section 6."""
        place = self._route.place(self._distance_m)
        speed, turns = round(self._speed_mps * 1000), self.made + self._number
        charge = 1 - self._distance_m % _RANGE_M / _RANGE_M
        pack = round(_PACK_FULL_MV - (1 - charge) * _PACK_SPAN_MV) - speed // 50
        cell = pack // 14
        warm = speed // 400
        body: dict[int, object] = {
            0: speed,
            1: round(self._distance_m),
            2: pack,
            3: speed // 40 + turns % 3,
            4: round(charge * 1000),
            5: place.lat_e7 + turns % 7,
            6: place.lon_e7 + turns % 5,
            7: _STATE[mode],
            8: 24 + warm,
            9: place.heading_cdeg,
            10: 27 + warm,
            11: cell - 9 - turns % 4,
            12: cell + 7 + turns % 3,
            13: 0,
            14: max(speed + turns % 90 - 45, 0),
            15: 13_100 + turns % 40,
            16: 12_500,
            17: 0,
            18: round(self._route.curvature_per_m(self._distance_m) * 9000) + turns % 40 - 20,
            19: 28 + warm // 4,
        }
        if mode is Mode.DROWSY:
            body[20] = 1
        return body

    def _seal(self, wall_s: float, kind: int, body: dict[int, object]) -> bytes:
        seq = self.made
        self.made += 1
        uptime_ms = (seq + 1) * 1000
        return record.encode(
            record.Record(self.name, self._boot, seq, uptime_ms, int(wall_s), kind, body), self._tag
        )
