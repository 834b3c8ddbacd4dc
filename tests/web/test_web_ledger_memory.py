"""/ledger where the browser keeps nothing, or keeps what this page never wrote."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_stand import LedgerStand, check, file, open_ledger, result, witnesses_of
from playwright.sync_api import Page, expect
from web_stand import Visitor

from fleet_backend.ledger.keys import log_signer

BROKEN = {
    "missing": "Object.defineProperty(window, 'indexedDB', { value: undefined });",
    "blocked": "IDBFactory.prototype.open = () => { throw new DOMException('', 'DataError'); };",
    "full": """IDBObjectStore.prototype.put = function () {
      throw new DOMException("", "QuotaExceededError"); };""",
}
PUT = """async ([key, text]) => {
  const octets = () => new Uint8Array(32);
  const value = JSON.parse(text, (name, item) => (item === "octets" ? octets() : item));
  const open = indexedDB.open("trifleet", 1);
  const db = await new Promise((done) => { open.onsuccess = () => done(open.result); });
  const work = db.transaction("values", "readwrite");
  work.objectStore("values").put(value, key);
  await new Promise((done) => { work.oncomplete = done; });
  db.close();
}"""


@pytest.mark.parametrize("how", BROKEN)
def test_a_browser_that_keeps_nothing_checks_all_the_same(
    stand: LedgerStand, reader: Visitor, how: str
) -> None:
    page = reader.page()
    page.add_init_script(BROKEN[how])
    open_ledger(page, stand)
    expect(page.get_by_test_id("memory-none")).to_be_visible()
    result(page, "first", "open", "look")
    expect(page.get_by_test_id("look-first")).to_contain_text("until you leave")
    check(page, stand.receipt(1), "good")
    page.get_by_test_id("look-again").click()
    result(page, "continues", "proved", "look")  # of this visit
    page.get_by_test_id("policy-file").set_input_files(file(witnesses_of(stand)[2], "policy.txt"))
    expect(page.get_by_test_id("policy")).to_be_visible()
    page.get_by_test_id("forget-policy").click()
    expect(page.get_by_test_id("policy")).to_have_count(0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ledger-policy", {}),
        ("ledger-seen:ORIGIN", {"origin": "ORIGIN"}),
        ("ledger-seen:ORIGIN", {"origin": "ORIGIN", "size": 5, "root": "octets", "note": "octets"}),
        ("log-vkey", 7),
        ("log-vkey", {"vkey": "nonsense"}),
    ],
)
def test_a_damaged_memory_is_named_and_not_used(
    stand: LedgerStand, reader: Visitor, key: str, value: object
) -> None:
    page = reader.page()
    open_ledger(page, stand)
    origin = stand.vkey.split("+")[0]
    page.evaluate(PUT, [key.replace("ORIGIN", origin), json.dumps(value).replace("ORIGIN", origin)])
    page.reload()
    expect(page.get_by_test_id("memory-damaged")).to_be_visible()
    expect(page.get_by_test_id("look")).to_have_attribute("data-size", str(stand.size))
    check(page, stand.receipt(1), "good")
    page.reload()  # and is written anew
    result(page, "continues", "proved", "look")


def test_another_key_with_another_history_is_not_called_evidence(
    stand: LedgerStand, reader: Visitor
) -> None:
    page: Page = reader.page()
    open_ledger(page, stand)
    true, key = stand.policy_file.read_text(), stand.key
    stand.key = Ed25519PrivateKey.from_private_bytes(bytes([79]) * 32)
    new = log_signer(stand.vkey.split("+")[0], stand.key).verifier.vkey
    try:
        with stand.showing(stand.another_history("new-key", 20)):
            stand.policy_file.write_text(true.replace(stand.vkey, new))
            page.reload()
            page.get_by_test_id("trust-key").click()
            alarm = page.get_by_test_id("alarm-fork")
            expect(alarm).to_contain_text("signed with another key")
            expect(alarm).not_to_contain_text("evidence")
    finally:
        stand.key = key
        stand.policy_file.write_text(true)
