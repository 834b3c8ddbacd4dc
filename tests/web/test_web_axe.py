"""axe-core on every screen, in both languages, light and dark: no serious or critical fault."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from web_api import TOKEN
from web_stand import Visitor, WebServer

from protocol import refusal


def check(page: Page, screen: str) -> None:
    results = Axe().run(page, options={"resultTypes": ["violations"]}).response
    grave = [
        f"{screen}: {fault['id']} {node['target']} {node['failureSummary']}"
        for fault in results["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
    assert grave == []


@pytest.mark.parametrize(
    ("locale", "scheme", "width"), [("en", "light", 390), ("fr", "dark", 1440)]
)
def test_ride_has_no_serious_fault(
    web: WebServer, visitor: Visitor, locale: str, scheme: str, width: int
) -> None:
    page = visitor.page(locale, color_scheme=scheme, viewport={"width": width, "height": 844})
    page.goto(web.url)
    expect(page.get_by_test_id("door-ride")).to_be_visible()
    check(page, "home")
    page.goto(f"{web.url}/ride")
    link = page.get_by_test_id("vehicle-trike-1").get_by_role("link")
    expect(link).to_be_visible()
    check(page, "list")
    link.click()
    check(page, "vehicle")
    web.fleet.vehicles["trike-1"].holds_answer = True
    page.get_by_test_id("unlock").click()
    expect(page.get_by_test_id("step-answer")).to_have_attribute("data-state", "now")
    check(page, "unlocking")
    web.fleet.vehicles["trike-1"].holds_answer = False
    expect(page.get_by_test_id("ride-state")).to_have_attribute("data-state", "DRIVE")
    page.get_by_test_id("lock").click()
    expect(page.get_by_test_id("stop-to-lock")).to_be_visible()
    check(page, "pending")
    web.fleet.vehicles["trike-1"].stops_when_asked = True
    page.get_by_test_id("receipt-unlock").get_by_test_id("check-receipt").click()
    expect(page.get_by_test_id("report")).to_be_visible()
    check(page, "ended")
    width_of_all = page.evaluate("document.documentElement.scrollWidth")
    assert width_of_all <= width


@pytest.mark.parametrize(
    ("locale", "scheme", "width"), [("en", "light", 390), ("fr", "dark", 1440)]
)
def test_codes_have_no_serious_fault(
    web: WebServer, visitor: Visitor, locale: str, scheme: str, width: int
) -> None:
    page = visitor.page(locale, color_scheme=scheme, viewport={"width": width, "height": 844})
    vehicle = web.fleet.vehicles["trike-1"]
    page.goto(f"{web.url}/ride#/v/trike-1/codes")
    expect(page.get_by_test_id("codes-get")).to_be_visible()
    check(page, "codes, none")
    vehicle.holds_answer = True
    vehicle.refuse_next = [refusal.STATE]
    page.get_by_test_id("codes-get").click()
    expect(page.get_by_test_id("step-answer")).to_have_attribute("data-state", "now")
    check(page, "codes, under way")
    vehicle.holds_answer = False
    expect(page.get_by_test_id("codes-refused")).to_be_visible()
    check(page, "codes, refused")
    page.get_by_test_id("codes-again").click()
    expect(page.get_by_test_id("codes-done")).to_be_visible()
    page.get_by_test_id("code-1").get_by_test_id("mark").click()
    page.get_by_test_id("refusals").locator("summary").click()
    page.get_by_test_id("codes-remove").click()
    check(page, "codes, deposited")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"{web.url}/ride#")
    expect(page.get_by_test_id("codes-card-trike-1")).to_be_visible()
    check(page, "list with codes")


@pytest.mark.parametrize(
    ("locale", "scheme", "width"), [("fr", "light", 390), ("en", "dark", 1440)]
)
def test_fleet_has_no_serious_fault(
    web: WebServer, visitor: Visitor, locale: str, scheme: str, width: int
) -> None:
    page = visitor.page(locale, color_scheme=scheme, viewport={"width": width, "height": 844})
    page.goto(f"{web.url}/fleet")
    expect(page.get_by_test_id("token")).to_be_visible()
    check(page, "token")
    page.goto(f"{web.url}/fleet#token={TOKEN}")
    expect(page.get_by_test_id("marker-trike-1")).to_be_visible()
    check(page, "overview")
    web.fleet.vehicles["trike-1"].present(b"forged")
    page.goto(f"{web.url}/fleet#/vehicle/trike-1")
    page.get_by_test_id("event-1-1").get_by_test_id("check-receipt").click()
    expect(page.get_by_test_id("report")).to_be_visible()
    check(page, "vehicle")
    page.get_by_test_id("tab-refusals").click()
    expect(page.get_by_test_id("refusal")).to_be_visible()
    check(page, "refusals")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
