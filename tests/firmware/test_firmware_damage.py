"""Every file of the flash cut short and flipped, one at a time: named, survived, and no more is
lost than the file said."""

import shutil

import pytest
from flash_scenario import MOST_FILES, NOW_S, SEGMENT_BYTES, Player, Trace
from vcu.flash import crashes, pair, segments
from vcu.flash.memory import Memory
from vcu.flash.provision import NO_FAULT, NO_IDENTITY

from protocol import record
from protocol.errors import DecodeError

STEP = 11  # bytes; the tests of each kind of file do every one
PAIRS = ("rights", "life", "ride", "codes")


@pytest.fixture
def flash(tmp_path, monkeypatch):
    """A vehicle's files in the middle of its life."""
    folder = tmp_path / "flash"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(segments, "SEGMENT_BYTES", SEGMENT_BYTES)
    player = Player(Trace(lambda: 0))
    player.provision(bytes(range(1, 33)))
    player.boot()
    for name, value in (("session", b"ride"), ("codes", b"c" * 40), ("revoked", [bytes(16)])):
        player.change(name, value)
    for _ in range(4):
        player.sample(5)
        player.fault(1)
    player.hear(20)
    return folder


def files_of(flash):
    return sorted(path.relative_to(flash) for path in flash.rglob("*") if path.is_file())


def start():
    """(memory, its records) of a start on the files of the current folder."""
    memory = Memory("", lambda: NOW_S, MOST_FILES)
    kept = []
    head = memory.outbox._journal.peek((0, 0))
    while head is not None:
        kept.append(head)
        head = memory.outbox._journal.peek(head[:2])
    return memory, kept


def damaged(whole):
    """(content, is it cut) in every way."""
    for at in [*range(0, len(whole), STEP), len(whole) - 1]:
        yield whole[:at], True
        yield whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :], False


def test_there_are_files_of_every_kind(flash):
    names = {str(path).split("/")[0] for path in files_of(flash)}
    assert names == {"identity", "mark", "crashes", "events", "samples"} | {
        f"{name}.{letter}" for name in PAIRS for letter in "ab"
    }


def test_each_file_damaged(flash, tmp_path, monkeypatch):
    shutil.copytree(flash, tmp_path / "whole")
    monkeypatch.chdir(tmp_path / "whole")
    whole_memory, whole = start()
    assert whole_memory.damage() == {}
    before = vars(whole_memory.provision.state)
    count = 0
    for path in files_of(flash):
        for content, is_cut in damaged((flash / path).read_bytes()):
            with monkeypatch.context() as patch:
                copy = tmp_path / "copy"
                shutil.copytree(flash, copy)
                (copy / path).write_bytes(content)
                patch.chdir(copy)
                check(str(path), is_cut, before, whole)
                shutil.rmtree(copy)
            count += 1
    print(f"{count} damaged files")
    assert count > 250


def check(path, is_cut, before, whole):
    noted = crashes.is_damaged()
    memory, kept = start()
    name = path.split("/")[0]
    assert set(memory.damage()) <= {name}
    state = memory.provision.state
    if name == "identity":
        # Nobody is obeyed without one; one that still reads is another one, and says so.
        assert memory.provision.fault == NO_IDENTITY or memory.provision.vehicle
        return
    assert memory.provision.fault == NO_FAULT
    # Nothing is lost but records, of which each that is there is whole.
    for field in before:
        assert field == "boot" or getattr(state, field) == before[field], field
    assert state.boot == before["boot"]
    if name != "mark":
        assert set(kept) <= set(whole)
    if name in ("events", "samples"):
        # A cut between two records leaves a file that is whole, and a gap in the numbers.
        assert memory.damage() or is_cut
        lost = [item for item in whole if item not in kept]
        assert len(lost) <= 3
    elif name == "mark":
        # What was stored since that file began is sent again.
        assert memory.damage() == {"mark": 1} and kept[-len(whole) :] == whole
    elif name == "crashes":
        assert noted and crashes.count() == 0
    else:
        assert memory.damage() == {name: 1} and kept == whole
    assert memory.outbox.record(record.LOCK, {0: 0, 1: 0, 2: 0}, 0)


@pytest.mark.parametrize("missing", ["the check of a frame", "the hash of a pair"])
def test_a_check_that_is_missing_is_found(flash, tmp_path, monkeypatch, missing):
    """The test above can fail."""
    with monkeypatch.context() as patch:
        if missing == "the check of a frame":
            read = segments._read

            def unchecked(file):
                frame = read(file)
                if frame is None or frame[3] is not None:
                    return frame
                file.seek(14 - frame[0], 1)
                return *frame[:3], file.read(frame[0] - 14)

            patch.setattr(segments, "_read", unchecked)
        else:
            patch.setattr(pair, "_digest", lambda data: bytes(32))
        with pytest.raises((AssertionError, DecodeError, ValueError)):
            test_each_file_damaged(flash, tmp_path, patch)
