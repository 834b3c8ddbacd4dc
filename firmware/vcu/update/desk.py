"""The vehicle's software: how it is replaced, and whether the new one stays. Loaded when needed.

What is told is what UPDATE records say; codes are those of protocol.update.
"""

from protocol import lock, record, release, update
from protocol.errors import DecodeError

from vcu.flash import crashes, files
from vcu.update import seals, trial
from vcu.update.kept import NOBODY, Kept
from vcu.update.selfcheck import SelfCheck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vcu.update.transfer import Transfer

RELEASE_FILE = "release"
LEAST_SOC_PERMILLE = 300
_MOST_TRUST_BYTES = 1_024
_RESET_AFTER_MS = 500  # so that whoever asked gets its answer


class Desk:
    """Arguments as for Updates, which is `door`."""

    def __init__(self, vehicle: "Any", board: "Any", door: "Any") -> None:
        self._vehicle = vehicle
        self._door = door
        self._folder = board.folder
        self._find_slots = getattr(board, "slots", None) or _nowhere
        self._is_sound = getattr(board, "is_sound", None)
        self._kept = Kept(board.folder, vehicle.memory)
        self._now_ms = 0
        self._told = 0  # bits: what was told of the release that is allowed
        self._transfer: Transfer | None = None
        self._check: SelfCheck | None = None  # of an application on trial
        self._reset_at_ms: int | None = None

    # --- a start: what became of the last installation ---

    def start(self, now_ms: int) -> None:
        """Before anything else: begins a trial, or ends one that did not pass."""
        self._now_ms = now_ms
        note = trial.read(self._folder)
        if not self._kept.is_readable:
            return  # boot.py goes on counting, and ends a trial
        try:
            if self._kept.trial != NOBODY:
                self._judge(note)
            elif note is not None:
                trial.remove(self._folder)  # of an application that came by cable since
        except OSError:
            self._vehicle.outbox.journal_failed = True  # once more at the next start

    def _judge(self, note: "tuple[bytes, int] | None") -> None:
        slots = self._find_slots()
        runs = slots is not None and seals.name(slots.running()) == self._kept.trial[3]
        if not runs:
            self._give_up(slots, note is not None and note[1] < trial.STARTS)
        elif note is None or note[1] > trial.STARTS:
            self._confirm()  # power went in its middle
        else:
            self._check = SelfCheck(self._vehicle, self._is_sound, self._now_ms)
            self._tell_trial(update.ON_TRIAL, update.DONE)

    def _give_up(self, slots: "Any", was_tried: bool) -> None:
        # 1. The other slot is no application: whatever else is lost, it is not run again.
        if slots is not None:
            slots.clear()
        if was_tried:
            self._tell_trial(update.ROLLED_BACK, update.SELF_TEST)
        # 2. Nothing is on trial. Power goes before: all of this once more, and told twice.
        self._kept.end_trial(self._kept.trial[1] if was_tried else b"")
        # 3. What boot.py looks at. Power goes before: it names nothing that is there.
        trial.remove(self._folder)
        crashes.settled(self._folder)  # those of the other software

    # --- an installation ---

    @property
    def offset(self) -> int:
        return self._transfer.offset if self._transfer else 0

    @property
    def outcome(self) -> "int | None":
        return self._transfer.outcome if self._transfer else update.BUSY

    def allowed(self) -> None:
        """Somebody allowed a release, or the same one again."""
        self._told = 0

    def begin(self, size: int, now_ms: int) -> int:
        self._now_ms = now_ms
        code = self._obstacle(now_ms)
        if code:
            return code
        made = self._transfer
        if made and made.outcome is None:
            if (made.size, made.digest) == (size, self._door.allowed):
                return update.DONE
            made.end(update.DIGEST)
        self._transfer = None
        code = self._open(size)
        if code:
            self._tell_once(update.REFUSED, code, 0)
        return code

    def take(self, data: bytes, now_ms: int) -> int:
        self._now_ms = now_ms
        made = self._transfer
        if made is None or made.outcome is not None:
            return self.outcome or update.BUSY
        if made.has_work():
            return update.BUSY
        if made.offset + len(data) > made.size:
            return self._end(update.SPACE)
        if not self._is_safe():
            return self._end(update.MOVING)
        made.take(data)
        return update.DONE

    def finish(self, now_ms: int) -> int:
        self._now_ms = now_ms
        made = self._transfer
        if made and made.outcome is None:
            return self._end(update.MALFORMED) if made.offset < made.size else update.DONE
        return self.outcome or update.DONE

    def has_work(self) -> bool:
        return self._transfer is not None and self._transfer.has_work()

    def step(self, now_ms: int) -> None:
        made = self._transfer
        if made is None:
            return
        self._now_ms = now_ms
        if not self._is_safe():
            self._end(update.MOVING)  # flash may stop the processor for a while
            return
        made.step()
        if made.outcome:
            self._end(made.outcome)
        elif made.install.manifest:
            self._tell_once(update.BEGUN, update.DONE, made.install.manifest.number)

    def activate(self, now_ms: int) -> int:
        self._now_ms = now_ms
        made = self._transfer
        if made is None or made.outcome != update.DONE:
            return self.outcome or update.BUSY
        code = self._obstacle(now_ms)
        if code:
            return code
        if made.digest != self._door.allowed:
            return update.DIGEST
        self._transfer = None
        manifest, name = made.install.manifest, made.install.seal_name
        try:
            # 1. Power goes: nothing has that seal, so the next start forgets it.
            self._kept.begin_trial(manifest.number, made.digest, manifest.floor, name)
            # 2. Power goes: the same.
            trial.write(self._folder, name, trial.STARTS)
            # 3. Power goes before: the same. After: boot.py counts a start and runs it.
            made.slots.seal()
        except OSError:
            self._undo(made.slots)
            self._tell_once(update.REFUSED, update.FLASH, manifest.number)
            return update.FLASH
        self._reset_at_ms = now_ms + _RESET_AFTER_MS
        return update.DONE

    def roll_back(self, now_ms: int) -> int:
        if self._check is None:
            return update.TRIALS
        if not self._is_safe():
            return update.MOVING
        try:
            trial.write(self._folder, self._kept.trial[3], 0)
        except OSError:
            return update.FLASH
        self._reset_at_ms = now_ms + _RESET_AFTER_MS
        return update.DONE

    # --- beside it ---

    def tick(self, now_ms: int) -> None:
        self._now_ms = now_ms
        if self._check is None or self._reset_at_ms is not None:
            return
        passed = self._check.outcome(now_ms)
        if passed:
            self._confirm()
        elif passed is False:
            self._reset_at_ms = now_ms

    def holds(self) -> bool:
        return self._check is not None or self._reset_at_ms is not None

    def wants_reset(self, now_ms: int) -> bool:
        due_ms = self._reset_at_ms
        return due_ms is not None and now_ms >= due_ms and self._is_safe()

    def _confirm(self) -> None:
        try:
            # 1. boot.py runs it however often it starts. Power goes: the next start does the rest.
            trial.write(self._folder, self._kept.trial[3], trial.FOR_GOOD)
            # 2. Nothing below its floor may be installed. Power goes: as after the next.
            self._kept.confirm()
            # 3. boot.py has nothing to look at.
            trial.remove(self._folder)
        except OSError:
            return  # again in a second, or reset when its time is over
        self._check = None
        self._tell(update.CONFIRMED, update.DONE, self._kept.number, self._kept.digest)

    def _undo(self, slots: "Any") -> None:
        try:
            slots.clear()
            self._kept.end_trial(b"")
            trial.remove(self._folder)
        except OSError:
            pass  # the next start does it

    def _open(self, size: int) -> int:
        # Here and not above: it is needed a few times in a vehicle's life.
        from vcu.update.transfer import Transfer

        slots = self._find_slots()
        if slots is None:
            return update.NO_SLOT
        if not self._kept.is_readable:
            return update.FLASH
        try:
            file = files.read(self._folder + RELEASE_FILE, _MOST_TRUST_BYTES)
            trust = release.decode_trust(file or b"")
        except (OSError, DecodeError):
            return update.KEYS
        self._transfer = Transfer(trust, slots, self._kept.floor, self._door.allowed, size)
        return update.DONE

    def _obstacle(self, now_ms: int) -> int:
        if not self._door.is_allowed(now_ms):
            return update.NOT_ALLOWED
        if not self._is_safe():
            return update.MOVING
        pack = self._vehicle.signals.fresh("BMS_Pack", now_ms)
        if not pack or pack["Soc_permille"] < LEAST_SOC_PERMILLE:
            return update.BATTERY
        if self.holds() or self._kept.failed == self._door.allowed:
            return update.TRIALS
        return update.DONE

    def _is_safe(self) -> bool:
        drive = self._vehicle.drive
        return bool(drive.lock == lock.LOCKED and drive.is_still())

    def _end(self, code: int) -> int:
        made = self._transfer
        if made:
            made.end(code)
            manifest = made.install.manifest
            self._tell_once(update.REFUSED, code, manifest.number if manifest else 0)
        return code

    # --- records ---

    def _tell_once(self, stage: int, code: int, number: int) -> None:
        # Each once for each time that somebody allowed it: a bad bus fills no memory.
        bit = 1 << code
        if not self._told & bit:
            self._told |= bit
            self._tell(stage, code, number, self._door.allowed)

    def _tell_trial(self, stage: int, code: int) -> None:
        self._tell(stage, code, self._kept.trial[0], self._kept.trial[1])

    def _tell(self, stage: int, code: int, number: int, digest: bytes) -> None:
        body = {0: stage, 1: digest, 2: code, 3: number}
        self._vehicle.outbox.record(record.UPDATE, body, self._now_ms)


def _nowhere() -> None:
    return None
