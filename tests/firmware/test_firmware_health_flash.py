"""What a HEALTH record says of the flash, read out of the whole vehicle."""

import pytest
from signer import OWNER
from vcu.flash.memory import Memory
from vcu_bench import NOW_S, Bench, identity

from protocol import bodies, record

NAMES = [name for name, _ in bodies.BODIES[record.HEALTH]]
POWER_ON, WATCHDOG, SOFT, CRASH = 1, 3, 5, 6


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    return f"{tmp_path}/"


def health(bench):
    """The body by names; one that a decoder refuses is none."""
    body = bench.vcu.watch.health.body(bench.now_ms)
    return {NAMES[key]: value for key, value in bodies.check_body(record.HEALTH, body).items()}


def start(folder, cause=POWER_ON, **options):
    bench = Bench(folder, cause, **options)
    bench.run(200)
    return bench


def test_a_healthy_flash_has_its_zeros(folder):
    seen = health(start(folder, stores=False))
    assert seen["journal_records"] == 2  # BOOT and LOCK, which nobody confirmed
    assert [seen[name] for name in ("journal_thinned", "journal_damaged", "crashes")] == [0, 0, 0]
    assert seen["resets"] == 1


def test_records_that_the_gateway_has_are_not_counted(folder):
    bench = start(folder)
    bench.run(3_000)
    assert health(bench)["journal_records"] == 0


def test_what_is_damaged_is_counted_once_a_start(folder, tmp_path):
    start(folder, stores=False)
    whole = (tmp_path / "ride.a").read_bytes()
    (tmp_path / "ride.a").write_bytes(whole[:-1] + bytes((whole[-1] ^ 1,)))
    first = next((tmp_path / "events").iterdir())
    first.write_bytes(first.read_bytes() + b"\0")
    assert health(start(folder, stores=False))["journal_damaged"] == 2


def test_samples_that_are_given_up_are_counted(tmp_path):
    memory = Memory(f"{tmp_path}/", lambda: NOW_S, 6)
    journal = memory.health_sources()[1]
    for seq in range(4_000):
        journal.append(True, 1, seq, bytes(40))
    left = journal.unsent()
    assert 0 < left < 4_000 and journal.thinned == 4_000 - left
    journal.told(journal.lost, True)
    assert journal.thinned == 4_000 - left  # told or not: they are gone


@pytest.mark.parametrize("cause", [WATCHDOG, CRASH])
def test_crashes_are_counted_for_life(folder, tmp_path, cause):
    for expected in (1, 2):
        assert health(start(folder, cause))["crashes"] == expected
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint, time_floor=NOW_S))
    seen = health(start(folder))
    assert (seen["crashes"], seen["resets"]) == (2, 3)


@pytest.mark.parametrize("cause", [POWER_ON, SOFT])
def test_a_start_that_somebody_wanted_is_no_crash(folder, cause):
    assert health(start(folder, cause))["crashes"] == 0


def test_the_supply_is_what_the_board_measured(folder):
    bench = start(folder)
    assert "supply_mv" not in health(bench)
    bench.vcu.watch.telemetry.supply_mv = 12_345
    assert health(bench)["supply_mv"] == 12_345
