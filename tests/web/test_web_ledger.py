"""/ledger in a real browser over the real API: receipts and histories, good and forged ones."""

import re
import shutil
from pathlib import Path

import pytest
from ledger_stand import LedgerStand, check, file, open_ledger, result, saved
from playwright.sync_api import expect
from web_stand import Visitor

from tests.api.api_stand import serving

CONTROLS = ("signature", "inclusion", "belongs", "gateway", "commitment")


def test_a_good_receipt_and_what_is_proved_of_it(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
    open_ledger(page, stand)
    for step in ("signature", "tree"):
        result(page, step, "proved", "look")
    result(page, "first", "open", "look")
    expect(page.get_by_test_id("no-receipt")).to_be_visible()
    check(page, stand.receipt(1), "good")
    for step in CONTROLS:
        result(page, step, "proved")
    for step in ("witnesses", "seal"):
        result(page, step, "open")
    expect(page.get_by_test_id("limits").locator("li")).to_have_count(6)
    expect(page.get_by_test_id("report")).to_contain_text("Locked: by command.")


def places_of(receipt: bytes) -> dict[str, int]:
    """Twelve places, one in each part of a receipt: where in the file, counted from its start."""
    head, note = receipt.split(b"\n\n", 1)
    extra = head.index(b"extra ") + 6
    extra_end = head.index(b"\n", extra)
    index = head.index(b"index ")
    path = head.index(b"\n", index) + 1
    begin = len(head) + 2
    origin_end = begin + note.index(b"\n")
    root = note.index(b"\n", note.index(b"\n") + 1) + 1 + begin
    signature = receipt.index("— ".encode())
    return {
        "header": 5,
        "statement": extra + 60,
        "gateway's signature": extra + 250,
        "salt": extra_end - 150,
        "body": extra_end - 90,
        "gateway's key": extra_end - 20,
        "index": index + 6,
        "path": path + 10,
        "origin": begin + 4,
        "size": origin_end + 1,
        "root": root + 7,
        "log's signature": signature + 60,
    }


def test_a_receipt_with_one_byte_changed_anywhere_is_refused(
    stand: LedgerStand, reader: Visitor
) -> None:
    page = reader.page()
    open_ledger(page, stand)
    receipt = stand.receipt(1)
    places = places_of(receipt)
    assert len(set(places.values())) == 12
    for at in places.values():
        # Another letter that is allowed there, so that more than the alphabet is checked.
        new = next(byte for byte in b"1234ABCD" if byte != receipt[at])
        check(page, receipt[:at] + bytes([new]) + receipt[at + 1 :], "bad")
    check(page, receipt, "good")


def test_what_is_no_receipt_is_named_as_that(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page("fr")
    open_ledger(page, stand)
    receipt = stand.receipt(0)
    note = receipt.split(b"\n\n", 1)[1]
    wrong = {
        "ce n’est pas un reçu": [b"\n\n", b"hello\n\n", note],
        "forme COSE": [b"\xd2\x84\x43\xa1\x01\x27\n\n"],
        "tronqué": [b"", receipt[:200], receipt.replace(b"index", b"Index")],
        "pas du texte": [b"\xff\xd8\xff\n\n", receipt.replace(b"extra ", b"extra \xff")],
        "taille permise": [receipt + b"\n" * 1_048_576],
        "contenu est illisible": [
            receipt.replace(receipt.split(b"\n")[1], b"extra AAAA"),
        ],
        "ne contient pas de déclaration": [receipt.replace(receipt.split(b"\n")[1] + b"\n", b"")],
        "note signée": [receipt.removesuffix(b"\n")],
    }
    for text, files in wrong.items():
        for data in files:
            check(page, data, "bad")
            expect(page.get_by_test_id("check-readable")).to_contain_text(text)


def test_a_receipt_of_another_log_is_refused_until_a_policy_names_it(
    stand: LedgerStand, reader: Visitor, tmp_path: Path
) -> None:
    page = reader.page()
    open_ledger(page, stand)
    other = LedgerStand(tmp_path)
    with serving(other.app) as address:
        other.url = address
        receipt, policy = other.receipt(1), other.policy_file.read_bytes()
    other.close()
    check(page, receipt, "bad")
    result(page, "signature", "failed")
    result(page, "inclusion", "open")
    expect(page.get_by_test_id("check-belongs")).to_have_count(0)
    page.get_by_test_id("policy-file").set_input_files(file(policy, "policy.txt"))
    # Both logs of this test have one name, and this server's key is not in that policy.
    expect(page.get_by_test_id("key-changed")).to_be_visible()
    result(page, "signature", "proved")
    result(page, "signature", "failed", "look")
    page.get_by_test_id("forget-policy").click()
    result(page, "signature", "failed")
    result(page, "signature", "proved", "look")


def test_the_log_is_held_against_what_was_seen_before(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
    open_ledger(page, stand)
    size = page.get_by_test_id("look").get_attribute("data-size")
    early = stand.receipt(2)
    stand.grow(2)
    page.reload()
    result(page, "continues", "proved", "look")
    expect(page.get_by_test_id("look-continues")).to_contain_text(f"the {size} entries")
    check(page, early, "good")
    # A receipt that is newer than the look makes the page look again.
    stand.grow(1)
    newest = int(size or 0) + 2
    check(page, stand.receipt(newest), "good")
    expect(page.get_by_test_id("look")).to_have_attribute("data-size", str(newest + 1))


def test_a_log_that_rolled_back_is_shown_with_both_checkpoints(
    stand: LedgerStand, reader: Visitor
) -> None:
    old = stand.copy("rolled-back")
    stand.grow(3)
    page = reader.page()
    open_ledger(page, stand)
    receipt = stand.newest_receipt()
    newest = page.get_by_test_id("look").get_attribute("data-size")
    with stand.showing(old):
        page.reload()
        expect(page.get_by_test_id("alarm-rollback")).to_be_visible()
        result(page, "rollback", "failed", "look")
        then, now = saved(page, "save-old"), saved(page, "save-new")
        assert then.split(b"\n")[1] == str(newest).encode()
        assert now == (old / "checkpoint").read_bytes()
        check(page, receipt, "bad")
        result(page, "alarm", "failed")
        # What was seen is not forgotten by looking again, only by saying so.
        page.get_by_test_id("look-again").click()
        page.reload()
        expect(page.get_by_test_id("alarm-rollback")).to_be_visible()
        page.get_by_test_id("forget-seen").click()
        expect(page.get_by_test_id("alarm-rollback")).to_have_count(0)
        result(page, "first", "open", "look")
        # The receipt is of a longer log than the one that is shown.
        check(page, receipt, "bad")
        result(page, "ahead", "failed")
        assert saved(page, "save-receipt-note").split(b"\n")[1] == str(newest).encode()
    page.reload()
    result(page, "continues", "proved", "look")


@pytest.mark.parametrize("more", [0, 5, 300])
def test_a_forked_log_is_shown_with_both_checkpoints(
    stand: LedgerStand, reader: Visitor, more: int
) -> None:
    page = reader.page()
    open_ledger(page, stand)
    size = int(page.get_by_test_id("look").get_attribute("data-size") or 0)
    receipt = stand.receipt(0)
    with stand.showing(stand.another_history(f"fork-{size}-{more}", size + more)):
        page.reload()
        expect(page.get_by_test_id("alarm-fork")).to_be_visible()
        result(page, "tree", "proved", "look")
        result(page, "fork", "failed", "look")
        assert saved(page, "save-old") != saved(page, "save-new")
        check(page, receipt, "bad")
        # Whoever comes for the first time sees it by the receipt alone.
        stranger = reader.page()
        open_ledger(stranger, stand)
        check(stranger, receipt, "bad")
        result(stranger, "departs", "failed")
        assert saved(stranger, "save-log-note") == saved(page, "save-new")


def test_a_forged_tile_below_a_true_root_is_refused(stand: LedgerStand, reader: Visitor) -> None:
    """The hashes of a tile count only once the tile was tied to the signed root."""
    true = stand.another_history("long", 600)
    early = stand.another_history("long-early", 100)
    page = reader.page()
    with stand.showing(early):
        open_ledger(page, stand)
    with stand.showing(true):
        page.reload()
        result(page, "continues", "proved", "look")
        page.get_by_test_id("number").fill("0")
        page.get_by_test_id("open-entry").click()
        expect(page.get_by_test_id("entry-fault")).to_contain_text("cannot be read")
    for name in ("tile/0/000", "tile/1/000.p/2"):
        forged = stand.folder / f"forged-{name.replace('/', '-')}"
        if not forged.exists():
            shutil.copytree(true, forged)
        tile = forged / name
        data = bytearray(tile.read_bytes())
        data[5] ^= 1
        tile.unlink()
        tile.write_bytes(bytes(data))
        fresh = reader.page()
        with stand.showing(early):
            open_ledger(fresh, stand)
        with stand.showing(forged):
            fresh.reload()
            step = "continues" if name == "tile/0/000" else "tree"
            result(fresh, step, "failed", "look")
            expect(fresh.get_by_test_id("look")).to_contain_text(re.compile("file"))
