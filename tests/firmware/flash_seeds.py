"""Faults that the tests of power cuts must find: each makes one durable write wrong."""

from vcu.flash import files, segments
from vcu.flash.journal import Journal, victim
from vcu.flash.pair import Pair
from vcu.flash.provision import Provision
from vcu.flash.segments import Segments
from vcu.flash.store import Store

_open_files = []


def one_copy_removed_first():
    write = Pair._write

    def replace(self, index, data):
        for letter in (".a", ".b"):
            files.remove(self._path + letter)
        write(self, index, data)

    Pair._write = replace


def boot_not_counted():
    def count(self, store, now_s):
        self.state.boot += 1

    Provision._count_boot = count


def forgotten_too_early():
    Segments._pass = lambda self, limit: True


def file_not_closed():
    class Kept:
        def __init__(self, path, mode):
            self._file = open(path, mode)  # noqa: SIM115

        def __enter__(self):
            _open_files.append(self._file)
            return self._file

        def __exit__(self, *error):
            pass

    def open_kept(path, mode):
        return Kept(path, mode) if mode == "ab" else open(path, mode)

    segments.open = open_kept


def counted_when_gone():
    def give_up(self):
        index = victim(self.samples.numbers)
        if index < 0:
            return False
        lost = self.samples.counts[index]
        self.samples.drop(index)
        self.lost += lost
        self._write_mark(self.lost, 0)
        return True

    Journal._give_up_samples = give_up


def rights_before_the_session():
    def save(self, changed):
        from vcu.flash import state

        self._save(self._rights, state.encode_rights(changed))
        self._save(self._life, state.encode_life(changed, self._rights.serial))
        self._save(self._codes, state.encode_codes(changed))
        self._save(self._ride, state.encode_ride(changed))

    Store.save = save


def named_before_it_is_whole():
    def write(path, data):
        files.remove(path)
        with open(path, "wb") as file:
            file.write(data)

    files.write = write


SEEDS = {
    "one copy, removed first": one_copy_removed_first,
    "boot not counted": boot_not_counted,
    "forgotten too early": forgotten_too_early,
    "file not closed": file_not_closed,
    "counted when gone": counted_when_gone,
    "rights before the session": rights_before_the_session,
    "named before it is whole": named_before_it_is_whole,
}
