"""/ride against the contract: nothing is shown as done before the vehicle's own record says so."""

import re

import pytest
from playwright.sync_api import Page, expect
from web_stand import Visitor, WebServer

from protocol import refusal

VEHICLE = "trike-1"


def open_vehicle(page: Page, web: WebServer) -> None:
    page.goto(f"{web.url}/ride")
    page.get_by_test_id(f"vehicle-{VEHICLE}").get_by_role("link").click()
    expect(page.get_by_test_id("unlock")).to_be_visible()


def unlock(page: Page, web: WebServer) -> None:
    open_vehicle(page, web)
    page.get_by_test_id("unlock").click()
    expect(page.get_by_test_id("lock")).to_be_visible(timeout=20_000)


def test_unlock_ride_lock_and_check_both_receipts(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    vehicle = web.fleet.vehicles[VEHICLE]
    unlock(page, web)
    assert vehicle.state != 0
    expect(page.get_by_test_id("ride-state")).to_have_attribute("data-state", "DRIVE")
    expect(page.get_by_test_id("speed")).to_have_text(re.compile(r"^[1-9]\d*$"))
    page.get_by_test_id("lock").click()
    expect(page.get_by_test_id("stop-to-lock")).to_be_visible()
    assert vehicle.state == 3
    vehicle.stops_when_asked = True
    expect(page.get_by_test_id("ended")).to_have_attribute("data-how", "lock")
    assert vehicle.state == 0
    for name in ("unlock", "lock"):
        block = page.get_by_test_id(f"receipt-{name}")
        block.get_by_test_id("check-receipt").click()
        expect(block.get_by_test_id("report")).to_have_attribute("data-verdict", "good")
        for step in ("signature", "inclusion", "gateway", "commitment"):
            expect(block.get_by_test_id(f"proof-{step}")).to_have_attribute("data-result", "proved")
        for step in ("witnesses", "seal"):
            expect(block.get_by_test_id(f"proof-{step}")).to_have_attribute("data-result", "open")


def test_pending_until_the_vehicle_answers(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.vehicles[VEHICLE].holds_answer = True
    open_vehicle(page, web)
    page.get_by_test_id("unlock").click()
    expect(page.get_by_test_id("step-answer")).to_have_attribute("data-state", "now")
    assert page.get_by_test_id("lock").count() == 0
    web.fleet.vehicles[VEHICLE].holds_answer = False
    expect(page.get_by_test_id("lock")).to_be_visible()


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_refusal_is_shown_in_words(web: WebServer, visitor: Visitor, locale: str) -> None:
    page = visitor.page(locale)
    web.fleet.vehicles[VEHICLE].refuse_next = [refusal.REVOKED]
    open_vehicle(page, web)
    page.get_by_test_id("unlock").click()
    text = page.get_by_test_id("refusal-text")
    expect(text).to_have_attribute("data-code", "12")
    expect(text).to_have_text(re.compile("revoked" if locale == "en" else "révoquée"))
    assert page.get_by_test_id("lock").count() == 0


def test_missed_challenge_is_tried_once_more_and_only_once(
    web: WebServer, visitor: Visitor
) -> None:
    page = visitor.page()
    vehicle = web.fleet.vehicles[VEHICLE]
    vehicle.challenge()
    vehicle.spend_challenge()
    unlock(page, web)
    assert len(web.fleet.commands) == 2
    codes = [entry.record.body[1] for entry in vehicle.entries if entry.record.kind == 4]
    assert codes == [refusal.CHALLENGE]


def test_second_missed_challenge_is_a_refusal(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.vehicles[VEHICLE].refuse_next = [refusal.CHALLENGE, refusal.CHALLENGE]
    open_vehicle(page, web)
    page.get_by_test_id("unlock").click()
    expect(page.get_by_test_id("refusal-text")).to_have_attribute("data-code", "3")
    assert len(web.fleet.commands) == 2


def test_reload_during_a_ride_and_during_a_wait(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    vehicle = web.fleet.vehicles[VEHICLE]
    vehicle.holds_answer = True
    open_vehicle(page, web)
    page.get_by_test_id("unlock").click()
    expect(page.get_by_test_id("step-answer")).to_have_attribute("data-state", "now")
    page.reload()
    expect(page.get_by_test_id("step-answer")).to_have_attribute("data-state", "now")
    vehicle.holds_answer = False
    expect(page.get_by_test_id("lock")).to_be_visible()
    expect(page.get_by_test_id("ride-state")).to_have_attribute("data-state", "DRIVE")
    page.reload()
    expect(page.get_by_test_id("ride-state")).to_have_attribute("data-state", "DRIVE")
    assert len(web.fleet.commands) == 1
    page.get_by_test_id("lock").click()
    expect(page.get_by_test_id("stop-to-lock")).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("stop-to-lock")).to_be_visible()
    vehicle.stops_when_asked = True
    expect(page.get_by_test_id("ended")).to_be_visible()


def test_vehicle_that_locks_itself_ends_the_ride(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.vehicles[VEHICLE].rides = False
    web.fleet.vehicles[VEHICLE].no_action_s = 2.0
    unlock(page, web)
    expect(page.get_by_test_id("ready")).to_be_visible()
    expect(page.get_by_test_id("ended")).to_have_attribute("data-how", "itself")


def test_grant_refused_and_vehicle_unavailable(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.grant_refusal = "no-delegation"
    open_vehicle(page, web)
    page.get_by_test_id("unlock").click()
    expect(page.get_by_test_id("problem")).to_contain_text("automatic permissions")
    page.get_by_test_id("dismiss").click()
    expect(page.get_by_test_id("unlock")).to_be_visible()
    web.fleet.vehicles[VEHICLE].enter(2, 1)
    page.reload()
    expect(page.get_by_test_id("unavailable")).to_be_visible()


def test_api_down_is_named_and_comes_back(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.down = True
    page.goto(f"{web.url}/ride")
    expect(page.get_by_test_id("api-error")).to_be_visible()
    page.route("**/v1/**", lambda route: route.abort())
    page.get_by_test_id("retry").click()
    expect(page.get_by_test_id("api-error")).to_contain_text("No connection")
    page.unroute("**/v1/**")
    web.fleet.down = False
    page.get_by_test_id("retry").click()
    expect(page.get_by_test_id(f"vehicle-{VEHICLE}")).to_be_visible()
    expect(page.get_by_test_id("api-error")).to_have_count(0)


def test_second_unlock_reuses_key_and_grant(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    vehicle = web.fleet.vehicles[VEHICLE]
    vehicle.rides = False
    unlock(page, web)
    page.get_by_test_id("lock").click()
    expect(page.get_by_test_id("ended")).to_be_visible()
    page.get_by_test_id("another").click()
    unlock(page, web)
    assert len(web.fleet.riders) == 1
    assert len(web.fleet.grants) == 1


def test_phone_forgotten_by_the_server_is_registered_again(
    web: WebServer, visitor: Visitor
) -> None:
    page = visitor.page()
    web.fleet.vehicles["trike-2"].rides = False
    unlock(page, web)
    web.fleet.riders.clear()
    web.fleet.vehicles[VEHICLE].stops_when_asked = True
    page.get_by_test_id("lock").click()
    page.get_by_test_id("another").click()
    page.get_by_test_id("vehicle-trike-2").get_by_role("link").click()
    page.get_by_test_id("unlock").click()
    expect(page.get_by_test_id("lock")).to_be_visible()


def test_private_key_cannot_be_exported(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    unlock(page, web)
    extractable = page.evaluate(
        """async () => {
          const { read } = await import("/static/ui/store.js");
          const { privateKey } = await read("phone-key");
          return privateKey.extractable;
        }"""
    )
    assert extractable is False
