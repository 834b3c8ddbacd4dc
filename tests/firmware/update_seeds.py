"""Faults in the order of writes of an installation, that the power cuts must find. MicroPython."""

from vcu.update import desk, trial
from vcu.update.rom_slots import RomSlots


def sealed_before_it_is_on_trial():
    write = trial.write

    def late(folder, name, left):
        _late.append((folder, name, left))

    seal = RomSlots.seal

    def sealed(slots):
        seal(slots)
        write(*_late.pop())

    _late = []
    trial.write = late
    RomSlots.seal = sealed


def seal_not_kept_back():
    take = RomSlots.take

    def at_once(slots, data):
        first = not slots._at
        yield from take(slots, data)
        if first:
            kept = slots._first
            slots.prepare()
            slots._write(slots._begin, slots._first)
            slots._first = kept

    RomSlots.take = at_once
    RomSlots.seal = lambda slots: None


def confirmed_before_boot_knows():
    def confirm(self):
        self._kept.confirm()
        trial.remove(self._folder)
        self._check = None

    # At its last start: boot.py would go back to what is below the floor.
    trial.STARTS = 1
    desk.Desk._confirm = confirm


def failed_one_not_cleared():
    RomSlots.clear = lambda slots: None


SEEDS = {
    "sealed before it is on trial": sealed_before_it_is_on_trial,
    "seal not kept back": seal_not_kept_back,
    "confirmed before boot knows": confirmed_before_boot_knows,
    "failed one not cleared": failed_one_not_cleared,
}
