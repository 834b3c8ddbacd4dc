"""Diagnosis and an update over the bus of a virtual board: the real interpreter and installer, the
workbench's tester on udsoncan and can-isotp, the simulated vehicle around them."""

import pytest
from vcu_bench import VEHICLE

from tests.bench.bench_uds import next_release, provisioned, sign, visit
from workbench.uds import update


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("board") / "flash.img"
    provisioned(path)
    return path


def test_a_workshop_visit(image):
    """Who is it, what is wrong, test it, put the next release on it: as a person would."""
    new = next_release()
    with visit(image) as (tester, drives):
        found = tester.identify()
        assert found["vehicle"] == VEHICLE
        assert tester.troubles() == []
        tester.unlock(sign)
        steps = {number: result for number, result, _ in tester.self_test()}
        # Flash, random source, bus, identity.
        assert len(steps) >= 10 and {steps[number] for number in (1, 3, 6, 12)} == {0}

        seen = []
        update.install(
            tester, new.data, new.digest, sign, progress=lambda done, _: seen.append(done)
        )
        assert seen[-1] == len(new.data)
        update.wait_for(tester, lambda back: back.read("starts") == found["starts"] + 1)
        assert tester.read("crashes") == 0 and drives.wrong == 0
        print(f"{len(drives.at_s)} VCU_Drive, {drives.late()} more than a cycle late")
        # It is on trial: what was allowed is forgotten, and another one has to wait.
        assert tester.read("update_offset") == 0 and tester.read("diagnosis_left") == 0
