"""/ledger in a real browser over the real API: witnesses, policies, keys, no network."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from ledger_stand import (
    LedgerStand,
    Witness,
    check,
    file,
    open_ledger,
    result,
    witnesses_of,
)
from playwright.sync_api import Route, expect
from web_stand import Visitor

from fleet_backend.ledger.note import ED25519, Verifier


def test_cosigned_logs_with_and_without_their_quorum(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
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
    # Two of four: two histories need no liar.
    expect(page.get_by_test_id("limits")).to_contain_text("though none of them lies")
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


def test_policies_that_cannot_be_used_are_named(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
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


def test_another_key_of_the_log_is_an_alarm(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
    open_ledger(page, stand)
    true = stand.policy_file.read_text()
    other = Witness(stand.vkey.split("+")[0], 77).verifier
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


def test_the_fingerprint_is_what_sha256sum_says(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
    open_ledger(page, stand)
    shown = page.get_by_test_id("fingerprint").inner_text().replace(" ", "")
    assert shown == sha256(stand.vkey.encode()).hexdigest()[:32]


def test_two_tabs_of_a_growing_log_raise_no_alarm(stand: LedgerStand, reader: Visitor) -> None:
    first = reader.page()
    open_ledger(first, stand)
    second = reader.watch(first.context.new_page())
    open_ledger(second, stand)
    for _ in range(3):
        stand.grow(1)
        for page in (first, second):
            page.get_by_test_id("look-again").click()
        for page in (second, first):
            size = page.get_by_test_id("look")
            expect(size).to_have_attribute("data-size", str(stand.size))
            result(page, "continues", "proved", "look")


def test_receipts_are_checked_with_the_network_cut(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
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


def test_a_file_can_be_dropped(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
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
    # A policy is offered, never taken: a stranger may have sent it as a receipt.
    false = Witness("log.evil/x", 78).verifier
    evil = f"log {Verifier(false.name, ED25519, false.public_key).vkey}\nquorum none\n"
    zone.evaluate(drop, [evil, "my-ride.txt"])
    expect(page.get_by_test_id("offered")).to_contain_text("Log log.evil/x")
    expect(page.get_by_test_id("policy")).to_have_count(0)
    page.get_by_test_id("refuse-offered").click()
    expect(page.get_by_test_id("offered")).to_have_count(0)
    check(page, stand.receipt(0), "good")
    zone.evaluate(drop, [stand.policy_file.read_text(), "policy.txt"])
    expect(page.get_by_test_id("report")).to_have_count(0)
    page.get_by_test_id("believe-offered").click()
    expect(page.get_by_test_id("policy")).to_be_visible()
    expect(page.get_by_test_id("offered")).to_have_count(0)
    check(page, stand.receipt(0), "good")


def test_no_file_leaves_the_browser(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
    open_ledger(page, stand)
    asked: list[tuple[str, str]] = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    check(page, stand.receipt(1), "good")
    check(page, stand.receipt(1)[:300], "bad")
    page.get_by_test_id("policy-file").set_input_files(file(stand.policy(["quorum none"])))
    expect(page.get_by_test_id("policy")).to_be_visible()
    log = f"{stand.url}/ledger/"
    files = ("checkpoint", "tile/")
    assert [one for one in asked if one[0] != "GET"] == []
    assert [url for _, url in asked if not url.removeprefix(log).startswith(files)] == []


@pytest.mark.parametrize("named", ["null", '"nonsense"', '"log.example/fleet+00000000+AAAA"'])
def test_without_the_logs_key_nothing_is_proved(
    stand: LedgerStand, reader: Visitor, named: str
) -> None:
    page = reader.page()
    body = f'{{"log_vkey": {named}}}'
    page.route("**/site.json", lambda route: route.fulfill(body=body, content_type="text/json"))
    open_ledger(page, stand, "no-key")
    check(page, stand.receipt(1), "partial")
    for step in ("signature", "inclusion"):
        result(page, step, "open")
    page.get_by_test_id("policy-file").set_input_files(file(stand.policy(["quorum none"])))
    expect(page.get_by_test_id("report")).to_have_attribute("data-verdict", "good")


def answering(status: int, body: str) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status, body=body)


def test_a_log_that_answers_nonsense_or_nothing(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
    answers = [(503, "", "away"), (200, "", "look"), (404, "", "look"), (200, "a\n\nb\n", "look")]
    open_ledger(page, stand)
    receipt = stand.receipt(1)
    for status, body, shown in answers:
        page.route("**/ledger/checkpoint", answering(status, body))
        page.reload()
        expect(page.get_by_test_id(shown)).to_be_visible()
        if shown == "look":
            result(page, "signature", "failed", "look")
        check(page, receipt, "partial")
        page.unroute("**/ledger/checkpoint")
    # What was seen before is still known.
    page.reload()
    result(page, "continues", "proved", "look")


def test_a_browser_without_ed25519_proves_nothing(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
    page.add_init_script("""
      const real = crypto.subtle.importKey.bind(crypto.subtle);
      crypto.subtle.importKey = (...given) => given[2] === "Ed25519"
        ? Promise.reject(new DOMException("", "NotSupportedError")) : real(...given);
    """)
    open_ledger(page, stand, "no-ed25519")
    expect(page.get_by_test_id("receipt-file")).to_have_count(0)
    expect(page.get_by_test_id("look")).to_have_count(0)
