"""The pages against the real stack: a rider unlocks and locks, an operator proves it."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from running import RunningStack
from web_stand import Visitor

VEHICLE = "trike-1"
# A ride on the real firmware takes its time; the pages bound their own waits.
LONG_MS = 60_000


@pytest.fixture
def visitor(stack: RunningStack, chromium: Browser) -> Iterator[Visitor]:
    made = Visitor(chromium, stack.address)
    yield made
    made.close()


def no_serious_fault(page: Page) -> None:
    results = Axe().run(page, options={"resultTypes": ["violations"]}).response
    grave = [item for item in results["violations"] if item["impact"] in ("serious", "critical")]
    assert grave == [], [item["id"] for item in grave]


def unlock(page: Page, stack: RunningStack) -> None:
    page.goto(f"{stack.address}/ride")
    page.get_by_test_id(f"vehicle-{VEHICLE}").get_by_role("link").click()
    page.get_by_test_id("unlock").click()
    expect(page.get_by_test_id("lock")).to_be_visible(timeout=LONG_MS)


def lock(page: Page) -> None:
    page.get_by_test_id("lock").click()
    expect(page.get_by_test_id("ended")).to_have_attribute("data-how", "lock", timeout=LONG_MS)


def test_a_ride_seen_from_both_sides(stack: RunningStack, visitor: Visitor) -> None:
    """The office reads English, and the rider French."""
    token = stack.layout.operator_token.read_text().strip()
    office = visitor.page("en", viewport={"width": 1440, "height": 900})
    office.goto(f"{stack.address}/fleet#token={token}")
    marker = office.get_by_test_id(f"marker-{VEHICLE}")
    expect(marker).to_have_attribute("data-state", "LOCKED", timeout=LONG_MS)
    before = marker.evaluate("element => element.style.transform")

    phone = visitor.page("fr")
    unlock(phone, stack)
    expect(phone.get_by_test_id("ride-state")).to_have_attribute(
        "data-state", "DRIVE", timeout=LONG_MS
    )
    expect(phone.get_by_test_id("speed")).to_have_text(re.compile(r"^[1-9]\d*$"), timeout=LONG_MS)
    no_serious_fault(phone)

    expect(marker).to_have_attribute("data-state", "DRIVE", timeout=LONG_MS)
    office.wait_for_function(
        "([element, before]) => element.style.transform !== before",
        arg=[marker.element_handle(), before],
        timeout=LONG_MS,
    )
    no_serious_fault(office)

    lock(phone)
    no_serious_fault(phone)
    for name in ("unlock", "lock"):
        block = phone.get_by_test_id(f"receipt-{name}")
        block.get_by_test_id("check-receipt").click()
        report = block.get_by_test_id("report")
        expect(report).to_have_attribute("data-verdict", "good", timeout=LONG_MS)
    expect(marker).to_have_attribute("data-state", "LOCKED", timeout=LONG_MS)


def test_the_operator_proves_an_event_in_the_browser(stack: RunningStack, visitor: Visitor) -> None:
    token = stack.layout.operator_token.read_text().strip()
    page = visitor.page(viewport={"width": 1440, "height": 900})
    page.goto(f"{stack.address}/fleet#token={token}")
    expect(page.get_by_test_id(f"vehicle-{VEHICLE}")).to_be_visible(timeout=LONG_MS)
    page.goto(f"{stack.address}/fleet#/vehicle/{VEHICLE}")
    events = page.get_by_test_id("events")
    expect(events).to_be_visible(timeout=LONG_MS)
    events.get_by_test_id("check-receipt").first.click()
    report = page.get_by_test_id("report").first
    expect(report).to_have_attribute("data-verdict", "good", timeout=LONG_MS)
    no_serious_fault(page)
