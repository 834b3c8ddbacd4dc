"""/ledger in a real browser over the real API: the search, entries by number, and access."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from ledger_stand import LedgerStand, check, file, open_ledger, witnesses_of
from playwright.sync_api import Page, expect
from web_stand import Visitor

from fleet_backend.fleet import statements
from tests.api.api_stand import TOKEN


def test_entries_by_their_number_for_anybody(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
    open_ledger(page, stand)
    for text, shown in (("1", "entry"), ("999999", "entry-fault"), ("01", "entry-fault")):
        page.get_by_test_id("number").fill(text)
        page.get_by_test_id("open-entry").click()
        expect(page.get_by_test_id(shown)).to_be_visible()
        if shown == "entry":
            expect(page.get_by_test_id("entry")).to_contain_text("gw-2 says that it made statement")
            # The content is not in the log.
            expect(page.get_by_test_id("entry")).not_to_contain_text("Locked")


def test_the_operator_searches_by_vehicle_and_day(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
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


def grave_faults(page: Page) -> list[str]:
    results = Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [
        f"{fault['id']} {node['target']} {node['failureSummary']}"
        for fault in results["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize(
    ("locale", "scheme", "width"),
    [("en", "light", 390), ("fr", "dark", 1440)],
)
def test_no_serious_fault_of_access(
    stand: LedgerStand, reader: Visitor, locale: str, scheme: str, width: int
) -> None:
    page = reader.page(locale, color_scheme=scheme, viewport={"width": width, "height": 844})
    open_ledger(page, stand)
    assert grave_faults(page) == []
    page.get_by_test_id("token").fill(TOKEN)
    page.get_by_test_id("sign-in").click()
    page.get_by_test_id("search").click()
    page.get_by_test_id("check-1").click()
    expect(page.get_by_test_id("report")).to_have_attribute("data-verdict", "good")
    page.get_by_test_id("number").fill("0")
    page.get_by_test_id("open-entry").click()
    expect(page.get_by_test_id("entry")).to_be_visible()
    assert grave_faults(page) == []
    _, modern, policy = witnesses_of(stand)
    page.get_by_test_id("policy-file").set_input_files(file(policy, "policy.txt"))
    receipt = stand.receipt(1)
    check(page, receipt + modern.cosign(receipt.split(b"\n\n", 1)[1], 7), "bad")
    history = stand.another_history(f"axe-{locale}-{scheme}-{width}", stand.size + 1)
    with stand.showing(history):
        page.get_by_test_id("look-again").click()
        expect(page.get_by_test_id("alarm-fork")).to_be_visible()
        assert grave_faults(page) == []
    for key in page.locator("details.key-line > summary").all():
        key.click()
    for narrow in (width, 320):
        page.set_viewport_size({"width": narrow, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= narrow


def test_everything_is_reached_by_keyboard(stand: LedgerStand, reader: Visitor) -> None:
    page = reader.page()
    open_ledger(page, stand)
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.testid ?? ''"))
    assert {"receipt-file", "token", "sign-in", "number", "open-entry", "look-again"} <= reached
    assert "policy-file" in reached
