"""A mechanic installs a logged release over the bus, by the owner's grant; the vehicle decides."""

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import trifleet
from notary_stand import ORIGIN, Site, logged

from fleet_backend.fleet import keys as files_of_keys
from fleet_backend.ledger.keys import log_vkey
from protocol import release
from trifleet.commands.bench.simulated import simulated_board
from workbench.release import bundle, keys, signing
from workbench.source import of_checkout
from workbench.uds import update
from workbench.uds.tester import VehicleTester

VEHICLE = "trike-5"


def bench(*words: object) -> tuple[int, list[dict[str, Any]]]:
    done = trifleet("bench", *words, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["exit"] == done.returncode, done.stderr
    return done.returncode, events


@pytest.mark.faults
def test_a_release_over_the_bus_needs_its_receipt_its_signatures_and_a_grant(
    site: Site, tmp_path: Path
) -> None:
    own = [keys.make_key() for _ in range(2)]
    other = [file for file in of_checkout().files if file.path != "vcu/benchtest.mpy"]
    whole = bundle.build(other, "virtual", "9.9.9", 9, 1, release.ROMFS)
    half = signing.sign(whole, own[0])
    good = signing.sign(half, own[1])
    receipts = logged(site, [half.head_bytes, good.head_bytes])
    for name, one, receipt in zip(("half", "good"), (half, good), receipts, strict=True):
        (tmp_path / f"{name}.tfr").write_bytes(one.data)
        (tmp_path / f"{name}.tfr.receipt").write_bytes(receipt)
    (tmp_path / "bare.tfr").write_bytes(good.data)
    policy = tmp_path / "policy.txt"
    policy.write_text(f"log {log_vkey(ORIGIN, site.log_key)}\nquorum none\n")

    believed = [word for key in own for word in ("--release-key", keys.name_of(key).hex())]
    code, events = bench(
        *("commission", "--sim", "--sim-folder", tmp_path / "board", "--out", tmp_path / "out"),
        *("--vehicle", VEHICLE, *believed),
    )
    assert code == 0, events
    mechanic = files_of_keys.generate_rsa(tmp_path / "mechanic.key")
    done = trifleet(
        *("keys", "grant", VEHICLE, "--key", tmp_path / "board" / "owner.key"),
        *("--holder", files_of_keys.thumbprint(mechanic).hex(), "--out", tmp_path / "m.grant"),
    )
    assert done.returncode == 0, done.stderr

    with simulated_board(tmp_path / "board") as running:
        with VehicleTester.connect(running.channel) as tester:
            update.wait_for(tester, lambda back: bool(back.read("vehicle")))
            before = tester.read("software_hash")
        who = ("--key", tmp_path / "mechanic.key", "--grant", tmp_path / "m.grant")
        at = ("--channel", running.channel, "--policy", policy)

        def flash(name: str, *as_whom: object) -> tuple[int, str]:
            code, events = bench("can", "flash", tmp_path / f"{name}.tfr", *at, *as_whom)
            return code, events[-2]["why"] if code else ""

        for name, as_whom, exit_code, why in (
            ("bare", who, 19, "never logged"),
            ("good", who[:2], 15, "OWNER"),
            ("half", who, 15, "SIGNATURE"),
        ):
            found = flash(name, *as_whom)
            assert found[0] == exit_code and why in found[1], (name, found)
        assert flash("good", *who) == (0, "")
        with VehicleTester.connect(running.channel) as tester:
            assert tester.read("software_hash") != before
