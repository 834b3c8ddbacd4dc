"""The fault matrix: errors, SIGKILL and SIGSTOP at each system call of a log that fills tiles.

`make faults` runs every position; the normal run a few of them by a seed that is printed.
"""

import random
import shutil

import pytest
from ledger_faults import FAULTS, KINDS, Log, check_fault, check_stop, log_of, positions
from ledger_tools import COSIGNED

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
# Over the end of a tile, and over the end of a tile of tiles.
LOGS = {"tile": (254, None), "tiles": (65_534, None), "cosigned": (254, COSIGNED)}


@pytest.fixture(scope="module", params=LOGS)
def log(request, tmp_path_factory) -> Log:
    return log_of(tmp_path_factory.mktemp("grown") / "log", *LOGS[request.param])


def test_a_fault_at_some_calls(log, tmp_path, seed):
    choose = random.Random(seed)
    everything = positions(log, tmp_path)
    # A long log takes long to check: fewer of them.
    for kind in KINDS if log.size < 1_000 else choose.sample(sorted(KINDS), 2):
        position = choose.choice([found for found in everything if found.call in KINDS[kind]])
        for fault in choose.sample(FAULTS, 2):
            check_fault(log, tmp_path, fault, position)


@pytest.mark.faults
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_every_call(log, tmp_path, kind, fault):
    found = [position for position in positions(log, tmp_path) if position.call in KINDS[kind]]
    assert found
    for position in found:
        check_fault(log, tmp_path, fault, position)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Log:
    return log_of(tmp_path_factory.mktemp("small") / "log", 254)


def test_a_writer_stopped_at_some_calls_while_another_starts(small, tmp_path, seed):
    for position in random.Random(seed).sample(positions(small, tmp_path), 3):
        check_stop(small, tmp_path, position)


@pytest.mark.faults
def test_a_writer_stopped_at_every_call_while_another_starts(small, tmp_path):
    for position in positions(small, tmp_path):
        check_stop(small, tmp_path, position)
