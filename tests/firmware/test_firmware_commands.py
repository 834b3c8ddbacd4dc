"""Presentations, from the gateway's frames to the records, with real keys, on the bench."""

import pytest
from board_fakes import challenge
from signer import ISSUER_ID, OWNER, RIDER, RIDER_ID, STRANGER, by_booking, by_owner, by_rider
from vcu.flash.store import Store
from vcu_bench import KEY, NOW_S, VEHICLE, Bench, identity

from protocol import command, grant, link, lock, presentation, record, refusal

DONE = (record.ANSWER, record.DONE)
PENDING = (record.ANSWER, record.PENDING)


def refused(code):
    return (record.REFUSAL, code)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    return f"{tmp_path}/"


@pytest.fixture
def bench(folder):
    made = Bench(folder)
    made.run(1_500)
    return made


def current(bench):
    return bench.gateway.challenges[-1][0]


def test_start_is_hello_challenge_boot_and_lock(bench):
    assert bench.gateway.hellos == [(VEHICLE, 1, "0.1.0")]
    assert [pair[1] for pair in bench.gateway.challenges] == [119]
    boot, start = bench.gateway.records[:2]
    assert boot.body == {0: "0.1.0", 1: 1, 2: 0, 3: 0, 4: 0}
    assert (boot.boot, boot.seq, boot.kind, boot.time) == (1, 0, record.BOOT, NOW_S)
    assert start.body == {0: lock.LOCKED, 1: lock.LOCKED, 2: lock.START}
    assert not bench.enabled()


def test_ride(bench):
    assert bench.present(by_booking(current(bench), limits={grant.MAX_SPEED_MMPS: 6000})) == DONE
    assert bench.vcu.drive.lock == lock.READY
    bench.inputs(1, 1, 1)
    bench.run(200)
    drive = bench.drives[-1][1]
    assert drive["Enable"] and drive["Direction"] == 1 and drive["SpeedCap_mmps"] == 6000
    assert drive["Reason"] == lock.DRIVE_GRANT_LIMIT
    bench.inputs(1, 0, 1)
    bench.speed(5000)
    bench.run(3_000)
    assert bench.present(by_booking(current(bench), command.LOCK)) == PENDING
    bench.run(2_000)
    assert bench.vcu.drive.lock == lock.LOCK_PENDING and bench.drives[-1][1]["Enable"]
    bench.stop(5000)
    bench.run(700)
    assert bench.vcu.drive.lock == lock.LOCKED and not bench.drives[-1][1]["Enable"]
    changes = [(body[0], body[2]) for body in bench.kinds(record.LOCK)]
    assert changes == [
        (lock.LOCKED, lock.START),
        (lock.READY, lock.COMMAND),
        (lock.DRIVE, lock.RIDER_ACTION),
        (lock.LOCK_PENDING, lock.COMMAND),
        (lock.LOCKED, lock.STANDSTILL),
    ]
    assert [made.seq for made in bench.gateway.records] == list(range(len(bench.gateway.records)))
    answers = bench.kinds(record.ANSWER)
    assert [(body[1], body[2], body[3]) for body in answers] == [
        (command.UNLOCK, RIDER_ID, 0),
        (command.LOCK, RIDER_ID, 1),
    ]


def test_no_action_locks_again(bench):
    assert bench.present(by_owner(current(bench))) == DONE
    bench.run(5_100)
    assert bench.vcu.drive.lock == lock.LOCKED and not bench.enabled()
    assert bench.kinds(record.LOCK)[-1] == {0: lock.LOCKED, 1: lock.READY, 2: lock.NO_ACTION}


def test_second_unlock_in_a_session_is_refused(bench):
    assert bench.present(by_owner(current(bench))) == DONE
    bench.run(50)
    assert bench.present(by_owner(current(bench))) == refused(refusal.STATE)
    bench.run(150)
    assert bench.locks[-1][1]["Refusal"] == refusal.STATE


def _replay(bench):
    asked = by_owner(current(bench))
    assert bench.present(asked) == DONE
    bench.run(5_100)
    bench.drives.clear()
    return asked


def _borrowed(bench):
    given = OWNER.grant(RIDER, grant_id=RIDER_ID)
    signed = STRANGER.command(current(bench), grant_id=RIDER_ID)
    return presentation.encode([given], [OWNER.modulus, STRANGER.modulus], signed)


ATTACKS = {
    "replayed": (_replay, refusal.CHALLENGE),
    "never given": (lambda bench: by_owner(bytes(16)), refusal.CHALLENGE),
    "other vehicle": (
        lambda bench: presentation.encode(
            [], [OWNER.modulus], OWNER.command(current(bench), vehicle="tf-0002")
        ),
        refusal.VEHICLE,
    ),
    "other vehicle's grant": (
        lambda bench: by_rider(current(bench), vehicle="tf-0002"),
        refusal.VEHICLE,
    ),
    "expired": (lambda bench: by_rider(current(bench), not_after=NOW_S - 1), refusal.EXPIRED),
    "not yet": (lambda bench: by_rider(current(bench), not_before=NOW_S + 60), refusal.NOT_YET),
    "widened": (
        lambda bench: by_booking(current(bench), actions=0xFFFF & 0x801F, not_before=NOW_S - 999),
        refusal.WIDENED,
    ),
    "action": (
        lambda bench: by_rider(current(bench), command.RAISE_TIME, {0: NOW_S}, actions=3),
        refusal.ACTION,
    ),
    "transfer by a rider": (
        lambda bench: by_rider(current(bench), command.TRANSFER, {0: RIDER.thumbprint}),
        refusal.ACTION,
    ),
    "other key": (lambda bench: by_owner(current(bench), signer=STRANGER), refusal.SIGNATURE),
    "other rider's key": (
        lambda bench: by_booking(current(bench), rider=STRANGER),
        refusal.SIGNATURE,
    ),
    "borrowed grant": (_borrowed, refusal.HOLDER),
    "argument": (
        lambda bench: by_owner(current(bench), command.RAISE_TIME, {0: b""}),
        refusal.ARGUMENT,
    ),
    "noise": (lambda bench: bytes(range(1, 200)), refusal.MALFORMED),
    "thousands of items": (lambda bench: b"\x83\x99\x0f\xf0" + b"\x80" * 4080, refusal.MALFORMED),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_and_never_drives(bench, name):
    make, code = ATTACKS[name]
    bench.inputs(1, 1, 1)  # the attacker sits in it
    bench.run(100)
    asked = make(bench)
    if name == "replayed":
        bench.drives.clear()
    assert bench.present(asked) == refused(code)
    bench.run(600)
    if name != "replayed":
        assert not bench.enabled()
    assert bench.locks[-1][1]["Refusal"] == code


def test_challenge_held_back_for_three_minutes(bench):
    asked = by_owner(current(bench))
    bench.run(180_000)
    assert bench.present(asked) == refused(refusal.CHALLENGE)
    assert not bench.enabled()


def test_online_challenge_is_replaced_each_minute(bench):
    bench.run(120_500)
    assert len(bench.gateway.challenges) == 3
    assert len(set(bench.gateway.challenges)) == 3


def test_used_challenge_is_replaced_at_once(bench):
    first = current(bench)
    assert bench.present(by_owner(first, signer=STRANGER)) == refused(refusal.SIGNATURE)
    bench.run(50)
    assert current(bench) != first
    assert bench.present(by_owner(current(bench))) == DONE


def test_second_presentation_meanwhile_is_busy(bench):
    first = by_booking(current(bench))
    bench.gateway.request(link.pack(link.PRESENTATION, first))
    while not bench.vcu.has_work():
        bench.turn()
    bench.vcu.commands.offer(by_owner(bytes(16)), bench.now_ms)
    bench.run(1_000)
    assert [body[1] for body in bench.kinds(record.REFUSAL)] == [refusal.BUSY]
    assert len(bench.kinds(record.REFUSAL)[0][0]) == 16
    assert len(bench.kinds(record.ANSWER)) == 1


def test_back_off_after_five_bad_signatures(bench):
    for _ in range(5):
        asked = by_owner(current(bench), signer=STRANGER)
        assert bench.present(asked) == refused(refusal.SIGNATURE)
        bench.run(50)
    assert bench.present(by_rider(current(bench))) == refused(refusal.BACKOFF)
    bench.run(1_100)
    assert bench.present(by_rider(current(bench))) == DONE


def test_the_owner_is_heard_in_back_off(bench):
    for _ in range(5):
        asked = by_owner(current(bench), signer=STRANGER)
        assert bench.present(asked) == refused(refusal.SIGNATURE)
        bench.run(50)
    assert bench.present(by_owner(current(bench))) == DONE


def test_hello_request_gets_hello_and_the_open_challenge(bench):
    bench.run(10_000)
    open_now = current(bench)
    bench.gateway.request(link.pack(link.HELLO_REQUEST))
    bench.run(100)
    assert len(bench.gateway.hellos) == 2
    assert current(bench) == open_now and bench.gateway.challenges[-1][1] < 119


def test_generation_is_raised_and_kept(bench, folder):
    rise = by_owner(current(bench), command.RAISE_GENERATION, {0: 3})
    assert bench.present(rise) == DONE
    again = Bench(folder)
    again.run(1_500)
    assert again.present(by_rider(current(again))) == refused(refusal.GENERATION)
    lower = by_owner(current(again), command.RAISE_GENERATION, {0: 2})
    again.run(50)
    lower = by_owner(current(again), command.RAISE_GENERATION, {0: 2})
    assert again.present(lower) == refused(refusal.ARGUMENT)
    again.run(50)
    assert again.present(by_rider(current(again), generation=3)) == DONE


def test_revoked_grant_is_kept_out_and_the_list_is_bounded(bench, folder):
    revoke = by_owner(current(bench), command.REVOKE_GRANT, {0: RIDER_ID})
    assert bench.present(revoke) == DONE
    again = Bench(folder)
    again.run(1_500)
    assert again.present(by_rider(current(again))) == refused(refusal.REVOKED)
    again.vcu.state.revoked = [bytes((i,)) * 16 for i in range(64)]
    again.run(50)
    revoke = by_owner(current(again), command.REVOKE_GRANT, {0: ISSUER_ID})
    assert again.present(revoke) == refused(refusal.STATE)


def test_time_floor_is_raised_and_puts_a_slow_clock_forward(folder):
    bench = Bench(folder, moment=(2000, 1, 1, 0, 0, 0, 0, 0))
    bench.run(1_500)
    assert {made.time for made in bench.gateway.records} == {0}
    assert bench.present(by_rider(current(bench))) == refused(refusal.CLOCK)
    bench.run(50)
    assert bench.present(by_owner(current(bench), command.RAISE_TIME, {0: NOW_S})) == DONE
    bench.run(50)
    assert bench.present(by_rider(current(bench))) == DONE
    assert bench.gateway.records[-1].time == NOW_S


def test_transfer_changes_whom_the_vehicle_obeys(bench, folder):
    transfer = by_owner(current(bench), command.TRANSFER, {0: STRANGER.thumbprint})
    assert bench.present(transfer) == DONE
    again = Bench(folder)
    again.run(1_500)
    assert again.present(by_owner(current(again))) == refused(refusal.OWNER)
    again.run(50)
    asked = presentation.encode([], [STRANGER.modulus], STRANGER.command(current(again)))
    assert again.present(asked) == DONE


def test_what_cannot_be_stored_is_refused(bench, monkeypatch):
    def fail(state):
        raise OSError(28)

    monkeypatch.setattr(bench.vcu.store, "save", fail)
    rise = by_owner(current(bench), command.RAISE_GENERATION, {0: 3})
    assert bench.present(rise) == refused(refusal.STATE)
    assert bench.vcu.state.generation == 0 and bench.vcu.gate.authority.generation == 0


@pytest.mark.parametrize(
    ("action", "args", "outcome"),
    [
        (command.RAISE_TIME, {0: NOW_S - 2 * 86_400}, refused(refusal.ARGUMENT)),
        (command.RAISE_TIME, {0: 4_102_444_800}, refused(refusal.ARGUMENT)),  # the year 2100
        (command.TRANSFER, {0: bytes(32)}, refused(refusal.ARGUMENT)),
        (command.LOCK, {}, DONE),  # locked already
    ],
)
def test_commands_that_change_nothing(bench, action, args, outcome):
    assert bench.present(by_owner(current(bench), action, args)) == outcome
    assert bench.vcu.drive.lock == lock.LOCKED and bench.vcu.state.owner == b""


@pytest.mark.parametrize(
    ("late_ms", "outcome"), [(29_000, DONE), (31_000, refused(refusal.CHALLENGE))]
)
def test_a_check_that_was_starved_ends_with_its_challenge(bench, monkeypatch, late_ms, outcome):
    asked = by_owner(current(bench))
    with monkeypatch.context() as patch:
        patch.setattr(bench.vcu, "has_work", lambda: False)
        assert bench.present(asked, late_ms) is None
        assert bench.vcu.commands.has_work()
    seen = len(bench.gateway.records)
    bench.run(200)
    kinds = (record.ANSWER, record.REFUSAL)
    told = [made for made in bench.gateway.records[seen:] if made.kind in kinds]
    assert [(m.kind, m.body[3 if m.kind == record.ANSWER else 1]) for m in told] == [outcome]


def test_same_revocation_twice_is_done(bench):
    for _ in range(2):
        revoke = by_owner(current(bench), command.REVOKE_GRANT, {0: RIDER_ID})
        assert bench.present(revoke) == DONE
        bench.run(50)
    assert bench.vcu.state.revoked == [RIDER_ID]


def test_requests_that_are_none_are_counted(bench):
    for message in (b"\x07", link.pack(link.STORED, b"\x80"), link.pack(link.HELLO_REQUEST, b"x")):
        bench.gateway.request(message)
    bench.run(50)
    assert bench.vcu.link.malformed == 3


def test_unwritable_state_at_start_denies(folder, monkeypatch):
    def fail(self, state):
        raise OSError(28)

    monkeypatch.setattr(Store, "save", fail)
    bench = Bench(folder)
    assert bench.vcu.fault == 4 and bench.vcu.state.boot == NOW_S


FAULTS = [
    (1, None),
    (1, b"\x00"),
    (2, identity(bytes(32))),
    (3, identity(OWNER.thumbprint, key=bytes(32))),
    (3, identity(OWNER.thumbprint, key=b"\xaa" * 32)),
    (3, identity(OWNER.thumbprint, key=bytes(range(7)) * 4 + bytes(4))),
]


# The owner's key is another one in each process, and so would the tests' names be.
FAULT_NAMES = ("no identity", "damaged", "no owner", "zeros", "one value", "few values")


@pytest.mark.parametrize(("fault", "content"), FAULTS, ids=FAULT_NAMES)
def test_unprovisioned_board_stays_locked_and_says_why(tmp_path, fault, content):
    if content is not None:
        (tmp_path / "identity").write_bytes(content)
    bench = Bench(f"{tmp_path}/")
    bench.inputs(1, 1, 1)
    bench.run(1_500)
    bench.gateway.request(link.pack(link.PRESENTATION, by_owner(challenge(0))))
    bench.run(500)
    assert bench.gateway.hellos and not bench.gateway.challenges
    assert bench.locks[-1][1] == {
        "Locked": 1,
        "Pending": 0,
        "State": lock.LOCKED,
        "Reason": lock.UNPROVISIONED,
        "Refusal": refusal.UNPROVISIONED,
    }
    assert bench.drives[-1][1]["Reason"] == lock.DRIVE_FAULT + fault
    assert not bench.enabled()
    has_key = fault == 2
    assert [body[2] for body in bench.kinds(record.BOOT)] == [fault] * has_key
    assert [body[1] for body in bench.kinds(record.REFUSAL)] == [16] * has_key


def test_unreadable_state_denies_and_says_so(folder, tmp_path):
    (tmp_path / "state").write_bytes(b"")
    bench = Bench(folder)
    bench.run(1_500)
    assert bench.kinds(record.BOOT)[0][2] == 4
    assert bench.gateway.records[0].boot == NOW_S  # unique, where the count is lost
    bench.gateway.request(link.pack(link.PRESENTATION, by_owner(challenge(0))))
    bench.run(500)
    assert [body[1] for body in bench.kinds(record.REFUSAL)] == [refusal.UNPROVISIONED]
    assert not bench.enabled()


def test_key_is_the_vehicles_own():
    assert len(set(KEY)) == 32


def test_an_update_is_allowed_while_locked_and_standing(bench):
    allowed = []
    bench.vcu.updates.allow = lambda digest, now_ms: allowed.append(digest)
    digest = bytes(range(32))
    assert bench.present(by_owner(current(bench), command.UPDATE, {0: digest})) == DONE
    assert allowed == [digest]
    bench.speed(1_000)
    bench.run(200)
    rolling = by_owner(current(bench), command.UPDATE, {0: digest})
    assert bench.present(rolling) == refused(refusal.STATE)
    bench.speed(0)
    bench.run(1_000)
    assert bench.present(by_owner(current(bench))) == DONE
    unlocked = by_owner(current(bench), command.UPDATE, {0: digest})
    assert bench.present(unlocked) == refused(refusal.STATE)
    assert allowed == [digest]


def test_diagnosis_is_open_for_a_quarter_of_an_hour(bench):
    assert not bench.vcu.diagnosis.left_ms(bench.now_ms)
    allowed = by_rider(current(bench), command.DIAGNOSE, actions=1 << command.DIAGNOSE - 1)
    assert bench.present(allowed) == DONE
    assert bench.vcu.diagnosis.left_ms(bench.now_ms + 895_000)
    assert not bench.vcu.diagnosis.left_ms(bench.now_ms + 900_000)


def test_a_grant_to_ride_opens_neither_update_nor_diagnosis(bench):
    for action, args in ((command.UPDATE, {0: bytes(32)}), (command.DIAGNOSE, {})):
        asked = by_rider(current(bench), action, args, actions=3)
        assert bench.present(asked) == refused(refusal.ACTION)
    assert not bench.vcu.diagnosis.left_ms(bench.now_ms)
