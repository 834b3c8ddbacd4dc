"""One-time codes on the bench, with real keys and real flash files: typed, checked, spent, refused.

The power is cut by an exception that nothing catches; the next bench starts from the same files.
"""

import itertools

import pytest
from panel_bench import PanelBench
from signer import (
    DAY_S,
    ISSUER_ID,
    OWNER,
    RIDER,
    RIDER_ID,
    STRANGER,
    by_booking,
    by_owner,
    by_rider,
)
from vcu.clock import to_moment
from vcu.codes import WAIT_MAX_MS, wait_ms
from vcu.deposits import decode_deposits
from vcu_bench import NOW_S, VEHICLE, identity

from protocol import codes, command, grant, lock, panel, presentation, record, refusal

DONE = (record.ANSWER, record.DONE)
WITH_CODES = grant.CODE_ACTIONS | 1 << (command.LOCK - 1)
DRAWN = b"salt of a phone!"
CODES = ("0123456789012345", "9999000011112222", "1111222233334444", "0000000000000000")
SALT = codes.salt_for(VEHICLE, RIDER.thumbprint, DRAWN)
HASHES = [codes.stretch(SALT, code.encode()) for code in CODES]
WRONG = "5555555555555555"


class PowerCutError(BaseException):
    """The supply fails: nothing goes on from here."""


def refused(code):
    return (record.REFUSAL, code)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    return f"{tmp_path}/"


def start(folder, **options):
    bench = PanelBench(folder, **options)
    bench.run(1_500)
    return bench


@pytest.fixture
def bench(folder):
    return start(folder)


def current(bench):
    bench.run(60)
    return bench.gateway.challenges[-1][0]


def deposit(bench, count=4, **changes):
    changes = {"actions": WITH_CODES, "codes": [DRAWN, *HASHES[:count]], **changes}
    asked = by_rider(current(bench), command.DEPOSIT_CODES, **changes)
    return bench.present(asked)


def enter(bench, code):
    """Type it and wait; (kind, refusal code or outcome) of the record that came of it, or None."""
    bench.run(400)
    seen = len(bench.gateway.records)
    bench.type(code)
    bench.settle()
    for made in bench.gateway.records[seen:]:
        if made.kind in (record.ANSWER, record.REFUSAL):
            return made.kind, made.body[3 if made.kind == record.ANSWER else 1]
    return None


def opens(bench, code):
    outcome = enter(bench, code)
    return outcome == DONE and bench.vcu.drive.lock == lock.READY


def stop_clock(bench, seconds):
    """From now on it is this second, for as long as a code takes to type."""
    moment = to_moment(seconds)
    bench.rtc.datetime = lambda changed=None: moment


def lapse(bench):
    bench.run(5_300)
    assert bench.vcu.drive.lock == lock.LOCKED


def kept(bench):
    return decode_deposits(bench.vcu.state.codes, OWNER.thumbprint)


# --- what a code opens ---


def test_a_code_opens_one_session_with_the_grants_limits(bench):
    assert deposit(bench, limits={grant.MAX_SPEED_MMPS: 5_000}) == DONE
    assert opens(bench, CODES[1])
    answer = bench.kinds(record.ANSWER)[-1]
    assert answer == {0: HASHES[1], 1: command.UNLOCK, 2: RIDER_ID, 3: record.DONE}
    assert bench.screen() == panel.TURN_KEY
    bench.inputs(1, 1, 1)
    bench.run(200)
    drive = bench.drives[-1][1]
    assert drive["Enable"] and drive["SpeedCap_mmps"] == 5_000
    assert bench.screen() == panel.GRANT_LIMIT
    assert kept(bench).items[0].hashes == [HASHES[0], *HASHES[2:]]


def test_a_code_opens_once(bench, folder):
    assert deposit(bench) == DONE
    assert opens(bench, CODES[0])
    lapse(bench)
    assert enter(bench, CODES[0]) == refused(refusal.CODE)
    assert bench.screen() == panel.CODE_WRONG
    again = start(folder)
    assert enter(again, CODES[0]) == refused(refusal.CODE)
    assert opens(again, CODES[2])


def test_a_grant_that_is_deposited_again_gives_no_code_back(bench):
    assert deposit(bench) == DONE
    assert opens(bench, CODES[0])
    lapse(bench)
    assert deposit(bench) == DONE
    assert enter(bench, CODES[0]) == refused(refusal.CODE)
    assert opens(bench, CODES[1])


def test_a_used_up_grant_is_remembered_until_it_ends(bench):
    assert deposit(bench, count=1) == DONE
    assert opens(bench, CODES[0])
    lapse(bench)
    assert deposit(bench, count=1) == DONE
    assert kept(bench).items[0].hashes == []
    assert enter(bench, CODES[0]) == refused(refusal.CODE)


def test_codes_of_several_grants(bench):
    other = codes.salt_for(VEHICLE, RIDER.thumbprint, b"another salt 001")
    mine = codes.stretch(other, WRONG.encode())
    assert deposit(bench) == DONE
    second = {"grant_id": b"2" * 16, "codes": [b"another salt 001", mine]}
    assert deposit(bench, **second) == DONE
    assert opens(bench, WRONG)
    assert bench.kinds(record.ANSWER)[-1][2] == b"2" * 16
    lapse(bench)
    assert opens(bench, CODES[3])


def test_the_clock_of_the_loop_goes_on_while_a_code_is_checked(bench):
    for number in range(4):
        assert deposit(bench, grant_id=bytes((number,)) * 16) == DONE
    before = [cycle.missed for cycle in bench.vcu.cycles]
    assert enter(bench, WRONG) == refused(refusal.CODE)
    assert [cycle.missed for cycle in bench.vcu.cycles] == before


# --- what it does not open ---


def test_codes_of_another_vehicle_or_holder_open_nothing(bench):
    elsewhere = codes.salt_for("tf-0002", RIDER.thumbprint, DRAWN)
    stolen = codes.salt_for(VEHICLE, STRANGER.thumbprint, DRAWN)
    for number, salt in enumerate((elsewhere, stolen)):
        copied = [DRAWN, codes.stretch(salt, CODES[0].encode())]
        assert deposit(bench, codes=copied, grant_id=bytes((number,)) * 16) == DONE
    assert enter(bench, CODES[0]) == refused(refusal.CODE)


def test_a_grant_for_another_vehicle_is_not_kept(bench):
    assert deposit(bench, vehicle="tf-0002") == refused(refusal.VEHICLE)
    assert bench.vcu.state.codes == b""


LATER = NOW_S + 1_800


@pytest.mark.parametrize(
    ("span", "at", "code"),
    [
        ((NOW_S - 60, LATER), LATER - 30, 0),
        ((NOW_S - 60, LATER), LATER, refusal.EXPIRED),
    ],
)
def test_a_code_ends_with_its_grant(bench, span, at, code):
    assert deposit(bench, not_before=span[0], not_after=span[1]) == DONE
    stop_clock(bench, at)
    assert enter(bench, CODES[0]) == (refused(code) if code else DONE)
    assert bench.screen() == (panel.REFUSED_ENDED if code else panel.TURN_KEY)
    if code:
        assert bench.kinds(record.REFUSAL)[-1] == {0: HASHES[0], 1: code, 2: 1, 3: 0}
        assert len(kept(bench).items[0].hashes) == 4


def test_a_clock_that_goes_back_is_too_early(bench):
    assert deposit(bench, not_before=NOW_S - 60) == DONE
    stop_clock(bench, NOW_S - 61)
    assert enter(bench, CODES[0]) == refused(refusal.NOT_YET)
    stop_clock(bench, NOW_S)
    assert opens(bench, CODES[0])


@pytest.mark.parametrize(("length", "outcome"), [(3_600, DONE), (3_601, refused(refusal.CLOCK))])
def test_an_uncertain_clock_takes_an_hour_at_most(bench, length, outcome):
    assert deposit(bench, not_before=NOW_S, not_after=NOW_S + length) == DONE
    bench.rtc.datetime((2000, 1, 1, 0, 0, 0, 0, 0))
    assert enter(bench, CODES[0]) == outcome


def test_an_uncertain_clock_takes_nothing_from_before_the_floor(bench):
    assert deposit(bench, not_before=NOW_S, not_after=NOW_S + 3_600) == DONE
    rise = by_owner(current(bench), command.RAISE_TIME, {0: NOW_S + 1})
    assert bench.present(rise) == DONE
    bench.rtc.datetime((2000, 1, 1, 0, 0, 0, 0, 0))
    assert enter(bench, CODES[0]) == refused(refusal.CLOCK)
    assert bench.screen() == panel.REFUSED_CLOCK


def test_a_raised_generation_ends_codes(bench):
    assert deposit(bench) == DONE
    rise = by_owner(current(bench), command.RAISE_GENERATION, {0: 1})
    assert bench.present(rise) == DONE
    assert enter(bench, CODES[0]) == refused(refusal.GENERATION)
    assert bench.screen() == panel.REFUSED_REVOKED


@pytest.mark.parametrize("revoked", [RIDER_ID, ISSUER_ID])
def test_a_revoked_grant_or_delegation_ends_codes(bench, revoked):
    wishes = {"actions": WITH_CODES, "codes": [DRAWN, *HASHES]}
    asked = by_booking(current(bench), command.DEPOSIT_CODES, **wishes)
    assert bench.present(asked) == DONE
    asked = by_owner(current(bench), command.REVOKE_GRANT, {0: revoked})
    assert bench.present(asked) == DONE
    assert enter(bench, CODES[0]) == refused(refusal.REVOKED)


def test_a_new_owner_owes_nobody_a_code(bench, folder):
    assert deposit(bench) == DONE
    asked = by_owner(current(bench), command.TRANSFER, {0: STRANGER.thumbprint})
    assert bench.present(asked) == DONE
    assert enter(bench, CODES[0]) == refused(refusal.CODE)
    assert enter(start(folder), CODES[1]) == refused(refusal.CODE)


def test_an_owner_who_comes_back_finds_no_codes_of_before(bench):
    assert deposit(bench) == DONE
    for signer, owner in ((OWNER, STRANGER), (STRANGER, OWNER)):
        asked = signer.command(current(bench), command.TRANSFER, {0: owner.thumbprint})
        asked = presentation.encode([], [signer.modulus], asked)
        assert bench.present(asked) == DONE
    assert enter(bench, CODES[0]) == refused(refusal.CODE)


def test_who_owns_the_vehicle_already_takes_no_codes_away(bench):
    assert deposit(bench) == DONE
    asked = by_owner(current(bench), command.TRANSFER, {0: OWNER.thumbprint})
    assert bench.present(asked) == DONE
    assert opens(bench, CODES[0])


def test_a_code_in_a_session_is_refused_and_not_spent(bench):
    assert deposit(bench) == DONE
    assert bench.present(by_owner(current(bench))) == DONE
    assert enter(bench, CODES[0]) == refused(refusal.STATE)
    assert bench.screen() == panel.REFUSED_STATE
    lapse(bench)
    assert opens(bench, CODES[0])


def test_unlocked_by_phone_while_the_code_is_checked(bench, monkeypatch):
    assert deposit(bench) == DONE
    bench.type(CODES[0])
    assert bench.vcu.hmi.codes.is_checking()
    bench.vcu.drive.unlock({}, bench.now_ms)
    bench.settle()
    assert bench.kinds(record.REFUSAL)[-1][1] == refusal.STATE
    assert len(kept(bench).items[0].hashes) == 4


def test_a_check_that_was_starved_opens_nothing(bench, monkeypatch):
    assert deposit(bench) == DONE
    with monkeypatch.context() as patch:
        patch.setattr(bench.vcu, "has_work", lambda: False)
        bench.type(CODES[0])
        bench.run(31_000)
    bench.settle()
    assert bench.kinds(record.REFUSAL)[-1][1] == refusal.BUSY
    assert bench.vcu.drive.lock == lock.LOCKED and len(kept(bench).items[0].hashes) == 4


def test_a_second_code_meanwhile_is_busy(bench, monkeypatch):
    assert deposit(bench) == DONE
    monkeypatch.setattr(bench.vcu, "has_work", lambda: False)
    bench.type(CODES[0])
    bench.type(CODES[1])
    bench.run(200)
    assert bench.kinds(record.REFUSAL)[-1][1] == refusal.BUSY


def test_too_little_memory_for_the_check_is_a_refusal(bench, monkeypatch):
    def fails(salt, code):
        raise MemoryError
        yield

    assert deposit(bench) == DONE
    monkeypatch.setattr(codes, "stretch_steps", fails)
    assert enter(bench, CODES[0]) == refused(refusal.BUSY)
    assert not bench.vcu.hmi.codes.is_checking()


def test_what_cannot_be_recorded_is_not_done(bench, monkeypatch):
    assert deposit(bench) == DONE
    monkeypatch.setattr(bench.vcu.outbox, "has_room", lambda: False)
    assert enter(bench, CODES[0]) == refused(refusal.STATE)
    assert bench.vcu.drive.lock == lock.LOCKED and len(kept(bench).items[0].hashes) == 4


@pytest.mark.parametrize(
    "content",
    [None, identity(bytes(32)), identity(OWNER.thumbprint, key=bytes(32))],
    ids=["no identity", "no owner", "no key"],
)
def test_an_unprovisioned_board_takes_no_code(tmp_path, content):
    if content:
        (tmp_path / "identity").write_bytes(content)
    bench = start(f"{tmp_path}/")
    bench.inputs(1, 1, 1)
    enter(bench, CODES[0])
    assert bench.vcu.drive.lock == lock.LOCKED and not bench.enabled()
    assert bench.screen() == panel.NOT_SET_UP
    assert bench.vcu.refusals.last_code == refusal.UNPROVISIONED


# --- deposits ---


def test_a_deposit_without_codes_is_wrong(bench):
    assert deposit(bench, codes=None) == refused(refusal.ARGUMENT)
    asked = by_owner(current(bench), command.DEPOSIT_CODES)
    assert bench.present(asked) == refused(refusal.ARGUMENT)


def test_a_delegation_without_the_action_lets_nobody_have_codes(bench):
    wishes = {"actions": WITH_CODES, "codes": [DRAWN, *HASHES]}
    above = {"actions": grant.DELEGATE | 3}
    asked = by_booking(current(bench), command.DEPOSIT_CODES, delegation=above, **wishes)
    assert bench.present(asked) == refused(refusal.WIDENED)


def test_four_grants_are_kept_and_only_an_ended_one_makes_room(bench):
    ends = (DAY_S, 600, DAY_S, DAY_S)
    for number, length in enumerate(ends):
        wishes = {"grant_id": bytes((number,)) * 16, "not_after": NOW_S + length}
        assert deposit(bench, **wishes) == DONE
    assert deposit(bench, grant_id=b"5" * 16) == refused(refusal.STATE)
    bench.rtc.datetime(to_moment(NOW_S + 600))
    assert deposit(bench, grant_id=b"5" * 16) == DONE
    assert [item.grant_id()[0] for item in kept(bench).items] == [0, 2, 3, ord("5")]


@pytest.mark.parametrize(
    ("action", "args"),
    [(command.REVOKE_GRANT, {0: b"\x01" * 16}), (command.RAISE_GENERATION, {0: 1})],
)
def test_a_grant_that_is_void_makes_room(bench, action, args):
    for number in range(4):
        assert deposit(bench, grant_id=bytes((number,)) * 16) == DONE
    assert bench.present(by_owner(current(bench), action, args)) == DONE
    assert deposit(bench, grant_id=b"5" * 16, generation=1) == DONE


def test_an_uncertain_clock_ends_no_deposit(bench):
    hour = {"not_before": NOW_S, "not_after": NOW_S + 600}
    for number in range(4):
        assert deposit(bench, grant_id=bytes((number,)) * 16, **hour) == DONE
    bench.rtc.datetime((2000, 1, 1, 0, 0, 0, 0, 0))
    assert deposit(bench, grant_id=b"5" * 16, **hour) == refused(refusal.STATE)


# --- wrong codes ---


def test_the_wait_doubles_to_an_hour():
    told = [wait_ms(wrong) // 1000 for wrong in range(13)]
    assert told == [0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert wait_ms(255) == WAIT_MAX_MS


def test_after_three_wrong_codes_it_waits(bench):
    assert deposit(bench) == DONE
    for _ in range(3):
        assert enter(bench, WRONG) == refused(refusal.CODE)
    assert bench.screen() == panel.CODE_WRONG
    assert enter(bench, CODES[0]) == refused(refusal.RATE)
    assert (bench.screen(), bench.panels[-1][1]["Number"]) == (panel.CODE_WAIT, 1)
    assert len(kept(bench).items[0].hashes) == 4 and kept(bench).wrong == 3
    bench.run(30_000)
    assert enter(bench, WRONG) == refused(refusal.CODE)
    bench.run(31_000)
    assert enter(bench, CODES[0]) == refused(refusal.RATE)
    bench.run(30_000)
    assert opens(bench, CODES[0])
    assert kept(bench).wrong == 0
    lapse(bench)
    assert enter(bench, WRONG) == refused(refusal.CODE)
    assert opens(bench, CODES[1])


def test_a_restart_is_no_way_around_the_wait(bench, folder):
    for _ in range(3):
        assert enter(bench, WRONG) == refused(refusal.CODE)
    again = start(folder)
    assert enter(again, WRONG) == refused(refusal.RATE)
    again.run(27_000)
    assert enter(again, WRONG) == refused(refusal.CODE)
    last = start(folder)
    last.run(31_000)
    assert enter(last, WRONG) == refused(refusal.RATE)


def test_the_attempt_is_counted_before_it_is_checked(bench, folder, monkeypatch):
    def cut(now_ms):
        raise PowerCutError

    for _ in range(3):
        bench.type(WRONG, enter=False)
        with monkeypatch.context() as patch:
            patch.setattr(bench.vcu.hmi.codes, "step", cut)
            with pytest.raises(PowerCutError):
                bench.press(panel.ENTER)
                bench.run(200)
        bench = start(folder)
    assert kept(bench).wrong == 3
    assert enter(bench, WRONG) == refused(refusal.RATE)


def test_an_entry_of_another_length_is_no_attempt(bench):
    assert deposit(bench) == DONE
    for code in (CODES[0][:15], CODES[0] + "0", "1", "0" * 31):
        assert enter(bench, code) is None
        assert bench.screen() == panel.CODE_SHORT
    assert kept(bench).wrong == 0
    assert opens(bench, CODES[0])


def test_phones_are_heard_while_codes_are_not(bench):
    for _ in range(3):
        assert enter(bench, WRONG) == refused(refusal.CODE)
    assert bench.present(by_rider(current(bench))) == DONE


# --- flash that fails and power that goes ---


def test_what_cannot_be_counted_is_not_checked(bench, monkeypatch):
    assert deposit(bench) == DONE
    monkeypatch.setattr(bench.vcu.store, "save", _fails)
    assert enter(bench, CODES[0]) == refused(refusal.STATE)
    assert not bench.vcu.hmi.codes.is_checking() and bench.vcu.drive.lock == lock.LOCKED


def _fails(state):
    raise OSError(28)


@pytest.mark.parametrize("stored", [False, True])
def test_what_cannot_be_spent_does_not_open(bench, folder, monkeypatch, stored):
    """It failed; it failed but was stored all the same. Neither opens, and the next start knows."""
    assert deposit(bench) == DONE
    save = bench.vcu.store.save
    saves = []

    def second_fails(state):
        saves.append(1)
        if len(saves) == 2:
            if stored:
                save(state)
            raise OSError(5)
        save(state)

    with monkeypatch.context() as patch:
        patch.setattr(bench.vcu.store, "save", second_fails)
        assert enter(bench, CODES[0]) == refused(refusal.STATE)
    assert bench.vcu.drive.lock == lock.LOCKED and len(saves) == 2
    again = start(folder)
    assert enter(again, CODES[0]) == (refused(refusal.CODE) if stored else DONE)


def test_power_between_spent_and_unlocked_never_opens_twice(bench, folder, monkeypatch):
    assert deposit(bench) == DONE

    def cut(entry, now_ms):
        raise PowerCutError

    monkeypatch.setattr(bench.vcu.commands, "execute", cut)
    with pytest.raises(PowerCutError):
        enter(bench, CODES[0])
    assert bench.vcu.drive.lock == lock.LOCKED
    again = start(folder)
    assert enter(again, CODES[0]) == refused(refusal.CODE)
    assert opens(again, CODES[1])


def test_power_before_it_is_spent_leaves_the_code(bench, folder, monkeypatch):
    assert deposit(bench) == DONE
    saves = []
    save = bench.vcu.store.save

    def cut(state):
        saves.append(1)
        if len(saves) == 2:
            raise PowerCutError
        save(state)

    monkeypatch.setattr(bench.vcu.store, "save", cut)
    with pytest.raises(PowerCutError):
        enter(bench, CODES[0])
    again = start(folder)
    assert kept(again).wrong == 1
    assert opens(again, CODES[0])


def test_a_deposit_that_cannot_be_stored_is_refused(bench, monkeypatch):
    monkeypatch.setattr(bench.vcu.store, "save", _fails)
    assert deposit(bench) == refused(refusal.STATE)
    assert bench.vcu.state.codes == b""


def test_a_store_that_cannot_be_read_opens_nothing(bench, folder):
    assert deposit(bench) == DONE
    bench.vcu.state.codes = bench.vcu.state.codes[:-1]
    bench.vcu.store.save(bench.vcu.state)
    again = start(folder)
    assert enter(again, CODES[0]) == refused(refusal.CODE)
    assert deposit(again) == DONE
    assert opens(again, CODES[0])


def test_a_deposit_while_a_code_is_checked_is_not_lost(bench):
    assert deposit(bench) == DONE
    bench.type(CODES[0])
    assert bench.vcu.hmi.codes.is_checking()
    times, mine = (NOW_S, NOW_S + 60), [DRAWN, HASHES[3]]
    link = grant.Grant(VEHICLE, RIDER.thumbprint, WITH_CODES, *times, 0, b"2" * 16, {}, mine)
    bench.vcu.hmi.codes.deposit([link])
    bench.settle()
    assert bench.vcu.drive.lock == lock.READY
    assert [len(item.hashes) for item in kept(bench).items] == [3, 1]


# --- the end of a session ---


def drive_off(bench):
    bench.inputs(1, 1, 1)
    bench.run(200)
    bench.inputs(1, 0, 1)
    assert bench.vcu.drive.lock == lock.DRIVE


def test_enter_locks_what_a_code_opened_at_standstill(bench):
    assert deposit(bench) == DONE
    assert opens(bench, CODES[0])
    drive_off(bench)
    bench.run(1_000)
    assert enter(bench, "") == DONE
    assert bench.vcu.drive.lock == lock.LOCKED
    assert bench.kinds(record.ANSWER)[-1] == {0: HASHES[0], 1: command.LOCK, 2: RIDER_ID, 3: 0}
    assert enter(bench, "") is None  # locked already: nothing to say


def test_enter_in_motion_waits_for_the_standstill(bench):
    assert deposit(bench) == DONE
    assert opens(bench, CODES[0])
    drive_off(bench)
    bench.speed(4_000)
    bench.run(1_000)
    assert enter(bench, "") == (record.ANSWER, record.PENDING)
    assert bench.vcu.drive.lock == lock.LOCK_PENDING and bench.drives[-1][1]["Enable"]
    assert bench.screen() == panel.LOCK_PENDING
    bench.stop(4_000)
    bench.run(900)
    assert bench.vcu.drive.lock == lock.LOCKED


def test_a_passer_by_cannot_lock_what_a_phone_opened(bench):
    assert deposit(bench) == DONE
    assert opens(bench, CODES[0])
    lapse(bench)  # that a code opened it before says nothing of this session
    assert bench.present(by_rider(current(bench))) == DONE
    drive_off(bench)
    assert enter(bench, "") == refused(refusal.ACTION)
    assert bench.vcu.drive.lock == lock.DRIVE and bench.drives[-1][1]["Enable"]


# --- egress ---


def release(bench):
    """Press it, hold it, let go; the records that came of it."""
    seen = len(bench.gateway.records)
    bench.egress(True)
    bench.run(450)
    assert bench.vcu.hmi.egress.releases(bench.now_ms)
    assert bench.screen() == panel.EGRESS
    bench.egress(False)
    bench.run(4_000)
    assert bench.vcu.hmi.egress.releases(bench.now_ms)
    bench.run(1_200)
    assert not bench.vcu.hmi.egress.releases(bench.now_ms)
    return [made.body for made in bench.gateway.records[seen:] if made.kind == record.EGRESS]


def test_egress_locked_and_in_every_state_of_a_session(bench):
    assert release(bench) == [{0: lock.LOCKED, 1: 0}]
    assert bench.vcu.drive.lock == lock.LOCKED and not bench.enabled()
    assert bench.present(by_rider(current(bench))) == DONE
    drive_off(bench)
    bench.speed(3_000)
    assert release(bench) == [{0: lock.DRIVE, 1: 3_000}]
    assert bench.vcu.drive.lock == lock.DRIVE and bench.drives[-1][1]["Enable"]
    assert bench.present(by_rider(current(bench), command.LOCK)) == (record.ANSWER, record.PENDING)
    assert release(bench) == [{0: lock.LOCK_PENDING, 1: 3_000}]
    assert bench.vcu.drive.lock == lock.LOCK_PENDING and bench.drives[-1][1]["Enable"]


def test_egress_with_a_stale_speed_leaves_it_out(bench):
    bench.speed(None)
    bench.run(300)
    assert release(bench) == [{0: lock.LOCKED}]


def test_egress_in_back_off(bench):
    for _ in range(5):
        asked = by_owner(current(bench), signer=STRANGER)
        assert bench.present(asked) == refused(refusal.SIGNATURE)
    for _ in range(3):
        enter(bench, WRONG)
    assert release(bench) == [{0: lock.LOCKED, 1: 0}]


@pytest.mark.parametrize(("content", "recorded"), [(None, 0), (identity(bytes(32)), 1)])
def test_egress_on_a_board_that_nobody_provisioned(tmp_path, content, recorded):
    if content:
        (tmp_path / "identity").write_bytes(content)
    bench = start(f"{tmp_path}/")
    assert len(release(bench)) == recorded  # without a key there are no records


def test_egress_that_finds_no_room_is_recorded_later(bench, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(bench.vcu.outbox, "record", lambda *_: False)
        assert release(bench) == []
    bench.run(500)
    assert bench.kinds(record.EGRESS) == [{0: lock.LOCKED, 1: 0}]


# --- zone ---


def limit(bench, mmps, until=0):
    return bench.present(by_owner(current(bench), command.LIMIT_SPEED, {0: mmps, 1: until}))


def test_a_zone_limits_the_speed_as_a_ramp_and_is_kept(bench, folder):
    assert bench.present(by_rider(current(bench))) == DONE
    drive_off(bench)
    bench.speed(8_000)
    bench.run(500)
    bench.drives.clear()
    assert limit(bench, 2_000) == DONE
    bench.run(6_000)
    caps = [(at_ms, signals["SpeedCap_mmps"]) for at_ms, signals in bench.drives]
    for (before_ms, before), (at_ms, cap) in itertools.pairwise(caps):
        # From far above the speed it comes down to it at once; from there as a ramp.
        assert cap >= min(before, 9_000) - 500 * (at_ms - before_ms) // 1_000 - 20
    assert caps[-1][1] < 8_000 and all(signals["Enable"] for _, signals in bench.drives)
    assert bench.drives[-1][1]["Reason"] == lock.DRIVE_ZONE_LIMIT
    assert bench.screen() == panel.ZONE_LIMIT
    again = start(folder)
    assert (again.vcu.state.zone_mmps, again.vcu.state.zone_until) == (2_000, 0)
    assert limit(again, 0) == DONE
    assert again.vcu.state.zone_mmps == 0


@pytest.mark.parametrize(
    ("mmps", "until", "outcome"),
    [
        (command.MIN_ZONE_MMPS, 0, DONE),
        (command.MIN_ZONE_MMPS - 1, 0, refused(refusal.ARGUMENT)),
        (1, 0, refused(refusal.ARGUMENT)),
        (0, 0, DONE),
        (5_000, NOW_S, refused(refusal.ARGUMENT)),
        (5_000, NOW_S + 60, DONE),
        (0, NOW_S, DONE),
    ],
)
def test_a_zone_is_no_way_to_stop_a_vehicle(bench, mmps, until, outcome):
    stop_clock(bench, NOW_S)
    assert limit(bench, mmps, until) == outcome
    kept_mmps = mmps if outcome == DONE else 0
    assert bench.vcu.state.zone_mmps == kept_mmps
    assert bench.vcu.state.zone_until == (until if kept_mmps else 0)


def test_a_zone_that_cannot_be_stored_is_refused_whole(bench, monkeypatch):
    assert limit(bench, 5_000, NOW_S + 600) == DONE
    monkeypatch.setattr(bench.vcu.store, "save", _fails)
    assert limit(bench, 6_000, NOW_S + 900) == refused(refusal.STATE)
    assert (bench.vcu.state.zone_mmps, bench.vcu.state.zone_until) == (5_000, NOW_S + 600)


def test_a_zone_needs_its_action(bench):
    asked = by_rider(current(bench), command.LIMIT_SPEED, {0: 5_000, 1: 0}, actions=3)
    assert bench.present(asked) == refused(refusal.ACTION)
    asked = by_rider(current(bench), command.LIMIT_SPEED, {0: 5_000, 1: 0}, actions=0x100)
    assert bench.present(asked) == DONE
