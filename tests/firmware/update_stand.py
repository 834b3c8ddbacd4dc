"""A vehicle as its software's updates see it, and a board with two slots; for both interpreters."""

from vcu.flash.files import Damage
from vcu.update.updates import Updates

from protocol import lock, record, update

NOW_MS = 5_000
CHUNK = 700  # of a bundle, in one message


class Vehicle:
    """Locked, standing, charged and well, unless told otherwise."""

    def __init__(self):
        self.lock = lock.LOCKED
        self.still = True
        self.soc = 800
        self.off = False
        self.journal_failed = False
        self.missed = 0
        self.told = []
        self.damage = Damage()
        self.memory = self.damage
        self.drive = self.signals = self.outbox = self.bus = self
        self.cycles = (self,)

    def is_still(self):
        return self.still

    def is_off(self):
        return self.off

    def fresh(self, name, now_ms):
        if name != "BMS_Pack":
            raise ValueError(name)
        return None if self.soc is None else {"Soc_permille": self.soc}

    def record(self, kind, body, now_ms):
        if kind != record.UPDATE or sorted(body) != [0, 1, 2, 3]:
            raise ValueError(kind)
        self.told.append((body[0], body[2], body[3]))
        return True


class Board:
    def __init__(self, folder, slots, is_sound=None):
        self.folder = folder
        self.slots = lambda: slots
        self.is_sound = is_sound


class Stand:
    """One start of the vehicle."""

    def __init__(self, folder, slots, is_sound=None):
        self.vehicle = Vehicle()
        self.updates = Updates(self.vehicle, Board(folder, slots, is_sound))
        self.now_ms = NOW_MS
        self.updates.start(self.now_ms)

    @property
    def kept(self):
        return self.updates.open(self.now_ms)._kept

    def send(self, data, begin=0, chunk=CHUNK):
        """All of it from there on; the code that ended it, or 0."""
        for at in range(begin, len(data), chunk):
            code = self.updates.take(data[at : at + chunk], self.now_ms)
            if code:
                return code
            self.work()
            if self.updates.outcome:
                return self.updates.outcome
        return update.DONE

    def work(self):
        while self.updates.has_work():
            self.now_ms += 1
            self.updates.step(self.now_ms)

    def install(self, data, digest):
        """Everything up to the reset; 0 or the code that ended it."""
        self.updates.allow(digest, self.now_ms)
        code = self.updates.begin(len(data), self.now_ms) or self.send(data)
        code = code or self.updates.finish(self.now_ms)
        self.work()
        return code or self.updates.outcome or self.updates.activate(self.now_ms)

    def seconds(self, count):
        for _ in range(count):
            self.now_ms += 1_000
            self.updates.tick(self.now_ms)

    def resets(self):
        return self.updates.wants_reset(self.now_ms + 500)
