"""Who may replace the application, with what, and when: everything else is refused, the old one
goes on, and an UPDATE record says why."""

import sys
from types import SimpleNamespace

import pytest
import update_bundle
from partition import SLOT, Partition
from signer import OWNER, by_owner
from update_bundle import FLOOR, NEW, NUMBER, OLD, image, made, signed, trust
from update_stand import Stand
from vcu.update import seals, trial
from vcu_bench import Bench, identity

from protocol import command, lock, record, refusal, release, update
from workbench.release import signing

BEGUN, ON_TRIAL, CONFIRMED = update.BEGUN, update.ON_TRIAL, update.CONFIRMED


@pytest.fixture(scope="module")
def good():
    return signed(made())


@pytest.fixture
def board(monkeypatch, tmp_path):
    """The old application runs from slot 1; in slot 0 lies one that is older still."""
    flash = Partition()
    monkeypatch.setitem(sys.modules, "vfs", flash)
    monkeypatch.delitem(sys.modules, "vcu.update.rom_slots", raising=False)
    flash.put(0, image({"vcu/a.mpy": "older"}, 3))
    flash.put(1, image(OLD, 4))
    (tmp_path / "release").write_bytes(trust())
    flash.folder = f"{tmp_path}/"
    yield flash
    monkeypatch.delitem(sys.modules, "vcu.update.rom_slots", raising=False)


def start(flash):
    from vcu.update.rom_slots import RomSlots

    slot, files = flash.boot(flash.folder)
    return Stand(flash.folder, RomSlots(slot)), files


def old_goes_on(flash):
    slot, files = flash.boot(flash.folder)
    return slot == 1 and files == OLD


def test_from_the_first_byte_to_the_confirmation(board, good):
    stand, files = start(board)
    assert files == OLD and stand.install(good.data, good.digest) == update.DONE
    assert stand.resets() and stand.updates.holds()
    assert stand.vehicle.told == [(BEGUN, 0, NUMBER)]

    stand, files = start(board)
    assert files == NEW and stand.vehicle.told == [(ON_TRIAL, 0, NUMBER)]
    assert stand.updates.holds() and stand.kept.trial[:2] == (NUMBER, good.digest)
    stand.seconds(9)
    assert stand.updates.holds() and stand.kept.floor == 0
    stand.seconds(2)
    assert not stand.updates.holds() and stand.vehicle.told[1:] == [(CONFIRMED, 0, NUMBER)]
    assert (stand.kept.floor, trial.read(board.folder)) == (FLOOR, None)

    stand, files = start(board)
    assert files == NEW and stand.vehicle.told == []
    older = signed(made(number=FLOOR - 1, floor=0))
    assert stand.install(older.data, older.digest) == update.OLDER
    lowest = signed(made(OLD, number=FLOOR, floor=0))
    assert stand.install(lowest.data, lowest.digest) == update.DONE
    stand, files = start(board)
    stand.seconds(11)
    assert files == OLD and stand.kept.floor == FLOOR, "a floor never goes down"


def forged(bundle, at):
    data = bytearray(bundle.data)
    data[at] ^= 1
    return bytes(data)


def signature_end(bundle, number):
    head = 8 + 3 + len(bundle.head.raw) + 1
    return head + (number + 1) * release.SIGNATURE_BYTES - 1


def foreign(_good):
    key = update_bundle.keys.make_key()
    return signing.sign(signed(made(), 0), key).data


def twice(good):
    """The same key in both places."""
    begin = signature_end(good, -1) + 1
    data, size = good.data, release.SIGNATURE_BYTES
    return data[: begin + size] + data[begin : begin + size] + data[begin + 2 * size :]


FORGERIES = {
    "nobody signed": (lambda good: made().data, update.SIGNATURE),
    "one signed": (lambda good: signed(made(), 0).data, update.SIGNATURE),
    "one signed twice": (twice, update.MALFORMED),
    "a key that is not believed": (foreign, update.SIGNATURE),
    "first signature": (lambda good: forged(good, signature_end(good, 0)), update.SIGNATURE),
    "second signature": (lambda good: forged(good, signature_end(good, 1)), update.SIGNATURE),
    "manifest": (lambda good: forged(good, 40), update.DIGEST),
    "magic": (lambda good: forged(good, 0), update.MALFORMED),
    "first byte of the content": (lambda g: forged(g, len(g.head_bytes)), update.HASH),
    "a byte of the seal": (lambda g: forged(g, len(g.head_bytes) + 30), update.HASH),
    "last byte of the content": (lambda g: forged(g, len(g.data) - 1), update.HASH),
    "cut short": (lambda good: good.data[:-2], update.SPACE),
    "longer": (lambda good: good.data + b"xx", update.SPACE),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_is_refused_and_the_old_one_goes_on(board, good, forgery):
    make, code = FORGERIES[forgery]
    stand, _ = start(board)
    assert stand.install(make(good), good.digest) == code
    assert stand.vehicle.told[-1][:2] == (update.REFUSED, code)
    assert old_goes_on(board) and not stand.updates.holds()
    assert stand.updates.activate(stand.now_ms) == code, "nothing to activate"
    # And what is right is taken by the same start.
    assert stand.install(good.data, good.digest) == update.DONE


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"board": "arduino-portenta-h7"}, update.BOARD),
        ({"form": release.FOLDERS}, update.BOARD),
        ({"files": {"vcu/large.mpy": "x" * SLOT}}, update.SPACE),
    ],
)
def test_a_release_for_something_else_writes_nothing(board, changes, code):
    other = signed(made(**changes))
    stand, _ = start(board)
    assert stand.install(other.data, other.digest) == code
    assert board.writes == 0 and old_goes_on(board)


def test_another_release_than_the_one_that_was_allowed(board, good):
    other = signed(made(number=NUMBER + 1))
    stand, _ = start(board)
    assert stand.install(other.data, good.digest) == update.DIGEST
    assert board.writes == 0


def test_nothing_is_erased_before_the_signatures_hold(board, good):
    stand, _ = start(board)
    stand.updates.allow(good.digest, stand.now_ms)
    stand.updates.begin(len(good.data), stand.now_ms)
    assert stand.send(good.data[: len(good.head_bytes)]) == 0 and board.writes == 0
    assert stand.send(good.data, len(good.head_bytes)) == 0 and board.writes > 0


def test_flash_that_does_not_take_it(board, good):
    board.fails_at = 4_096
    stand, _ = start(board)
    assert stand.install(good.data, good.digest) == update.FLASH
    assert old_goes_on(board)


def test_a_seal_that_flash_does_not_take_leaves_no_trial(board, good):
    stand, _ = start(board)
    stand.updates.allow(good.digest, stand.now_ms)
    stand.updates.begin(len(good.data), stand.now_ms)
    stand.send(good.data)
    board.fails_at = 0
    assert stand.updates.activate(stand.now_ms) == update.FLASH
    board.fails_at = 2 * SLOT
    assert old_goes_on(board) and trial.read(board.folder) is None
    stand, _ = start(board)
    assert stand.vehicle.told == [] and stand.install(good.data, good.digest) == update.DONE


def test_what_is_swapped_after_the_check_is_not_run(board, good):
    stand, _ = start(board)
    assert stand.install(good.data, good.digest) == update.DONE
    for at in (70, 3_000, len(good.content) - 1):
        board.memory[at] ^= 1
        assert old_goes_on(board), at
        board.memory[at] ^= 1
    board.memory[3_000] ^= 1
    stand, _ = start(board)
    assert stand.vehicle.told == [] and not stand.updates.holds()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda v: setattr(v, "lock", lock.READY), update.MOVING),
        (lambda v: setattr(v, "still", False), update.MOVING),
        (lambda v: setattr(v, "soc", None), update.BATTERY),
        (lambda v: setattr(v, "soc", 299), update.BATTERY),
    ],
)
def test_a_vehicle_that_is_not_fit_for_it(board, good, spoil, code):
    stand, _ = start(board)
    spoil(stand.vehicle)
    assert stand.install(good.data, good.digest) == code
    assert board.writes == 0


@pytest.mark.parametrize("spoil", [("lock", lock.DRIVE), ("still", False)])
def test_whoever_rides_off_ends_it(board, good, spoil):
    half = len(good.data) // 2
    for during_work in (False, True):
        stand, _ = start(board)
        stand.updates.allow(good.digest, stand.now_ms)
        stand.updates.begin(len(good.data), stand.now_ms)
        stand.send(good.data[:half])
        if during_work:
            stand.updates.take(good.data[half : half + 500], stand.now_ms)
        writes = board.writes
        setattr(stand.vehicle, *spoil)
        stand.work()
        stand.updates.take(good.data[half : half + 500], stand.now_ms)
        assert stand.updates.outcome == update.MOVING and board.writes == writes
    assert old_goes_on(board)


def test_it_is_allowed_for_a_quarter_of_an_hour(board, good):
    stand, _ = start(board)
    size = len(good.data)
    assert stand.updates.begin(size, stand.now_ms) == update.NOT_ALLOWED
    stand.updates.allow(good.digest, stand.now_ms)
    assert stand.updates.begin(size, stand.now_ms + 900_000) == update.NOT_ALLOWED
    assert stand.updates.begin(size, stand.now_ms + 899_999) == update.DONE
    stand.send(good.data)
    assert stand.updates.outcome == update.DONE
    assert stand.updates.activate(stand.now_ms + 900_000) == update.NOT_ALLOWED
    assert trial.read(board.folder) is None
    assert start(board)[0].updates.begin(size, 5_000) == update.NOT_ALLOWED, "not over a restart"


@pytest.mark.parametrize("file", [None, b"", b"x" * 2_000, trust()[:-1]])
def test_a_vehicle_that_believes_nobody(board, good, file, tmp_path):
    (tmp_path / "release").unlink()
    if file is not None:
        (tmp_path / "release").write_bytes(file)
    stand, _ = start(board)
    assert stand.install(good.data, good.digest) == update.KEYS


def test_a_board_whose_boot_py_knows_no_second_place(board, good):
    stand = Stand(board.folder, None)
    assert stand.install(good.data, good.digest) == update.NO_SLOT


def test_numbers_that_cannot_be_read_end_installations(board, good, tmp_path):
    stand, _ = start(board)
    assert stand.install(good.data, good.digest) == update.DONE
    for name in ("software.a", "software.b"):
        (tmp_path / name).write_bytes(b"damaged")
    for _ in range(trial.STARTS):
        stand, files = start(board)
        assert files == NEW and not stand.kept.is_readable
    stand, files = start(board)
    assert files == OLD and stand.install(good.data, good.digest) == update.FLASH


def test_what_broke_off_goes_on(board, good):
    stand, _ = start(board)
    size = len(good.data)
    stand.updates.allow(good.digest, stand.now_ms)
    stand.updates.begin(size, stand.now_ms)
    stand.send(good.data[:3_000])
    assert stand.updates.begin(size, stand.now_ms) == update.DONE
    assert stand.updates.offset == 3_000
    assert stand.send(good.data, stand.updates.offset, 4_000) == update.DONE
    assert stand.updates.outcome == update.DONE
    # Another release, or another size: from the first byte.
    stand.updates.begin(size, stand.now_ms)
    stand.send(good.data[:3_000])
    assert stand.updates.begin(size + 2, stand.now_ms) == update.DONE
    assert stand.updates.offset == 0


def test_pieces_of_any_size_make_the_same(board, good):
    for chunk in (1, 63, 4_093):
        stand, _ = start(board)
        stand.updates.allow(good.digest, stand.now_ms)
        assert stand.updates.begin(len(good.data), stand.now_ms) == update.DONE
        assert stand.send(good.data, 0, chunk) == update.DONE
        assert stand.updates.finish(stand.now_ms) == stand.updates.outcome == update.DONE


def test_an_end_before_the_end(board, good):
    stand, _ = start(board)
    stand.updates.allow(good.digest, stand.now_ms)
    stand.updates.begin(len(good.data), stand.now_ms)
    stand.send(good.data[:-700])
    assert stand.updates.finish(stand.now_ms) == update.MALFORMED
    assert stand.updates.activate(stand.now_ms) == update.MALFORMED and old_goes_on(board)


def test_three_starts_without_confirmation_and_the_old_one_is_back(board, good, tmp_path):
    stand, _ = start(board)
    stand.install(good.data, good.digest)
    (tmp_path / "crashes").write_bytes(b"\x03\xfc")
    for _ in range(trial.STARTS):
        stand, files = start(board)
        assert files == NEW and stand.updates.holds()
    stand, files = start(board)
    assert files == OLD and not stand.updates.holds()
    assert stand.vehicle.told == [(update.ROLLED_BACK, update.SELF_TEST, NUMBER)]
    assert (tmp_path / "crashes").read_bytes() == b"\x00\xff", "those of the other software"
    assert stand.kept.floor == 0
    stand, files = start(board)
    assert files == OLD and stand.vehicle.told == []
    assert stand.install(good.data, good.digest) == update.TRIALS
    after = signed(made(number=NUMBER + 1))
    assert stand.install(after.data, after.digest) == update.DONE


def test_a_tool_that_holds_the_application_back_costs_no_start(board, good, tmp_path):
    stand, _ = start(board)
    stand.install(good.data, good.digest)
    (tmp_path / "stay").touch()
    for _ in range(5):
        assert board.boot(board.folder)[1] == NEW
    assert trial.read(board.folder)[1] == trial.STARTS


@pytest.mark.parametrize("damage", [b"", b"\x00" * 10, b"x" * 11])
def test_a_damaged_count_ends_the_trial(board, good, tmp_path, damage):
    stand, _ = start(board)
    stand.install(good.data, good.digest)
    (tmp_path / "trial").write_bytes(damage)
    stand, files = start(board)
    assert files == OLD and stand.vehicle.told[0][0] == update.ROLLED_BACK


def test_what_does_not_pass_its_self_test_is_reset_where_it_stands(board, good):
    stand, _ = start(board)
    stand.install(good.data, good.digest)
    stand, _ = start(board)
    stand.vehicle.journal_failed = True
    stand.seconds(59)
    assert not stand.resets() and stand.updates.holds()
    stand.seconds(1)
    assert stand.resets()
    stand.vehicle.still = False
    assert not stand.resets(), "never under a rider"


def test_a_person_may_end_a_trial(board, good):
    stand, _ = start(board)
    assert stand.updates.roll_back(stand.now_ms) == update.TRIALS, "nothing to go back from"
    stand.install(good.data, good.digest)
    stand, _ = start(board)
    assert stand.updates.roll_back(stand.now_ms) == update.DONE and stand.resets()
    stand, files = start(board)
    assert files == OLD and stand.vehicle.told[0][0] == update.ROLLED_BACK


def test_an_application_that_came_by_cable_meanwhile(board, good):
    """It is another one than was on trial: it runs, and nobody counts its starts."""
    stand, _ = start(board)
    stand.install(good.data, good.digest)
    board.memory[SLOT:] = b"\xff" * SLOT
    cable = {"vcu/app.mpy": "by cable"}
    board.put(1, image(cable, 9))
    for _ in range(5):
        _, files = start(board)
        assert files == cable
    assert trial.read(board.folder) is None


MAIN = compile((update_bundle.ROOT / "firmware/main.py").read_text(), "main.py", "exec")


@pytest.mark.parametrize("on_trial", [True, False])
def test_an_application_that_does_not_even_begin(monkeypatch, tmp_path, on_trial):
    """On trial it is reset, so that boot.py counts; else the REPL comes, for a tool."""

    class Reset(BaseException):
        pass

    def reset():
        raise Reset

    for name, module in {
        "machine": SimpleNamespace(reset=reset),
        "time": SimpleNamespace(sleep=lambda seconds: None),
        "gc": SimpleNamespace(threshold=lambda size: None),
        "vcu": None,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.chdir(tmp_path)
    if on_trial:
        (tmp_path / "trial").touch()
    with pytest.raises(Reset if on_trial else ImportError):
        exec(MAIN, {"slot": 0})
    exec(MAIN, {"slot": None})
    (tmp_path / "stay").touch()
    exec(MAIN, {"slot": 0})
    assert not (tmp_path / "stay").exists()


# --- the whole vehicle ---


def vehicle(flash, monkeypatch):
    from vcu.update.rom_slots import RomSlots

    slot, files = flash.boot(flash.folder)
    monkeypatch.setattr("board_fakes.FakeBoard.slots", lambda self: RomSlots(slot), raising=False)
    bench = Bench(flash.folder)
    bench.run(3_000)
    return bench, files


def test_the_whole_vehicle_takes_it_and_nobody_rides_on_a_trial(board, good, tmp_path, monkeypatch):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    bench, _ = vehicle(board, monkeypatch)
    asked = by_owner(bench.gateway.challenges[-1][0], command.UPDATE, {0: good.digest})
    assert bench.present(asked) == (record.ANSWER, record.DONE)
    updates = bench.vcu.updates
    assert updates.begin(len(good.data), bench.now_ms) == update.DONE
    for at in range(0, len(good.data), 2_000):
        assert updates.take(good.data[at : at + 2_000], bench.now_ms) == update.DONE
        while updates.has_work():
            bench.turn()
    assert updates.outcome == update.DONE
    assert updates.activate(bench.now_ms) == update.DONE
    bench.run(1_000)
    assert updates.wants_reset(bench.now_ms)
    assert [body[0] for body in bench.kinds(record.UPDATE)] == [BEGUN]
    assert not bench.enabled() and sum(cycle.missed for cycle in bench.vcu.cycles) == 0

    bench, files = vehicle(board, monkeypatch)
    assert files == NEW
    asked = by_owner(bench.gateway.challenges[-1][0], command.UNLOCK)
    assert bench.present(asked) == (record.REFUSAL, refusal.STATE)
    bench.run(10_000)
    assert [body[0] for body in bench.kinds(record.UPDATE)] == [ON_TRIAL, CONFIRMED]
    asked = by_owner(bench.gateway.challenges[-1][0], command.UNLOCK)
    assert bench.present(asked) == (record.ANSWER, record.DONE)


def test_the_tool_and_the_vehicle_agree_on_seals(good):
    content = good.content
    at = seals.find(content[: seals.FIRST_BYTES])
    first = seals.renumbered(content[: seals.FIRST_BYTES], at, 77)
    assert first + content[seals.FIRST_BYTES :] == good.image(77)
    for number in range(seals.FIRST_BYTES):
        assert seals.find(content[:number]) == 0
