"""Writing a slot with the power cut at every operation on the flash, clean and torn: what boots is
the old application or the new one."""

import contextlib
import io
import sys
import types
from pathlib import Path

import pytest

from workbench import romfs
from workbench.errors import ApplicationError, DeviceError, VerifyError
from workbench.slots import SLOTS, Slots

ROOT = Path(__file__).resolve().parents[2]
BOOT = compile((ROOT / "firmware/boot.py").read_text(), "boot.py", "exec")
BLOCK = 4096
SIZE = 8 * BLOCK
OLD = {"vcu/app.mpy": b"old" * 500}
NEW = {"vcu/app.mpy": b"new" * 3_000, "vcu/more.mpy": b"more" * 100}


class PowerCut(BaseException):
    pass


class Flash(types.ModuleType):
    """The module `vfs` of a board with such a partition. Power goes at operation `cut`; torn: in
    its middle. Misuse raises."""

    def __init__(self, memory: bytes = b"\xff" * SIZE, cut: int = -1, torn: bool = False) -> None:
        super().__init__("vfs")
        self.memory = bytearray(memory)
        self.operations = 0
        self.mounted: list[bytes] = []
        self._cut, self._torn = cut, torn
        self.VfsRom = bytes

    def rom_ioctl(self, request: int, partition: int, *arguments: object) -> object:
        assert partition == 0
        if request == 2:
            return memoryview(self.memory)
        if request == 6:
            return BLOCK
        if request == 3:
            begin, size = arguments
            assert isinstance(begin, int) and isinstance(size, int)
            assert begin % BLOCK == size % BLOCK == 0 and size > 0 and begin + size <= SIZE
            for at in range(begin, begin + size, BLOCK):
                self._do(at, b"\xff" * BLOCK)
            return 4
        assert request == 4, request
        begin, data = arguments
        assert isinstance(begin, int) and isinstance(data, bytes) and len(data) % 32 == 0
        assert set(self.memory[begin : begin + len(data)]) == {0xFF}, "written without erasing"
        self._do(begin, data)
        return 0

    def _do(self, begin: int, data: bytes) -> None:
        last = self.operations == self._cut
        self.operations += 1
        size = (len(data) // 2 if self._torn else 0) if last else len(data)
        self.memory[begin : begin + size] = data[:size]
        if last:
            raise PowerCut

    def umount(self, path: str) -> None:
        raise OSError(22)

    def mount(self, slot: bytes, path: str) -> None:
        self.mounted.append(slot)


class Board:
    """Stands for RawRepl: runs the tools' code here, with the board's modules."""

    port = "a board on paper"

    def __init__(self, flash: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "vfs", flash)
        self._names: dict[str, object] = {}

    def exec(self, code: str, *, timeout_s: float | None = None) -> bytes:
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                exec(code, self._names)
        except Exception as error:
            raise DeviceError(f"{type(error).__name__}: {error}") from error
        return said.getvalue().encode()


def boots(memory: bytes, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes] | None:
    """The files that boot.py mounts, None where it finds no application."""
    flash = Flash(memory)
    monkeypatch.setitem(sys.modules, "vfs", flash)
    monkeypatch.setattr(sys, "path", [""])
    exec(BOOT, {"__name__": "__main__"})
    if not flash.mounted:
        return None
    seal = romfs.read_seal(flash.mounted[0])
    return romfs.read_files(flash.mounted[0][: seal.image_bytes])


def write(flash: Flash, number: int, image: bytes, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    steps: list[int] = []
    Slots(Board(flash, monkeypatch), streams=False).write(number, image, steps.append)  # type: ignore[arg-type]
    return steps


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The old application in slot 0, and a still older one in slot 1."""
    flash = Flash()
    write(flash, 1, romfs.build({"vcu/app.mpy": b"older" * 2_000}, 3), monkeypatch)
    write(flash, 0, romfs.build(OLD, 4), monkeypatch)
    return bytes(flash.memory)


@pytest.mark.parametrize("torn", [False, True])
def test_a_cut_at_every_operation(
    held: bytes, monkeypatch: pytest.MonkeyPatch, torn: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    image = romfs.build(NEW, 5)
    whole = Flash(held)
    write(whole, 1, image, monkeypatch)
    assert boots(bytes(whole.memory), monkeypatch) == NEW
    assert whole.operations >= 8
    for cut in range(whole.operations):
        flash = Flash(held, cut, torn)
        with pytest.raises(PowerCut):
            write(flash, 1, image, monkeypatch)
        assert boots(bytes(flash.memory), monkeypatch) == OLD, cut
        # And the same command finishes the job.
        again = Flash(bytes(flash.memory))
        write(again, 1, image, monkeypatch)
        assert boots(bytes(again.memory), monkeypatch) == NEW, cut


def test_the_slot_that_runs_is_not_touched(held: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    flash = Flash(held)
    write(flash, 1, romfs.build(NEW, 5), monkeypatch)
    assert flash.memory[: SIZE // 2] == held[: SIZE // 2]


def test_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    image = romfs.build(NEW, 5)
    steps = write(Flash(), 0, image, monkeypatch)
    assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == len(image) - BLOCK


def test_what_is_there_is_not_written_again(held: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    image = romfs.build(NEW, 5)
    flash = Flash(held)
    write(flash, 1, image, monkeypatch)
    before = flash.operations
    write(flash, 1, image, monkeypatch)
    # The seal goes and comes again, in one block.
    assert flash.operations - before == 4 and boots(bytes(flash.memory), monkeypatch) == NEW


def test_knows_what_lies_in_the_slots(held: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    slots = Slots(Board(Flash(held), monkeypatch))  # type: ignore[arg-type]
    sequences = [seal.sequence if (seal := slots.sealed(number)) else None for number in SLOTS]
    assert sequences == [4, 3]
    damaged = bytearray(held)
    damaged[70] ^= 1
    slots = Slots(Board(Flash(bytes(damaged)), monkeypatch))  # type: ignore[arg-type]
    assert slots.sealed(0) is None and slots.sealed(1) is not None


def test_flash_that_keeps_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Worn(Flash):
        def _do(self, begin: int, data: bytes) -> None:
            super()._do(begin, data)
            if begin <= self.worn < begin + len(data) and set(data) != {0xFF}:
                self.memory[self.worn] ^= 1

    for place in (70, BLOCK + 70):  # in the first block, in the others
        flash = Worn()
        flash.worn = place
        with pytest.raises(VerifyError):
            write(flash, 0, romfs.build(NEW, 5), monkeypatch)


def test_refuses_boards_without_a_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ApplicationError, match="no ROMFS partition"):
        Slots(Board(types.ModuleType("vfs"), monkeypatch))  # type: ignore[arg-type]
    with pytest.raises(ApplicationError, match="of 4096 bytes"):
        Slots(Board(Flash(bytes(BLOCK)), monkeypatch))  # type: ignore[arg-type]
    with pytest.raises(ApplicationError, match="do not fit"):
        write(Flash(), 0, romfs.build({"a": bytes(SIZE // 2)}, 0), monkeypatch)


def test_flash_that_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refuses(Flash):
        def rom_ioctl(self, request: int, partition: int, *arguments: object) -> object:
            return -22 if request == 4 else super().rom_ioctl(request, partition, *arguments)

    with pytest.raises(DeviceError, match="22"):
        write(Refuses(), 0, romfs.build(NEW, 5), monkeypatch)
