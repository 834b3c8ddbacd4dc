"""A mechanic flashes releases: what is signed and logged, and nothing else; and goes back."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import trifleet
from notary_stand import ORIGIN, Site, serving

from boards.virtual import VirtualBoard, VirtualBoardSettings
from fleet_backend.ledger.keys import log_vkey
from protocol import ack, cbor, release, statement
from trifleet.commissioning.releases import (
    Believed,
    check_release,
    check_unsigned,
    open_release,
    read_policy,
)
from trifleet.notary.collection import collect
from trifleet.notary.notary import open_notary
from workbench.bench import on_bench
from workbench.errors import ReleaseOnlyError, UnsignedError, WrongBoardError
from workbench.identify import identify
from workbench.kept import lowest
from workbench.looking import looking
from workbench.provision import write_release
from workbench.release import bundle, keys, signing
from workbench.romfs import read_seal
from workbench.source import of_checkout


def pair(serial: int, floor: int) -> bytes:
    """A copy as the vehicle writes it: docs/flash.md."""
    document = {0: 1, 1: floor, 2: floor, 3: bytes(32), 4: [0, b"", 0, b""], 5: b""}
    said = serial.to_bytes(4, "big") + cbor.encode(document)
    return said + hashlib.sha256(b"software" + said).digest()


def bench(*words: object) -> tuple[int, list[dict[str, Any]]]:
    done = trifleet("bench", *words, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["exit"] == done.returncode, done.stderr
    return done.returncode, events


def logged(site: Site, heads: list[bytes]) -> list[bytes]:
    """Receipts of these releases, as the ledger gives them."""
    with serving(site.log / "public") as server, open_notary(site.enrol()) as notary:
        for head in heads:
            notary.append(statement.RELEASE, head)
        last = len(heads) - 1
        notary.archive.acknowledge([(0, last)], [])
        notary.outbox.delete(ack.Ack(notary.name, [(0, last)], []))
        entries = [one.sign1 for one in notary.kept()]
        site.append(*entries)
        for place, entry in enumerate(entries):
            server.says(entry, place)
        collect(notary, server.address, 0)
        return [notary.archive.get(seq).receipt for seq in range(len(heads))]


@pytest.mark.slow
def test_only_a_signed_and_logged_release_for_this_board_gets_onto_it(
    site: Site, tmp_path: Path
) -> None:
    own, stranger = [keys.make_key() for _ in range(2)], keys.make_key()
    files = of_checkout().files
    made = []
    fewer = [file for file in files if file.path != "vcu/benchtest.mpy"]
    for number, content in ((3, files), (4, fewer)):
        unsigned = bundle.build(content, "virtual", f"1.{number}", number, 3, release.ROMFS)
        made.append(signing.sign(signing.sign(unsigned, own[0]), own[1]))
    half = signing.sign(bundle.build(files, "virtual", "1.5", 5, 3, release.ROMFS), own[0])
    other = bundle.build(files, "weact-h743", "1.6", 6, 3, release.ROMFS)
    bad = signing.sign(signing.sign(half, stranger), stranger)
    bundles = {"three": made[0], "four": made[1], "half": bad, "other": other}
    for (name, one), receipt in zip(
        bundles.items(), logged(site, [one.head_bytes for one in bundles.values()]), strict=True
    ):
        (tmp_path / f"{name}.tfr").write_bytes(one.data)
        (tmp_path / f"{name}.tfr.receipt").write_bytes(receipt)
    shutil.copy(tmp_path / "four.tfr", tmp_path / "bare.tfr")  # no receipt beside it
    policy = tmp_path / "policy.txt"
    policy.write_text(f"log {log_vkey(ORIGIN, site.log_key)}\nquorum none\n")

    logs = read_policy(policy)
    with pytest.raises(UnsignedError, match="never logged"):
        open_release(tmp_path / "bare.tfr", logs)

    def refusal(board: VirtualBoard, name: str, *believed: keys.RSAPrivateKey) -> str:
        found = open_release(tmp_path / f"{name}.tfr", logs)
        names = [keys.name_of(key) for key in believed]
        with looking(board.tty) as seen:
            try:
                check_release(seen, found, "virtual", Believed(names), False)
            except (UnsignedError, WrongBoardError) as error:
                return str(error)
        return ""

    settings = VirtualBoardSettings(tmp_path / "flash.img")
    with VirtualBoard(settings) as board:
        # A bare board believes nobody, until its mechanic says whose releases count.
        assert refusal(board, "three").startswith("nobody says whose releases count")
        assert refusal(board, "three", *own) == ""
        trust = release.Trust(2, sorted(keys.name_of(key) for key in own), "virtual")
        with on_bench(board.tty) as held:
            write_release(held, release.encode_trust(trust))
        assert "this is for weact-h743" in refusal(board, "other")
        # The board decides, and not who holds the cable.
        assert "signed by 1" in refusal(board, "half", own[0], stranger)
        at = ("--port", board.tty, "--policy", policy)
        code, events = bench("flash", tmp_path / "half.tfr", *at)
        assert (code, events[-2]["what"]) == (19, "This release is not one that may be installed")
        assert not any(slot.runs for slot in identify(board.tty).slots)

        for name in ("three", "four"):
            assert bench("flash", tmp_path / f"{name}.tfr", *at)[0] == 0
        runs = next(slot for slot in identify(board.tty).slots if slot.runs)
        assert runs.application == read_seal(bundles["four"].content).body
        with looking(board.tty) as seen:
            with pytest.raises(ReleaseOnlyError, match="signed releases only"):
                check_unsigned(seen, False)
            check_unsigned(seen, True)
        code, events = bench("rollback", "--port", board.tty)
        assert code == 0, events[-2]
        assert events[-1]["values"]["sequence"] == 0
        runs = next(slot for slot in identify(board.tty).slots if slot.runs)
        assert runs.application == read_seal(made[0].content).body


@pytest.mark.parametrize(
    ("copies", "floor"),
    [
        ([None, None], 0),
        ([pair(1, 5), pair(1, 5)], 5),
        ([pair(2, 7), pair(1, 5)], 7),
        ([b"", pair(1, 5)], 5),
        ([pair(9, 4)[:-1], pair(1, 5)], 5),
        ([pair(9, 4).replace(b"\x04", b"\x01"), None], None),
        ([b"nonsense", b""], None),
    ],
)
def test_the_lowest_number_is_that_of_the_copy_that_counts(
    copies: list[bytes | None], floor: int | None
) -> None:
    assert lowest(copies) == floor
