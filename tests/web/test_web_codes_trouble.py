"""Codes that are not on the vehicle, or not yet: only the vehicle's record makes them good."""

import pytest
from codes_page import VEHICLE, PageClock, get_codes, open_codes, opens, shown, stored
from playwright.sync_api import expect
from web_stand import Visitor, WebServer

from protocol import refusal


def test_nothing_is_shown_before_the_vehicle_has_answered(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.vehicles[VEHICLE].holds_answer = True
    open_codes(page, web)
    page.get_by_test_id("codes-get").click()
    expect(page.get_by_test_id("step-answer")).to_have_attribute("data-state", "now")
    assert page.get_by_test_id("digits").count() == 0
    page.reload()
    expect(page.get_by_test_id("step-answer")).to_have_attribute("data-state", "now")
    assert page.get_by_test_id("digits").count() == 0
    web.fleet.vehicles[VEHICLE].holds_answer = False
    expect(page.get_by_test_id("codes-done")).to_be_visible()
    assert len(web.fleet.commands) == 1


def test_codes_that_were_sent_are_shown_with_a_caution_until_a_late_answer(
    web: WebServer, visitor: Visitor
) -> None:
    page = visitor.page()
    web.fleet.vehicles[VEHICLE].holds_answer = True
    open_codes(page, web)
    clock = PageClock(page)
    page.get_by_test_id("codes-get").click()
    expect(page.get_by_test_id("step-answer")).to_have_attribute("data-state", "now")
    clock.jump(25_000)
    expect(page.get_by_test_id("codes-problem")).to_have_attribute("data-name", "no-answer")
    expect(page.get_by_test_id("codes-open")).to_contain_text("not known whether")
    assert len(shown(page)) == 2
    web.fleet.vehicles[VEHICLE].holds_answer = False
    expect(page.get_by_test_id("codes-done")).to_be_visible()


def test_codes_that_were_sent_are_there_without_a_network(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.vehicles[VEHICLE].holds_answer = True
    open_codes(page, web)
    page.get_by_test_id("codes-get").click()
    expect(page.get_by_test_id("step-answer")).to_have_attribute("data-state", "now")
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    web.stop()
    page.reload()
    expect(page.get_by_test_id("codes-problem")).to_have_attribute("data-name", "offline")
    expect(page.get_by_test_id("codes-open")).to_contain_text("not known whether")
    assert len(shown(page)) == 2


def test_a_vehicle_that_cannot_be_reached_has_no_codes_yet(
    web: WebServer, visitor: Visitor
) -> None:
    page = visitor.page()
    vehicle = web.fleet.vehicles[VEHICLE]
    open_codes(page, web)
    vehicle.silent = True
    clock = PageClock(page)
    page.get_by_test_id("codes-get").click()
    expect(page.get_by_test_id("step-wake")).to_have_attribute("data-state", "now")
    clock.jump(50_000)
    problem = page.get_by_test_id("codes-problem")
    expect(problem).to_have_attribute("data-name", "vehicle-silent")
    expect(page.get_by_test_id("codes-open")).to_contain_text("not on the vehicle yet")
    assert page.get_by_test_id("digits").count() == 0
    assert vehicle.deposits == []
    page.reload()
    expect(page.get_by_test_id("codes-open")).to_be_visible()
    vehicle.silent = False
    page.get_by_test_id("codes-again").click()
    expect(page.get_by_test_id("codes-done")).to_be_visible()
    assert len(web.fleet.grants) == 1  # the same codes, under the same grant
    assert all(opens(web, code) for code in shown(page))


@pytest.mark.parametrize(("locale", "words"), [("en", "four permissions"), ("fr", "quatre")])
def test_a_refusal_is_shown_in_words_and_may_be_tried_again(
    web: WebServer, visitor: Visitor, locale: str, words: str
) -> None:
    page = visitor.page(locale)
    web.fleet.vehicles[VEHICLE].refuse_next = [refusal.STATE]
    open_codes(page, web)
    page.get_by_test_id("codes-get").click()
    reason = page.get_by_test_id("codes-reason")
    expect(reason).to_have_attribute("data-code", str(refusal.STATE))
    expect(reason).to_contain_text(words)
    assert page.get_by_test_id("digits").count() == 0
    page.reload()
    expect(reason).to_contain_text(words)
    page.get_by_test_id("codes-again").click()
    expect(page.get_by_test_id("codes-done")).to_be_visible()


def test_a_missed_challenge_is_tried_once_more(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.vehicles[VEHICLE].refuse_next = [refusal.CHALLENGE]
    get_codes(page, web)
    assert len(web.fleet.commands) == 2


def test_codes_go_with_a_grant_that_opens_no_more(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    get_codes(page, web)
    web.fleet.vehicles[VEHICLE].refuse_next = [refusal.REVOKED]
    page.get_by_test_id("codes-back").click()
    page.get_by_test_id("unlock").click()
    expect(page.get_by_test_id("refusal-text")).to_have_attribute("data-code", "12")
    page.get_by_test_id("dismiss").click()
    page.get_by_test_id("codes-link").click()
    expect(page.get_by_test_id("codes-get")).to_be_visible()
    assert stored(page) == []


def test_a_grant_with_other_hashes_is_not_used(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.swap_codes = True
    open_codes(page, web)
    page.get_by_test_id("codes-get").click()
    expect(page.get_by_test_id("codes-failed")).to_contain_text("not for your codes")
    assert web.fleet.commands == {}
    assert stored(page) == []


def test_a_refused_request_says_why(web: WebServer, visitor: Visitor) -> None:
    page = visitor.page()
    web.fleet.grant_refusal = "actions"
    open_codes(page, web)
    page.get_by_test_id("codes-get").click()
    expect(page.get_by_test_id("codes-failed")).to_contain_text("does not allow this action")
