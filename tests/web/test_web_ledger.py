"""/ledger in a real browser over the real API: what holds, and every way in which it does not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_stand import LedgerStand, ModernWitness, Witness, file
from playwright.sync_api import Browser, Page, expect
from web_stand import Visitor

from fleet_backend.fleet import statements
from tests.api.api_stand import serving

CONTROLS = ("signature", "inclusion", "belongs", "gateway", "commitment")


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerStand]:
    made = LedgerStand(tmp_path_factory.mktemp("ledger-page"))
    with serving(made.app) as address:
        made.url = address
        yield made
    made.close()


@pytest.fixture
def visitor(stand: LedgerStand, chromium: Browser) -> Iterator[Visitor]:
    made = Visitor(chromium, stand.url)
    yield made
    made.close()


def open_ledger(page: Page, stand: LedgerStand, mark: str = "look") -> None:
    page.goto(f"{stand.url}/ledger")
    expect(page.get_by_test_id(mark)).to_be_visible()


def check(page: Page, receipt: bytes, verdict: str) -> None:
    """Choose the file and wait for this very file's verdict."""
    check.count = getattr(check, "count", 0) + 1  # type: ignore[attr-defined]
    name = f"receipt-{check.count}.txt"  # type: ignore[attr-defined]
    page.get_by_test_id("receipt-file").set_input_files(file(receipt, name))
    expect(page.get_by_text(name)).to_be_visible()
    expect(page.get_by_test_id("report")).to_have_attribute("data-verdict", verdict)
    # Every blank was filled in.
    assert not re.search(r"[{}]|undefined|null|NaN", page.get_by_test_id("report").inner_text())


def result(page: Page, step: str, value: str, family: str = "check") -> None:
    found = page.get_by_test_id(f"{family}-{step}")
    expect(found).to_have_attribute("data-result", value)


def test_a_good_receipt_and_what_is_proved_of_it(stand: LedgerStand, visitor: Visitor) -> None:
    page = visitor.page()
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
    stand: LedgerStand, visitor: Visitor
) -> None:
    page = visitor.page()
    open_ledger(page, stand)
    receipt = stand.receipt(1)
    places = places_of(receipt)
    assert len(set(places.values())) == 12
    for at in places.values():
        # Another letter that is allowed there, so that more than the alphabet is checked.
        new = next(byte for byte in b"1234ABCD" if byte != receipt[at])
        check(page, receipt[:at] + bytes([new]) + receipt[at + 1 :], "bad")
    check(page, receipt, "good")


def test_what_is_no_receipt_is_named_as_that(stand: LedgerStand, visitor: Visitor) -> None:
    page = visitor.page("fr")
    open_ledger(page, stand)
    receipt = stand.receipt(0)
    note = receipt.split(b"\n\n", 1)[1]
    wrong = {
        "ce n’est pas un reçu": [b"\n\n", b"hello\n\n", note],
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
    stand: LedgerStand, visitor: Visitor, tmp_path: Path, chromium: Browser
) -> None:
    page = visitor.page()
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


def test_the_log_is_held_against_what_was_seen_before(stand: LedgerStand, visitor: Visitor) -> None:
    page = visitor.page()
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
    stand: LedgerStand, visitor: Visitor
) -> None:
    old = stand.copy("rolled-back")
    stand.grow(3)
    page = visitor.page()
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


def saved(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_test_id(button).click()
    return Path(download.value.path()).read_bytes()


@pytest.mark.parametrize("more", [0, 5, 300])
def test_a_forked_log_is_shown_with_both_checkpoints(
    stand: LedgerStand, visitor: Visitor, more: int
) -> None:
    page = visitor.page()
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
        stranger = visitor.page()
        open_ledger(stranger, stand)
        check(stranger, receipt, "bad")
        result(stranger, "departs", "failed")
        assert saved(stranger, "save-log-note") == saved(page, "save-new")


def test_a_forged_tile_below_a_true_root_is_refused(stand: LedgerStand, visitor: Visitor) -> None:
    """The hashes of a tile count only once the tile was tied to the signed root."""
    true = stand.another_history("long", 600)
    early = stand.another_history("long-early", 100)
    page = visitor.page()
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
            import shutil

            shutil.copytree(true, forged)
        tile = forged / name
        data = bytearray(tile.read_bytes())
        data[5] ^= 1
        tile.unlink()
        tile.write_bytes(bytes(data))
        fresh = visitor.page()
        with stand.showing(early):
            open_ledger(fresh, stand)
        with stand.showing(forged):
            fresh.reload()
            step = "continues" if name == "tile/0/000" else "tree"
            result(fresh, step, "failed", "look")
            expect(fresh.get_by_test_id("look")).to_contain_text(re.compile("file"))


def witnesses_of(stand: LedgerStand) -> tuple[list[Witness], ModernWitness, bytes]:
    some = [Witness(f"w{number}.example", 50 + number) for number in range(3)]
    modern = ModernWitness("pq.example")
    lines = [f"witness w{n} {one.verifier.vkey}" for n, one in enumerate(some)]
    lines += [f"witness pq {modern.vkey}", "group most 2 w0 w1 w2 pq", "quorum most"]
    return some, modern, stand.policy(lines)


def test_cosigned_logs_with_and_without_their_quorum(stand: LedgerStand, visitor: Visitor) -> None:
    page = visitor.page()
    some, modern, policy = witnesses_of(stand)
    open_ledger(page, stand)
    page.get_by_test_id("policy-file").set_input_files(file(policy, "policy.txt"))
    expect(page.get_by_test_id("quorum")).to_contain_text("2 of (w0, w1, w2, pq)")
    result(page, "witnesses", "failed", "look")
    receipt = stand.receipt(1)
    note = receipt.split(b"\n\n", 1)[1]
    one, two = (witness.cosign(note, 1_700_000_000) for witness in some[:2])
    twice = some[0].cosign(note, 1_700_000_001)
    unknown = Witness("w9.example", 99).cosign(note, 1)
    cases = [
        (receipt, "bad", "witnesses", "failed"),
        (receipt + one, "bad", "witnesses", "failed"),
        (receipt + one + twice, "bad", "witnesses", "failed"),
        (receipt + one + unknown, "bad", "witnesses", "failed"),
        (receipt + one + two, "good", "witnesses", "proved"),
        # Not counted, and not held against the receipt either.
        (receipt + one + modern.cosign(note, 7), "partial", "quorum", "open"),
        (receipt + one + two + modern.cosign(note, 7), "good", "witnesses", "proved"),
        (receipt + modern.cosign(note, 7), "bad", "witnesses", "failed"),
    ]
    for data, verdict, step, value in cases:
        check(page, data, verdict)
        result(page, step, value)
    check(page, receipt + one + two + modern.cosign(note, 7), "good")
    told = page.get_by_test_id("check-witnesses")
    expect(told).to_contain_text("w0, Nov 14, 2023")
    expect(told).to_contain_text("pq: ML-DSA-44, not checked here and not counted")
    # A known witness whose line does not verify spoils the whole note.
    other = some[2].cosign(note.replace(b"\n", b"\n1", 1), 5)
    check(page, receipt + one + two + other, "bad")
    result(page, "signature", "failed")
    # The file is remembered, and forgotten at a press.
    page.reload()
    expect(page.get_by_test_id("policy")).to_be_visible()
    page.get_by_test_id("forget-policy").click()
    expect(page.get_by_test_id("policy")).to_have_count(0)
    check(page, receipt + one, "good")


def test_policies_that_cannot_be_used_are_named(stand: LedgerStand, visitor: Visitor) -> None:
    page = visitor.page()
    open_ledger(page, stand)
    good = stand.policy_file.read_bytes()
    wrong = {
        "does not end in a newline": good.rstrip(b"\n"),
        "no quorum line": good.split(b"\n")[0] + b"\n",
        "names no log": b"quorum none\n",
        "line 2: it is not a line of a policy": good.replace(b"quorum", b"quorom"),
        "line 1: the verifier key": good.replace(b"log.example", b"log.exampel", 1),
        "a character that must not be there": good.replace(b"\n", b"\r\n"),
    }
    for text, data in wrong.items():
        page.get_by_test_id("policy-file").set_input_files(file(data, "policy.txt"))
        expect(page.get_by_test_id("policy-fault")).to_contain_text(text)
        expect(page.get_by_test_id("policy")).to_have_count(0)
    page.get_by_test_id("policy-file").set_input_files(file(good, "policy.txt"))
    expect(page.get_by_test_id("policy")).to_be_visible()
    expect(page.get_by_test_id("policy-fault")).to_have_count(0)
    expect(page.get_by_test_id("quorum")).to_have_text("No witness is asked for.")


def test_another_key_of_the_log_is_an_alarm(stand: LedgerStand, visitor: Visitor) -> None:
    page = visitor.page()
    open_ledger(page, stand)
    true = stand.policy_file.read_text()
    other = Witness(stand.vkey.split("+")[0], 77).verifier
    from fleet_backend.ledger.note import ED25519, Verifier

    false = Verifier(other.name, ED25519, other.public_key)
    stand.policy_file.write_text(true.replace(stand.vkey, false.vkey))
    try:
        page.reload()
        expect(page.get_by_test_id("key-changed")).to_be_visible()
        expect(page.get_by_test_id("key-changed").get_by_test_id("fingerprint")).to_have_count(2)
        # The known key goes on deciding.
        check(page, stand.receipt(1), "good")
        page.get_by_test_id("trust-key").click()
        expect(page.get_by_test_id("key-changed")).to_have_count(0)
        expect(page.get_by_test_id("report")).to_have_attribute("data-verdict", "bad")
        result(page, "signature", "failed", "look")
    finally:
        stand.policy_file.write_text(true)


def test_receipts_are_checked_with_the_network_cut(stand: LedgerStand, visitor: Visitor) -> None:
    page = visitor.page()
    open_ledger(page, stand)
    known = stand.receipt(1)
    stand.grow(1)
    newer = stand.newest_receipt()
    page.context.set_offline(True)
    check(page, known, "good")
    check(page, newer, "partial")
    result(page, "away", "open")
    check(page, known.replace(b"index 1", b"index 2"), "bad")
    expect(page.get_by_test_id("away")).to_be_visible()
    page.get_by_test_id("number").fill("0")
    page.get_by_test_id("open-entry").click()
    expect(page.get_by_test_id("entry-fault")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_test_id("look-again").click()
    expect(page.get_by_test_id("away")).to_have_count(0)


def test_a_file_can_be_dropped(stand: LedgerStand, visitor: Visitor) -> None:
    page = visitor.page()
    open_ledger(page, stand)
    drop = """(zone, [text, name]) => {
      const data = new DataTransfer();
      data.items.add(new File([text], name));
      for (const type of ["dragover", "drop"]) {
        zone.dispatchEvent(
          new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
      }
    }"""
    zone = page.get_by_test_id("drop")
    zone.evaluate(drop, [stand.receipt(0).decode(), "dropped.txt"])
    expect(page.get_by_test_id("report")).to_have_attribute("data-verdict", "good")
    zone.evaluate(drop, [stand.policy_file.read_text(), "policy.txt"])
    expect(page.get_by_test_id("policy")).to_be_visible()
    expect(page.get_by_test_id("report")).to_have_attribute("data-verdict", "good")


def test_a_browser_without_ed25519_proves_nothing(stand: LedgerStand, visitor: Visitor) -> None:
    page = visitor.page()
    page.add_init_script("""
      const real = crypto.subtle.importKey.bind(crypto.subtle);
      crypto.subtle.importKey = (...given) => given[2] === "Ed25519"
        ? Promise.reject(new DOMException("", "NotSupportedError")) : real(...given);
    """)
    open_ledger(page, stand, "no-ed25519")
    expect(page.get_by_test_id("receipt-file")).to_have_count(0)
    expect(page.get_by_test_id("look")).to_have_count(0)


def test_entries_by_their_number_for_anybody(stand: LedgerStand, visitor: Visitor) -> None:
    page = visitor.page()
    open_ledger(page, stand)
    for text, shown in (("1", "entry"), ("999999", "entry-fault"), ("01", "entry-fault")):
        page.get_by_test_id("number").fill(text)
        page.get_by_test_id("open-entry").click()
        expect(page.get_by_test_id(shown)).to_be_visible()
        if shown == "entry":
            expect(page.get_by_test_id("entry")).to_contain_text("gw-2 says that it made statement")
            # The content is not in the log.
            expect(page.get_by_test_id("entry")).not_to_contain_text("Locked")


def test_the_operator_searches_by_vehicle_and_day(stand: LedgerStand, visitor: Visitor) -> None:
    from ledger_stand import TOKEN

    page = visitor.page()
    open_ledger(page, stand)
    expect(page.get_by_test_id("search")).to_have_count(0)
    page.get_by_test_id("token").fill("not the token of anybody")
    page.get_by_test_id("sign-in").click()
    page.get_by_test_id("search").click()
    expect(page.get_by_test_id("find-problem")).to_be_visible()
    page.get_by_test_id("token").fill(TOKEN)
    page.get_by_test_id("sign-in").click()
    page.get_by_test_id("vehicle").fill("trike-1")
    page.get_by_test_id("search").click()
    expect(page.get_by_test_id("results").locator("li.event")).to_have_count(3)
    expect(page.get_by_test_id("results")).to_contain_text("trike-1: Locked: by command.")
    page.get_by_test_id("check-1").click()
    expect(page.get_by_test_id("report")).to_have_attribute("data-verdict", "good")
    today = page.evaluate("""() => {
      const now = new Date(), two = (n) => String(n).padStart(2, "0");
      return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
    }""")
    page.get_by_test_id("day").fill(today)
    page.get_by_test_id("search").click()
    expect(page.get_by_test_id("results").locator("li.event")).to_have_count(3)
    page.get_by_test_id("day").fill("2001-02-03")
    page.get_by_test_id("search").click()
    expect(page.get_by_test_id("find-none")).to_be_visible()
    page.get_by_test_id("vehicle").fill("trike-99")
    page.get_by_test_id("search").click()
    expect(page.get_by_test_id("find-problem")).to_be_visible()
    # What was erased stays an entry; its receipt is gone.
    with stand.api.database.begin() as connection:
        statements.erase_body(connection, statements.by_leaf(connection, 2).id)
    page.get_by_test_id("vehicle").fill("trike-1")
    page.get_by_test_id("day").fill("")
    page.get_by_test_id("search").click()
    expect(page.get_by_test_id("results")).to_contain_text("Its content is not kept")
    expect(page.get_by_test_id("check-2")).to_have_count(0)
    page.get_by_test_id("sign-out").click()
    expect(page.get_by_test_id("results")).to_have_count(0)
    assert page.evaluate("sessionStorage.length") == 0
