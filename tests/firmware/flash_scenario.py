"""Every kind of durable write once, on either interpreter, and what has to be true after a restart.

`play` uses the flash as the vehicle does and notes what it was told is durable. `expected` says
what of it had been told when power went, `faults_found` starts the vehicle anew and compares.
"""

import os

from vcu.flash import crashes, files, segments
from vcu.flash.memory import Memory
from vcu.flash.state import State

from protocol import cbor, record

NOW_S = 1_893_456_000
KEY = bytes(range(100, 132))
MOST_FILES = 14
SEGMENT_BYTES = 200
BALLAST = "ballast"
FIELDS = (
    "generation",
    "time_floor",
    "owner",
    "revoked",
    "zone_mmps",
    "zone_until",
    "odometer_m",
    "last",
    "session",
    "codes",
)
# A new identity ends these.
OF_IDENTITY = tuple(name for name in FIELDS if name not in ("odometer_m", "last"))
BLANK = State(b"")
CHANGES = (
    ("generation", 3),
    ("odometer_m", 1_200),
    ("session", b"ride" * 16),
    ("revoked", [bytes([n]) * 16 for n in range(3)]),
    ("zone_mmps", 4_000),
    ("odometer_m", 1_900),
    ("codes", bytes(range(250)) * 4),
    ("owner", bytes(range(32))),
    ("zone_until", NOW_S + 60),
    ("revoked", [bytes([n]) * 16 for n in range(64)]),
    ("session", b""),
    ("time_floor", NOW_S),
    ("last", {0: 7, 255: 1 << 40}),
)


_clock = [NOW_S]


def now():
    """Every start of the vehicle is a second later."""
    _clock[0] += 1
    return _clock[0]


def identity(owner):
    return cbor.encode({0: 1, 1: "tf-0001", 2: owner, 3: KEY, 4: NOW_S - 86_400})


def small_files():
    """So that a short scenario crosses the ends of many."""
    segments.SEGMENT_BYTES = SEGMENT_BYTES


class Trace:
    """What was attempted, and from when on it was said to be durable. `clock()` counts operations
    of the flash: [kind, what, begin, end]; end None: it was never said."""

    def __init__(self, clock):
        self.clock = clock
        self.acts = []
        self.skipped = []  # (begin, end): not worth a cut

    def begin(self, kind, what):
        self.acts.append([kind, what, self.clock(), None])

    def done(self, durable=True):
        if durable:
            self.acts[-1][3] = self.clock()


class Expected:
    """What may and what must be there, after `cut` operations of the flash."""

    def __init__(self, trace, cut):
        self.values = {name: [getattr(BLANK, name)] for name in FIELDS}  # what each may be
        self.values.update({"crashes": [0], "config": [None], "identity": [None]})
        self.records = {}  # name -> (record, must it be there, is it a sample)
        self.heard = set()
        self.tells = {}  # how many lost samples each record tells of
        self.stored = (0, 0)
        self.checks = set()  # boots of the checks themselves, which record something, too
        self.boots = set()  # which may have named a record
        self.refused = 0  # samples that were never made
        self.telling = 0  # what the LOST record tells that is the last thing that happened
        for kind, what, begin, end in trace.acts:
            if begin <= cut:
                self._take(kind, what, end is not None and end <= cut)

    def _take(self, kind, what, certain):
        self.telling = 0
        if kind == "value":
            name, value = what
            self.values[name] = [value] if certain else self.values[name] + [value]
        elif kind == "identity":
            self.values[kind] = [what] if certain else self.values[kind] + [what]
            if certain:
                self.values.update({name: [getattr(BLANK, name)] for name in OF_IDENTITY})
        elif kind == "boot" and certain:
            self.boots.add(what)
        elif kind == "heard":
            self.heard.add(what)
        elif kind == "stored":
            self.stored = max(self.stored, what)
        elif kind == "refused":
            self.refused += what
        elif kind == "record":
            name, data, sample, tells = what
            self.records[name] = (data, certain, sample)
            self.tells[name] = tells
            self.telling = tells


class Player:
    """The vehicle's side, with a gateway that listens when it is told to."""

    def __init__(self, trace):
        self.trace = trace
        self.memory = None
        self.now_ms = 0
        self._state = None

    def boot(self):
        self.value("crashes", crashes.count() + 1, crashes.begin)
        self.trace.begin("boot", 0)
        self.memory = Memory("", now, MOST_FILES)
        self._state = self.memory.provision.state
        self.trace.acts[-1][1] = self._state.boot
        self.trace.done()
        self.outbox = self.memory.outbox
        unsent = self.outbox.restore()
        self.record(record.BOOT, {0: "0", 1: 1, 2: 0, 3: self._state.boot - 1, 4: unsent})
        self.record(record.LOCK, {0: 0, 1: 0, 2: 0})

    def value(self, name, value, act):
        self.trace.begin("value", (name, value))
        self.trace.done(act())

    def change(self, name, value):
        before = getattr(self._state, name)
        setattr(self._state, name, value)
        self.trace.begin("value", (name, value))
        try:
            self.memory.store.save(self._state)
        except OSError:
            setattr(self._state, name, before)
            return
        self.trace.done()

    def record(self, kind, body, durable=None):
        """A record is traced with its bytes, which are made when it is kept."""
        self.now_ms += 1_000
        outbox = self.outbox
        outbox._keep = self._traced(outbox)
        taken = outbox.record(kind, body, self.now_ms, durable)
        if not taken and kind == record.TELEMETRY:
            self.trace.begin("refused", 1)
        return taken

    def _traced(self, outbox):
        keep = type(outbox)._keep

        def traced(kind, body, now_ms, for_flash):
            write = type(outbox)._write
            name = outbox._boot, outbox._seq

            def wrapped():
                data = outbox._waiting[-1][2]
                tells = body[0] if kind == record.LOST else 0
                self.trace.begin("record", (name, data, kind == record.TELEMETRY, tells))
                write(outbox)
                self.trace.done(not outbox.journal_failed)

            outbox._write = wrapped
            keep(outbox, kind, body, now_ms, for_flash)
            del outbox._write

        return traced

    def sample(self, count):
        for _ in range(count):
            self.record(record.TELEMETRY, {0: 5, 1: self.now_ms, 2: 52_000, 7: 0}, True)

    def fault(self, code):
        self.record(record.FAULT, {0: 2, 1: code, 2: True})

    def hear(self, count):
        """The gateway takes so many records, and says so every third time."""
        last = None
        for number in range(count):
            entry = self.outbox.next(self.now_ms)
            if entry is None:
                break
            self.outbox.sent(entry, self.now_ms)
            last = entry[:2]
            self.trace.begin("heard", last)
            if number % 3 == 2:
                self.say_stored(last)
                last = None
        if last:
            self.say_stored(last)

    def say_stored(self, name):
        self.trace.begin("stored", name)
        self.outbox.stored(name, self.now_ms)
        self.trace.done()

    def provision(self, owner):
        self.trace.begin("identity", identity(owner))
        try:
            files.write("identity", identity(owner))
        except OSError:
            return
        self.trace.done()


def play(trace, fill=None):
    """`fill(True)` makes the flash full, `fill(False)` undoes it."""
    player = Player(trace)
    player.provision(bytes(range(1, 33)))
    player.boot()
    player.sample(5)
    player.fault(1)
    player.hear(5)  # into the middle of a file
    for name, value in CHANGES[:7]:
        player.change(name, value)
    player.value("config", b"config" * 90, lambda: _save_config(player, b"config" * 90))
    player.hear(60)  # everything: files go
    player.fault(2)
    player.value("crashes", 0, crashes.settled)
    player.boot()
    for name, value in CHANGES[7:]:
        player.change(name, value)
    player.value("config", b"other" * 200, lambda: _save_config(player, b"other" * 200))
    for _ in range(5):
        player.sample(7)  # more than there is room for: samples are given up
        player.fault(3)
    player.boot()
    player.hear(15)  # in pieces, with a mark
    player.sample(2)  # tells what was lost
    _on_full_flash(player, trace, fill, _crowd)
    player.hear(200)
    _on_full_flash(player, trace, fill, _fail)
    player.change("session", b"open")
    player.change("codes", b"again")
    player.provision(bytes(range(2, 34)))
    player.boot()
    player.hear(200)


def _on_full_flash(player, trace, fill, act):
    if fill:
        _skipped(trace, fill, True)
        act(player)
        _skipped(trace, fill, False)
        player.fault(30)  # and what could not be written before


def _skipped(trace, act, argument):
    begin = trace.clock()
    act(argument)
    trace.skipped.append((begin, trace.clock()))


def _crowd(player):
    """Events take the place of samples; what is small still finds its place, what is long not."""
    player.change("odometer_m", 5_000)
    player.change("revoked", [bytes([n]) * 16 for n in range(60)])
    for code in range(6):
        player.fault(10 + code)
        player.sample(1)
    player.boot()


def _fail(player):
    """No samples to give up: events go out from memory."""
    for code in range(3):
        player.fault(20 + code)


def _save_config(player, data):
    # As the workbench writes it: beside the old one, then in its place.
    try:
        with open("config.new", "wb") as file:
            file.write(data)
        os.rename("config.new", "config")
    except OSError:
        return False
    return True


def _config():
    try:
        with open("config", "rb") as file:
            return file.read()
    except OSError:
        return None


def faults_found(expected, failing=False):
    """Starts the vehicle on what is there. Returns what is wrong, in words; [] if nothing is.

    `failing`: flash said of something that it failed. Then lost samples may be told of again.
    """
    wrong = []
    _compare(wrong, "crashes", crashes.count(), expected.values["crashes"])
    memory = Memory("", now, MOST_FILES)
    if memory.damage() or crashes.is_damaged():
        wrong.append(f"damage {memory.damage()}")
    on_flash = files.read("identity", 512)
    _compare(wrong, "identity", on_flash, expected.values["identity"])
    if memory.provision.fault and on_flash:
        wrong.append(f"fault {memory.provision.fault}")
    if memory.provision.state.boot in expected.boots:
        wrong.append(f"boot {memory.provision.state.boot} names records twice")
    new = len(expected.values["identity"]) > 1 and on_flash == expected.values["identity"][-1]
    _compare_values(wrong, memory, expected, new)
    _compare_records(wrong, memory, expected, failing)
    expected.checks.add(memory.provision.state.boot)
    # It goes on as if nothing had been.
    if on_flash and not memory.outbox.record(record.LOCK, {0: 0, 1: 0, 2: 0}, 0):
        wrong.append("no record is taken")
    return wrong


def _compare(wrong, name, found, allowed):
    if found not in allowed:
        wrong.append(f"{name}: {found}")


def _compare_values(wrong, memory, expected, new):
    for name in FIELDS:
        ended = new and name in OF_IDENTITY
        allowed = [getattr(BLANK, name)] if ended else expected.values[name]
        _compare(wrong, name, getattr(memory.provision.state, name), allowed)
    _compare(wrong, "config", _config(), expected.values["config"])


def _compare_records(wrong, memory, expected, failing):
    found = _left(wrong, memory.outbox._journal)
    told = memory.outbox._journal.lost
    missing = uncertain = 0
    for name in expected.records:
        data, certain, sample = expected.records[name]
        uncertain += sample and not certain
        if name in found or name in expected.heard:
            told += expected.tells[name]
        elif certain and sample:
            missing += 1
        elif certain and name > expected.stored:
            wrong.append(f"record {name} is gone")
        if found.get(name, data) != data:
            wrong.append(f"record {name} is another")
    for name in found:
        if name not in expected.records and name[0] not in expected.checks:
            wrong.append(f"record {name} was never made")
        if name[0] >= memory.provision.state.boot:
            wrong.append(f"record {name} is of a later boot")
    perhaps = expected.refused + uncertain + expected.telling
    if told < missing or (told > missing + perhaps and not failing):
        wrong.append(f"{missing} samples are gone, {told} are told of")


def _left(wrong, journal):
    found = {}
    last = (0, 0)
    head = journal.peek(last)
    while head is not None:
        if head[:2] <= last:
            wrong.append(f"order {head[:2]} after {last}")
            break
        last = head[:2]
        found[last] = head[2]
        head = journal.peek(last)
    return found
